#!/bin/bash
# Kills and errors at the system calls of transactions on real kernel objects (crash_driver.c), each of a
# kind that nobody misses: a sysctl and the RPS mask of a veth in a network namespace of our own, two
# huge pages, the affinity of an interrupt that is idle, a cpuset with a process of ours in it, and the
# affinity of a thread of ours. Then all of them in one transaction, and two harnesses that are
# broken on purpose, where it must find something. Everything is put back, however this ends.
#
# usage: objects.sh [--full]: more points of each; without it a few
# environment: JT_BUILDDIR, where tests/crash/crash_* were built
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
# shellcheck disable=SC2317 # functions are called by trap
set -u
build=$(realpath "${JT_BUILDDIR:-.}")/tests/crash

skip() {
	echo "SKIP: crash, real objects: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
[ -x "$build/crash_driver" ] || skip "the driver knows the registers of x86-64 only, this is $(uname -m)"
command -v ip >/dev/null || skip "no ip here"
if [ -z "${JT_CRASH_INSIDE:-}" ]; then
	unshare -n -m true 2>/dev/null || skip "no network namespace of our own here"
	JT_CRASH_INSIDE=1 exec unshare -n -m --propagation private "$0" "$@"
fi

stride=61 all_stride=97 pairs=61
[ "${1:-}" != --full ] || stride=5 all_stride=11 pairs=5
failed=0 points=0 doubles=0 injected=0 lies=0
dir=$(mktemp -d) || exit 99
# Other tests of ours move the same interrupt and count huge pages: taken while one of these two runs.
lock=/tmp/jittertop-tests.lock
group=/jittertop-test-$$
cpuset=/sys/fs/cgroup/cpuset
pages=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
irq='' sleeper='' irq_was='' pages_was=''

finish() {
	[ -z "$sleeper" ] || { kill "$sleeper" && wait "$sleeper"; } 2>/dev/null
	rmdir "$cpuset$group" 2>/dev/null
	[ -z "$irq_was" ] || [ "$(cat "/proc/irq/$irq/smp_affinity_list")" = "$irq_was" ] || echo "$irq_was" >"/proc/irq/$irq/smp_affinity_list"
	[ -z "$pages_was" ] || [ "$(cat $pages)" = "$pages_was" ] || echo "$pages_was" >$pages
	rm -rf "$dir"
}
trap finish EXIT

# The devices of the new namespace, with the control groups of the old /sys.
mkdir "$dir/cgroup"
mount --rbind /sys/fs/cgroup "$dir/cgroup" && mount -t sysfs sysfs /sys && mount --move "$dir/cgroup" /sys/fs/cgroup ||
	skip "no sysfs may be mounted here"

# scene NAME: from standard input, its parts between tabs
scene() { cat >"$dir/$1.scene"; }

# drive NAME STRIDE WHAT [HARNESS]
drive() {
	local name=$1 every=$2 what=$3 harness=${4:-crash_harness} expect=() figures status started=$SECONDS
	[ "$harness" = crash_harness ] || expect=(--expect-bad)
	mkdir "$dir/$name-$harness"
	timeout -k 5 "${JT_CRASH_SECONDS:-500}" "$build/crash_driver" "$build/$harness" "$dir/$name-$harness" --stride "$every" --double-stride $pairs \
		--scene "$dir/$name.scene" "${expect[@]}" >"$dir/log" 2>&1
	status=$?
	figures=$(tail -n 1 "$dir/log")
	if [ $status -eq 0 ]; then
		printf 'ok: %-34s %s (%d s)\n' "$what" "$figures" $((SECONDS - started))
	else
		printf 'FAIL (%d): %s\n' $status "$what"
		tail -n 25 "$dir/log" | sed 's/^/    /'
		failed=1
	fi
	[ "$harness" = crash_harness ] && [[ $figures =~ ^points\ ([0-9]+),\ double\ crashes\ ([0-9]+),\ injected\ ([0-9]+),\ lies\ ([0-9]+) ]] || return
	points=$((points + BASH_REMATCH[1])) doubles=$((doubles + BASH_REMATCH[2]))
	injected=$((injected + BASH_REMATCH[3])) lies=$((lies + BASH_REMATCH[4]))
}

# missing WHAT: named, so that nobody takes it for tested
missing() { echo "note: not tried here: $*"; }

# An interrupt that may go to one CPU alone and does not fire meanwhile: nobody misses it.
pick_irq() {
	local path n before
	for path in /sys/kernel/irq/*; do
		n=${path##*/}
		case $(cat "$path/actions" 2>/dev/null) in *-config | *-inflate | *-deflate) ;; *) continue ;; esac
		before=$(cat "$path/per_cpu_count")
		sleep 0.2
		[ "$before" = "$(cat "$path/per_cpu_count")" ] || continue
		[ "$(cat "/proc/irq/$n/smp_affinity_list")" = "$(cat /sys/devices/system/cpu/online)" ] && echo "$n" && return
	done
}

all=()
# add NAME: its lines are part of the scene of all, too
add() { all+=("$1"); }

fin=/proc/sys/net/ipv4/tcp_fin_timeout
if [ -w $fin ]; then
	old=$(cat $fin)
	printf 'set\ttest_sysctl@host=%s\nvalue\t%s\t%s\t%s\nreset\techo %s >%s\n' $((old + 7)) $fin "$old" $((old + 7)) "$old" $fin | scene sysctl
	add sysctl
	drive sysctl $stride 'sysctl of a namespace'
	drive sysctl 9 'found: a child does the write' crash_harness_orphan
	drive sysctl 1 'found: nothing is read back' crash_harness_unread
else
	missing "a sysctl: /proc/sys cannot be written"
fi

rps=/sys/class/net/va/queues/rx-0/rps_cpus
if ip link add va type veth peer name vb 2>/dev/null && [ -w $rps ]; then
	old=$(cat $rps)
	file=$(realpath $rps)
	new=$(tr '0-9a-f' '0' <<<"$old" | sed 's/.$/1/')
	printf 'set\trps_cpus@queue:va/rx-0=1\nvalue\t%s\t%s\t%s\nreset\techo %s >%s\n' "$file" "$old" "$new" "$old" "$file" | scene rps
	add rps
	drive rps $stride 'RPS mask of a veth'
else
	missing "an RPS mask: no veth, or it has none"
fi

sleep 100000 &
sleeper=$!
online=$(cat /sys/devices/system/cpu/online)
now=$(sed -n 's/^Cpus_allowed_list:[\t ]*//p' /proc/$sleeper/status)
if [ "$now" = "$online" ] && [ "$online" != 0 ]; then
	printf 'set\tthread_affinity@thread:%s/%s=0\nvalue\t/proc/%s/status#Cpus_allowed_list:\t%s\t0\nreset\ttaskset -p -c %s %s >/dev/null\n' \
		$sleeper $sleeper $sleeper "$online" "$online" $sleeper | scene thread
	add thread
	drive thread $stride 'affinity of a thread'
else
	missing "a thread's affinity: one CPU, or a process may not use all of them ($now of $online)"
fi

if [ -w $cpuset/cgroup.procs ] && [ "$(cat /proc/$sleeper/cpuset)" = / ]; then
	# Without a thread of its own: what is pinned above would change with the group.
	printf 'set\ttest_cpuset@cpuset/%s%s=0\nvalue\t%s\t-\t0\nvalue\t%s\t-\t0\nvalue\t/proc/%s/cpuset\t/\t%s\nreset\techo %s >%s/cgroup.procs; rmdir %s\n' \
		$sleeper $group $cpuset$group/cpuset.cpus $cpuset$group/cpuset.mems $sleeper $group $sleeper $cpuset $cpuset$group | scene cpuset
	drive cpuset $stride 'cpuset, made, filled, entered'
else
	missing "a cpuset: no version 1 hierarchy whose root this process is in"
fi

exec 9>$lock
flock 9
irq=$(pick_irq)
if [ -n "$irq" ]; then
	file=/proc/irq/$irq/smp_affinity_list
	irq_was=$(cat "$file")
	printf 'set\tirq_affinity@irq:%s=0\nvalue\t%s\t%s\t0\nreset\techo %s >%s\n' "$irq" "$file" "$irq_was" "$irq_was" "$file" | scene irq
	add irq
	drive irq $stride "affinity of interrupt $irq"
else
	missing "an interrupt's affinity: none is idle and may go anywhere"
fi
flock -u 9

flock 9
if [ -w $pages ]; then
	pages_was=$(cat $pages)
	printf 'set\thugepages@node:0/2048kB=%s\nvalue\t%s\t%s\t%s\nreset\techo %s >%s\n' $((pages_was + 2)) $pages "$pages_was" $((pages_was + 2)) "$pages_was" $pages | scene pages
	add pages
	drive pages $stride 'two huge pages'
else
	missing "huge pages: no 2 MiB pages on node 0"
fi

if [ ${#all[@]} -gt 1 ]; then
	for name in "${all[@]}"; do cat "$dir/$name.scene"; done | awk -F '\t' '
		$1 == "reset" { reset = reset (reset == "" ? "" : "; ") $2; next }
		{ print }
		END { print "reset\t" reset }' | scene all
	drive all $all_stride "${#all[@]} of them in one"
fi
flock -u 9

echo "real objects: points $points, double crashes $doubles, injected $injected, lies $lies"
[ ${#all[@]} -gt 0 ] || skip "none of these objects"
exit $failed
