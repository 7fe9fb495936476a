#!/bin/bash
# Where nothing may be changed (--read-only, --root, --topology, without privilege) every knob is listed all the
# same, with the reason it is locked in words; `set` refuses in words; the dashboard shows the knobs and
# refuses the keys; and neither a guard is started nor its directory made.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
# shellcheck disable=SC2317 # functions are called by trap and by await
set -u
program=$(realpath "${JITTERTOP:?is the path of the program}") || exit 99
failed=0 checks=0 dir='' socket=jittertop-locked-$$
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" LC_ALL=C.UTF-8

skip() { echo "SKIP: locked: $*" && exit 77; }
fail() {
	echo "FAIL: $*"
	failed=1
}
# shellcheck source=tests/pty/screen.sh
. "${BASH_SOURCE[0]%/*}/screen.sh"

[ "$(id -u)" -eq 0 ] || skip "needs root, to compare with"
for tool in tmux jq setpriv unshare; do
	command -v $tool >/dev/null || skip "no $tool here"
done
if [ -z "${JT_LOCKED_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_LOCKED_INSIDE=1 exec unshare -m --propagation private "$0" "$@"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"

finish() {
	t kill-server 2>/dev/null
	rm -rf "$dir"
}
dir=$(mktemp -d) || exit 99
trap finish EXIT
chmod 755 "$dir"
# Where nobody may execute it.
cp "$program" "$dir/jittertop" && program=$dir/jittertop
namespace=$(readlink /proc/self/ns/mnt)

guards() {
	local path
	for path in /proc/[0-9]*; do
		case $(cat "$path/comm" 2>/dev/null) in jt-guard | jt-sleeper) ;; *) continue ;; esac
		[ "$(readlink "$path/ns/mnt")" = "$namespace" ] && echo "${path##*/}"
	done
}
nothing_started() {
	[ -z "$(guards)" ] || fail "$1: a guard runs"
	[ ! -e /run/jittertop ] || fail "$1: /run/jittertop was made"
}

# locked WHAT COMMAND...
locked() {
	local what=$1 open status
	shift
	"$@" knobs --json >"$dir/knobs" 2>"$dir/err" || fail "$what: knobs: $(cat "$dir/err")"
	jq -r '.knobs[].name' "$dir/knobs" | sort >"$dir/names"
	diff "$dir/all-names" "$dir/names" >"$dir/diff" || fail "$what: not every knob is listed: $(cat "$dir/diff")"
	open=$(jq '[.knobs[].targets[] | select(.locked == null or .locked == "")] | length' "$dir/knobs")
	[ "$open" -eq 0 ] || fail "$what: $open targets are not locked"
	"$@" set --json 'swappiness@host=1' >"$dir/out" 2>"$dir/err"
	status=$?
	[ $status -ne 0 ] && jq -e '.state == "refused" and (.error | length > 5)' "$dir/out" >/dev/null ||
		fail "$what: set: status $status: $(cat "$dir/out" "$dir/err")"
	nothing_started "$what"

	t new-session -d -x 160 -y 50 "$(printf '%q ' "$@") --no-measure --no-mouse --view knobs"
	await 20 shows 'F1Help' || fail "$what: no frame"
	await 20 shows 'irq_affinity|thp_enabled|swappiness' || {
		fail "$what: no knobs on the screen"
		screen "$what"
	}
	t send-keys '/' swappiness Enter
	sleep 0.5
	t send-keys e
	await 10 shows 'read.only|root|captured|synthetic|privilege' || {
		fail "$what: a key is not refused in words"
		screen "$what"
	}
	nothing_started "$what, dashboard"
	look | grep -Eio '.*(refused|nothing can be changed|locked|read only).*' | tail -n 1
	t kill-server 2>/dev/null
	sleep 0.2
	nothing_started "$what, after the dashboard"
	checks=$((checks + 1))
}

"$program" --read-only knobs --json | jq -r '.knobs[].name' | sort >"$dir/all-names"
# That list is what a privileged one shows.
"$program" knobs --json | jq -r '.knobs[].name' | sort | diff "$dir/all-names" - || fail "--read-only hides knobs"
"$program" capture "$dir/captured" >/dev/null 2>&1 || fail "capture"
swappiness=$(cat /proc/sys/vm/swappiness)
locked --read-only "$program" --read-only
locked --root "$program" --root "$dir/captured"
locked --topology "$program" --topology 'pack:1 core:2 pu:1'
locked unprivileged setpriv --reuid 65534 --regid 65534 --clear-groups "$program"
[ "$(cat /proc/sys/vm/swappiness)" = "$swappiness" ] || fail "swappiness has changed"

# The test can fail: as root, and allowed to, the guard and its directory are there.
t new-session -d -x 160 -y 50 "$program --no-measure --no-mouse"
await 20 shows 'F1Help' || fail "no frame"
await 10 [ -e /run/jittertop ] || fail "the dashboard that may change things makes no run directory"
[ -n "$(guards)" ] || fail "the dashboard that may change things has no guard"
t send-keys q
echo "$(wc -l <"$dir/all-names") knobs, $checks ways of being locked"
exit $failed
