#!/bin/bash
# What `snapshot --json` says of every network interface beside ip and ethtool: on this machine, and in
# a network namespace of the test's own with a multi-queue veth pair into a second one, a tap device, a
# bridge with a port, and a bond and a VLAN where the kernel has them; then the same from a capture.
# The namespaces die with their processes: nothing is left behind, however this ends.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
failed=0
# The leak checker wants to trace itself, which some containers forbid.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" LC_ALL=C
for tool in jq ip ethtool unshare; do
	command -v $tool >/dev/null || {
		echo "SKIP: links: no $tool here"
		exit 77
	}
done

fail() {
	echo "FAIL: $*"
	failed=1
}

# same WHAT IFACE OURS THEIRS
same() {
	[ "$3" = "$4" ] || fail "$2: $1 is \"$3\" here and \"$4\" there"
	checks=$((checks + 1))
}

# ours IFACE METRIC: as text, "" where it is absent
ours() {
	jq -r --arg key "nic:$1" --arg m "$2" '.entities[] | select(.key == $key) | .values[$m]
		| if . == null or type == "object" then "" else tostring end' "$dir/ours.json"
}

# theirs IFACE JQ: from `ip -j -d -s link`
theirs() {
	jq -r --arg n "$1" ".[] | select(.ifname == \$n) | $2 | if . == null then \"\" else tostring end" \
		"$dir/$3.json"
}

# part FILE SECTION NAME: the value behind "NAME:" in ethtool's output, after the line SECTION; "" for n/a
part() {
	awk -v section="$2" -v name="$3:" '
		index($0, section) == 1 { on = 1 }
		/^Current/ && section !~ /^Current/ { on = 0 }
		on && index($0, name) == 1 { v = $0; sub(/^[^:]*:[ \t]*/, "", v); sub(/[ \t].*/, "", v)
			print v == "n/a" ? "" : v; exit }' "$1"
}

features() {
	awk '{ on[$1] = $2 == "on" } END {
		n = split("generic-receive-offload gro rx-gro-hw gro-hw rx-gro-list gro-list " \
			"rx-udp-gro-forwarding udp-gro large-receive-offload lro tx-tcp-segmentation tso " \
			"tx-udp-segmentation uso generic-segmentation-offload gso receive-hashing rxhash " \
			"ntuple-filters ntuple hw-tc-offload hw-tc", names, " ")
		for (i = 1; i < n; i += 2)
			if (on[names[i] ":"]) text = text (text == "" ? "" : " ") names[i + 1]
		print text }' "$1"
}

check_ip() {
	local kind n=$1
	same state "$n" "$(ours "$n" state)" "$(theirs "$n" '.operstate | ascii_downcase' after)"
	kind=$(theirs "$n" .linkinfo.info_kind after)
	same kind "$n" "$(ours "$n" nic_kind)" "$kind"
	same mtu "$n" "$(ours "$n" mtu)" "$(theirs "$n" .mtu after)"
	same mac "$n" "$(ours "$n" mac)" "$(theirs "$n" .address after)"
	same master "$n" "$(ours "$n" master)" "$(theirs "$n" .master after)"
	same alias "$n" "$(ours "$n" alias)" "$(theirs "$n" .ifalias after)"
	same ifindex "$n" "$(ours "$n" ifindex)" "$(theirs "$n" .ifindex after)"
	same "rx queues" "$n" "$(ours "$n" queues_rx_allocated)" "$(theirs "$n" .num_rx_queues after)"
	same "tx queues" "$n" "$(ours "$n" queues_tx_allocated)" "$(theirs "$n" .num_tx_queues after)"
	[ "$kind" != vlan ] || same lower "$n" "$(ours "$n" lower)" "$(theirs "$n" .link after)"
}

# A counter that moves lies between what ip says before and after.
check_counters() {
	local n=$1 name path low high value
	while read -r name path; do
		low=$(theirs "$n" ".stats64.$path" before) high=$(theirs "$n" ".stats64.$path" after)
		value=$(ours "$n" "$name")
		[ -n "$value" ] && [ "$low" -le "$value" ] && [ "$value" -le "$high" ] ||
			fail "$n: $name is $value here, $low to $high there"
		checks=$((checks + 1))
	done <<-END
		rx_packets rx.packets
		tx_packets tx.packets
		rx_bytes rx.bytes
		tx_bytes tx.bytes
		rx_drops rx.dropped
		tx_drops tx.dropped
		rx_errors rx.errors
		tx_errors tx.errors
	END
}

check_ethtool() {
	local n=$1 text=$dir/text usecs adaptive
	ethtool -g "$n" >"$text" 2>/dev/null
	same ring_rx "$n" "$(ours "$n" ring_rx)" "$(part "$text" 'Current hardware' RX)"
	same ring_rx_max "$n" "$(ours "$n" ring_rx_max)" "$(part "$text" 'Pre-set' RX)"
	same ring_tx "$n" "$(ours "$n" ring_tx)" "$(part "$text" 'Current hardware' TX)"
	same ring_tx_max "$n" "$(ours "$n" ring_tx_max)" "$(part "$text" 'Pre-set' TX)"
	ethtool -l "$n" >"$text" 2>/dev/null
	same channels_rx "$n" "$(ours "$n" channels_rx)" "$(part "$text" 'Current hardware' RX)"
	same channels_tx_max "$n" "$(ours "$n" channels_tx_max)" "$(part "$text" 'Pre-set' TX)"
	same channels_combined "$n" "$(ours "$n" channels_combined)" "$(part "$text" 'Current hardware' Combined)"
	same channels_combined_max "$n" "$(ours "$n" channels_combined_max)" "$(part "$text" 'Pre-set' Combined)"
	ethtool -c "$n" >"$text" 2>/dev/null
	usecs=$(part "$text" 'Coalesce' rx-usecs)
	same coalesce_rx_ns "$n" "$(ours "$n" coalesce_rx_ns)" "${usecs:+$((usecs * 1000))}"
	same coalesce_tx_frames "$n" "$(ours "$n" coalesce_tx_frames)" "$(part "$text" 'Coalesce' tx-frames)"
	adaptive=$(awk '$1 == "Adaptive" { print $3 }' "$text" | sed 's/^off$/false/; s/^on$/true/; s|^n/a$||')
	same adaptive_rx "$n" "$(ours "$n" adaptive_rx)" "$adaptive"
	ethtool -k "$n" >"$text" 2>/dev/null && same features "$n" "$(ours "$n" features)" "$(features "$text")"
	if ethtool -i "$n" >"$text" 2>/dev/null; then
		same driver "$n" "$(ours "$n" driver)" "$(part "$text" driver driver)"
		same driver_version "$n" "$(ours "$n" driver_version)" "$(part "$text" driver version)"
		same firmware "$n" "$(ours "$n" firmware)" "$(part "$text" driver firmware-version)"
		same bus "$n" "$(ours "$n" bus)" "$(part "$text" driver bus-info)"
	fi
	if ethtool -x "$n" >"$text" 2>/dev/null; then
		same rss_queues "$n" "$(ours "$n" rss_queues)" "$(awk '/^ *[0-9]+: / {
			for (i = 2; i <= NF; i++) if (!($i in seen)) { seen[$i]; n++ } } END { if (n) print n }' "$text")"
	fi
}

# look WHERE: every interface of this network namespace
look() {
	local n
	checks=0
	ip -j -d -s link >"$dir/before.json"
	"$program" snapshot --json >"$dir/ours.json" || fail "$1: snapshot ends with $?"
	ip -j -d -s link >"$dir/after.json"
	jq -e '.probes[] | select(.name == "nic") | .status == "ok" and .error == null' "$dir/ours.json" >/dev/null ||
		fail "$1: $(jq -c '.probes[] | select(.name == "nic")' "$dir/ours.json")"
	same interfaces "$1" "$(jq -r '.entities[] | select(.kind == "nic") | .name' "$dir/ours.json" | sort | xargs)" \
		"$(jq -r '.[].ifname' "$dir/after.json" | sort | xargs)"
	for n in $(jq -r '.[].ifname' "$dir/after.json"); do
		check_ip "$n"
		check_counters "$n"
		check_ethtool "$n"
	done
	echo "$1: $checks checks of $(jq -r length "$dir/after.json") interfaces"
}

values() {
	jq -c '.entities[] | select(.kind | IN("nic", "queue", "vf")) | {kind, key, parent} +
		(.values | del(.[("rx", "tx") + ("_packets", "_bytes")], .packets, .bytes))' "$1" | LC_ALL=C sort
}

# inside: in the namespaces of its own
inside() {
	mount -t sysfs none /sys || exit 77
	mount -t tmpfs none /run || exit 77
	ip netns add other || exit 77
	ip link set lo up
	ip link add va numtxqueues 4 numrxqueues 4 type veth peer name vb numtxqueues 4 numrxqueues 4 netns other || exit 77
	ip link set va alias 'to the other' mtu 1400
	ip link add pa type veth peer name pb
	ip link add br0 type bridge && ip link set pa master br0
	ip tuntap add dev tap0 mode tap multi_queue
	ip link add bond0 type bond 2>/dev/null || echo "note: no bonding here"
	ip link add link va name va.7 type vlan id 7 2>/dev/null || echo "note: no VLANs here"
	for n in va pa pb br0; do ip link set "$n" up; done
	ip addr add 10.9.0.1/24 dev va
	ip netns exec other ip link set vb up
	ip netns exec other ip addr add 10.9.0.2/24 dev vb
	for ((i = 0; i < 20; i++)); do echo x >/dev/udp/10.9.0.2/9; done 2>/dev/null
	for ((i = 0; i < 50; i++)); do # the kernel settles the states a little later
		[ "$(ip -j link | jq '[.[] | select(.operstate == "DOWN" or .operstate == "LOWERLAYERDOWN")
			| select(.ifname | IN("va", "pa", "pb", "br0"))] | length')" = 0 ] && break
		sleep 0.1
	done
	look "own namespace"
	[ "$(ours va tx_packets)" -ge 20 ] || fail "no traffic seen on va"
	[ "$(ours br0 ports)" = 1 ] || fail "br0 has a port"
	case $(ours va lower) in 'number '*' in another namespace') ;; *) fail "va leads to \"$(ours va lower)\"" ;; esac
	"$program" capture "$dir/machine" >/dev/null || fail "capture ends with $?"
	"$program" --root "$dir/machine" snapshot --json >"$dir/captured.json" || fail "--root ends with $?"
	diff <(values "$dir/ours.json") <(values "$dir/captured.json") || fail "the capture is another machine"
	exit $failed
}

if [ "${1:-}" = inside ]; then
	dir=$2
	inside
fi
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
look "this machine"
# Without privilege, what there is can be read all the same.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	setpriv --reuid 65534 --regid 65534 --clear-groups "$program" snapshot --json 2>/dev/null |
		jq -e '.probes[] | select(.name == "nic") | .status == "ok" and .error == null' >/dev/null ||
		echo "note: not readable without privilege here (or no way to the program)"
fi
if unshare -n -m true 2>/dev/null; then
	unshare -n -m "${BASH_SOURCE[0]}" inside "$dir"
	status=$?
	[ $status -ne 77 ] || echo "note: no network namespace of our own here"
	[ $status -eq 0 ] || [ $status -eq 77 ] || failed=1
else
	echo "note: no network namespace of our own here (not root)"
fi
exit $failed
