#!/bin/bash
# Published trees of control groups and Docker's state files (shared captures, INDEX.md section 8): every
# group and every value that their publishers expect is in `jittertop --root DIR snapshot --json`, and no
# group more.
# environment: JITTERTOP, the program; JT_CAPTURES or JT_SRCDIR/../shared/captures, the captures
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
captures=${JT_CAPTURES:-${JT_SRCDIR:-.}/../shared/captures}/cgroup
failed=0
n=0
for tool in jq xzcat; do
	command -v $tool >/dev/null && continue
	echo "SKIP: cgroups: no $tool here"
	exit 77
done
if [ ! -d "$captures" ]; then
	echo "SKIP: cgroups: there is no folder $captures"
	exit 77
fi
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "FAIL: $*"
	failed=1
}

# Their names for what both say (systemd's \x2d they show as a dash); the limits of memory are in another file each and not among theirs.
metrics='cgroup.cpuacct.usage:cpu_ns cgroup.cpusched.shares:cpu_shares cgroup.cpusched.periods:periods
cgroup.cpusched.throttled:throttled cgroup.cpusched.throttled_time:throttled_ns cgroup.cpuset.cpus:cpuset_cpus
cgroup.cpuset.mems:cpuset_mems cgroup.memory.usage:memory_bytes'

# expected FILE METRIC: "PATH VALUE" lines
expected() {
	xzcat "$1" | awk -v metric="$2" '
		/^[a-z]/ { is_it = $1 == metric }
		is_it && /^ *inst / { sub(/^ *inst \[N or "/, ""); sub(/"\] value "?/, " "); sub(/"$/, ""); print }' | LC_ALL=C sort -u
}

for tree in cgroups-root-002 cgroups-root-003; do
	mkdir "$dir/$tree"
	tar -x -f "$captures/$tree.tgz" -C "$dir/$tree" --no-same-owner --no-same-permissions || fail "$tree: tar"
	"$program" --root "$dir/$tree" snapshot --json >"$dir/$tree.json" || fail "$tree: snapshot ends with $?"
	for pair in $metrics; do
		expected "$captures/730-$tree.expected.txt.xz" "${pair%%:*}" >"$dir/expected"
		jq -r --arg m "${pair##*:}" '.entities[] | select(.kind == "container" and .values[$m] != null)
			| "\(.key | ltrimstr("container:") | gsub("\\\\x2d"; "-")) \(.values[$m])"' "$dir/$tree.json" | LC_ALL=C sort >"$dir/ours"
		[ -s "$dir/expected" ] || fail "$tree: nothing is expected of ${pair%%:*}"
		diff -u "$dir/expected" "$dir/ours" || fail "$tree: ${pair##*:}"
		n=$((n + $(wc -l <"$dir/expected")))
	done
done
id=$(jq -r '.entities[] | select(.kind == "container" and .values.engine == "docker" and .values.role == "container") | .values.id' "$dir/cgroups-root-003.json")
[[ $id == f4d3b90bea15* ]] || fail "the docker container of cgroups-root-003 is $id"

# The state files tell of containers whose groups are made up here, one for each that is expected; the
# process they name is the container's, though another one in its group has a lower number.
for tree in containers-docker-1.3.2-root-001 containers-docker-1.10.3-root-004 containers-docker-1.12.6-root-006; do
	root=$dir/$tree
	mkdir "$root"
	tar -x -f "$captures/$tree.tgz" -C "$root" --no-same-owner --no-same-permissions || fail "$tree: tar"
	# value METRIC: "ID VALUE" lines
	value() {
		awk -v metric="$1" '/^[a-z=]/ { is_it = $1 == metric }
			is_it && /inst/ { sub(/^ *inst \[N or "/, ""); sub(/"\] value "?/, " "); sub(/"$/, ""); print }' "$captures/$tree.expected.txt"
	}
	mkdir -p "$root/proc/2"
	echo 'cgroup /sys/fs/cgroup/cpuacct cgroup rw,cpuacct 0 0' >"$root/proc/mounts"
	process='(x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0'
	echo "2 $process" >"$root/proc/2/stat"
	while read -r id _; do
		group=$root/sys/fs/cgroup/cpuacct/system.slice/docker-$id.scope
		pid=$(value containers.pid | sed -n "s/^$id //p")
		mkdir -p "$group"
		printf '%s\n' 2 ${pid:+"$pid"} >"$group/cgroup.procs"
		[ -z "$pid" ] || { mkdir -p "$root/proc/$pid" && echo "$pid $process" >"$root/proc/$pid/stat"; }
		echo 1 >"$group/cpuacct.usage"
	done < <(value containers.engine)
	"$program" --root "$root" snapshot --json >"$root.json" || fail "$tree: snapshot ends with $?"
	containers='.entities[] | select(.kind == "container" and .values.role == "container") | .values'
	jq -r "$containers | \"\(.id) \(.name)\"" "$root.json" | LC_ALL=C sort >"$dir/ours"
	value containers.name | LC_ALL=C sort >"$dir/expected"
	diff -u "$dir/expected" "$dir/ours" || fail "$tree: names"
	n=$((n + $(wc -l <"$dir/expected")))
	jq -r "$containers | select(.pid != 2) | \"\(.id) \(.pid)\"" "$root.json" | LC_ALL=C sort >"$dir/ours"
	value containers.pid | LC_ALL=C sort >"$dir/expected"
	diff -u "$dir/expected" "$dir/ours" || fail "$tree: pids"
	for state in paused restarting running; do
		jq -r "$containers | \"\(.id) \(if .state == \"$state\" then 1 else 0 end)\"" "$root.json" | LC_ALL=C sort >"$dir/ours"
		value containers.state.$state | LC_ALL=C sort >"$dir/expected"
		diff -u "$dir/expected" "$dir/ours" || fail "$tree: $state"
	done
	# Their paths for those that run are ours for all.
	value containers.cgroup | while read -r id path; do
		jq -e --arg k "container:$path" --arg i "$id" '.entities[] | select(.key == $k) | .values.id == $i' "$root.json" >/dev/null || echo "$path"
	done >"$dir/missing"
	[ ! -s "$dir/missing" ] || fail "$tree: not there: $(cat "$dir/missing")"
done
[ $failed -eq 0 ] && echo "cgroups: $n values agree"
exit $failed
