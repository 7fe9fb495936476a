/* hwloc on captured roots: confined, bounded, and right. */
#include <errno.h>
#include <hwloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/host_internal.h"
#include "tests/unit/tree.h"

#define NOBODY 65534

struct fixture {
	struct tree *tree;
	char *root;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->tree = tree_new();
	f->root = tree_path(f->tree, "root");
	tree_file(f->tree, "root/proc/cpuinfo", "processor\t: 0\n");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tree_free(f->tree);
	free(f->root);
	free(f);
	return 0;
}

static void cpu_file(const struct fixture *f, const char *where, unsigned cpu, const char *name,
		     const char *text)
{
	_cleanup_(freep) char *path =
		xasprintf("%s/sys/devices/system/cpu/cpu%u/%s", where, cpu, name);

	tree_file(f->tree, path, text);
}

/* n CPUs, two per package, no threads. */
static void make_machine(const struct fixture *f, const char *where, unsigned n)
{
	_cleanup_(freep) char *online = xasprintf("%s/sys/devices/system/cpu/online", where);
	_cleanup_(freep) char *possible = xasprintf("%s/sys/devices/system/cpu/possible", where);
	_cleanup_(freep) char *all = xasprintf("0-%u\n", n - 1);

	tree_file(f->tree, online, all);
	tree_file(f->tree, possible, all);
	for (unsigned cpu = 0; cpu < n; cpu++) {
		char self[32], package[32], id[32];

		(void)snprintf(self, sizeof(self), "%x\n", 1u << cpu);
		(void)snprintf(package, sizeof(package), "%x\n", 3u << (cpu & ~1u));
		(void)snprintf(id, sizeof(id), "%u\n", cpu / 2);
		cpu_file(f, where, cpu, "topology/thread_siblings", self);
		cpu_file(f, where, cpu, "topology/core_siblings", package);
		cpu_file(f, where, cpu, "topology/physical_package_id", id);
		(void)snprintf(id, sizeof(id), "%u\n", cpu);
		cpu_file(f, where, cpu, "topology/core_id", id);
	}
}

/* The number of CPUs that hwloc sees in root, or a negative errno. */
static int count_cpus(const char *root)
{
	struct host *host;
	hwloc_topology_t topology;
	int r = host_open_captured(root, &host);

	if (r < 0)
		return r;
	r = host_topology(host, &topology);
	host_close(host);
	if (r < 0)
		return r;
	int n = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
	assert_int_equal(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PACKAGE), (n + 1) / 2);
	assert_int_equal(hwloc_topology_is_thissystem(topology), 0);
	hwloc_topology_destroy(topology);
	return n;
}

static void test_machine(void **state)
{
	struct fixture *f = *state;

	make_machine(f, "root", 8);
	assert_int_equal(count_cpus(f->root), 8);
}

/* No sys at all: the host opens and files can be read, there is just no topology. */
static void test_no_sys(void **state)
{
	struct fixture *f = *state;
	struct host *host;
	hwloc_topology_t topology;
	char buf[64];

	assert_int_equal(host_open_captured(f->root, &host), 0);
	assert_true(host_read(host, "proc/cpuinfo", buf, sizeof(buf)) > 0);
	assert_true(host_topology(host, &topology) < 0);
	host_close(host);
}

/* A machine of 8 CPUs lies outside; whatever way the capture points at it, it is not seen. */
static void test_links_out(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *sys = tree_path(f->tree, "outside/sys");
	_cleanup_(freep) char *cpu = tree_path(f->tree, "outside/sys/devices/system/cpu");
	_cleanup_(freep) char *second = tree_path(f->tree, "second");
	_cleanup_(freep) char *third = tree_path(f->tree, "third");
	_cleanup_(freep) char *fourth = tree_path(f->tree, "fourth");

	make_machine(f, "outside", 8);
	tree_link(f->tree, "root/sys", sys);
	assert_true(count_cpus(f->root) < 0);
	tree_link(f->tree, "second/sys", "../outside/sys");
	assert_true(count_cpus(second) < 0);
	tree_link(f->tree, "third/sys/devices/system/cpu", cpu);
	assert_true(count_cpus(third) < 0);

	/* And a link that looks outward but has its target inside works as on the machine. */
	make_machine(f, "fourth/real", 4);
	tree_link(f->tree, "fourth/sys", "/real/sys");
	assert_int_equal(count_cpus(fourth), 4);
}

/* Deep in the tree, where only the time limit helps. */
static void test_fifo_times_out(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *siblings =
		tree_path(f->tree, "root/sys/devices/system/cpu/cpu0/topology/thread_siblings");
	char *xml = NULL;
	size_t len = 0;

	make_machine(f, "root", 2);
	assert_int_equal(unlink(siblings), 0);
	assert_int_equal(mkfifo(siblings, 0644), 0);

	_cleanup_(fd_closep) int fd = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(host_confine_topology(fd, 200, &xml, &len), -ETIMEDOUT);
	assert_null(xml);
	/* The child is gone, not left behind. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Among the first files a trap is seen before hwloc walks into it. */
static void test_traps(void **state)
{
	static const char *const paths[] = {
		"root/proc/cpuinfo",
		"root/sys/devices/system/cpu/online",
		"root/sys/devices/system/cpu/isolated",
	};
	struct fixture *f = *state;

	make_machine(f, "root", 2);
	tree_file(f->tree, paths[2], "");

	_cleanup_(fd_closep) int fd = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_(freep) char *path = tree_path(f->tree, paths[i]);
		_cleanup_(freep) char *saved = xasprintf("%s/saved", f->tree->dir);
		char *xml = NULL;
		size_t len = 0;

		assert_int_equal(rename(path, saved), 0);
		assert_int_equal(mkfifo(path, 0644), 0);
		assert_int_equal(host_confine_topology(fd, 30000, &xml, &len), -EINVAL);
		assert_int_equal(unlink(path), 0);
		tree_file(f->tree, paths[i], "");
		assert_int_equal(truncate(path, (off_t)1 << 36), 0);
		assert_int_equal(host_confine_topology(fd, 30000, &xml, &len), -EFBIG);
		assert_null(xml);
		assert_int_equal(rename(saved, path), 0);
	}
	assert_int_equal(count_cpus(f->root), 2);
}

/* Garbage in every file: an error or a topology, within the time. */
static void test_garbage(void **state)
{
	static const char *const junk[] = {
		"",
		"\n",
		"-1\n",
		"0-99999999999\n",
		"ffffffff,ffffffff,ffffffff\n",
		"(null)\n",
		"\xff\xfe\xfd",
		"0,0,0,0,0,0,0,0,0,0,0,0,0,0",
		"4294967295\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
		struct host *host;
		hwloc_topology_t topology;

		make_machine(f, "root", 4);
		tree_file(f->tree, "root/sys/devices/system/cpu/online", junk[i]);
		tree_file(f->tree, "root/sys/devices/system/cpu/possible", junk[i]);
		cpu_file(f, "root", 1, "topology/core_id", junk[i]);
		cpu_file(f, "root", 2, "topology/thread_siblings", junk[i]);
		cpu_file(f, "root", 3, "topology/core_siblings", junk[i]);
		cpu_file(f, "root", 3, "topology/physical_package_id", junk[i]);
		assert_int_equal(host_open_captured(f->root, &host), 0);
		int r = host_topology(host, &topology);
		if (r >= 0)
			hwloc_topology_destroy(topology);
		else if (r == -ETIMEDOUT)
			fail_msg("it hung on '%s'", junk[i]);
		host_close(host);
	}
}

static int count_as_nobody(void *arg)
{
	struct fixture *f = arg;

	if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return 100;
	int n = count_cpus(f->root);
	return n < 0 ? 50 : n;
}

/* Without privilege: in a user namespace, or, where there is none, after a walk. */
static void test_unprivileged(void **state)
{
	struct fixture *f = *state;
	int status;

	make_machine(f, "root", 6);
	pid_t pid = fork();
	if (pid == 0)
		_exit(count_as_nobody(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 6);
}

/* A container that allows neither chroot() nor namespaces. */
static int forbid_confinement(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_chroot, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static int count_unconfined(const struct fixture *f)
{
	struct host *host;
	hwloc_topology_t topology;

	if (forbid_confinement() < 0)
		return 77;
	if (count_cpus(f->root) != 6)
		return 1;
	/* One link that might lead out, wherever it is, and hwloc may not read the tree. The host
	 * itself may. */
	tree_link(f->tree, "root/somewhere/link", "/etc");
	if (host_open_captured(f->root, &host) < 0)
		return 2;
	int r = host_topology(host, &topology);
	bool is_readable = host_existsf(host, "proc/cpuinfo");
	host_close(host);
	return r == -EPERM && is_readable ? 0 : 3;
}

static void test_no_confinement(void **state)
{
	struct fixture *f = *state;
	int status;

	make_machine(f, "root", 6);
	pid_t pid = fork();
	if (pid == 0)
		_exit(count_unconfined(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: this kernel has no seccomp filters\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool is_harmless(const struct fixture *f)
{
	_cleanup_(fd_closep) int fd = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return host_confine_is_harmless(fd);
}

static void test_harmless(void **state)
{
	static const struct {
		const char *target;
		bool is_harmless;
	} links[] = {
		{"x", true},	       {"../x", true},	     {"../../x/y", true},
		{"./x", true},	       {"..", true},	     {"../..", true},
		{"x..", true},	       {"..x/y", true},	     {"../../..", false},
		{"../../../x", false}, {"/", false},	     {"/x", false},
		{"x/..", false},       {"x/../../y", false}, {"./../../../x", false},
	};
	struct fixture *f = *state;
	_cleanup_(freep) char *link = tree_path(f->tree, "root/sys/deep/link");
	_cleanup_(freep) char *fifo = tree_path(f->tree, "root/sys/fifo");

	assert_true(is_harmless(f));
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		tree_link(f->tree, "root/sys/deep/link", links[i].target);
		if (is_harmless(f) != links[i].is_harmless)
			fail_msg("a link to '%s' counts as %s", links[i].target,
				 links[i].is_harmless ? "harmful" : "harmless");
		assert_int_equal(unlink(link), 0);
	}
	assert_true(is_harmless(f));
	assert_int_equal(mkfifo(fifo, 0644), 0);
	assert_false(is_harmless(f));
}

static void test_live(void **state)
{
	struct host *host;
	hwloc_topology_t topology;

	(void)state;
	assert_int_equal(host_open_live(&host), 0);
	assert_int_equal(host_topology(host, &topology), 0);
	assert_true(hwloc_topology_is_thissystem(topology));
	assert_true(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU) >= 1);
	assert_int_equal(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PCI_DEVICE), 0);
	hwloc_topology_destroy(topology);

	unsigned distance = 0;
	if (host_node_distance(host, 0, 0, &distance) == 0)
		assert_int_equal(distance, 10);
	assert_int_equal(host_node_distance(host, 0, 8000, &distance), -ENOENT);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_sys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo_times_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_traps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unprivileged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_confinement, setup, teardown),
		cmocka_unit_test_setup_teardown(test_harmless, setup, teardown),
		cmocka_unit_test(test_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
