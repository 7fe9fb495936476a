#include "probes/knob_irqbalance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/host_unix.h"
#include "core/host_write.h"
#include "core/parse.h"
#include "core/task_stat.h"
#include "probes/read.h"

#define DIRECTORY "run/irqbalance"
#define REPLY_MAX 65536u

static const struct host_unix_options options = {
	.framing = HOST_UNIX_UNTIL_CLOSE,
	.sends_credentials = true,
	.reply_max = REPLY_MAX,
};

static int object_pid(const char *object, unsigned *ret)
{
	static const char prefix[] = "irqbalance:";
	uint64_t pid;

	if (strncmp(object, prefix, strlen(prefix)) != 0 ||
	    parse_u64(object + strlen(prefix), &pid) || pid == 0 || pid > INT32_MAX ||
	    object[strlen(prefix)] == '0')
		return -EINVAL;
	*ret = (unsigned)pid;
	return 0;
}

/* "... BANNED 0000000c" ends the reply. */
static int parse_banned(const char *reply, struct cpuset *ret)
{
	const char *at = strstr(reply, "BANNED ");
	char mask[2300];

	if (!at)
		return -EBADMSG;
	at += strlen("BANNED ");

	size_t len = strcspn(at, " \n");

	if (len >= sizeof(mask))
		return -EFBIG;
	memcpy(mask, at, len);
	mask[len] = '\0';
	return cpuset_parse_mask(mask, ret) ? -EBADMSG : 0;
}

static int ask_banned(struct host *host, unsigned pid, struct cpuset *ret)
{
	struct host_unix *socket = NULL;
	const char *reply;
	int err = host_unix_connectf(host, &options, &socket, DIRECTORY "/irqbalance%u.sock", pid);

	if (err)
		return err;

	ssize_t n = host_unix_ask(socket, "setup", &reply);

	err = n < 0 ? (int)n : parse_banned(reply, ret);
	host_unix_close(socket);
	return err;
}

int irqbalance_find(struct host *host, char *object, size_t size, struct cpuset *ret_banned,
		    char *why, size_t why_size)
{
	struct host_names names = {0};
	int found = -ENOENT, err = host_listf(host, &names, DIRECTORY);

	if (err)
		return errno_is_absent(-err) ? -ENOENT : err;
	for (size_t i = 0; i < names.n && found == -ENOENT; i++) {
		char stem[64];
		unsigned pid;
		size_t len = strlen(names.names[i]);

		if (len < 6 || len >= sizeof(stem) ||
		    strcmp(names.names[i] + len - 5, ".sock") != 0)
			continue;
		(void)snprintf(stem, sizeof(stem), "%.*s", (int)(len - 5), names.names[i]);
		if (!read_numbered(stem, "irqbalance", &pid))
			continue;
		found = ask_banned(host, pid, ret_banned);
		/* The socket of one that was killed stays behind. */
		if (found == -ECONNREFUSED)
			found = -ENOENT;
		else
			(void)snprintf(object, size, "irqbalance:%u", pid);
	}
	host_names_done(&names);
	if (found && found != -ENOENT)
		(void)snprintf(why, why_size, "%s", host_unix_reason(found));
	return found;
}

static int banned_path(const char *object, char *buf, size_t size)
{
	unsigned pid;
	int err = object_pid(object, &pid);

	if (err)
		return err;

	int n = snprintf(buf, size, "irqbalance (process %u): CPUs it leaves alone", pid);

	return n < 0 || (size_t)n >= size ? -ENOSPC : 0;
}

static int banned_identity(struct host *host, const char *object, char *buf, size_t size)
{
	char text[1024];
	struct task_stat stat;
	unsigned pid;
	int err = object_pid(object, &pid);

	if (err)
		return err;

	ssize_t n = host_readf(host, text, sizeof(text), "proc/%u/stat", pid);

	err = n < 0 ? (int)n : task_stat_parse(text, &stat);
	if (err)
		return err == -ESRCH ? -ENOENT : err;
	return snprintf(buf, size, "start-%llu", (unsigned long long)stat.fields[TASK_STAT_START]) <
			       (int)size
		       ? 0
		       : -ENOSPC;
}

static ssize_t banned_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct cpuset banned;
	unsigned pid;
	int err = object_pid(object, &pid);

	if (!err)
		err = ask_banned(host, pid, &banned);
	return err ? err : cpuset_format_list(&banned, buf, size);
}

/* What irqbalance leaves alone when nobody told it otherwise. */
static bool is_default(struct host *host, const struct cpuset *set)
{
	struct cpuset isolated, nohz_full;

	cpuset_zero(&isolated);
	cpuset_zero(&nohz_full);
	(void)!host_read_cpulistf(host, &isolated, "sys/devices/system/cpu/isolated");
	(void)!host_read_cpulistf(host, &nohz_full, "sys/devices/system/cpu/nohz_full");
	cpuset_or(&isolated, &nohz_full);
	return cpuset_equal(&isolated, set);
}

static int banned_write(struct host *host, const char *object, const char *value)
{
	char path[80], request[480];
	struct cpuset set;
	unsigned pid;
	int err = object_pid(object, &pid);

	if (!err)
		err = cpuset_parse_list(value, &set);
	if (err)
		return err;

	bool is_unset = cpuset_is_empty(&set) || is_default(host, &set);
	int n = snprintf(request, sizeof(request), "settings cpus %s", is_unset ? "NULL" : value);

	/* It reads 500 bytes and no more (irqbalance.c, sock_handle()). */
	if (n < 0 || (size_t)n >= sizeof(request))
		return -EFBIG;
	(void)snprintf(path, sizeof(path), DIRECTORY "/irqbalance%u.sock", pid);

	ssize_t sent = host_write_unix(host, path, &options, request, NULL, 0);

	return sent < 0 ? (int)sent : 0;
}

static int banned_check(struct host *host, const char *object, const char *value, char *why,
			size_t why_size)
{
	struct cpuset set, online;

	why[0] = '\0';
	if (cpuset_parse_list(value, &set))
		return -EINVAL;
	if (host_read_cpulistf(host, &online, "sys/devices/system/cpu/online") ||
	    !cpuset_is_subset(&online, &set))
		return 0;
	(void)snprintf(why, why_size, "%s: no CPU would be left for interrupts", object);
	return -EINVAL;
}

static const char *banned_explain(int err)
{
	switch (err) {
	case EFBIG:
		return "irqbalance reads no list this long: choose CPUs that lie together";
	case ECONNREFUSED:
	case ENOENT:
		return "irqbalance has ended";
	case EACCES:
	case EPERM:
		return "irqbalance listens to root only";
	default:
		return NULL;
	}
}

const struct step_class step_class_irqbalance_banned = {
	.name = "irqbalance_banned",
	.compare = STEP_CPULIST,
	.flags = STEP_NOT_A_FILE | STEP_MAY_END | STEP_DEFERRED,
	.path = banned_path,
	.identity = banned_identity,
	.read = banned_read,
	.write = banned_write,
	.check = banned_check,
	.explain = banned_explain,
};
