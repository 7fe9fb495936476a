#!/bin/bash
# Who may include whom (README, architecture): tui -> core <- probes; core includes neither; only
# tui/main.c sees the registry; ncurses in tui/term.c only; JSON where JSON is parsed or written.
# shellcheck source=tests/lint/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"

json_users='core/json_limits.c|core/reference_json.c|core/snapshot_json.c|probes/container_json.c|probes/dpdk_[a-z_]+.c|probes/qmp_[a-z]+.c|probes/vm_options.c|tui/cmd_[a-z_]+.c'

check() {
	local file line target
	while IFS= read -r file; do
		grep -nE '^[[:space:]]*#[[:space:]]*include' "$1/$file" | while IFS= read -r line; do
			target=$(sed -E 's/^[0-9]+:[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]*).*/\1/' <<<"$line")
			judge "$file" "${target#?}" "${target%"${target#?}"}" |
				sed "s|^|$file:${line%%:*}: |"
		done
	done < <(sources "$1")
}

# judge FILE TARGET QUOTE
judge() {
	case $3$2 in
	'"core/'* | '"probes/'* | '"tui/'* | '"tests/'*) ;;
	'"'*) echo "include \"$2\" by its path from the root" ;;
	esac
	case $1 in
	core/*)
		case $2 in probes/* | tui/* | tests/*) echo "core includes $2" ;; esac
		;;
	probes/*)
		case $2 in tui/* | tests/*) echo "probes include $2" ;; esac
		;;
	tui/*)
		case $2 in
		probes/probes.h) [ "$1" = tui/main.c ] || echo "only tui/main.c includes probes/probes.h" ;;
		probes/* | tests/*) echo "tui includes $2" ;;
		esac
		;;
	esac
	case $1 in
	probes/registry.c | probes/probes.h | tui/* | tests/* | core/*) ;;
	*) case $2 in probes/probes.h | probes/probes.def) echo "only the registry includes $2" ;; esac ;;
	esac
	case $2 in
	ncurses.h | curses.h | term.h | ncursesw/* | panel.h)
		[ "$1" = tui/term.c ] || echo "ncurses outside tui/term.c"
		;;
	json-c/* | json.h)
		[[ $1 =~ ^($json_users)$ || $1 == tests/* ]] || echo "json-c outside the JSON parsers and writers"
		;;
	*.c) echo "includes a .c file" ;;
	esac
}

self_test_expects='core includes probes/irq.h
core includes tui/cmd.h
probes include tui/cmd.h
only the registry includes probes/probes.h
only tui/main.c includes probes/probes.h
tui includes probes/irq.h
ncurses outside tui/term.c
json-c outside
by its path from the root
includes a .c file'

self_test() {
	put "$1/core/a.c" <<-'END'
		#include "probes/irq.h"
		# include "tui/cmd.h"
		#include <json-c/json.h>
	END
	put "$1/probes/a.c" <<-'END'
		#include "tui/cmd.h"
		#include "probes/probes.h"
		#include "irq.h"
		#include "core/util.c"
	END
	put "$1/tui/view_a.c" <<-'END'
		#include "probes/probes.h"
		#include "probes/irq.h"
		#include <ncurses.h>
	END
}

lint_main "$@"
