/*
 * A scratch host with two interrupts and a huge page pool, a run directory, and a guard on them:
 * what the tests of the guard share.
 */
#ifndef JT_TESTS_UNIT_GUARD_FIXTURE_H
#define JT_TESTS_UNIT_GUARD_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/guard.h"
#include "probes/probes.h"

#define WAIT_MS 20000 /* far more than anything takes: only a hang runs into it */

/* A class whose steps take their time, so that there is something to cancel. */
static inline int slow_path(const char *object, char *buf, size_t size)
{
	if (strcmp(object, "slow:a") != 0 && strcmp(object, "slow:b") != 0)
		return -EINVAL;
	(void)snprintf(buf, size, "proc/slow_%c", object[5]);
	return 0;
}

static inline int slow_identity(struct host *host, const char *object, char *buf, size_t size)
{
	(void)host;
	(void)object;
	(void)usleep(100000);
	if (size > 0)
		buf[0] = '\0';
	return 0;
}

static const struct step_class slow_class = {.name = "slow",
					     .compare = STEP_U64,
					     .flags = STEP_SLOW,
					     .path = slow_path,
					     .identity = slow_identity};

static const struct step_class *const classes[] = {&step_class_irq_affinity, &step_class_hugepages,
						   &slow_class, NULL};

struct fixture {
	char base[64], tree[96], run[96];
	struct guard_options options;
	struct guard *guard;
	struct guard_event event;
	struct plan plan;
	char why[256];
};

static inline int open_scratch(void *arg, struct host **ret)
{
	return host_open_scratch(arg, ret);
}

static inline void put(const char *base, const char *path, const char *text)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", base, path);
	for (char *slash = strchr(full + strlen(base) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "%s\n", text) > 0);
	assert_int_equal(fclose(file), 0);
}

static const char affinity[] = "proc/irq/40/smp_affinity_list";
static const char pages[] = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";

static inline bool shows(const struct fixture *f, const char *path, const char *wanted)
{
	char full[512], text[64] = "";

	(void)snprintf(full, sizeof(full), "%s/%s", f->tree, path);
	FILE *file = fopen(full, "r");
	assert_non_null(file);
	(void)!fgets(text, sizeof(text), file);
	(void)fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, wanted);
}

static inline void expect(const struct fixture *f, const char *path, const char *wanted)
{
	if (!shows(f, path, wanted))
		fail_msg("%s does not show %s", path, wanted);
}

static inline bool comes_to_show(const struct fixture *f, const char *path, const char *wanted)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		if (shows(f, path, wanted))
			return true;
		(void)usleep(10000);
	}
	return false;
}

static inline bool has_file(const struct fixture *f, const char *name)
{
	char full[512];

	(void)snprintf(full, sizeof(full), "%s/%s", f->run, name);
	return access(full, F_OK) == 0;
}

static inline int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	(void)snprintf(f->base, sizeof(f->base), "/tmp/test_guard.XXXXXX");
	if (!mkdtemp(f->base))
		return -1;
	(void)snprintf(f->tree, sizeof(f->tree), "%s/tree", f->base);
	(void)snprintf(f->run, sizeof(f->run), "%s/run", f->base);
	(void)mkdir(f->tree, 0700);
	put(f->tree, affinity, "0-1");
	put(f->tree, pages, "0");
	put(f->tree, "proc/slow_a", "1");
	put(f->tree, "proc/slow_b", "1");
	put(f->tree, "proc/irq/40/effective_affinity_list", "0");
	put(f->tree, "proc/irq/41/smp_affinity_list", "0-1");
	put(f->tree, "sys/kernel/irq/40/actions", "eth0");
	put(f->tree, "sys/devices/system/cpu/online", "0-1");
	put(f->tree, "proc/sys/kernel/random/boot_id", "aaaa-bbbb");
	f->options = (struct guard_options){.run_dir = f->run,
					    .classes = classes,
					    .open_host = open_scratch,
					    .open_host_arg = f->tree,
					    .is_quiet = true};
	*state = f;
	return 0;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	int result;

	guard_close(f->guard);
	plan_done(&f->plan);
	guard_event_done(&f->event);
	result = nftw(f->base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return result;
}

/* The next event; false: none any more. */
static inline bool next_event(struct fixture *f)
{
	for (;;) {
		int got = guard_receive(f->guard, &f->event);

		if (got)
			return got > 0;
		struct pollfd poll_fd = {.fd = guard_fd(f->guard), .events = POLLIN};
		if (poll(&poll_fd, 1, WAIT_MS) == 0)
			fail_msg("the guard does not answer");
	}
}

static inline void wait_state(struct fixture *f, enum guard_state state)
{
	while (next_event(f)) {
		if (f->event.type == GUARD_EVENT_STATE && f->event.state == state)
			return;
	}
	fail_msg("state %d never came", state);
}

static inline void wait_transaction(struct fixture *f, uint64_t id, enum transaction_state state)
{
	while (next_event(f)) {
		if (f->event.type != GUARD_EVENT_TRANSACTION || (id && f->event.id != id))
			continue;
		if (f->event.transaction == state)
			return;
		if (f->event.transaction == TRANSACTION_REFUSED)
			fail_msg("refused: %s", f->event.text);
	}
	fail_msg("transaction state %d never came", state);
}

static inline void start(struct fixture *f)
{
	int err = guard_start(&f->options, &f->guard, f->why, sizeof(f->why));

	if (err)
		fail_msg("guard_start: %s", f->why);
	wait_state(f, GUARD_READY);
}

static inline void make_plan(struct fixture *f, const struct step_class *class, const char *object,
			     const char *value)
{
	struct host *host;

	assert_int_equal(host_open_scratch(f->tree, &host), 0);
	if (plan_add(&f->plan, host, class, object, value, f->why, sizeof(f->why)))
		fail_msg("%s", f->why);
	host_close(host);
}

/* One transaction of one step; its id. */
static inline uint64_t apply(struct fixture *f, const struct step_class *class, const char *object,
			     const char *value, uint64_t revert_after_ns)
{
	uint64_t request;

	plan_done(&f->plan);
	make_plan(f, class, object, value);
	assert_int_equal(guard_apply(f->guard, &f->plan, revert_after_ns, &request), 0);
	wait_transaction(f, 0, TRANSACTION_TRIAL);
	assert_int_equal(f->event.request, request);
	assert_true(f->event.report.steps[0].result == CHANGE_EXACT ||
		    f->event.report.steps[0].result == CHANGE_PENDING);
	return f->event.id;
}

static inline void count_outcome(void *arg, const struct guard_event *event)
{
	unsigned *counts = arg;

	counts[event->transaction]++;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
