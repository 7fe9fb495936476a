#!/bin/bash
# House style that a script can see: no line comments, no functions that guess or overflow, no
# self-registration, no variable-length arrays on the sly, file sizes, header guards.
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

max_lines=700

# Everywhere in the product; with the reason that is printed.
banned='atoi|atol|atoll|atof:guesses: use core/parse.h
sscanf|fscanf|scanf|vsscanf:guesses: use core/parse.h
strtok:writes into its input
sprintf|vsprintf|strcpy|strcat|stpcpy|gets|strncat:does not know the size
system|popen|execlp|execvp|execvpe:runs a shell or searches PATH
alloca|strdupa|strndupa:grows the stack by what the host says
mktemp|tmpnam|tempnam:names a file somebody else can make first
goto:see the house style on cleanup'

check() {
	local file code n
	while IFS= read -r file; do
		code="$lint_tmp/code"
		strip "$1/$file" >"$code"
		grep -n '@LINECOMMENT@' "$code" | sed "s|^\([0-9]*\):.*|$file:\1: a // comment|"
		grep -nE '__attribute__.*[(, ]_*constructor_*[),( ]' "$code" |
			sed "s|^\([0-9]*\):.*|$file:\1: a constructor|"
		n=$(wc -l <"$1/$file")
		[ "$n" -le $max_lines ] || echo "$file:$n: longer than $max_lines lines"
		case $file in
		tests/*) ;;
		*) product "$file" "$code" ;;
		esac
		case $file in
		*.h) guard "$1" "$file" ;;
		esac
	done < <(sources "$1")
}

# product FILE CODE
product() {
	local names why line text
	while IFS=: read -r names why; do
		local pattern="($names)[[:space:]]*\\("
		# A function's name is followed by a parenthesis, a keyword is not.
		[ "$names" != goto ] || pattern='goto[[:space:]]+[a-z_]+'
		grep -nE "(^|[^A-Za-z0-9_>.])$pattern" "$2" | while IFS=: read -r line text; do
			echo "$1:$line: $why: $text"
		done
	done <<<"$banned"
	grep -nE '^[[:space:]]*typedef[[:space:]]+(struct|enum|union)' "$2" |
		sed -E "s|^([0-9]+):.*|$1:\1: a typedef for a struct or an enum|"
}

# guard ROOT FILE: core/undo.h is guarded by JT_CORE_UNDO_H
guard() {
	local name
	name=JT_$(printf '%s' "$2" | tr 'a-z/.-' 'A-Z___')
	grep -qx "#ifndef $name" "$1/$2" && grep -qx "#define $name" "$1/$2" ||
		echo "$2:1: the include guard is not $name"
}

self_test_expects='core/a.c:1: a // comment
core/a.c:4: guesses
core/a.c:5: guesses
core/a.c:6: writes into
core/a.c:7: does not know
core/a.c:8: runs a shell
core/a.c:9: grows
core/a.c:10: names a file
core/a.c:11: see the house style
core/a.c:12: a constructor
core/a.c:13: a typedef
core/long.c:701: longer than
core/a.h:1: the include guard is not JT_CORE_A_H'

self_test() {
	put "$1/core/a.c" <<-'END'
		int x; // never
		/* atoi( in a comment and // there is fine */
		const char *s = "// strtok( in a string is fine \" system(";
		int a = atoi (s);
		int b = sscanf(s, "%d", &a);
		char *t = strtok(s, ",");
		int c = sprintf(s, "x");
		int d = system("x");
		void *e = alloca(a);
		char *f = mktemp(s);
			goto out;
		static void g(void) __attribute__((constructor));
		typedef struct h h_t;
	END
	put "$1/core/a.h" <<<'#ifndef A_H'
	yes ';' | head -701 | put "$1/core/long.c"
}

lint_main "$@"
