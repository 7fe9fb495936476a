#!/bin/bash
# `jittertop capture DIR` on this machine, and DIR opened again: the same entities, the same texts, and
# not one file read outside of DIR, however links in it point out.
# environment: JITTERTOP, the program
# exit status: 0 passed, 1 failed, 77 could not run here (reason printed)
set -u
program=${JITTERTOP:?is the path of the program}
failed=0
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
# LeakSanitizer and strace cannot trace the same process.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

fail() {
	echo "FAIL: $*"
	failed=1
}

command -v jq >/dev/null || {
	echo "SKIP: capture: no jq here"
	exit 77
}

# What does not change from one second to the next: identities, parents, texts of hardware.
shape() {
	jq -r '.entities[]
		| select(.kind | IN("package", "die", "node", "cache", "core", "cpu", "hugepool", "nic"))
		| [.kind, .key, .name, .parent, .values.cpus, .values.siblings, .values.package_id,
		   .values.core_id, .values.node_id, .values.size_bytes, .values.isolation,
		   .values.mac, .values.driver]
		| map(tostring) | join(" ")' | LC_ALL=C sort
}

"$program" capture "$dir/machine" >"$dir/said" || fail "capture ends with $?"
grep -q "^saved [1-9][0-9]* files" "$dir/said" || fail "capture does not say what it saved"
[ "$(stat -c %a "$dir/machine")" = 700 ] || fail "the capture is open to others"
"$program" capture "$dir/machine" >/dev/null 2>&1 && fail "a directory that is not empty is taken"
"$program" --root "$dir/machine" capture "$dir/again" >/dev/null 2>&1
[ $? -eq 2 ] || fail "--root and capture go together"

"$program" snapshot --json >"$dir/live.json" || fail "snapshot ends with $?"
"$program" --root "$dir/machine" snapshot --json >"$dir/captured.json" || fail "--root ends with $?"
shape <"$dir/live.json" >"$dir/live"
shape <"$dir/captured.json" >"$dir/captured"
[ -s "$dir/live" ] || fail "no entities on this machine"
diff -u "$dir/live" "$dir/captured" || fail "the captured machine is another one"
jq -e '.host.source == "captured"' "$dir/captured.json" >/dev/null ||
	fail "the captured machine does not say that it is one"

# Links that lead out, at places that are read: nothing of this machine may show.
cp -a "$dir/machine" "$dir/evil"
rm -rf "$dir/evil/proc" "$dir/evil/sys/devices/system/node"
ln -s /proc "$dir/evil/proc"
ln -s ../../../../../../../../../../sys/devices/system/node "$dir/evil/sys/devices/system/node"
"$program" --root "$dir/evil" snapshot --json >"$dir/evil.json" 2>"$dir/evil.err" ||
	fail "a capture with links that lead out: $(cat "$dir/evil.err")"
jq -e '(.host.memory_total_bytes | type) != "number" and (.host.kernel_release | type) != "string"' \
	"$dir/evil.json" >/dev/null || fail "a link leads out of the root: $(jq -c .host "$dir/evil.json")"

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
	strace -f -qq -e trace=%file,chroot -o "$dir/trace" \
		"$program" --root "$dir/evil" snapshot --json >/dev/null 2>&1
	# From where the root is opened: until the child has its own root, only these.
	awk -v root="\"$dir/evil\"" '
		index($0, "execve(") { next }
		index($0, root) { is_open = 1; next }
		/chroot\("\."\) += 0/ { inside[$1] = 1 }
		is_open && !inside[$1] && /AT_FDCWD, "\/|(stat|open|access|readlink)\("\// &&
			!/"\/dev\/null"|\/hwloc"|ENOENT/ { print }' "$dir/trace" >"$dir/outside"
	grep -q 'chroot("\.") *= 0' "$dir/trace" || fail "hwloc was not confined"
	[ -s "$dir/outside" ] && fail "read outside of the root: $(cat "$dir/outside")"
else
	echo "note: no strace that may trace here: opened files were not looked at"
fi
exit $failed
