/*
 * Devices that only the monitor knows, or knows no more: plugged in and unplugged while the machine
 * runs; and how long what a monitor said is shown when it says no more.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/host_unix.h"
#include "probes/vm_internal.h"
#include "tests/unit/probe_fixture.h"

#define MONITOR "proc/77/root/run/vm.sock"

static void answer(struct host *host, const char *command, const char *value)
{
	_cleanup_(freep) char *request =
		xasprintf("{\"execute\":\"%s\",\"id\":\"%s\"}\n", command, command);
	_cleanup_(freep) char *reply =
		xasprintf("{\"return\": %s, \"id\": \"%s\"}", value, command);

	host_fake_unix(host, MONITOR, request, reply, 0);
}

static void put_machine(struct host *host)
{
	static const char words[] = "/usr/bin/qemu-system-x86_64\0-m\00064\0-device\0"
				    "virtio-net-pci,id=net0\0-device\0virtio-blk-pci,id=blk0\0"
				    "-device\0e1000\0-qmp\0unix:/run/vm.sock,server=on\0";
	static const char stat[] =
		"77 (qemu-system-x86) S 1 1 1 0 -1 0 0 0 0 0 30 12 0 0 20 0 1 0 500 0 0 0 0 0 0 0 "
		"0 0 0 0 0 0 0 0 17 1 0 0 0 0 0";

	host_fake_file(host, "sys/devices/system/cpu/online", "0-3");
	host_fake_file(host, "proc/77/stat", stat);
	host_fake_file(host, "proc/77/task/77/stat", stat);
	host_fake_link(host, "proc/77/exe", "/usr/bin/qemu-system-x86_64");
	host_fake_bytes(host, "proc/77/cmdline", words, sizeof(words) - 1);
}

#define PCI(id, vendor, device, class)                                                             \
	"{\"bus\": 0, \"slot\": 1, \"function\": 0, \"qdev_id\": \"" id                            \
	"\", \"id\": {\"vendor\": " vendor ", \"device\": " device                                 \
	"}, \"class_info\": {\"class\": " class "}}"
#define BRIDGE(secondary, devices)                                                                 \
	"{\"bus\": 0, \"slot\": 9, \"function\": 0, \"qdev_id\": \"rp0\", \"id\": {\"vendor\": "   \
	"6966, \"device\": 12}, \"class_info\": {\"class\": 1540}, \"pci_bridge\": {\"bus\": "     \
	"{\"number\": 0, \"secondary\": " secondary "}, \"devices\": [" devices "]}}"
#define NET0 PCI("net0", "6900", "4096", "512")
#define BLK0 PCI("blk0", "6900", "4161", "256")
#define UNNAMED PCI("", "32902", "4110", "512")

static void put_answers(struct host *host, const char *pci)
{
	host_fake_unix(host, MONITOR, NULL,
		       "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": "
		       "8}, \"package\": \"\"}, \"capabilities\": []}}",
		       0);
	answer(host, "qmp_capabilities", "{}");
	answer(host, "query-name", "{}");
	answer(host, "query-uuid", "{\"UUID\": \"00000000-0000-0000-0000-000000000000\"}");
	answer(host, "query-kvm", "{\"enabled\": true, \"present\": true}");
	answer(host, "query-version",
	       "{\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 8}, \"package\": \"\"}");
	answer(host, "query-status", "{\"status\": \"running\", \"running\": true}");
	answer(host, "query-cpus-fast", "[]");
	answer(host, "query-iothreads", "[]");
	answer(host, "query-memory-size-summary", "{\"base-memory\": 67108864}");
	answer(host, "query-balloon", "{\"actual\": 67108864}");
	answer(host, "query-stats-schemas", "[]");
	answer(host, "query-memdev",
	       "[{\"id\": \"m\", \"size\": 67108864, \"policy\": \"bind\", \"host-nodes\": [0, 1], "
	       "\"merge\": true, \"dump\": true, \"prealloc\": false, \"share\": false}]");
	answer(host, "query-block", "[]");
	answer(host, "query-pci", pci);
}

#define AT_FIRST "[{\"bus\": 0, \"devices\": [" NET0 ", " BLK0 ", " UNNAMED "]}]"

static void start(struct fixture *f, const char *pci)
{
	fixture_fake(f, &probe_vm);
	put_machine(f->host);
	put_answers(f->host, pci);
}

/* A while later, when everything is asked again. */
static void run_later(struct fixture *f, unsigned seconds)
{
	static const uint64_t start_ns = 1000 * NSEC_PER_SEC;

	host_fake_clock(f->host, start_ns + seconds * NSEC_PER_SEC);
	fixture_run(f);
}

static bool has(const struct fixture *f, const char *id)
{
	_cleanup_(freep) char *key = xasprintf("vmdevice:77.500/%s", id);

	return snapshot_find(f->snap, key) != NULL;
}

static void what_was_plugged_in(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, AT_FIRST);
	run_later(&f, 0);
	assert_string_equal(fixture_text(&f, "vm:77.500", "monitor"), "ok");
	assert_int_equal(fixture_count(&f, "vmdevice"), 3);
	assert_int_equal(fixture_u64(&f, "vmdevice:77.500/net0", "plugged"), 0);
	assert_string_equal(fixture_text(&f, "vm:77.500", "memory_policy"), "bind:0-1");

	answer(f.host, "query-pci",
	       "[{\"bus\": 0, \"devices\": [" NET0 ", " BLK0 ", " UNNAMED
	       ", " BRIDGE("1", PCI("hot1", "6900", "4162", "256") ", " PCI(
					"hot2", "32902", "4307",
					"512")) ", " PCI("vga", "4660", "4369", "768") "]}]");
	answer(f.host, "query-block",
	       "[{\"device\": \"\", \"qdev\": \"/machine/peripheral/hot1/virtio-backend\", "
	       "\"inserted\": {\"file\": \"/img/new\", \"drv\": \"raw\"}}, {\"device\": \"\", "
	       "\"qdev\": \"sd3\", \"inserted\": {\"file\": \"/img/sd\", \"drv\": \"raw\"}}, "
	       "{\"device\": \"d0\", \"qdev\": \"/machine/peripheral/blk0/virtio-backend\", "
	       "\"inserted\": {\"file\": \"/img/0\", \"drv\": \"raw\"}}, {\"device\": \"fd\", "
	       "\"qdev\": \"/machine/unattached/device[9]\"}]");
	run_later(&f, 5); /* not asked yet */
	assert_int_equal(fixture_count(&f, "vmdevice"), 3);
	run_later(&f, 31);
	assert_int_equal(fixture_count(&f, "vmdevice"), 6);
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/hot1", "model"), "virtio-blk-pci");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/hot1", "backend"), "/img/new");
	assert_int_equal(fixture_u64(&f, "vmdevice:77.500/hot1", "plugged"), 1);
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/hot2", "device_kind"), "emulated");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/hot2", "type"), "nic");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/hot2", "model"), "pci 8086:10d3");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/sd3", "device_kind"), "unknown");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/sd3", "backend"), "/img/sd");
	fixture_done(&f);
}

/* By its numbers among those whose IOMMU group the process holds. */
static void what_was_passed_through_later(void **state)
{
	static const char dir[] = "sys/bus/pci/devices/0000:af:02.";
	struct fixture f;

	(void)state;
	start(&f, "[{\"bus\": 0, \"devices\": [" NET0 ", " BLK0
		  ", " PCI("vf9", "5555", "4120", "512") "]}]");
	host_fake_link(f.host, "proc/77/fd/30", "/dev/vfio/12");
	host_fake_link(f.host, "proc/77/fd/31", "/dev/vfio/vfio");
	for (unsigned i = 1; i <= 2; i++) {
		_cleanup_(freep) char *in_group =
			xasprintf("sys/kernel/iommu_groups/12/devices/0000:af:02.%u", i);
		_cleanup_(freep) char *vendor = xasprintf("%s%u/vendor", dir, i);
		_cleanup_(freep) char *device = xasprintf("%s%u/device", dir, i);

		host_fake_link(f.host, in_group, "../x");
		host_fake_file(f.host, vendor, "0x15b3\n");
		host_fake_file(f.host, device, i == 1 ? "0x1017\n" : "0x1018\n");
	}
	host_fake_file(f.host, "sys/bus/pci/devices/0000:af:02.2/class", "0x020000\n");
	host_fake_file(f.host, "sys/bus/pci/devices/0000:af:02.2/numa_node", "1\n");
	run_later(&f, 0);
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/vf9", "device_kind"), "vfio");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/vf9", "pci_address"), "0000:af:02.2");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/vf9", "type"), "nic");
	assert_int_equal(fixture_u64(&f, "vmdevice:77.500/vf9", "node_id"), 1);
	fixture_done(&f);
}

static void what_was_unplugged(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, "[{\"bus\": 0, \"devices\": [" BLK0 ", " BRIDGE("0", "") "]}]");
	run_later(&f, 0);
	/* Its firmware has not numbered the bridge yet: net0 may be behind it. */
	assert_true(has(&f, "net0"));
	answer(f.host, "query-pci", "[{\"bus\": 0, \"devices\": [" BLK0 ", " BRIDGE("1", "") "]}]");
	run_later(&f, 31);
	assert_false(has(&f, "net0"));
	assert_true(has(&f, "blk0"));
	assert_true(has(&f, "#3")); /* without an id nobody can tell */
	/* No monitor, no opinion. */
	host_fake_unix(f.host, MONITOR, NULL, NULL, ECONNREFUSED);
	run_later(&f, 62);
	assert_false(has(&f, "net0"));
	fixture_done(&f);
}

static void old_answers_are_not_shown(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, AT_FIRST);
	run_later(&f, 0);
	assert_string_equal(fixture_text(&f, "vm:77.500", "state"), "running");
	host_fake_unix(f.host, MONITOR, NULL, NULL, ECONNREFUSED);
	run_later(&f, 20);
	assert_string_equal(fixture_text(&f, "vm:77.500", "state"), "running");
	run_later(&f, 40);
	assert_int_equal(entity_value(snapshot_find(f.snap, "vm:77.500"), "state")->state,
			 VALUE_ABSENT);
	assert_int_equal(entity_value(snapshot_find(f.snap, "vm:77.500"), "balloon_bytes")->state,
			 VALUE_ABSENT);
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_plugged_in),
		cmocka_unit_test(what_was_passed_through_later),
		cmocka_unit_test(what_was_unplugged),
		cmocka_unit_test(old_answers_are_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
