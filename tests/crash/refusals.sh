#!/bin/bash
# What this machine's kernel refuses is said in words, with what to do, and leaves nothing behind: a managed
# interrupt (EPERM, or EIO before linux 6.12), a read-only /sys (EROFS), no privilege, more huge pages than
# memory, a CPU that does not exist, SMT where there is none. Each is tried for real; what is not here is said.
# In a mount namespace with a /run of its own.
#
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}

skip() {
	echo "SKIP: refusals: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
if [ -z "${JT_REFUSALS_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_REFUSALS_INSIDE=1 exec unshare -m --propagation private "$0"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"

failed=0 tried=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# refused WHAT WORDS FILE COMMAND...: fails, says WORDS, and FILE ("": none) is as before
refused() {
	local what=$1 words=$2 file=$3 before='' after=''
	shift 3
	tried=$((tried + 1))
	[ -z "$file" ] || before=$(cat "$file")
	if "$@" >"$out" 2>&1; then
		echo "FAIL: $what: taken: $(cat "$out")"
		failed=1
		"$program" undo --all >/dev/null 2>&1
		return
	fi
	[ -z "$file" ] || after=$(cat "$file")
	if ! grep -q "$words" "$out" || [ "$before" != "$after" ]; then
		echo "FAIL: $what: $before -> $after: $(cat "$out")"
		failed=1
		return
	fi
	echo "ok: $what: $(tail -n 1 "$out")"
}
trial=(--revert-after 5s)

# A driver's managed vectors: virtio-blk and nvme ask for them.
managed=''
for dir in /sys/kernel/irq/*; do
	case $(cat "$dir/actions" 2>/dev/null) in virtio*-req.* | nvme*q[1-9]*) managed=${dir##*/} ;; esac
done
if [ -n "$managed" ]; then
	file=/proc/irq/$managed/smp_affinity_list
	wish=0
	[ "$(cat "$file")" != 0 ] || wish=1
	refused 'managed interrupt' 'managed by the kernel' "$file" \
		"$program" set "irq_affinity@irq:$managed=$wish" "${trial[@]}"
else
	echo "note: no managed interrupt here"
fi

# No such choice, no such CPU.
refused 'offline CPUs only' 'choose among' '' "$program" set "irq_affinity@irq:${managed:-1}=8000" "${trial[@]}"
refused 'no such CPU' 'cpu:8000' '' "$program" set cpu_online@cpu:8000=0 --dry-run

pages=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
if [ -e "$pages" ]; then
	refused 'more huge pages than memory' 'more than its memory' "$pages" \
		"$program" set hugepages@node:0/2048kB=99999999 "${trial[@]}"
fi

smt=/sys/devices/system/cpu/smt/control
case $(cat "$smt" 2>/dev/null) in
notsupported) refused 'SMT where there is none' 'one thread per core' "$smt" "$program" set smt@host=off "${trial[@]}" ;;
*) echo "note: SMT could be switched here: not tried" ;;
esac
refused 'SMT off for good' 'on|off' '' "$program" set smt@host=forceoff --dry-run

# Whoever is not root: the program copied to where anybody may run it.
copy=/run/jittertop-copy
if cp "$program" "$copy" && chmod 755 /run "$copy"; then
	refused 'no privilege' 'needs root' '' setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$copy" set "irq_affinity@irq:${managed:-1}=0"
fi

# Last: /sys stays read-only in this namespace.
state=/sys/devices/system/cpu/cpu0/cpuidle/state0/disable
if [ -e "$state" ] && mount --bind /sys /sys && mount -o remount,bind,ro /sys; then
	wish=1
	[ "$(cat "$state")" = 0 ] || wish=0
	refused 'read-only /sys' 'read only here' "$state" "$program" set "idle_state@cstate:0/0=$wish" "${trial[@]}"
else
	echo "note: no idle states here, or /sys cannot be made read-only"
fi
"$program" status >"$out" 2>&1
if grep -q 'transaction' "$out"; then
	echo "FAIL: something is left: $(cat "$out")"
	failed=1
fi
[ "$failed" = 0 ] && echo "$tried refusals, every one in words and without a trace"
exit $failed
