/*
 * What changes rarely with a machine: which descriptors it holds, its control group, where its
 * monitor listens. And of the host: nodes and siblings.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/vm_internal.h"

#define FDS_MAX 4096u

/* --- descriptors --- */

static bool is_link(const char *target, const char *what)
{
	return !strncmp(target, what, strlen(what));
}

/* "/dev/vfio/12": an IOMMU group (Documentation/driver-api/vfio.rst). */
static void note_group(struct vm *vm, const char *target)
{
	uint64_t group;

	if (is_link(target, "/dev/vfio/") && parse_u64(target + 10, &group) == 0 &&
	    group <= UINT32_MAX && vm->n_vfio_groups < VM_VFIO_GROUPS_MAX)
		vm->vfio_groups[vm->n_vfio_groups++] = (unsigned)group;
}

/* Descriptors tell what the command line of a machine does not: whether KVM really runs it, and
 * that vhost-net was handed over. */
static void read_fds(struct vm *vm, struct host *host)
{
	struct host_names fds = {0};
	int r = host_listf(host, &fds, "proc/%d/fd", (int)vm->pid);

	vm->are_fds_known = r == 0;
	if (r < 0)
		return;
	vm->is_kvm = false;
	vm->kvm_fd = -1;
	vm->n_vhost_fds = vm->n_vfio_groups = 0;
	for (size_t i = 0; i < fds.n && i < FDS_MAX; i++) {
		char target[256];
		uint64_t fd;

		if (parse_u64(fds.names[i], &fd) < 0 ||
		    host_readlinkf(host, target, sizeof(target), "proc/%d/fd/%s", (int)vm->pid,
				   fds.names[i]) < 0)
			continue;
		if (is_link(target, "anon_inode:kvm-vm")) {
			vm->is_kvm = true;
			vm->kvm_fd = (int)fd;
		}
		vm->n_vhost_fds += !strcmp(target, "/dev/vhost-net");
		note_group(vm, target);
	}
	host_names_done(&fds);
}

/* The path a socket is bound to, of its inode: the last word of its line, and the only one that
 * begins with a slash. */
static bool find_bound(struct host *host, pid_t pid, uint64_t inode, char *buf, size_t size)
{
	struct host_file *file = NULL;
	const char *text, *word;
	bool is_found = false;
	size_t len;

	if (host_file_readf(host, &file, &text, "proc/%d/net/unix", (int)pid) >= 0) {
		struct scan scan = {text};

		do {
			uint64_t n = 0;
			unsigned column = 0;

			while (scan_word(&scan, &word, &len) == 0 && ++column <= 8) {
				struct scan number = {word};

				if (column == 7 && scan_u64(&number, &n) < 0)
					n = 0;
				if (column == 8 && n == inode && *word == '/' && len < size) {
					(void)snprintf(buf, size, "%.*s", (int)len, word);
					is_found = true;
				}
			}
		} while (!is_found && scan_next_line(&scan));
	}
	host_file_close(file);
	return is_found;
}

/* libvirt makes the socket and hands it over as a number. */
static void find_monitor_of_fd(struct vm *vm, struct host *host)
{
	char target[64];
	uint64_t inode;

	if (host_readlinkf(host, target, sizeof(target), "proc/%d/fd/%d", (int)vm->pid,
			   vm->config.monitor_fd) < 0 ||
	    strncmp(target, "socket:[", 8) != 0)
		return;
	target[strcspn(target, "]")] = '\0';
	if (parse_u64(target + 8, &inode) == 0)
		(void)find_bound(host, vm->pid, inode, vm->monitor, sizeof(vm->monitor));
}

static void find_monitor(struct vm *vm, struct host *host)
{
	const char *path = vm->config.monitor;
	char cwd[256];

	vm->monitor[0] = '\0';
	if (vm->config.monitor_fd >= 0)
		find_monitor_of_fd(vm, host);
	if (vm->monitor[0] || !*path)
		return;
	/* var/run is a link to run nearly everywhere, and links are not followed. */
	if (!strncmp(path, "/var/run/", 9))
		path += 4;
	if (*path == '/')
		(void)snprintf(vm->monitor, sizeof(vm->monitor), "%s", path);
	else if (host_readlinkf(host, cwd, sizeof(cwd), "proc/%d/cwd", (int)vm->pid) > 0)
		(void)snprintf(vm->monitor, sizeof(vm->monitor), "%s/%s",
			       strcmp(cwd, "/") != 0 ? cwd : "", path);
}

/* The cpu controller's on cgroup v1, where hierarchies differ, else v2's. */
static void read_cgroup(struct vm *vm, struct host *host)
{
	char text[8192];
	ssize_t n = host_readf(host, text, sizeof(text), "proc/%d/cgroup", (int)vm->pid);

	vm->cgroup[0] = '\0';
	vm->cgroup_error = n < 0 ? (int)n : 0;
	if (n < 0)
		return;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';

		const char *names = strchr(line, ':');
		const char *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;

		_cleanup_(freep) char *list =
			xasprintf(",%.*s,", (int)(path - names - 1), names + 1);
		bool is_cpu = strstr(list, ",cpu,") != NULL, is_v2 = !strcmp(list, ",,");

		if (is_cpu || (is_v2 && !vm->cgroup[0]))
			(void)snprintf(vm->cgroup, sizeof(vm->cgroup), "%.*s",
				       (int)strcspn(path + 1, "\n"), path + 1);
		if (is_cpu)
			return;
	}
}

void vm_read_facts(struct vm *vm, struct host *host)
{
	read_fds(vm, host);
	read_cgroup(vm, host);
	find_monitor(vm, host);
}

/* --- the host --- */

const struct cpuset *vm_siblings(struct vm_host_facts *facts, struct host *host, unsigned cpu)
{
	if (cpu >= CPUSET_MAX)
		return NULL;
	if (!facts->siblings)
		facts->siblings = xcalloc(CPUSET_MAX, sizeof(struct cpuset *));
	if (!facts->siblings[cpu]) {
		struct cpuset *set = xcalloc(1, sizeof(*set));

		if (host_read_cpulistf(host, set,
				       "sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
				       cpu) < 0)
			cpuset_add(set, cpu);
		facts->siblings[cpu] = set;
	}
	return facts->siblings[cpu];
}

int vm_node_of_device(struct host *host, const char *address)
{
	int64_t node;

	if (!*address || strchr(address, '/') ||
	    host_read_i64f(host, &node, "sys/bus/pci/devices/%s/numa_node", address) < 0 ||
	    node < 0 || node >= VM_NODES_MAX)
		return -1;
	return (int)node;
}
