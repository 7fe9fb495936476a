#!/bin/bash
# Two real QEMU machines: names, vCPU threads, pins, memory and devices in `jittertop snapshot
# --json` are what QEMU and the kernel say; exits move where KVM runs them. Then machines that start
# and end all the time: nothing stays that is gone.
# environment: JITTERTOP, the program; JT_VM_SECONDS: of the second part (5); JT_VM_HUGE_PAGES=1:
# reserve some where there are none, and give them back at the end (not beside other tests)
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
# shellcheck source=tests/pty/lib.sh
. "${BASH_SOURCE[0]%/*}/../pty/lib.sh"
need qemu-system-x86_64 jq python3 taskset
# LeakSanitizer slows the program down; leaks are the unit tests' concern.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
declare -A running=()
pages=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
pages_before=$(cat $pages 2>/dev/null)
reserved=

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local pid
	for pid in "${running[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	{ wait; } 2>/dev/null
	[ -z "$reserved" ] || echo "$pages_before" >$pages
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "FAIL: vm: $*"
	failed=1
}

# start NAME ARGUMENTS...
start() {
	local name=$1
	shift
	nice -n 19 qemu-system-x86_64 -accel "$accel" -nodefaults -display none "$@" 2>"$dir/$name.err" &
	running[$name]=$!
}

# end NAME: at once, and gone when it returns
end() {
	kill -KILL "${running[$1]}"
	wait "${running[$1]}" 2>/dev/null
	unset "running[$1]"
}

# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

accel=tcg
[ -w /dev/kvm ] && accel=kvm

# Huge pages for one of them, where the machine gives some.
hugetlb=off
if [ "${JT_VM_HUGE_PAGES:-0}" = 1 ] && [ -w $pages ] && echo $((pages_before + 8)) >$pages 2>/dev/null; then
	reserved=yes
fi
if [ -r $pages ]; then
	[ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)" -ge 8 ] && hugetlb=on
fi

truncate -s 16M "$dir/disk.raw"
uuid=3d9ab7c2-0001-4000-8000-$(printf %012x $$)
start one -name "jt-one-$$,debug-threads=on" -uuid "$uuid" -smp 2 -m 16 \
	-machine q35,memory-backend=ram0 -object "memory-backend-memfd,id=ram0,size=16M,hugetlb=$hugetlb" \
	-object iothread,id=io0 -drive if=none,id=d0,file="$dir/disk.raw",format=raw \
	-device virtio-blk-pci,drive=d0,iothread=io0,id=blk0 -netdev user,id=n0 \
	-device virtio-net-pci,netdev=n0,id=net0 -device virtio-balloon-pci,id=bal \
	-device pcie-root-port,id=rp0,chassis=3 -device pcie-root-port,id=rp1,chassis=4 \
	-qmp "unix:$dir/one.sock,server=on,wait=off"
start two -name "guest=jt-two-$$" -smp 2 -m 32 -device e1000,id=old
one=${running[one]} two=${running[two]}
until_true 20 test -S "$dir/one.sock" || {
	echo "SKIP: vm: QEMU does not start here: $(cat "$dir/one.err")"
	exit 77
}

# qmp COMMAND...: what QEMU itself says, by a client that is not ours. "NAME {ARGUMENTS}"
qmp() {
	timeout 30 python3 - "$dir/one.sock" "$@" <<-'END'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		f = s.makefile("rw")
		f.readline()
		for command in ["qmp_capabilities"] + sys.argv[2:]:
		    name, _, arguments = command.partition(" ")
		    request = {"execute": name}
		    if arguments:
		        request["arguments"] = json.loads(arguments)
		    f.write(json.dumps(request) + "\n")
		    f.flush()
		    while True:
		        reply = json.loads(f.readline())
		        if "return" in reply or "error" in reply:
		            break
		    if command != "qmp_capabilities":
		        print(json.dumps(reply.get("return")))
	END
}

# One vCPU of the first is pinned; by the ids that QEMU gives.
mapfile -t tids < <(qmp query-cpus-fast | jq -r 'sort_by(."cpu-index")[]."thread-id"')
[ ${#tids[@]} -eq 2 ] || fail "QEMU names ${#tids[@]} vCPUs"
cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
taskset -pc "$cpu" "${tids[0]}" >/dev/null || fail "taskset"
sleep 1
# Plugged in while it runs: no command line has these.
truncate -s 1M "$dir/hot.raw"
qmp 'netdev_add {"type": "user", "id": "n1"}' \
	'device_add {"driver": "virtio-net-pci", "netdev": "n1", "id": "hot-net", "bus": "rp0"}' \
	"blockdev-add {\"driver\": \"file\", \"filename\": \"$dir/hot.raw\", \"node-name\": \"b1\"}" \
	'device_add {"driver": "virtio-blk-pci", "drive": "b1", "id": "hot-disk", "bus": "rp1"}' >/dev/null
# Behind a bridge QEMU lists devices once the firmware has given the bridge a bus.
plugged() {
	qmp query-pci | jq -e '[.. | objects | .qdev_id?] | index("hot-net") and index("hot-disk")' >/dev/null
}
until_true 20 plugged
# What stands still can be compared exactly: a guest that boots takes more pages.
qmp stop >/dev/null
"$program" snapshot --json >"$dir/out" || fail "snapshot ends with $?"

key() {
	echo "vm:$1.$(sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20)"
}
key1=$(key "$one") key2=$(key "$two")

# is KEY METRIC WANT
is() {
	local have
	have=$(jq -r --arg k "$1" --arg m "$2" '.entities[] | select(.key == $k) | .values[$m] | if . == null then "absent" else tostring end' "$dir/out")
	[ "$have" = "$3" ] || fail "$1 $2: ${have:-no such row} instead of $3"
}
allowed() {
	sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$1/status"
}

is "$key1" pid "$one"
is "$key1" uuid "$uuid"
is "$key1" monitor ok
is "$key1" state "$(qmp query-status | jq -r .status)"
is "$key1" qemu_version "$(qmp query-version | jq -r '.qemu | "\(.major).\(.minor).\(.micro)"')"
is "$key1" accel $accel
is "$key1" vcpus 2
is "$key1" memory_bytes "$(qmp query-memory-size-summary | jq -r '."base-memory"')"
is "$key1" balloon_bytes "$(qmp query-balloon | jq -r .actual)"
is "$key1" memory_backend memory-backend-memfd
[ "$(jq -r --arg k "$key1" '.entities[] | select(.key == $k) | .name' "$dir/out")" = "jt-one-$$" ] || fail "its name"
if [ $hugetlb = on ] && [ -r "/proc/$one/numa_maps" ]; then
	is "$key1" memory_page_bytes 2097152
	mb=$(($(awk '/HugetlbPages/ { print $2 }' "/proc/$one/status") * 1024))
	is "$key1" memory_hugetlb_bytes $mb
fi
is "$key2" monitor none
is "$key2" memory_bytes $((32 << 20))
is "$key2" libvirt false
number=${key1#vm:}
for i in 0 1; do
	is "vcpu:$number/$i" tid "${tids[i]}"
	is "vcpu:$number/$i" affinity "$(allowed "${tids[i]}")"
	is "vcpu:$number/$i" comm "$(cat "/proc/$one/task/${tids[i]}/comm")"
done
is "vcpu:$number/0" affinity "$cpu"
[ "$(nproc --all)" -eq 1 ] || is "vcpu:$number/0" pinned true
io=$(qmp query-iothreads | jq -r '.[] | select(.id == "io0")."thread-id"')
is "thread:$number/$io" role iothread
is "thread:$number/$one" role emulator
is "vmdevice:$number/blk0" backend "$dir/disk.raw"
is "vmdevice:$number/blk0" iothread io0
is "vmdevice:$number/net0" device_kind virtio
is "vmdevice:$number/bal" type balloon
is "vmdevice:$number/net0" plugged false
if plugged; then
	is "vmdevice:$number/hot-net" model virtio-net-pci
	is "vmdevice:$number/hot-net" plugged true
	is "vmdevice:$number/hot-disk" device_kind virtio
	is "vmdevice:$number/hot-disk" backend "$dir/hot.raw"
else
	echo "vm: the firmware has numbered no bridge yet: devices plugged in are not compared"
fi
is "vmdevice:${key2#vm:}/old" device_kind emulated
for pid in $one $two; do
	have=$(jq --arg k "$(key "$pid")" '[.entities[] | select(.parent == $k and (.kind == "vcpu" or .kind == "thread") and .values.comm != null and (.key | test("/[0-9]+$")))] | length' "$dir/out")
	[ "$have" -ge 3 ] || fail "only $have threads of $pid"
done

# Exits count on while the guest runs. A reset makes sure that it does.
if [ $accel = kvm ] && jq -e --arg k "$key1" '.entities[] | select(.key == $k) | .values.exits' "$dir/out" >/dev/null; then
	before=$(jq --arg k "$key1" '.entities[] | select(.key == $k) | .values.exits' "$dir/out")
	qmp system_reset cont >/dev/null
	sleep 1
	"$program" snapshot --json >"$dir/out"
	after=$(jq --arg k "$key1" '.entities[] | select(.key == $k) | .values.exits' "$dir/out")
	[ "$after" -gt "$before" ] || fail "exits do not move: $before, then $after"
	echo "vm: $((after - before)) exits more after a reset"
fi

# A capture has the machines and no other program's arguments.
"$program" capture "$dir/machine" >/dev/null || fail "capture ends with $?"
[ -s "$dir/machine/proc/$one/cmdline" ] || fail "the capture has no machine"
[ ! -e "$dir/machine/proc/$$/cmdline" ] || fail "the capture has this script's command line"
"$program" --root "$dir/machine" snapshot --json >"$dir/out" || fail "--root ends with $?"
is "$key1" pid "$one"
is "vcpu:$number/0" tid "${tids[0]}"

end one
end two
"$program" snapshot --json >"$dir/out"
jq -e --arg a "$key1" --arg b "$key2" 'all(.entities[]; .key != $a and .key != $b)' "$dir/out" >/dev/null ||
	fail "machines that are gone have rows"

# One after another, read all the time: no row of one that had ended before the reading began.
stop=$((SECONDS + ${JT_VM_SECONDS:-5}))
n=0 seen=0
while [ $SECONDS -lt $stop ]; do
	n=$((n + 1))
	start "c$n" -name "jt-churn-$n,debug-threads=on" -machine pc -m 4 -smp 2 -qmp "unix:$dir/c$n.sock,server=on,wait=off"
	[ $n -lt 3 ] || end "c$((n - 2))"
	alive=" ${running[*]} "
	if ! "$program" snapshot --json >"$dir/out" 2>"$dir/err"; then
		fail "snapshot among machines that come and go: $(head -c 300 "$dir/err")"
		break
	fi
	for pid in $(jq -r '.entities[] | select(.kind == "vm" and ((.name // "") | startswith("jt-churn-"))) | .values.pid' "$dir/out"); do
		[[ $alive == *" $pid "* ]] || fail "row of $pid, which was gone before"
		seen=$((seen + 1))
	done
done
[ $seen -gt 0 ] || fail "none of $n machines was seen"
[ $failed -eq 0 ] && echo "vm: two machines agree with QEMU ($accel, huge pages $hugetlb); $n came and went"
exit $failed
