#!/bin/bash
# The knobs of threads, kernel threads and machines on real ones: what was set is what taskset and chrt say, and
# what was there before comes back; a process that ends meanwhile is no residue. In a mount namespace with a
# /run of its own, so that no other jittertop is in the way. Touches nothing that it did not start.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}

skip() {
	echo "SKIP: knobs of machines: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
for tool in qemu-system-x86_64 taskset chrt jq python3; do
	command -v $tool >/dev/null || skip "no $tool here"
done
[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
if [ -z "${JT_KNOB_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_KNOB_INSIDE=1 exec unshare -m --propagation private "$0"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
failed=0
dir=$(mktemp -d) || exit 99
started=()

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	"$program" undo --all >/dev/null 2>&1
	[ ${#started[@]} -eq 0 ] || kill -KILL "${started[@]}" 2>/dev/null
	{ wait; } 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "FAIL: knobs of machines: $*"
	failed=1
}

cpus() {
	taskset -pc "$1" | sed 's/.*: //'
}
policy() {
	chrt -p "$1" | sed -n 's/.*policy: SCHED_//p; s/.*priority: //p' | tr '\n' ' '
}
# is WHAT HAVE WANT
is() {
	[ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"
}
set_it() {
	"$program" set --revert-after 60s "$@" >"$dir/out" 2>&1 || fail "set $*: $(cat "$dir/out")"
}
# A refusal says what to do and changes nothing.
refused() {
	local want=$1
	shift
	if "$program" set "$@" >"$dir/out" 2>&1; then
		fail "set $* was not refused"
		"$program" undo --all >/dev/null 2>&1
	elif ! grep -q "$want" "$dir/out"; then
		fail "set $*: not in these words: $(cat "$dir/out")"
	fi
}

mapfile -t all < <(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)), sep="\n")')
[ ${#all[@]} -ge 2 ] || skip "may use one CPU only"
first=${all[0]} second=${all[1]} before=$(cpus $$)

# --- a thread ---
nice -n 5 sleep 1000 &
one=$!
started+=("$one")
target=thread:$one/$one
set_it "thread_affinity@$target=$second" "thread_policy@$target=batch:0"
is "pinned" "$(cpus $one)" "$second"
is "batch" "$(policy $one)" "BATCH 0 "
"$program" undo >"$dir/out" 2>&1 || fail "undo: $(cat "$dir/out")"
is "pin undone" "$(cpus $one)" "$before"
is "policy undone" "$(policy $one)" "OTHER 0 "
is "nice kept" "$(ps -o ni= -p $one | tr -d ' ')" 5
chrt -R -f -p 3 $one 2>/dev/null || skip "no real-time policy may be set here"
set_it "thread_policy@$target=rr:7"
is "round robin" "$(policy $one)" "RR|SCHED_RESET_ON_FORK 7 "
"$program" undo >"$dir/out" 2>&1 || fail "undo: $(cat "$dir/out")"
is "FIFO undone" "$(policy $one)" "FIFO|SCHED_RESET_ON_FORK 3 "
"$program" knobs --json thread_policy | jq -e --arg k "$target" '.knobs[].targets[] | select(.key == $k) | .value == "fifo:3"' >/dev/null ||
	fail "a real-time thread is not listed"
chrt -o -p 0 $one
is "nice kept under FIFO" "$(ps -o ni= -p $one | tr -d ' ')" 5

# It ends while the trial runs: nothing is left to take back.
set_it "thread_affinity@$target=$second"
kill -KILL $one
wait $one 2>/dev/null
"$program" undo --json >"$dir/out" 2>"$dir/err"
is "undo of what has gone" $? 0
"$program" status --json | jq -e '[.transactions[]?] | length == 0' >/dev/null || fail "residue: $("$program" status)"
refused "gone\|none on this host" "thread_affinity@$target=$second"

# --- kernel threads: refusals only ---
softirqd=$(pgrep -x "ksoftirqd/$first" | head -1)
if [ -n "$softirqd" ]; then
	refused "lets nobody" "thread_affinity@thread:$softirqd/$softirqd=$second"
	refused "lets nobody" "kthread_affinity@kthread:ksoftirqd/$first=$second"
	"$program" set --dry-run --json "kthread_priority@kthread:ksoftirqd/*=fifo:2" >"$dir/out" ||
		fail "dry run: $(cat "$dir/out")"
	is "one step for each ksoftirqd" "$(jq '.steps | length' "$dir/out")" "$(pgrep -c '^ksoftirqd/')"
fi

# --- a machine ---
accel=tcg
[ -w /dev/kvm ] && accel=kvm
nice -n 19 qemu-system-x86_64 -accel $accel -nodefaults -display none -name "jt-pin-$$,debug-threads=on" -smp 2 -m 16 \
	-object iothread,id=io0 -S 2>"$dir/qemu" &
vm=$!
started+=("$vm")
# thread NAME: its number
thread() {
	local task
	for task in "/proc/$vm/task"/*; do
		[ "$(cat "$task/comm" 2>/dev/null)" = "$1" ] && echo "${task##*/}"
	done
}
vcpu() {
	thread "CPU $1/${accel^^}"
}
for ((i = 0; i < 200; i++)); do
	[ -n "$(vcpu 1)" ] && break
	kill -0 $vm 2>/dev/null || skip "QEMU does not start: $(cat "$dir/qemu")"
	sleep 0.1
done
[ -n "$(vcpu 1)" ] || skip "QEMU makes no vCPU threads that are named: $(cat /proc/$vm/task/*/comm | tr '\n' ' ')"
key=$("$program" knobs --json vm_pin | jq -r --arg n "jt-pin-$$" '.knobs[].targets[] | select(.name == $n) | .key')
[[ $key == vm:$vm.* ]] || fail "key of the machine: '$key'"

set_it "vm_pin@$key=vcpus:$first,$second/others:$first"
is "vCPU 0" "$(cpus "$(vcpu 0)")" "$first"
is "vCPU 1" "$(cpus "$(vcpu 1)")" "$second"
is "emulator" "$(cpus $vm)" "$first"
is "iothread" "$(cpus "$(thread 'IO io0')")" "$first"
"$program" undo >"$dir/out" 2>&1 || fail "undo: $(cat "$dir/out")"
for id in "$(vcpu 0)" "$(vcpu 1)" $vm "$(thread 'IO io0')"; do
	is "thread $id again" "$(cpus "$id")" "$before"
done
set_it "vcpu_affinity@vcpu:jt-pin-$$/1=$second" "vcpu_policy@vcpu:jt-pin-$$/1=idle:0"
is "vCPU 1 alone" "$(cpus "$(vcpu 1)") $(policy "$(vcpu 1)")" "$second IDLE 0 "
is "vCPU 0 not" "$(cpus "$(vcpu 0)")" "$before"
"$program" undo >"$dir/out" 2>&1 || fail "undo: $(cat "$dir/out")"
is "vCPU 1 again" "$(cpus "$(vcpu 1)") $(policy "$(vcpu 1)")" "$before OTHER 0 "
refused "pin it first" "vcpu_policy@${key/vm:/vcpu:}/0=fifo:1"
refused "vcpus:2-5/others:0-1" "vm_pin@$key=everywhere"
# The rows' own keys are targets.
"$program" snapshot --json >"$dir/snapshot"
for row in $(jq -r --arg k "$key" '.entities[] | select(.parent == $k and (.kind == "vcpu" or .kind == "thread")) | .key' "$dir/snapshot"); do
	case $row in
	vcpu:*) "$program" set --dry-run "vcpu_affinity@$row=$second" >"$dir/out" 2>&1 || fail "$row: $(cat "$dir/out")" ;;
	*) "$program" set --dry-run "thread_affinity@$row=$second" >"$dir/out" 2>&1 || fail "$row: $(cat "$dir/out")" ;;
	esac
done
kill -KILL $vm
wait $vm 2>/dev/null
refused "no such machine" "vm_pin@$key=$first"
[ $failed -eq 0 ] && echo "knobs of machines: threads, policies and a machine ($accel) agree with taskset and chrt"
exit $failed
