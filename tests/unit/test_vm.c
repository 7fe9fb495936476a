/*
 * The vm probe on fake hosts: which processes are machines, what their command lines, threads,
 * memory and monitors say, and what becomes of those that end. Real ones: tests/captures/vm.sh.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/host_unix.h"
#include "probes/vm_internal.h"
#include "tests/unit/probe_fixture.h"

#define QEMU "/usr/bin/qemu-system-x86_64"

/* words: separated by '|', which stands for NUL. */
static void put_cmdline(struct host *host, unsigned pid, const char *words)
{
	_cleanup_(freep) char *path = xasprintf("proc/%u/cmdline", pid);
	_cleanup_(freep) char *bytes = xasprintf("%s|", words);
	size_t len = strlen(bytes);

	for (size_t i = 0; i < len; i++)
		bytes[i] = bytes[i] == '|' ? '\0' : bytes[i];
	host_fake_bytes(host, path, bytes, len);
}

static char *stat_text(unsigned tid, const char *comm, unsigned flags, unsigned start, unsigned cpu)
{
	return xasprintf("%u (%s) S 1 1 1 0 -1 %u 0 0 0 0 30 12 0 0 20 0 1 0 %u 0 0 0 0 0 0 0 0 0 "
			 "0 0 0 0 0 0 17 %u 0 0 0 0 0",
			 tid, comm, flags, start, cpu);
}

static void put_thread(struct host *host, unsigned pid, unsigned tid, const char *comm,
		       const char *cpus)
{
	_cleanup_(freep) char *dir = xasprintf("proc/%u/task/%u", pid, tid);
	_cleanup_(freep) char *stat = xasprintf("%s/stat", dir);
	_cleanup_(freep) char *status = xasprintf("%s/status", dir);
	_cleanup_(freep) char *schedstat = xasprintf("%s/schedstat", dir);
	_cleanup_(freep) char *text = stat_text(tid, comm, 0, 500 + (tid != pid), 2);
	_cleanup_(freep) char *lines =
		xasprintf("Name:\t%.15s\nNSpid:\t%u\t%u\nCpus_allowed_list:\t%s\n"
			  "voluntary_ctxt_switches:\t70\nnonvoluntary_ctxt_switches:\t8\n",
			  comm, tid, tid - 70, cpus);

	host_fake_file(host, stat, text);
	host_fake_file(host, status, lines);
	host_fake_file(host, schedstat, "123456 789 10");
}

static void put_process(struct host *host, unsigned pid, const char *comm, const char *exe,
			const char *words)
{
	_cleanup_(freep) char *stat = xasprintf("proc/%u/stat", pid);
	_cleanup_(freep) char *link = xasprintf("proc/%u/exe", pid);
	_cleanup_(freep) char *text = stat_text(pid, comm, 0, 500, 1);

	host_fake_file(host, stat, text);
	if (exe)
		host_fake_link(host, link, exe);
	put_cmdline(host, pid, words);
	put_thread(host, pid, pid, comm, "0-3");
}

static void start(struct fixture *f)
{
	fixture_fake(f, &probe_vm);
	host_fake_file(f->host, "sys/devices/system/cpu/online", "0-3");
	host_fake_file(f->host, "proc/1/comm", "init");
}

#define PLAIN                                                                                      \
	QEMU "|-name|guest one,debug-threads=on|-uuid|11111111-2222-3333-4444-555555555555"        \
	     "|-machine|q35,accel=kvm|-smp|4,sockets=1,cores=2,threads=2|-m|1.5G"                  \
	     "|-object|memory-backend-file,id=m,size=1536M,mem-path=/dev/hugepages/x,share=on,"    \
	     "policy=bind,host-nodes=0|-drive|if=none,id=d0,file=/images/a,,b.raw"                 \
	     "|-device|virtio-blk-pci,drive=d0,iothread=io0,id=blk0"                               \
	     "|-netdev|tap,id=n0,ifname=tap7,vhost=on|-device|virtio-net-pci,netdev=n0,id=net0"    \
	     "|-netdev|vhost-user,id=n1,chardev=c1|-device|virtio-net-pci,netdev=n1"               \
	     "|-device|e1000,id=old|-device|vfio-pci,host=01:00.1,id=vf0|-device|usb-tablet"       \
	     "|-device|virtio-balloon-pci,id=bal|-qmp|unix:/run/vm.sock,server=on,wait=off"

static void a_machine_with_its_threads_and_devices(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	put_process(f.host, 77, "qemu-system-x86", QEMU, PLAIN);
	put_thread(f.host, 77, 80, "CPU 0/KVM", "1");
	put_thread(f.host, 77, 81, "CPU 1/KVM", "0-3");
	put_thread(f.host, 77, 82, "IO io0", "2-3");
	put_thread(f.host, 77, 83, "vhost-77", "3");
	put_thread(f.host, 77, 84, "worker", "0-3");
	put_thread(f.host, 77, 85, "qemu-system-x86", "0-3");
	put_thread(f.host, 77, 12, "worker", "0-3"); /* numbers began anew */
	host_fake_file(f.host, "proc/77/cgroup",
		       "2:cpu,cpuacct:/machine/a\n1:name=systemd:/b\n0::/c");
	host_fake_link(f.host, "proc/77/fd/9", "anon_inode:kvm-vm");
	host_fake_file(f.host, "sys/kernel/debug/kvm/77-9/exits", "4711");
	host_fake_file(f.host, "sys/bus/pci/devices/0000:01:00.1/numa_node", "1");
	host_fake_file(f.host, "sys/bus/pci/devices/0000:01:00.1/class", "0x020000");
	host_fake_link(f.host, "sys/bus/pci/devices/0000:01:00.1/driver",
		       "../../bus/pci/drivers/vfio-pci");
	fixture_run(&f);
	assert_int_equal(fixture_status(&f), SAMPLE_OK);
	assert_int_equal(fixture_count(&f, "vm"), 1);
	assert_string_equal(snapshot_find(f.snap, "vm:77.500")->name, "guest one");
	assert_string_equal(fixture_text(&f, "vm:77.500", "uuid"),
			    "11111111-2222-3333-4444-555555555555");
	assert_string_equal(fixture_text(&f, "vm:77.500", "accel"), "kvm");
	assert_string_equal(fixture_text(&f, "vm:77.500", "machine"), "q35");
	assert_string_equal(fixture_text(&f, "vm:77.500", "cgroup"), "/machine/a");
	assert_string_equal(fixture_text(&f, "vm:77.500", "memory_backend"), "memory-backend-file");
	assert_int_equal(fixture_u64(&f, "vm:77.500", "memory_bytes"), 1536u << 20);
	assert_int_equal(fixture_u64(&f, "vm:77.500", "vcpus"), 2);
	assert_int_equal(fixture_u64(&f, "vm:77.500", "exits"), 4711);
	assert_int_equal(fixture_u64(&f, "vm:77.500", "cpu_ns"), 420000000);
	assert_int_equal(fixture_u64(&f, "vm:77.500", "run_delay_ns"), 2 * 789);
	assert_int_equal(fixture_u64(&f, "vm:77.500", "libvirt"), 0);
	assert_string_equal(fixture_text(&f, "vm:77.500", "monitor_path"), "/run/vm.sock");

	assert_int_equal(fixture_count(&f, "vcpu"), 2);
	assert_string_equal(snapshot_find(f.snap, "vcpu:77.500/1")->parent->key, "vm:77.500");
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/0", "tid"), 80);
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/0", "pinned"), 1);
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/1", "pinned"), 0);
	assert_string_equal(fixture_text(&f, "vcpu:77.500/0", "affinity"), "1");
	assert_string_equal(fixture_text(&f, "vcpu:77.500/0", "policy"), "other");
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/0", "cpu_ns"), 123456);
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/0", "switches"), 70);
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/0", "involuntary_switches"), 8);
	assert_string_equal(fixture_text(&f, "vcpu:77.500/1", "flags"), "unpinned");
	assert_string_equal(fixture_text(&f, "thread:77.500/77", "role"), "emulator");
	assert_string_equal(fixture_text(&f, "thread:77.500/82", "role"), "iothread");
	assert_string_equal(snapshot_find(f.snap, "thread:77.500/82")->name, "io0");
	assert_string_equal(fixture_text(&f, "thread:77.500/83", "role"), "vhost");
	assert_string_equal(fixture_text(&f, "thread:77.500/84", "role"), "worker");
	assert_string_equal(fixture_text(&f, "thread:77.500/85", "role"), "other");

	assert_int_equal(fixture_count(&f, "vmdevice"), 6);
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/blk0", "backend"), "/images/a,b.raw");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/blk0", "iothread"), "io0");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/net0", "device_kind"), "vhost-net");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/net0", "backend"), "tap tap7");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/#3", "device_kind"), "vhost-user");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/old", "device_kind"), "emulated");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/vf0", "type"), "nic");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/vf0", "pci_address"), "0000:01:00.1");
	assert_string_equal(fixture_text(&f, "vmdevice:77.500/vf0", "driver"), "vfio-pci");
	assert_int_equal(fixture_u64(&f, "vmdevice:77.500/vf0", "node_id"), 1);
	fixture_done(&f);
}

/* As libvirt 10 starts it: JSON, and a monitor that is a descriptor. */
static void libvirts_own(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	put_process(
		f.host, 90, "qemu-kvm", "/usr/libexec/qemu-kvm",
		"/usr/libexec/qemu-kvm|-name|guest=web,debug-threads=on|-S|-object"
		"|{\"qom-type\":\"secret\",\"id\":\"masterKey0\",\"format\":\"raw\","
		"\"file\":\"/var/lib/libvirt/qemu/domain-3-web/master-key.aes\"}"
		"|-machine|pc-q35-rhel9,usb=off|-accel|kvm|-m|size=4194304k|-object"
		"|{\"qom-type\":\"memory-backend-memfd\",\"id\":\"pc.ram\",\"hugetlb\":true,"
		"\"hugetlbsize\":2097152,\"size\":4294967296,\"host-nodes\":[0],\"policy\":"
		"\"bind\"}"
		"|-overcommit|mem-lock=off|-smp|2,sockets=2|-nodefaults|-chardev"
		"|socket,id=charmonitor,fd=21,server=on,wait=off|-mon"
		"|chardev=charmonitor,id=monitor,mode=control|-blockdev"
		"|{\"driver\":\"file\",\"filename\":\"/img/"
		"web.qcow2\",\"node-name\":\"s1\"}|-blockdev"
		"|{\"node-name\":\"f1\",\"driver\":\"qcow2\",\"file\":\"s1\"}|-device"
		"|{\"driver\":\"virtio-blk-pci\",\"drive\":\"f1\",\"id\":\"virtio-disk0\"}|-netdev"
		"|{\"type\":\"tap\",\"fd\":\"22\",\"vhost\":true,\"vhostfd\":\"24\",\"id\":"
		"\"hostnet0\"}"
		"|-device|{\"driver\":\"virtio-net-pci\",\"netdev\":\"hostnet0\",\"id\":\"net0\"}");
	fixture_run(&f);
	assert_string_equal(snapshot_find(f.snap, "vm:90.500")->name, "web");
	assert_int_equal(fixture_u64(&f, "vm:90.500", "libvirt"), 1);
	assert_string_equal(fixture_text(&f, "vm:90.500", "monitor_path"),
			    "/var/lib/libvirt/qemu/domain-3-web/monitor.sock");
	assert_int_equal(fixture_u64(&f, "vm:90.500", "memory_bytes"), UINT64_C(4) << 30);
	assert_int_equal(fixture_u64(&f, "vm:90.500", "memory_page_bytes"), 2 << 20);
	assert_int_equal(fixture_u64(&f, "vm:90.500", "vcpus"), 2);
	assert_string_equal(fixture_text(&f, "vmdevice:90.500/virtio-disk0", "backend"),
			    "/img/web.qcow2");
	assert_string_equal(fixture_text(&f, "vmdevice:90.500/net0", "device_kind"), "vhost-net");
	/* The socket is where the kernel says it is bound, whatever the directory is. */
	host_fake_link(f.host, "proc/90/fd/21", "socket:[555]");
	host_fake_file(
		f.host, "proc/90/net/unix",
		"Num       RefCount Protocol Flags    Type St Inode Path\n"
		"0000000000000000: 00000002 00000000 00010000 0001 01   55 /run/other\n"
		"0000000000000000: 00000002 00000000 00010000 0001 01  555 /run/moved/m.sock");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "vm:90.500", "monitor_path"), "/run/moved/m.sock");
	fixture_done(&f);
}

static void what_is_a_machine(void **state)
{
	static const struct {
		const char *comm, *exe, *words;
		bool is_one;
	} cases[] = {
		{"kvm", QEMU, "/usr/bin/kvm|-id|100|-name|web|-m|512", true},
		{"qemu-system-x86", QEMU " (deleted)", "qemu-system-x86_64|-hda|x", true},
		{"qemu-system-x86", "/nix/store/x/.qemu-system-x86_64-wrapped", "q|-m|5", true},
		{"qemu-system-aar", NULL, "qemu-system-aarch64|-M|virt|-nographic", true},
		{"my-vmm", "/opt/my-vmm", "/opt/my-vmm|-machine|q35|-accel|kvm|-m|1G|disk.img",
		 true},
		{"sudo", "/usr/bin/sudo", "sudo|qemu-system-x86_64|-machine|q35|-accel|kvm", false},
		{"gdb", "/usr/bin/gdb", "gdb|--args|" QEMU "|-machine|q35", false},
		{"bash", "/usr/bin/bash", "bash|-c|qemu-system-x86_64 -machine q35", false},
		{"timeout", "/usr/bin/timeout", "timeout|60|" QEMU "|-machine|q35", false},
		{"vim", "/usr/bin/vim", "vim|qemu-system-x86_64.c", false},
		{"qemu-img", "/usr/bin/qemu-img", "qemu-img|convert|-m|4|a|b", false},
		{"qemu-system-x86", QEMU,
		 QEMU "|-S|-nodefaults|-machine|none,accel=kvm:tcg|-qmp|unix:/a,server=on", false},
		{"qemu-system-x86", QEMU, QEMU "|-version", false},
		{"java", "/usr/bin/java", "java|-m|100|-cp|x|-name|y", false},
		{"empty", "/usr/bin/empty", "", false},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		start(&f);
		put_process(f.host, 50, cases[i].comm, cases[i].exe, cases[i].words);
		fixture_run(&f);
		if (fixture_count(&f, "vm") != cases[i].is_one)
			print_message("%s\n", cases[i].words);
		assert_int_equal(fixture_count(&f, "vm"), cases[i].is_one);
		fixture_done(&f);
	}
}

static void monitors_that_cannot_be_asked(void **state)
{
	static const char *const cases[][2] = {
		{"|-m|64", "none"},
		{"|-monitor|unix:/m,server=on", "none (only one for people)"},
		{"|-qmp|tcp:127.0.0.1:4444,server=on", "none (QMP on no unix socket)"},
		{"|-chardev|socket,id=c,host=::1,port=4444,server=on|-mon|chardev=c,mode=control",
		 "none (QMP on no unix socket)"},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(freep) char *words = xasprintf("%s%s", QEMU, cases[i][0]);
		struct fixture f;

		start(&f);
		put_process(f.host, 77, "qemu-system-x86", QEMU, words);
		fixture_run(&f);
		assert_string_equal(fixture_text(&f, "vm:77.500", "monitor"), cases[i][1]);
		fixture_done(&f);
	}
}

static void kernel_threads_and_zombies_are_none(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *kthread = stat_text(60, "vhost-77", 0x00208040, 300, 0);

	(void)state;
	start(&f);
	put_process(f.host, 77, "qemu-system-x86", QEMU, QEMU "|-m|64");
	host_fake_file(f.host, "proc/60/stat", kthread);
	put_thread(f.host, 60, 60, "vhost-77", "2");
	put_process(f.host, 78, "qemu-system-x86", QEMU, QEMU "|-m|64");
	host_fake_file(f.host, "proc/78/stat",
		       "78 (qemu-system-x86) Z 1 1 1 0 -1 0 0 0 0 0 30 12 0 0 20 0 1 0 500 0 0 0 0 "
		       "0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "vm"), 1);
	assert_string_equal(fixture_text(&f, "thread:77.500/60", "role"), "vhost");
	assert_string_equal(fixture_text(&f, "thread:77.500/60", "affinity"), "2");
	fixture_done(&f);
}

static void roles_without_names(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	put_process(f.host, 77, "qemu-system-x86", QEMU, QEMU "|-m|64|-enable-kvm");
	for (unsigned tid = 80; tid < 84; tid++)
		put_thread(f.host, 77, tid, "qemu-system-x86", "0-3");
	host_fake_link(f.host, "proc/77/fd/9", "anon_inode:kvm-vm");
	host_fake_link(f.host, "proc/77/fd/28", "anon_inode:kvm-vcpu:1");
	host_fake_file(f.host, "sys/kernel/debug/kvm/77-9/vcpu0/pid", "80");
	host_fake_file(f.host, "proc/77/task/81/syscall", "16 0x1c 0xae80 0x0 0x1 0x2 0x3 0x4 0x5");
	host_fake_file(f.host, "proc/77/task/82/syscall", "16 0x1c 0xae81 0x0 0x1 0x2 0x3 0x4 0x5");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "vcpu"), 2);
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/0", "tid"), 80);
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/1", "tid"), 81);
	assert_string_equal(fixture_text(&f, "vcpu:77.500/1", "how"), "kvm");
	assert_string_equal(fixture_text(&f, "thread:77.500/82", "role"), "unnamed");
	/* It runs its guest now: what was found stays known. */
	host_fake_file(f.host, "proc/77/task/81/syscall", "running");
	fixture_run(&f);
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/1", "tid"), 81);
	fixture_done(&f);
}

#define MONITOR "proc/77/root/run/vm.sock"
static void answer(struct host *host, const char *command, const char *value)
{
	_cleanup_(freep) char *request =
		xasprintf("{\"execute\":\"%s\",\"id\":\"%s\"}\n", command, command);
	_cleanup_(freep) char *reply =
		xasprintf("{\"return\": %s, \"id\": \"%s\"}", value, command);

	host_fake_unix(host, MONITOR, request, reply, 0);
}

static void a_monitor_knows_what_proc_does_not(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	put_process(f.host, 77, "qemu-system-x86", QEMU,
		    QEMU "|-m|64|-qmp|unix:/var/run/vm.sock,server=on");
	put_thread(f.host, 77, 180, "qemu-system-x86", "0-3");
	put_thread(f.host, 77, 181, "qemu-system-x86", "0-3");
	host_fake_unix(f.host, MONITOR, NULL,
		       "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 3, \"minor\": 2, \"major\": "
		       "8}, \"package\": \"\"}, \"capabilities\": []}}",
		       0);
	answer(f.host, "qmp_capabilities", "{}");
	answer(f.host, "query-name", "{\"name\": \"by\\u202emonitor\"}");
	answer(f.host, "query-version",
	       "{\"qemu\": {\"micro\": 3, \"minor\": 2, \"major\": 8}, \"package\": \"\"}");
	answer(f.host, "query-uuid", "{\"UUID\": \"00000000-0000-0000-0000-000000000000\"}");
	answer(f.host, "query-kvm", "{\"enabled\": true, \"present\": true}");
	answer(f.host, "query-memory-size-summary",
	       "{\"base-memory\": 67108864, \"plugged-memory\": 1048576}");
	answer(f.host, "query-balloon", "{\"actual\": 1234}");
	answer(f.host, "query-stats-schemas", "[]");
	answer(f.host, "query-status", "{\"status\": \"paused\", \"running\": false}");
	/* Threads as its own PID namespace numbers them: 70 less. */
	answer(f.host, "query-cpus-fast",
	       "[{\"cpu-index\": 0, \"thread-id\": 110, \"qom-path\": \"/a\", \"target\": "
	       "\"x86_64\"}]");
	answer(f.host, "query-iothreads", "[{\"id\": \"io7\", \"thread-id\": 111}]");
	answer(f.host, "query-memdev", "[]");
	answer(f.host, "query-block", "[]");
	answer(f.host, "query-pci", "[]");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "vm:77.500", "monitor"), "ok");
	assert_string_equal(fixture_text(&f, "vm:77.500", "state"), "paused");
	assert_string_equal(fixture_text(&f, "vm:77.500", "qemu_version"), "8.2.3");
	assert_string_equal(fixture_text(&f, "vm:77.500", "accel"), "kvm");
	assert_int_equal(fixture_u64(&f, "vm:77.500", "memory_bytes"), 65 << 20);
	assert_int_equal(fixture_u64(&f, "vm:77.500", "balloon_bytes"), 1234);
	assert_string_equal(snapshot_find(f.snap, "vm:77.500")->name, "by\\u202emonitor");
	assert_int_equal(fixture_u64(&f, "vcpu:77.500/0", "tid"), 180);
	assert_string_equal(fixture_text(&f, "vcpu:77.500/0", "how"), "qmp");
	assert_string_equal(snapshot_find(f.snap, "thread:77.500/181")->name, "io7");
	fixture_done(&f);
}

static void names_are_made_visible(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	put_process(
		f.host, 77, "a)b\n\033[31m", QEMU,
		QEMU
		"|-name|x\033]0;evil\a\xff\xe2\x80\xaey|-m|64|-device|e1000,id=\xe2\x80\x8b/..\n");
	fixture_run(&f);
	assert_string_equal(snapshot_find(f.snap, "vm:77.500")->name,
			    "x\\e]0;evil\\x07\\xff\\u202ey");
	assert_string_equal(fixture_text(&f, "vm:77.500", "comm"), "a)b\\n\\e[31m");
	assert_non_null(snapshot_find(f.snap, "vmdevice:77.500/\\u200b/..\\n"));
	fixture_done(&f);
}

static void another_process_under_the_number(void **state)
{
	struct fixture f;
	_cleanup_(freep) char *later = stat_text(77, "qemu-system-x86", 0, 900, 1);
	_cleanup_(freep) char *shell = stat_text(77, "bash", 0, 950, 1);

	(void)state;
	start(&f);
	put_process(f.host, 77, "qemu-system-x86", QEMU, QEMU "|-name|first|-m|64");
	fixture_run(&f);
	assert_string_equal(snapshot_find(f.snap, "vm:77.500")->name, "first");
	host_fake_file(f.host, "proc/77/stat", later);
	host_fake_file(f.host, "proc/77/task/77/stat", later);
	put_cmdline(f.host, 77, QEMU "|-name|second|-m|64");
	fixture_run(&f);
	assert_null(snapshot_find(f.snap, "vm:77.500"));
	assert_string_equal(snapshot_find(f.snap, "vm:77.900")->name, "second");
	/* A shell that becomes a QEMU: the same number and start. */
	host_fake_file(f.host, "proc/77/stat", shell);
	put_cmdline(f.host, 77, "bash");
	host_fake_link(f.host, "proc/77/exe", "/bin/bash");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "vm"), 0);
	host_fake_link(f.host, "proc/77/exe", QEMU);
	put_process(f.host, 77, "qemu-system-x86", QEMU, QEMU "|-m|64");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "vm"), 1);
	host_fake_remove(f.host, "proc/77");
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "vm"), 0);
	fixture_done(&f);
}

/* Whatever call finds it gone: the row is left out, or whole; never a fault, never a crash. */
static void one_that_ends_while_it_is_read(void **state)
{
	static const int errors[] = {ENOENT, ESRCH, EACCES, EIO};

	(void)state;
	for (unsigned e = 0; e < ARRAY_SIZE(errors); e++) {
		for (unsigned call = 2; call < 60; call++) {
			struct fixture f;

			start(&f);
			put_process(f.host, 77, "qemu-system-x86", QEMU, PLAIN);
			put_thread(f.host, 77, 80, "CPU 0/KVM", "1");
			host_fake_error_at(f.host, call, errors[e]);
			fixture_run(&f);
			assert_int_equal(fixture_status(&f), SAMPLE_OK);
			assert_true(fixture_count(&f, "vm") <= 1);
			assert_true(fixture_count(&f, "vcpu") <= fixture_count(&f, "vm"));
			host_fake_error_at(f.host, 0, 0);
			fixture_run(&f);
			assert_int_equal(fixture_count(&f, "vm"), 1);
			fixture_done(&f);
		}
	}
}

static void where_memory_lies(void **state)
{
	static const char maps[] =
		"55d0 default heap anon=900000 N0=900000 kernelpagesize_kB=4\n"
		"7f00 bind:0-1 file=/memfd:memory-backend-memfd\\040(deleted) huge dirty=9 N0=1 "
		"N1=200 "
		"kernelpagesize_kB=2048\n"
		"7f40 default anon=5000 N0=5000 kernelpagesize_kB=4\n"
		"7f50 default file=/usr/bin/qemu N0=99999999999999999999 kernelpagesize_kB=4";
	struct vm_memory memory;

	(void)state;
	vm_parse_numa_maps(maps, "", &memory);
	assert_true(memory.is_known);
	assert_int_equal(memory.bytes, UINT64_C(201) << 21);
	assert_int_equal(memory.page_bytes, 2 << 20);
	assert_string_equal(memory.policy, "bind:0-1");
	/* One page of 201 is less than a hundredth. */
	assert_false(cpuset_has(&memory.nodes, 0));
	assert_true(cpuset_has(&memory.nodes, 1));
	vm_parse_numa_maps(strchr(strchr(maps, '\n') + 1, '\n') + 1, "", &memory);
	assert_int_equal(memory.bytes, 5000 * 4096);
	vm_parse_numa_maps("", "", &memory);
	assert_false(memory.is_known);
}

/* QEMU's own heap in huge pages is not the guest's memory in huge pages. */
static void huge_pages_of_the_guest_only(void **state)
{
	static const char maps[] = "55d000 default heap anon=900 N0=900 kernelpagesize_kB=4\n"
				   "7f4000 default anon=2048 N0=2048 kernelpagesize_kB=4\n"
				   "7f9000 default anon=600 N0=600 kernelpagesize_kB=4";
	static const char smaps[] =
		"55d000-5ff000 rw-p 00000000 00:00 0   [heap]\nAnonHugePages:     2048 kB\n"
		"7f4000-7f8000 rw-p 00000000 00:00 0\nRss: 8192 kB\nAnonHugePages:     %u kB\n"
		"Shared_Hugetlb:        0 kB\n"
		"7f9000-7fa000 rw-p 00000000 00:00 0\nAnonHugePages:     8192 kB\n";
	static const unsigned guest_kb[] = {0, 6144};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		_cleanup_(freep) char *text = xasprintf(smaps, guest_kb[i]);
		struct fixture f;

		start(&f);
		put_process(f.host, 77, "qemu-system-x86", QEMU, QEMU "|-m|8");
		host_fake_file(f.host, "proc/77/numa_maps", maps);
		host_fake_file(f.host, "proc/77/smaps", text);
		fixture_run(&f);
		assert_int_equal(fixture_u64(&f, "vm:77.500", "memory_present_bytes"), 8 << 20);
		assert_int_equal(fixture_u64(&f, "vm:77.500", "memory_thp_bytes"),
				 guest_kb[i] * 1024);
		assert_string_equal(fixture_text(&f, "vm:77.500", "flags"), i ? "" : "pages");
		fixture_done(&f);
	}
}

/* Two nodes of two cores with two threads each: CPUs 0,1 2,3 and 4,5 6,7. */
static void flags(void **state)
{
	static const char *const siblings[] = {"0-1", "2-3", "4-5", "6-7"};
	struct fixture f;

	(void)state;
	start(&f);
	host_fake_file(f.host, "sys/devices/system/cpu/online", "0-7");
	host_fake_file(f.host, "sys/devices/system/node/node0/cpulist", "0-3");
	host_fake_file(f.host, "sys/devices/system/node/node1/cpulist", "4-7");
	for (unsigned cpu = 0; cpu < 8; cpu++) {
		_cleanup_(freep) char *path = xasprintf(
			"sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);

		host_fake_file(f.host, path, siblings[cpu / 2]);
	}
	put_process(f.host, 77, "qemu-system-x86", QEMU,
		    QEMU "|-m|64|-smp|5|-device|vfio-pci,host=0000:01:00.1");
	host_fake_file(f.host, "sys/bus/pci/devices/0000:01:00.1/numa_node", "1");
	host_fake_file(f.host, "proc/77/numa_maps",
		       "7f00 default anon=5000 N0=5000 kernelpagesize_kB=4");
	put_thread(f.host, 77, 80, "CPU 0/KVM", "0");
	put_thread(f.host, 77, 81, "CPU 1/KVM", "1");
	put_thread(f.host, 77, 82, "CPU 2/KVM", "4");
	put_thread(f.host, 77, 83, "CPU 3/KVM", "4");
	put_thread(f.host, 77, 84, "CPU 4/KVM", "2-5");
	put_thread(f.host, 77, 85, "CPU 5/KVM", "0-7");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "vcpu:77.500/0", "flags"), "siblings vf-node");
	assert_string_equal(fixture_text(&f, "vcpu:77.500/1", "flags"), "siblings vf-node");
	assert_string_equal(fixture_text(&f, "vcpu:77.500/2", "flags"), "shared node");
	assert_string_equal(fixture_text(&f, "vcpu:77.500/3", "flags"), "shared node");
	/* Some of its CPUs are near, some are not. */
	assert_string_equal(fixture_text(&f, "vcpu:77.500/4", "flags"), "node vf-node");
	assert_string_equal(fixture_text(&f, "vcpu:77.500/5", "flags"), "unpinned");
	assert_string_equal(fixture_text(&f, "vm:77.500", "flags"),
			    "unpinned shared siblings node vf-node pages");
	assert_string_equal(fixture_text(&f, "vm:77.500", "memory_nodes"), "0");
	fixture_done(&f);
}

static void a_guest_that_knows_of_threads(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	host_fake_file(f.host, "sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1");
	host_fake_file(f.host, "sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1");
	put_process(f.host, 77, "qemu-system-x86", QEMU, QEMU "|-m|64|-smp|2,cores=1,threads=2");
	put_thread(f.host, 77, 80, "CPU 0/KVM", "0");
	put_thread(f.host, 77, 81, "CPU 1/KVM", "1");
	fixture_run(&f);
	assert_string_equal(fixture_text(&f, "vcpu:77.500/0", "flags"), "");
	fixture_done(&f);
}

static void five_hundred(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	for (unsigned pid = 1000; pid < 1500; pid++) {
		put_process(f.host, pid, "qemu-system-x86", QEMU, QEMU "|-m|64");
		put_thread(f.host, pid, pid + 10000, "CPU 0/KVM", "1");
	}
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "vm"), 500);
	assert_int_equal(fixture_count(&f, "vcpu"), 500);
	for (unsigned pid = 1000; pid < 1250; pid++) {
		_cleanup_(freep) char *path = xasprintf("proc/%u", pid);

		host_fake_remove(f.host, path);
	}
	fixture_run(&f);
	assert_int_equal(fixture_count(&f, "vm"), 250);
	assert_string_equal(fixture_text(&f, "vcpu:1300.500/0", "role"), "vcpu");
	fixture_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_with_its_threads_and_devices),
		cmocka_unit_test(libvirts_own),
		cmocka_unit_test(what_is_a_machine),
		cmocka_unit_test(kernel_threads_and_zombies_are_none),
		cmocka_unit_test(monitors_that_cannot_be_asked),
		cmocka_unit_test(roles_without_names),
		cmocka_unit_test(a_monitor_knows_what_proc_does_not),
		cmocka_unit_test(names_are_made_visible),
		cmocka_unit_test(another_process_under_the_number),
		cmocka_unit_test(one_that_ends_while_it_is_read),
		cmocka_unit_test(where_memory_lies),
		cmocka_unit_test(huge_pages_of_the_guest_only),
		cmocka_unit_test(flags),
		cmocka_unit_test(a_guest_that_knows_of_threads),
		cmocka_unit_test(five_hundred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
