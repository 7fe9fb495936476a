/* The in-memory host of the other tests, and the synthetic one. */
#include <errno.h>
#include <hwloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/host_write.h"

static char buf[256];

static int setup(void **state)
{
	struct host *host;

	if (host_open_fake(&host) < 0)
		return -1;
	host_fake_file(host, "proc/stat", "cpu 1\n");
	host_fake_file(host, "sys/a/b/c", "7\n");
	*state = host;
	return 0;
}

static int teardown(void **state)
{
	host_close(*state);
	return 0;
}

static ssize_t read_path(struct host *host, const char *path)
{
	return host_read(host, path, buf, sizeof(buf));
}

static void test_files(void **state)
{
	struct host *host = *state;
	uint64_t n;

	assert_int_equal(host_kind(host), HOST_FAKE);
	assert_int_equal(read_path(host, "proc/stat"), 5);
	assert_string_equal(buf, "cpu 1");
	assert_int_equal(host_read_u64f(host, &n, "sys/%s/b/c", "a"), 0);
	assert_int_equal(n, 7);
	assert_int_equal(read_path(host, "sys/a/b"), -EISDIR);
	assert_int_equal(read_path(host, "sys/a/x"), -ENOENT);
	assert_int_equal(read_path(host, "proc/stat/x"), -ENOTDIR);
	assert_int_equal(read_path(host, "proc/../proc/stat"), -EINVAL);
	assert_int_equal(host_read(host, "proc/stat", buf, 5), -EFBIG);
	host_fake_file(host, "proc/stat", "cpu 2\n");
	assert_int_equal(read_path(host, "proc/stat"), 5);
	assert_string_equal(buf, "cpu 2");
	host_fake_remove(host, "sys/a");
	assert_int_equal(read_path(host, "sys/a/b/c"), -ENOENT);
	assert_true(host_existsf(host, "sys"));
	assert_false(host_existsf(host, "sys/a"));
}

static void test_list(void **state)
{
	struct host *host = *state;
	struct host_names names;

	host_fake_file(host, "sys/a/cpu10/x", "");
	host_fake_file(host, "sys/a/cpu9/x", "");
	host_fake_file(host, "sys/a-b/no", "");
	host_fake_file(host, "sys/a.b", "");
	assert_int_equal(host_listf(host, &names, "sys/a"), 0);
	assert_int_equal(names.n, 3);
	assert_string_equal(names.names[0], "b");
	assert_string_equal(names.names[1], "cpu9");
	assert_string_equal(names.names[2], "cpu10");
	host_names_done(&names);
	assert_int_equal(host_listf(host, &names, "sys"), 0);
	assert_int_equal(names.n, 3);
	host_names_done(&names);
	assert_int_equal(host_listf(host, &names, "proc/stat"), -ENOTDIR);
	assert_int_equal(host_listf(host, &names, "none"), -ENOENT);
}

static void test_list_dirs(void **state)
{
	struct host *host = *state;
	struct host_dirs dirs;
	char bytes[8];

	host_fake_file(host, "sys/fs/a/x", "");
	host_fake_file(host, "sys/fs/file", "");
	host_fake_link(host, "sys/fs/link", "a");
	assert_int_equal(host_list_dirsf(host, &dirs, "sys/fs"), 0);
	assert_int_equal(dirs.n, 1);
	assert_string_equal(dirs.at[0].name, "a");

	uint64_t before = dirs.at[0].inode;

	host_dirs_done(&dirs);
	host_fake_remove(host, "sys/fs/a");
	host_fake_file(host, "sys/fs/a/x", "");
	assert_int_equal(host_list_dirsf(host, &dirs, "sys/fs"), 0);
	assert_int_not_equal(dirs.at[0].inode, before); /* another one of the same name */
	host_dirs_done(&dirs);
	assert_int_equal(host_list_dirsf(host, &dirs, "proc/stat"), -ENOTDIR);
	host_fake_bytes(host, "proc/1/cmdline", "a\0b", 4);
	assert_int_equal(host_read_bytesf(host, bytes, sizeof(bytes), "proc/1/cmdline"), 4);
	assert_memory_equal(bytes, "a\0b", 5);
}

static void test_links(void **state)
{
	struct host *host = *state;
	struct host_names names;

	host_fake_link(host, "sys/class/net/eth0", "../../devices/pci/net/eth0");
	host_fake_file(host, "sys/devices/pci/net/eth0/mtu", "1500\n");
	host_fake_link(host, "sys/devices/pci/net/eth0/device", "../..");
	host_fake_file(host, "sys/devices/pci/numa_node", "-1\n");
	host_fake_link(host, "abs", "/proc/stat");
	host_fake_link(host, "loop", "loop");
	host_fake_link(host, "top", "../../../proc/./stat");
	assert_int_equal(read_path(host, "sys/class/net/eth0/mtu"), 4);
	assert_int_equal(read_path(host, "sys/class/net/eth0/device/numa_node"), 2);
	assert_int_equal(read_path(host, "abs"), 5);
	assert_int_equal(read_path(host, "top"), 5);
	assert_int_equal(read_path(host, "loop"), -ELOOP);
	assert_int_equal(read_path(host, "loop/x"), -ELOOP);
	assert_int_equal(host_readlinkf(host, buf, sizeof(buf), "sys/class/net/eth0"), 26);
	assert_string_equal(buf, "../../devices/pci/net/eth0");
	assert_int_equal(host_readlinkf(host, buf, 5, "abs"), -EFBIG);
	assert_int_equal(host_readlinkf(host, buf, sizeof(buf), "proc/stat"), -EINVAL);
	assert_int_equal(host_listf(host, &names, "sys/class/net/eth0"), 0);
	assert_int_equal(names.n, 2);
	host_names_done(&names);
}

static void test_errors_by_path(void **state)
{
	struct host *host = *state;
	struct host_names names;
	struct host_file *file = NULL;
	const char *text;

	assert_int_equal(host_file_readf(host, &file, &text, "proc/stat"), 5);
	host_fake_error(host, "proc/stat", EIO);
	assert_int_equal(read_path(host, "proc/stat"), -EIO);
	assert_int_equal(host_file_read(file, &text), -EIO);
	host_fake_error(host, "proc/stat", 0);
	assert_int_equal(host_file_read(file, &text), 5);
	host_file_close(file);
	host_fake_error(host, "sys/a", -EACCES); /* either sign */
	assert_int_equal(read_path(host, "sys/a/b/c"), -EACCES);
	assert_int_equal(host_listf(host, &names, "sys/a"), -EACCES);
	assert_int_equal(host_write(host, "sys/a/b/c", "1"), -EACCES);
	/* A path that carries only an error is in no listing. */
	host_fake_error(host, "denied", EPERM);
	assert_int_equal(read_path(host, "denied"), -EPERM);
	assert_int_equal(host_listf(host, &names, "sys"), 0);
	host_names_done(&names);
	host_fake_error(host, "denied", 0);
	assert_int_equal(read_path(host, "denied"), -ENOENT);
}

static void test_error_at(void **state)
{
	struct host *host = *state;
	struct host_file *file = NULL;
	const char *text;

	host_fake_error_at(host, 3, ENOMEM);
	assert_int_equal(read_path(host, "proc/stat"), 5);
	assert_false(host_existsf(host, "absent")); /* a call like any other */
	assert_int_equal(read_path(host, "proc/stat"), -ENOMEM);
	assert_int_equal(read_path(host, "proc/stat"), 5); /* once only */
	/* The first use of a file is two calls. */
	host_fake_error_at(host, 2, EINTR);
	assert_int_equal(host_file_readf(host, &file, &text, "proc/stat"), -EINTR);
	assert_int_equal(host_file_readf(host, &file, &text, "proc/stat"), 5);
	host_fake_error_at(host, 1, EIO);
	assert_int_equal(host_write(host, "proc/stat", "x"), -EIO);
	host_fake_error_at(host, 1, EIO);
	host_fake_error_at(host, 0, 0);
	assert_int_equal(read_path(host, "proc/stat"), 5);
	host_file_close(file);
}

static void test_writes(void **state)
{
	struct host *host = *state;

	assert_int_equal(host_write(host, "sys/a/b/c", "8\n"), 0);
	assert_int_equal(read_path(host, "sys/a/b/c"), 1);
	assert_string_equal(buf, "8");
	assert_int_equal(host_write(host, "sys/absent", "8"), -ENOENT);
	assert_int_equal(host_write(host, "sys/a", "8"), -EISDIR);
}

static void test_lying_writes(void **state)
{
	struct host *host = *state;

	host_fake_write_becomes(host, 2, "6\n", 0);
	host_fake_write_becomes(host, 3, NULL, EBUSY);
	assert_int_equal(host_write(host, "sys/a/b/c", "1\n"), 0);
	assert_int_equal(read_path(host, "sys/a/b/c"), 1);
	assert_string_equal(buf, "1");
	assert_int_equal(host_write(host, "sys/a/b/c", "2\n"), 0); /* it says yes and does 6 */
	assert_int_equal(read_path(host, "sys/a/b/c"), 1);
	assert_string_equal(buf, "6");
	assert_int_equal(host_write(host, "sys/a/b/c", "3\n"), -EBUSY);
	assert_int_equal(read_path(host, "sys/a/b/c"), 1);
	assert_string_equal(buf, "6");
	assert_int_equal(host_write(host, "sys/a/b/c", "4\n"), 0);
	assert_int_equal(read_path(host, "sys/a/b/c"), 1);
	assert_string_equal(buf, "4");
	host_fake_write_becomes(host, 1, "never", 0); /* left over: freed with the host */
}

static void test_clock(void **state)
{
	struct host *host = *state;

	assert_int_equal(host_now_ns(host), 0);
	host_fake_clock(host, 5 * NSEC_PER_SEC);
	assert_int_equal(host_now_ns(host), 5 * NSEC_PER_SEC);
	assert_int_equal(host_boottime_ns(host), 5 * NSEC_PER_SEC);
	assert_int_equal(host_wall_ns(host), 5 * NSEC_PER_SEC);
}

static void test_rest(void **state)
{
	struct host *host = *state;
	struct hwloc_topology *topology;
	struct cpuset set;

	assert_int_equal(host_topology(host, &topology), -ENODATA);
	/* Threads are what the test put there: fake/thread/TID. */
	assert_int_equal(host_get_affinity(host, 0, &set), -ESRCH);
	assert_null(host_measure(host));
	assert_int_equal(host_record(host, "/tmp/jt-test-never"), -EOPNOTSUPP);
	assert_null(host_record_summary(host));
}

static void test_distance(void **state)
{
	struct host *host = *state;
	unsigned distance = 0;

	/* Nodes 1, 3 and 4 do not exist: the columns are those of 0, 2 and 5. */
	host_fake_file(host, "sys/devices/system/node/online", "0,2,5\n");
	host_fake_file(host, "sys/devices/system/node/node0/distance", "10 21 32\n");
	host_fake_file(host, "sys/devices/system/node/node2/distance", "21 10 43\n");
	host_fake_file(host, "sys/devices/system/node/node5/distance", "32\n");
	assert_int_equal(host_node_distance(host, 0, 5, &distance), 0);
	assert_int_equal(distance, 32);
	assert_int_equal(host_node_distance(host, 2, 2, &distance), 0);
	assert_int_equal(distance, 10);
	distance = 4711;
	assert_int_equal(host_node_distance(host, 0, 1, &distance), -ENOENT);
	assert_int_equal(host_node_distance(host, 1, 0, &distance), -ENOENT);
	assert_int_equal(host_node_distance(host, 5, 5, &distance), -ENOENT); /* too short */
	assert_int_equal(host_node_distance(host, 0, UINT32_MAX, &distance), -ENOENT);
	/* Without the list, the directories say which nodes there are. */
	host_fake_remove(host, "sys/devices/system/node/online");
	host_fake_file(host, "sys/devices/system/node/node_of_no_number", "");
	assert_int_equal(distance, 4711);
	assert_int_equal(host_node_distance(host, 2, 5, &distance), 0);
	assert_int_equal(distance, 43);
	host_fake_file(host, "sys/devices/system/node/node2/distance", "21 garbage\n");
	assert_int_equal(host_node_distance(host, 2, 5, &distance), -EINVAL);
}

static void test_synthetic(void **state)
{
	struct host *host = NULL;
	hwloc_topology_t topology;

	(void)state;
	assert_int_equal(host_open_synthetic("pack:2 banana", &host), -EINVAL);
	assert_int_equal(host_open_synthetic("", &host), -EINVAL);
	assert_null(host);
	assert_int_equal(host_open_synthetic("pack:8 numa:2 l3:4 core:8 pu:2", &host), 0);
	assert_int_equal(host_kind(host), HOST_SYNTHETIC);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(host_topology(host, &topology), 0);
		assert_int_equal(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU), 1024);
		assert_int_equal(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE), 16);
		assert_int_equal(hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_L3CACHE), 64);
		assert_int_equal(hwloc_topology_is_thissystem(topology), 0);
		hwloc_topology_destroy(topology);
	}
	assert_int_equal(read_path(host, "proc/stat"), -ENOENT);
	assert_int_equal(host_write(host, "proc/stat", "x"), -EROFS);
	host_close(host);
}

/* Refused before hwloc builds millions of objects. */
static void test_synthetic_size(void **state)
{
	static const char *const large[] = {
		"pack:99999 core:9999 pu:2",
		"pack:64 core:64 pu:3",
		"pu:8193",
		"8193",
		"64 64 3",
		"pack:99999999999999999999999999 pu:2",
		"pack:4294967297 core:4294967297 pu:4294967297",
		"pack:0x2001",
		"pack:1(size=((1)) pu:99999",
		"pack:1(memory=1GB)pu:99999",
		"[numa(memory=1GB)] pack:1 pu:99999",
	};
	static const char *const fitting[] = {
		"pack:8 pu:1024",
		"pack:2(memory=99999999) l3:2(size=33554432) core:4 pu:2(indexes=core:pu)",
		"pack:2 [numa(memory=99999)] [numa(memory=99999)] core:4 pu:2",
		"2 4 2",
	};
	struct host *host = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		assert_int_equal(host_open_synthetic(large[i], &host), -E2BIG);
	assert_int_equal(host_open_synthetic(
				 "pack:8192 l3:1 l2:1 l1:1 core:1 l1i:1 die:1 group:1 pu:1", &host),
			 -ERANGE);
	assert_int_equal(host_open_synthetic("pack:0 pu:2", &host), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(fitting); i++) {
		if (host_open_synthetic(fitting[i], &host) < 0)
			fail_msg("%s", fitting[i]);
		host_close(host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_dirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors_by_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_error_at, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lying_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_distance, setup, teardown),
		cmocka_unit_test(test_synthetic),
		cmocka_unit_test(test_synthetic_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
