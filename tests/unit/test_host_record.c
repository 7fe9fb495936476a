/* What a recording host read is the same machine when it is opened as a captured root. */
#include <errno.h>
#include <hwloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/host.h"
#include "tests/unit/tree.h"

#define NOBODY 65534

struct fixture {
	struct tree *tree;
	char *from, *to;
	struct host *host; /* a scratch host: recording does not care */
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->tree = tree_new();
	f->from = tree_path(f->tree, "from");
	f->to = tree_path(f->tree, "to");
	tree_file(f->tree, "from/proc/stat", "cpu 1\n");
	tree_file(f->tree, "from/sys/devices/pci0/net/eth0/mtu", "1500\n");
	tree_file(f->tree, "from/sys/devices/pci0/net/eth0/speed", "1000\n");
	tree_file(f->tree, "from/sys/devices/pci0/numa_node", "-1\n");
	tree_link(f->tree, "from/sys/devices/pci0/net/eth0/device", "../..");
	tree_link(f->tree, "from/sys/class/net/eth0", "../../devices/pci0/net/eth0");
	tree_check(host_open_scratch(f->from, &f->host) == 0, "host_open_scratch");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	host_close(f->host);
	free(f->from);
	free(f->to);
	tree_free(f->tree);
	free(f);
	return 0;
}

static struct host *open_copy(const struct fixture *f)
{
	struct host *copy;

	tree_check(host_open_captured(f->to, &copy) == 0, "the recording");
	return copy;
}

static void assert_text(struct host *host, const char *path, const char *text)
{
	char buf[256];
	ssize_t n = host_read(host, path, buf, sizeof(buf));

	if (n < 0)
		fail_msg("%s: %s", path, strerror((int)-n));
	assert_string_equal(buf, text);
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	struct host_file *file = NULL;
	const char *text;
	char buf[64];

	assert_int_equal(host_record(f->host, f->to), 0);
	assert_int_equal(host_record(f->host, f->to), -EOPNOTSUPP); /* once */
	assert_int_equal(host_read(f->host, "sys/class/net/eth0/mtu", buf, sizeof(buf)), 4);
	assert_int_equal(
		host_read(f->host, "sys/class/net/eth0/device/numa_node", buf, sizeof(buf)), 2);
	assert_int_equal(host_read(f->host, "absent", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(host_file_readf(f->host, &file, &text, "proc/stat"), 5);
	tree_file(f->tree, "from/proc/stat", "cpu 22\n");
	assert_int_equal(host_file_readf(f->host, &file, &text, "proc/stat"), 6);
	host_file_close(file);

	const struct host_record_summary *summary = host_record_summary(f->host);
	assert_int_equal(summary->error, 0);
	assert_int_equal(summary->n_files, 3);
	assert_int_equal(summary->size_bytes, 5 + 3 + 7);
	assert_int_equal(summary->n_links, 2);
	assert_int_equal(summary->n_denied, 0);

	struct host *copy = open_copy(f);
	assert_text(copy, "proc/stat", "cpu 22"); /* the last reading */
	assert_text(copy, "sys/class/net/eth0/mtu", "1500");
	assert_text(copy, "sys/devices/pci0/net/eth0/mtu", "1500"); /* where it really lies */
	assert_text(copy, "sys/class/net/eth0/device/numa_node", "-1");
	assert_int_equal(host_read(copy, "absent", buf, sizeof(buf)), -ENOENT);
	assert_false(host_existsf(copy, "sys/class/net/eth0/speed")); /* never read */
	host_close(copy);
}

static void test_lists(void **state)
{
	struct fixture *f = *state;
	struct host_names names;

	assert_int_equal(host_record(f->host, f->to), 0);
	assert_int_equal(host_listf(f->host, &names, "sys/class/net/eth0"), 0);
	host_names_done(&names);
	assert_int_equal(host_listf(f->host, &names, "sys/class/net"), 0);
	host_names_done(&names);

	struct host_dirs dirs;

	assert_int_equal(host_list_dirsf(f->host, &dirs, "sys"), 0);
	host_dirs_done(&dirs);

	struct host *copy = open_copy(f);
	char buf[64];

	assert_int_equal(host_list_dirsf(copy, &dirs, "sys"), 0);
	assert_int_equal(dirs.n, 2);
	assert_string_equal(dirs.at[0].name, "class");
	host_dirs_done(&dirs);
	assert_int_equal(host_listf(copy, &names, "sys/class/net/eth0"), 0);
	assert_int_equal(names.n, 3);
	assert_string_equal(names.names[0], "device");
	assert_string_equal(names.names[1], "mtu");
	assert_string_equal(names.names[2], "speed");
	host_names_done(&names);
	/* Listed, never read: there, and empty. */
	assert_int_equal(host_read(copy, "sys/class/net/eth0/speed", buf, sizeof(buf)), 0);
	assert_int_equal(host_readlinkf(copy, buf, sizeof(buf), "sys/class/net/eth0/device"), 5);
	assert_string_equal(buf, "../..");
	host_close(copy);
}

/* A listing does not wipe what was read before, and reading fills what a listing left empty. */
static void test_list_and_read(void **state)
{
	struct fixture *f = *state;
	struct host_names names;
	char buf[64];

	assert_int_equal(host_record(f->host, f->to), 0);
	assert_int_equal(host_read(f->host, "sys/class/net/eth0/mtu", buf, sizeof(buf)), 4);
	assert_int_equal(host_listf(f->host, &names, "sys/class/net/eth0"), 0);
	host_names_done(&names);
	assert_int_equal(host_read(f->host, "sys/class/net/eth0/speed", buf, sizeof(buf)), 4);
	assert_true(host_existsf(f->host, "sys/devices/pci0/numa_node"));
	assert_true(host_existsf(f->host, "sys/class/net"));

	struct host *copy = open_copy(f);
	assert_text(copy, "sys/class/net/eth0/mtu", "1500");
	assert_text(copy, "sys/class/net/eth0/speed", "1000");
	assert_text(copy, "sys/devices/pci0/numa_node", ""); /* asked for, not read */
	host_close(copy);
}

static void test_links(void **state)
{
	struct fixture *f = *state;
	char buf[64];

	tree_link(f->tree, "from/sys/a/b/abs", "/proc/stat");
	tree_link(f->tree, "from/top", "/sys/a");
	tree_link(f->tree, "from/loop", "loop");
	tree_link(f->tree, "from/proc/7/exe", "/usr/bin/qemu");
	tree_link(f->tree, "from/up", "../../../../etc");
	assert_int_equal(host_record(f->host, f->to), 0);
	assert_int_equal(host_read(f->host, "top/b/abs", buf, sizeof(buf)), 5);
	assert_int_equal(host_read(f->host, "loop", buf, sizeof(buf)), -ELOOP);
	assert_int_equal(host_readlinkf(f->host, buf, sizeof(buf), "proc/7/exe"), 13);
	assert_int_equal(host_readlinkf(f->host, buf, sizeof(buf), "up"), 15);
	assert_int_equal(host_record_summary(f->host)->error, 0);

	struct host *copy = open_copy(f);
	assert_text(copy, "top/b/abs", "cpu 1");
	assert_int_equal(host_readlinkf(copy, buf, sizeof(buf), "sys/a/b/abs"), 18);
	assert_string_equal(buf, "../../../proc/stat");
	assert_int_equal(host_readlinkf(copy, buf, sizeof(buf), "top"), 5);
	assert_string_equal(buf, "sys/a");
	assert_int_equal(host_readlinkf(copy, buf, sizeof(buf), "proc/7/exe"), 13);
	assert_string_equal(buf, "/usr/bin/qemu"); /* a text that is read, not a way */
	host_close(copy);
}

static void test_directory(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *file = tree_path(f->tree, "from/proc/stat");
	_cleanup_(freep) char *nowhere = tree_path(f->tree, "absent/to");
	struct stat st;

	assert_int_equal(host_record(f->host, f->from), -ENOTEMPTY);
	assert_int_equal(host_record(f->host, file), -EEXIST);
	assert_int_equal(host_record(f->host, nowhere), -ENOENT);
	assert_null(host_record_summary(f->host));
	assert_int_equal(mkdir(f->to, 0755), 0); /* an empty one is fine */
	assert_int_equal(host_record(f->host, f->to), 0);

	struct host *other;
	_cleanup_(freep) char *made = tree_path(f->tree, "made");
	assert_int_equal(host_open_scratch(f->from, &other), 0);
	assert_int_equal(host_record(other, made), 0);
	assert_int_equal(stat(made, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	host_close(other);
}

/* A read succeeds though nothing can be saved; the summary says so. */
static void test_cannot_save(void **state)
{
	struct fixture *f = *state;
	char buf[64];

	assert_int_equal(host_record(f->host, f->to), 0);
	tree_file(f->tree, "from/data/x", "1\n");
	tree_file(f->tree, "to/data", "a file where a directory has to be");
	assert_int_equal(host_read(f->host, "data/x", buf, sizeof(buf)), 1);
	assert_int_equal(host_record_summary(f->host)->error, -ENOTDIR);
	assert_string_equal(host_record_summary(f->host)->error_path, "data/x");
}

/* Nothing is written through a link that somebody put into the recording. */
static void test_no_write_through_links(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *victim = tree_path(f->tree, "victim");
	char buf[64];
	struct stat st;

	assert_int_equal(host_record(f->host, f->to), 0);
	tree_file(f->tree, "victim/keep", "");
	tree_link(f->tree, "to/dir", victim);
	tree_file(f->tree, "from/dir/keep", "overwritten");
	assert_int_equal(host_read(f->host, "dir/keep", buf, sizeof(buf)), 11);
	assert_true(host_record_summary(f->host)->error < 0);

	_cleanup_(freep) char *keep = tree_path(f->tree, "victim/keep");
	assert_int_equal(stat(keep, &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* As a user without rights, whoever runs the tests. The step that failed, or 0. */
static int record_denied(struct fixture *f)
{
	char buf[64];
	struct host_names names;

	if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return 1;
	if (host_record(f->host, f->to) < 0)
		return 2;
	if (host_read(f->host, "denied", buf, sizeof(buf)) != -EACCES ||
	    host_read(f->host, "denied", buf, sizeof(buf)) != -EACCES ||
	    host_listf(f->host, &names, "closed") != -EACCES)
		return 3;

	const struct host_record_summary *summary = host_record_summary(f->host);
	if (summary->error < 0 || summary->n_denied != 2 ||
	    strcmp(summary->denied[0], "denied") != 0 || strcmp(summary->denied[1], "closed") != 0)
		return 4;

	/* In the copy it is denied to this user as well. */
	struct host *copy;
	if (host_open_captured(f->to, &copy) < 0)
		return 5;
	ssize_t n = host_read(copy, "denied", buf, sizeof(buf));
	host_close(copy);
	return n == -EACCES ? 0 : 6;
}

static void test_denied(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *file = tree_path(f->tree, "from/denied");
	_cleanup_(freep) char *dir = tree_path(f->tree, "from/closed");
	int status;

	tree_file(f->tree, "from/denied", "x");
	assert_int_equal(chmod(file, 0), 0);
	assert_int_equal(mkdir(dir, 0), 0);
	assert_int_equal(mkdir(f->to, 0700), 0);
	assert_int_equal(chmod(f->to, 0777), 0);

	pid_t pid = fork();
	if (pid == 0)
		_exit(record_denied(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(chmod(dir, 0700), 0);
}

/* --- this machine --- */

static void compare_counts(hwloc_topology_t live, hwloc_topology_t copy)
{
	static const hwloc_obj_type_t types[] = {
		HWLOC_OBJ_PU,	   HWLOC_OBJ_CORE,    HWLOC_OBJ_PACKAGE, HWLOC_OBJ_NUMANODE,
		HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_DIE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		assert_int_equal(hwloc_get_nbobjs_by_type(live, types[i]),
				 hwloc_get_nbobjs_by_type(copy, types[i]));
	assert_true(hwloc_bitmap_isequal(hwloc_topology_get_topology_cpuset(live),
					 hwloc_topology_get_topology_cpuset(copy)));
}

static void test_live_topology(void **state)
{
	struct fixture *f = *state;
	struct host *live;
	hwloc_topology_t here, there;

	assert_int_equal(host_open_live(&live), 0);
	int r = host_topology(live, &here);
	if (r < 0) {
		host_close(live);
		print_message("skipped: hwloc cannot load this machine: %s\n", strerror(-r));
		skip();
	}
	assert_int_equal(host_record(live, f->to), 0);
	assert_true(host_record_summary(live)->n_files > 5);

	struct host *copy = open_copy(f);
	assert_int_equal(host_topology(copy, &there), 0);
	compare_counts(here, there);
	hwloc_topology_destroy(here);
	hwloc_topology_destroy(there);
	host_close(copy);
	host_close(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cannot_save, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_write_through_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_live_topology, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
