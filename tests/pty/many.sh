#!/bin/bash
# A hundred jittertops at once: dashboards, and commands that change something, each another object. One is
# the writer; whatever else is applied goes through it; the others say who it is, and when all
# have ended nothing is left: no value, no undo file, no process. Once beside a dashboard, once with commands
# alone. In namespaces of its own, on the receive queues of a veth.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
# shellcheck disable=SC2317 # functions are called by trap and by await
set -u
program=$(realpath "${JITTERTOP:?is the path of the program}") || exit 99
failed=0 dir='' socket=jittertop-many-$$
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" LC_ALL=C.UTF-8

skip() { echo "SKIP: many: $*" && exit 77; }
fail() {
	echo "FAIL: $*"
	failed=1
}
# shellcheck source=tests/pty/screen.sh
. "${BASH_SOURCE[0]%/*}/screen.sh"

[ "$(id -u)" -eq 0 ] || skip "needs root"
for tool in tmux ip unshare jq; do
	command -v $tool >/dev/null || skip "no $tool here"
done
if [ -z "${JT_MANY_INSIDE:-}" ]; then
	unshare -n -m true 2>/dev/null || skip "no namespaces may be made here"
	JT_MANY_INSIDE=1 exec unshare -n -m --propagation private "$0" "$@"
fi
mount -t tmpfs tmpfs /run && mount -t sysfs sysfs /sys || skip "nothing may be mounted here"
ip link add va numtxqueues 128 numrxqueues 128 type veth peer name vb numtxqueues 128 numrxqueues 128 2>/dev/null || skip "no veth here"
queues=/sys/class/net/va/queues
[ -w $queues/rx-99/rps_cpus ] || skip "no RPS masks here"
namespace=$(readlink /proc/self/ns/mnt)
zero=$(cat $queues/rx-0/rps_cpus)

finish() {
	t kill-server 2>/dev/null
	rm -rf "$dir"
}
dir=$(mktemp -d) || exit 99
trap finish EXIT

# guards: pids of guards in this mount namespace
guards() {
	local path
	for path in /proc/[0-9]*; do
		[ "$(cat "$path/comm" 2>/dev/null)" = jt-guard ] && [ "$(readlink "$path/ns/mnt")" = "$namespace" ] && echo "${path##*/}"
	done
}
no_guards() { [ -z "$(guards)" ]; }
all_ended() { [ "$(find "$dir" -name 'set-*.status' | wc -l)" -eq "$1" ]; }
changed() { for ((q = 0; q < 100; q++)); do [ "$(cat $queues/rx-$q/rps_cpus)" = "$zero" ] || echo $q; done; }

# hundred SETS DASHBOARDS: all wait for the same door
hundred() {
	local sets=$1 dashboards=$2 i pid trials=0 refused=0 writers=0 readers=0 words=' in charge of the knobs'
	rm -f "$dir"/*
	mkfifo "$dir/door"
	for ((i = 0; i < sets; i++)); do
		(
			read -r _ <"$dir/door"
			"$program" set --json "rps_cpus@queue:va/rx-$i=1" --revert-after 120s >"$dir/set-$i.out" 2>"$dir/set-$i.err" </dev/null
			echo $? >"$dir/set-$i.status"
		) &
	done
	for ((i = 0; i < dashboards; i++)); do
		t new-session -d -x 100 -y 30 "read -r _ <$dir/door; exec $program --no-measure --no-mouse"
	done
	sleep 1
	: >"$dir/door"
	await 120 all_ended "$sets" || fail "$sets + $dashboards: not all commands end"
	for ((i = 0; i < sets; i++)); do
		case $(jq -r .state "$dir/set-$i.out") in
		trial)
			trials=$((trials + 1))
			[ "$(cat $queues/rx-$i/rps_cpus)" != "$zero" ] || fail "set $i says trial, the queue has not changed"
			;;
		refused)
			refused=$((refused + 1))
			grep -Eq "\(pid [0-9]+\)|another transaction|too many" "$dir/set-$i.err" || fail "set $i does not say who: $(cat "$dir/set-$i.err")"
			[ "$(cat $queues/rx-$i/rps_cpus)" = "$zero" ] || fail "set $i was refused, the queue has changed"
			;;
		*) fail "set $i: $(cat "$dir/set-$i.out" "$dir/set-$i.err")" ;;
		esac
	done
	if [ "$dashboards" -gt 0 ]; then
		await 60 drawn "$dashboards" || fail "$sets + $dashboards: not all dashboards draw"
		for pid in $(t list-panes -a -F '#{pane_id}'); do
			if t capture-pane -p -t "$pid" | grep -q "(pid [0-9]*) is$words"; then
				readers=$((readers + 1))
			else
				writers=$((writers + 1))
			fi
		done
	fi
	echo "$sets commands, $dashboards dashboards: $trials applied, $refused refused; $writers dashboards may change things, $readers say who may"
	if [ "$writers" -gt 0 ]; then
		[ "$writers" -eq 1 ] && [ "$trials" -eq 0 ] || fail "more than one writer"
	else
		[ "$trials" -gt 0 ] || fail "nobody is the writer"
		[ "$dashboards" -gt 0 ] || [ "$(guards | wc -l)" -eq 1 ] || fail "guards: $(guards | xargs)"
	fi
	t kill-server 2>/dev/null
	"$program" undo --all >"$dir/undo" 2>&1 || [ "$trials" -eq 0 ] || fail "undo --all: $(cat "$dir/undo")"
	await 20 no_guards || fail "guards are left: $(guards | xargs)"
	[ -z "$(changed)" ] || fail "queues are left changed: $(changed | xargs)"
	[ "$(ls /run/jittertop)" = lock ] || fail "left in the run directory: $(echo /run/jittertop/*)"
}
drawn() { [ "$(for p in $(t list-panes -a -F '#{pane_id}'); do t capture-pane -p -t "$p" | grep -q 'F1Help' && echo; done | wc -l)" -ge "$1" ]; }

# With sanitizers each takes many times the memory.
if [ -n "${JT_SAN:-}" ]; then
	hundred 30 10
	hundred 40 0
else
	hundred 80 20
	hundred 100 0
fi
exit $failed
