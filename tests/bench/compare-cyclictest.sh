#!/bin/bash
# Our wakeup engine and cyclictest (rt-tests) in turns on the same CPU, both distributions side by
# side. It prints, it never judges: two runs of the same program differ, too, as the rounds show.
#
# Equal conditions: SCHED_FIFO priority 2, absolute clock_nanosleep, 1 ms, locked memory, one thread.
# cyclictest would hold /dev/cpu_dma_latency at 0 while it runs, which keeps the CPU out of its idle
# states and so changes what is measured; --default-system makes it leave that alone, as we do.
# cyclictest counts whole microseconds, rounded down: expect it half a microsecond lower.
#
# usage: compare-cyclictest.sh [CPU [SECONDS [ROUNDS]]]      (needs root)
set -eu -o pipefail

cpu=${1:-0} seconds=${2:-10} rounds=${3:-3}
jittertop=${JITTERTOP:-./jittertop}
interval_us=1000
priority=2

for tool in cyclictest jq "$jittertop"; do
	command -v "$tool" >/dev/null || {
		echo "skipped: $tool is not there (Debian: rt-tests, jq; JITTERTOP=path of the program)" >&2
		exit 77
	}
done

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

ours() {
	"$jittertop" probe -c "$cpu" -D "${seconds}s" -i "${interval_us}us" -p "$priority" --json |
		jq -c '[.cpus[0].histogram[] | [(.from_ns + .to_ns) / 2000, .count]], .cpus[0].max_ns / 1000'
}

theirs() {
	cyclictest -q -m -t1 -a "$cpu" -D "$seconds" -i "$interval_us" -p "$priority" -h 20000 \
		--default-system --json="$dir/cyclictest.json" >/dev/null 2>&1
	jq -c '.thread["0"] | [.histogram | to_entries[] | [(.key | tonumber), .value]], .max' \
		"$dir/cyclictest.json"
}

# line TITLE FILE...: pairs of histogram [[us, count], ...] and maximum in us
line() {
	local title=$1
	shift
	cat "$@" | jq -rs --arg title "$title" '
		[.[] | select(type == "array")] as $histograms
		| ([.[] | select(type == "number")] | max) as $max
		| ($histograms | add | sort_by(.[0])) as $cells
		| ($cells | map(.[1]) | add) as $total
		| ($cells | map(.[0] * .[1]) | add / $total) as $mean
		| def quantile($q):
			if $total * (1 - $q) < 9.999 then "-"
			else first(foreach $cells[] as [$us, $n] (0; . + $n;
				if . >= $total * $q then $us else empty end)) end;
		[$title, $total, $cells[0][0], $mean, quantile(0.5), quantile(0.9), quantile(0.99),
		 quantile(0.999), quantile(0.9999), $max]
		| map(if type == "number" then . * 10 | round / 10 else . end) | @tsv' |
		awk -F'\t' '{ printf "%-14s", $1; for (i = 2; i <= 10; i++) printf " %9s", $i; print "" }'
}

printf 'CPU %s, %s rounds of %s s each, us\n%-14s' "$cpu" "$rounds" "$seconds" ''
printf ' %9s' samples min mean p50 p90 p99 p99.9 p99.99 max
echo
for ((round = 1; round <= rounds; round++)); do
	# Who comes first changes, so that a slow drift of the machine's load favours neither.
	if ((round % 2)); then
		ours >"$dir/ours.$round"
		theirs >"$dir/theirs.$round"
	else
		theirs >"$dir/theirs.$round"
		ours >"$dir/ours.$round"
	fi
	line "ours $round" "$dir/ours.$round"
	line "cyclictest $round" "$dir/theirs.$round"
done
line "ours all" "$dir"/ours.*
line "cyclictest all" "$dir"/theirs.*

# cells SIDE FILE...: "side us count" lines
cells() {
	local side=$1
	shift
	cat "$@" | jq -r --arg side "$side" 'select(type == "array") | .[] | [$side, .[0], .[1]] | @tsv'
}

# Shares of the samples, in steps of a quarter.
echo
{ cells 0 "$dir"/ours.* && cells 1 "$dir"/theirs.*; } | awk '
	function cell(us) { return us < 1 ? 0 : int(log(us) / log(1.25)) }
	{
		i = cell($2)
		n[$1, i] += $3
		total[$1] += $3
		if (i > last) last = i
		if (first == "" || i < first) first = i
	}
	END {
		printf "%19s  %-37s  %s\n", "us", "ours", "cyclictest"
		for (i = first; i <= last; i++) {
			printf "%8.1f - %8.1f", 1.25 ^ i, 1.25 ^ (i + 1)
			for (side = 0; side < 2; side++) {
				share = total[side] ? n[side, i] / total[side] : 0
				bar = ""
				for (j = 0; j < share * 50 && j < 25; j++) bar = bar "#"
				printf "  %8.3f %% %-25s", share * 100, bar
			}
			print ""
		}
	}'
