#!/bin/bash
# The command-line contract of `jittertop set` and `knobs`: one line and an exit status for every refusal, one JSON
# object for every call with --json. Writes nothing: real changes are tests/crash/real.sh.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
# shellcheck source=tests/pty/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
need jq

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
	expect 2 "$words" "$program" set --json $words
	holds "$words" "$refused"
	says "$words"
	# The same without JSON prints nothing but the line.
	expect 2 "$words, text" "$program" set "$words"
	[ -s "$dir/out" ] && echo "FAIL: $words: output beside the error" && failed=1
done
expect 2 "nothing" "$program" set
says "nothing"
expect 2 "both" "$program" set 'nonsense=1' --keep --revert-after 3s

expect 0 "knobs" "$program" knobs --json
holds "knobs" '.version == 1 and ([.knobs[].name] | contains(["irq_affinity", "hugepages"]))'
holds "targets" '[.knobs[].targets[] | has("key") and has("value") and has("choices") and has("locked")] | all'
target=$(jq -r '[.knobs[] | select(.name == "irq_affinity") | .targets[] | select(.value != null) | .key + "=" + .value][0] // empty' "$dir/out")
if [ -n "$target" ]; then
	expect 0 "already so" "$program" set --json "irq_affinity@$target" --dry-run
	holds "already so" '.transaction == null and .steps[0].old == .steps[0].new and .steps[0].error == null'
else
	echo "note: no interrupt whose affinity can be read here"
fi

exit $failed
