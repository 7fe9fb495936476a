#!/bin/bash
# What jittertop costs, from one run on this machine. Prints, never judges: figures of a shared
# machine vary from run to run, and so nothing here can fail for being slow.
#
#   1. CPU time and bytes sent to the terminal per second at 1 Hz on 160x50, beside htop and btop
#   2. what the history of fifteen minutes takes, and the digest every frame is drawn from
#   3. one tick of the sampler for 2, 64, 256 and 1,024 CPUs: CPU time, and instructions counted by
#      callgrind (the same number on every run)
#   3. interrupts: 64 x 500, 256 x 1,000 and 1,152 x 1,056 (CPUs x interrupts)
#   4. 0 to 500 virtual machines
#   5. frames while huge pages are being allocated, ten a second asked for
#   6. control groups: the probe of containers over 0 to 2,000 of them
#   7. `jittertop knobs --json` over 2, 256 and 1,024 CPUs with three idle states each
#
# Usage: run.sh [SECONDS]; needs JT_BUILDDIR with `make bench` run there.
set -u -o pipefail

here=${BASH_SOURCE[0]%/*}
build=${JT_BUILDDIR:-.}
seconds=${1:-${JT_BENCH_SECONDS:-20}}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

absent() {
	printf '%-28s not measured: %s\n' "$1" "$2"
}

# terminal NAME COMMAND...
terminal() {
	local name=$1 figures
	shift
	if ! command -v "$1" >/dev/null; then
		absent "$name" "$1 is not installed"
		return
	fi
	if ! figures=$(timeout -k 5 $((seconds + 60)) "$build/tests/bench/ptyrun" -w 4 -t "$seconds" "$@" 2>"$tmp/err"); then
		absent "$name" "$(tr '\n' ' ' <"$tmp/err")"
		return
	fi
	# shellcheck disable=SC2046 # words by design
	printf '%-28s' "$name" && printf '%14s' $(sed -E 's/[a-z_]+=//g' <<<"$figures") && echo
}

echo "terminal, 160x50, 1 Hz, ${seconds} s after a warm-up of 4 s, $(nproc) CPUs, $(find /proc -maxdepth 1 -name "[0-9]*" | wc -l) processes on the machine"
printf '%-28s%14s%14s%14s%14s%14s\n' program first_frame_ms cpu_ms_per_s bytes_per_s start_cpu_ms processes
mkdir -p "$tmp/btop" "$tmp/htop"
printf 'update_ms = 1000\n' >"$tmp/btop/btop.conf"
terminal 'jittertop --no-measure' "$build/jittertop" --no-measure --delay 1
XDG_CONFIG_HOME=$tmp terminal 'htop' htop -d 10
XDG_CONFIG_HOME=$tmp terminal 'btop' btop
terminal 'jittertop (measuring)' "$build/jittertop" --delay 1
echo

echo "history of 900 s at 1 kHz per CPU, latencies made up: memory; CPU time per snapshot fed; per digest"
printf '%-28s%20s%20s%20s\n' machine history_mib feed_cpu_ms digest_cpu_ms
for cpus in 2 64 256 1024; do
	if figures=$(timeout -k 5 300 "$build/tests/bench/history" $cpus 2>"$tmp/err"); then
		# shellcheck disable=SC2046 # words by design
		printf '%-28s' "$cpus CPUs" && printf '%20s' $(sed -E 's/history_bytes=[0-9]+//; s/[a-z_]+=//g' <<<"$figures") && echo
	else
		absent "$cpus CPUs" "$(tr '\n' ' ' <"$tmp/err")"
	fi
done
echo

echo "control groups and containers, one run of their probe: the first; an ordinary one (details of a tenth); a thorough one"
printf '%-28s%20s%20s%20s%20s\n' groups rows first_cpu_ms ordinary_cpu_ms thorough_cpu_ms
for where in 'tree 0' 'tree 100' 'tree 500' 'tree 1000' 'tree 2000' 'live 0' 'live 100' 'live 500'; do
	read -r how groups <<<"$where"
	if figures=$(timeout -k 5 120 "$build/tests/bench/groups" "$groups" "$how" 2>"$tmp/err"); then
		# shellcheck disable=SC2046 # words by design
		printf '%-28s' "$groups ($how)" && printf '%20s' $(sed -E 's/[a-z_]+=//g' <<<"$figures") && echo
	else
		absent "$groups ($how)" "$(tr '\n' ' ' <"$tmp/err")"
	fi
done
echo

# Each of TICKS is a short one and a full one: the figure is the sum of both.
# instructions TICKS ARGUMENTS...: what callgrind counts for the whole run
instructions() {
	local ticks=$1 out=$tmp/callgrind.$1
	shift
	timeout -k 5 600 valgrind --tool=callgrind --callgrind-out-file="$out" \
		"$build/tests/bench/tick" "$@" "$ticks" >/dev/null 2>"$tmp/err" || return 1
	awk '/^(summary|totals):/ { sum = $2 } END { print sum }' "$out"
}

# tick NAME ARGUMENTS...
tick() {
	local name=$1 figures few many per_tick='-'
	shift
	if ! figures=$(timeout -k 5 300 "$build/tests/bench/tick" "$@" 20 2>"$tmp/err"); then
		absent "$name" "$(tr '\n' ' ' <"$tmp/err")"
		return
	fi
	if command -v valgrind >/dev/null; then
		few=$(instructions 2 "$@") && many=$(instructions 4 "$@") && per_tick=$(((many - few) / 2))
	fi
	# shellcheck disable=SC2046 # words by design
	printf '%-28s' "$name" && printf '%20s' $(sed -E 's/[a-z_]+=//g' <<<"$figures") "$per_tick" && echo
}

echo "one tick of the sampler: the first; a short one (probes without a period); a full one (every probe)"
printf '%-28s%20s%20s%20s%20s\n' machine first_tick_cpu_ms short_tick_cpu_ms full_tick_cpu_ms instructions
command -v valgrind >/dev/null || echo "valgrind is not installed: no instructions"
tick 'this machine' --live .
for cpus in 2 64 256 1024; do
	"$here/make-capture.sh" $cpus "$tmp/host$cpus" && tick "capture of $cpus CPUs" --root "$tmp/host$cpus"
done
tick 'synthetic, 1024 CPUs' --topology 'pack:8 numa:2 l3:4 core:8 pu:2'
echo

# counted FUNCTION TICKS ARGUMENTS...: instructions of one call of it
counted() {
	local function=$1 ticks=$2 out=$tmp/callgrind.irqs
	shift 2
	timeout -k 5 900 valgrind --tool=callgrind --toggle-collect="$function" --callgrind-out-file="$out" \
		"$build/tests/bench/irqs" "$@" "$ticks" >/dev/null 2>"$tmp/err" || return 1
	awk -v ticks="$ticks" '/^(summary|totals):/ { sum = $2 } END { printf "%d\n", sum / ticks }' "$out"
}

# irqs CPUS IRQS SPREAD: none, a tenth and all of them fire between two ticks
irqs() {
	local cpus=$1 irqs=$2 spread=$3 dir=$tmp/irqs$1-$3 moving figures tick frame
	"$here/make-capture.sh" "$cpus" "$dir" "$irqs" "$spread" || return
	for moving in 0 $((irqs / 10)) "$irqs"; do
		if ! figures=$("$build/tests/bench/irqs" "$dir" "$cpus" "$moving" 10 2>"$tmp/err"); then
			absent "$cpus x $irqs" "$(tr '\n' ' ' <"$tmp/err")"
			return
		fi
		tick=- frame=-
		if command -v valgrind >/dev/null; then
			tick=$(counted measured_tick 3 "$dir" "$cpus" "$moving") || tick=-
			frame=$(counted measured_frame 3 "$dir" "$cpus" "$moving") || frame=-
		fi
		printf '%-12s%8s%8s' "$cpus x $irqs" "$spread" "$moving"
		# shellcheck disable=SC2046,SC2183 # words by design
		printf '%8s%9s%10s%10s%14s%14s%12s\n' $(sed -E 's/[a-z_]+=//g' <<<"$figures") "$tick" "$frame" \
			$([ "$tick" = - ] && echo - || echo $((tick / irqs)))
	done
	rm -rf "$dir"
}

echo "interrupts: a tick is the probe and its snapshot, a frame the irq view on 160x50; spread: CPUs an"
echo "interrupt came to so far; firing: interrupts that came between two ticks, each at one CPU"
printf '%-12s%8s%8s%8s%9s%10s%10s%14s%14s%12s\n' 'CPUs x IRQs' spread firing IRQs cells tick_ms frame_ms \
	tick_instr frame_instr instr/IRQ
for spread in 2 16; do
	irqs 64 500 $spread
	irqs 256 1000 $spread
	irqs 1152 1056 $spread
done
echo

echo "frames while huge pages are being allocated by a guard that gets half a percent of a CPU"
if figures=$(JITTERTOP=$build/jittertop timeout -k 5 120 "$build/tests/pty/test_slow" 2>"$tmp/err" | grep -E '^[0-9]+ huge pages|^cancelled'); then
	echo "$figures"
else
	absent 'huge pages' 'make check builds tests/pty/test_slow; it needs root, free memory and a control group for cpu time'
fi
echo

echo "virtual machines: copies of a real one with 4 vCPUs, its monitor's replies replayed; CPU time of a run of"
echo "the probe (one a second): the first, the usual one, one that reads everything"
printf '%-12s%10s%14s%12s%12s%12s\n' machines threads monitors_ok first_ms usual_ms full_ms
for count in 0 10 100 500; do
	if ! "$here/make-vms.sh" "$build/jittertop" $count "$tmp/vms$count" 2>"$tmp/err"; then
		absent "$count machines" "no QEMU here, or it does not start"
	elif figures=$(timeout -k 5 300 "$build/tests/bench/vms" "$tmp/vms$count" 6 2>"$tmp/err"); then
		# shellcheck disable=SC2046,SC2183 # words by design
		printf '%-12s%10s%14s%12s%12s%12s\n' $(sed -E 's/[a-z_]+=//g' <<<"$figures")
	else
		absent "$count machines" "$(tr '\n' ' ' <"$tmp/err")"
	fi
	rm -rf "$tmp/vms$count"
done
echo

# idle_states DIR CPUS: three of them for each CPU, as cpuidle shows them
idle_states() {
	local state
	for ((c = 0; c < $2; c++)); do
		for state in 0 1 2; do
			mkdir -p "$1/sys/devices/system/cpu/cpu$c/cpuidle/state$state" || return
			echo $((state * 50)) >"$1/sys/devices/system/cpu/cpu$c/cpuidle/state$state/latency"
			echo 0 >"$1/sys/devices/system/cpu/cpu$c/cpuidle/state$state/disable"
		done
	done
}

echo "every knob listed once, the program's start and its JSON included; files opened, by strace"
printf '%-28s%12s%12s%12s%12s\n' machine targets user_s system_s opens
for cpus in 2 256 1024; do
	dir=$tmp/knobs$cpus
	if ! "$here/make-capture.sh" $cpus "$dir" || ! idle_states "$dir" $cpus; then
		continue
	fi
	TIMEFORMAT='%U %S'
	figures=$({ time timeout -k 5 120 "$build/jittertop" --root "$dir" knobs --json >"$tmp/knobs.json"; } 2>&1) || {
		absent "$cpus CPUs" "$figures"
		continue
	}
	opens=-
	if command -v strace >/dev/null; then
		opens=$(strace -f -e trace=openat,openat2 -o /dev/stdout "$build/jittertop" --root "$dir" knobs --json | grep -c 'openat2\?(')
	fi
	# shellcheck disable=SC2086,SC2183 # words by design
	printf '%-28s%12s%12s%12s%12s\n' "$cpus CPUs" "$(grep -o '"key"' "$tmp/knobs.json" | wc -l)" $figures "$opens"
	rm -rf "$dir"
done
