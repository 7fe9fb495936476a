/*
 * Counters of the kvm provider, by the names that the host's kernel gives them (query-stats-schemas
 * tells which there are). All of a vCPU's are 2 KiB of answer; a choice of them is asked for.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/qmp_internal.h"

/* 64 vCPUs with QMP_COUNTERS_MAX counters: 13,000 tokens, 120 KiB. */
#define SLICE_CPUS 64u

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(name, list[i]))
			return true;
	}
	return false;
}

/* x86 "io_exits", arm64 "wfi_exit_stat", s390 "exit_userspace". Windows are asked for by the
 * host, but it is an exit that opens them. */
bool qmp_is_exit_reason(const char *name)
{
	return strcmp(name, "exits") != 0 && strstr(name, "exit") != NULL;
}

static bool is_wanted_of_vcpus(const char *name)
{
	static const char *const others[] = {
		"exits",
		"hypercalls",
		"insn_emulation",
		"irq_injections",
		"nmi_injections",
		"pf_taken",
		"l1d_flush",
		"tlb_flush",
		"preemption_reported",
		"preemption_other",
		"halt_wakeup",
		"halt_wait_ns",
	};

	return qmp_is_exit_reason(name) || is_one_of(name, others, ARRAY_SIZE(others)) ||
	       (!strncmp(name, "halt_", 5) && strstr(name, "poll"));
}

static bool is_wanted_of_machines(const char *name)
{
	static const char *const wanted[] = {
		"pages_4k",	    "pages_2m",		 "pages_1g",
		"remote_tlb_flush", "mmu_shadow_zapped", "nx_lpage_splits",
	};

	return is_one_of(name, wanted, ARRAY_SIZE(wanted));
}

static int read_names(struct qmp_counters *counters, struct json_object *stats,
		      bool (*is_wanted)(const char *name), bool only_cumulative)
{
	if (!json_object_is_type(stats, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(stats); i++) {
		struct json_object *from = json_object_array_get_idx(stats, i);
		char name[64] = "", type[24] = "";

		qmp_member_text(from, "name", name, sizeof(name));
		qmp_member_text(from, "type", type, sizeof(type));
		if (!*name || !*type)
			return -EPROTO;
		if (counters->n_names == QMP_COUNTERS_MAX ||
		    strlen(name) >= sizeof(counters->names[0]) || !qmp_is_plain(name) ||
		    !is_wanted(name) || (only_cumulative && strcmp(type, "cumulative") != 0))
			continue;
		(void)snprintf(counters->names[counters->n_names++], sizeof(counters->names[0]),
			       "%s", name);
	}
	return 0;
}

int qmp_read_schemas(struct qmp_machine *machine, struct json_object *value)
{
	struct qmp_counters vm = {0}, vcpu = {0};

	if (!json_object_is_type(value, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *from = json_object_array_get_idx(value, i);
		struct json_object *stats = qmp_member(from, "stats");
		char provider[16] = "", target[16] = "";
		int r = 0;

		qmp_member_text(from, "provider", provider, sizeof(provider));
		qmp_member_text(from, "target", target, sizeof(target));
		if (!*provider || !*target)
			return -EPROTO;
		if (!strcmp(provider, "kvm") && !strcmp(target, "vm"))
			r = read_names(&vm, stats, is_wanted_of_machines, false);
		else if (!strcmp(provider, "kvm") && !strcmp(target, "vcpu"))
			r = read_names(&vcpu, stats, is_wanted_of_vcpus, true);
		if (r < 0)
			return r;
	}
	/* Values stand in the order of the names. */
	if (memcmp(&vm, &machine->vm_counters, sizeof(vm)) != 0)
		qmp_forget_answer(machine, QMP_STATS_VM);
	if (memcmp(&vcpu, &machine->vcpu_counters, sizeof(vcpu)) != 0)
		qmp_forget_answer(machine, QMP_STATS_VCPU);
	machine->vm_counters = vm;
	machine->vcpu_counters = vcpu;
	return 0;
}

/* --- values --- */

static unsigned index_of(const struct qmp_counters *counters, const char *name)
{
	unsigned i = 0;

	while (i < counters->n_names && strcmp(counters->names[i], name) != 0)
		i++;
	return i;
}

static int read_values(const struct qmp_counters *counters, struct json_object *from,
		       struct qmp_stats *ret)
{
	struct json_object *stats = qmp_member(from, "stats");

	if (!json_object_is_type(stats, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(stats); i++) {
		struct json_object *stat = json_object_array_get_idx(stats, i);
		char name[64] = "";

		qmp_member_text(stat, "name", name, sizeof(name));

		unsigned at = index_of(counters, name);

		if (!*name)
			return -EPROTO;
		if (at < counters->n_names)
			ret->values[at] = qmp_member_number(stat, "value");
	}
	return 0;
}

static bool is_of_kvm(struct json_object *from)
{
	char provider[16] = "";

	qmp_member_text(from, "provider", provider, sizeof(provider));
	return !strcmp(provider, "kvm");
}

int qmp_read_vm_stats(struct qmp_machine *machine, struct json_object *value)
{
	struct qmp_stats stats = {0};

	if (!json_object_is_type(value, json_type_array))
		return -EPROTO;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *from = json_object_array_get_idx(value, i);

		if (is_of_kvm(from) && read_values(&machine->vm_counters, from, &stats) < 0)
			return -EPROTO;
	}
	machine->vm_stats = stats;
	return 0;
}

/* vCPU number i of the list, or -1. */
static int find_cpu(const struct qmp_machine *machine, struct json_object *from)
{
	char path[sizeof(machine->cpus.at->qom_path)] = "";

	qmp_member_text(from, "qom-path", path, sizeof(path));
	for (unsigned i = 0; *path && i < machine->cpus.n; i++) {
		if (!strcmp(machine->cpus.at[i].qom_path, path))
			return (int)i;
	}
	return -1;
}

int qmp_read_vcpu_stats(struct qmp_machine *machine, unsigned slice, struct json_object *value)
{
	unsigned n = machine->cpus.n;

	if (!json_object_is_type(value, json_type_array))
		return -EPROTO;
	if (slice == 0 || machine->vcpu_stats.n != n) {
		qmp_forget_answer(machine, QMP_STATS_VCPU);
		machine->vcpu_stats.at = xcalloc(n, sizeof(*machine->vcpu_stats.at));
		machine->vcpu_stats.n = n;
		for (unsigned i = 0; i < n; i++)
			machine->vcpu_stats.at[i].cpu_index = machine->cpus.at[i].index;
	}
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *from = json_object_array_get_idx(value, i);
		int cpu = is_of_kvm(from) ? find_cpu(machine, from) : -1;

		if (cpu >= 0 &&
		    read_values(&machine->vcpu_counters, from, &machine->vcpu_stats.at[cpu]) < 0) {
			qmp_forget_answer(machine, QMP_STATS_VCPU);
			return -EPROTO;
		}
	}
	return 0;
}

struct qmp_number qmp_counter(const struct qmp_counters *counters, const struct qmp_stats *stats,
			      const char *name)
{
	unsigned at = index_of(counters, name);

	return at < counters->n_names ? stats->values[at] : (struct qmp_number){0};
}

/* --- requests --- */

unsigned qmp_stats_slices(const struct qmp_machine *machine)
{
	if (!machine->vcpu_counters.n_names)
		return 0;
	return (machine->cpus.n + SLICE_CPUS - 1) / SLICE_CPUS;
}

static void append(char **text, const char *more, const char *quoted)
{
	char *longer = quoted ? xasprintf("%s%s\"%s\"", *text, more, quoted)
			      : xasprintf("%s%s", *text, more);

	free(*text);
	*text = longer;
}

/* "vcpus":[...], where there is more than one slice. A vCPU whose path would have to be quoted, or
 * was cut, is left out. */
static void append_cpus(char **text, const struct qmp_machine *machine, unsigned slice)
{
	const char *comma = "";

	if (qmp_stats_slices(machine) < 2)
		return;
	append(text, "\"vcpus\":[", NULL);
	for (unsigned i = slice * SLICE_CPUS; i < machine->cpus.n && i < (slice + 1) * SLICE_CPUS;
	     i++) {
		const char *path = machine->cpus.at[i].qom_path;

		if (!qmp_is_plain(path) || strlen(path) + 1 == sizeof(machine->cpus.at[i].qom_path))
			continue;
		append(text, comma, path);
		comma = ",";
	}
	append(text, "],", NULL);
}

static char *stats_arguments(const struct qmp_machine *machine, enum qmp_command command,
			     unsigned slice)
{
	bool is_vm = command == QMP_STATS_VM;
	const struct qmp_counters *counters =
		is_vm ? &machine->vm_counters : &machine->vcpu_counters;
	char *text = xstrdup(is_vm ? "\"target\":\"vm\"," : "\"target\":\"vcpu\",");

	if (!is_vm)
		append_cpus(&text, machine, slice);
	append(&text, "\"providers\":[{\"provider\":\"kvm\",\"names\":[", NULL);
	for (unsigned i = 0; i < counters->n_names; i++)
		append(&text, i ? "," : "", counters->names[i]);
	append(&text, "]}]", NULL);
	return text;
}

char *qmp_request(const struct qmp_machine *machine, enum qmp_command command, unsigned slice,
		  char *id)
{
	const char *name = qmp_command_name(command);

	if (command != QMP_STATS_VM && command != QMP_STATS_VCPU) {
		(void)snprintf(id, 48, "%s", name);
		return xasprintf("{\"execute\":\"%s\",\"id\":\"%s\"}\n", name, id);
	}

	_cleanup_(freep) char *arguments = stats_arguments(machine, command, slice);

	(void)snprintf(id, 48, "%s-%s-%u", name, command == QMP_STATS_VM ? "vm" : "vcpu", slice);
	return xasprintf("{\"execute\":\"%s\",\"arguments\":{%s},\"id\":\"%s\"}\n", name, arguments,
			 id);
}
