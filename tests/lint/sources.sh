#!/bin/bash
# Makefile.am names every source file and every test there is, in sorted lists.
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

# names ROOT: every word of Makefile.am that looks like a file below a folder of ours.
names() {
	grep -oE '(core|probes|tui|themes|tests)/[A-Za-z0-9_./-]+' "$1/Makefile.am" | LC_ALL=C sort -u
}

check() {
	local file
	names "$1" >"$lint_tmp/names"
	(cd "$1" && find core probes tui tests themes -type f \( -name '*.[ch]' -o -name '*.def' \
		-o -name '*.sh' -o -name '*.theme' -o -name '*.1' -o -name '*.bash' \) 2>/dev/null) |
		LC_ALL=C sort | while IFS= read -r file; do
		grep -qxF -e "$file" -e "${file%.c}" "$lint_tmp/names" || echo "$file: not in Makefile.am"
	done
	# Lists are blocks of lines "TAB name \".
	awk '
	/^\t[a-z]+\/[^ ]+( \\)?$/ {
		name = $1
		if (previous != "" && name < previous)
			print "Makefile.am:" NR ": " name " is not sorted"
		previous = name
		next
	}
	{ previous = "" }' "$1/Makefile.am"
}

self_test_expects='core/b.c: not in Makefile.am
Makefile.am:3: core/a.c is not sorted'

self_test() {
	printf 'x = \\\n\tcore/z.c \\\n\tcore/a.c\n' | put "$1/Makefile.am"
	put "$1/core/b.c" <<<';'
}

lint_main "$@"
