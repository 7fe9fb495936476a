#!/bin/bash
# make-capture.sh CPUS DIR [IRQS [SPREAD]]: a made-up machine of CPUS logical CPUs below DIR, as `jittertop capture`
# would have saved it: two threads a core, 16 cores an L3, 128 CPUs a package, a node per 64 CPUs.
# IRQS interrupts, each of which came to SPREAD CPUs so far (default: up to 128, to all of them).
# The size of a tick depends on it and on nothing else: the contents are plain and always the same.
set -eu

if [ $# -lt 2 ] || [ $# -gt 4 ] || [ "$1" -lt 2 ] || [ -e "$2" ]; then
	echo "usage: make-capture.sh CPUS NEW-DIR [IRQS [SPREAD]]" >&2
	exit 2
fi
n=$1
mkdir -p "$2"
cd "$2"

per_node=64 per_package=128 per_l3=32
[ "$n" -ge $per_node ] || per_node=$n
[ "$n" -ge $per_package ] || per_package=$n
[ "$n" -ge $per_l3 ] || per_l3=$n
nodes=$(((n + per_node - 1) / per_node))
irqs=${3:-$((n * 2 < 128 ? n * 2 : 128))}
spread=${4:-$n}
[ "$spread" -le "$n" ] || spread=$n
last=$((n - 1))

# range FROM COUNT: a list; mask FROM COUNT: the kernel's mask of n bits (both multiples of 2)
range() {
	printf '%d-%d' "$1" $(($1 + $2 - 1))
}

mask() {
	awk -v from="$1" -v count="$2" -v n="$n" 'BEGIN {
		groups = int((n + 31) / 32)
		for (g = groups - 1; g >= 0; g--) {
			value = 0
			for (b = 31; b >= 0; b--) {
				cpu = g * 32 + b
				value = value * 2 + (cpu >= from && cpu < from + count)
			}
			printf "%08x%s", value, g ? "," : ""
		}
	}'
}

cpu=sys/devices/system/cpu
seq 0 $last | sed "s|.*|$cpu/cpu&/topology\n$cpu/cpu&/cache/index0\n$cpu/cpu&/cache/index1\n$cpu/cpu&/cache/index2\n$cpu/cpu&/cache/index3|" | xargs mkdir -p
mkdir -p proc/pressure proc/sys/kernel $cpu/smt sys/kernel/mm/transparent_hugepage sys/kernel/mm/ksm \
	sys/devices/system/node sys/devices/system/clocksource/clocksource0 sys/kernel/security
for file in online possible present; do
	echo "0-$last" >$cpu/$file
done
echo >$cpu/isolated
echo >$cpu/offline

for ((i = 0; i < n; i++)); do
	dir=$cpu/cpu$i
	core=$((i / 2))
	# The masks of a package, an L3 and a core change rarely: they are made once for each.
	((i % per_package)) || package_mask=$(mask "$i" $per_package) package_list=$(range "$i" $per_package)
	((i % per_l3)) || l3_mask=$(mask "$i" $per_l3) l3_list=$(range "$i" $per_l3)
	((i % 2)) || core_mask=$(mask "$i" 2) core_list=$(range "$i" 2)
	((i == 0)) || echo 1 >"$dir/online"
	echo $((i / per_package)) >"$dir/topology/physical_package_id"
	echo 0 >"$dir/topology/die_id"
	echo $core >"$dir/topology/core_id"
	for file in core_cpus thread_siblings; do
		echo "$core_mask" >"$dir/topology/$file"
		echo "$core_list" >"$dir/topology/${file}_list"
	done
	for file in package_cpus core_siblings die_cpus; do
		echo "$package_mask" >"$dir/topology/$file"
		echo "$package_list" >"$dir/topology/${file}_list"
	done
	for index in 0 1 2 3; do
		case $index in
		0) level=1 type=Data size=32K id=$core shared_mask=$core_mask shared_list=$core_list ;;
		1) level=1 type=Instruction size=32K id=$core shared_mask=$core_mask shared_list=$core_list ;;
		2) level=2 type=Unified size=1024K id=$core shared_mask=$core_mask shared_list=$core_list ;;
		3) level=3 type=Unified size=32768K id=$((i / per_l3)) shared_mask=$l3_mask shared_list=$l3_list ;;
		esac
		cache=$dir/cache/index$index
		echo $level >"$cache/level"
		echo $type >"$cache/type"
		echo $size >"$cache/size"
		echo $id >"$cache/id"
		echo 64 >"$cache/coherency_line_size"
		echo "$shared_mask" >"$cache/shared_cpu_map"
		echo "$shared_list" >"$cache/shared_cpu_list"
	done
done

for ((k = 0; k < nodes; k++)); do
	dir=sys/devices/system/node/node$k
	from=$((k * per_node))
	mkdir -p "$dir/hugepages/hugepages-2048kB" "$dir/hugepages/hugepages-1048576kB"
	mask $from $per_node >"$dir/cpumap"
	echo >>"$dir/cpumap"
	range $from $per_node >"$dir/cpulist"
	echo >>"$dir/cpulist"
	for ((other = 0; other < nodes; other++)); do
		printf '%s%d' "$( ((other)) && echo ' ')" $((other == k ? 10 : 21))
	done >"$dir/distance"
	echo >>"$dir/distance"
	printf 'Node %d MemTotal:       33554432 kB\nNode %d MemFree:        16777216 kB\nNode %d MemUsed:        16777216 kB\nNode %d HugePages_Total:     0\nNode %d HugePages_Free:      0\nNode %d HugePages_Surp:      0\n' \
		$k $k $k $k $k $k >"$dir/meminfo"
	for pages in "$dir"/hugepages/*; do
		for file in nr_hugepages free_hugepages surplus_hugepages; do
			echo 0 >"$pages/$file"
		done
	done
	for cpu_of_node in $(seq $from $((from + per_node - 1))); do
		ln -s "../../node/node$k" "$cpu/cpu$cpu_of_node/node$k"
	done
done
echo "0-$((nodes - 1))" >sys/devices/system/node/online
cp sys/devices/system/node/online sys/devices/system/node/possible
cp sys/devices/system/node/online sys/devices/system/node/has_cpu
cp sys/devices/system/node/online sys/devices/system/node/has_memory

awk -v n="$n" -v irqs="$irqs" -v spread="$spread" '
function count(q, cpu) {
	return (cpu - q % n + n) % n < spread ? 10 * q : 0
}
BEGIN {
	line = "%s 123456 789 45678 98765432 1234 0 5678 90 0 0\n"
	printf line, "cpu " > "proc/stat"
	printf "version 15\ntimestamp 4295000000\n" > "proc/schedstat"
	printf "%27s", "" > "proc/softirqs"
	printf "%12s", "" > "proc/interrupts"
	for (i = 0; i < n; i++) {
		printf line, "cpu" i > "proc/stat"
		printf "cpu%d 0 0 0 0 0 0 123456789012 2345678901 3456789\n", i > "proc/schedstat"
		printf "CPU%-8d", i > "proc/softirqs"
		printf "CPU%-8d", i > "proc/interrupts"
		printf "processor\t: %d\nvendor_id\t: GenuineIntel\nmodel name\t: Made up\nphysical id\t: %d\ncore id\t\t: %d\nflags\t\t: fpu\n\n", i, i / 128, i / 2 > "proc/cpuinfo"
	}
	printf "\n" > "proc/softirqs"
	printf "\n" > "proc/interrupts"
	split("HI TIMER NET_TX NET_RX BLOCK IRQ_POLL TASKLET SCHED HRTIMER RCU", names)
	for (s = 1; s <= 10; s++) {
		printf "%12s:", names[s] > "proc/softirqs"
		for (i = 0; i < n; i++)
			printf " %10d", 1000 * s + i > "proc/softirqs"
		printf "\n" > "proc/softirqs"
	}
	printf "intr 987654321" > "proc/stat"
	for (q = 0; q < 24 + irqs; q++) {
		device = q >= 24
		printf " %d", device ? 10 * q * spread : 0 > "proc/stat"
		if (!device)
			continue
		printf "%4d:", q > "proc/interrupts"
		for (i = 0; i < n; i++)
			printf " %10d", count(q, i) > "proc/interrupts"
		printf "  PCI-MSIX-0000:01:00.0 %d-edge      eth0-rx-%d\n", q, q - 24 > "proc/interrupts"
	}
	printf "\nctxt 55555555\nbtime 1700000000\nprocesses 666666\nprocs_running 3\nprocs_blocked 0\nsoftirq 1111 1 2 3 4 5 6 7 8 9 10\n" > "proc/stat"
	split("NMI LOC SPU PMI IWI RTR RES CAL TLB TRM THR DFR MCE MCP", lines)
	for (s = 1; s <= 14; s++) {
		printf "%4s:", lines[s] > "proc/interrupts"
		for (i = 0; i < n; i++)
			printf " %10d", 1000 * s > "proc/interrupts"
		printf "   Made up interrupts\n" > "proc/interrupts"
	}
	printf " ERR:          0\n MIS:          0\n" > "proc/interrupts"
}'

all=$(mask 0 "$n")
for ((q = 24; q < 24 + irqs; q++)); do
	mkdir -p "proc/irq/$q/eth0-rx-$((q - 24))" "sys/kernel/irq/$q"
	echo "$all" >"proc/irq/$q/smp_affinity"
	echo "0-$last" >"proc/irq/$q/smp_affinity_list"
	echo $((q % n)) >"proc/irq/$q/effective_affinity_list"
	mask $((q % n)) 1 >"proc/irq/$q/effective_affinity"
	echo $((q % nodes)) >"proc/irq/$q/node"
	echo "eth0-rx-$((q - 24))" >"sys/kernel/irq/$q/actions"
	echo PCI-MSIX-0000:01:00.0 >"sys/kernel/irq/$q/chip_name"
	echo "$q" >"sys/kernel/irq/$q/hwirq"
	echo edge >"sys/kernel/irq/$q/type"
done
awk -v n="$n" -v irqs="$irqs" -v spread="$spread" 'BEGIN {
	for (q = 24; q < 24 + irqs; q++) {
		file = "sys/kernel/irq/" q "/per_cpu_count"
		for (i = 0; i < n; i++)
			printf "%s%d", i ? "," : "", (i - q % n + n) % n < spread ? 10 * q : 0 > file
		printf "\n" > file
		close(file)
	}
}'
echo "$all" >proc/irq/default_smp_affinity

cat >proc/meminfo <<END
MemTotal:       $((nodes * 33554432)) kB
MemFree:        $((nodes * 16777216)) kB
MemAvailable:   $((nodes * 20777216)) kB
HugePages_Total:       0
HugePages_Free:        0
HugePages_Rsvd:        0
HugePages_Surp:        0
Hugepagesize:       2048 kB
END
for file in cpu memory io irq; do
	echo "some avg10=0.00 avg60=0.00 avg300=0.00 total=123456"
	echo "full avg10=0.00 avg60=0.00 avg300=0.00 total=12345"
done | split -l 2 --numeric-suffixes - proc/pressure/part
mv proc/pressure/part00 proc/pressure/cpu
mv proc/pressure/part01 proc/pressure/memory
mv proc/pressure/part02 proc/pressure/io
mv proc/pressure/part03 proc/pressure/irq
echo 'BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro' >proc/cmdline
echo 'Linux version 6.12.0 (made@up) #1 SMP PREEMPT_DYNAMIC' >proc/version
echo '0.10 0.20 0.30 1/2345 6789' >proc/loadavg
echo '123456.78 9876543.21' >proc/uptime
echo 6.12.0 >proc/sys/kernel/osrelease
echo made-up >proc/sys/kernel/hostname
echo '#1 SMP PREEMPT_DYNAMIC' >proc/sys/kernel/version
echo tsc >sys/devices/system/clocksource/clocksource0/current_clocksource
echo 'tsc hpet acpi_pm' >sys/devices/system/clocksource/clocksource0/available_clocksource
echo 'always [madvise] never' >sys/kernel/mm/transparent_hugepage/enabled
echo 'always defer [madvise] never' >sys/kernel/mm/transparent_hugepage/defrag
echo 0 >sys/kernel/mm/ksm/run
