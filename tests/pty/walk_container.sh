#!/bin/bash
# A noisy container, as a user sees it, in tmux: a control group with stress-ng on every CPU is found in the
# container view, kept off one CPU by the topology dialog, preview, trial and countdown, and kept; that change
# outlives the dashboard and is taken back by hand. Then the same again, and kill -9: taken back at once.
# Prints every screen it looked at, so that its output is the record of the walk.
# usage: walk_container.sh PATH-OF-JITTERTOP
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
# shellcheck disable=SC2317 # functions are called by trap and by await
set -u
program=$(realpath "${1:?usage: walk_container.sh PATH-OF-JITTERTOP}") || exit 99
socket=jittertop-walk-$$
failed=0 noise='' group=/jittertop-walk-$$ trees=() file=''

skip() { echo "SKIP: walk, container: $*" && exit 77; }
fail() {
	echo "FAIL: $*"
	failed=1
}
# shellcheck source=tests/pty/screen.sh
. "${BASH_SOURCE[0]%/*}/screen.sh"

[ "$(id -u)" -eq 0 ] || skip "needs root"
[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
for tool in tmux stress-ng unshare; do
	command -v $tool >/dev/null || skip "no $tool here"
done
if [ -z "${JT_WALK_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_WALK_INSIDE=1 exec unshare -m --propagation private "$0" "$@"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"

# As an engine makes them: one group, in every hierarchy of version 1 or in version 2.
make_group() {
	local tree
	if [ -w /sys/fs/cgroup/cpuset/cgroup.procs ]; then
		for tree in cpuset cpu cpuacct memory; do
			[ -w /sys/fs/cgroup/$tree/cgroup.procs ] && trees+=("/sys/fs/cgroup/$tree$group")
		done
	elif grep -qw cpuset /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; then
		trees=("/sys/fs/cgroup$group")
	else
		return 1
	fi
	for tree in "${trees[@]}"; do mkdir -p "$tree" || return 1; done
	file=${trees[0]}/cpuset.cpus
	old=$(cat /sys/devices/system/cpu/online)
	echo "$old" >"$file" && cat /sys/devices/system/node/has_memory >"${trees[0]}/cpuset.mems"
}

finish() {
	local tree
	t kill-server 2>/dev/null
	[ -z "$noise" ] || { kill "$noise" && wait "$noise"; } 2>/dev/null
	for tree in "${trees[@]}"; do await 5 rmdir "$tree" 2>/dev/null; done
}
trap finish EXIT
make_group || skip "no control group with CPUs of its own may be made here"
target=${old%%[-,]*}
has_cpus() { [ "$(cat "$file")" = "$1" ]; }

(
	for tree in "${trees[@]}"; do echo $BASHPID >"$tree/cgroup.procs"; done
	exec stress-ng --quiet --cpu "$(nproc)" --timeout 120
) &
noise=$!
await 5 grep -q stress-ng "/proc/$noise/comm" || fail "no noise"

start() {
	t new-session -d -x 160 -y 50 "LANG=C.UTF-8 TERM=screen-256color exec $program --no-mouse --view container"
	await 20 shows "${group#/}" || fail "the container view does not show it"
	t send-keys / "${group#/}" Enter
	sleep 1
}
move_off() {
	t send-keys a
	await 10 shows 'machine +[0-9]+ of' || fail "no topology dialog"
	screen "$1: the CPUs it may use"
	t send-keys C-u "$target" Enter
	await 10 shows 'apply as a trial' || fail "no preview"
	screen "$1: preview"
	has_cpus "$old" || fail "changed before it was asked for: $(cat "$file")"
	t send-keys Enter
	await 10 has_cpus "$target" || fail "the group may use $(cat "$file"), not $target"
	await 10 shows 'trial +[0-9]+ s' || fail "no countdown"
}

start
sleep 5
screen "a noisy container on every CPU"
move_off "first"
sleep 5
screen "first: trial with its countdown and what it did so far"
t send-keys c
await 10 shows 'kept' || fail "not kept"
screen "first: kept"
t send-keys q
await 10 [ -z "$(t list-panes 2>/dev/null)" ]
t kill-server 2>/dev/null
sleep 1
has_cpus "$target" || fail "kept, yet the group may use $(cat "$file") after the end"
echo "--- jittertop status" && "$program" status
echo "--- jittertop undo" && "$program" undo
has_cpus "$old" || fail "undo: the group may use $(cat "$file"), not $old"

start
move_off "again"
pid=$(t list-panes -F '#{pane_pid}')
kill -9 "$pid"
await 5 has_cpus "$old" || fail "not taken back after kill -9: $(cat "$file")"
echo "--- kill -9 of the program: the group may use $(cat "$file") again"
await 10 eval '! ls /run/jittertop/trial-* 2>/dev/null'
echo "--- jittertop status" && "$program" status
[ "$failed" -eq 0 ] && echo "PASS: walk, container"
exit "$failed"
