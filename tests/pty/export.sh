#!/bin/bash
# `jittertop export`: two kept changes of this machine (an idle interrupt, two huge pages) as a script,
# a unit, a tuned profile, words for the kernel command line and JSON. The script is run: it must set
# the same values and take them back. In a mount namespace with a /run of its own.
#
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
# shellcheck source=tests/pty/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
need jq shellcheck

skip() {
	echo "SKIP: export: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
# One at a time: others of our tests move the same interrupt.
lock=/tmp/jittertop-tests.lock
[ -n "${JT_TESTS_LOCKED:-}" ] || JT_TESTS_LOCKED=1 exec flock -o "$lock" "$0" "$@"
if [ -z "${JT_EXPORT_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_EXPORT_INSIDE=1 exec unshare -m --propagation private "$0"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"

check() { # WHAT COMMAND...
	local what=$1
	shift
	"$@" >"$dir/check" 2>&1 && return
	echo "FAIL: $what"
	cat "$dir/check"
	failed=1
}

expect 1 "nothing to export" "$program" export
expect 0 "nothing, as JSON" "$program" export --format json
holds "nothing, as JSON" '.version == 1 and .steps == []'
expect 2 "no such format" "$program" export --format nonsense
expect 2 "no such word" "$program" export nonsense

pages=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
[ -w $pages ] || skip "no 2 MiB pages on node 0"
old_pages=$(cat $pages)
new_pages=$((old_pages + 2))
irq=''
for at in /sys/kernel/irq/*; do
	n=${at##*/}
	case $(cat "$at/actions" 2>/dev/null) in *-config | *-inflate | *-deflate) ;; *) continue ;; esac
	[ "$(cat "/proc/irq/$n/smp_affinity_list")" != 0 ] && irq=$n && break
done
[ -n "$irq" ] || skip "no idle interrupt"
affinity=/proc/irq/$irq/smp_affinity_list
old_affinity=$(cat "$affinity")
trap 'echo "$old_pages" >$pages; echo "$old_affinity" >"$affinity"; rm -rf "$dir"' EXIT

expect 0 "set" "$program" set "hugepages@node:0/2048kB=$new_pages" "irq_affinity@irq:$irq=0" --keep

# values IRQ PAGES WHAT: what the machine shows
values() {
	[ "$(cat "$affinity") $(cat $pages)" = "$1 $2" ] && return
	echo "FAIL: $3: $(cat "$affinity") $(cat $pages), not $1 $2"
	failed=1
}
values 0 $new_pages "set"

expect 0 "sh" "$program" export
cp "$dir/out" "$dir/settings.sh"
check "shellcheck" shellcheck -s sh "$dir/settings.sh"
check "dash reads it" dash -n "$dir/settings.sh"
expect 0 "systemd" "$program" export --format systemd
cp "$dir/out" "$dir/jittertop-settings.service"
if command -v systemd-analyze >/dev/null; then
	check "systemd-analyze" systemd-analyze verify "$dir/jittertop-settings.service"
	[ ! -s "$dir/check" ] || { echo "FAIL: systemd-analyze says: $(cat "$dir/check")" && failed=1; }
else
	echo "note: no systemd-analyze here"
fi
expect 0 "tuned" "$program" export --format=tuned
check "tuned" grep -qx "$pages=$new_pages" "$dir/out"
check "tuned's script" grep -qx "script=\${i:PROFILE_DIR}/script.sh" "$dir/out"
expect 0 "cmdline" "$program" export --format cmdline
check "cmdline" grep -qx "hugepagesz=2M hugepages=0:$new_pages" "$dir/out"
check "what has no word" grep -q "irq_affinity irq:$irq" "$dir/err"
expect 0 "json" "$program" export --format json
holds "json" "([.steps[] | [.object, .old, .new]] | sort) == ([[\"irq:$irq\", \"$old_affinity\", \"0\"],
	[\"node:0/2048kB\", \"$old_pages\", \"$new_pages\"]] | sort)"

expect 0 "undo all" "$program" undo --all
values "$old_affinity" "$old_pages" "undone by jittertop"

expect 0 "the script applies" sh "$dir/settings.sh" apply
values 0 $new_pages "by the script"
expect 0 "the script takes back" sh "$dir/settings.sh" undo
values "$old_affinity" "$old_pages" "taken back by the script"
# What the unit would run, without systemd: its ExecStart= and ExecStop= lines as words of a shell.
for key in ExecStart ExecStop; do
	sed -n "s/^$key=//p" "$dir/jittertop-settings.service" | sed 's/%%/%/g; s/\$\$/$/g' >"$dir/lines"
	check "the unit's $key" sh -e "$dir/lines"
	[ $key = ExecStop ] || values 0 $new_pages "by the unit"
done
values "$old_affinity" "$old_pages" "taken back by the unit"
# Somebody else's value is left alone, and said.
sh "$dir/settings.sh" apply
echo $((new_pages + 1)) >$pages
expect 1 "foreign value" sh "$dir/settings.sh" undo
check "foreign value is named" grep -q "set by somebody else" "$dir/err"
values "$old_affinity" $((new_pages + 1)) "foreign value"

[ $failed -eq 0 ] && echo "export: sh, systemd, tuned, cmdline and json"
exit $failed
