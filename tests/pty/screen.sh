# What scripts share that look at the dashboard in tmux and move an idle interrupt with its keys: sourced, not
# run. They set socket, the name of a tmux server of their own.
# shellcheck shell=bash disable=SC2154,SC2034
irq='' old='' name='' target=''

t() { tmux -L "$socket" "$@"; }
look() { t capture-pane -p 2>/dev/null; }
screen() { echo "--- $1" && t capture-pane -p; }
shows() { look | grep -Eq -- "$1"; }
affinity() { cat "/proc/irq/$irq/smp_affinity_list"; }
has_affinity() { [ "$(affinity)" = "$1" ]; }

# await SECONDS COMMAND...: polls until it is true
await() {
	local tries=$(($1 * 10))
	shift
	while [ "$tries" -gt 0 ]; do
		"$@" && return 0
		sleep 0.1
		tries=$((tries - 1))
	done
	return 1
}

# An interrupt that may be moved to one CPU alone, and whose count does not move meanwhile: nobody misses it.
pick_irq() {
	local path n before
	for path in /sys/kernel/irq/*; do
		n=${path##*/}
		name=$(cat "$path/actions" 2>/dev/null)
		case $name in *-config | *-inflate | *-deflate) ;; *) continue ;; esac
		[ "$(cat "/proc/irq/$n/smp_affinity_list" 2>/dev/null)" = "$(cat /sys/devices/system/cpu/online)" ] || continue
		before=$(cat "$path/per_cpu_count")
		sleep 0.3
		[ "$before" = "$(cat "$path/per_cpu_count")" ] || continue
		irq=$n
		old=$(affinity)
		target=${old%%[-,]*}
		return 0
	done
	return 1
}

# Whatever went wrong: the interrupt goes back where it was.
put_irq_back() {
	[ -n "$irq" ] || return 0
	await 3 has_affinity "$old" || echo "$old" >"/proc/irq/$irq/smp_affinity_list"
}

# The way to a preview of the change; Enter then tries it.
preview_irq() {
	t send-keys 3
	await 5 shows '^ *irq .*action' || fail "no interrupt table"
	t send-keys / "$name" Enter
	sleep 0.5
	t send-keys e
	await 5 shows "irq_affinity irq:$irq" || fail "no dialog for irq $irq"
	t send-keys C-u "$target" Enter
	await 5 shows "/proc/irq/$irq/smp_affinity_list" || fail "no preview"
}

try_irq() {
	t send-keys Enter
	await 5 has_affinity "$target" || fail "affinity is $(affinity), not $target"
	await 5 shows 'trial +[0-9]+ s' || fail "no countdown"
}

move_irq() {
	preview_irq
	try_irq
}

# ms_until SECONDS VALUE: how long the interrupt takes to show it, in ms; nothing and 1: it does not
ms_until() {
	local now begin=${EPOCHREALTIME/[.,]/} value
	while :; do
		read -r value <"/proc/irq/$irq/smp_affinity_list"
		now=${EPOCHREALTIME/[.,]/}
		[ "$value" != "$2" ] || break
		[ $((now - begin)) -lt $(($1 * 1000000)) ] || return 1
		read -rt 0.002 <> <(:)
	done
	echo $(((now - begin) / 1000))
}
