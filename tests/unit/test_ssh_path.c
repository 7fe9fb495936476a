/* Which interfaces the SSH connection depends on: fake processes, addresses, routes and links. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/host_netlink.h"
#include "probes/ssh_path.h"
#include "tests/unit/netlink_fixture.h"

struct fixture {
	struct host *host;
	struct stream addresses;
	struct ssh_path path;
	char text[160];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	*state = f;
	return host_open_fake(&f->host);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	host_close(f->host);
	free(f);
	return 0;
}

static void add_process(struct fixture *f, unsigned pid, unsigned parent, const char *comm,
			const char *environment)
{
	char path[64], text[128];

	(void)snprintf(path, sizeof(path), "proc/%u/stat", pid);
	(void)snprintf(text, sizeof(text), "%u (%s) S %u 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7\n",
		       pid, comm, parent);
	host_fake_file(f->host, path, text);
	(void)snprintf(path, sizeof(path), "proc/%u/environ", pid);
	host_fake_bytes(f->host, path, environment, strlen(environment) + 1);
}

static void add_link(struct fixture *f, const char *name, unsigned ifindex, const char *lower)
{
	char path[96], text[16];

	(void)snprintf(path, sizeof(path), "sys/class/net/%s/ifindex", name);
	(void)snprintf(text, sizeof(text), "%u\n", ifindex);
	host_fake_file(f->host, path, text);
	if (!lower)
		return;
	(void)snprintf(path, sizeof(path), "sys/class/net/%s/lower_%s", name, lower);
	host_fake_link(f->host, path, "../x");
}

static void add_hardware(struct fixture *f, const char *name)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "sys/class/net/%s/device/vendor", name);
	host_fake_file(f->host, path, "0x8086\n");
}

static void add_address(struct fixture *f, int family, unsigned ifindex, const char *text)
{
	struct ifaddrmsg header = {.ifa_family = (unsigned char)family, .ifa_index = ifindex};
	struct nl_msg *msg = stream_message(RTM_NEWADDR, NLM_F_MULTI, &header, sizeof(header));
	unsigned char bytes[16];

	assert_int_equal(inet_pton(family, text, bytes), 1);
	assert_int_equal(nla_put(msg, IFA_ADDRESS, family == AF_INET ? 4 : 16, bytes), 0);
	stream_add(&f->addresses, msg);
}

static void add_route(struct fixture *f, uint32_t ifindex)
{
	struct stream *route = xcalloc(1, sizeof(*route));
	struct rtmsg header = {.rtm_family = AF_INET};
	struct nl_msg *msg = stream_message(RTM_NEWROUTE, 0, &header, sizeof(header));

	assert_int_equal(nla_put_u32(msg, RTA_OIF, ifindex), 0);
	stream_add(route, msg);
	stream_error(route, 0, NULL);
	host_fake_netlink(f->host, "route", "route-get", NULL, route->bytes, route->len);
	free(route);
}

static void read_path(struct fixture *f)
{
	stream_done(&f->addresses, 0, NULL);
	host_fake_netlink(f->host, "route", "getaddr", NULL, f->addresses.bytes, f->addresses.len);
	ssh_path_read(f->host, &f->path);
}

static void logged_in(struct fixture *f, const char *environment)
{
	host_fake_link(f->host, "proc/self", "300");
	add_process(f, 300, 200, "jittertop", "TERM=xterm");
	add_process(f, 200, 100, "sudo) (x", "A=b"); /* comm is anybody's text */
	add_process(f, 100, 1, "bash", environment);
}

static void test_plain(void **state)
{
	struct fixture *f = *state;

	logged_in(f, "SSH_CONNECTION=192.0.2.7 5000 198.51.100.1 22");
	add_link(f, "eth0", 2, NULL);
	add_link(f, "eth1", 3, NULL);
	add_address(f, AF_INET, 3, "203.0.113.1");
	add_address(f, AF_INET, 2, "198.51.100.1");
	read_path(f);
	assert_true(ssh_path_text(&f->path, "eth0", f->text, sizeof(f->text)));
	assert_string_equal(f->text, "carries your SSH connection from 192.0.2.7");
	assert_false(ssh_path_text(&f->path, "eth1", f->text, sizeof(f->text)));
	assert_string_equal(f->text, "");
}

/* The address on one interface, the way back through another. */
static void test_route(void **state)
{
	struct fixture *f = *state;

	logged_in(f, "SSH_CONNECTION=192.0.2.7 5000 198.51.100.1 22");
	add_link(f, "lo", 1, NULL);
	add_link(f, "eth1", 3, NULL);
	add_address(f, AF_INET, 1, "198.51.100.1");
	add_route(f, 3);
	read_path(f);
	assert_int_equal(f->path.n, 2);
	assert_true(ssh_path_text(&f->path, "eth1", f->text, sizeof(f->text)));
}

static void test_below(void **state)
{
	struct fixture *f = *state;

	logged_in(f, "SSH_CONNECTION=2001:db8::7 5000 2001:db8::1 22");
	add_link(f, "br0", 10, "bond0.5");
	add_link(f, "br0", 10, "vethx");
	host_fake_file(f->host, "sys/class/net/br0/bridge/stp_state", "0\n");
	add_link(f, "bond0.5", 11, "bond0");
	add_link(f, "bond0", 12, "eth0");
	add_link(f, "bond0", 12, "eth1");
	add_link(f, "eth0", 13, NULL);
	add_link(f, "eth1", 14, NULL);
	add_link(f, "vethx", 15, NULL);
	add_hardware(f, "eth0");
	add_hardware(f, "eth1");
	/* eth1 is a VF of pf0. */
	host_fake_file(f->host, "sys/class/net/eth1/device/physfn/net/pf0/ifindex", "16\n");
	add_address(f, AF_INET6, 10, "2001:db8::1");
	read_path(f);
	assert_int_equal(f->path.n, 6);
	assert_true(ssh_path_text(&f->path, "eth0", f->text, sizeof(f->text)));
	assert_string_equal(f->text, "carries your SSH connection from 2001:db8::7 (below bond0)");
	assert_true(ssh_path_text(&f->path, "pf0", f->text, sizeof(f->text)));
	assert_false(ssh_path_text(&f->path, "vethx", f->text, sizeof(f->text)));
}

/* A bridge of virtual ports only: any of them may be the way. A loop of links ends. */
static void test_virtual(void **state)
{
	struct fixture *f = *state;

	logged_in(f, "SSH_CONNECTION=::ffff:192.0.2.7 5000 ::ffff:198.51.100.1 22");
	add_link(f, "br0", 10, "vethx");
	add_link(f, "vethx", 11, "br0");
	host_fake_file(f->host, "sys/class/net/br0/bridge/stp_state", "0\n");
	add_address(f, AF_INET, 10, "198.51.100.1");
	read_path(f);
	assert_int_equal(f->path.n, 2);
	assert_string_equal(f->path.client, "192.0.2.7");
}

static void test_link_local(void **state)
{
	struct fixture *f = *state;

	logged_in(f, "SSH_CONNECTION=fe80::7%eth0 5000 fe80::1%eth0 22");
	read_path(f);
	assert_true(ssh_path_text(&f->path, "eth0", f->text, sizeof(f->text)));
}

/* No environment has it: the socket of the sshd above. */
static void test_socket(void **state)
{
	struct fixture *f = *state;

	logged_in(f, "HOME=/root");
	add_process(f, 100, 50, "bash", "HOME=/root");
	add_process(f, 50, 1, "sshd-session", "");
	host_fake_link(f->host, "proc/50/fd/3", "/dev/null");
	host_fake_link(f->host, "proc/50/fd/4", "socket:[777]");
	host_fake_file(f->host, "proc/net/tcp",
		       "  sl  local_address rem_address st tx_queue rx_queue tr\n"
		       "   0: 016433C6:0016 00000000:0000 0A 0:0 00:0 0 0 0 777 1\n"
		       "   1: 016433C6:0016 070200C0:1388 01 0:0 00:0 0 0 0 777 1\n");
	add_link(f, "eth0", 2, NULL);
	add_address(f, AF_INET, 2, "198.51.100.1");
	read_path(f);
	assert_string_equal(f->path.client, "192.0.2.7");
	assert_true(ssh_path_text(&f->path, "eth0", f->text, sizeof(f->text)));
}

static void test_none(void **state)
{
	static const char *const texts[] = {
		"SSH_CONNECTION=",
		"SSH_CONNECTION=1.2.3.4 5",
		"SSH_CONNECTION=x 1 y 2",
		"SSH_CONNECTIONS=192.0.2.7 1 198.51.100.1 22",
		"SSH_CONNECTION=\x1b[2J 1 y 2",
	};
	struct fixture *f = *state;

	add_link(f, "eth0", 2, NULL);
	add_address(f, AF_INET, 2, "198.51.100.1");
	read_path(f);
	assert_int_equal(f->path.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		logged_in(f, texts[i]);
		ssh_path_read(f->host, &f->path);
		assert_int_equal(f->path.n, 0);
		assert_string_equal(f->path.client, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_plain, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_route, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_below, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_virtual, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_link_local, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_socket, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
