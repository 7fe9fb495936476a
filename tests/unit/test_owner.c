/* Who else sets knobs: found by process name, said in one line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "probes/owner.h"

static int set_up(void **state)
{
	struct host *host = NULL;
	int err = host_open_fake(&host);

	*state = host;
	if (err)
		return err;
	host_fake_file(host, "proc/1/comm", "systemd\n");
	host_fake_file(host, "proc/412/comm", "tuned\n");
	host_fake_file(host, "proc/500/comm", "power-profiles-\n");
	host_fake_file(host, "proc/501/comm", "tuned-helper\n");
	host_fake_file(host, "proc/502/comm", "irqbalance\n");
	host_fake_file(host, "proc/600/comm",
		       "tuned\n"); /* somebody's, later: the first one counts */
	host_fake_file(host, "proc/self/comm", "libvirtd\n"); /* no number: not looked at */
	host_fake_file(host, "etc/tuned/active_profile", "realtime\x1b-kvm\n");
	return 0;
}

static int tear_down(void **state)
{
	host_close(*state);
	return 0;
}

static void test_found(void **state)
{
	struct owners owners;
	char text[512];

	assert_int_equal(owners_find(*state, ~0u, &owners), 0);
	assert_int_equal(owners.found, OWNER_BIT(OWNER_TUNED) | OWNER_BIT(OWNER_POWER_PROFILES) |
					       OWNER_BIT(OWNER_IRQBALANCE));
	assert_int_equal(owners.pid[OWNER_TUNED], 412);
	assert_string_equal(owners.profile, "realtime\\e-kvm");
	assert_int_equal(owners_text(&owners, OWNERS_POWER, text, sizeof(text)), 2);
	assert_non_null(strstr(text, "tuned (pid 412, profile realtime\\e-kvm) sets it"));
	assert_non_null(strstr(text, "; power-profiles-daemon (pid 500)"));
	assert_null(strstr(text, "irqbalance"));
	assert_int_equal(owners_text(&owners, OWNER_BIT(OWNER_KUBELET), text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void test_wanted_only(void **state)
{
	struct owners owners;

	assert_int_equal(owners_find(*state, OWNER_BIT(OWNER_IRQBALANCE), &owners), 0);
	assert_int_equal(owners.found, OWNER_BIT(OWNER_IRQBALANCE));
}

static void test_without_process(void **state)
{
	char text[512];

	host_fake_file(*state, "run/tlp/last_pwr", "0\n");
	assert_int_equal(owner_describe(*state, OWNER_BIT(OWNER_TLP), text, sizeof(text)), 1);
	assert_int_equal(strncmp(text, "TLP sets it", 11), 0);
}

/* Longer than the caller has room for: cut, never beyond. */
static void test_cut(void **state)
{
	char text[32];

	assert_int_equal(owner_describe(*state, ~0u, text, 16), 3);
	assert_int_equal(strlen(text), 15);
	assert_int_equal(owner_describe(*state, ~0u, text, 0), 3);
}

static void test_unlisted(void **state)
{
	struct owners owners;

	host_fake_error(*state, "proc", EACCES);
	assert_int_equal(owners_find(*state, ~0u, &owners), -EACCES);
	assert_int_equal(owners.found, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wanted_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlisted, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
