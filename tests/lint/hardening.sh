#!/bin/bash
# The program that gets installed is position-independent, has its relocations read-only from the
# start, a stack that cannot be executed, the stack protector, and fortified library calls.
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

command -v readelf >/dev/null || skip "readelf is not installed (Debian: binutils)"
program=${JITTERTOP:-./jittertop}
[ -x "$program" ] || skip "$program is not built"
[ -z "${JT_SAN:-}" ] || skip "the program is built with sanitizers, which replace this hardening"

check() {
	local file=$program
	[ ! -e "$1/program" ] || file=$1/program
	readelf -hW "$file" | grep -q 'Type: *DYN' || echo "$file: not position-independent"
	readelf -lW "$file" | grep -q GNU_RELRO || echo "$file: no read-only relocations"
	readelf -dW "$file" | grep -qE 'BIND_NOW|FLAGS_1.*NOW' || echo "$file: binds lazily"
	readelf -lW "$file" | grep GNU_STACK | grep -q 'RWE' && echo "$file: the stack can be executed"
	# Undefined symbols: what the compiler and the C library put in.
	readelf -sW "$file" | grep -q __stack_chk_fail || echo "$file: no stack protector"
	readelf -sW "$file" | grep -qE '__[a-z]*printf_chk' || echo "$file: no fortified calls"
}

self_test_expects='not position-independent
no read-only relocations
binds lazily
the stack can be executed
no stack protector
no fortified calls'

self_test() {
	printf 'int main(void) { return 0; }\n' >"$1/t.c"
	# shellcheck disable=SC2086 # CC may hold several words
	${CC:-cc} -no-pie -fno-stack-protector -Wl,-z,norelro,-z,lazy,-z,execstack -o "$1/program" "$1/t.c" 2>/dev/null || {
		echo "self-test: cannot build its example"
		exit 1
	}
}

lint_main
