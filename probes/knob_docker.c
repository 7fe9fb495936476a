/* Limits of docker's containers: see knob_docker.h. */
#include "probes/knob_docker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_unix.h"
#include "core/host_write.h"
#include "core/json_limits.h"
#include "core/parse.h"
#include "core/plan.h"
#include "probes/container_internal.h"
#include "probes/cpus.h"

#define ID_LEN 64u
#define DEFAULT_PERIOD_US 100000u /* of the kernel and of docker */
#define DEFAULT_SHARES 1024u
#define NANO_PER_US 10000u /* NanoCpus of one microsecond of the default period */

static const char *const field_names[DOCKER_FIELDS] = {
	[DOCKER_CPUS] = "cpus",
	[DOCKER_MEMS] = "mems",
	[DOCKER_QUOTA] = "quota",
	[DOCKER_SHARES] = "shares",
};

struct object {
	char id[ID_LEN + 1];
	enum docker_field field;
};

void docker_object(const char *id, enum docker_field field, char *buf, size_t size)
{
	(void)snprintf(buf, size, "docker:%s/%s", id, field_names[field]);
}

static int parse_object(const char *text, struct object *ret)
{
	static const char prefix[] = "docker:";
	const char *id = text + strlen(prefix);

	if (strncmp(text, prefix, strlen(prefix)) != 0 ||
	    strspn(id, "0123456789abcdef") != ID_LEN || id[ID_LEN] != '/')
		return -EINVAL;
	for (unsigned i = 0; i < DOCKER_FIELDS; i++) {
		if (strcmp(id + ID_LEN + 1, field_names[i]) != 0)
			continue;
		(void)snprintf(ret->id, sizeof(ret->id), "%.64s", id);
		ret->field = (enum docker_field)i;
		return 0;
	}
	return -EINVAL;
}

static int limit_path(const char *text, char *buf, size_t size)
{
	struct object object;
	int err = parse_object(text, &object);

	if (err)
		return err;
	int len = snprintf(buf, size, "docker container %.12s: %s", object.id,
			   field_names[object.field]);
	return len < 0 || (size_t)len >= size ? -ENOSPC : 0;
}

/* --- docker's record --- */

static void find_daemons(struct host *host, struct container_daemon *ret)
{
	struct container_state *state = xcalloc(1, sizeof(*state));

	*ret = (struct container_daemon){0};
	container_process_open(state, host);
	container_daemons_find(state, host, ret);
	container_process_close(state);
	free(state);
	container_texts_add(&ret->sockets, "run/docker.sock");
	container_texts_add(&ret->roots, "var/lib/docker");
}

/* Never recorded: it holds what was mounted into the container. */
static int read_record(struct host *host, const struct container_daemon *daemon, const char *id,
		       struct container_limits *ret)
{
	_cleanup_(freep) char *text = xcalloc(1, JSON_LIMIT_BYTES + 1);
	int err = -ENOENT;

	for (unsigned i = 0; i < daemon->roots.n; i++) {
		ssize_t n = host_peek_bytesf(host, text, JSON_LIMIT_BYTES + 1,
					     "%s/containers/%s/hostconfig.json",
					     daemon->roots.at[i], id);

		if (n >= 0)
			return container_json_limits(text, (size_t)n, ret);
		if (!errno_is_absent((int)-n))
			err = (int)n;
	}
	return err;
}

static int read_limits(struct host *host, const char *id, struct container_limits *ret)
{
	struct container_daemon usual = {0};
	struct container_daemon daemon;

	/* Looking through all processes is for the unusual. */
	container_texts_add(&usual.roots, "var/lib/docker");
	int usual_err = read_record(host, &usual, id, ret);
	container_daemon_done(&usual);
	if (!usual_err)
		return 0;
	find_daemons(host, &daemon);
	int err = read_record(host, &daemon, id, ret);
	container_daemon_done(&daemon);
	return err;
}

bool docker_knows(struct host *host, const char *id)
{
	struct container_limits limits;

	return strlen(id) == ID_LEN && !read_limits(host, id, &limits);
}

/* The id is the container's for good; its control group is made anew at every start. */
static int limit_identity(struct host *host, const char *text, char *buf, size_t size)
{
	struct container_limits limits;
	struct object object;
	int err = parse_object(text, &object);

	if (!err)
		err = read_limits(host, object.id, &limits);
	if (!err && size > 0)
		buf[0] = '\0';
	return err;
}

/* --- values --- */

/* All that the host has of it: CPUs, or nodes. */
static int read_whole(struct host *host, enum docker_field field, struct cpuset *ret)
{
	struct cpus cpus = {0};

	if (field == DOCKER_MEMS)
		return host_read_cpulistf(host, ret, "sys/devices/system/node/online");

	int err = cpus_online(&cpus, host, ret);

	cpus_done(&cpus);
	return err;
}

static ssize_t list_value(struct host *host, enum docker_field field, const char *list, char *buf,
			  size_t size)
{
	struct cpuset set, whole;
	int err = cpuset_parse_list(list, &set);

	if (err)
		return err;
	if (!*list || (!read_whole(host, field, &whole) && cpuset_is_subset(&whole, &set)))
		return snprintf(buf, size, "all");
	return cpuset_format_list(&set, buf, size);
}

static ssize_t quota_value(const struct container_limits *limits, char *buf, size_t size)
{
	unsigned long long period = limits->period_us ? limits->period_us : DEFAULT_PERIOD_US;

	if (limits->nano_cpus)
		return snprintf(buf, size, "%llu %u",
				(unsigned long long)limits->nano_cpus / NANO_PER_US,
				DEFAULT_PERIOD_US);
	if (limits->quota_us <= 0)
		return snprintf(buf, size, "max");
	return snprintf(buf, size, "%lld %llu", (long long)limits->quota_us, period);
}

static ssize_t limit_read(struct host *host, const char *text, char *buf, size_t size)
{
	struct container_limits limits;
	struct object object;
	int err = parse_object(text, &object);

	if (!err)
		err = read_limits(host, object.id, &limits);
	if (err)
		return err;
	switch (object.field) {
	case DOCKER_CPUS:
		return list_value(host, object.field, limits.cpus, buf, size);
	case DOCKER_MEMS:
		return list_value(host, object.field, limits.mems, buf, size);
	case DOCKER_QUOTA:
		return quota_value(&limits, buf, size);
	case DOCKER_SHARES:
		return snprintf(
			buf, size, "%llu",
			(unsigned long long)(limits.shares ? limits.shares : DEFAULT_SHARES));
	case DOCKER_FIELDS:
		break;
	}
	return -EINVAL;
}

/* "50000 100000" */
static int parse_quota(const char *text, uint64_t *ret_quota, uint64_t *ret_period)
{
	struct scan scan = {text};
	const char *rest;
	size_t len;

	if (scan_u64(&scan, ret_quota) || scan_u64(&scan, ret_period) ||
	    !scan_word(&scan, &rest, &len))
		return -EINVAL;
	return 0;
}

static int refuse(char *why, size_t why_size, int err, const char *object, const char *words)
{
	(void)snprintf(why, why_size, "%.24s...: %s", object, words);
	return err;
}

static int check_list(struct host *host, const struct object *object, const char *text,
		      const char *value, char *why, size_t why_size)
{
	struct cpuset set, whole;

	if (!strcmp(value, "all"))
		return 0;
	if (cpuset_parse_list(value, &set) || cpuset_is_empty(&set))
		return refuse(why, why_size, -EINVAL, text, "a list such as 0-3,8, or all");
	if (!read_whole(host, object->field, &whole) && !cpuset_is_subset(&set, &whole))
		return refuse(why, why_size, -EINVAL, text,
			      object->field == DOCKER_CPUS ? "some of these CPUs are not online"
							   : "some of these nodes are not online");
	return 0;
}

static int check_quota(const struct container_limits *limits, const char *text, const char *value,
		       char *why, size_t why_size)
{
	uint64_t quota, period;
	uint64_t now = limits->period_us ? limits->period_us : DEFAULT_PERIOD_US;

	if (!strcmp(value, "max"))
		return limits->nano_cpus
			       ? refuse(why, why_size, -EINVAL, text,
					"it was given --cpus, and docker cannot take that "
					"away again: give it as much as there are CPUs")
			       : 0;
	if (parse_quota(value, &quota, &period) || quota < 1000 || quota > INT32_MAX)
		return refuse(why, why_size, -EINVAL, text,
			      "\"max\", or microseconds (1000 and more) and their period: "
			      "\"50000 100000\"");
	if (period != now)
		return refuse(why, why_size, -EINVAL, text,
			      "docker cannot put a period back to what it was: keep the one it has "
			      "(the second number of its value, 100000 if there is none)");
	return 0;
}

static int limit_check(struct host *host, const char *text, const char *value, char *why,
		       size_t why_size)
{
	struct container_limits limits;
	struct object object;
	uint64_t shares;
	int err = parse_object(text, &object);

	if (!err)
		err = read_limits(host, object.id, &limits);
	if (err)
		return refuse(why, why_size, err, text, "docker has no record of it any more");
	switch (object.field) {
	case DOCKER_CPUS:
	case DOCKER_MEMS:
		return check_list(host, &object, text, value, why, why_size);
	case DOCKER_QUOTA:
		return check_quota(&limits, text, value, why, why_size);
	case DOCKER_SHARES:
		return parse_u64(value, &shares) || shares < 2 || shares > 262144
			       ? refuse(why, why_size, -EINVAL, text, "2 to 262144 shares")
			       : 0;
	case DOCKER_FIELDS:
		break;
	}
	return -EINVAL;
}

/* --- asking for it --- */

static int list_body(struct host *host, const struct object *object, const char *value, char *buf,
		     size_t size)
{
	_cleanup_(freep) char *list = xcalloc(1, CPUSET_TEXT_MAX);
	struct cpuset set;
	int err = strcmp(value, "all") ? cpuset_parse_list(value, &set)
				       : read_whole(host, object->field, &set);

	if (err)
		return err;
	if (cpuset_is_empty(&set) || cpuset_format_list(&set, list, CPUSET_TEXT_MAX) < 0)
		return -EINVAL;
	return snprintf(buf, size, "{\"Cpuset%s\":\"%s\"}",
			object->field == DOCKER_CPUS ? "Cpus" : "Mems", list);
}

/* The period is never sent: docker could not be told to forget it, and refuses --cpus for ever
 * once it has one. */
static int quota_body(const struct container_limits *limits, const char *value, char *buf,
		      size_t size)
{
	uint64_t quota, period;

	if (!strcmp(value, "max"))
		return limits->nano_cpus ? -EINVAL : snprintf(buf, size, "{\"CpuQuota\":-1}");
	if (parse_quota(value, &quota, &period))
		return -EINVAL;
	return limits->nano_cpus
		       ? snprintf(buf, size, "{\"NanoCpus\":%llu}",
				  (unsigned long long)quota * NANO_PER_US)
		       : snprintf(buf, size, "{\"CpuQuota\":%llu}", (unsigned long long)quota);
}

static int make_body(struct host *host, const struct object *object,
		     const struct container_limits *limits, const char *value, char *buf,
		     size_t size)
{
	uint64_t shares;

	switch (object->field) {
	case DOCKER_CPUS:
	case DOCKER_MEMS:
		return list_body(host, object, value, buf, size);
	case DOCKER_QUOTA:
		return quota_body(limits, value, buf, size);
	case DOCKER_SHARES:
		return parse_u64(value, &shares) ? -EINVAL
						 : snprintf(buf, size, "{\"CpuShares\":%llu}",
							    (unsigned long long)shares);
	case DOCKER_FIELDS:
		break;
	}
	return -EINVAL;
}

/* Of the reply only its status is looked at. -ENOENT: not this engine's container. */
static int post(struct host *host, const char *socket, const char *request)
{
	static const struct host_unix_options options = {
		.framing = HOST_UNIX_UNTIL_CLOSE,
		.timeout_ns = 10 * NSEC_PER_SEC,
		.reply_max = 16384,
	};
	_cleanup_(freep) char *reply = xcalloc(1, options.reply_max + 1);
	const char *body;
	unsigned status = 0;
	size_t len;
	ssize_t n = host_write_unix(host, socket, &options, request, reply, options.reply_max + 1);

	if (n < 0)
		return (int)n;

	int err = container_http_body(reply, (size_t)n, &body, &len, &status);

	if (err != -EREMOTEIO)
		return err;
	return status == 404 ? -ENOENT : status == 409 ? -EBUSY : status == 400 ? -EINVAL : err;
}

static int limit_write(struct host *host, const char *text, const char *value)
{
	struct container_limits limits;
	struct container_daemon daemon;
	struct object object;
	char body[PLAN_VALUE_MAX + 64];
	int err = parse_object(text, &object);

	if (!err)
		err = read_limits(host, object.id, &limits);
	if (err)
		return err;

	int len = make_body(host, &object, &limits, value, body, sizeof(body));

	if (len < 0 || (size_t)len >= sizeof(body))
		return len < 0 ? len : -EFBIG;

	_cleanup_(freep) char *request =
		xasprintf("POST /containers/%s/update HTTP/1.0\r\nHost: localhost\r\n"
			  "Content-Type: application/json\r\nContent-Length: %d\r\n"
			  "Connection: close\r\n\r\n%s",
			  object.id, len, body);

	find_daemons(host, &daemon);
	err = -ENOENT;
	for (unsigned i = 0; i < daemon.sockets.n && errno_is_absent(-err); i++)
		err = post(host, daemon.sockets.at[i], request);
	container_daemon_done(&daemon);
	/* Its record is there: that nobody answers for it does not mean that it has gone. */
	return errno_is_absent(-err) ? -ECONNREFUSED : err;
}

static const char *limit_explain(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return "no docker engine that knows it listens at its socket: is dockerd running?";
	case ETIMEDOUT:
		return "docker did not answer in 10 s";
	case EBUSY:
	case EINVAL:
	case EREMOTEIO:
		return "docker refuses: `docker update` says why";
	case EROFS:
		return "this host is read only";
	default:
		return NULL;
	}
}

const struct step_class step_class_docker_limit = {
	.name = "docker_limit",
	.compare = STEP_TEXT,
	.flags = STEP_NOT_A_FILE | STEP_SLOW | STEP_MAY_END,
	.path = limit_path,
	.identity = limit_identity,
	.read = limit_read,
	.write = limit_write,
	.check = limit_check,
	.explain = limit_explain,
};
