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
holds "confounders" '.confounders | (.load_1 | type == "number" or . == null) and .cpu_dma_latency_held == false'
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
for bad in '-c' '-c x' '-D x' '-i 1us' '-i 2s' '-p 100' '-p x' '--engine x' '--engine oslat' '--nothing' 'word' '--fail-above x'; do
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
expect 0 "^C" timeout --preserve-status -s INT 1 "$program" probe -c "$cpu" -D 1h --json
holds "^C" '.cpus[0].samples > 0'
grep -q 'ended after .* s of 3600 s (SIGINT)' "$dir/err" || { echo "FAIL: ^C: does not say that it ended early"; failed=1; }
for signal in TERM HUP; do
	expect 1 "SIG$signal" timeout --preserve-status -s $signal 0.5 "$program" probe -c "$cpu" -D 1h --json --fail-above 1h
	holds "SIG$signal" '.cpus[0].samples > 0'
	grep -q "ended after .* s of 3600 s (SIG$signal)" "$dir/err" || { echo "FAIL: SIG$signal: does not say so"; failed=1; }
done
expect 3 "SIGTERM above the threshold" timeout --preserve-status -s TERM 0.5 "$program" probe -c "$cpu" -D 1h --fail-above 1ns
expect 0 "a hangup under nohup" timeout --preserve-status -s HUP 0.2 nohup "$program" probe -c "$cpu" -D 500ms

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
