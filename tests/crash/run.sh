#!/bin/bash
# Kills guard, sleeper and program, one and all, at the system calls of real transactions on a scratch
# host, injects errors, and looks at the host afterwards (crash_driver.c). Then the same with three
# harnesses that are broken on purpose: there it must find something.
#
# usage: run.sh [--full]: every second system call; without it every 19th
# environment: JT_BUILDDIR, where tests/crash/crash_* were built
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
build=${JT_BUILDDIR:-.}/tests/crash
failed=0
every=(--stride 19)
[ "${1:-}" != --full ] || every=(--stride 2 --double-stride 2)

[ -x "$build/crash_driver" ] || {
	echo "SKIP: crash: the driver knows the registers of x86-64 only, this is $(uname -m)"
	exit 77
}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

# drive HARNESS WHAT ARGUMENT...
drive() {
	local harness=$1 what=$2
	shift 2
	mkdir "$dir/$harness"
	if timeout -k 5 "${JT_CRASH_SECONDS:-800}" "$build/crash_driver" "$build/$harness" "$dir/$harness" "$@" >"$dir/$harness.log" 2>&1; then
		echo "ok: $what"
	else
		echo "FAIL ($?): $what"
		failed=1
	fi
	tail -n 25 "$dir/$harness.log" | sed 's/^/    /'
}

drive crash_harness 'no kill and no error leaves the host changed' "${every[@]}"
drive crash_harness_unwritten 'found: the host is written before its undo file' --stride 9 --expect-bad
drive crash_harness_forgotten 'found: the undo file goes before the values are back' --stride 9 --expect-bad
drive crash_harness_orphan 'found: a child does the write' --stride 9 --expect-bad
exit $failed
