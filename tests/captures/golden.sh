#!/bin/bash
# Own captures (tests/captures/*.tar.gz, made by `jittertop capture`; command line and host words
# replaced by hand) shown by `snapshot --json`, compared with what was looked through and stored beside
# them. After a change on purpose: JT_UPDATE=1 tests/captures/golden.sh, and read the difference in git.
# environment: JITTERTOP, the program; JT_SRCDIR, the top of the sources
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
here=${JT_SRCDIR:-.}/tests/captures
failed=0
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

command -v jq >/dev/null || {
	echo "SKIP: golden: no jq here"
	exit 77
}

for archive in "$here"/*.tar.gz; do
	name=$(basename "$archive" .tar.gz)
	golden=$here/$name.json
	tar -x -f "$archive" -C "$dir" --no-same-owner || failed=1
	# The clock is the only thing that is not in the capture. One entity a line: readable differences.
	"$program" --root "$dir/$name" snapshot --json >"$dir/$name.raw" || {
		echo "FAIL: $name: snapshot ends with $?"
		failed=1
	}
	jq -S -c 'del(.time) | (del(.entities), .entities[])' "$dir/$name.raw" >"$dir/$name.json"
	[ -s "$dir/$name.json" ] || failed=1
	[ -z "${JT_UPDATE:-}" ] || cp "$dir/$name.json" "$golden"
	diff -u "$golden" "$dir/$name.json" || {
		echo "FAIL: $name: the snapshot is another one"
		failed=1
	}
done
exit $failed
