/*
 * What the first process of a group says of it: namespaces of its own, capabilities, seccomp,
 * network interfaces; and how many threads of the group are real-time ones.
 *
 * A process may end, and its number be used again, between two reads: its start time is read before
 * and after, and when it is another one nothing is kept.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/container_internal.h"
#include "probes/read.h"

#define THREADS_PER_GROUP 1024u
#define NAMESPACES 8u
#define INTERFACES_MAX 64u

static const char *const namespace_names[NAMESPACES] = {"cgroup", "ipc",  "mnt",  "net",
							"pid",	  "time", "user", "uts"};

static const char *const cap_names[] = {
	[CAP_CHOWN] = "chown",
	[CAP_DAC_OVERRIDE] = "dac_override",
	[CAP_DAC_READ_SEARCH] = "dac_read_search",
	[CAP_FOWNER] = "fowner",
	[CAP_FSETID] = "fsetid",
	[CAP_KILL] = "kill",
	[CAP_SETGID] = "setgid",
	[CAP_SETUID] = "setuid",
	[CAP_SETPCAP] = "setpcap",
	[CAP_LINUX_IMMUTABLE] = "linux_immutable",
	[CAP_NET_BIND_SERVICE] = "net_bind_service",
	[CAP_NET_BROADCAST] = "net_broadcast",
	[CAP_NET_ADMIN] = "net_admin",
	[CAP_NET_RAW] = "net_raw",
	[CAP_IPC_LOCK] = "ipc_lock",
	[CAP_IPC_OWNER] = "ipc_owner",
	[CAP_SYS_MODULE] = "sys_module",
	[CAP_SYS_RAWIO] = "sys_rawio",
	[CAP_SYS_CHROOT] = "sys_chroot",
	[CAP_SYS_PTRACE] = "sys_ptrace",
	[CAP_SYS_PACCT] = "sys_pacct",
	[CAP_SYS_ADMIN] = "sys_admin",
	[CAP_SYS_BOOT] = "sys_boot",
	[CAP_SYS_NICE] = "sys_nice",
	[CAP_SYS_RESOURCE] = "sys_resource",
	[CAP_SYS_TIME] = "sys_time",
	[CAP_SYS_TTY_CONFIG] = "sys_tty_config",
	[CAP_MKNOD] = "mknod",
	[CAP_LEASE] = "lease",
	[CAP_AUDIT_WRITE] = "audit_write",
	[CAP_AUDIT_CONTROL] = "audit_control",
	[CAP_SETFCAP] = "setfcap",
	[CAP_MAC_OVERRIDE] = "mac_override",
	[CAP_MAC_ADMIN] = "mac_admin",
	[CAP_SYSLOG] = "syslog",
	[CAP_WAKE_ALARM] = "wake_alarm",
	[CAP_BLOCK_SUSPEND] = "block_suspend",
	[CAP_AUDIT_READ] = "audit_read",
	[CAP_PERFMON] = "perfmon",
	[CAP_BPF] = "bpf",
	[CAP_CHECKPOINT_RESTORE] = "checkpoint_restore",
};

int container_cap_number(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(cap_names); i++) {
		if (!strcmp(cap_names[i], name))
			return (int)i;
	}
	return -1;
}

static size_t append(char *buf, size_t size, size_t used, const char *word)
{
	int n = used < size ? snprintf(buf + used, size - used, "%s%s", used ? " " : "", word) : 0;

	return n < 0 || (size_t)n >= size - used ? used : used + (size_t)n;
}

void container_capabilities(uint64_t set, uint64_t all, char *buf, size_t size)
{
	uint64_t missing = all & ~set;
	size_t used = 0;

	if (!set || !missing) {
		(void)snprintf(buf, size, "%s", set ? "all" : "none");
		return;
	}
	buf[0] = '\0';
	/* The shorter list is the one that can be read. */
	if (__builtin_popcountll(missing) < __builtin_popcountll(set)) {
		used = append(buf, size, used, "all but");
		set = missing;
	}
	for (unsigned i = 0; i < 64; i++) {
		char number[16];

		if (!(set & UINT64_C(1) << i))
			continue;
		(void)snprintf(number, sizeof(number), "cap_%u", i);
		used = append(buf, size, used, i < ARRAY_SIZE(cap_names) ? cap_names[i] : number);
	}
}

/* --- one process --- */

/* 0: it has gone. */
static uint64_t start_time(struct host *host, pid_t pid)
{
	char text[1024];
	struct task_stat stat;

	if (host_readf(host, text, sizeof(text), "proc/%d/stat", (int)pid) < 0 ||
	    task_stat_parse(text, &stat) < 0 || !task_stat_has(&stat, TASK_STAT_START))
		return 0;
	return stat.fields[TASK_STAT_START] ? stat.fields[TASK_STAT_START] : 1;
}

static void read_namespaces(struct container_run *run, pid_t pid)
{
	char text[128] = "", link[64];
	size_t used = 0;
	unsigned n_known = 0;

	for (unsigned i = 0; i < NAMESPACES; i++) {
		const char *ours = run->state->host_namespaces[i];
		ssize_t n = ours ? host_readlinkf(run->host, link, sizeof(link), "proc/%d/ns/%s",
						  (int)pid, namespace_names[i])
				 : -ENOENT;

		if (n < 0 && !errno_is_absent((int)-n)) {
			container_set_errno(run->container, C_NAMESPACES, (int)n);
			return;
		}
		if (n < 0)
			continue;
		n_known++;
		if (strcmp(link, ours) != 0)
			used = append(text, sizeof(text), used, namespace_names[i]);
	}
	if (n_known)
		container_set_text(run->container, C_NAMESPACES, used ? text : "none");
	else
		container_set_errno(run->container, C_NAMESPACES, 0);
}

static bool has_own_net(const struct container_run *run)
{
	const struct value *value = &run->container->values[C_NAMESPACES];

	return value->state == VALUE_OK && strstr(value->text, "net");
}

/* Two lines of heads, then "  eth0: 123 ...". */
static void read_interfaces(struct container_run *run, pid_t pid)
{
	struct host_file *file = NULL;
	char names[INTERFACES_MAX * 17] = "";
	const char *text;
	size_t used = 0;

	if (!has_own_net(run)) {
		container_set_errno(run->container, C_INTERFACES, 0);
		return;
	}

	ssize_t n = host_file_readf(run->host, &file, &text, "proc/%d/net/dev", (int)pid);

	for (const char *line = n < 0 ? NULL : text; line; line = strchr(line, '\n')) {
		char name[32];

		line += strspn(line, "\n ");

		size_t len = strcspn(line, ":\n");

		if (line[len] != ':' || !len || len >= sizeof(name))
			continue;
		memcpy(name, line, len);
		name[len] = '\0';
		used = append(names, sizeof(names), used, name);
	}
	host_file_close(file);
	if (n < 0)
		container_set_errno(run->container, C_INTERFACES, (int)n);
	else
		container_set_text(run->container, C_INTERFACES, names);
}

static int status_value(const char *text, const char *key, char *buf, size_t size)
{
	size_t n = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		struct key_value pair;

		line += *line == '\n';
		if (strncmp(line, key, n) ||
		    parse_key_value(line, strcspn(line, "\n"), ':', &pair) < 0 || pair.key_len != n)
			continue;
		if (pair.value_len >= size)
			return -EINVAL;
		memcpy(buf, pair.value, pair.value_len);
		buf[pair.value_len] = '\0';
		return 0;
	}
	return -ENOENT;
}

static void set_capabilities(struct container_run *run, enum container_metric metric,
			     const char *status, const char *key)
{
	char number[32], text[1024];
	uint64_t set;
	int r = status_value(status, key, number, sizeof(number));

	if (r == 0)
		r = parse_hex_u64(number, &set);
	if (r < 0) {
		container_set_errno(run->container, metric, r);
		return;
	}
	container_capabilities(set, run->state->all_capabilities, text, sizeof(text));
	container_set_text(run->container, metric, text);
}

static void read_status(struct container_run *run, pid_t pid)
{
	static const char *const modes[] = {"off", "strict", "filter"};
	struct container *container = run->container;
	char status[8192], text[32];
	uint64_t number;
	ssize_t n = host_readf(run->host, status, sizeof(status), "proc/%d/status", (int)pid);

	if (n < 0)
		status[0] = '\0';
	set_capabilities(run, C_CAPABILITIES, status, "CapEff");
	set_capabilities(run, C_CAPABILITIES_BOUNDING, status, "CapBnd");
	container_set_errno(container, C_SECCOMP, 0);
	container_set_errno(container, C_NO_NEW_PRIVS, 0);
	if (status_value(status, "Seccomp", text, sizeof(text)) == 0 &&
	    parse_u64(text, &number) == 0 && number < ARRAY_SIZE(modes))
		container_set_text(container, C_SECCOMP, modes[number]);
	if (status_value(status, "NoNewPrivs", text, sizeof(text)) == 0 &&
	    parse_u64(text, &number) == 0)
		container_set_u64(container, C_NO_NEW_PRIVS, number != 0);
}

static void forget_process(struct container *container)
{
	static const enum container_metric of_process[] = {
		C_PID,	   C_NAMESPACES,   C_CAPABILITIES, C_CAPABILITIES_BOUNDING,
		C_SECCOMP, C_NO_NEW_PRIVS, C_INTERFACES,
	};

	for (size_t i = 0; i < ARRAY_SIZE(of_process); i++)
		container_set_errno(container, of_process[i], 0);
	container->pid = 0;
}

/* --- the group's processes and threads --- */

static ssize_t read_list(struct container_run *run, struct host_file **file, const char *v1_name,
			 const char *v2_name, const char **ret_text)
{
	const struct cgroup_tree *tree = &run->state->tree;
	int where = cgroup_tree_anywhere(tree, run->node);
	char dir[1024];

	if (where < 0 ||
	    !cgroup_directory(&tree->mounts.at[where], run->node->path, dir, sizeof(dir)))
		return -ENOENT;
	return host_file_readf(run->host, file, ret_text, "%s/%s", dir,
			       cgroup_tree_is_v2(tree, where) ? v2_name : v1_name);
}

/* What the engine says when it is one of them, else the lowest number: mostly the first one made.
 * 0 stands for processes of another PID namespace. */
static pid_t first_process(struct container_run *run, int *ret_error)
{
	struct host_file *file = NULL;
	const char *text;
	uint64_t pid, lowest = 0;
	ssize_t n = read_list(run, &file, "cgroup.procs", "cgroup.procs", &text);

	*ret_error = n < 0 ? (int)n : 0;
	for (struct scan scan = {n < 0 ? "" : text}; *scan.at;) {
		if (scan_u64(&scan, &pid) == 0 && pid && pid <= INT32_MAX) {
			if (pid == (uint64_t)run->container->facts.pid) {
				lowest = pid;
				break;
			}
			if (!lowest || pid < lowest)
				lowest = pid;
		}
		if (!scan_next_line(&scan))
			break;
	}
	host_file_close(file);
	return (pid_t)lowest;
}

/* SCHED_FIFO, SCHED_RR and SCHED_DEADLINE. -ENOENT: it has gone. */
static int is_real_time(struct host *host, pid_t tid)
{
	char text[1024];
	struct task_stat stat;
	ssize_t n = host_readf(host, text, sizeof(text), "proc/%d/stat", (int)tid);

	if (n < 0 || task_stat_parse(text, &stat) < 0 || !task_stat_has(&stat, TASK_STAT_POLICY))
		return -ENOENT;

	uint64_t policy = stat.fields[TASK_STAT_POLICY];

	return policy == 1 || policy == 2 || policy == 6;
}

struct threads {
	unsigned n, looked, seen;
};

static void look_at(struct container_run *run, pid_t tid, struct threads *threads)
{
	threads->n++;
	if (threads->looked == THREADS_PER_GROUP || !run->state->threads_left)
		return;
	run->state->threads_left--;
	threads->looked++;

	int r = is_real_time(run->host, tid);

	threads->seen += r >= 0;
	run->container->rt_threads += r > 0;
}

static void read_threads(struct container_run *run)
{
	struct container *container = run->container;
	struct threads threads = {0};
	struct host_file *file = NULL;
	const char *text;
	uint64_t tid;
	ssize_t n = read_list(run, &file, "tasks", "cgroup.threads", &text);

	container->rt_threads = 0;
	for (struct scan scan = {n < 0 ? "" : text}; *scan.at;) {
		if (scan_u64(&scan, &tid) == 0 && tid <= INT32_MAX)
			look_at(run, (pid_t)tid, &threads);
		if (!scan_next_line(&scan))
			break;
	}
	host_file_close(file);
	/* Some end while they are looked at; none seen at all is a recording without them. */
	container->has_threads =
		n >= 0 && threads.looked == threads.n && (!threads.n || threads.seen);
	if (n < 0)
		container_set_errno(container, C_TASKS, (int)n);
	else
		container_set_u64(container, C_TASKS, threads.n);
}

void container_read_process(struct container_run *run)
{
	int error;
	pid_t pid = first_process(run, &error);
	uint64_t start = pid ? start_time(run->host, pid) : 0;

	read_threads(run);
	forget_process(run->container);
	if (!start) {
		container_set_errno(run->container, C_PID, error);
		return;
	}
	container_set_u64(run->container, C_PID, (uint64_t)pid);
	read_namespaces(run, pid);
	read_interfaces(run, pid);
	read_status(run, pid);
	run->container->pid = pid;
	if (start_time(run->host, pid) != start)
		forget_process(run->container);
}

void container_process_open(struct container_state *state, struct host *host)
{
	uint64_t last = ARRAY_SIZE(cap_names) - 1;
	char link[64];

	(void)!host_read_u64f(host, &last, "proc/sys/kernel/cap_last_cap");
	state->all_capabilities = last < 63 ? (UINT64_C(1) << (last + 1)) - 1 : UINT64_MAX;
	for (unsigned i = 0; i < NAMESPACES; i++) {
		free(state->host_namespaces[i]);
		state->host_namespaces[i] = NULL;
		if (host_readlinkf(host, link, sizeof(link), "proc/1/ns/%s", namespace_names[i]) >=
			    0 ||
		    host_readlinkf(host, link, sizeof(link), "proc/self/ns/%s",
				   namespace_names[i]) >= 0)
			state->host_namespaces[i] = xstrdup(link);
	}
}

void container_process_close(struct container_state *state)
{
	for (unsigned i = 0; i < NAMESPACES; i++)
		free(state->host_namespaces[i]);
}
