#!/bin/bash
# The knobs of containers on a real Docker engine and on a control group of our own: what was set is what `docker
# inspect` and the kernel's files say, and what was there before comes back, also when the container was stopped or
# removed meanwhile. In a mount namespace with a /run and a /var/lib/docker of its own.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}

skip() {
	echo "SKIP: knobs of containers: $*"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "needs root"
for tool in dockerd docker busybox jq; do
	command -v $tool >/dev/null || skip "no $tool here (Debian: docker.io busybox-static jq)"
done
if [ -z "${JT_KNOB_INSIDE:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace may be made here"
	JT_KNOB_INSIDE=1 exec unshare -m --propagation private "$0"
fi
mount -t tmpfs tmpfs /run || skip "no tmpfs may be mounted here"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
dir=$(mktemp -d) || exit 99
failed=0 dockerd=
own=jt-knob-$$
groups=$(find /sys/fs/cgroup -maxdepth 2 -name docker -type d)

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local ids i
	"$program" undo --all >/dev/null 2>&1
	if [ -n "$dockerd" ] && kill -0 "$dockerd" 2>/dev/null; then
		ids=$(docker ps -aq 2>/dev/null)
		# shellcheck disable=SC2086 # a list of words by design
		[ -z "$ids" ] || docker rm -f $ids >/dev/null 2>&1
		kill -TERM "$dockerd" 2>/dev/null
		for ((i = 0; i < 150; i++)); do
			kill -0 "$dockerd" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$dockerd" 2>/dev/null
		wait "$dockerd" 2>/dev/null
	fi
	[ ! -s "$dir/exec/containerd/containerd.pid" ] || kill -KILL "$(cat "$dir/exec/containerd/containerd.pid")" 2>/dev/null
	find /sys/fs/cgroup -maxdepth 3 -depth -type d \( -name "$own" -o -path '*/docker' \) 2>/dev/null |
		grep -vxF "${groups:-none}" | while IFS= read -r group; do
		rmdir "$group" 2>/dev/null
	done
	umount -l /var/lib/docker 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "FAIL: knobs of containers: $*"
	failed=1
}
docker() {
	timeout -k 5 60 docker -H unix:///run/docker.sock "$@"
}
# is WHAT HAVE WANT
is() {
	[ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"
}
set_it() {
	"$program" set --revert-after 100s "$@" >"$dir/out" 2>&1 || fail "set $*: $(cat "$dir/out")"
}
undo() {
	"$program" undo >"$dir/out" 2>&1 || fail "undo: $(cat "$dir/out")"
}
refused() {
	local want=$1
	shift
	if "$program" set "$@" >"$dir/out" 2>&1; then
		fail "set $* was not refused"
		undo
	elif ! grep -q "$want" "$dir/out"; then
		fail "set $*: not in these words: $(cat "$dir/out")"
	fi
}
# record NAME FIELD
record() {
	docker inspect "$1" | jq -r ".[0].HostConfig.$2"
}
# file CONTROLLER ID NAME: of version 1, or of 2
file() {
	cat "/sys/fs/cgroup/$1/docker/$2/$3" 2>/dev/null || cat "/sys/fs/cgroup/docker/$2/$3"
}

mkdir -p "$dir/data" /var/lib/docker
mount --bind "$dir/data" /var/lib/docker || skip "no bind mount may be made here"
dockerd --iptables=false --bridge=none --storage-driver=vfs --exec-root="$dir/exec" -H unix:///run/docker.sock \
	--pidfile="$dir/pid" >"$dir/log" 2>&1 &
dockerd=$!
for ((i = 0; i < 300; i++)); do
	docker version >/dev/null 2>&1 && break
	if ! kill -0 $dockerd 2>/dev/null || [ $i = 299 ]; then
		skip "dockerd does not start here: $(grep -E 'failed|level=(error|fatal)' "$dir/log" | tail -n 1)"
	fi
	sleep 0.1
done
mkdir -p "$dir/root/bin"
cp "$(command -v busybox)" "$dir/root/bin/busybox"
tar -C "$dir/root" -c . | docker import - jt-test/busybox:1 >/dev/null || fail "no image"
run() {
	docker run -d --network none "$@" jt-test/busybox:1 /bin/busybox sleep 1000
}
one=$(run --name jt-one --cpuset-cpus 0 --cpus 0.3 2>"$dir/err") || skip "no container starts here: $(tail -n 1 "$dir/err")"
two=$(run --name jt-two) || fail "jt-two does not run"
key=$("$program" snapshot --json | jq -r --arg id "$two" '.entities[] | select(.kind == "container" and .values.id == $id and .values.role == "container") | .key')
[ -n "$key" ] || fail "no row of jt-two"

last=$(($(nproc --all) - 1))
if [ -e /sys/fs/cgroup/cpuset/cpuset.cpus ] || grep -qw cpuset /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then
	set_it "container_cpus@container:${one:0:12}=$last"
	is "CPUs on record" "$(record jt-one CpusetCpus)" $last
	is "CPUs in force" "$(file cpuset "$one" cpuset.cpus)" $last
	undo
	is "CPUs on record again" "$(record jt-one CpusetCpus)" 0
	is "CPUs in force again" "$(file cpuset "$one" cpuset.cpus)" 0
	# Nothing on record: comes back as all there are, and counts as the same.
	set_it "container_cpus@$key=0"
	is "CPUs of two" "$(record jt-two CpusetCpus) $(file cpuset "$two" cpuset.cpus)" "0 0"
	undo
	is "CPUs of two again" "$("$program" knobs --json container_cpus | jq -r --arg k "$key" '.knobs[].targets[] | select(.key == $k) | .value')" all
	is "CPUs of two in force again" "$(file cpuset "$two" cpuset.cpus)" "$(cat /sys/devices/system/cpu/online)"
	refused "not online" "container_cpus@$key=5000"
	# Stopped meanwhile: its record comes back all the same. Removed: nothing to take back.
	set_it "container_cpus@container:$one=$last"
	docker kill jt-one >/dev/null
	undo
	is "on record although stopped" "$(record jt-one CpusetCpus)" 0
	docker start jt-one >/dev/null
fi

set_it "container_cpu_max@container:$one=60000 100000" "container_cpu_max@$key=50000 100000" "container_weight@$key=512"
is "--cpus on record" "$(record jt-one NanoCpus)" 600000000
is "quota on record" "$(record jt-two CpuQuota)" 50000
is "shares on record" "$(record jt-two CpuShares)" 512
if [ -d /sys/fs/cgroup/cpu/docker ]; then
	is "in force" "$(file cpu "$one" cpu.cfs_quota_us) $(file cpu "$two" cpu.cfs_quota_us) $(file cpu "$two" cpu.shares)" "60000 50000 512"
fi
undo
is "--cpus again" "$(record jt-one NanoCpus)" 300000000
is "no quota again" "$(record jt-two CpuQuota)" -1
is "shares again" "$(record jt-two CpuShares)" 1024
if [ -d /sys/fs/cgroup/cpu/docker ]; then
	is "in force again" "$(file cpu "$one" cpu.cfs_quota_us) $(file cpu "$two" cpu.cfs_quota_us) $(file cpu "$two" cpu.shares)" "30000 -1 1024"
fi
# What docker may still be told afterwards.
docker update --cpus 0.5 jt-two >/dev/null || fail "docker update --cpus is refused after an undo"
refused "keep the one it has" "container_cpu_max@$key=50000 50000"
refused "cannot take that away" "container_cpu_max@container:$one=max"

set_it "container_weight@$key=300"
docker rm -f jt-two >/dev/null
undo
refused "no such control group" "container_weight@$key=300"
"$program" status --json | jq -e '[.transactions[]?] | length == 0' >/dev/null || fail "residue: $("$program" status)"

# A group of nobody: its files.
if mkdir /sys/fs/cgroup/cpu/$own 2>/dev/null; then
	set_it "container_cpu_max@container:/$own=20000 50000" "container_weight@container:/$own=300"
	is "own group" "$(cat /sys/fs/cgroup/cpu/$own/{cpu.cfs_quota_us,cpu.cfs_period_us,cpu.shares} | tr '\n' ' ')" "20000 50000 300 "
	undo
	is "own group again" "$(cat /sys/fs/cgroup/cpu/$own/{cpu.cfs_quota_us,cpu.cfs_period_us,cpu.shares} | tr '\n' ' ')" "-1 100000 1024 "
fi
[ $failed -eq 0 ] && echo "knobs of containers: docker inspect and the kernel agree"
exit $failed
