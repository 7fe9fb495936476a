# bash completion for jittertop
# shellcheck shell=bash

# The values that an option takes: 0 when the word before the cursor is one that takes any.
_jittertop_value() {
	case $1 in
	--root | capture)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$2")
		;;
	--view)
		mapfile -t COMPREPLY < <(compgen -W "host jitter irq nic vm container memory knobs effect table" -- "$2")
		;;
	--theme)
		mapfile -t COMPREPLY < <(compgen -W "default mono" -- "$2")
		;;
	--engine)
		mapfile -t COMPREPLY < <(compgen -W "wakeup spin cyclictest oslat timerlat" -- "$2")
		;;
	--format)
		mapfile -t COMPREPLY < <(compgen -W "sh systemd tuned cmdline json" -- "$2")
		;;
	--policy)
		mapfile -t COMPREPLY < <(compgen -W "fifo rr other" -- "$2")
		;;
	--topology | --delay | --fail-above | --confirm | --revert-after | --spin | --threshold | --measure | -d | -c | -D | -i | -p) ;;
	*) return 1 ;;
	esac
}

_jittertop() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='snapshot probe knobs set status keep undo restore export capture'
	local everywhere='--root --topology --read-only --no-color --version --help'
	local dashboard='--delay --revert-after --theme --ascii --view --no-measure --no-mouse'
	local word command=''

	COMPREPLY=()
	_jittertop_value "$previous" "$current" && return
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case " $commands " in *" $word "*) command=$word && break ;; esac
	done
	case $command in
	'') word="$commands $everywhere $dashboard" ;;
	snapshot | knobs | status) word="--json $everywhere" ;;
	probe)
		word="-c -D -i -p --policy --engine --spin --threshold --force --json --fail-above"
		word="$word $everywhere"
		;;
	set)
		word="--dry-run --measure --confirm --revert-after --keep --json $everywhere"
		[[ $current == -* ]] || word='irq_affinity@irq: hugepages@node:'
		compopt -o nospace 2>/dev/null
		;;
	undo) word="--all $everywhere" ;;
	export) word="--format $everywhere" ;;
	*) word=$everywhere ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
}

complete -F _jittertop jittertop
