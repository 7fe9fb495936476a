/* Made-up knobs: of every kind of value and of every reason not to change one. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/screens/scene.h"

#define KNOB(symbol, ...) static const struct knob knob_##symbol = {.name = #symbol, __VA_ARGS__}

KNOB(irq_affinity, .family = "irq", .summary = "CPUs an interrupt may go to",
     .cost = "None lasting; the interrupt moves when it fires next.", .risk = KNOB_FREE);
KNOB(isolate, .family = "isolation", .summary = "CPUs for one purpose only",
     .cost = "Whatever runs there moves away. Undone step by step.", .risk = KNOB_PARTIAL);
KNOB(governor, .family = "power", .summary = "how a CPU's frequency is chosen",
     .cost = "performance: more power. Undone by writing the old value.", .risk = KNOB_FREE);
KNOB(no_turbo, .family = "power", .summary = "no frequency above the nominal one",
     .cost = "Slower single threads. Undone by writing the old value.", .risk = KNOB_FREE);
KNOB(swappiness, .family = "memory", .summary = "how eagerly memory is swapped out",
     .cost = "0: pages of programs stay. Undone by writing the old value.", .risk = KNOB_FREE);
KNOB(rps_cpus, .family = "nic", .summary = "CPUs that process what a queue receives",
     .cost = "Interrupts between CPUs. Undone by writing the old value.", .risk = KNOB_FREE);
KNOB(nic_channels, .family = "nic", .summary = "queues of an interface",
     .cost = "The link goes down for a moment; connections may break.", .risk = KNOB_DISRUPTIVE);
KNOB(vcpu_affinity, .family = "machines", .summary = "CPUs a vCPU may run on",
     .cost = "The vCPU moves. Undone by its old CPUs.", .risk = KNOB_FREE);
KNOB(ksm_run, .family = "memory", .summary = "same pages merged", .cost = "None.",
     .risk = KNOB_FREE);
KNOB(nohz_full, .family = "isolation", .is_boot_only = true,
     .summary = "CPUs without a timer tick while one task runs",
     .cost = "No tick: no 4 us every millisecond.", .risk = KNOB_FREE);

static const struct knob *const all[] = {
	&knob_irq_affinity,  &knob_isolate,   &knob_governor, &knob_no_turbo,
	&knob_swappiness,    &knob_ksm_run,   &knob_rps_cpus, &knob_nic_channels,
	&knob_vcpu_affinity, &knob_nohz_full,
};

static void list_governors(struct knob_targets *ret, unsigned n)
{
	const char *choices = "performance|powersave|schedutil";
	char key[32];

	knob_targets_add(ret, "policy:*", "all of them", "(mixed)", choices, NULL);
	for (unsigned i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "policy:%u", i);
		knob_targets_add(ret, key, "scaling_governor", i % 4 ? "powersave" : "performance",
				 choices, NULL);
	}
}

static void list_targets(const struct knob *knob, struct knob_targets *ret, unsigned n_cpus)
{
	if (knob == &knob_irq_affinity) {
		knob_targets_add(ret, "irq:9", "acpi", "0-7", "CPU list of 0-7",
				 "the kernel does not move this one");
		knob_targets_add(ret, "irq:40", "eth0-rx-0", "0-7", "CPU list of 0-7", NULL);
		knob_targets_add(ret, "irq:41", "eth0-rx-1", "3", "CPU list of 0-7", NULL);
	} else if (knob == &knob_isolate) {
		knob_targets_add(ret, "cpus", "all that goes with it", "",
				 "CPU list of 0-7, empty: release", NULL);
	} else if (knob == &knob_governor) {
		list_governors(ret, n_cpus);
	} else if (knob == &knob_no_turbo) {
		knob_targets_add(ret, "host", "intel_pstate", NULL, "",
				 "the driver intel_pstate is not at work here");
	} else if (knob == &knob_swappiness) {
		knob_targets_add(ret, "host", "/proc/sys/vm/swappiness", "60", "0 to 200", NULL);
	} else if (knob == &knob_rps_cpus) {
		knob_targets_add(ret, "queue:eth0/rx-0", "eth0 rx-0", "0f",
				 "CPU mask, or list:LIST, of 0-7", NULL);
	} else if (knob == &knob_nic_channels) {
		knob_targets_add(ret, "nic:eth0", "ixgbe", "combined 8", "combined 1 to 16", NULL);
	} else if (knob == &knob_nohz_full) {
		knob_targets_add(ret, "host", "/sys/devices/system/cpu/nohz_full", "(null)",
				 "nohz_full=2-7", NULL);
	}
}

void scene_add_knobs(struct scene *scene)
{
	scene->arena = arena_new(0);
	scene->knobs.items = xcalloc(ARRAY_SIZE(all), sizeof(*scene->knobs.items));
	scene->knobs.n_items = ARRAY_SIZE(all);
	scene->knobs.seq = 1;
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		struct knob_list_item *item = &scene->knobs.items[i];

		item->knob = all[i];
		item->targets.arena = scene->arena;
		list_targets(item->knob, &item->targets, scene->machine->n_cpus);
		if (item->knob == &knob_governor)
			item->owner = "tuned (pid 412, profile realtime) sets it when it starts: "
				      "`tuned-adm off` first";
	}
}
