#!/bin/bash
# The NIC knobs on a real kernel: a multi-queue veth pair in a network namespace of the test's own. Each
# setting is looked at with ethtool and in sysfs before, after it was set, and after it was undone; each
# refusal is read. The namespaces die with their processes: nothing is left behind, however this ends.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=$(realpath "${JITTERTOP:?is the path of the program}") || exit 99
failed=0 checks=0
# The leak checker wants to trace itself, which some containers forbid.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" LC_ALL=C
for tool in jq ip ethtool unshare; do
	command -v $tool >/dev/null || {
		echo "SKIP: knobs: no $tool here"
		exit 77
	}
done

fail() {
	echo "FAIL: $*"
	failed=1
}

# Everything of va that the knobs can change, as others see it.
state() {
	local f
	ethtool -k va
	ethtool -l va
	for f in /sys/class/net/va/{threaded,gro_flush_timeout,napi_defer_hard_irqs} \
		/sys/class/net/va/queues/*/{rps_cpus,rps_flow_cnt,xps_cpus,xps_rxqs}; do
		echo "$f $(cat "$f" 2>/dev/null)"
	done
}

# changes WANTED LOOK SETTING...: LOOK (a command) prints WANTED after the change, and all is as before
# when it was undone
changes() {
	local wanted=$1 look=$2 before after out
	shift 2
	before=$(state)
	out=$("$program" set "$@" --keep 2>&1) || fail "set $*: $out"
	after=$(bash -c "$look" 2>&1)
	[ "$after" = "$wanted" ] || fail "set $*: $look says \"$after\", not \"$wanted\""
	[ "$(state)" != "$before" ] || fail "set $*: nothing changed"
	out=$("$program" undo 2>&1) || fail "undo of $*: $out"
	diff <(echo "$before") <(state) || fail "undo of $*: not as before"
	checks=$((checks + 1))
}

# refuses WORDS SETTING...: in these words, and nothing changes
refuses() {
	local words=$1 before out
	shift
	before=$(state)
	out=$("$program" set "$@" --keep 2>&1) && fail "set $* was taken"
	case $out in *"$words"*) ;; *) fail "set $*: \"$out\" does not say \"$words\"" ;; esac
	diff <(echo "$before") <(state) || fail "set $*: refused, yet changed"
	checks=$((checks + 1))
}

sys=/sys/class/net/va

inside() {
	mount -t sysfs none /sys || exit 77
	mount -t tmpfs none /run || exit 77
	ip link set lo up
	ip link add va numtxqueues 4 numrxqueues 4 type veth peer name vb numtxqueues 4 numrxqueues 4 || exit 77
	ip link set va up
	ip link set vb up

	changes 1 "cat $sys/queues/rx-1/rps_cpus" rps_cpus@queue:va/rx-1=1
	changes 64 "cat $sys/queues/rx-0/rps_flow_cnt" rps_flow_cnt@queue:va/rx-0=64
	changes 1 "cat $sys/queues/tx-2/xps_cpus" xps_cpus@queue:va/tx-2=1
	changes 3 "cat $sys/queues/tx-1/xps_rxqs" xps_rxqs@queue:va/tx-1=3
	changes 20000 "cat $sys/gro_flush_timeout" gro_flush_timeout@nic:va=20000
	changes 2 "cat $sys/napi_defer_hard_irqs" napi_defer_hard_irqs@nic:va=2
	changes 'generic-receive-offload: on' 'ethtool -k va | grep ^generic-receive' nic_offload@nic:va/gro=on
	changes 'tx-tcp-segmentation: off' 'ethtool -k va | grep -o "tx-tcp-segmentation.*"' nic_offload@nic:va/tso=off
	changes 'RX: 2 TX: 3' 'ethtool -l va | sed -n "/^Current/,\$p" | grep "^[RT]X:" | xargs' \
		"nic_channels@nic:va=rx 2 tx 3" --confirm nic:va

	# Queues that go take settings along, which nobody wrote: undo brings them back.
	echo 2 >$sys/queues/rx-3/rps_cpus
	echo 32 >$sys/queues/rx-3/rps_flow_cnt
	echo 1 >$sys/queues/tx-3/xps_cpus
	changes 'rx-0 tx-0' "ls $sys/queues | xargs" "nic_channels@nic:va=rx 1,tx 1" --confirm nic:va
	[ "$(cat $sys/queues/rx-3/rps_cpus $sys/queues/tx-3/xps_cpus | xargs)" = '2 1' ] || fail "RPS and XPS of queue 3"

	refuses 'driver of this interface cannot' nic_coalesce@nic:va/rx-usecs=5
	refuses 'Say --confirm nic:va' 'nic_channels@nic:va=rx 2'
	refuses 'at most 4' 'nic_channels@nic:va=rx 9'
	refuses 'no queue would be left to receive' 'nic_channels@nic:va=rx 0'
	refuses 'fixed' nic_offload@nic:va/lro=on
	refuses 'powers of two: say 64' rps_flow_cnt@queue:va/rx-0=50
	refuses 'nic:nobody' nic_offload@nic:nobody/gro=off

	napi
	echo "$checks changes and refusals on a real veth"
	exit $failed
}

# NAPI instances appear with GRO; each is set by itself where the kernel can.
napi() {
	local key
	ethtool -K va gro on || return
	changes 'napi/va-' 'ps -eo comm | grep -o napi/va- | sort -u' napi_threaded@nic:va=1
	key=$("$program" knobs napi --json | jq -r '[.knobs[] | select(.name == "napi") | .targets[]
		| select(.locked == null) | .key | select(endswith("/gro-flush-timeout"))][0] // empty')
	if [ -z "$key" ]; then
		echo "note: this kernel does not set NAPI instances one by one"
		return
	fi
	"$program" set "napi@$key=30000" --keep >/dev/null || fail "set napi@$key"
	[ "$(value "$key")" = 30000 ] || fail "napi@$key is $(value "$key")"
	"$program" undo >/dev/null || fail "undo of napi@$key"
	[ "$(value "$key")" = 0 ] || fail "napi@$key is $(value "$key") when undone"
	# With its queues the driver makes its instances anew.
	"$program" set "napi@$key=30000" --keep >/dev/null || fail "set napi@$key"
	ethtool -K va gro off
	ethtool -K va gro on
	"$program" undo >"$dir/out" 2>&1
	[ $? = 4 ] && grep -q 'has gone' "$dir/out" || fail "a NAPI instance that went: $(cat "$dir/out")"
	checks=$((checks + 2))
}

value() {
	"$program" knobs napi --json | jq -r --arg key "$1" '.knobs[] | select(.name == "napi") | .targets[]
		| select(.key == $key) | .value'
}

if [ "${1:-}" = inside ]; then
	dir=$2
	inside
fi
unshare -n -m true 2>/dev/null || {
	echo "SKIP: knobs: no network namespace of our own here"
	exit 77
}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
before=$(ip -o link | wc -l)
unshare -n -m "${BASH_SOURCE[0]}" inside "$dir"
status=$?
[ "$(ip -o link | wc -l)" = "$before" ] || fail "interfaces are left behind"
[ $status -eq 0 ] || exit $status
exit $failed
