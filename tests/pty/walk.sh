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

skip() { echo "SKIP: walk: $*"; exit 77; }
fail() { echo "FAIL: $*"; failed=1; }
# shellcheck source=tests/pty/screen.sh
. "${BASH_SOURCE[0]%/*}/screen.sh"

[ "$(id -u)" -eq 0 ] || skip "needs root to move an interrupt"
# One at a time: others of our tests move the same interrupt.
lock=/tmp/jittertop-tests.lock
[ -n "${JT_TESTS_LOCKED:-}" ] || JT_TESTS_LOCKED=1 exec flock -o "$lock" "$0" "$@"
[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
command -v tmux >/dev/null || skip "no tmux here"
command -v stress-ng >/dev/null || skip "no stress-ng here"

finish()
{
	t kill-server 2>/dev/null
	put_irq_back
}
trap finish EXIT

pick_irq || skip "no idle interrupt here that may go to every CPU"
echo "walk: irq $irq ($name), $old -> $target"

start() { t new-session -d -x 160 -y 50 "LANG=C.UTF-8 TERM=screen-256color exec $program"; }

change_irq()
{
	preview_irq
	screen "preview: exact file, old and new value"
	try_irq
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

change_irq
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

change_irq
pid=$(t list-panes -F '#{pane_pid}')
kill -9 "$pid"
await 5 has_affinity "$old" || fail "not taken back after kill -9: $(affinity)"
echo "--- kill -9 of the program: irq $irq has $(affinity) again"

[ "$failed" -eq 0 ] && echo "PASS: walk"
exit "$failed"
