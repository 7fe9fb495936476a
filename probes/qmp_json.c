/* What QMP's answers say, as values of struct qmp_machine. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/qmp_internal.h"

#define CPUS_MAX 1024u
#define IOTHREADS_MAX 256u
#define MEMDEVS_MAX 256u

static int read_text(struct json_object *value, const char *key, char *buf, size_t size)
{
	if (!json_object_is_type(qmp_member(value, key), json_type_string))
		return -EPROTO;
	qmp_member_text(value, key, buf, size);
	return 0;
}

static int read_uuid(struct qmp_machine *machine, struct json_object *value)
{
	static const char none[] = "00000000-0000-0000-0000-000000000000";
	int r = read_text(value, "UUID", machine->uuid, sizeof(machine->uuid));

	if (r == 0 && !strcmp(machine->uuid, none))
		machine->uuid[0] = '\0';
	return r;
}

/* A machine without -name answers {}. */
static int read_name(struct qmp_machine *machine, struct json_object *value)
{
	struct json_object *name = qmp_member(value, "name");

	if (!json_object_is_type(value, json_type_object) ||
	    (name && !json_object_is_type(name, json_type_string)))
		return -EPROTO;
	machine->name[0] = '\0';
	qmp_member_text(value, "name", machine->name, sizeof(machine->name));
	return 0;
}

int qmp_read_version(struct qmp_machine *machine, struct json_object *value)
{
	struct json_object *qemu = qmp_member(value, "qemu");
	uint32_t version[3];

	if (qmp_member_u32(qemu, "major", &version[0]) < 0 ||
	    qmp_member_u32(qemu, "minor", &version[1]) < 0 ||
	    qmp_member_u32(qemu, "micro", &version[2]) < 0)
		return -EPROTO;
	memcpy(machine->version, version, sizeof(version));
	machine->package[0] = '\0';
	qmp_member_text(value, "package", machine->package, sizeof(machine->package));
	machine->interrupts_vcpus = version[0] < 8 || (version[0] == 8 && version[1] < 1);
	return 0;
}

static int read_kvm(struct qmp_machine *machine, struct json_object *value)
{
	struct qmp_number enabled = qmp_member_bool(value, "enabled");
	struct qmp_number present = qmp_member_bool(value, "present");

	if (!enabled.is_set || !present.is_set)
		return -EPROTO;
	machine->is_kvm = enabled.value;
	machine->has_kvm = present.value;
	return 0;
}

static int read_status(struct qmp_machine *machine, struct json_object *value)
{
	struct qmp_number running = qmp_member_bool(value, "running");

	if (!running.is_set)
		return -EPROTO;
	machine->is_running = running.value;
	return read_text(value, "status", machine->status, sizeof(machine->status));
}

/* socket-id, ... of a vCPU or a slot for one: what the machine type has of them. */
struct place {
	struct qmp_number socket, die, cluster, core, thread, node;
};

static struct place read_place(struct json_object *from)
{
	struct json_object *props = qmp_member(from, "props");

	return (struct place){
		.socket = qmp_member_number(props, "socket-id"),
		.die = qmp_member_number(props, "die-id"),
		.cluster = qmp_member_number(props, "cluster-id"),
		.core = qmp_member_number(props, "core-id"),
		.thread = qmp_member_number(props, "thread-id"),
		.node = qmp_member_number(props, "node-id"),
	};
}

static int read_cpu(void *item, struct json_object *from)
{
	struct qmp_cpu *cpu = item;
	struct place place = read_place(from);

	if (qmp_member_u32(from, "cpu-index", &cpu->index) < 0 ||
	    qmp_member_tid(from, "thread-id", &cpu->tid) < 0)
		return -EPROTO;
	qmp_member_text(from, "arch", cpu->target, sizeof(cpu->target));
	qmp_member_text(from, "target", cpu->target, sizeof(cpu->target));
	qmp_member_text(from, "qom-path", cpu->qom_path, sizeof(cpu->qom_path));
	qmp_member_text(from, "cpu-state", cpu->state, sizeof(cpu->state));
	cpu->socket = place.socket;
	cpu->die = place.die;
	cpu->cluster = place.cluster;
	cpu->core = place.core;
	cpu->thread = place.thread;
	cpu->node = place.node;
	return 0;
}

static int read_slot(void *item, struct json_object *from)
{
	struct qmp_slot *slot = item;
	struct place place = read_place(from);

	if (qmp_member_u32(from, "vcpus-count", &slot->vcpus) < 0)
		return -EPROTO;
	qmp_member_text(from, "type", slot->type, sizeof(slot->type));
	qmp_member_text(from, "qom-path", slot->qom_path, sizeof(slot->qom_path));
	slot->socket = place.socket;
	slot->die = place.die;
	slot->cluster = place.cluster;
	slot->core = place.core;
	slot->thread = place.thread;
	slot->node = place.node;
	return 0;
}

static int read_iothread(void *item, struct json_object *from)
{
	struct qmp_iothread *iothread = item;

	if (qmp_member_tid(from, "thread-id", &iothread->tid) < 0)
		return -EPROTO;
	iothread->poll_max_ns = qmp_member_number(from, "poll-max-ns");
	return read_text(from, "id", iothread->id, sizeof(iothread->id));
}

static int read_memdev(void *item, struct json_object *from)
{
	struct qmp_memdev *memdev = item;
	struct json_object *nodes = qmp_member(from, "host-nodes");
	struct qmp_number size = qmp_member_number(from, "size");

	if (!size.is_set || !json_object_is_type(nodes, json_type_array))
		return -EPROTO;
	memdev->size_bytes = size.value;
	for (size_t i = 0; i < json_object_array_length(nodes); i++) {
		struct json_object *node = json_object_array_get_idx(nodes, i);

		if (!json_object_is_type(node, json_type_int) || json_object_get_int64(node) < 0 ||
		    json_object_get_int64(node) >= CPUSET_MAX)
			return -EPROTO;
		cpuset_add(&memdev->nodes, (unsigned)json_object_get_int64(node));
	}
	memdev->prealloc = qmp_member_bool(from, "prealloc");
	memdev->share = qmp_member_bool(from, "share");
	memdev->reserve = qmp_member_bool(from, "reserve");
	memdev->merge = qmp_member_bool(from, "merge");
	qmp_member_text(from, "id", memdev->id, sizeof(memdev->id));
	return read_text(from, "policy", memdev->policy, sizeof(memdev->policy));
}

static int read_memory(struct qmp_machine *machine, struct json_object *value)
{
	struct qmp_number base = qmp_member_number(value, "base-memory");

	if (!base.is_set)
		return -EPROTO;
	machine->base_bytes = base;
	machine->plugged_bytes = qmp_member_number(value, "plugged-memory");
	return 0;
}

static int read_balloon(struct qmp_machine *machine, struct json_object *value)
{
	struct qmp_number actual = qmp_member_number(value, "actual");

	if (!actual.is_set)
		return -EPROTO;
	machine->balloon_bytes = actual;
	return 0;
}

static int read_any(struct qmp_machine *m, enum qmp_command command, unsigned slice,
		    struct json_object *value)
{
	switch (command) {
	case QMP_NAME:
		return read_name(m, value);
	case QMP_UUID:
		return read_uuid(m, value);
	case QMP_VERSION:
		return qmp_read_version(m, value);
	case QMP_KVM:
		return read_kvm(m, value);
	case QMP_STATUS:
		return read_status(m, value);
	case QMP_CPUS:
		return QMP_READ_LIST(m->cpus, CPUS_MAX, value, read_cpu);
	case QMP_IOTHREADS:
		return QMP_READ_LIST(m->iothreads, IOTHREADS_MAX, value, read_iothread);
	case QMP_MEMDEV:
		return QMP_READ_LIST(m->memdevs, MEMDEVS_MAX, value, read_memdev);
	case QMP_MEMORY:
		return read_memory(m, value);
	case QMP_BALLOON:
		return read_balloon(m, value);
	case QMP_SCHEMAS:
		return qmp_read_schemas(m, value);
	case QMP_STATS_VM:
		return qmp_read_vm_stats(m, value);
	case QMP_STATS_VCPU:
		return qmp_read_vcpu_stats(m, slice, value);
	case QMP_CHARDEVS:
		return qmp_read_chardevs(m, value);
	case QMP_BLOCK:
		return qmp_read_blocks(m, value);
	case QMP_PCI:
		return qmp_read_pci(m, value);
	case QMP_HOTPLUGGABLE:
		return QMP_READ_LIST(m->slots, CPUS_MAX, value, read_slot);
	case QMP_RX_FILTER:
		return qmp_read_rx_filters(m, value);
	case QMP_COMMANDS:
		break;
	}
	return -EPROTO;
}

int qmp_read_answer(struct qmp_machine *machine, enum qmp_command command, unsigned slice,
		    struct json_object *value)
{
	return read_any(machine, command, slice, value) < 0 ? -EPROTO : 0;
}

#define FORGET_LIST(list)                                                                          \
	do {                                                                                       \
		free((list).at);                                                                   \
		(list).at = NULL;                                                                  \
		(list).n = 0;                                                                      \
		(list).is_cut = false;                                                             \
	} while (0)

void qmp_forget_answer(struct qmp_machine *m, enum qmp_command command)
{
	switch (command) {
	case QMP_NAME:
		m->name[0] = '\0';
		break;
	case QMP_UUID:
		m->uuid[0] = '\0';
		break;
	case QMP_KVM:
		m->has_kvm = m->is_kvm = false;
		break;
	case QMP_STATUS:
		m->is_running = false;
		m->status[0] = '\0';
		break;
	case QMP_CPUS:
		FORGET_LIST(m->cpus);
		FORGET_LIST(m->vcpu_stats);
		break;
	case QMP_IOTHREADS:
		FORGET_LIST(m->iothreads);
		break;
	case QMP_MEMDEV:
		FORGET_LIST(m->memdevs);
		break;
	case QMP_MEMORY:
		m->base_bytes = m->plugged_bytes = (struct qmp_number){0};
		break;
	case QMP_BALLOON:
		m->balloon_bytes = (struct qmp_number){0};
		break;
	case QMP_SCHEMAS:
		m->vm_counters.n_names = m->vcpu_counters.n_names = 0;
		m->vm_stats = (struct qmp_stats){0};
		FORGET_LIST(m->vcpu_stats);
		break;
	case QMP_STATS_VM:
		m->vm_stats = (struct qmp_stats){0};
		break;
	case QMP_STATS_VCPU:
		FORGET_LIST(m->vcpu_stats);
		break;
	case QMP_CHARDEVS:
		FORGET_LIST(m->chardevs);
		break;
	case QMP_BLOCK:
		FORGET_LIST(m->blocks);
		break;
	case QMP_PCI:
		FORGET_LIST(m->pci);
		break;
	case QMP_HOTPLUGGABLE:
		FORGET_LIST(m->slots);
		break;
	case QMP_RX_FILTER:
		FORGET_LIST(m->rx_filters);
		break;
	case QMP_VERSION: /* the greeting's stays */
	case QMP_COMMANDS:
		break;
	}
	if (command < QMP_COMMANDS)
		m->answers[command].values_ns = 0;
}

void qmp_machine_done(struct qmp_machine *machine)
{
	for (unsigned command = 0; command < QMP_COMMANDS; command++)
		qmp_forget_answer(machine, (enum qmp_command)command);
}
