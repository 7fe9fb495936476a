/* Reading through the host handle: live, captured, scratch; what an evil capture tries. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/host_write.h"
#include "tests/unit/tree.h"

#define NOBODY 65534

/* tree/root is the captured root, tree/outside must never be seen. */
struct fixture {
	struct tree *tree;
	char *root;
	struct host *host;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->tree = tree_new();
	f->root = tree_path(f->tree, "root");
	tree_file(f->tree, "outside/secret", "outside\n");
	tree_file(f->tree, "root/proc/stat", "cpu 1 2 3\nintr 5\n");
	tree_file(f->tree, "root/secret", "inside\n");
	tree_check(host_open_captured(f->root, &f->host) == 0, "host_open_captured");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	host_close(f->host);
	free(f->root);
	tree_free(f->tree);
	free(f);
	return 0;
}

/* Runs work in a child; its status, or -1 when it was killed. Hanging counts as killed. */
static int in_child(int (*work)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(20);
		_exit(work(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void test_text(void **state)
{
	struct fixture *f = *state;
	char buf[64];

	assert_int_equal(host_kind(f->host), HOST_CAPTURED);
	assert_false(host_is_this_machine(f->host));
	assert_int_equal(host_read(f->host, "proc/stat", buf, sizeof(buf)), 16);
	assert_string_equal(buf, "cpu 1 2 3\nintr 5");
	tree_file(f->tree, "root/empty", "");
	assert_int_equal(host_read(f->host, "empty", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	tree_file(f->tree, "root/newlines", "a\n\n");
	assert_int_equal(host_read(f->host, "newlines", buf, sizeof(buf)), 2);
	assert_string_equal(buf, "a\n");
	assert_int_equal(host_read(f->host, "absent", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(host_read(f->host, "proc/stat/x", buf, sizeof(buf)), -ENOTDIR);
	assert_int_equal(host_read(f->host, "proc", buf, sizeof(buf)), -EISDIR);
	tree_bytes(f->tree, "root/binary", "a\0b", 3);
	assert_int_equal(host_read(f->host, "binary", buf, sizeof(buf)), -EILSEQ);
}

/* A file fits when its text and the NUL do; the newline that goes needs no room. */
static void test_room(void **state)
{
	struct fixture *f = *state;
	char buf[8];

	tree_file(f->tree, "root/a", "1234567");
	assert_int_equal(host_read(f->host, "a", buf, sizeof(buf)), 7);
	assert_string_equal(buf, "1234567");
	tree_file(f->tree, "root/a", "1234567\n");
	assert_int_equal(host_read(f->host, "a", buf, sizeof(buf)), 7);
	assert_string_equal(buf, "1234567");
	tree_file(f->tree, "root/a", "12345678");
	assert_int_equal(host_read(f->host, "a", buf, sizeof(buf)), -EFBIG);
	tree_file(f->tree, "root/a", "1234567\n\n");
	assert_int_equal(host_read(f->host, "a", buf, sizeof(buf)), -EFBIG);
	tree_file(f->tree, "root/a", "1234567\n9");
	assert_int_equal(host_read(f->host, "a", buf, sizeof(buf)), -EFBIG);
	assert_int_equal(host_read(f->host, "a", buf, 1), -EFBIG);
	assert_int_equal(host_read(f->host, "a", buf, 0), -EINVAL);
}

static void test_paths(void **state)
{
	static const char *const refused[] = {
		"", "/", "/secret", "..", "../secret", "proc/..", "proc/../secret", "proc/../../x",
	};
	struct fixture *f = *state;
	char buf[64], longer[5000];

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (host_read(f->host, refused[i], buf, sizeof(buf)) != -EINVAL)
			fail_msg("'%s' is not refused", refused[i]);
		assert_false(host_existsf(f->host, "%s", refused[i]));
	}
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(host_read(f->host, longer, buf, sizeof(buf)), -ENAMETOOLONG);
	/* Dots in names are fine. */
	tree_file(f->tree, "root/..a/b..", "x");
	assert_int_equal(host_read(f->host, "..a/b..", buf, sizeof(buf)), 1);
	assert_int_equal(host_read(f->host, "./proc//stat", buf, sizeof(buf)), 16);
}

/* However a link tries, it ends inside the root. */
static void test_links_stay_inside(void **state)
{
	static const char *const links[] = {"abs", "dots", "deep/dots", "dir/secret", "chain"};
	struct fixture *f = *state;
	_cleanup_(freep) char *outside = tree_path(f->tree, "outside/secret");
	char buf[128];

	tree_link(f->tree, "root/abs", "/secret");
	tree_link(f->tree, "root/dots", "../../../../../../secret");
	tree_link(f->tree, "root/deep/dots", "../../../secret");
	tree_link(f->tree, "root/dir", "/");
	tree_link(f->tree, "root/chain", "dir/dir/abs");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		assert_int_equal(host_read(f->host, links[i], buf, sizeof(buf)), 6);
		assert_string_equal(buf, "inside");
	}

	tree_link(f->tree, "root/out1", outside);
	tree_link(f->tree, "root/out2", "../outside/secret");
	tree_link(f->tree, "root/out3", "/proc/self/root/etc/passwd");
	assert_int_equal(host_read(f->host, "out1", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(host_read(f->host, "out2", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(host_read(f->host, "out3", buf, sizeof(buf)), -ENOENT);
	assert_false(host_existsf(f->host, "out1"));
	assert_true(host_existsf(f->host, "abs"));

	/* The text of a link is not changed, and need not lead anywhere. */
	assert_int_equal(host_readlinkf(f->host, buf, sizeof(buf), "out1"), strlen(outside));
	assert_string_equal(buf, outside);
	assert_int_equal(host_readlinkf(f->host, buf, 8, "abs"), 7);
	assert_int_equal(host_readlinkf(f->host, buf, 7, "abs"), -EFBIG);
	assert_int_equal(host_readlinkf(f->host, buf, sizeof(buf), "secret"), -EINVAL);
	assert_int_equal(host_readlinkf(f->host, buf, sizeof(buf), "absent"), -ENOENT);
}

static void test_link_loop(void **state)
{
	struct fixture *f = *state;
	struct host_names names;
	char buf[8];

	tree_link(f->tree, "root/a", "b");
	tree_link(f->tree, "root/b", "a");
	assert_int_equal(host_read(f->host, "a", buf, sizeof(buf)), -ELOOP);
	assert_int_equal(host_listf(f->host, &names, "a"), -ELOOP);
}

static int read_fifo(void *arg)
{
	struct fixture *f = arg;
	struct host_file *file = NULL;
	const char *text;
	char buf[8];

	if (host_read(f->host, "fifo", buf, sizeof(buf)) != -EINVAL)
		return 1;
	if (host_file_readf(f->host, &file, &text, "fifo") != -EINVAL)
		return 2;
	return 0;
}

static void test_fifo(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *fifo = tree_path(f->tree, "root/fifo");

	assert_int_equal(mkfifo(fifo, 0644), 0);
	assert_int_equal(in_child(read_fifo, f), 0);
}

static void test_device(void **state)
{
	struct fixture *f = *state;
	char device[256], buf[8];

	(void)snprintf(device, sizeof(device), "%s/device", f->root);
	if (mknod(device, S_IFCHR | 0644, makedev(1, 5)) < 0) { /* zero */
		print_message("skipped: making a device node needs CAP_MKNOD\n");
		skip();
	}
	assert_int_equal(host_read(f->host, "device", buf, sizeof(buf)), -EINVAL);
}

static void test_list(void **state)
{
	struct fixture *f = *state;
	struct host_names names;

	tree_file(f->tree, "root/list/irq10", "");
	tree_file(f->tree, "root/list/irq9", "");
	tree_file(f->tree, "root/list/sub/x", "");
	tree_link(f->tree, "root/list/.hidden", "nowhere");
	assert_int_equal(host_listf(f->host, &names, "list"), 0);
	assert_int_equal(names.n, 4);
	assert_string_equal(names.names[0], ".hidden");
	assert_string_equal(names.names[1], "irq9");
	assert_string_equal(names.names[2], "irq10");
	assert_string_equal(names.names[3], "sub");
	host_names_done(&names);
	assert_int_equal(names.n, 0);
	host_names_done(&names);
	assert_int_equal(host_listf(f->host, &names, "absent"), -ENOENT);
	assert_int_equal(host_listf(f->host, &names, "secret"), -ENOTDIR);
}

static void test_list_dirs(void **state)
{
	struct fixture *f = *state;
	struct host_dirs dirs;

	tree_file(f->tree, "root/groups/b10/x", "");
	tree_file(f->tree, "root/groups/b9/x", "");
	tree_file(f->tree, "root/groups/tasks", "");
	tree_link(f->tree, "root/groups/link", "b9");
	assert_int_equal(host_list_dirsf(f->host, &dirs, "groups"), 0);
	assert_int_equal(dirs.n, 2);
	assert_string_equal(dirs.at[0].name, "b10");
	assert_string_equal(dirs.at[1].name, "b9");
	assert_int_not_equal(dirs.at[0].inode, dirs.at[1].inode);
	host_dirs_done(&dirs);
	assert_int_equal(dirs.n, 0);
	assert_int_equal(host_list_dirsf(f->host, &dirs, "absent"), -ENOENT);
	assert_int_equal(host_list_dirsf(f->host, &dirs, "groups/tasks"), -ENOTDIR);
	assert_int_equal(host_list_dirsf(f->host, &dirs, "groups/../.."), -EINVAL);
}

static void test_bytes(void **state)
{
	struct fixture *f = *state;
	char buf[8];

	tree_bytes(f->tree, "root/cmdline", "a\0bc\0", 5);
	assert_int_equal(host_read_bytesf(f->host, buf, sizeof(buf), "cmdline"), 5);
	assert_memory_equal(buf, "a\0bc\0", 6);
	assert_int_equal(host_read_bytesf(f->host, buf, 6, "cmdline"), 5);
	assert_int_equal(host_read_bytesf(f->host, buf, 5, "cmdline"), -EFBIG);
	assert_int_equal(host_read_bytesf(f->host, buf, 4, "cmdline"), -EFBIG);
	assert_int_equal(host_read(f->host, "cmdline", buf, sizeof(buf)), -EILSEQ);
}

static void test_numbers(void **state)
{
	struct fixture *f = *state;
	struct cpuset set;
	uint64_t u = 4711;
	int64_t i = 4711;

	tree_file(f->tree, "root/n7", "18446744073709551615\n");
	tree_file(f->tree, "root/minus", "-1\n");
	tree_file(f->tree, "root/blank", "5 \n");
	tree_file(f->tree, "root/list", "0-3,8\n");
	assert_int_equal(host_read_u64f(f->host, &u, "n%d", 7), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(host_read_i64f(f->host, &i, "minus"), 0);
	assert_int_equal(i, -1);
	u = 4711;
	assert_int_equal(host_read_u64f(f->host, &u, "minus"), -EINVAL);
	assert_int_equal(host_read_u64f(f->host, &u, "blank"), -EINVAL);
	assert_int_equal(host_read_u64f(f->host, &u, "absent"), -ENOENT);
	assert_int_equal(u, 4711);
	assert_int_equal(host_read_cpulistf(f->host, &set, "list"), 0);
	assert_int_equal(cpuset_count(&set), 5);
	assert_int_equal(host_read_cpulistf(f->host, &set, "minus"), -EINVAL);
}

/* A list that does not fit the small buffer of host_read_cpulistf(). */
static void test_long_list(void **state)
{
	struct fixture *f = *state;
	static char text[CPUSET_TEXT_MAX];
	struct cpuset set, back;

	cpuset_zero(&set);
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu += 2)
		cpuset_add(&set, cpu);
	assert_true(cpuset_format_list(&set, text, sizeof(text)) > 0);
	tree_file(f->tree, "root/list", text);
	assert_int_equal(host_read_cpulistf(f->host, &back, "list"), 0);
	assert_true(cpuset_equal(&set, &back));
}

static void test_file(void **state)
{
	struct fixture *f = *state;
	const size_t large = 300000;
	_cleanup_(freep) char *bytes = xcalloc(1, large + 1);
	struct host_file *file = NULL;
	const char *text;

	for (size_t i = 0; i < large; i++)
		bytes[i] = (char)('a' + i % 23);
	assert_int_equal(host_file_readf(f->host, &file, &text, "grows"), -ENOENT);
	assert_null(file);
	tree_file(f->tree, "root/grows", "small\n");
	assert_int_equal(host_file_readf(f->host, &file, &text, "grows"), 5);
	assert_string_equal(text, "small");
	tree_file(f->tree, "root/grows", bytes);
	assert_int_equal(host_file_readf(f->host, &file, &text, "grows"), large);
	assert_memory_equal(text, bytes, large + 1);
	/* At the edges of the buffer. */
	for (size_t len = 4093; len < 4100; len++) {
		struct host_file *fresh = NULL;

		tree_bytes(f->tree, "root/edge", bytes, len);
		assert_int_equal(host_file_readf(f->host, &fresh, &text, "edge"), len);
		assert_memory_equal(text, bytes, len);
		assert_int_equal(text[len], '\0');
		host_file_close(fresh);
	}
	tree_file(f->tree, "root/grows", "x");
	assert_int_equal(host_file_read(file, &text), 1);
	assert_string_equal(text, "x");
	tree_bytes(f->tree, "root/grows", "a\0b", 3);
	assert_int_equal(host_file_read(file, &text), -EILSEQ);
	host_file_close(file);
	host_file_close(NULL);
}

/* A sparse terabyte is refused at its first zero, not read into memory. */
static void test_file_endless(void **state)
{
	struct fixture *f = *state;
	struct host_file *file = NULL;
	const char *text;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/sparse", f->root);
	tree_file(f->tree, "root/sparse", "");
	if (truncate(path, (off_t)1 << 40) < 0) {
		print_message("skipped: the file system of /tmp has no files of this size\n");
		skip();
	}
	assert_int_equal(host_file_readf(f->host, &file, &text, "sparse"), -EILSEQ);
	host_file_close(file);
}

/* As a user without rights, whoever runs the tests. */
static int read_denied(void *arg)
{
	struct fixture *f = arg;
	struct host_names names;
	struct host_file *file = NULL;
	const char *text;
	char buf[16];

	if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return 1;
	if (host_read(f->host, "denied", buf, sizeof(buf)) != -EACCES)
		return 2;
	if (host_file_readf(f->host, &file, &text, "denied") != -EACCES || file)
		return 3;
	if (host_listf(f->host, &names, "closed") != -EACCES)
		return 4;
	if (host_read(f->host, "closed/x", buf, sizeof(buf)) != -EACCES)
		return 5;
	return host_read(f->host, "secret", buf, sizeof(buf)) == 6 ? 0 : 6;
}

static void test_denied(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *file = tree_path(f->tree, "root/denied");
	_cleanup_(freep) char *dir = tree_path(f->tree, "root/closed");

	tree_file(f->tree, "root/denied", "x");
	tree_file(f->tree, "root/closed/x", "x");
	assert_int_equal(chmod(file, 0), 0);
	assert_int_equal(chmod(dir, 0), 0);
	assert_int_equal(in_child(read_denied, f), 0);
	assert_int_equal(chmod(dir, 0755), 0);
}

static void test_captured_is_not_written(void **state)
{
	struct fixture *f = *state;
	struct cpuset set;
	char buf[16];

	assert_int_equal(host_write(f->host, "secret", "x"), -EROFS);
	assert_int_equal(host_write(f->host, "../x", "x"), -EINVAL);
	assert_int_equal(host_read(f->host, "secret", buf, sizeof(buf)), 6);
	cpuset_zero(&set);
	assert_int_equal(host_set_affinity(f->host, 0, &set), -EROFS);
	assert_int_equal(host_get_affinity(f->host, 0, &set), -EROFS);
}

static void test_scratch(void **state)
{
	struct fixture *f = *state;
	struct host_file *file = NULL;
	struct host_names names;
	struct host *host;
	const char *text;
	struct stat st;
	char buf[16];

	_cleanup_(freep) char *knob = tree_path(f->tree, "root/sys/knob");
	tree_file(f->tree, "root/sys/knob", "1024\n");
	tree_link(f->tree, "root/sys/link", "knob");
	assert_int_equal(chmod(knob, 0600), 0);
	assert_int_equal(host_open_scratch(f->root, &host), 0);
	assert_int_equal(host_kind(host), HOST_SCRATCH);
	assert_int_equal(host_file_readf(host, &file, &text, "sys/knob"), 4);
	/* Shorter than before, and a file that was open sees it. */
	assert_int_equal(host_write(host, "sys/knob", "64\n"), 0);
	assert_int_equal(host_file_readf(host, &file, &text, "sys/knob"), 2);
	assert_string_equal(text, "64");
	assert_int_equal(host_read(host, "sys/knob", buf, sizeof(buf)), 2);
	assert_int_equal(stat(knob, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(host_write(host, "sys/absent", "1"), -ENOENT);
	assert_int_equal(host_write(host, "sys", "1"), -EISDIR);
	assert_int_equal(host_write(host, "sys/link", "1"), -ELOOP);
	assert_int_equal(host_listf(host, &names, "."), 0);
	assert_int_equal(names.n, 3); /* proc, secret, sys: nothing is left behind */
	host_names_done(&names);
	host_file_close(file);
	host_close(host);
}

static void test_open_fails(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *file = tree_path(f->tree, "root/secret");
	struct host *host = NULL;

	assert_int_equal(host_open_captured("/tmp/jt-test-absent", &host), -ENOENT);
	assert_int_equal(host_open_captured(file, &host), -ENOTDIR);
	assert_int_equal(host_open_scratch("", &host), -ENOENT);
	assert_null(host);
	host_close(NULL);
}

/* Without openat2 a captured root cannot be kept closed: it is refused. The live host goes on. */
static int open_without_openat2(void *arg)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};
	struct fixture *f = arg;
	struct host *host;
	char buf[4096];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return 77;
	if (host_open_captured(f->root, &host) != -ENOSYS)
		return 1;
	if (host_open_live(&host) < 0)
		return 2;
	ssize_t n = host_read(host, "proc/self/stat", buf, sizeof(buf));
	host_close(host);
	return n > 0 ? 0 : 3;
}

static void test_without_openat2(void **state)
{
	int status = in_child(open_without_openat2, *state);

	if (status == 77) {
		print_message("skipped: this kernel has no seccomp filters\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* --- the live machine --- */

static void test_live(void **state)
{
	struct host *host;
	struct host_file *file = NULL;
	struct host_names names;
	const char *text;
	char buf[4096];

	(void)state;
	assert_int_equal(host_open_live(&host), 0);
	assert_true(host_is_this_machine(host));
	assert_true(host_read(host, "proc/version", buf, sizeof(buf)) > 0);
	assert_memory_equal(buf, "Linux version", 13);
	assert_true(host_read(host, "proc/self/stat", buf, sizeof(buf)) > 0);
	assert_int_equal(strtol(buf, NULL, 10), getpid());
	assert_int_equal(host_read(host, "proc/cpuinfo", buf, 16), -EFBIG);
	for (int i = 0; i < 3; i++) {
		ssize_t n = host_file_readf(host, &file, &text, "proc/cpuinfo");

		assert_true(n > 100);
		assert_int_equal(strlen(text), n);
	}
	host_file_close(file);
	assert_int_equal(host_listf(host, &names, "proc/self"), 0);
	assert_true(names.n > 10);
	host_names_done(&names);

	uint64_t before = host_now_ns(host);
	assert_true(before > 0 && host_now_ns(host) >= before);
	assert_true(host_boottime_ns(host) >= before);
	assert_true(host_wall_ns(host) > UINT64_C(1600000000) * NSEC_PER_SEC);
	host_close(host);
}

/* A seq file of many pages comes in pieces: read whole, it equals what stdio reads. */
static void test_live_pieces(void **state)
{
	struct host *host;
	struct host_file *file = NULL;
	const char *text;
	FILE *smaps = fopen("/proc/self/smaps", "re");
	size_t lines = 0, lines_again = 0;

	(void)state;
	assert_non_null(smaps);
	assert_int_equal(host_open_live(&host), 0);
	ssize_t n = host_file_readf(host, &file, &text, "proc/self/smaps");
	assert_true(n > 4096);
	for (const char *at = text; (at = strstr(at, "\nVmFlags:")); at++)
		lines++;
	for (char line[4096]; fgets(line, sizeof(line), smaps);)
		lines_again += !strncmp(line, "VmFlags:", 8);
	/* Reading may itself map a little more. */
	assert_true(lines > 10 && lines <= lines_again + 4 && lines_again <= lines + 4);
	(void)fclose(smaps);
	host_file_close(file);
	host_close(host);
}

static void test_live_vanishing(void **state)
{
	struct host *host;
	struct host_file *file = NULL;
	const char *text;

	(void)state;
	assert_int_equal(host_open_live(&host), 0);
	pid_t pid = fork();
	while (pid == 0)
		(void)pause();
	assert_true(pid > 0);
	assert_true(host_file_readf(host, &file, &text, "proc/%d/stat", (int)pid) > 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	ssize_t n = host_file_readf(host, &file, &text, "proc/%d/stat", (int)pid);
	assert_true(n == -ENOENT || n == -ESRCH);
	n = host_file_read(file, &text); /* and again: it stays an error, it does not crash */
	assert_true(n == -ENOENT || n == -ESRCH);
	host_file_close(file);
	host_close(host);
}

static void test_live_affinity(void **state)
{
	struct host *host;
	struct cpuset set, again;
	cpu_set_t mask;

	(void)state;
	assert_int_equal(host_open_live(&host), 0);
	assert_int_equal(host_get_affinity(host, 0, &set), 0);
	if (sched_getaffinity(0, sizeof(mask), &mask) == 0)
		assert_int_equal(cpuset_count(&set), CPU_COUNT(&mask));
	assert_int_equal(host_set_affinity(host, 0, &set), 0);
	assert_int_equal(host_get_affinity(host, 0, &again), 0);
	assert_true(cpuset_equal(&set, &again));
	cpuset_zero(&set);
	assert_int_equal(host_set_affinity(host, 0, &set), -EINVAL);
	host_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_stay_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_dirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_endless, setup, teardown),
		cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_captured_is_not_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scratch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_openat2, setup, teardown),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_live_pieces),
		cmocka_unit_test(test_live_vanishing),
		cmocka_unit_test(test_live_affinity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
