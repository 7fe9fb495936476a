/* What is not read from the made-up machine: measuring, a trial, a check. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/screens/scene.h"

void scene_add_spinning(struct scene *scene)
{
	struct measuring *m = &scene->measuring;

	m->state = MEASURING_ON;
	m->wish.engine = &engine_spin;
	m->wish.options = (struct measure_options){.interval_ns = 20 * NSEC_PER_MSEC,
						   .spin_ns = 5 * NSEC_PER_MSEC,
						   .threshold_ns = NSEC_PER_USEC,
						   .policy = MEASURE_OTHER};
	cpuset_add(&m->cpus, scene->machine->n_cpus - 1);
	cpuset_add(&m->own, 0);
}

void scene_add_measuring(struct scene *scene, bool is_measured)
{
	struct measuring *m = &scene->measuring;

	m->state = is_measured ? MEASURING_ON : MEASURING_OFF;
	m->wish.engine = &engine_wakeup;
	if (!is_measured) {
		snprintf(m->why, sizeof(m->why), "not measured (--no-measure)");
		return;
	}
	m->wish.options = (struct measure_options){
		.interval_ns = NSEC_PER_MSEC, .policy = MEASURE_FIFO, .priority = 2};
	for (unsigned i = 0; i < scene->machine->n_cpus; i++) {
		if (scene->machine->cpus[i].is_online && scene->machine->cpus[i].number != 1)
			cpuset_add(&m->cpus, scene->machine->cpus[i].number);
	}
	cpuset_add(&m->own, 1);
	m->n_left_out = 1;
	m->left_out[0].cpu = 1;
	snprintf(m->left_out[0].why, sizeof(m->left_out[0].why),
		 "qemu-system-x86 12345: pinned vCPU thread");
}

void scene_add_trial(struct scene *scene)
{
	struct session_change *c = xcalloc(1, sizeof(*c));

	c->id = 7;
	snprintf(c->title, sizeof(c->title), "irq 41 -> cpu 0");
	c->state = TRANSACTION_TRIAL;
	c->deadline_boottime_ns = scene->frame.boottime_ns + 97 * NSEC_PER_SEC;
	c->applied_wall_ns = 45240 * NSEC_PER_SEC;
	cpuset_add(&c->experiment.cpus, 0);
	cpuset_add(&c->experiment.cpus, 3);
	c->experiment.apply_start_ns = scene->frame.now_ns - 23 * NSEC_PER_SEC;
	c->experiment.apply_end_ns = c->experiment.apply_start_ns + 1;
	c->result.before = (struct experiment_side){.samples = 20000,
						    .covered_ns = 10 * NSEC_PER_SEC,
						    .has_p50 = true,
						    .has_p99 = true,
						    .p50_ns = 12000,
						    .p99_ns = 412000,
						    .max_ns = 1200000};
	c->result.after = (struct experiment_side){.samples = 46000,
						   .covered_ns = 23 * NSEC_PER_SEC,
						   .has_p50 = true,
						   .has_p99 = true,
						   .p50_ns = 9100,
						   .p99_ns = 38000,
						   .max_ns = 300000};
	free(scene->session.changes);
	scene->session.changes = c;
	scene->session.n_changes = 1;
}

/* Theirs is cut to whole microseconds and a little slower. */
static void fill_sides(struct reference_check *check)
{
	snprintf(check->ours.name, sizeof(check->ours.name), "wakeup");
	snprintf(check->theirs.name, sizeof(check->theirs.name), "cyclictest");
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t ns = 4200 + i % 97 * i % 61 * 40 + (i % 500 == 0 ? 90000 : 0);

		histogram_count(&check->ours.histogram, ns);
		histogram_count(&check->theirs.histogram, (ns + i % 3 * 200) / 1000 * 1000);
	}
	check->resolution_ns = 1000;
	check->distance = check_distance(&check->ours.histogram, &check->theirs.histogram,
					 check->resolution_ns);
	snprintf(check->confounders, sizeof(check->confounders),
		 "rt-tests 2.40, fifo 2, every 1 ms.\nOne after the other, not at once.");
}

void scene_add_check(struct scene *scene, enum check_phase phase)
{
	struct reference_check *check = xcalloc(1, sizeof(*check));

	check->phase = phase;
	check->start_ns = scene->frame.now_ns - 4 * NSEC_PER_SEC;
	cpuset_add(&check->cpus, 0);
	cpuset_add(&check->cpus, 1);
	histogram_zero(&check->ours.histogram);
	histogram_zero(&check->theirs.histogram);
	if (phase == CHECK_DONE)
		fill_sides(check);
	if (phase == CHECK_FAILED)
		snprintf(check->why, sizeof(check->why),
			 "cyclictest: /usr/bin/cyclictest is not installed: install rt-tests");
	free(scene->check);
	scene->check = check;
	scene->frame.check = check;
}
