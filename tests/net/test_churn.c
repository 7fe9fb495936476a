/*
 * Interfaces that come and go a hundred times a second, under names that are used again at once,
 * while snapshots are taken: nothing crashes, no descriptor and no memory is lost, and no rate
 * compares two interfaces. In a network namespace of its own, which goes with the process.
 *
 * JT_CHURN_SECONDS: how long (20).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/probe_fixture.h"

#define WORKERS 4u /* ip waits for each deletion: several do it at once */
#define NAMES 2u   /* of each worker */
/* A hundred additions and deletions a second in all. */
#define PAUSE_NS (NSEC_PER_SEC / 100 * WORKERS)

/* The address sanitizer's own count, where the program is built with it. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

struct churn {
	atomic_bool *is_ending;
	unsigned number;
	int pipe_fd;
	pid_t pid;
	pthread_t thread;
};

static size_t allocated_bytes(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* ip reads what to do from a pipe; it ends when that is closed. */
static bool start_ip(struct churn *churn)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	churn->pid = fork();
	if (churn->pid == 0) {
		char *argv[] = {(char[]){"ip"}, (char[]){"-force"}, (char[]){"-batch"},
				(char[]){"-"}, NULL};

		(void)dup2(fds[0], STDIN_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	(void)close(fds[0]);
	churn->pipe_fd = fds[1];
	return churn->pid > 0;
}

static void *churn_main(void *data)
{
	struct churn *churn = data;
	const struct timespec pause = {.tv_nsec = (long)PAUSE_NS};

	for (unsigned i = 0; !atomic_load(churn->is_ending); i++) {
		char line[240];
		unsigned n = i % NAMES;
		/* At once, so that both fall between two snapshots. */
		int len =
			snprintf(line, sizeof(line),
				 "link del c%u-%u\nlink add c%u-%u up type veth peer name p%u-%u\n",
				 churn->number, n, churn->number, n, churn->number, n);

		if (write(churn->pipe_fd, line, (size_t)len) != len)
			break;
		(void)nanosleep(&pause, NULL);
	}
	(void)close(churn->pipe_fd);
	return NULL;
}

static bool start(struct churn *churns, atomic_bool *is_ending)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		churns[i] = (struct churn){.is_ending = is_ending, .number = i};
		if (!start_ip(&churns[i]))
			return false;
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&churns[i].thread, NULL, churn_main, &churns[i]),
				 0);
	return true;
}

static void end(struct churn *churns, atomic_bool *is_ending)
{
	atomic_store(is_ending, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		(void)pthread_join(churns[i].thread, NULL);
		(void)waitpid(churns[i].pid, NULL, 0);
	}
}

/* A rate stands only where the snapshot before had the same interface under this key. */
static void check_rates(const struct snapshot *before, const struct snapshot *now,
			uint64_t *highest)
{
	const struct snapshot_table *table = snapshot_table(now, "nic");

	for (unsigned i = 0; i < table->n_entities; i++) {
		const struct entity *entity = &table->entities[i];
		uint64_t ifindex = 0, old = 0;

		(void)entity_u64(snapshot_find(before, entity->key), "ifindex", &old);
		if (!entity_u64(entity, "ifindex", &ifindex))
			continue; /* gone since: some slower probe still lists it */
		*highest = ifindex > *highest ? ifindex : *highest;
		if (!isnan(entity_rate(entity, "rx_packets")) && old != ifindex)
			fail_msg("%s: a rate between interface %u and %u", entity->key,
				 (unsigned)old, (unsigned)ifindex);
	}
}

struct figures {
	unsigned fds;
	size_t bytes;
};

static void run(struct fixture *f, unsigned seconds)
{
	uint64_t end_ns = host_now_ns(f->host) + seconds * NSEC_PER_SEC, highest = 0;
	const struct snapshot *before = NULL;
	const struct timespec pause = {.tv_nsec = 40 * (long)NSEC_PER_MSEC};
	struct figures first = {0}, last = {0};
	unsigned snapshots = 0;

	/* The highest of some snapshots at the start, and at the end. */
	while (host_now_ns(f->host) < end_ns) {
		(void)nanosleep(&pause, NULL);

		const struct snapshot *now = sampler_run_once(f->sampler, snapshots % 8 == 0);
		struct figures *figures = snapshots < 40 ? &first : &last;

		assert_int_not_equal(now->probes[0].status, SAMPLE_FAULT);
		if (before)
			check_rates(before, now, &highest);
		snapshot_unref(before);
		before = now;
		snapshots++;
		if (snapshots > 40 && snapshots % 40 == 0)
			last = (struct figures){0};
		figures->fds = count_fds() > figures->fds ? count_fds() : figures->fds;
		figures->bytes =
			allocated_bytes() > figures->bytes ? allocated_bytes() : figures->bytes;
	}
	snapshot_unref(before);
	print_message("%u snapshots in %u s, %u interfaces made; descriptors %u, then %u; "
		      "bytes %zu, then %zu\n",
		      snapshots, seconds, (unsigned)highest, first.fds, last.fds, first.bytes,
		      last.bytes);
	assert_true(snapshots > 40);
	assert_true(highest > 10 * seconds); /* else nothing was tried */
	assert_true(last.fds <= first.fds + 4);
	assert_true(last.bytes <= 2 * first.bytes);
}

static void test_churn(void **state)
{
	extern const struct probe probe_nic, probe_vf, probe_queue, probe_napi;
	static const struct probe *const probes[] = {&probe_nic, &probe_vf, &probe_napi,
						     &probe_queue};
	const char *text = getenv("JT_CHURN_SECONDS");
	struct churn churns[WORKERS];
	atomic_bool is_ending = false;
	struct host *host;
	struct fixture f;
	(void)state;

	(void)signal(SIGPIPE, SIG_IGN);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/sys", "sysfs", 0, NULL) < 0) {
		print_message("no network namespace of our own here: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(host_open_live(&host), 0);
	fixture_init(&f, host, probes, ARRAY_SIZE(probes));
	assert_true(start(churns, &is_ending));
	run(&f, text ? (unsigned)strtoul(text, NULL, 10) : 20);
	end(churns, &is_ending);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_churn)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
