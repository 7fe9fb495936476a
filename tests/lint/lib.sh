# shellcheck shell=bash
# What the rule checks share. Each check defines
#   check ROOT       prints one line per broken rule ("file:line: what"), nothing when all is well
#   self_test ROOT   puts files that break each rule below ROOT (an empty folder)
#   self_test_expects: the phrases that check must then print, one a line
# and ends with lint_main "$@". It first shows that it can fail, then looks at the real tree.
# No pipefail: "producer | grep -q" ends the producer early, which is no failure here.
set -u

lint_tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$lint_tmp"' EXIT

# skip REASON: automake's exit status for a test that could not be run.
skip() {
	echo "SKIP: $1"
	exit 77
}

# put FILE: writes standard input to FILE, making its folder.
put() {
	mkdir -p "$(dirname "$1")" && cat >"$1"
}

# sources ROOT [FOLDER...]: the C files below ROOT, sorted.
sources() {
	local root=$1
	shift
	[ $# -gt 0 ] || set -- core probes tui tests
	(cd "$root" && find "$@" -name '*.[ch]' -type f 2>/dev/null | LC_ALL=C sort)
}

# strip FILE: the code without comments and without what stands in string and character literals;
# line numbers stay. A // comment leaves the mark @LINECOMMENT@.
strip() {
	awk '
	{
		out = ""
		n = length($0)
		for (i = 1; i <= n; i++) {
			c = substr($0, i, 1)
			if (in_comment) {
				if (c == "*" && substr($0, i + 1, 1) == "/") {
					in_comment = 0
					i++
				}
			} else if (quote != "") {
				if (c == "\\")
					i++
				else if (c == quote) {
					quote = ""
					out = out c
				}
			} else if (c == "\"" || c == "\047") {
				quote = c
				out = out c
			} else if (c == "/" && substr($0, i + 1, 1) == "*") {
				in_comment = 1
				out = out " "
				i++
			} else if (c == "/" && substr($0, i + 1, 1) == "/") {
				out = out "@LINECOMMENT@"
				break
			} else
				out = out c
		}
		quote = ""
		print out
	}' "$1"
}

# shellcheck disable=SC2154 # the including script sets self_test_expects
lint_main() {
	local root=${1:-${JT_SRCDIR:-.}} bad="$lint_tmp/bad" out phrase
	mkdir -p "$bad"
	self_test "$bad"
	out=$(check "$bad")
	while IFS= read -r phrase; do
		if [ -n "$phrase" ] && ! grep -qF -- "$phrase" <<<"$out"; then
			echo "self-test: the check does not find: $phrase"
			echo "it printed:"
			echo "$out"
			exit 1
		fi
	done <<<"$self_test_expects"
	out=$(check "$root")
	if [ -n "$out" ]; then
		echo "$out"
		exit 1
	fi
	echo "ok: self-test found every broken rule, the tree has none"
}
