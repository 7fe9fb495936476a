/*
 * Real answers of QEMU (shared captures, qmp/): query-cpus-fast and query-hotpluggable-cpus of one
 * machine are parsed and joined, and every line that libvirt's own test expects of them is
 * compared; and a conversation printed over many lines.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "probes/qmp_internal.h"
#include "tests/captures/unpack.h"

static bool is_missing(void)
{
	char folder[PATH_MAX];

	return !captures_folder(folder, sizeof(folder));
}

static void read_file(struct qmp_machine *machine, enum qmp_command command, const char *name,
		      const char *what)
{
	_cleanup_(freep) char *path = xasprintf("qmp/%s-%s.json", name, what);
	_cleanup_(freep) char *text = captures_read(path);
	struct qmp_message message;

	assert_non_null(text);
	assert_int_equal(qmp_message_parse(text, strlen(text), &message), 0);
	assert_int_equal(message.kind, QMP_RETURN);
	assert_memory_equal(message.id, "libvirt-", 8);
	assert_int_equal(qmp_read_answer(machine, command, 0, message.value), 0);
	qmp_message_done(&message);
}

static void put_number(FILE *out, const char *name, struct qmp_number number)
{
	if (number.is_set)
		(void)fprintf(out, " %s='%u'", name, (unsigned)number.value);
}

static void put_online(FILE *out, const struct qmp_slot *slot, const struct qmp_cpu *cpu)
{
	static const char plugged[] = "/machine/peripheral/";
	bool is_plugged = !strncmp(slot->qom_path, plugged, strlen(plugged));

	(void)fprintf(out,
		      "    online=yes\n    hotpluggable=%s\n    thread-id='%d'\n"
		      "    enable-id='%u'\n    query-cpus-id='%u'\n    type='%s'\n",
		      is_plugged ? "yes" : "no", (int)cpu->tid, cpu->index + 1, cpu->index,
		      slot->type);
	if (is_plugged)
		(void)fprintf(out, "    alias='%s'\n", slot->qom_path + strlen(plugged));
	(void)fprintf(out, "    qom_path='%s'\n", slot->qom_path);
	/* The same place in both answers. */
	assert_int_equal(cpu->socket.value, slot->socket.value);
	assert_int_equal(cpu->core.value, slot->core.value);
	assert_int_equal(cpu->thread.value, slot->thread.value);
	assert_int_equal(cpu->node.value, slot->node.value);
}

static const struct qmp_cpu *find_cpu(const struct qmp_machine *machine, const char *path)
{
	for (unsigned i = 0; *path && i < machine->cpus.n; i++) {
		if (!strcmp(machine->cpus.at[i].qom_path, path))
			return &machine->cpus.at[i];
	}
	return NULL;
}

/* As libvirt's test writes it; QEMU lists the slots from the last to the first. */
static char *describe(const struct qmp_machine *machine)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	for (unsigned i = 0; i < machine->slots.n; i++) {
		const struct qmp_slot *slot = &machine->slots.at[machine->slots.n - 1 - i];
		const struct qmp_cpu *cpu = find_cpu(machine, slot->qom_path);

		(void)fprintf(out, "[vcpu libvirt-id='%u']\n", i);
		if (cpu)
			put_online(out, slot, cpu);
		else
			(void)fprintf(out, "    online=no\n    hotpluggable=yes\n    type='%s'\n",
				      slot->type);
		(void)fprintf(out, "    topology:");
		put_number(out, "socket", slot->socket);
		put_number(out, "core", slot->core);
		put_number(out, "thread", slot->thread);
		put_number(out, "node", slot->node);
		(void)fprintf(out, " vcpus='%u'\n", slot->vcpus);
		if (cpu && !strcmp(cpu->state, "stopped"))
			(void)fprintf(out, "    halted\n");
	}
	(void)fclose(out);
	return text;
}

static void vcpus_are_what_libvirt_expects(void **state)
{
	static const char *const names[] = {"x86-full-fast", "x86-node-full", "s390-fast"};

	(void)state;
	if (is_missing())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct qmp_machine machine = {0};
		_cleanup_(freep) char *path = xasprintf("qmp/%s.expected.txt", names[i]);
		_cleanup_(freep) char *expected = captures_read(path);

		read_file(&machine, QMP_CPUS, names[i], "cpus");
		read_file(&machine, QMP_HOTPLUGGABLE, names[i], "hotplug");

		_cleanup_(freep) char *got = describe(&machine);

		assert_non_null(expected);
		assert_string_equal(got, expected);
		qmp_machine_done(&machine);
	}
}

static void a_conversation_over_many_lines(void **state)
{
	struct qmp_assembly assembly = {0};
	struct qmp_machine machine = {0};
	unsigned n = 0, n_answers = 0;

	(void)state;
	if (is_missing())
		skip();

	_cleanup_(freep) char *text = captures_read("qmp/caps-10.2-first-replies.txt");

	assert_non_null(text);
	for (char *rest = text, *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		const char *whole;
		size_t len;
		struct qmp_message message;
		int r = qmp_assemble(&assembly, line, strlen(line), &whole, &len);

		assert_true(r >= 0);
		if (!r)
			continue;
		n++;
		/* Every second one is what was asked: nothing that a monitor says. */
		r = qmp_message_parse(whole, len, &message);
		assert_int_equal(r, n % 2 ? -EPROTO : 0);
		if (r == 0 && message.kind == QMP_RETURN && ++n_answers == 2) {
			assert_string_equal(message.id, "libvirt-2");
			assert_int_equal(qmp_read_answer(&machine, QMP_VERSION, 0, message.value),
					 0);
		}
		qmp_message_done(&message);
	}
	assert_int_equal(n, 6);
	assert_int_equal(n_answers, 3);
	assert_int_equal(assembly.depth, 0);
	assert_int_equal(machine.version[0], 10);
	assert_int_equal(machine.version[1], 1);
	assert_int_equal(machine.version[2], 50);
	assert_string_equal(machine.package, "v10.1.0-1060-geb7abb4a71");
	assert_false(machine.interrupts_vcpus);
	free(assembly.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vcpus_are_what_libvirt_expects),
		cmocka_unit_test(a_conversation_over_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
