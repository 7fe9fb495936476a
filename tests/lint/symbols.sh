#!/bin/bash
# What the objects of the program may refer to. The include rules say who may see whom; these say who
# may reach the host, the terminal and the process, whatever the source looks like.
# tests/lint/symbols.allow lists who may.
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

nm=${NM:-nm} objdump=${OBJDUMP:-objdump}
command -v "$nm" >/dev/null || skip "$nm is not installed (Debian: binutils)"
allow=${BASH_SOURCE[0]%/*}/symbols.allow
build=${JT_BUILDDIR:-.}

# objects ROOT: "SOURCE OBJECT" of the program's objects: core/libcore_a-undo.o is core/undo.
objects() {
	(cd "$1" && find core probes tui -name 'lib*_a-*.o' ! -name 'libcheck_*' -type f 2>/dev/null) |
		LC_ALL=C sort | while IFS= read -r object; do
		printf '%s/%s %s\n' "${object%%/*}" "$(sed 's|.*/lib[a-z]*_a-||; s|\.o$||' <<<"$object")" "$object"
	done
}

# is_allowed SOURCE GLOB...
is_allowed() {
	local source=$1 glob
	shift
	for glob; do
		# shellcheck disable=SC2053 # a pattern by design
		[[ $source == $glob ]] && return 0
	done
	return 1
}

# references SOURCE OBJECT: symbols it takes from elsewhere, against the table.
references() {
	local symbol rule who what patterns
	"$nm" -u "$root/$2" | awk '{ print $NF }' | while IFS= read -r symbol; do
		while IFS=: read -r rule who what; do
			[[ $rule == '#'* || -z $rule ]] && continue
			[[ $symbol =~ ^($rule)$ ]] || continue
			read -ra patterns <<<"$who"
			is_allowed "$1" "${patterns[@]}" || echo "$1: refers to $symbol: $what"
		done <"$allow"
	done
}

# state SOURCE OBJECT: file-scope variables that can change, and code that runs before main().
state() {
	is_allowed "$1" tui/term ||
		"$nm" -f sysv "$root/$2" | awk -F'|' -v source="$1" '
			{ gsub(/ /, "") }
			# Names that start with two underscores or .L are the compiler'\''s own.
			$1 !~ /^(__|\.L|_GLOBAL)/ && $7 ~ /^\.(data|bss|tdata|tbss|common)(\.[^r]|\.rel$|$)/ && $7 !~ /^\.data\.rel\.ro/ && $4 != "SECTION" && $1 != "" {
				print source ": " $1 " is file-scope state that can change"
			}'
	"$objdump" -h "$root/$2" | grep -qE '\.(init_array|ctors)' &&
		echo "$1: has code that runs before main()"
}

check() {
	local source object
	root=$1
	objects "$1" | while read -r source object; do
		references "$source" "$object"
		# Sanitizers add variables and constructors of their own.
		[[ $root == "$build" && -n ${JT_SAN:-} ]] || state "$source" "$object"
	done
}

self_test_expects='core/bad: refers to host_write
core/bad: refers to openat
core/bad: refers to exit
core/bad: refers to stdout
core/bad: counter is file-scope state
core/bad: has code that runs before main
probes/bad: refers to host_write
tui/bad: refers to host_write'

self_test() {
	put "$1/bad.c" <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <stdlib.h>
		extern int host_write(void *host, const char *path, const char *text);
		static volatile int counter;
		static const char *const fine[] = {"a", "b"};
		__attribute__((constructor)) static void early(void)
		{
			counter++;
		}
		int bad(int n)
		{
			static volatile int kept = 3;
			kept += n;
			fprintf(stdout, "%s", fine[n & 1]);
			if (host_write(NULL, "x", "y") || openat(AT_FDCWD, "x", O_RDONLY))
				exit(kept + counter);
			return 0;
		}
	END
	mkdir -p "$1/core" "$1/probes" "$1/tui"
	# shellcheck disable=SC2086 # CC may hold several words
	${CC:-cc} -O1 -fPIE -c -o "$1/core/libcore_a-bad.o" "$1/bad.c" || {
		echo "self-test: cannot compile its example"
		exit 1
	}
	cp "$1/core/libcore_a-bad.o" "$1/probes/libprobes_a-bad.o"
	cp "$1/core/libcore_a-bad.o" "$1/tui/libtui_a-bad.o"
}

[ -n "$(objects "$build")" ] || skip "no objects below $build: run make first"
lint_main "$build"
