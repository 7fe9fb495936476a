#!/bin/bash
# The whole loop on this machine, as a user sees it, in tmux: first frame, noise on one CPU, an idle interrupt
# moved as a trial, the effect strip with its countdown, taken back by key; then the same with kill -9.
# Prints every screen it looked at, so that its output is the record of the walk.
# usage: walk.sh PATH-OF-JITTERTOP
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
# shellcheck disable=SC2317 # functions are called by trap and by await
set -u
program=${1:?usage: walk.sh PATH-OF-JITTERTOP}
socket=jittertop-walk-$$
failed=0
irq=""
old=""

skip() { echo "SKIP: walk: $*"; exit 77; }
fail() { echo "FAIL: $*"; failed=1; }
t() { tmux -L "$socket" "$@"; }
screen() { echo "--- $1"; t capture-pane -p; }

[ "$(id -u)" -eq 0 ] || skip "needs root to move an interrupt"
# One at a time: others of our tests move the same interrupt.
lock=/tmp/jittertop-tests.lock
[ -n "${JT_TESTS_LOCKED:-}" ] || JT_TESTS_LOCKED=1 exec flock -o "$lock" "$0" "$@"
[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
command -v tmux >/dev/null || skip "no tmux here"
command -v stress-ng >/dev/null || skip "no stress-ng here"

# A CPU this interrupt may be moved to alone, and whose interrupt count does not move meanwhile.
pick_irq()
{
	local dir n before after
	for dir in /sys/kernel/irq/*; do
		n=${dir##*/}
		case $(cat "$dir/actions" 2>/dev/null) in
		*-config | *-inflate | *-deflate) ;;
		*) continue ;;
		esac
		[ "$(cat "/proc/irq/$n/smp_affinity_list" 2>/dev/null)" = "$(cat /sys/devices/system/cpu/online)" ] || continue
		before=$(cat "$dir/per_cpu_count")
		sleep 0.3
		after=$(cat "$dir/per_cpu_count")
		[ "$before" = "$after" ] || continue
		irq=$n
		return 0
	done
	return 1
}

affinity() { cat "/proc/irq/$irq/smp_affinity_list"; }

# await SECONDS COMMAND...: polls until it is true
await()
{
	local tries=$(($1 * 10))
	shift
	while [ "$tries" -gt 0 ]; do
		"$@" && return 0
		sleep 0.1
		tries=$((tries - 1))
	done
	return 1
}
shows() { t capture-pane -p | grep -Eq -- "$1"; }
has_affinity() { [ "$(affinity)" = "$1" ]; }

finish()
{
	t kill-server 2>/dev/null
	# Whatever went wrong above: the interrupt goes back where it was.
	if [ -n "$irq" ] && [ "$(affinity)" != "$old" ]; then
		sleep 2
		[ "$(affinity)" = "$old" ] || echo "$old" >"/proc/irq/$irq/smp_affinity_list"
	fi
}
trap finish EXIT

pick_irq || skip "no idle interrupt here that may go to every CPU"
old=$(affinity)
name=$(cat "/sys/kernel/irq/$irq/actions")
target=${old%%[-,]*}
echo "walk: irq $irq ($name), $old -> $target"

start() { t new-session -d -x 160 -y 50 "LANG=C.UTF-8 TERM=screen-256color exec $program"; }

move_irq()
{
	t send-keys 3
	await 5 shows '^ *irq .*action' || fail "no interrupt table"
	t send-keys / "$name" Enter
	sleep 0.5
	t send-keys a
	await 5 shows "irq_affinity irq:$irq" || fail "no dialog for irq $irq"
	t send-keys C-u "$target" Enter
	await 5 shows "/proc/irq/$irq/smp_affinity_list" || fail "no preview"
	screen "preview: exact file, old and new value"
	t send-keys Enter
	await 5 has_affinity "$target" || fail "affinity is $(affinity), not $target"
	await 5 shows 'trial +[0-9]+ s' || fail "no countdown"
}

start
await 10 shows 'node' || fail "no first frame"
screen "first frame"
await 15 shows 'p99 +[0-9]' || true
stress-ng --quiet --cpu 1 --taskset 1 --timeout 8 &
stress=$!
sleep 5
screen "stress-ng on cpu 1"
shows '^ +1 +\[.*\] +([6-9][0-9]|100)%' || fail "cpu 1 does not show its load"
wait "$stress"

move_irq
sleep 5
screen "trial: strip and countdown"
shows 'effect: irq' || fail "no effect strip"
t send-keys u
await 5 has_affinity "$old" || fail "not taken back by key: $(affinity)"
await 5 shows 'reverted' || fail "the strip does not say reverted"
screen "taken back by key"

# A word picked in the knobs view: the preview only, then dropped.
migration=$(cat /proc/sys/kernel/timer_migration 2>/dev/null)
if [ -n "$migration" ]; then
	t send-keys 8
	await 10 shows 'knob, target' || fail "no knobs view"
	t send-keys '\' timer_migration Enter G ']'
	await 5 shows 'preview: .*timer_migration' || fail "no preview of the next choice"
	screen "preview of the next choice of a knob"
	t send-keys Escape
	await 5 shows 'nothing was written' || fail "the preview was not dropped"
	[ "$(cat /proc/sys/kernel/timer_migration)" = "$migration" ] || fail "timer_migration was written"
	t send-keys Escape
fi

move_irq
pid=$(t list-panes -F '#{pane_pid}')
kill -9 "$pid"
await 5 has_affinity "$old" || fail "not taken back after kill -9: $(affinity)"
echo "--- kill -9 of the program: irq $irq has $(affinity) again"

[ "$failed" -eq 0 ] && echo "PASS: walk"
exit "$failed"
