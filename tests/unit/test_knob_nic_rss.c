/* The RSS table on a fake host: every form of it read, set and put back; "default" is a request of
 * its own. */
#include <errno.h>
#include <linux/ethtool.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/change.h"
#include "core/host_write.h"
#include "probes/probes.h"

#define ENTRIES 8u
#define RINGS 4u

struct fixture {
	struct host *host;
	struct plan plan;
	struct change_report report;
	uint32_t table[ENTRIES];
	bool was_default; /* the last request was for the default */
	char why[512];
};

static void put_hex(struct fixture *f, const char *path, const void *bytes, size_t size)
{
	char *text = xcalloc(1, 2 * size + 2);

	for (size_t i = 0; i < size; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)bytes)[i]);
	text[2 * size] = '\n';
	host_fake_file(f->host, path, text);
	free(text);
}

static void show(struct fixture *f)
{
	uint32_t words[2 + ENTRIES] = {ETHTOOL_GRXFHINDIR, ENTRIES};
	struct ethtool_rxnfc rings = {.cmd = ETHTOOL_GRXRINGS, .data = RINGS};

	memcpy(words + 2, f->table, sizeof(f->table));
	put_hex(f, "ethtool/rxfhindir@eth0", words, sizeof(words));
	put_hex(f, "ethtool/rxrings@eth0", &rings, sizeof(rings));
}

static void set_table(struct fixture *f, const uint32_t *table)
{
	memcpy(f->table, table, sizeof(f->table));
	show(f);
}

static int on_request(void *arg, struct host *host, const char *kind, const char *name,
		      const void *bytes, size_t len)
{
	struct fixture *f = arg;
	const uint32_t *words = bytes;

	(void)host;
	assert_string_equal(kind, "ethtool");
	assert_string_equal(name, "eth0");
	assert_true(len >= 8 && words[0] == ETHTOOL_SRXFHINDIR);
	f->was_default = words[1] == 0;
	assert_int_equal(len, f->was_default ? 8 : 8 + sizeof(f->table));
	for (uint32_t i = 0; i < ENTRIES; i++)
		f->table[i] = f->was_default ? i % RINGS : words[2 + i];
	show(f);
	return 0;
}

static int set_up(void **state)
{
	static const uint32_t table[ENTRIES] = {0, 1, 2, 3, 0, 1, 2, 3};
	struct fixture *f = xcalloc(1, sizeof(*f));
	int err = host_open_fake(&f->host);

	plan_init(&f->plan);
	host_fake_file(f->host, "sys/class/net/eth0/ifindex", "2\n");
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3\n");
	host_fake_on_request(f->host, on_request, f);
	set_table(f, table);
	*state = f;
	return err;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	change_report_done(&f->report);
	host_close(f->host);
	free(f);
	return 0;
}

static int plan(struct fixture *f, const char *value)
{
	f->why[0] = '\0';
	return knob_nic_rss.plan(f->host, "nic:eth0", value, &f->plan, f->why, sizeof(f->why));
}

/* wish is set, reads as shows, and what there was comes back as before says. */
static void there_and_back(struct fixture *f, const char *before, const char *wish,
			   const char *shows, const uint32_t *table)
{
	uint32_t old[ENTRIES];

	memcpy(old, f->table, sizeof(old));
	assert_int_equal(plan(f, wish), 0);
	assert_string_equal(f->plan.steps[0].old_value, before);
	assert_string_equal(f->plan.steps[0].new_value, shows);
	assert_int_equal(change_apply(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_memory_equal(f->table, table, sizeof(f->table));
	assert_int_equal(f->was_default, !strcmp(shows, "default"));
	assert_int_equal(change_undo(f->host, &f->plan, NULL, NULL, &f->report), 0);
	assert_memory_equal(f->table, old, sizeof(old));
	assert_int_equal(f->was_default, !strcmp(before, "default"));
}

static void test_equal(void **state)
{
	static const uint32_t two[ENTRIES] = {0, 1, 0, 1, 0, 1, 0, 1};

	there_and_back(*state, "default", "equal 2", "equal 2", two);
}

static void test_queues(void **state)
{
	static const uint32_t some[ENTRIES] = {1, 3, 1, 3, 1, 3, 1, 3};

	there_and_back(*state, "default", "queues 3,1", "queues 1,3", some);
}

static void test_from_any(void **state)
{
	static const uint32_t any[ENTRIES] = {3, 3, 3, 0, 0, 1, 2, 2};
	static const uint32_t all[ENTRIES] = {0, 1, 2, 3, 0, 1, 2, 3};

	set_table(*state, any);
	there_and_back(*state, "table 3*3,0*2,1*1,2*2", "equal 4", "default", all);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {"",		 "equal",     "equal 0",	"equal x",
					    "queues ",	 "queues x",  "table 0*7",	"table 0*9",
					    "table 0,1", "table 0*x", "weight 1 2 3 4", "2"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(plan(f, wrong[i]), -EINVAL);
		assert_non_null(strstr(f->why, "equal N"));
	}
	assert_int_equal(plan(f, "queues 0,4"), -ERANGE);
	assert_string_equal(f->why, "nic:eth0: there is no queue 4: it has 0 to 3");
	host_fake_error(f->host, "ethtool/rxfhindir@eth0", EOPNOTSUPP);
	assert_int_equal(plan(f, "equal 2"), -EOPNOTSUPP);
	assert_int_equal(f->plan.n_steps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_equal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_queues, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_from_any, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
