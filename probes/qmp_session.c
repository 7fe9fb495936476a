/* One connection to a monitor, from its greeting to the last answer that is due. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_unix.h"
#include "core/json_limits.h"
#include "probes/qmp_internal.h"

/* What a monitor may say without being asked, in one run. */
#define UNASKED_MESSAGES_MAX 256u
#define UNASKED_BYTES_MAX JSON_LIMIT_BYTES
#define LINES_MAX 20000u
#define PAUSE_MIN_NS (2 * NSEC_PER_SEC)
#define PAUSE_MAX_NS (60 * NSEC_PER_SEC)

void qmp_session_end(struct qmp_monitor *monitor)
{
	host_unix_close(monitor->socket);
	monitor->socket = NULL;
	free(monitor->assembly.text);
	monitor->assembly = (struct qmp_assembly){0};
}

/* --- how a session ends --- */

static void leave_alone(struct qmp_monitor *monitor, uint64_t now_ns)
{
	uint64_t pause_ns = monitor->pause_ns ? 2 * monitor->pause_ns : PAUSE_MIN_NS;

	monitor->pause_ns = pause_ns > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause_ns;
	monitor->retry_ns = now_ns + monitor->pause_ns;
}

static _printf_(4, 5) void fail(struct qmp_pool *pool, struct qmp_monitor *monitor,
				enum qmp_monitor_state state, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(monitor->machine.text, sizeof(monitor->machine.text), fmt, ap);
	va_end(ap);
	monitor->machine.state = state;
	qmp_session_end(monitor);
	leave_alone(monitor, pool->now_ns);
}

/* "ok", or the first answer that made no sense. */
static void succeed(struct qmp_pool *pool, struct qmp_monitor *monitor)
{
	struct qmp_machine *machine = &monitor->machine;

	qmp_session_end(monitor);
	machine->state = QMP_OK;
	machine->ok_ns = pool->now_ns;
	monitor->pause_ns = 0;
	(void)snprintf(machine->text, sizeof(machine->text), "ok");
	for (unsigned i = 0; i < QMP_COMMANDS; i++) {
		if (machine->answers[i].state != QMP_NONSENSE)
			continue;
		(void)snprintf(machine->text, sizeof(machine->text), "ok, but %s: %s",
			       qmp_command_name((enum qmp_command)i), machine->answers[i].why);
		return;
	}
}

static const char *reason(int err)
{
	switch (-err) {
	case EPROTO:
		return "not what QEMU answers";
	case E2BIG:
	case ELOOP:
	case EBADMSG:
		return json_limits_reason(err);
	}
	return host_unix_reason(err);
}

static void set_answer(struct qmp_pool *pool, struct qmp_monitor *monitor,
		       enum qmp_answer_state state, const char *why)
{
	struct qmp_answer *answer = &monitor->machine.answers[monitor->command];

	answer->state = state;
	answer->asked_ns = pool->now_ns;
	if (state == QMP_ANSWERED)
		answer->values_ns = pool->now_ns;
	(void)snprintf(answer->why, sizeof(answer->why), "%s", why);
}

void qmp_session_break(struct qmp_pool *pool, struct qmp_monitor *monitor, const char *why)
{
	switch (monitor->phase) {
	case QMP_PHASE_GREETING:
		fail(pool, monitor, QMP_FAILED, "greeting: %s", why);
		return;
	case QMP_PHASE_CAPABILITIES:
		fail(pool, monitor, QMP_FAILED, "qmp_capabilities: %s", why);
		return;
	case QMP_PHASE_ASKING:
		set_answer(pool, monitor, QMP_NONSENSE, why);
		fail(pool, monitor, QMP_FAILED, "%s: %s", qmp_command_name(monitor->command), why);
		return;
	}
}

/* --- a session --- */

static void connect_failed(struct qmp_pool *pool, struct qmp_monitor *monitor, int err)
{
	if (err == -EAGAIN)
		fail(pool, monitor, QMP_BUSY, "busy: %s", host_unix_reason(err));
	else if (errno_is_denied(-err))
		fail(pool, monitor, QMP_DENIED, "may not connect: %s", host_unix_reason(err));
	else if (err == -ENOENT || err == -ENOTDIR || err == -ECONNREFUSED)
		fail(pool, monitor, QMP_GONE, "%s", host_unix_reason(err));
	else
		fail(pool, monitor, QMP_FAILED, "%s", host_unix_reason(err));
}

int qmp_session_start(struct qmp_pool *pool, struct qmp_monitor *monitor)
{
	static const char link[] = "var/run/";
	const struct host_unix_options options = {
		.framing = HOST_UNIX_LINES,
		.in_pid = monitor->machine.pid,
		.is_one_of_many = true,
		.timeout_ns = QMP_ANSWER_NS,
		.reply_max = JSON_LIMIT_BYTES,
	};
	const char *path = monitor->machine.path;
	int r = host_unix_connectf(pool->host, &options, &monitor->socket, "%s", path);

	/* The one link that nearly every system has. */
	if (r == -ELOOP && !strncmp(path, link, strlen(link)))
		r = host_unix_connectf(pool->host, &options, &monitor->socket, "%s",
				       path + strlen("var/"));
	monitor->machine.asked_ns = pool->now_ns;
	if (r == -ECANCELED)
		return r;
	if (r < 0) {
		connect_failed(pool, monitor, r);
		return 0;
	}
	monitor->machine.peer = host_unix_peer(monitor->socket);
	monitor->phase = QMP_PHASE_GREETING;
	monitor->n_lines = monitor->n_unasked = 0;
	monitor->unasked_bytes = 0;
	monitor->has_more = true;
	host_unix_begin(monitor->socket, NULL);
	return 0;
}

/* Needs another answer that is not there; says nothing about the command itself. */
static bool is_askable(const struct qmp_machine *machine, enum qmp_command command)
{
	if (command == QMP_STATS_VM)
		return machine->vm_counters.n_names > 0;
	return command != QMP_STATS_VCPU || qmp_stats_slices(machine) > 0;
}

static void ask(struct qmp_monitor *monitor)
{
	_cleanup_(freep) char *request =
		qmp_request(&monitor->machine, monitor->command, monitor->slice, monitor->id);

	host_unix_begin(monitor->socket, request);
	monitor->has_more = true;
}

static void ask_next(struct qmp_pool *pool, struct qmp_monitor *monitor)
{
	monitor->phase = QMP_PHASE_ASKING;
	monitor->slice = 0;
	while (monitor->due) {
		monitor->command = (enum qmp_command)__builtin_ctz(monitor->due);
		monitor->due &= monitor->due - 1;
		if (is_askable(&monitor->machine, monitor->command)) {
			ask(monitor);
			return;
		}
	}
	succeed(pool, monitor);
}

static int take_greeting(struct qmp_pool *pool, struct qmp_monitor *monitor,
			 const struct qmp_message *message)
{
	static const char request[] =
		"{\"execute\":\"qmp_capabilities\",\"id\":\"qmp_capabilities\"}\n";

	if (message->kind != QMP_GREETING ||
	    qmp_read_version(&monitor->machine, qmp_member(message->value, "version")) < 0)
		return -EPROTO;
	monitor->command = QMP_VERSION;
	set_answer(pool, monitor, QMP_ANSWERED, "");
	monitor->due &= ~QMP_BIT(QMP_VERSION);
	monitor->phase = QMP_PHASE_CAPABILITIES;
	(void)snprintf(monitor->id, sizeof(monitor->id), "qmp_capabilities");
	host_unix_begin(monitor->socket, request);
	return 0;
}

static void take_values(struct qmp_pool *pool, struct qmp_monitor *monitor,
			const struct qmp_message *message)
{
	int r = qmp_read_answer(&monitor->machine, monitor->command, monitor->slice,
				message->value);

	if (r < 0) {
		set_answer(pool, monitor, QMP_NONSENSE, reason(r));
		ask_next(pool, monitor);
		return;
	}
	if (monitor->command == QMP_STATS_VCPU &&
	    ++monitor->slice < qmp_stats_slices(&monitor->machine)) {
		ask(monitor);
		return;
	}
	set_answer(pool, monitor, QMP_ANSWERED, "");
	ask_next(pool, monitor);
}

static void take_error(struct qmp_pool *pool, struct qmp_monitor *monitor,
		       const struct qmp_message *message)
{
	bool is_unknown = !strcmp(message->error_class, "CommandNotFound");

	qmp_forget_answer(&monitor->machine, monitor->command);
	set_answer(pool, monitor, is_unknown ? QMP_UNKNOWN : QMP_REFUSED, message->error_desc);
	ask_next(pool, monitor);
}

static int take_answer(struct qmp_pool *pool, struct qmp_monitor *monitor,
		       const struct qmp_message *message)
{
	if (message->kind == QMP_GREETING)
		return -EPROTO;
	if (strcmp(message->id, monitor->id) != 0) {
		qmp_session_break(pool, monitor, "answered another question");
		return 0;
	}
	if (monitor->phase == QMP_PHASE_ASKING && message->kind == QMP_RETURN)
		take_values(pool, monitor, message);
	else if (monitor->phase == QMP_PHASE_ASKING)
		take_error(pool, monitor, message);
	else if (message->kind == QMP_RETURN)
		ask_next(pool, monitor);
	else
		qmp_session_break(pool, monitor, message->error_desc);
	return 0;
}

static void take_event(struct qmp_pool *pool, struct qmp_monitor *monitor, size_t len)
{
	monitor->unasked_bytes += len;
	if (++monitor->n_unasked > UNASKED_MESSAGES_MAX ||
	    monitor->unasked_bytes > UNASKED_BYTES_MAX)
		qmp_session_break(pool, monitor, "too many events");
}

static void take_message(struct qmp_pool *pool, struct qmp_monitor *monitor, const char *text,
			 size_t len)
{
	struct qmp_message message;
	int r = qmp_message_parse(text, len, &message);

	if (r == 0 && message.kind == QMP_EVENT)
		take_event(pool, monitor, len);
	else if (r == 0)
		r = monitor->phase == QMP_PHASE_GREETING ? take_greeting(pool, monitor, &message)
							 : take_answer(pool, monitor, &message);
	if (r < 0)
		qmp_session_break(pool, monitor, reason(r));
	qmp_message_done(&message);
}

static void take_nothing(struct qmp_pool *pool, struct qmp_monitor *monitor, int err)
{
	/* QEMU takes its next client when the present one left. */
	if (err == -ETIMEDOUT && monitor->phase == QMP_PHASE_GREETING && !monitor->n_lines &&
	    !host_unix_pending(monitor->socket))
		fail(pool, monitor, QMP_BUSY, "busy: did not greet");
	else
		qmp_session_break(pool, monitor, reason(err));
}

int qmp_session_step(struct qmp_pool *pool, struct qmp_monitor *monitor)
{
	const char *line, *text;
	size_t text_len;
	ssize_t len = host_unix_take(monitor->socket, &line);

	monitor->has_more = len != -EAGAIN;
	if (len == -EAGAIN)
		return 0;
	if (len == -ECANCELED)
		return -ECANCELED;
	if (len < 0) {
		take_nothing(pool, monitor, (int)len);
		return 0;
	}
	if (++monitor->n_lines > LINES_MAX) {
		qmp_session_break(pool, monitor, "too many lines");
		return 0;
	}

	int r = qmp_assemble(&monitor->assembly, line, (size_t)len, &text, &text_len);
	if (r < 0)
		qmp_session_break(pool, monitor, reason(r));
	else if (r > 0)
		take_message(pool, monitor, text, text_len);
	return 0;
}
