#!/bin/bash
# The command-line contract of `jittertop set` and `knobs`: one line and an exit status for every refusal, one JSON
# object for every call with --json. Writes nothing: real changes are tests/crash/real.sh.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
failed=0
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

command -v jq >/dev/null || {
	echo "SKIP: set: no jq here"
	exit 77
}

# expect STATUS WHAT ARGUMENT...: output in $dir/out and $dir/err
expect() {
	local want=$1 what=$2 status
	shift 2
	"$program" "$@" >"$dir/out" 2>"$dir/err" </dev/null
	status=$?
	[ $status -eq "$want" ] && return
	echo "FAIL: $what: exit status $status instead of $want"
	cat "$dir/out" "$dir/err"
	failed=1
}

# holds WHAT FILTER: the jq filter is true of $dir/out
holds() {
	jq -e "$2" "$dir/out" >/dev/null && return
	echo "FAIL: $1: not so: $2"
	head -c 2000 "$dir/out"
	failed=1
}

# says WHAT: exactly one line on stderr, from us
says() {
	[ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q '^jittertop: ' "$dir/err" && return
	echo "FAIL: $1: not one line:"
	cat "$dir/err"
	failed=1
}

refused='.version == 1 and .transaction == null and .state == "refused" and (.error | type) == "string"'

for words in 'nonsense=1' 'irq_affinity@irq:999999=0' 'irq_affinity@=0' 'irq_affinity' '--revert-after' '--measure' '--measure 0' '--bogus' \
	'hugepages@node:0/2048kB=abc' 'hugepages@node:0/2048kB=-1' 'hugepages@../../x=1'; do
	# shellcheck disable=SC2086 # words by design
	expect 2 "$words" set --json $words
	holds "$words" "$refused"
	says "$words"
	# The same without JSON prints nothing but the line.
	expect 2 "$words, text" set "$words"
	[ -s "$dir/out" ] && echo "FAIL: $words: output beside the error" && failed=1
done
expect 2 "nothing" set
says "nothing"
expect 2 "both" set 'nonsense=1' --keep --revert-after 3s

expect 0 "knobs" knobs --json
holds "knobs" '.version == 1 and ([.knobs[].name] | contains(["irq_affinity", "hugepages"]))'
holds "targets" '[.knobs[].targets[] | has("key") and has("value") and has("choices") and has("locked")] | all'
target=$(jq -r '[.knobs[] | select(.name == "irq_affinity") | .targets[] | select(.value != null) | .key + "=" + .value][0] // empty' "$dir/out")
if [ -n "$target" ]; then
	expect 0 "already so" set --json "irq_affinity@$target" --dry-run
	holds "already so" '.transaction == null and .steps[0].old == .steps[0].new and .steps[0].error == null'
else
	echo "note: no interrupt whose affinity can be read here"
fi

exit $failed
