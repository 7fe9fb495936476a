/* Names of control groups as engines make them, mounts of every sort, the tree over hierarchies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/probe.h"
#include "probes/cgroup_tree.h"
#include "tests/captures/unpack.h"

#define ID "f4d3b90bea1585f216da780c97cc4675827296e1c90fdc957fb2ea0c1db85a6a"
#define UID "43e1c477-180a-11e8-8537-d4bed9f4c83b"
#define UID_ "43e1c477_180a_11e8_8537_d4bed9f4c83b"

static void test_names(void **state)
{
	static const struct {
		const char *path, *engine, *role, *id, *name, *pod;
	} cases[] = {
		{"", "cgroup", "group", "", "/", ""},
		{"docker", "cgroup", "group", "", "docker", ""},
		{"docker/" ID, "docker", "container", ID, ID, ""},
		{"docker/" ID "/init.scope", "systemd", "scope", "", "init.scope", ""},
		{"system.slice/docker-" ID ".scope", "docker", "container", ID, ID, ""},
		{"system.slice/docker.service", "systemd", "service", "", "docker.service", ""},
		{"system.slice/docker-" ID ".mount", "systemd", "unit", "", "docker-" ID ".mount",
		 ""},
		{"machine.slice/libpod-" ID ".scope", "podman", "container", ID, ID, ""},
		{"machine.slice/libpod-" ID ".scope/container", "cgroup", "group", "", "container",
		 ""},
		{"machine.slice/libpod-conmon-" ID ".scope", "podman", "helper", ID, ID, ""},
		{"libpod_parent/libpod-" ID, "podman", "container", ID, ID, ""},
		{"machine.slice/machine-libpod_pod_" ID ".slice", "podman", "pod", ID, ID, ""},
		{"system.slice/nerdctl-" ID ".scope", "containerd", "container", ID, ID, ""},
		{"kubepods.slice", "systemd", "slice", "", "kubepods.slice", ""},
		{"kubepods.slice/kubepods-burstable.slice", "systemd", "slice", "",
		 "kubepods-burstable.slice", ""},
		{"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice",
		 "cri", "pod", "", "pod " UID, UID},
		{"kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope",
		 "containerd", "container", ID, ID, UID},
		{"kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_
		 ".slice/crio-" ID ".scope",
		 "crio", "container", ID, ID, UID},
		{"kubepods.slice/kubepods-pod" UID_ ".slice/crio-conmon-" ID ".scope", "crio",
		 "helper", ID, ID, UID},
		{"kubepods.slice/kubepods-pod" UID_ ".slice/docker-" ID ".scope", "docker",
		 "container", ID, ID, UID},
		{"kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_ ".slice", "cri",
		 "pod", "", "pod " UID, UID},
		{"kubepods/burstable", "cgroup", "group", "", "burstable", ""},
		{"kubepods/burstable/pod" UID, "cri", "pod", "", "pod " UID, UID},
		{"kubepods/pod" UID "/" ID, "cri", "container", ID, ID, UID},
		{"kubepods/besteffort/pod0123456789abcdef0123456789abcdef/" ID, "cri", "container",
		 ID, ID, "0123456789abcdef0123456789abcdef"},
		{"kubepods/burstable/pod" UID "/crio-" ID, "crio", "container", ID, ID, UID},
		{"system.slice/containerd.service/kubepods-burstable-pod" UID_
		 ".slice:cri-containerd:" ID,
		 "containerd", "container", ID, ID, UID},
		{"podcast/pod" UID, "cgroup", "group", "", "pod" UID, ""}, /* not Kubernetes' */
		{"lxc.payload.web", "lxc", "container", "", "web", ""},
		{"lxc.monitor.web", "lxc", "helper", "", "web", ""},
		{"lxc/web", "lxc", "container", "", "web", ""},
		{"lxc/101/ns", "cgroup", "group", "", "ns", ""},
		{"lxc.payload/web", "lxc", "container", "", "web", ""},
		{"machine.slice/systemd-nspawn@deb-12.service", "nspawn", "container", "", "deb-12",
		 ""},
		{"machine.slice/systemd-nspawn@a\\x2db.service/payload", "cgroup", "group", "",
		 "payload", ""},
		{"machine.slice/machine-deb\\x2d12.scope", "nspawn", "container", "", "deb-12", ""},
		{"machine.slice/machine-qemu\\x2d7\\x2dweb\\x2d1.scope", "libvirt", "vm", "",
		 "web-1", ""},
		{"machine.slice/machine-qemu\\x2d7\\x2dweb.scope/libvirt/vcpu0", "cgroup", "group",
		 "", "vcpu0", ""},
		{"machine.slice/machine-lxc\\x2d12\\x2dold.scope", "lxc", "container", "", "old",
		 ""},
		{"custom/" ID, "cgroup", "container", ID, ID, ""},
		{"user.slice/user-1000.slice/session-3.scope", "systemd", "scope", "",
		 "session-3.scope", ""},
		{"process_api/9e9a", "cgroup", "group", "", "9e9a", ""},
		/* Nearly, but not. */
		{"docker/" ID "0", "cgroup", "group", "", ID "0", ""},
		{"system.slice/docker-abc.scope", "systemd", "scope", "", "docker-abc.scope", ""},
		{"machine.slice/machine-.scope", "systemd", "scope", "", "machine-.scope", ""},
		{".slice", "cgroup", "group", "", ".slice", ""},
		{"a\\x00b", "cgroup", "group", "", "a\\x00b", ""}, /* no end in the middle */
		{"kubepods/pod../x", "cgroup", "group", "", "x", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cgroup_name name;

		cgroup_classify(cases[i].path, &name);
		if (strcmp(cgroup_engine_word(name.engine), cases[i].engine) != 0 ||
		    strcmp(cgroup_role_word(name.role), cases[i].role) != 0 ||
		    strcmp(name.id, cases[i].id) != 0 || strcmp(name.name, cases[i].name) != 0 ||
		    strcmp(name.pod_uid, cases[i].pod) != 0)
			fail_msg("%s: %s %s id '%s' name '%s' pod '%s'", cases[i].path,
				 cgroup_engine_word(name.engine), cgroup_role_word(name.role),
				 name.id, name.name, name.pod_uid);
	}
}

static void test_users(void **state)
{
	struct cgroup_name name;

	(void)state;
	cgroup_classify("user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
			".scope",
			&name);
	assert_int_equal(name.user_uid, 1000);
	assert_int_equal(name.engine, CGROUP_ENGINE_PODMAN);
	/* The outermost counts: he may call his groups as he likes. */
	cgroup_classify("user.slice/user-1000.slice/user-0.slice/user-7.slice/x", &name);
	assert_int_equal(name.user_uid, 1000);
	cgroup_classify("system.slice/docker-" ID ".scope", &name);
	assert_int_equal(name.user_uid, 0);
	cgroup_classify("user-99999999999999.slice", &name);
	assert_int_equal(name.user_uid, 0);
}

static void test_long_names(void **state)
{
	char path[4096];
	struct cgroup_name name;

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	cgroup_classify(path, &name);
	assert_int_equal(strlen(name.name), sizeof(name.name) - 1);
}

static const char *mount_of(const struct cgroup_mounts *mounts, enum cgroup_controller controller)
{
	int at = mounts->by_controller[controller];

	return at < 0 ? "none" : mounts->at[at].mount;
}

static void test_mounts(void **state)
{
	static const char text[] =
		"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 master:2 - cgroup cgroup "
		"rw,cpu,cpuacct\n"
		"33 31 0:30 / /sys/fs/cgroup/my\\040set rw - cgroup cgroup rw,cpuset\n"
		"34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
		"35 31 0:32 / /sys/fs/cgroup/net_cls rw - cgroup cgroup rw,net_cls\n"
		"36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
		"nonsense\n"
		"37 31 0:34 / /sys/fs/cgroup/memory rw - cgroup\n"; /* cut off */
	struct cgroup_mounts mounts;
	char dir[256];

	(void)state;
	cgroup_mounts_parse(text, &mounts);
	assert_int_equal(mounts.n, 4);
	assert_string_equal(mount_of(&mounts, CGROUP_CPU), "sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(mount_of(&mounts, CGROUP_CPUACCT), "sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(mount_of(&mounts, CGROUP_CPUSET), "sys/fs/cgroup/my set");
	assert_string_equal(mount_of(&mounts, CGROUP_SYSTEMD), "sys/fs/cgroup/systemd");
	assert_string_equal(mount_of(&mounts, CGROUP_UNIFIED), "sys/fs/cgroup/unified");
	assert_string_equal(mount_of(&mounts, CGROUP_MEMORY), "none");
	assert_true(cgroup_directory(&mounts.at[0], "a/b", dir, sizeof(dir)));
	assert_string_equal(dir, "sys/fs/cgroup/cpu,cpuacct/a/b");
	assert_true(cgroup_directory(&mounts.at[0], "", dir, sizeof(dir)));
	assert_string_equal(dir, "sys/fs/cgroup/cpu,cpuacct");
	assert_false(cgroup_directory(&mounts.at[0], "a/b", dir, 20));
	cgroup_mounts_done(&mounts);
}

/* A part of a hierarchy mounted: in a container, or by hand. */
static void test_mounted_parts(void **state)
{
	static const char text[] =
		"1 2 0:1 /docker/x /mnt/part rw - cgroup cgroup rw,memory\n"
		"1 2 0:1 / /mnt/whole rw - cgroup cgroup rw,memory\n"
		"1 2 0:2 /docker/x /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
		"1 2 0:3 /../.. /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
	struct cgroup_mounts mounts;
	char dir[256];

	(void)state;
	cgroup_mounts_parse(text, &mounts);
	assert_string_equal(mount_of(&mounts, CGROUP_MEMORY), "mnt/whole");

	const struct cgroup_hierarchy *part = &mounts.at[mounts.by_controller[CGROUP_CPUSET]];

	assert_string_equal(part->root, "docker/x");
	assert_true(cgroup_directory(part, "docker/x", dir, sizeof(dir)));
	assert_string_equal(dir, "sys/fs/cgroup/cpuset");
	assert_true(cgroup_directory(part, "docker/x/y", dir, sizeof(dir)));
	assert_string_equal(dir, "sys/fs/cgroup/cpuset/y");
	assert_false(cgroup_directory(part, "docker", dir, sizeof(dir)));
	assert_false(cgroup_directory(part, "docker/xy", dir, sizeof(dir)));
	assert_string_equal(mounts.at[mounts.by_controller[CGROUP_PIDS]].root, "");
	cgroup_mounts_done(&mounts);
}

/* Controllers mounted twice, one of them at the other's place (kubevirt). */
static void test_kubevirt(void **state)
{
	char folder[4096];
	struct cgroup_mounts mounts;

	(void)state;
	if (!captures_folder(folder, sizeof(folder)))
		skip();

	_cleanup_(freep) char *text = captures_read("cgroup/libvirt-kubevirt.mounts.txt");

	assert_non_null(text);
	cgroup_mounts_parse(text, &mounts);
	assert_string_equal(mount_of(&mounts, CGROUP_CPU), "sys/fs/cgroup/cpu");
	assert_string_equal(mount_of(&mounts, CGROUP_CPUACCT), "sys/fs/cgroup/cpuacct");
	assert_string_equal(mount_of(&mounts, CGROUP_CPUSET), "sys/fs/cgroup/cpuset");
	assert_string_equal(mount_of(&mounts, CGROUP_FREEZER), "sys/fs/cgroup/freezer");
	assert_string_equal(mount_of(&mounts, CGROUP_MEMORY), "sys/fs/cgroup/memory");
	assert_string_equal(mount_of(&mounts, CGROUP_HUGETLB), "sys/fs/cgroup/hugetlb");
	assert_string_equal(mount_of(&mounts, CGROUP_UNIFIED), "none");
	assert_string_equal(mount_of(&mounts, CGROUP_SYSTEMD), "none");
	cgroup_mounts_done(&mounts);
}

/* --- the tree --- */

static const struct probe no_probe = {.name = "none"};

struct tree_fixture {
	struct host *host;
	struct cgroup_tree tree;
	struct sample *out;
	unsigned n_freed;
};

static unsigned *freed_counter;

static void count_free(void *data)
{
	free(data);
	(*freed_counter)++;
}

static void tree_setup(struct tree_fixture *f)
{
	*f = (struct tree_fixture){0};
	assert_int_equal(host_open_fake(&f->host), 0);
	host_fake_clock(f->host, NSEC_PER_SEC);
	host_fake_file(f->host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
		       "1 2 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	host_fake_file(f->host, "sys/fs/cgroup/cpuacct/tasks", "");
	host_fake_file(f->host, "sys/fs/cgroup/memory/tasks", "");
	f->out = sample_new(&no_probe);
	f->tree.free_data = count_free;
	freed_counter = &f->n_freed;
}

static void tree_teardown(struct tree_fixture *f)
{
	cgroup_tree_done(&f->tree);
	sample_free(f->out);
	host_close(f->host);
}

static void group(struct tree_fixture *f, const char *dir)
{
	_cleanup_(freep) char *path = xasprintf("sys/fs/cgroup/%s/tasks", dir);

	host_fake_file(f->host, path, "");
}

static void drop(struct tree_fixture *f, const char *dir)
{
	_cleanup_(freep) char *path = xasprintf("sys/fs/cgroup/%s", dir);

	host_fake_remove(f->host, path);
}

/* The paths after an update, in order: "/ a a/b c". */
static const char *update(struct tree_fixture *f, char *buf, size_t size)
{
	size_t used = 0;

	sample_reset(f->out);
	f->out->time_ns = host_now_ns(f->host);
	assert_int_equal(cgroup_tree_update(&f->tree, f->host, f->out), 0);
	for (struct cgroup_node *node = f->tree.root; node; node = cgroup_tree_next(node))
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "",
					 *node->path ? node->path : "/");
	return buf;
}

static struct cgroup_node *find(struct tree_fixture *f, const char *path)
{
	for (struct cgroup_node *node = f->tree.root; node; node = cgroup_tree_next(node)) {
		if (!strcmp(node->path, path))
			return node;
	}
	return NULL;
}

static void test_tree(void **state)
{
	struct tree_fixture f;
	char text[512];

	(void)state;
	tree_setup(&f);
	group(&f, "cpuacct/b/c");
	group(&f, "cpuacct/a");
	group(&f, "cpuacct/a-b");
	group(&f, "memory/b/d");
	group(&f, "memory/e");
	assert_string_equal(update(&f, text, sizeof(text)), "/ a a-b b b/c b/d e");
	assert_int_equal(f.tree.n, 7);
	assert_int_not_equal(find(&f, "b")->inodes[0], 0);
	assert_int_not_equal(find(&f, "b")->inodes[1], 0);
	assert_int_equal(find(&f, "b/d")->inodes[0], 0);
	assert_int_equal(cgroup_tree_where(&f.tree, find(&f, "a"), CGROUP_MEMORY), -1);
	assert_int_equal(cgroup_tree_where(&f.tree, find(&f, "e"), CGROUP_MEMORY), 1);
	assert_int_equal(cgroup_tree_anywhere(&f.tree, find(&f, "e")), 1);

	/* What stays keeps what hangs on it; what goes gives it up, in whichever hierarchy. */
	find(&f, "b")->data = xcalloc(1, 1);
	find(&f, "b/c")->data = xcalloc(1, 1);
	find(&f, "e")->data = xcalloc(1, 1);
	drop(&f, "cpuacct/b/c");
	drop(&f, "memory/e");
	assert_string_equal(update(&f, text, sizeof(text)), "/ a a-b b b/d");
	assert_int_equal(f.n_freed, 2);
	assert_non_null(find(&f, "b")->data);
	drop(&f, "cpuacct/b");
	assert_string_equal(update(&f, text, sizeof(text)), "/ a a-b b b/d"); /* memory's */
	drop(&f, "memory/b");
	assert_string_equal(update(&f, text, sizeof(text)), "/ a a-b");
	assert_int_equal(f.n_freed, 3);
	tree_teardown(&f);
}

static void test_replaced(void **state)
{
	struct tree_fixture f;
	char text[512];

	(void)state;
	tree_setup(&f);
	group(&f, "cpuacct/a");
	(void)update(&f, text, sizeof(text));

	uint64_t before = find(&f, "a")->identity;

	find(&f, "a")->data = xcalloc(1, 1);
	(void)update(&f, text, sizeof(text));
	assert_int_equal(find(&f, "a")->identity, before);
	drop(&f, "cpuacct/a");
	group(&f, "cpuacct/a");
	assert_string_equal(update(&f, text, sizeof(text)), "/ a");
	assert_int_not_equal(find(&f, "a")->identity, before);
	assert_null(find(&f, "a")->data);
	assert_int_equal(f.n_freed, 1);
	tree_teardown(&f);
}

/* Many groups: hierarchies take turns, and still nothing outlives its removal. */
static void test_many(void **state)
{
	static char text[64 * 1024];
	struct tree_fixture f;
	char dir[64];

	(void)state;
	tree_setup(&f);
	for (unsigned i = 0; i < 700; i++) {
		(void)snprintf(dir, sizeof(dir), "cpuacct/both%u", i);
		group(&f, dir);
		(void)snprintf(dir, sizeof(dir), "memory/both%u", i);
		group(&f, dir);
	}
	group(&f, "memory/only");
	(void)update(&f, text, sizeof(text));
	assert_int_equal(f.tree.n, 702);
	for (unsigned i = 0; i < 4; i++) { /* whosever turn it is */
		(void)snprintf(dir, sizeof(dir), "memory/both%u", i);
		drop(&f, dir);
		(void)snprintf(dir, sizeof(dir), "cpuacct/both%u", i);
		drop(&f, dir);
		(void)update(&f, text, sizeof(text));
		assert_int_equal(f.tree.n, 701 - i);
	}
	drop(&f, "memory/only");
	(void)update(&f, text, sizeof(text));
	assert_int_equal(f.tree.n, 697);
	tree_teardown(&f);
}

static void test_limits(void **state)
{
	struct tree_fixture f;
	char deep[256] = "cpuacct", text[4096];

	(void)state;
	tree_setup(&f);
	for (unsigned i = 0; i < CGROUP_DEPTH_MAX + 8; i++)
		strcat(deep, "/d");
	group(&f, deep);
	(void)update(&f, text, sizeof(text));
	assert_true(f.tree.is_cut);
	assert_int_equal(f.tree.n, CGROUP_DEPTH_MAX + 2);
	drop(&f, "cpuacct/d");
	(void)update(&f, text, sizeof(text));
	assert_false(f.tree.is_cut);
	assert_int_equal(f.tree.n, 1);
	tree_teardown(&f);
}

static void test_none(void **state)
{
	struct tree_fixture f;

	(void)state;
	tree_setup(&f);
	host_fake_file(f.host, "proc/self/mountinfo", "1 2 0:1 / / rw - ext4 /dev/vda rw\n");
	assert_int_equal(cgroup_tree_update(&f.tree, f.host, f.out), -ENOENT);
	host_fake_remove(f.host, "proc/self/mountinfo");
	assert_int_equal(cgroup_tree_update(&f.tree, f.host, f.out), -ENOENT);
	host_fake_file(f.host, "proc/mounts", "x /cg cgroup2 rw 0 0\n");
	assert_int_equal(cgroup_tree_update(&f.tree, f.host, f.out), 0);
	tree_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_users),
		cmocka_unit_test(test_long_names),    cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_mounted_parts), cmocka_unit_test(test_kubevirt),
		cmocka_unit_test(test_tree),	      cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_many),	      cmocka_unit_test(test_limits),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
