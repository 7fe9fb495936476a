/* The bus door: a good systemd, hostile ones, none, and fakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/host_bus.h"
#include "core/host_write.h"
#include "tests/unit/bus_peer.h"
#include "tests/unit/tree.h"

#define PRIVATE "run/systemd/private"
#define SYSTEM "run/dbus/system_bus_socket"

struct fixture {
	struct tree *tree;
	struct host *host;
	struct bus_peer peer;
	bool has_peer;
	char text[256];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	*state = f;
	f->tree = tree_new();
	tree_file(f->tree, "run/systemd/x", "");
	tree_file(f->tree, "run/dbus/x", "");
	return host_open_scratch(f->tree->dir, &f->host);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->has_peer)
		bus_peer_stop(&f->peer);
	host_close(f->host);
	tree_free(f->tree);
	free(f);
	return 0;
}

static void peer_start(struct fixture *f, const char *socket, enum bus_manner manner)
{
	_cleanup_(freep) char *path = tree_path(f->tree, socket);

	bus_peer_start(&f->peer, path, manner);
	f->has_peer = true;
}

static int get(struct fixture *f, enum host_bus_property property)
{
	return host_bus_read(f->host, BUS_PEER_UNIT, property, f->text, sizeof(f->text));
}

static void assert_value(struct fixture *f, enum host_bus_property property, const char *want)
{
	assert_int_equal(get(f, property), 0);
	assert_string_equal(f->text, want);
}

static int set(struct fixture *f, enum host_bus_property property, const char *value)
{
	return host_write_bus(f->host, BUS_PEER_UNIT, property, value);
}

static void check_all(struct fixture *f)
{
	assert_int_equal(host_bus_ping(f->host), 0);
	assert_value(f, HOST_BUS_CPUS, "");
	assert_value(f, HOST_BUS_QUOTA, "infinity");
	assert_value(f, HOST_BUS_WEIGHT, "unset");
	assert_value(f, HOST_BUS_GROUP, "/test.slice");
	assert_value(f, HOST_BUS_INVOCATION, "deadbe0f");
	assert_int_equal(set(f, HOST_BUS_CPUS, "0-2,9,8191"), 0);
	assert_value(f, HOST_BUS_CPUS, "0-2,9,8191");
	assert_int_equal(f->peer.n_cpus, 1024);
	assert_int_equal(f->peer.cpus[0], 7);
	assert_int_equal(f->peer.cpus[1], 2);
	assert_int_equal(set(f, HOST_BUS_CPUS, ""), 0);
	assert_value(f, HOST_BUS_CPUS, "");
	assert_int_equal(set(f, HOST_BUS_QUOTA, "500000"), 0);
	assert_value(f, HOST_BUS_QUOTA, "500000");
	assert_int_equal(set(f, HOST_BUS_QUOTA, "infinity"), 0);
	assert_value(f, HOST_BUS_QUOTA, "infinity");
	assert_int_equal(set(f, HOST_BUS_WEIGHT, "50"), 0);
	assert_value(f, HOST_BUS_WEIGHT, "50");
	assert_int_equal(set(f, HOST_BUS_WEIGHT, "unset"), 0);
	assert_value(f, HOST_BUS_WEIGHT, "unset");
}

static void test_private(void **state)
{
	struct fixture *f = *state;

	peer_start(f, PRIVATE, BUS_GOOD);
	check_all(f);
	assert_int_equal(f->peer.n_hellos, 0);
}

/* Where there is no socket of systemd's own: a bus, which wants a greeting. */
static void test_system_bus(void **state)
{
	struct fixture *f = *state;

	peer_start(f, SYSTEM, BUS_GOOD);
	check_all(f);
	assert_true(f->peer.n_hellos > 0);
}

static void test_refused(void **state)
{
	static const struct {
		enum host_bus_property property;
		const char *value;
	} bad[] = {{HOST_BUS_CPUS, "x"},	{HOST_BUS_CPUS, "8192"},
		   {HOST_BUS_QUOTA, "0"},	{HOST_BUS_QUOTA, ""},
		   {HOST_BUS_QUOTA, "unset"},	{HOST_BUS_WEIGHT, "10001"},
		   {HOST_BUS_WEIGHT, "-1"},	{HOST_BUS_GROUP, "/a"},
		   {HOST_BUS_INVOCATION, "00"}, {HOST_BUS_QUOTA, "18446744073709551615"}};
	static const char *const units[] = {"",		  ".slice",    "a",	    "a.mount",
					    "../a.slice", "a b.slice", "a\n.slice", "a.slice/b"};
	struct fixture *f = *state;

	peer_start(f, PRIVATE, BUS_GOOD);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int err = set(f, bad[i].property, bad[i].value);

		assert_true(err == -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		assert_false(host_bus_is_unit(units[i]));
		assert_int_equal(host_write_bus(f->host, units[i], HOST_BUS_CPUS, "1"), -EINVAL);
		assert_int_equal(host_bus_read(f->host, units[i], HOST_BUS_CPUS, f->text, 9),
				 -EINVAL);
	}
	assert_int_equal(f->peer.n_sets, 0);
	assert_int_equal(host_bus_read(f->host, "no.slice", HOST_BUS_CPUS, f->text, 9), -ENOENT);
	assert_int_equal(host_write_bus(f->host, "no.slice", HOST_BUS_CPUS, "1"), -ENOENT);
	assert_int_equal(get(f, HOST_BUS_NODES), -EOPNOTSUPP); /* an older systemd */
	assert_int_equal(host_bus_read(f->host, BUS_PEER_UNIT, HOST_BUS_GROUP, f->text, 5), -EFBIG);
}

/* None of them holds the caller longer than its deadline, or is believed. */
static void test_hostile(void **state)
{
	static const struct {
		enum bus_manner manner;
		int err;
	} cases[] = {{BUS_DUMB, -ETIMEDOUT},
		     {BUS_SILENT, -ETIMEDOUT},
		     {BUS_REFUSES, -EACCES},
		     {BUS_ODD, -EBADMSG},
		     {BUS_HANGS_UP, -ECONNRESET}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *path = tree_path(f->tree, PRIVATE);

		peer_start(f, PRIVATE, cases[i].manner);
		assert_int_equal(get(f, HOST_BUS_CPUS), cases[i].err);
		if (cases[i].manner != BUS_ODD && cases[i].manner != BUS_DUMB)
			assert_int_equal(set(f, HOST_BUS_CPUS, "1"), cases[i].err);
		bus_peer_stop(&f->peer);
		f->has_peer = false;
		(void)unlink(path);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *name;
		int err;
	} cases[] = {{"org.freedesktop.systemd1.NoSuchUnit", -ENOENT},
		     {SD_BUS_ERROR_SERVICE_UNKNOWN, -ENOTCONN},
		     {SD_BUS_ERROR_INVALID_ARGS, -EINVAL},
		     {SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, -EACCES},
		     {"com.example.Odd", -EREMOTEIO}};
	struct fixture *f = *state;

	peer_start(f, PRIVATE, BUS_REFUSES);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		f->peer.refusal = cases[i].name;
		assert_int_equal(set(f, HOST_BUS_CPUS, "1"), cases[i].err);
		assert_true(strlen(host_bus_reason(cases[i].err)) > 5);
	}
}

static void test_none(void **state)
{
	struct fixture *f = *state;
	struct host *live, *synthetic;

	assert_int_equal(get(f, HOST_BUS_CPUS), -ENOTCONN);
	assert_int_equal(host_bus_ping(f->host), -ENOTCONN);
	tree_file(f->tree, PRIVATE, ""); /* no socket */
	assert_int_equal(set(f, HOST_BUS_CPUS, "1"), -ENOTCONN);
	/* This machine, not armed: refused before anything is opened. */
	assert_int_equal(host_open_live(&live), 0);
	assert_int_equal(host_write_bus(live, BUS_PEER_UNIT, HOST_BUS_CPUS, "1"), -EPERM);
	host_close(live);
	assert_int_equal(host_open_synthetic("pu:2", &synthetic), 0);
	assert_int_equal(host_bus_ping(synthetic), -EOPNOTSUPP);
	assert_int_equal(host_write_bus(synthetic, BUS_PEER_UNIT, HOST_BUS_CPUS, "1"), -EROFS);
	host_close(synthetic);
}

static void test_interrupted(void **state)
{
	struct fixture *f = *state;

	peer_start(f, PRIVATE, BUS_DUMB);
	assert_int_equal(host_interruptible(f->host), 0);
	host_interrupt(f->host);
	assert_int_equal(host_bus_ping(f->host), -ECANCELED);
}

static void test_fake(void **state)
{
	struct host *host;
	char text[64];

	(void)state;
	assert_int_equal(host_open_fake(&host), 0);
	assert_int_equal(host_bus_ping(host), -ENOTCONN);
	host_fake_file(host, "fake/bus/a.slice/AllowedCPUs", "");
	assert_int_equal(host_bus_ping(host), 0);
	assert_int_equal(host_write_bus(host, "a.slice", HOST_BUS_CPUS, "1"), 0);
	assert_int_equal(host_bus_read(host, "a.slice", HOST_BUS_CPUS, text, sizeof(text)), 0);
	assert_string_equal(text, "1");
	assert_int_equal(host_write_bus(host, "b.slice", HOST_BUS_CPUS, "1"), -ENOENT);
	host_close(host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_private),	TEST(test_system_bus),	     TEST(test_refused),
		TEST(test_hostile),	TEST(test_errors),	     TEST(test_none),
		TEST(test_interrupted), cmocka_unit_test(test_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
