#!/bin/bash
# A real DPDK process: ports, queues, counters and lcores of dpdk-testpmd in `jittertop snapshot --json`
# are what its own telemetry client and its threads say; the capture says the same again.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
failed=0
for tool in dpdk-testpmd jq python3; do
	command -v $tool >/dev/null && continue
	echo "SKIP: dpdk: no $tool here (Debian: dpdk-dev)"
	exit 77
done
dir=$(mktemp -d) || exit 99
prefix=jt-test-$$
testpmd=
# LeakSanitizer slows the program down, and a captured host's child cannot be traced by it.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	[ -z "$testpmd" ] || kill -KILL "$testpmd" 2>/dev/null
	for runtime in /run "${XDG_RUNTIME_DIR:-/tmp}" /tmp; do
		rm -rf "$runtime/dpdk/$prefix"
	done
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "FAIL: $*"
	failed=1
}

# until SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# testpmd reads commands from a FIFO that this shell keeps open, and ends when it is closed.
mkfifo "$dir/commands"
cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
nice -n 19 timeout -s KILL 60 dpdk-testpmd --no-huge -m 128 --no-pci --no-shconf --lcores "0@$cpu,1@$cpu" \
	--file-prefix="$prefix" --vdev=net_null0 --vdev=net_null1 -- --no-lsc-interrupt \
	--total-num-mbufs=2048 --rxq=3 --txq=2 --interactive <"$dir/commands" >"$dir/said" 2>&1 &
testpmd=$!
exec 7>"$dir/commands"
until_true 30 grep -q 'testpmd>' "$dir/said" || {
	echo "SKIP: dpdk: dpdk-testpmd does not start here: $(grep -m1 -iE 'error|cause|cannot|fail' "$dir/said")"
	exit 77
}

# Some packets, then silence: what stands still can be compared exactly.
echo start >&7
sleep 0.5
echo stop >&7
for runtime in /run "${XDG_RUNTIME_DIR:-/tmp}" /tmp; do
	socket=$runtime/dpdk/$prefix/dpdk_telemetry.v2
	[ ! -S "$socket" ] || break
done

# ask WHAT: by a client that is not ours. settled: waits until packets were counted and no more come;
# all: every figure that is compared below.
ask() {
	timeout 60 python3 - "$socket" "$1" <<-'END'
		import json, socket, sys, time
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.connect(sys.argv[1])
		greeting = json.loads(s.recv(4096))
		def ask(command, number=None):
		    s.send((command if number is None else f"{command},{number}").encode())
		    return json.loads(s.recv(1 << 18))[command]
		if sys.argv[2] == "settled":
		    before, now = None, [ask("/ethdev/stats", p) for p in ask("/ethdev/list")]
		    while before != now or not now[0]["ipackets"]:
		        time.sleep(0.3)
		        before, now = now, [ask("/ethdev/stats", p) for p in ask("/ethdev/list")]
		    sys.exit(0)
		print("pid", greeting["pid"], "version", greeting["version"])
		for port in ask("/ethdev/list"):
		    info, stats, x = ask("/ethdev/info", port), ask("/ethdev/stats", port), ask("/ethdev/xstats", port)
		    print("port", port, info["name"], info["mac_addr"], info["nb_rx_queues"], info["nb_tx_queues"],
		          stats["ipackets"], stats["opackets"])
		    for d, n in (("rx", info["nb_rx_queues"]), ("tx", info["nb_tx_queues"])):
		        for q in range(n):
		            print("queue", port, d, q, x[f"{d}_q{q}_packets"])
		for lcore in ask("/eal/lcore/list") or []:
		    cpus = ask("/eal/lcore/info", lcore)["cpuset"]
		    print("lcore", lcore, ",".join(map(str, cpus)))
	END
}
ask settled || fail "testpmd does not stop"

"$program" snapshot --json >"$dir/snapshot" || fail "snapshot ends with $?"
"$program" capture "$dir/machine" >/dev/null || fail "capture ends with $?"
"$program" --root "$dir/machine" snapshot --json >"$dir/captured" || fail "--root ends with $?"
key=$(jq -r --arg p "/$prefix/" '.entities[] | select(.kind == "dpdk" and (.values.socket | contains($p))) | .key' "$dir/snapshot")
[ -n "$key" ] || fail "no dpdk entity: $(jq -c '.probes[] | select(.name == "dpdk")' "$dir/snapshot")"
name=${key#dpdk:}
ask all >"$dir/truth" || fail "the telemetry client ends with $?"

# ours FILE: the same lines from a snapshot
ours() {
	jq -r --arg k "$key" --arg n "$name" '.entities as $e
		| ($e[] | select(.key == $k) | "pid \(.values.pid) version \(.values.version)"),
		  ($e[] | select(.kind == "dpdk_port" and .parent == $k)
		   | (.key | ltrimstr("dpdk_port:\($n)/")) as $port | .key as $pk
		   | "port \($port) \(.values.device) \(.values.mac) \(.values.queues_rx) \(.values.queues_tx) \(.values.rx_packets) \(.values.tx_packets)",
		     ($e[] | select(.kind == "queue" and .parent == $pk)
		      | "queue \($port) \(.values.direction) \(.values.index) \(.values.packets)"))' "$1"
	jq -r --arg k "$key" '.entities[] | select(.kind == "lcore" and .parent == $k and .values.source == "telemetry")
		| "lcore \(.values.id) \(.values.cpus)"' "$1"
}
ours "$dir/snapshot" >"$dir/live"
diff -u "$dir/truth" "$dir/live" || fail "jittertop and the process do not agree"
ours "$dir/captured" >"$dir/again"
diff -u "$dir/truth" "$dir/again" || fail "the capture and the process do not agree"
grep -q '^queue 1 rx 2 [1-9]' "$dir/live" || fail "no packets were counted"

# The lcores of versions that do not list them are threads; both are where the kernel has them.
want=$(printf 'main %s\nworker %s\n' "$cpu" "$cpu")
lcores=$(jq -r --arg k "$key" '.entities[] | select(.kind == "lcore" and .parent == $k)
	| "\(.values.role) \(.values.cpus)"' "$dir/snapshot" | LC_ALL=C sort)
grep -q '^lcore' "$dir/truth" || [ "$lcores" = "$want" ] || fail "lcores: $lcores instead of $want"

echo quit >&7
exec 7>&-
wait "$testpmd"
testpmd=
[ $failed -eq 0 ] && echo "dpdk: $(grep -c ^port "$dir/truth") ports, $(grep -c ^queue "$dir/truth") queues, $(wc -l <<<"$lcores") lcores agree"
exit $failed
