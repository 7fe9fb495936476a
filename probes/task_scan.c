#include "probes/task_scan.h"

#include <errno.h>
#include <string.h>

#include "core/parse.h"
#include "core/task_cpus.h"
#include "core/text.h"

static int read_task(struct host *host, unsigned pid, unsigned tid, struct task_seen *ret)
{
	char text[1024];
	struct task_stat stat;
	ssize_t n = host_readf(host, text, sizeof(text), "proc/%u/task/%u/stat", pid, tid);
	int err = n < 0 ? (int)n : task_stat_parse(text, &stat);

	if (err)
		return err;
	*ret = (struct task_seen){
		.pid = pid,
		.tid = tid,
		.state = stat.state,
		.flags = stat.fields[TASK_STAT_FLAGS],
		.policy = (unsigned)stat.fields[TASK_STAT_POLICY],
		.priority = (unsigned)stat.fields[TASK_STAT_PRIORITY],
		.cpu = (unsigned)stat.fields[TASK_STAT_CPU],
		.ticks = stat.fields[TASK_STAT_USER_TICKS] + stat.fields[TASK_STAT_SYSTEM_TICKS],
	};
	(void)text_sanitise(stat.comm, stat.comm_len, ret->comm, sizeof(ret->comm));
	if (stat.state == 'Z' || stat.state == 'X')
		return -ENOENT;
	return task_cpus_read(host, pid, tid, &ret->allowed);
}

int task_scan_process(struct host *host, unsigned pid, task_scan_fn *visit, void *arg)
{
	struct host_names names = {0};
	int err = host_listf(host, &names, "proc/%u/task", pid);

	if (err)
		return err == -ESRCH ? -ENOENT : err;
	for (size_t i = 0; i < names.n && !err; i++) {
		struct task_seen task;
		uint64_t tid;

		if (parse_u64(names.names[i], &tid) || tid > INT32_MAX ||
		    read_task(host, pid, (unsigned)tid, &task))
			continue;
		err = visit(arg, &task);
	}
	host_names_done(&names);
	return err;
}

int task_scan(struct host *host, task_scan_fn *visit, void *arg)
{
	struct host_names names = {0};
	int err = host_listf(host, &names, "proc");

	if (err)
		return err;
	for (size_t i = 0; i < names.n && !err; i++) {
		uint64_t pid;

		if (parse_u64(names.names[i], &pid) || pid > INT32_MAX)
			continue;
		err = task_scan_process(host, (unsigned)pid, visit, arg);
		if (err == -ENOENT)
			err = 0;
	}
	host_names_done(&names);
	return err;
}
