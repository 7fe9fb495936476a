#!/bin/bash
# A real Docker engine with real containers: what `jittertop snapshot --json` says of them is what
# `docker inspect` and the engine's own counters say; the capture says the same again; what has gone is gone.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
failed=0
for tool in dockerd docker busybox jq python3 chrt; do
	command -v $tool >/dev/null && continue
	echo "SKIP: docker: no $tool here (Debian: docker.io busybox-static jq python3)"
	exit 77
done
if [ "$(id -u)" != 0 ]; then
	echo "SKIP: docker: the engine needs root"
	exit 77
fi
# LeakSanitizer slows the program down, and a captured host's child cannot be traced by it.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
dir=$(mktemp -d) || exit 99
dockerd=
groups=$(find /sys/fs/cgroup -maxdepth 2 -name docker -type d)
[ -d /run/docker ] && had_run=1 || had_run=

docker() {
	timeout -k 5 60 docker -H "unix://$dir/docker.sock" "$@"
}

# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local ids i
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
	awk -v d="$dir/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r | while IFS= read -r mount; do
		umount -l "$mount"
	done
	# What the engine left of its control groups, where there were none before.
	find /sys/fs/cgroup -maxdepth 3 -depth -type d \( -path "*/jt-test-$$*" -o -path '*/docker' \) 2>/dev/null |
		grep -vxF "${groups:-none}" | while IFS= read -r group; do
		rmdir "$group" 2>/dev/null
	done
	[ -n "$had_run" ] || rmdir /run/docker/plugins /run/docker 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

fail() {
	echo "FAIL: $*"
	failed=1
}

dockerd --iptables=false --bridge=none --storage-driver=vfs --data-root="$dir/data" --exec-root="$dir/exec" \
	-H "unix://$dir/docker.sock" --pidfile="$dir/pid" >"$dir/log" 2>&1 &
dockerd=$!
for ((i = 0; i < 300; i++)); do
	docker version >/dev/null 2>&1 && break
	if ! kill -0 $dockerd 2>/dev/null || [ $i = 299 ]; then
		echo "SKIP: docker: dockerd does not start here: $(grep -E 'failed|level=(error|fatal)' "$dir/log" | tail -n 1)"
		exit 77
	fi
	sleep 0.1
done
mkdir -p "$dir/root/bin"
cp "$(command -v busybox)" "$dir/root/bin/busybox"
ln -s busybox "$dir/root/bin/sh"
tar -C "$dir/root" -c . | docker import - jt-test/busybox:1 >/dev/null || fail "no image"
one=$(docker run -d --network none --name jt-one --cpuset-cpus 0 --cpus 0.3 --memory 64m --pids-limit 33 \
	jt-test/busybox:1 /bin/sh -c 'while :; do :; done' 2>"$dir/err") || {
	echo "SKIP: docker: no container starts here: $(tail -n 1 "$dir/err")"
	exit 77
}
two=$(docker run -d --network none --name jt-two --cgroup-parent "/jt-test-$$" --cap-drop ALL --cap-add NET_ADMIN \
	--security-opt no-new-privileges --security-opt seccomp=unconfined --cpu-shares 512 \
	jt-test/busybox:1 /bin/sh -c 'exec busybox sleep 1000') || fail "jt-two does not run"
three=$(docker run -d --network none --name jt-three jt-test/busybox:1 /bin/sh -c 'exec busybox sleep 1000') || fail "jt-three does not run"
docker pause jt-three >/dev/null || fail "jt-three cannot be paused"

# total_usage ID: nanoseconds, as the engine counts them
usage() {
	timeout 30 python3 - "$dir/docker.sock" "$1" <<-'END'
		import json, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(f"GET /containers/{sys.argv[2]}/stats?stream=0&one-shot=1 HTTP/1.0\r\n\r\n".encode())
		text = b""
		while piece := s.recv(65536):
		    text += piece
		print(json.loads(text.split(b"\r\n\r\n", 1)[1])["cpu_stats"]["cpu_usage"]["total_usage"])
	END
}

before=$(usage "$one")
"$program" snapshot --json >"$dir/snapshot" || fail "snapshot ends with $?"
after=$(usage "$one")
jq -e '.probes[] | select(.name == "container") | .status == "ok"' "$dir/snapshot" >/dev/null ||
	fail "$(jq -c '.probes[] | select(.name == "container")' "$dir/snapshot")"

# What inspect says, in the words of the snapshot. Quotas of version 1 and 2 come from the same NanoCpus.
docker inspect "$one" "$two" "$three" | jq -r '.[] | [.Id, .Name[1:], .Config.Image, .State.Pid, .State.Status,
	(.HostConfig.CpusetCpus | select(. != "") // "-"), (.HostConfig.NanoCpus / 1e9 | if . == 0 then "-" else . end),
	(.HostConfig.Memory | if . == 0 then "-" else . end), (.HostConfig.PidsLimit // "-")] | map(tostring) | join(" ")' |
	LC_ALL=C sort >"$dir/truth"
ours() {
	jq -r --arg ids "$one $two $three" '.entities[] | select(.kind == "container") | .values
		| select(.id as $id | $id != null and ($ids | contains($id)) and .role == "container")
		| [.id, .name, .image, .pid, .state, (if .name == "jt-one" then .cpuset_cpus else "-" end),
		   (.cpu_quota // "-"), (.memory_max_bytes // "-"), (.pids_max // "-")] | map(tostring) | join(" ")' "$1" |
		LC_ALL=C sort
}
ours "$dir/snapshot" >"$dir/live"
diff -u "$dir/truth" "$dir/live" || fail "jittertop and docker inspect do not agree"

# value NAME METRIC
value() {
	jq -r --arg n "$1" --arg m "$2" '.entities[] | select(.kind == "container" and .values.name == $n and .values.role == "container") | .values[$m]' "$dir/snapshot"
}
cpu=$(value jt-one cpu_ns)
if [ "$before" -eq 0 ] || [ "$before" -gt "$cpu" ] || [ "$cpu" -gt "$after" ]; then
	fail "CPU time $cpu is not between $before and $after"
fi
[ "$(value jt-one engine) $(value jt-two engine) $(value jt-one source)" = "docker docker docker API" ] || fail "engine: $(value jt-two engine)"
[ "$(value jt-one cpuset_effective)" = 0 ] || fail "effective cpuset: $(value jt-one cpuset_effective)"
[ "$(value jt-two capabilities)" = net_admin ] || fail "capabilities: $(value jt-two capabilities)"
[ "$(value jt-two no_new_privs) $(value jt-one no_new_privs)" = "true false" ] || fail "no_new_privs: $(value jt-two no_new_privs)"
[ "$(value jt-two seccomp)" = off ] || fail "seccomp: $(value jt-two seccomp)"
for namespace in ipc mnt net pid uts; do
	[[ " $(value jt-two namespaces) " == *" $namespace "* ]] || fail "namespaces: $(value jt-two namespaces)"
done
[ "$(value jt-two interfaces)" = lo ] || fail "interfaces: $(value jt-two interfaces)"

# One thread each: the process itself, where it may run.
docker inspect "$one" "$two" | jq -r '.[] | "\(.State.Pid) \(.State.Pid)"' | sort >"$dir/truth-tasks"
jq -r --arg ids "$one $two" '(.entities | map(select(.kind == "container" and .values.id != null and (.values.id as $i | $ids | contains($i))) | .key)) as $keys
	| .entities[] | select(.kind == "task" and (.parent as $p | $keys | index($p))) | "\(.values.pid) \(.values.tid)"' "$dir/snapshot" | sort >"$dir/tasks"
diff -u "$dir/truth-tasks" "$dir/tasks" || fail "threads"
pid=$(value jt-one pid)
want=$(taskset -pc "$pid" | sed 's/.*: //')
[ "$(jq -r --arg t "$pid" '.entities[] | select(.kind == "task" and (.values.tid | tostring) == $t) | .values.affinity' "$dir/snapshot")" = "$want" ] ||
	fail "jt-one may run on $want"

# A real-time thread. With CONFIG_RT_GROUP_SCHED (version 1) a group needs time for such threads first.
real=$(value jt-two pid)
for group in /sys/fs/cgroup/cpu/jt-test-$$ /sys/fs/cgroup/cpu/jt-test-$$/"$two"; do
	[ ! -e "$group/cpu.rt_runtime_us" ] || echo 1000 >"$group/cpu.rt_runtime_us"
done
if chrt -f -p 5 "$real" 2>"$dir/err"; then
	"$program" snapshot --json >"$dir/snapshot" || fail "snapshot ends with $?"
	[ "$(value jt-two rt_threads) $(value jt-one rt_threads) $(value jt-two flags)" = "1 0 rt" ] ||
		fail "real-time threads: $(value jt-two rt_threads), $(value jt-one rt_threads), flags $(value jt-two flags)"
	task=$(jq -r --arg t "$real" '.entities[] | select(.kind == "task" and (.values.tid | tostring) == $t) | .values | "\(.policy) \(.priority)"' "$dir/snapshot")
	[ "$task" = "fifo 5" ] || fail "jt-two's thread is $task"
	chrt -o -p 0 "$real"
else
	echo "docker: real-time threads not tried: $(cat "$dir/err")"
fi

"$program" capture "$dir/machine" >/dev/null || fail "capture ends with $?"
"$program" --root "$dir/machine" snapshot --json >"$dir/captured" || fail "--root ends with $?"
ours "$dir/captured" >"$dir/again"
diff -u "$dir/truth" "$dir/again" || fail "the capture and docker inspect do not agree"

# Beside each other for whoever reads this; both are means over other moments.
echo "CPU: ours $(jq -r '.entities[] | select(.values.name == "jt-one") | .rates.cpu_share // "-"' "$dir/snapshot"), docker stats $(docker stats --no-stream --format '{{.CPUPerc}}' jt-one)"

docker rm -f jt-one >/dev/null
"$program" snapshot --json >"$dir/snapshot"
[ -z "$(value jt-one id)" ] || fail "jt-one is still there"
[ "$(value jt-two id)" = "$two" ] || fail "jt-two is not there any more"

# Nobody answers: its files, found by its command line.
kill -STOP $dockerd
"$program" snapshot --json >"$dir/snapshot"
kill -CONT $dockerd
[ "$(value jt-two source) $(value jt-two image)" = "docker files jt-test/busybox:1" ] || fail "without the API: $(value jt-two source)"
[ $failed -eq 0 ] && echo "docker: $(wc -l <"$dir/truth") containers agree"
exit $failed
