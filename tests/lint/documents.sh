#!/bin/bash
# The manual page is well formed, and the manual page, the completion and the README know every
# command and option that --help lists.
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

program=${JITTERTOP:-./jittertop}
[ -x "$program" ] || skip "$program is not built"
command -v mandoc >/dev/null || echo "mandoc is not installed: the manual page is only searched"

# words: the commands and long options of --help.
words() {
	"$program" --help | grep -oE '^ +jittertop [a-z]+|--[a-z][a-z-]+' | sed 's/.*jittertop //' | LC_ALL=C sort -u
}

check() {
	local word page=$1/tui/jittertop.1
	if [ -e "$page.in" ]; then
		page=$lint_tmp/jittertop.1
		awk -f "$1/tui/manual.awk" "$1/tui/keys.def" "$1/tui/views.def" "$1/tui/jittertop.1.in" >"$page"
	fi
	if command -v mandoc >/dev/null; then
		# The lists of base-system names are OpenBSD's, not ours.
		mandoc -T lint -W style "$page" 2>&1 | grep -vE 'STYLE: (operating system|referenced manual not found)|WARNING: cannot parse date|UNSUPP|outdated mandoc.db' |
			sed 's|^mandoc: ||; s|^.*/jittertop\.1|tui/jittertop.1|'
	fi
	words | while IFS= read -r word; do
		# The page writes --no-color as "Fl -no-color" or \-\-no\-color.
		sed 's/\\-/-/g; s/Fl -/--/g' "$page" | grep -qE -- "(^|[^a-z-])$word([^a-z-]|$)" ||
			echo "tui/jittertop.1: does not mention $word"
		grep -qE -- "(^|[^a-z-])$word([^a-z-]|$)" "$1/tui/completion/jittertop.bash" ||
			echo "tui/completion/jittertop.bash: does not know $word"
		case $word in --*) continue ;; esac
		grep -qE "jittertop .*$word" "$1/README.md" || echo "README.md: does not mention $word"
	done
	bash -n "$1/tui/completion/jittertop.bash" 2>&1
}

self_test_expects='tui/jittertop.1: does not mention --read-only
tui/completion/jittertop.bash: does not know snapshot
README.md: does not mention restore'

self_test() {
	put "$1/tui/jittertop.1" <<-'END'
		.Dd $Mdocdate$
		.Dt JITTERTOP 1
		.Os
	END
	put "$1/tui/completion/jittertop.bash" <<<'true'
	put "$1/README.md" <<<'jittertop'
}

lint_main "$@"
