#!/bin/bash
# Can our figures be trusted? The wakeup engine and cyclictest (rt-tests) in turns on one CPU with the
# same interval, priority, policy and idle states, idle and under stress-ng, in one run:
#
#   1. p50, p99 and max of each; the Kolmogorov-Smirnov distance of ours to cyclictest beside the
#      distance of cyclictest to itself (its odd slices to its even ones); CPU time per wakeup
#   2. the whole dashboard measuring every CPU at 1 kHz beside cyclictest alone on a terminal
#   3. the observer effect: cyclictest on one CPU while the dashboard runs and while it does not
#
# It prints, it never judges: a shared machine changes from second to second. Therefore both run in
# short slices, A B B A, which are added up; the distance of cyclictest to itself shows what is left.
#
# cyclictest would hold /dev/cpu_dma_latency at 0, which keeps the CPU out of its idle states and so
# changes what is measured: --default-system makes it leave that alone, as we do. It counts whole
# microseconds, rounded down, so both distributions are compared at whole microseconds.
#
# usage: fidelity.sh [SECONDS [SLICES [CPU]]]    (needs root, cyclictest, jq; stress-ng for the load)
set -u -o pipefail

seconds=${1:-3} slices=${2:-16} cpu=${3:-$(($(nproc) - 1))}
build=${JT_BUILDDIR:-.}
jittertop=${JITTERTOP:-$build/jittertop}
interval_us=1000
priority=2

for tool in cyclictest jq "$jittertop"; do
	command -v "$tool" >/dev/null || {
		echo "SKIP: $tool is not there (Debian: rt-tests, jq; JITTERTOP=path of the program)"
		exit 77
	}
done

dir=$(mktemp -d)
load=
stop_load() {
	[ -z "$load" ] || { kill "$load" && wait "$load"; } 2>/dev/null
	load=
}
trap 'stop_load; rm -rf "$dir"' EXIT

# cpu_us COMMAND...: user and system time of the command in microseconds, on stdout
cpu_us() {
	local TIMEFORMAT='%3U %3S' spent
	spent=$({ time "$@" >/dev/null 2>&1; } 2>&1)
	awk -v spent="$spent" 'BEGIN { split(spent, s, " "); printf "%d\n", (s[1] + s[2]) * 1e6 }'
}

# Each of the two writes NAME.cells ("from_us to_us count" lines), NAME.max (us) and NAME.cpu (us).
# SECONDS 0: (next to) nothing is measured.
# ours NAME SECONDS
ours() {
	# shellcheck disable=SC2016 # the inner shell expands them
	cpu_us sh -c '"$1" probe -c "$2" -D "$3" -i "$4us" -p "$5" --json >"$6"' - \
		"$jittertop" "$cpu" "$([ "$2" = 0 ] && echo 5ms || echo "$2s")" "$interval_us" "$priority" "$dir/json" >"$dir/$1.cpu"
	jq -r '.cpus[0].histogram[] | [.from_ns / 1000, .to_ns / 1000, .count] | @tsv' \
		"$dir/json" >"$dir/$1.cells"
	jq -r '.cpus[0].max_ns / 1000' "$dir/json" >"$dir/$1.max"
}

# theirs NAME SECONDS
theirs() {
	local until="-D $2"
	[ "$2" != 0 ] || until="-l 5"
	# shellcheck disable=SC2086 # two words
	cpu_us cyclictest -q -m -t1 -a "$cpu" $until -i "$interval_us" -p "$priority" \
		--policy=fifo -h 20000 --default-system --json="$dir/json" >"$dir/$1.cpu"
	jq -r '.thread["0"].histogram | to_entries[] | [(.key | tonumber), (.key | tonumber) + 1, .value]
		| @tsv' "$dir/json" >"$dir/$1.cells"
	jq -r '.thread["0"].max' "$dir/json" >"$dir/$1.max"
}

# distance A B: the largest difference of the shares of samples below any whole microsecond. Within
# a cell samples are taken as spread evenly: ours are 3 % wide, cyclictest's are 1 us.
distance() {
	awk '
		function add(side, from, to, count,    us, low, high) {
			total[side] += count
			for (us = int(from); us < to; us++) {
				low = us > from ? us : from
				high = us + 1 < to ? us + 1 : to
				n[side, us] += count * (high - low) / (to - from)
			}
			if (to > last) last = to
		}
		FNR == 1 { side++ }
		{ add(side, $1, $2 < 1e6 ? $2 : $1 + 1, $3) }
		END {
			for (us = 0; us <= last; us++) {
				a += n[1, us] / total[1]
				b += n[2, us] / total[2]
				d = a > b ? a - b : b - a
				if (d > worst) worst = d
			}
			printf "%.3f\n", worst
		}' "$dir/$1.cells" "$dir/$2.cells"
}

# row TITLE NAME: samples, p50, p99, p99.9, max
row() {
	awk -v title="$1" -v max="$(cat "$dir/$2.max")" '
		function quantile(q,    i, sum) {
			if (total * (1 - q) < 9.999) return "-"
			for (i = 1; i <= NR; i++) {
				sum += count[i]
				if (sum >= total * q) return sprintf("%.1f", (from[i] + to[i]) / 2)
			}
		}
		{ from[NR] = $1; to[NR] = $2; count[NR] = $3; total += $3 }
		END {
			printf "  %-24s%9d%9s%9s%9s%10.1f\n", title, total, quantile(0.5), quantile(0.99),
				quantile(0.999), max
		}' "$dir/$2.cells"
}

# median: of the numbers on stdin, with the range
median() {
	sort -g | awk '{ v[NR] = $1 } END {
		if (!NR) { print "-"; exit }
		m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
		printf "%.3f (%.3f to %.3f, %d pairs)\n", m, v[1], v[NR], NR }'
}

# pool TARGET NAME...: all their samples together
pool() {
	local target=$1 name
	shift
	for name; do
		cat "$dir/$name.cells" >&3
		cat "$dir/$name.max"
	done 3>"$dir/unsorted" | sort -g | tail -n 1 >"$dir/$target.max"
	sort -g "$dir/unsorted" >"$dir/$target.cells"
}

# names SIDE FIRST STEP: of the slices
names() {
	seq -f "$1.%g" "$2" "$3" "$slices"
}

# startup SIDE: CPU time of a run that measures (next to) nothing, us; the median of seven
startup() {
	local i
	for ((i = 0; i < 7; i++)); do
		"$1" startup 0 && cat "$dir/startup.cpu"
	done | sort -g | sed -n 4p
}

# per_wakeup SIDE: CPU time of a wakeup, us, without start and end
per_wakeup() {
	local name
	for name in $(names "$1" 1 1); do
		cat "$dir/$name.cpu"
	done | awk -v startup="$(startup "$1")" -v wakeups="$(awk '{ n += $3 } END { print n }' "$dir/$1.cells")" \
		'{ spent += $1 - startup } END { printf "%.2f", spent / wakeups }'
}

# compare CONDITION
compare() {
	local i side
	printf '%s, CPU %s, %s slices of %s s each in turns, fifo %s, %s us, idle states as they are; us\n' \
		"$1" "$cpu" "$slices" "$seconds" "$priority" "$interval_us"
	for ((i = 1; i <= slices; i++)); do
		# Who comes first changes, so that a drift of the machine favours neither.
		if ((i % 2)); then
			ours "ours.$i" "$seconds" && theirs "theirs.$i" "$seconds"
		else
			theirs "theirs.$i" "$seconds" && ours "ours.$i" "$seconds"
		fi
	done
	printf '  %-24s%9s%9s%9s%9s%10s\n' '' samples p50 p99 p99.9 max
	for side in ours theirs; do
		# shellcheck disable=SC2046 # names without blanks
		{
			pool $side $(names $side 1 1)
			pool $side.odd $(names $side 1 2)
			pool $side.even $(names $side 2 2)
		}
	done
	row jittertop ours
	row '  its odd slices' ours.odd
	row '  its even slices' ours.even
	row cyclictest theirs
	row '  its odd slices' theirs.odd
	row '  its even slices' theirs.even
	printf '  distance: ours to cyclictest %s, cyclictest to itself %s, ours to itself %s\n' \
		"$(distance ours theirs)" "$(distance theirs.odd theirs.even)" "$(distance ours.odd ours.even)"
	printf '  a slice of ours to the next of cyclictest  %s\n' "$(for ((i = 1; i <= slices; i++)); do
		distance "ours.$i" "theirs.$i"
	done | median)"
	printf '  a slice of cyclictest to its next          %s\n' "$(for ((i = 1; i < slices; i++)); do
		distance "theirs.$i" "theirs.$((i + 1))"
	done | median)"
	printf '  CPU time per wakeup: ours %s us, cyclictest %s us\n\n' "$(per_wakeup ours)" "$(per_wakeup theirs)"
}

# figure NAME LINE: one of ptyrun's figures
figure() {
	sed -nE "s/.*\b$1=([0-9.]+).*/\1/p" <<<"$2"
}

whole_dashboard() {
	local n mine reference i seconds=$((seconds * 3)) rounds=$(((slices + 3) / 4))
	n=$(nproc)
	echo "whole program, every CPU at 1 kHz, terminal of 160x50, $seconds s, in turns"
	printf '  %-28s%14s%14s\n' '' cpu_ms_per_s bytes_per_s
	for ((i = 1; i <= rounds; i++)); do
		mine=$("$build/tests/bench/ptyrun" -w 4 -t "$seconds" "$jittertop" --delay 1 2>/dev/null)
		reference=$("$build/tests/bench/ptyrun" -w 4 -t "$seconds" cyclictest -m -t "$n" -a -p "$priority" \
			-i "$interval_us" -d 0 --policy=fifo --default-system 2>/dev/null)
		printf '  %-28s%14s%14s\n' "jittertop $i" "$(figure cpu_ms_per_s "$mine")" "$(figure bytes_per_s "$mine")" \
			"cyclictest $i" "$(figure cpu_ms_per_s "$reference")" "$(figure bytes_per_s "$reference")"
		echo "$(figure cpu_ms_per_s "$mine") $(figure bytes_per_s "$mine")" \
			"$(figure cpu_ms_per_s "$reference") $(figure bytes_per_s "$reference")" >>"$dir/whole"
	done
	awk '{ c += $1; b += $2; rc += $3; rb += $4 } END {
		if (rc && rb) printf "  ratio: %.2f of its CPU time, %.3f of its bytes\n\n", c / rc, b / rb }' "$dir/whole"
}

# The dashboard is there from before a slice until after it. What alternates are three conditions,
# in another order each time.
observer_effect() {
	local i condition dashboard rounds=$(((slices + 1) / 2)) others
	if [ "$(nproc)" -lt 2 ]; then
		echo "observer effect: SKIP: one CPU only"
		return
	fi
	others=$(seq 0 $(($(nproc) - 1)) | grep -vx "$cpu" | paste -sd,)
	echo "observer effect: cyclictest on CPU $cpu without the dashboard, while it measures the other CPUs, while it only looks"
	for ((i = 1; i <= 3 * rounds; i++)); do
		condition=$(printf 'alone\nmeasuring\nlooking\n' | sed -n "$(((i + (i - 1) / 3) % 3 + 1))p")
		dashboard=
		case $condition in
		measuring)
			taskset -c "$others" "$build/tests/bench/ptyrun" -w 1 -t $((seconds + 2)) \
				"$jittertop" --delay 1 >/dev/null 2>&1 &
			dashboard=$!
			;;
		looking)
			"$build/tests/bench/ptyrun" -w 1 -t $((seconds + 2)) \
				"$jittertop" --no-measure --delay 1 >/dev/null 2>&1 &
			dashboard=$!
			;;
		esac
		sleep 1
		theirs "$condition.$(((i - 1) / 3 + 1))" "$seconds"
		[ -z "$dashboard" ] || wait "$dashboard"
	done
	printf '  %-24s%9s%9s%9s%9s%10s\n' '' samples p50 p99 p99.9 max
	slices=$rounds
	# shellcheck disable=SC2046 # names without blanks
	for condition in alone measuring looking; do
		pool $condition $(names $condition 1 1)
		row $condition $condition
	done
	# shellcheck disable=SC2046 # names without blanks
	pool alone.odd $(names alone 1 2)
	# shellcheck disable=SC2046 # names without blanks
	pool alone.even $(names alone 2 2)
	printf '  distance: alone to measuring %s, alone to looking %s, alone to itself %s\n\n' \
		"$(distance alone measuring)" "$(distance alone looking)" "$(distance alone.odd alone.even)"
}

echo "load of the machine before: $(cat /proc/loadavg), $(uname -r), $(nproc) CPUs"
compare idle
if command -v stress-ng >/dev/null; then
	stress-ng --cpu 1 --cpu-method matrixprod --taskset "$cpu" -t $((seconds * slices * 3 + 60)) >/dev/null 2>&1 &
	load=$!
	sleep 1
	compare stress-ng
	stop_load
else
	echo "stress-ng: SKIP: not installed"
fi
[ -x "$build/tests/bench/ptyrun" ] || {
	echo "the whole program and the observer effect: SKIP: tests/bench/ptyrun is not built (make bench)"
	exit 0
}
whole_dashboard
observer_effect
