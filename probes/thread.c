/* What /proc says of one thread: see knob_thread.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_stat.h"
#include "core/text.h"
#include "probes/cgroup.h"
#include "probes/cpus.h"
#include "probes/knob_thread.h"

#define STATUS_MAX 16384

/* A number in its one spelling, up to end. */
static int cut_number(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	char digits[24];

	if (!len || len >= sizeof(digits) || (text[0] == '0' && len > 1))
		return -EINVAL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	return parse_u64(digits, ret) || *ret > max ? -EINVAL : 0;
}

int thread_object_parse(const char *object, pid_t *ret_pid, pid_t *ret_tid)
{
	static const char prefix[] = "thread:";
	uint64_t pid, tid;

	if (strncmp(object, prefix, strlen(prefix)) != 0)
		return -EINVAL;
	const char *at = object + strlen(prefix), *slash = strchr(at, '/');
	if (!slash || cut_number(at, (size_t)(slash - at), INT32_MAX, &pid) ||
	    cut_number(slash + 1, strlen(slash + 1), INT32_MAX, &tid) || !pid || !tid)
		return -EINVAL;
	*ret_pid = (pid_t)pid;
	*ret_tid = (pid_t)tid;
	return 0;
}

void thread_object(pid_t pid, pid_t tid, char *buf, size_t size)
{
	(void)snprintf(buf, size, "thread:%d/%d", (int)pid, (int)tid);
}

/* A thread that ends between open and read is as gone as one that was never there. */
static int gone(ssize_t err)
{
	return err == -ESRCH ? -ENOENT : (int)err;
}

/* Field 19 of proc_pid_stat(5), the one of ours that may be negative; of real-time threads it is
 * what they will have when they are none any more. */
static int stat_nice(const char *text)
{
	const char *close = strrchr(text, ')'), *word = NULL;
	struct scan scan = {close ? close + 1 : ""};
	char number[16];
	int64_t nice = 0;
	size_t len = 0;

	for (unsigned field = 3; field <= 19; field++) {
		if (scan_word(&scan, &word, &len))
			return 0;
	}
	(void)snprintf(number, sizeof(number), "%.*s", (int)len, word);
	return parse_i64(number, &nice) || nice < -20 || nice > 19 ? 0 : (int)nice;
}

static int parse_facts(const char *text, pid_t pid, pid_t tid, struct thread_facts *ret)
{
	struct task_stat stat;

	if (task_stat_parse(text, &stat) || !stat.is_whole ||
	    !task_stat_has(&stat, TASK_STAT_START))
		return -EBADMSG;
	/* A zombie has its number and nothing that could be set. */
	if (stat.state == 'Z' || stat.state == 'X')
		return -ENOENT;
	*ret = (struct thread_facts){
		.pid = pid,
		.tid = tid,
		.start = stat.fields[TASK_STAT_START],
		.flags = stat.fields[TASK_STAT_FLAGS],
		.policy = (unsigned)stat.fields[TASK_STAT_POLICY],
		.priority = (unsigned)stat.fields[TASK_STAT_PRIORITY],
		.nice = stat_nice(text),
	};
	(void)text_sanitise(stat.comm, stat.comm_len, ret->comm, sizeof(ret->comm));
	return 0;
}

int thread_read(struct host *host, pid_t pid, pid_t tid, struct thread_facts *ret)
{
	char text[1024];
	ssize_t len =
		host_readf(host, text, sizeof(text), "proc/%d/task/%d/stat", (int)pid, (int)tid);

	return len < 0 ? gone(len) : parse_facts(text, pid, tid, ret);
}

/* --- lists --- */

/* What others run is no business of a recording, what is listed is: kernel threads and real-time
 * threads. False: not of the wished kind, or gone. */
static bool look_at(struct host *host, pid_t pid, pid_t tid, enum thread_kind kind,
		    struct thread_facts *ret)
{
	char text[1024];

	if (host_peek_bytesf(host, text, sizeof(text), "proc/%d/task/%d/stat", (int)pid, (int)tid) <
		    0 ||
	    parse_facts(text, pid, tid, ret))
		return false;
	bool is_kernel = ret->flags & TASK_KTHREAD;
	bool is_wished = kind == THREAD_KERNEL ? is_kernel : !is_kernel && ret->priority > 0;
	return is_wished && !thread_read(host, pid, tid, ret);
}

static void list_add(struct thread_list *list, const struct thread_facts *facts)
{
	if ((list->n & (list->n - 1)) == 0)
		list->at = xrealloc(list->at, (list->n ? 2 * list->n : 1) * sizeof(*list->at));
	list->at[list->n++] = *facts;
}

static void list_process(struct host *host, pid_t pid, enum thread_kind kind,
			 struct thread_list *list)
{
	struct host_dirs tasks = {0};
	struct thread_facts facts;
	uint64_t tid;

	/* Kernel threads are processes of one thread each. */
	if (kind == THREAD_KERNEL) {
		if (look_at(host, pid, pid, kind, &facts))
			list_add(list, &facts);
		return;
	}
	if (host_list_dirsf(host, &tasks, "proc/%d/task", (int)pid))
		return;
	for (size_t i = 0; i < tasks.n; i++) {
		if (!parse_u64(tasks.at[i].name, &tid) && tid && tid <= INT32_MAX &&
		    look_at(host, pid, (pid_t)tid, kind, &facts))
			list_add(list, &facts);
	}
	host_dirs_done(&tasks);
}

int thread_list(struct host *host, enum thread_kind kind, struct thread_list *ret)
{
	struct host_names names;
	int err = host_listf(host, &names, "proc");

	*ret = (struct thread_list){0};
	if (err)
		return err;
	for (size_t i = 0; i < names.n; i++) {
		uint64_t pid;

		if (!parse_u64(names.names[i], &pid) && pid && pid <= INT32_MAX)
			list_process(host, (pid_t)pid, kind, ret);
	}
	host_names_done(&names);
	return 0;
}

void thread_list_done(struct thread_list *list)
{
	free(list->at);
	*list = (struct thread_list){0};
}

/* --- CPUs --- */

static int read_online(struct host *host, struct cpuset *ret)
{
	struct cpus cpus = {0};
	int err = cpus_online(&cpus, host, ret);

	cpus_done(&cpus);
	return err;
}

static int read_status_affinity(struct host *host, pid_t pid, pid_t tid, struct cpuset *ret)
{
	static const char key[] = "\nCpus_allowed_list:\t";
	char text[STATUS_MAX];
	ssize_t len =
		host_readf(host, text, sizeof(text), "proc/%d/task/%d/status", (int)pid, (int)tid);

	if (len < 0)
		return gone(len);
	char *list = strstr(text, key);
	if (!list)
		return -EBADMSG;
	list += strlen(key);
	list[strcspn(list, "\n")] = '\0';
	return cpuset_parse_list(list, ret);
}

int thread_read_affinity(struct host *host, pid_t pid, pid_t tid, struct cpuset *ret)
{
	struct cpuset online, mask;
	bool is_file = host_kind(host) == HOST_CAPTURED;
	int err = is_file ? read_status_affinity(host, pid, tid, &mask)
			  : gone(host_get_affinity(host, tid, &mask));

	if (!err)
		err = read_online(host, &online);
	if (err)
		return err;
	cpuset_and(&online, &mask);
	/* All its CPUs are offline: the kernel is about to choose others. */
	*ret = cpuset_is_empty(&online) ? mask : online;
	return 0;
}

/* "12:cpuset,cpu:/docker/1" -> "docker/1". */
static bool cgroup_path(const char *text, const char *controller, char *buf, size_t size)
{
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		const char *list = strchr(line, ':'), *end = list ? strchr(list + 1, ':') : NULL;
		size_t len = strlen(controller);

		if (!end)
			return false;
		list++;
		/* The unified hierarchy's list is empty. */
		bool is_it = !len && list == end;
		for (const char *at = list; len && at < end && !is_it; at += strcspn(at, ",:") + 1)
			is_it = !strncmp(at, controller, len) && strchr(",:", at[len]);
		if (!is_it)
			continue;
		end += 1 + (end[1] == '/');
		size_t n = strcspn(end, "\n");
		if (n >= size)
			return false;
		memcpy(buf, end, n);
		buf[n] = '\0';
		return true;
	}
	return false;
}

int thread_read_group(struct host *host, pid_t pid, pid_t tid, const char *controller, char *buf,
		      size_t size)
{
	char text[8192];
	ssize_t len =
		host_readf(host, text, sizeof(text), "proc/%d/task/%d/cgroup", (int)pid, (int)tid);

	if (len < 0)
		return gone(len);
	return cgroup_path(text, controller, buf, size) ? 0 : -ENODATA;
}

/* The nearest group, from path up, that has a cpuset (v2: where the controller is enabled). */
static int read_cpuset(struct host *host, const struct cgroup_hierarchy *hierarchy, char *path,
		       struct cpuset *ret)
{
	static const char *const files[] = {"cpuset.cpus.effective", "cpuset.effective_cpus",
					    "effective_cpus"};
	char directory[1024];

	while (cgroup_directory(hierarchy, path, directory, sizeof(directory))) {
		for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
			if (!host_read_cpulistf(host, ret, "%s/%s", directory, files[i]))
				return 0;
		}
		char *slash = strrchr(path, '/');
		if (!*path)
			break;
		*(slash ? slash : path) = '\0';
	}
	return -ENOENT;
}

int thread_read_allowed(struct host *host, pid_t pid, pid_t tid, struct cpuset *ret)
{
	struct cgroup_mounts mounts = {0};
	char path[CGROUP_PATH_MAX];
	struct cpuset set;
	int err = read_online(host, ret);

	if (err || cgroup_mounts_read(host, &mounts) < 0)
		return err;

	int v1 = mounts.by_controller[CGROUP_CPUSET];
	int where = v1 >= 0 ? v1 : mounts.by_controller[CGROUP_UNIFIED];
	if (where >= 0)
		err = thread_read_group(host, pid, tid, v1 >= 0 ? "cpuset" : "", path,
					sizeof(path));
	if (where >= 0 && !err && !read_cpuset(host, &mounts.at[where], path, &set) &&
	    !cpuset_is_empty(&set))
		cpuset_and(ret, &set);
	cgroup_mounts_done(&mounts);
	return err == -ENOENT ? err : 0;
}

/* --- policies --- */

void thread_policy_text(unsigned policy, unsigned priority, char *buf, size_t size)
{
	const char *name = task_policy_name(policy);

	(void)snprintf(buf, size, "%s:%u", name ? name : "?", priority);
}

int thread_policy_parse(const char *text, unsigned *ret_policy, unsigned *ret_priority)
{
	const char *colon = strchr(text, ':');
	uint64_t priority;

	if (!colon || cut_number(colon + 1, strlen(colon + 1), 99, &priority))
		return -EINVAL;
	for (unsigned policy = 0; policy < 8; policy++) {
		const char *name = task_policy_name(policy);
		bool is_realtime = policy == 1 || policy == 2;

		if (!name || strlen(name) != (size_t)(colon - text) ||
		    strncmp(name, text, strlen(name)) != 0)
			continue;
		if (is_realtime != (priority > 0))
			return -EINVAL;
		*ret_policy = policy;
		*ret_priority = (unsigned)priority;
		return 0;
	}
	return -EINVAL;
}

/* --- the names of rows --- */

/* "PID.START" up to end. */
static int parse_owner(const char *text, size_t len, uint64_t *ret_pid, uint64_t *ret_start)
{
	const char *dot = memchr(text, '.', len);
	size_t n = dot ? (size_t)(dot - text) : len;

	*ret_start = 0;
	if (cut_number(text, n, INT32_MAX, ret_pid) || !*ret_pid)
		return -EINVAL;
	if (!dot)
		return 0;
	return cut_number(dot + 1, len - n - 1, UINT64_MAX, ret_start);
}

static int not_a_thread(const char *target, char *why, size_t why_size)
{
	(void)snprintf(why, why_size,
		       "%.64s: no thread: name one as thread:PID/TID, or as its row is named",
		       target);
	return -EINVAL;
}

/* The start time of a row that is named by one: of the process, or of the thread. */
static int check_start(struct host *host, const char *target, pid_t pid, uint64_t start, char *why,
		       size_t why_size)
{
	struct thread_facts facts;
	int err = thread_read(host, pid, pid, &facts);

	if (!err && start && facts.start != start) {
		(void)snprintf(why, why_size,
			       "%.64s: has gone: its number %d belongs to \"%s\" now", target,
			       (int)pid, facts.comm);
		return -ESTALE;
	}
	if (err)
		(void)snprintf(why, why_size, "%.64s: %s", target,
			       err == -ENOENT ? "has gone" : strerror(-err));
	return err;
}

static bool is_vhost_of(struct host *host, pid_t pid, pid_t tid)
{
	struct thread_facts facts;
	char name[32];

	(void)snprintf(name, sizeof(name), "vhost-%d", (int)pid);
	return !thread_read(host, tid, tid, &facts) && facts.flags & TASK_KTHREAD &&
	       !strcmp(facts.comm, name);
}

int thread_target(struct host *host, const char *target, char *buf, size_t size, char *why,
		  size_t why_size)
{
	uint64_t pid, tid, start;
	const char *at = strchr(target, ':');
	bool is_task = !strncmp(target, "task:", 5);

	if (!at || (!is_task && strncmp(target, "thread:", 7) != 0))
		return not_a_thread(target, why, why_size);
	at++;

	size_t len = strcspn(at, "/");
	if (parse_owner(at, len, &pid, &start) || (is_task && (at[len] || !start)) ||
	    (!is_task && !at[len]))
		return not_a_thread(target, why, why_size);
	tid = pid;
	if (!is_task && (cut_number(at + len + 1, strlen(at + len + 1), INT32_MAX, &tid) || !tid))
		return not_a_thread(target, why, why_size);

	int err = start ? check_start(host, target, (pid_t)pid, start, why, why_size) : 0;
	if (err)
		return err;
	/* A machine's vhost thread is listed with it, and before 6.4 is a kernel thread. */
	if (pid != tid && is_vhost_of(host, (pid_t)pid, (pid_t)tid))
		pid = tid;
	thread_object((pid_t)pid, (pid_t)tid, buf, size);
	return 0;
}
