#!/bin/bash
# The command-line contract of `jittertop probe`: JSON shape, exit statuses, ^C, no privilege.
# Figures are checked against each other, never against a speed.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
# shellcheck source=tests/pty/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
need jq

cpu=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')

expect 0 "one CPU" "$program" probe -c "$cpu" -D 500ms -i 1ms --json
holds "top" '.version == 1 and .engine == "wakeup" and .interval_ns == 1000000 and .duration_ns >= 500000000'
holds "policy" '(.policy == "fifo" and .priority == 2) or (.policy == "other" and .priority == 0)'
holds "confounders" '.confounders | (.load_1 | type == "number" or . == null) and .cpu_dma_latency_held_by_engine == false'
holds "the CPU" "(.cpus | length) == 1 and .cpus[0].cpu == $cpu"
holds "too few samples for p99.99" '.cpus[0].p99_99_ns == null'
holds "order" '.cpus[0] | .min_ns <= .p50_ns and .p50_ns <= .max_ns and .samples > 20'
holds "nothing is lost" '.cpus[0] | ([.histogram[].count] | add) == .samples'
holds "buckets in order" '[.cpus[0].histogram[] | .from_ns, .to_ns] | . == sort'
holds "ends of the histogram" '.cpus[0] | .histogram[0].from_ns <= .min_ns and .max_ns < .histogram[-1].to_ns'

expect 0 "every CPU" "$program" probe -D 100ms --json
holds "every CPU" "(.cpus | length) == $(nproc)"
expect 0 "text" "$program" probe -D 100ms
grep -q 'p99\.99' "$dir/out" || { echo "FAIL: no table"; failed=1; }
expect 0 "an ordinary task" "$program" probe -c "$cpu" -D 100ms -p 0 --json
holds "an ordinary task" '.policy == "other" and .priority == 0 and .cpus[0].error == null'

expect 3 "threshold" "$program" probe -c "$cpu" -D 100ms --fail-above 1ns
expect 0 "threshold kept" "$program" probe -c "$cpu" -D 100ms --fail-above 1h
expect 1 "no such CPU" "$program" probe -c 8000 -D 100ms
expect 1 "one CPU of two" "$program" probe -c "$cpu,8000" -D 100ms --json
holds "one CPU of two" '.cpus[1].cpu == 8000 and .cpus[1].samples == 0 and (.cpus[1].error | type) == "string"'
for bad in '-c' '-c x' '-D x' '-i 1us' '-i 2s' '-p 100' '-p x' '--engine x' '--policy x' '--policy other -p 5' '--spin 1ms' '--threshold x' '--nothing' 'word' '--fail-above x'; do
	# shellcheck disable=SC2086 # words by design
	expect 2 "probe $bad" "$program" probe $bad
	[ "$(wc -l <"$dir/err")" -eq 1 ] || { echo "FAIL: probe $bad: not one line of error"; failed=1; }
done

expect 2 "an unknown letter before others" "$program" probe -xD
grep -q -- ': -x is no option' "$dir/err" || { echo "FAIL: -xD: does not name the letter"; failed=1; }
"$program" probe -c "$cpu" -D 10ms >&- 2>"$dir/err"
status=$?
[ $status -eq 1 ] || { echo "FAIL: closed output: exit status $status instead of 1"; failed=1; }
grep -q 'output: cannot write' "$dir/err" || { echo "FAIL: closed output: does not say so"; failed=1; }

# ^C ends it early and prints what there is.
expect 0 "^C" timeout --preserve-status -s INT 2 "$program" probe -c "$cpu" -D 1h --json
holds "^C" '.cpus[0].samples > 0'
grep -q 'ended after .* s of 3600 s (SIGINT)' "$dir/err" || { echo "FAIL: ^C: does not say that it ended early"; failed=1; }
for signal in TERM HUP; do
	expect 1 "SIG$signal" timeout --preserve-status -s $signal 2 "$program" probe -c "$cpu" -D 1h --json --fail-above 1h
	holds "SIG$signal" '.cpus[0].samples > 0'
	grep -q "ended after .* s of 3600 s (SIG$signal)" "$dir/err" || { echo "FAIL: SIG$signal: does not say so"; failed=1; }
done
expect 3 "SIGTERM above the threshold" timeout --preserve-status -s TERM 2 "$program" probe -c "$cpu" -D 1h --fail-above 1ns
expect 0 "a hangup under nohup" timeout --preserve-status -s HUP 2 nohup "$program" probe -c "$cpu" -D 4s

# What confounds.
expect 0 "confounders" "$program" probe -c "$cpu" -D 100ms --json
holds "confounders" '.confounders | (.preemption | type) == "string" and (.cpus | length) == 1 and (.cpu_dma_latency_holders | type == "array" or . == null)'
holds "the CPU of the confounders" ".confounders.cpus[0].cpu == $cpu"

# A polling engine, only on CPUs that are named.
expect 0 "spin" "$program" probe -c "$cpu" -D 300ms --engine spin --spin 1ms -i 10ms --threshold 2us --json
holds "spin" '.engine == "spin" and .spin_ns == 1000000 and .threshold_ns == 2000 and .interval_ns == 10000000'
holds "noise" '.cpus[0] | .spun_ns > 0 and .noise_ns <= .spun_ns and .noise_share >= 0 and .noise_share <= 1'
expect 1 "spin on no CPU in particular" "$program" probe -D 100ms --engine spin
grep -q -- '-c' "$dir/err" || { echo "FAIL: spin: does not say that it wants -c"; failed=1; }

# The references: one JSON form for all.
if [ "$(id -u)" -eq 0 ] && [ -x /usr/bin/cyclictest ]; then
	expect 0 "cyclictest" "$program" probe -c "$cpu" -D 1s --engine cyclictest --json
	holds "cyclictest" '.engine == "cyclictest" and .policy == "fifo" and .priority == 2 and (.reference.command | startswith("/usr/bin/cyclictest ")) and (.reference.command | contains("--default-system"))'
	holds "its samples" '.cpus[0] | .samples > 10 and ([.histogram[].count] | add) == .samples and .min_ns <= .p50_ns and .p50_ns <= .max_ns and .overruns == null'
	expect 3 "cyclictest above a threshold" "$program" probe -c "$cpu" -D 1s --engine cyclictest --fail-above 1ns
	expect 0 "cyclictest as an ordinary task" "$program" probe -c "$cpu" -D 1s --engine cyclictest -p 0 --json
	holds "cyclictest as an ordinary task" '.policy == "other"'
	expect 0 "cyclictest and ^C" timeout --preserve-status -s INT 5 "$program" probe -c "$cpu" -D 1h --engine cyclictest --json
	holds "cyclictest and ^C" '.cpus[0].samples > 0'
	expect 0 "oslat" "$program" probe -c "$cpu" -D 1s --engine oslat --json
	holds "oslat" '.engine == "oslat" and .policy == "other" and .interval_ns == null and .cpus[0].samples > 1000'
	expect 1 "oslat on every CPU" "$program" probe -c "0-$(($(nproc --all) - 1))" -D 1s --engine oslat -p 1
	grep -qE 'leave out a CPU|not all of these' "$dir/err" || { echo "FAIL: oslat: does not say why not"; failed=1; }

	# The child does not outlive a program that had no time to end it. exec: its parent is known.
	"$program" probe -c "$cpu" -D 1h --engine cyclictest >/dev/null 2>&1 &
	parent=$!
	child=
	for _ in $(seq 300); do
		child=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null)
		[ -n "$child" ] && [ "$(cat "/proc/${child%% *}/comm" 2>/dev/null)" = cyclictest ] && break
		sleep 0.1
	done
	child=${child%% *}
	[ -n "$child" ] || { echo "FAIL: no cyclictest was started"; failed=1; }
	kill -9 "$parent"
	wait "$parent" 2>/dev/null
	for _ in $(seq 300); do
		grep -q cyclictest "/proc/$child/comm" 2>/dev/null || break
		sleep 0.1
	done
	! grep -q cyclictest "/proc/$child/comm" 2>/dev/null || { echo "FAIL: cyclictest $child outlives the program"; failed=1; }
else
	echo "not run: cyclictest and oslat (need root and rt-tests)"
fi
expect 1 "oslat on no CPU in particular" "$program" probe -D 1s --engine oslat
if ! grep -qw timerlat /sys/kernel/tracing/available_tracers 2>/dev/null; then
	expect 1 "timerlat that is not there" "$program" probe -c "$cpu" -D 1s --engine timerlat
	grep -qE 'tracefs|timerlat tracer|only root' "$dir/err" || { echo "FAIL: timerlat: does not say what is missing"; failed=1; }
fi

# On a terminal: one line of progress that is erased at the end; the result is not in it.
if command -v script >/dev/null; then
	script -qec "$program probe -c $cpu -D 3s >$dir/table" "$dir/typed" </dev/null >/dev/null 2>&1
	tr '\r' '\n' <"$dir/typed" >"$dir/lines"
	grep -qE '^wakeup: [0-9]+ s left, worst so far .* on cpu '"$cpu" "$dir/lines" || { echo "FAIL: no progress on a terminal"; cat -v "$dir/typed"; failed=1; }
	# grep counts what was redrawn: once a second.
	n=$(grep -c 'left' "$dir/lines")
	[ "$n" -ge 2 ] && [ "$n" -le 5 ] || { echo "FAIL: the progress line was drawn $n times in 3 s"; failed=1; }
	tail -n +1 "$dir/lines" | grep -v '^Script' | grep -v '^$' | tail -1 | grep -q '^ *$' || { echo "FAIL: the progress line is not erased"; cat -v "$dir/typed"; failed=1; }
	grep -q 'p99\.99' "$dir/table" || { echo "FAIL: the table is not on standard output"; failed=1; }
	[ "$(grep -v '^run: ' "$dir/table" | wc -L)" -le 80 ] || { echo "FAIL: wider than 80 columns"; cat "$dir/table"; failed=1; }
	# ^C by key, through the terminal.
	{ sleep 2; printf '\003'; sleep 2; } | timeout 30 script -qec "$program probe -c $cpu -D 1h >$dir/table" "$dir/typed" >/dev/null 2>&1
	grep -q 'ended after .* s of 3600 s (SIGINT)' "$dir/typed" || { echo "FAIL: ^C in a terminal: does not say so"; cat -v "$dir/typed"; failed=1; }
	grep -q 'p99\.99' "$dir/table" || { echo "FAIL: ^C in a terminal: no table"; failed=1; }
fi

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
	# A copy: the build folder may be closed to others.
	chmod 755 "$dir" && install -m 755 "$program" "$dir/program"
	expect 0 "without privilege" prlimit --rtprio=0:0 setpriv --reuid 65534 --regid 65534 --clear-groups \
		--bounding-set -all --inh-caps -all "$dir/program" probe -c "$cpu" -D 100ms --json
	holds "without privilege" '.policy == "other" and (.cpus[0].error | type) == "string"'
	grep -q SCHED_OTHER "$dir/err" || { echo "FAIL: does not say that it runs as SCHED_OTHER"; failed=1; }
else
	echo "not run: without privilege (needs root and setpriv)"
fi
exit $failed
