#!/bin/bash
# The scripts: shellcheck finds nothing.
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

command -v shellcheck >/dev/null || skip "shellcheck is not installed (Debian: shellcheck)"

check() {
	local file
	(cd "$1" && find autogen.sh .ci/run tests tui -type f 2>/dev/null) | LC_ALL=C sort |
		while IFS= read -r file; do
			case $file in
			*.sh | *.bash | .ci/run) ;;
			*) continue ;;
			esac
			# SC1091: lib.sh is checked on its own
			(cd "$1" && shellcheck -x -S warning -e SC1091 -f gcc "$file")
		done
}

self_test_expects='autogen.sh:2:'

self_test() {
	put "$1/autogen.sh" <<-'END'
		#!/bin/sh
		rm -rf $(cat list)
	END
}

lint_main "$@"
