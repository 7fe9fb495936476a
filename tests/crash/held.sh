#!/bin/bash
# What the guard holds open (PM QoS, /dev/cpu_dma_latency) is in force as long as the trial, is seen by
# `jittertop status` and `knobs`, cannot be kept, and is let go of by undo, by the deadline, and by kill -9
# of the guard, of the sleeper and of both. In a mount namespace with a /run of its own.
#
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}

skip() {
	echo "SKIP: held latency: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
[ -c /dev/cpu_dma_latency ] || skip "no /dev/cpu_dma_latency here"
if [ -z "${JT_HELD_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_HELD_INSIDE=1 exec unshare -m --propagation private "$0"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"

failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
namespace=$(readlink /proc/self/ns/mnt)

in_force() { od -An -td4 -N4 /dev/cpu_dma_latency | tr -d ' '; }
before=$(in_force)
[ "$before" -gt 1000 ] || skip "somebody holds $before us already"
wish=$((before > 1000000 ? 1000000 : before - 1)) # harmless: no idle state takes a second

# processes COMM: pids of that name in this mount namespace, so of this script only
processes() {
	local dir
	for dir in /proc/[0-9]*; do
		[ "$(cat "$dir/comm" 2>/dev/null)" = "$1" ] &&
			[ "$(readlink "$dir/ns/mnt" 2>/dev/null)" = "$namespace" ] && echo "${dir##*/}"
	done
}

# until_true COMMAND...: up to 10 s
until_true() {
	local i
	for ((i = 0; i < 100; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}
is_free() { [ "$(in_force)" = "$before" ]; }
is_idle() { [ -z "$(processes jt-guard)$(processes jt-sleeper)" ]; }

check() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@"; then
		echo "ok: $what"
	else
		echo "FAIL: $what: $(in_force) us is in force: $(cat "$out")"
		failed=1
	fi
}

hold() { # OPTION...
	"$program" set "cpu_latency@host=$wish" "$@" >"$out" 2>&1 && [ "$(in_force)" = "$wish" ]
}

for way in undo guard sleeper both; do
	check "held until $way" hold --revert-after 60s
	guard=$(processes jt-guard) sleeper=$(processes jt-sleeper)
	case $way in
	undo)
		"$program" status >"$out" 2>&1
		check "status shows it" grep -q "cpu_dma_latency held open.*-> $wish" "$out"
		"$program" knobs cpu_latency >"$out" 2>&1
		check "knobs shows what is in force" grep -q "cpu_latency@host = $wish" "$out"
		if "$program" set "cpu_latency@host=$wish" >"$out" 2>&1; then
			echo "FAIL: a second holder of the same would change nothing"
			failed=1
		fi
		check "a second one names the holder" grep -q "held by jt-guard (pid $guard)" "$out"
		"$program" undo --all >"$out" 2>&1
		check "undo reports success" [ $? = 0 ]
		;;
	guard) kill -9 "$guard" ;;
	sleeper) kill -9 "$sleeper" ;;
	both) kill -9 "$guard" "$sleeper" ;;
	esac
	check "let go of: $way" until_true is_free
	until_true is_idle
	"$program" restore >"$out" 2>&1
	check "nothing is left to complain of: $way" [ $? = 0 ]
done
check "held until the deadline" hold --revert-after 1s
check "let go of: deadline" until_true is_free
until_true is_idle
if "$program" set "cpu_latency@host=$wish" --keep >"$out" 2>&1; then
	echo "FAIL: what ends with the guard was kept"
	failed=1
fi
check "keeping is refused in words" grep -q "lasts only as long" "$out"
check "let go of: not kept" until_true is_free
exit $failed
