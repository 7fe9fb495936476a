/* A stream of a QMP monitor's lines: every answer in it is taken for the answer to every command,
 * of one machine; then the input answers a session's questions. */
#include <stdlib.h>
#include <string.h>

#include "core/host.h"
#include "core/host_unix.h"
#include "probes/qmp_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_everything(struct qmp_machine *machine, struct json_object *value)
{
	char id[48];

	for (unsigned i = 0; i < QMP_COMMANDS; i++) {
		enum qmp_command command = (enum qmp_command)i;
		unsigned slices = command == QMP_STATS_VCPU ? qmp_stats_slices(machine) : 1;

		for (unsigned slice = 0; slice < slices; slice++) {
			free(qmp_request(machine, command, slice, id));
			(void)!qmp_read_answer(machine, command, slice, value);
		}
	}
}

static void take_stream(char *text, size_t size)
{
	struct qmp_assembly assembly = {0};
	struct qmp_machine machine = {0};

	for (char *rest = text, *end = text + size; rest < end;) {
		char *line = rest, *newline = memchr(rest, '\n', (size_t)(end - rest));
		const char *whole;
		size_t len = newline ? (size_t)(newline - rest) : (size_t)(end - rest);
		size_t whole_len;
		struct qmp_message message;

		rest = newline ? newline + 1 : end;
		if (qmp_assemble(&assembly, line, len, &whole, &whole_len) != 1)
			continue;
		if (qmp_message_parse(whole, whole_len, &message) == 0 &&
		    message.kind == QMP_RETURN)
			answer_everything(&machine, message.value);
		qmp_message_done(&message);
	}
	qmp_machine_done(&machine);
	free(assembly.text);
}

static void answer_a_session(const char *text)
{
	static const char greeting[] = "{\"QMP\":{\"version\":{\"qemu\":{\"major\":9,\"minor\":0,"
				       "\"micro\":0}}}}";
	struct host *host = NULL;

	if (host_open_fake(&host) < 0)
		abort();
	host_fake_clock(host, NSEC_PER_SEC);
	host_fake_unix(host, "q", NULL, greeting, 0);
	host_fake_unix(host, "r", NULL, text, 0);
	host_fake_unix(host, "q",
		       "{\"execute\":\"qmp_capabilities\",\"id\":\"qmp_capabilities\"}\n",
		       "{\"return\":{},\"id\":\"qmp_capabilities\"}", 0);
	for (unsigned i = 0; i < QMP_COMMANDS; i++) {
		const char *name = qmp_command_name((enum qmp_command)i);
		_cleanup_(freep) char *request =
			xasprintf("{\"execute\":\"%s\",\"id\":\"%s\"}\n", name, name);

		host_fake_unix(host, "q", request, text, 0);
	}

	struct qmp_pool *pool = qmp_pool_new(host);

	qmp_pool_begin(pool);
	qmp_pool_want(pool, "1.1", 0, "q", QMP_ALL);
	qmp_pool_want(pool, "1.2", 0, "r", QMP_ALL);
	if (qmp_pool_run(pool) < 0)
		abort();
	qmp_pool_free(pool);
	host_close(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	take_stream(text, size);
	answer_a_session(text);
	free(text);
	return 0;
}
