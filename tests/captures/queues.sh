#!/bin/bash
# The queues of this machine beside what ethtool and ip say of them in the same run: counters read
# before and after lie around ours; and a veth pair with four queues between two network namespaces of
# our own, whose queues' packets add up to the interface's under traffic.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
a=jt-q-a-$$
b=jt-q-b-$$
failed=0

for tool in ip ethtool jq; do
	command -v "$tool" >/dev/null || {
		echo "SKIP: queues: no $tool here"
		exit 77
	}
done

clean() {
	ip netns del "$a" 2>/dev/null
	ip netns del "$b" 2>/dev/null
}
trap clean EXIT

fail() {
	echo "FAIL: $*"
	failed=1
}

# value KEY METRIC, of the snapshot in $snap
value() {
	jq -r --arg key "$1" --arg metric "$2" \
		'.entities[] | select(.key == $key) | .values[$metric] // empty' <<<"$snap"
}

# between BEFORE OURS AFTER WHAT
between() {
	if [ -z "$2" ] || [ "$1" -gt "$2" ] || [ "$2" -gt "$3" ]; then
		fail "$4: $2 is not between $1 and $3"
	else
		echo "ok: $4: $1 <= $2 <= $3"
	fi
}

counters() {
	ethtool -S "$1" 2>/dev/null | sed -n 's/^ *\([^:]*\): \([0-9]*\)$/\1 \2/p'
}

# Interfaces with one queue each way: the sums of ip are that queue's; drops by ethtool's names where it
# has them ("rx0_drops", "rx_queue_0_drops").
this_machine() {
	local dev stat before after key
	before=$(ip -j -s link)
	names=$(for dev in /sys/class/net/*; do counters "${dev##*/}" | sed "s/^/${dev##*/} /"; done)
	snap=$("$program" snapshot --json) || fail "snapshot ends with $?"
	after=$(ip -j -s link)
	names_after=$(for dev in /sys/class/net/*; do counters "${dev##*/}" | sed "s/^/${dev##*/} /"; done)
	for dev in /sys/class/net/*; do
		dev=${dev##*/}
		[ -d "/sys/class/net/$dev/queues" ] || continue
		for stat in rx tx; do
			set -- "/sys/class/net/$dev/queues/$stat-"*
			[ $# = 1 ] && [ -d "$1" ] || continue
			key=queue:$dev/$stat-0
			between "$(jq ".[] | select(.ifname == \"$dev\") | .stats64.$stat.packets" <<<"$before")" \
				"$(value "$key" packets)" \
				"$(jq ".[] | select(.ifname == \"$dev\") | .stats64.$stat.packets" <<<"$after")" \
				"$key packets, ip -s link"
		done
		while read -r name number; do
			[[ $name =~ ^(rx|tx)(_queue_)?([0-9]+)_(packets|bytes|drops)$ ]] || continue
			key=queue:$dev/${BASH_REMATCH[1]}-${BASH_REMATCH[3]}
			between "$number" "$(value "$key" "${BASH_REMATCH[4]}")" \
				"$(sed -n "s/^$dev $name //p" <<<"$names_after")" "$key ethtool -S $name"
		done < <(sed -n "s/^$dev //p" <<<"$names")
	done
}

# In namespace $b: packets of the receive queues. veth counts those that NAPI polls: with GRO on here and
# segmentation offload off at the other end.
veth() {
	local i sum=0 used=0 total n
	if ! ip netns add "$a" 2>/dev/null || ! ip netns add "$b" 2>/dev/null ||
		! ip -n "$a" link add jtq0 numrxqueues 4 numtxqueues 4 type veth \
			peer name jtq1 numrxqueues 4 numtxqueues 4 netns "$b" 2>/dev/null; then
		echo "note: no network namespaces or no veth here (root only): the pair is left out"
		return
	fi
	ip netns exec "$a" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 2>/dev/null
	ip netns exec "$b" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 2>/dev/null
	ip netns exec "$b" ethtool -L jtq1 rx 4 tx 4 2>/dev/null
	ip netns exec "$a" ethtool -L jtq0 rx 4 tx 4 2>/dev/null
	ip netns exec "$b" ethtool -K jtq1 gro on || {
		echo "note: veth without GRO on this kernel: the pair is left out"
		return
	}
	ip netns exec "$a" ethtool -K jtq0 tso off
	ip -n "$a" address add 10.99.99.1/30 dev jtq0
	ip -n "$b" address add 10.99.99.2/30 dev jtq1
	ip -n "$a" link set jtq0 up
	ip -n "$b" link set jtq1 up
	# A flow per port: they spread over the queues by hash.
	ip netns exec "$a" bash -c 'for i in $(seq 1 400); do
		echo x >/dev/udp/10.99.99.2/$((9000 + i % 40)); done' 2>/dev/null
	snap=$(ip netns exec "$b" "$program" snapshot --json) || fail "snapshot ends with $?"
	total=$(ip -n "$b" -j -s link show jtq1 | jq '.[0].stats64.rx.packets')
	n=$(jq '[.entities[] | select(.kind == "queue" and .parent == "nic:jtq1")] | length' <<<"$snap")
	[ "$n" = 8 ] || fail "jtq1 has 4 + 4 queues, not $n"
	for i in 0 1 2 3; do
		n=$(value "queue:jtq1/rx-$i" packets)
		[ "$(value "queue:jtq1/rx-$i" source)" = "ethtool -S" ] || fail "rx-$i: source"
		echo "rx-$i: ${n:-none} packets"
		sum=$((sum + ${n:-0}))
		used=$((used + (${n:-0} > 0)))
	done
	[ "$sum" = "$total" ] || fail "the queues have $sum packets, ip -s link says $total"
	[ "$total" -ge 300 ] || fail "only $total of 400 packets arrived"
	[ "$used" -ge 2 ] || fail "all packets in $used queue"
	# The same the other way, where nobody counts by queue: absent, not zero.
	ip netns exec "$b" bash -c 'echo x >/dev/udp/10.99.99.1/9000' 2>/dev/null
	snap=$(ip netns exec "$a" "$program" snapshot --json)
	[ -z "$(value queue:jtq0/rx-0 packets)" ] || fail "jtq0 rx-0 has packets that nobody counted"
	echo "ok: jtq1: $sum packets in $used queues, ip -s link: $total"
}

this_machine
veth
exit $failed
