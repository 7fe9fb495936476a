#!/bin/sh
# From a fresh checkout to a built program: installs what is missing through the distribution's
# package manager where it may (Debian/Ubuntu, Fedora/RHEL, openSUSE), otherwise says exactly what is
# missing; then autoreconf, ./configure with this script's arguments, make.
#
# What is there is found by trying it, not by asking the package database: on a machine that has
# everything nothing is installed and nothing is asked.
set -eu
cd "$(dirname "$0")"

say() {
	printf 'autogen.sh: %s\n' "$*" >&2
}

has_command() {
	command -v "$1" >/dev/null 2>&1
}

has_module() {
	has_command pkg-config && pkg-config --exists "$1" 2>/dev/null
}

has_libnl() {
	has_module libnl-3.0 && has_module libnl-genl-3.0
}

# A compiler without the C library's headers (gcc without libc6-dev) is none.
has_compiler() {
	probe_dir=$(mktemp -d) || return 1
	printf '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n' >"$probe_dir/t.c"
	status=0
	# shellcheck disable=SC2086 # CC and CFLAGS may hold several words
	${CC:-cc} $1 -o "$probe_dir/t" "$probe_dir/t.c" >/dev/null 2>&1 || status=1
	rm -rf "$probe_dir"
	return $status
}

family() {
	ID='' ID_LIKE=''
	# shellcheck disable=SC1091
	if [ -r /etc/os-release ]; then . /etc/os-release; fi
	for id in $ID $ID_LIKE; do
		case $id in
		debian | ubuntu) echo debian && return ;;
		fedora | rhel | centos) echo fedora && return ;;
		suse | opensuse*) echo suse && return ;;
		esac
	done
	echo unknown
}

# need WHAT IS-THERE DEBIAN FEDORA SUSE: WHAT is for people, IS-THERE the result of the test.
need() {
	[ "$2" = no ] || return 0
	case $distribution in
	debian) package=$3 ;;
	fedora) package=$4 ;;
	suse) package=$5 ;;
	*) package= ;;
	esac
	missing="$missing
    $1${package:+   (package: $package)}"
	packages="$packages $package"
}

is() {
	if "$@"; then echo yes; else echo no; fi
}

find_required() {
	missing='' packages=''
	need 'a C compiler with the C library headers' "$(is has_compiler '')" 'gcc libc6-dev' 'gcc glibc-devel' 'gcc glibc-devel'
	need make "$(is has_command make)" make make make
	need autoconf "$(is has_command autoreconf)" autoconf autoconf autoconf
	need automake "$(is has_command automake)" automake automake automake
	need pkg-config "$(is has_command pkg-config)" pkg-config pkgconf-pkg-config pkg-config
	need 'ncursesw (terminal)' "$(is has_module ncursesw)" libncurses-dev ncurses-devel ncurses-devel
	need 'hwloc 2 (topology)' "$(is has_module 'hwloc >= 2.0')" libhwloc-dev hwloc-devel hwloc-devel
	need 'libnuma (NUMA nodes)' "$(is has_module numa)" libnuma-dev numactl-devel libnuma-devel
	need 'json-c (JSON)' "$(is has_module json-c)" libjson-c-dev json-c-devel libjson-c-devel
	need 'libsystemd (event loop)' "$(is has_module libsystemd)" libsystemd-dev systemd-devel systemd-devel
	need 'libnl 3 (network interfaces)' "$(is has_libnl)" 'libnl-3-dev libnl-genl-3-dev' libnl3-devel libnl3-devel
	need 'inih (theme and configuration files)' "$(is has_module inih)" libinih-dev inih-devel inih-devel
}

# Only the tests need these: without them the program is built all the same.
find_wanted() {
	missing='' packages=''
	need 'cmocka (unit tests)' "$(is has_module cmocka)" libcmocka-dev libcmocka-devel libcmocka-devel
	need 'libvterm (screen tests)' "$(is has_module vterm)" libvterm-dev libvterm-devel libvterm-devel
	need 'jq (tests of the command line)' "$(is has_command jq)" jq jq jq
	need 'strace (a test of --root)' "$(is has_command strace)" strace strace strace
	need 'address and undefined behaviour sanitizers (tests)' "$(is has_compiler -fsanitize=address,undefined)" \
		gcc 'libasan libubsan' gcc
}

install_command() {
	case $distribution in
	debian) echo "apt-get install -y --no-install-recommends$1" ;;
	fedora) echo "dnf install -y$1" ;;
	suse) echo "zypper --non-interactive install --no-recommends$1" ;;
	*) ;;
	esac
}

# as_root COMMAND...: directly, through sudo without a password, or through sudo that may ask.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif has_command sudo && sudo -n true 2>/dev/null; then
		sudo -n "$@"
	elif has_command sudo && [ -t 0 ] && [ -t 2 ]; then
		say "sudo may ask for your password to run: $*"
		sudo "$@"
	else
		return 1
	fi
}

may_install() {
	case $distribution in
	debian) has_command apt-get || return 1 ;;
	fedora) has_command dnf || return 1 ;;
	suse) has_command zypper || return 1 ;;
	*) return 1 ;;
	esac
	[ "$(id -u)" = 0 ] || { has_command sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ]; }; }; }
}

install_packages() {
	if [ "$distribution" = debian ]; then
		# The lists may be missing (containers, fresh images) or name versions that are gone.
		as_root env DEBIAN_FRONTEND=noninteractive apt-get update >&2 ||
			say 'apt-get update failed; trying with the lists that are there'
	fi
	# shellcheck disable=SC2046 # a list of words by design
	as_root env DEBIAN_FRONTEND=noninteractive $(install_command "$1") >&2
}

give_up() {
	required_missing=$missing required=$packages
	find_wanted
	say "missing:$required_missing$missing"
	packages=$required$packages
	command=$(install_command "$packages")
	if [ -n "$command" ]; then
		say "install it as root and run autogen.sh again:"
		printf '    %s\n' "$command" >&2
	else
		say "this distribution is not known here: install the above and run autogen.sh again"
	fi
	exit 1
}

distribution=$(family)

# One installation for both lists; if that fails (a package the distribution lacks), the required
# ones alone.
find_required
required=$packages required_missing=$missing
find_wanted
if [ -n "$required_missing$missing" ] && may_install; then
	say "installing:$required_missing$missing"
	if ! install_packages "$required$packages" && [ -n "$required_missing" ]; then
		install_packages "$required" || :
	fi
fi
find_required
[ -z "$missing" ] || give_up
find_wanted
[ -z "$missing" ] || say "going on without what only the tests need:$missing"

mkdir -p build-aux
autoreconf -fi
./configure "$@"
make -j"$(nproc 2>/dev/null || echo 1)"
say 'done: ./jittertop (as root to change things), make check, make install'
