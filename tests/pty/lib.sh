# What the scripts here share: sourced, not run. Sets program, dir (removed at the end) and failed.
# shellcheck shell=bash disable=SC2034
program=${JITTERTOP:?is the path of the program}
failed=0
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

# need TOOL...: or the whole script is skipped
need() {
	local tool
	for tool; do
		command -v "$tool" >/dev/null && continue
		echo "SKIP: ${0##*/}: no $tool here"
		exit 77
	done
}

# expect STATUS WHAT COMMAND...: output in $dir/out and $dir/err
expect() {
	local want=$1 what=$2 status
	shift 2
	"$@" >"$dir/out" 2>"$dir/err" </dev/null
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
