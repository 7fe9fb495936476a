#!/bin/bash
# `jittertop knobs` of captured machines: each knob with at least one row, every row locked with its
# reason, and what is shown of it as looked through and stored beside (NAME.knobs: knob, family, class,
# number of targets, its first two). A knob that has gone, or reads another value, fails; a new one is
# named. After a change on purpose: JT_UPDATE=1 tests/captures/knobs.sh, and read the difference in git.
# environment: JITTERTOP, the program; JT_SRCDIR, the top of the sources; JT_CAPTURES or
# JT_SRCDIR/../shared/captures, the captures
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
here=${JT_SRCDIR:-.}/tests/captures
captures=${JT_CAPTURES:-${JT_SRCDIR:-.}/../shared/captures}/host
failed=0
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL: $*"
	failed=1
}

command -v jq >/dev/null || {
	echo "SKIP: knobs: no jq here"
	exit 77
}

# machine NAME ROOT
machine() {
	local name=$1 root=$2 golden=$here/$1.knobs
	"$program" --root "$root" knobs --json >"$dir/json" || fail "$name: knobs ends with $?"
	jq -e '.version == 1 and (.knobs | length) > 0' "$dir/json" >/dev/null || fail "$name: no knobs"
	jq -r '.knobs[] | select(.targets | length == 0) | .name' "$dir/json" >"$dir/none"
	[ ! -s "$dir/none" ] || fail "$name: without a row: $(tr '\n' ' ' <"$dir/none")"
	jq -r '.knobs[] as $knob | $knob.targets[] | select((.locked // "") == "")
		| $knob.name + "@" + .key' "$dir/json" >"$dir/open"
	[ ! -s "$dir/open" ] || fail "$name: not locked: $(head -3 "$dir/open" | tr '\n' ' ')"
	jq -r '.knobs[] | [.name, .family, .class, (.targets | length)]
		+ (.targets[:2] | map([.key, .value // "?", .choices, .locked] | join(" | "))) | @tsv' \
		"$dir/json" | LC_ALL=C sort >"$dir/now"
	[ -z "${JT_UPDATE:-}" ] || cp "$dir/now" "$golden"
	LC_ALL=C comm -23 "$golden" "$dir/now" >"$dir/missing"
	[ ! -s "$dir/missing" ] || {
		diff -u "$golden" "$dir/now"
		fail "$name: knobs have gone or show something else"
	}
	cut -f 1 "$golden" | LC_ALL=C sort >"$dir/known"
	cut -f 1 "$dir/now" | LC_ALL=C sort | LC_ALL=C comm -13 "$dir/known" - |
		sed "s/^/new, not in $name.knobs: /"
}

tar -x -f "$here/guest-2cpu.tar.gz" -C "$dir" --no-same-owner || fail "guest-2cpu: no capture"
machine guest-2cpu "$dir/guest-2cpu"
archive=$captures/nto-worker2-32cpu.tgz
if [ -e "$archive" ]; then
	mkdir "$dir/worker"
	tar -x -f "$archive" -C "$dir/worker" --no-same-owner || fail "worker: no capture"
	machine nto-worker2-32cpu "$dir/worker"
else
	echo "SKIP: knobs: no shared captures: set JT_CAPTURES"
	[ $failed -ne 0 ] || failed=77
fi
exit $failed
