#!/bin/bash
# Every C file is as clang-format 14 leaves it (another version formats otherwise).
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

formatter=
for candidate in clang-format-14 clang-format; do
	if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
		formatter=$candidate
		break
	fi
done
[ -n "$formatter" ] || skip "clang-format 14 is not installed (Debian: clang-format-14)"

style=${JT_SRCDIR:-.}/.clang-format

check() {
	local file
	while IFS= read -r file; do
		"$formatter" --style="file:$style" "$1/$file" 2>&1 | cmp -s - "$1/$file" ||
			echo "$file: run $formatter -i $file"
	done < <(sources "$1")
}

self_test_expects='core/a.c: run'

self_test() {
	put "$1/core/a.c" <<<'int  main (void) { return 0; }'
}

lint_main "$@"
