#!/bin/bash
# The promise on this machine's own knobs: an idle interrupt's affinity and the huge pages of a node are
# changed as a trial and come back by undo, by deadline, and by kill -9 of the guard, of the sleeper, and
# of both followed by restore. In a mount namespace with a /run of its own, so that no other
# jittertop is in the way, or is met.
#
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}

skip() {
	echo "SKIP: real knobs: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
# One at a time: others of our tests move the same interrupt.
lock=/tmp/jittertop-tests.lock
[ -n "${JT_TESTS_LOCKED:-}" ] || JT_TESTS_LOCKED=1 exec flock -o "$lock" "$0" "$@"
if [ -z "${JT_REAL_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_REAL_INSIDE=1 exec unshare -m --propagation private "$0"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"

failed=0 tried=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
namespace=$(readlink /proc/self/ns/mnt)

# processes COMM: pids of that name in this mount namespace, so of this script only
processes() {
	local dir
	for dir in /proc/[0-9]*; do
		[ "$(cat "$dir/comm" 2>/dev/null)" = "$1" ] &&
			[ "$(readlink "$dir/ns/mnt" 2>/dev/null)" = "$namespace" ] && echo "${dir##*/}"
	done
}

# An interrupt that may go to one CPU alone and does not fire meanwhile: nobody misses it.
pick_irq() {
	local dir n before
	for dir in /sys/kernel/irq/*; do
		n=${dir##*/}
		case $(cat "$dir/actions" 2>/dev/null) in *-config | *-inflate | *-deflate) ;; *) continue ;; esac
		before=$(cat "$dir/per_cpu_count")
		sleep 0.2
		[ "$before" = "$(cat "$dir/per_cpu_count")" ] || continue
		[ "$(cat "/proc/irq/$n/smp_affinity_list")" != 0 ] && echo "$n" && return
	done
}

# until_value FILE VALUE: up to 10 s
until_value() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(cat "$1")" = "$2" ] && return 0
		sleep 0.1
	done
	return 1
}

# case_of WAY FILE OLD NEW ASSIGNMENT
case_of() {
	local way=$1 file=$2 old=$3 new=$4 assignment=$5 options=(--revert-after 60s) guard sleeper
	[ "$way" != deadline ] || options=(--revert-after 1s)
	[ "$way" != keep ] || options=(--keep)
	[ "$way" != measure ] || options=(--measure 500ms --json)
	tried=$((tried + 1))
	if ! "$program" set "$assignment" "${options[@]}" >"$out" 2>&1 || { [ "$way" != deadline ] && [ "$(cat "$file")" != "$new" ]; }; then
		echo "FAIL: $assignment ($way): not applied: $(cat "$file") instead of $new: $(cat "$out")"
		failed=$((failed + 1))
		"$program" undo --all >/dev/null 2>&1
		return
	fi
	guard=$(processes jt-guard) sleeper=$(processes jt-sleeper)
	case $way in
	undo | keep) "$program" undo --all >"$out" 2>&1 ;;
	measure)
		# Both windows hold samples, about as many as milliseconds passed, and the figures fit each other.
		if ! jq -e '.state == "trial" and .effect.verdict == "not judged" and ([.effect.before, .effect.after]
			| map(.samples > 100 and .covered_ns >= 500000000 and .max_ns >= .p50_ns) | all)' "$out" >/dev/null; then
			echo "FAIL: $assignment ($way): $(cat "$out")"
			failed=$((failed + 1))
		fi
		"$program" undo --all >"$out" 2>&1
		;;
	deadline) ;;
	guard) kill -9 "$guard" ;;
	sleeper) kill -9 "$sleeper" ;;
	all)
		# Stopped first, so that none sees the other's end.
		kill -STOP "$guard" "$sleeper"
		kill -9 "$guard" "$sleeper"
		sleep 0.2
		[ "$(cat "$file")" = "$new" ] || echo "note: $assignment: the value was back before restore"
		"$program" restore >"$out" 2>&1
		;;
	esac
	if until_value "$file" "$old"; then
		echo "ok: $assignment: $old -> $new, back by $way"
	else
		echo "FAIL: $assignment ($way): $(cat "$file") instead of $old: $(cat "$out")"
		failed=$((failed + 1))
		echo "$old" >"$file"
	fi
	for ((i = 0; i < 50; i++)); do
		[ -z "$(processes jt-guard)$(processes jt-sleeper)" ] && break
		sleep 0.1
	done
	[ "$i" -lt 50 ] || {
		echo "FAIL: $assignment ($way): guard or sleeper are still there"
		failed=$((failed + 1))
	}
}

irq=$(pick_irq)
pages=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
for way in undo keep measure deadline guard sleeper all; do
	if [ -n "$irq" ]; then
		file=/proc/irq/$irq/smp_affinity_list
		case_of $way "$file" "$(cat "$file")" 0 "irq_affinity@irq:$irq=0"
	fi
	if [ -w $pages ]; then
		old=$(cat $pages)
		case_of $way $pages "$old" $((old + 2)) "hugepages@node:0/2048kB=$((old + 2))"
	fi
done
[ -n "$irq" ] || echo "note: no idle interrupt to move here"
[ -w $pages ] || echo "note: no 2 MiB pages on node 0 here"
[ $tried -gt 0 ] || skip "neither an idle interrupt nor huge pages here"
echo "$tried transactions on real knobs, $failed failed"
[ $failed -eq 0 ]
