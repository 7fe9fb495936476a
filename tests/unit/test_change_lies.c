/*
 * Every way a value is compared and every door it is written through, as a plain step and as a
 * later one: the kernel writes it in another form, takes it and shows another, and somebody else
 * writes in the window before and after (safety.md section 6). Always with a step before it, which
 * must be restored whatever happens to this one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_netlink.h"
#include "core/host_write.h"

static int x_path(const char *object, char *buf, size_t size)
{
	return snprintf(buf, size, "x/%s", object) < 0 ? -EINVAL : 0;
}

static int x_identity(struct host *host, const char *object, char *buf, size_t size)
{
	ssize_t len = host_readf(host, buf, size, "x/%s", object);

	(void)snprintf(buf, size, "me");
	return len < 0 ? (int)len : 0;
}

static ssize_t x_read(struct host *host, const char *object, char *buf, size_t size)
{
	return host_readf(host, buf, size, "x/%s", object);
}

#define CLASS(symbol, how)                                                                         \
	static const struct step_class symbol = {                                                  \
		.name = #symbol, .compare = how, .path = x_path, .identity = x_identity}

CLASS(number, STEP_U64);
CLASS(sign, STEP_I64);
CLASS(word, STEP_WORD);
CLASS(list, STEP_CPULIST);
CLASS(mask, STEP_CPUMASK);
CLASS(line, STEP_TEXT);

/* --- a thread: the fake host keeps its affinity in a file --- */

static int thread_path(const char *object, char *buf, size_t size)
{
	(void)object;
	return snprintf(buf, size, "thread 7: CPU affinity") < 0 ? -EINVAL : 0;
}

static ssize_t thread_read(struct host *host, const char *object, char *buf, size_t size)
{
	struct cpuset set;
	int err = host_get_affinity(host, 7, &set);

	(void)object;
	return err ? err : cpuset_format_list(&set, buf, size);
}

static int thread_write(struct host *host, const char *object, const char *value)
{
	struct cpuset set;
	int err = cpuset_parse_list(value, &set);

	(void)object;
	return err ? err : host_write_affinity(host, 7, &set);
}

static int thread_identity(struct host *host, const char *object, char *buf, size_t size)
{
	(void)host;
	(void)object;
	return snprintf(buf, size, "started-1000") < 0 ? -EINVAL : 0;
}

static const struct step_class thread = {.name = "thread",
					 .compare = STEP_CPULIST,
					 .flags = STEP_NOT_A_FILE | STEP_MAY_END,
					 .path = thread_path,
					 .identity = thread_identity,
					 .read = thread_read,
					 .write = thread_write};

/* --- a netlink request: the value goes by its name, what the driver makes of it is the host's ---
 */

static int netlink_write(struct host *host, const char *object, const char *value)
{
	const struct host_netlink_request request = {
		.family = "ethtool", .name = "rings-set", .device = value};

	(void)object;
	return host_write_netlink(host, &request);
}

static const struct step_class netlink = {.name = "netlink",
					  .compare = STEP_TEXT,
					  .flags = STEP_NOT_A_FILE,
					  .path = x_path,
					  .identity = x_identity,
					  .read = x_read,
					  .write = netlink_write};

/* --- the table --- */

static const struct kind {
	const struct step_class *class;
	const char *path;
	const char *before, *old, *wish; /* as the host shows it, as the class has it */
	const char *shown;		 /* the wish as the host shows it */
	const char *lie, *foreign;
} kinds[] = {
	{&number, "x/o", "10", "10", "20", "20 ", "19", "7"},
	{&sign, "x/o", "-1", "-1", "950000", "950000", "-2", "-7"},
	{&word, "x/o", "[a] b c", "a", "b", "a [b] c", "a b [c]", "a b [c]"},
	{&list, "x/o", "0-3", "0-3", "0,1", "0-1", "0-2", "2"},
	{&mask, "x/o", "00000000,0000000f", "f", "3", "00000000,00000003", "7",
	 "00000000,00000008"},
	{&line, "x/o", "a  b", "a b", "c d", " c   d ", "c", "e"},
	{&thread, "fake/thread/7/affinity", "0-3", "0-3", "0-1", "0,1", "0-2", "2"},
	{&netlink, "x/o", "rx 64 tx 64", "rx 64 tx 64", "rx 32 tx 64", "rx  32 tx 64",
	 "rx 48 tx 64", "rx 16 tx 16"},
};

struct fixture {
	struct host *host;
	const struct kind *kind;
	struct plan plan;
	struct change_report report;
	const char *shows; /* what the next write makes the host show; NULL: what is written */
};

static void put(struct fixture *f, const char *path, const char *value)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "%s\n", value);
	host_fake_file(f->host, path, text);
}

static int on_write(void *arg, struct host *host, const char *path, const char *text)
{
	struct fixture *f = arg;

	(void)host;
	(void)text;
	if (!f->shows || strcmp(path, f->kind->path) != 0)
		return 0;
	put(f, path, f->shows);
	f->shows = NULL;
	return 1;
}

static int on_request(void *arg, struct host *host, const char *kind, const char *name,
		      const void *bytes, size_t len)
{
	struct fixture *f = arg;

	(void)host;
	(void)bytes;
	(void)len;
	assert_string_equal(kind, "netlink");
	assert_non_null(strchr(name, '@'));
	put(f, f->kind->path, f->shows ? f->shows : strchr(name, '@') + 1);
	f->shows = NULL;
	return 0;
}

static void is_now(struct fixture *f, const char *path, const struct step_class *class,
		   const char *value)
{
	char text[128];

	assert_true(host_read(f->host, path, text, sizeof(text)) >= 0);
	if (step_values_equal(class, text, value) != 1)
		fail_msg("%s: %s shows \"%s\", not \"%s\"", f->kind->class->name, path, text,
			 value);
}

static void begin(struct fixture *f, const struct kind *kind, bool is_later)
{
	char why[256];

	*f = (struct fixture){.kind = kind};
	assert_int_equal(host_open_fake(&f->host), 0);
	put(f, "x/first", "off");
	put(f, kind->path, kind->before);
	host_fake_on_write(f->host, on_write, f);
	host_fake_on_request(f->host, on_request, f);
	int err = plan_add(&f->plan, f->host, &word, "first", "on", why, sizeof(why));
	if (!err && is_later)
		err = plan_add_later(&f->plan, kind->class, "o", kind->old, kind->wish, why,
				     sizeof(why));
	else if (!err)
		err = plan_add(&f->plan, f->host, kind->class, "o", kind->wish, why, sizeof(why));
	if (err)
		fail_msg("%s: %s", kind->class->name, why);
}

static void end(struct fixture *f)
{
	plan_done(&f->plan);
	change_report_done(&f->report);
	host_close(f->host);
}

static int apply(struct fixture *f)
{
	int err = change_check(f->host, &f->plan, &f->report);

	return err ? err : change_apply(f->host, &f->plan, NULL, NULL, &f->report);
}

static int undo(struct fixture *f)
{
	return change_undo(f->host, &f->plan, NULL, NULL, &f->report);
}

static void each(void (*test)(struct fixture *f))
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (unsigned is_later = 0; is_later < 2; is_later++) {
			struct fixture f;

			begin(&f, &kinds[i], is_later);
			test(&f);
			end(&f);
		}
	}
}

/* The same value in the kernel's own form is the value, also when it is taken back. */
static void reformatted(struct fixture *f)
{
	f->shows = f->kind->shown;
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->report.steps[1].result, CHANGE_EXACT);
	is_now(f, f->kind->path, f->kind->class, f->kind->wish);
	f->shows = f->kind->before;
	assert_int_equal(undo(f), 0);
	assert_int_equal(f->report.steps[1].result, CHANGE_EXACT);
	is_now(f, f->kind->path, f->kind->class, f->kind->old);
	is_now(f, "x/first", &word, "off");
}

/* Takes the write and shows another value: refused, in words, and all is as before. */
static void lies(struct fixture *f)
{
	f->shows = f->kind->lie;
	assert_true(apply(f) < 0);
	assert_int_equal(f->report.steps[1].result, CHANGE_REFUSED);
	assert_non_null(strstr(f->report.steps[1].why, "shows"));
	is_now(f, f->kind->path, f->kind->class, f->kind->old);
	is_now(f, "x/first", &word, "off");
}

/* The same while it is taken back: said, and not fought. */
static void lies_back(struct fixture *f)
{
	assert_int_equal(apply(f), 0);
	f->shows = f->kind->lie;
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[1].result, CHANGE_REFUSED);
	assert_non_null(strstr(f->report.steps[1].why, "although"));
	is_now(f, f->kind->path, f->kind->class, f->kind->lie);
	is_now(f, "x/first", &word, "off");
}

static void foreign_after(struct fixture *f)
{
	assert_int_equal(apply(f), 0);
	put(f, f->kind->path, f->kind->foreign);
	assert_int_equal(undo(f), 1);
	assert_int_equal(f->report.steps[1].result, CHANGE_FOREIGN);
	is_now(f, f->kind->path, f->kind->class, f->kind->foreign);
	is_now(f, "x/first", &word, "off");
}

static void foreign_before(struct fixture *f)
{
	put(f, f->kind->path, f->kind->foreign);
	assert_int_equal(apply(f), -ESTALE);
	assert_non_null(strstr(f->report.steps[1].why, "somebody else"));
	is_now(f, f->kind->path, f->kind->class, f->kind->foreign);
	is_now(f, "x/first", &word, "off");
}

#define TEST(name)                                                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		each(name);                                                                        \
	}
TEST(reformatted)
TEST(lies)
TEST(lies_back)
TEST(foreign_after)
TEST(foreign_before)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reformatted),    cmocka_unit_test(test_lies),
		cmocka_unit_test(test_lies_back),      cmocka_unit_test(test_foreign_after),
		cmocka_unit_test(test_foreign_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
