/*
 * A write that takes seconds (huge pages) does not freeze the screen, shows how far it is, and can
 * be cancelled by a key; the pages are all returned. Real pages of this machine: what makes it slow
 * is a control group of the test's own that gives the guard little CPU time. In a mount namespace
 * with a /run of its own. Prints the frames it counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/pty/program.h"

#define PAGES_FILE "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
#define PAGES_MAX 10000
#define FRAME_SILENCE_MS 25 /* between two frames of ten a second */

struct fixture {
	unsigned before, wish;
	char group[128];
	int lock_fd;
	pid_t program; /* 0: ended */
};

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return is_done;
}

static bool put_in(const struct fixture *f, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", f->group, name);
	return put(path, text);
}

static unsigned pages(void)
{
	unsigned n = 0;
	FILE *file = fopen(PAGES_FILE, "re");

	if (!file || fscanf(file, "%u", &n) != 1)
		n = UINT32_MAX;
	if (file)
		(void)fclose(file);
	return n;
}

/* Half of what is free, at most PAGES_MAX. */
static unsigned affordable(void)
{
	char line[256];
	unsigned long kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "MemFree: %lu", &kib) != 1)
		continue;
	if (file)
		(void)fclose(file);
	unsigned long n = kib / 2 / 2048;
	return n > PAGES_MAX ? PAGES_MAX : (unsigned)n;
}

/* 1 ms of a CPU in 200. */
static bool make_group(struct fixture *f)
{
	(void)snprintf(f->group, sizeof(f->group), "/sys/fs/cgroup/cpu/jittertop-test-%d",
		       getpid());
	if (mkdir(f->group, 0755) == 0) {
		/* The guard is real-time: with CONFIG_RT_GROUP_SCHED a group must have some of it.
		 */
		(void)put_in(f, "cpu.rt_runtime_us", "100000");
		return put_in(f, "cpu.cfs_period_us", "200000") &&
		       put_in(f, "cpu.cfs_quota_us", "1000");
	}
	(void)snprintf(f->group, sizeof(f->group), "/sys/fs/cgroup/jittertop-test-%d", getpid());
	return mkdir(f->group, 0755) == 0 && put_in(f, "cpu.max", "1000 200000");
}

static int set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	*state = f;
	f->lock_fd = open("/tmp/jittertop-tests.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	f->group[0] = '\0';
	f->before = pages();
	f->wish = 0;
	f->program = 0;
	if (geteuid() != 0 || f->before == UINT32_MAX || access(PAGES_FILE, W_OK) < 0) {
		printf("needs root and 2 MiB pages on node 0\n");
		return 0;
	}
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0) {
		printf("no mount namespace may be made here\n");
		return 0;
	}
	(void)flock(f->lock_fd, LOCK_EX);
	f->before = pages();
	if (!make_group(f))
		printf("no control group of cpu time may be made here\n");
	else if (affordable() < 500)
		printf("too little free memory for 500 huge pages\n");
	else
		f->wish = f->before + affordable();
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char text[32];

	if (f->program > 0)
		(void)kill(f->program, SIGKILL);
	for (unsigned i = 0; i < 100 && f->group[0] && rmdir(f->group) < 0 && errno == EBUSY; i++)
		(void)poll(NULL, 0, 50);
	(void)snprintf(text, sizeof(text), "%u", f->before);
	if (f->wish && pages() != f->before)
		(void)put(PAGES_FILE, text);
	(void)close(f->lock_fd);
	return 0;
}

static bool is_guard(pid_t pid)
{
	char path[64], text[32] = "";
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		(void)close(fd);
	return len > 0 && !strcmp(text, "jt-guard\n");
}

/* The guard of this session, a child of the program, into the group. */
static void slow_down(const struct fixture *f, const struct session *s)
{
	char path[96], text[32];
	unsigned n_moved = 0;
	int pid;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", s->pid, s->pid);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (fscanf(file, "%d", &pid) == 1) {
		if (!is_guard(pid))
			continue;
		(void)snprintf(text, sizeof(text), "%d", pid);
		n_moved += put_in(f, "cgroup.procs", text);
	}
	(void)fclose(file);
	if (n_moved == 1)
		return;
	printf("the guard cannot be moved into a control group here\n");
	skip();
}

static const char *const options[] = {"--no-measure", "-d", "0.1", "--view", "knobs", NULL};

static void open_preview(struct fixture *f, struct session *s)
{
	char keys[64];

	start(s, "xterm-256color", options);
	f->program = s->pid;
	expect(s, "hugepages");
	type(s, "\\hugepages node:0/2048kB\r");
	expect(s, "only: hugepages node:0/2048kB");
	type(s, "Ge");
	expect(s, "hugepages node:0/2048kB");
	(void)snprintf(keys, sizeof(keys), "\x15%u\r", f->wish);
	type(s, keys);
	expect(s, "apply as a trial");
}

struct frames {
	unsigned n, n_progress; /* all, and those that show how far it is */
	uint64_t longest_ms, begin_ms, end_ms;
};

/* Counts bursts of output until text stands on the screen; cancels at the first progress seen. */
static void watch(struct session *s, const char *text, bool is_cancelling, struct frames *ret)
{
	uint64_t last = now_ms(), now = last, limit = last + 60000;
	size_t bytes = s->bytes;

	*ret = (struct frames){.begin_ms = last};
	while (!emulator_shows(s->emulator, text) && now < limit) {
		assert_true(pump(s, 5));
		now = now_ms();
		if (s->bytes == bytes)
			continue;
		if (now - last >= FRAME_SILENCE_MS)
			ret->n++;
		if (now - last > ret->longest_ms)
			ret->longest_ms = now - last;
		last = now;
		bytes = s->bytes;
		if (!emulator_shows(s->emulator, "applying"))
			continue;
		if (!ret->n_progress++ && is_cancelling)
			type(s, "u");
	}
	ret->end_ms = now;
	if (!emulator_shows(s->emulator, text)) {
		_cleanup_(freep) char *screen = emulator_text(s->emulator);

		fail_msg("\"%s\" never appeared; the screen:\n%s", text, screen);
	}
}

static void end(struct fixture *f, struct session *s)
{
	uint64_t ms;

	type(s, "q");
	if (emulator_shows(s->emulator, "quit"))
		type(s, "\r");
	(void)kill(s->pid, SIGTERM);
	(void)wait_end(s, &ms);
	f->program = 0;
	finish(s);
	for (unsigned i = 0; i < 400 && pages() != f->before; i++)
		(void)poll(NULL, 0, 50);
	assert_int_equal(pages(), f->before);
}

static void test_frames(void **state)
{
	struct fixture *f = *state;
	struct frames frames;
	struct session s;

	if (!f->wish)
		skip();
	open_preview(f, &s);
	slow_down(f, &s);
	type(&s, "\r");
	watch(&s, "c keep", false, &frames);
	printf("%u huge pages in %llu ms: %u frames, %u updates with progress, longest wait %llu "
	       "ms, "
	       "100 ms asked for\n",
	       f->wish - f->before, (unsigned long long)(frames.end_ms - frames.begin_ms), frames.n,
	       frames.n_progress, (unsigned long long)frames.longest_ms);
	assert_int_equal(pages(), f->wish);
	assert_true(frames.n_progress > 0);
	/* A frozen screen draws one when it is over. */
	assert_true(frames.n >= 3);
	end(f, &s);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	struct frames frames;
	struct session s;

	if (!f->wish)
		skip();
	open_preview(f, &s);
	slow_down(f, &s);
	type(&s, "\r");
	watch(&s, "cancelled", true, &frames);
	printf("cancelled after %llu ms\n", (unsigned long long)(frames.end_ms - frames.begin_ms));
	assert_true(frames.n_progress > 0);
	for (unsigned i = 0; i < 200 && pages() != f->before; i++)
		assert_true(pump(&s, 50));
	assert_int_equal(pages(), f->before);
	end(f, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
