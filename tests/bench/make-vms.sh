#!/bin/bash
# make-vms.sh PROGRAM COUNT DIR: a captured root with COUNT copies of one real QEMU machine, which is
# started for that, with what its monitor said. Exit status 77: no QEMU here.
set -eu
program=$1 count=$2 root=$3
command -v qemu-system-x86_64 >/dev/null || exit 77
tmp=$(mktemp -d)
qemu=
trap '[ -z "$qemu" ] || kill -KILL $qemu; rm -rf "$tmp"' EXIT
accel=tcg
[ ! -w /dev/kvm ] || accel=kvm
qemu-system-x86_64 -name bench,debug-threads=on -machine q35 -accel $accel -m 8 -smp 4 -nodefaults -display none \
	-object iothread,id=io0 -netdev user,id=n0 -device virtio-net-pci,netdev=n0 \
	-qmp "unix:$tmp/s,server=on,wait=off" 2>/dev/null &
qemu=$!
for _ in $(seq 100); do
	[ ! -S "$tmp/s" ] || break
	sleep 0.1
done
"$program" capture "$tmp/root" >/dev/null
kill -KILL $qemu
wait $qemu 2>/dev/null || :
pid=$qemu qemu=
[ -s "$tmp/root/proc/$pid/cmdline" ]

# Nothing else of this machine: only its CPUs.
mkdir -p "$root/proc" "$root/unix/proc" "$root/sys/devices/system"
cp -r "$tmp/root/sys/devices/system/cpu" "$tmp/root/sys/devices/system/node" "$root/sys/devices/system/" 2>/dev/null || :
for ((i = 0; i < count; i++)); do
	new=$((100000 + 10 * i))
	cp -r "$tmp/root/proc/$pid" "$root/proc/$new"
	mv "$root/proc/$new/task/$pid" "$root/proc/$new/task/$new"
	cp -r "$tmp/root/unix/proc/$pid" "$root/unix/proc/$new"
done
