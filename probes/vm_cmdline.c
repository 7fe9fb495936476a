/*
 * The command line of a QEMU (qemu-options.def, system/vl.c): what the machine is made of, and
 * where its monitor listens. Options that do not matter here are stepped over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/parse.h"
#include "probes/vm_internal.h"

#define WORDS_MAX 8192u
#define PARTS_MAX 512u

/* What refers to one another by id, in any order. */
struct part {
	char id[64], type[32], path[256], chardev[64];
	bool is_vhost, is_server, is_used;
	int fd; /* -1 */
};

struct reading {
	struct vm_config *config;
	unsigned n_netdevs, n_drives, n_chardevs, n_monitors, room_devices;
	struct part netdevs[PARTS_MAX], drives[PARTS_MAX], chardevs[PARTS_MAX], monitors[PARTS_MAX];
	bool has_backend, is_kvm_name;
};

static void copy(char *to, size_t size, const char *from)
{
	if (from)
		(void)snprintf(to, size, "%.*s", (int)size - 1, from);
}
#define COPY(to, from) copy(to, sizeof(to), from)

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool vm_is_qemu_name(const char *path)
{
	const char *name = base_name(path);

	/* ".qemu-system-x86_64-wrapped" of NixOS, "qemu-system-x86_64 (deleted)" after an upgrade.
	 */
	name += *name == '.';
	return !strncmp(name, "qemu-system-", 12) || !strcmp(name, "qemu-kvm") ||
	       !strncmp(name, "qemu-kvm ", 9) || !strcmp(name, "kvm") || !strncmp(name, "kvm ", 4);
}

static bool is_on(const char *text)
{
	return text && (!strcmp(text, "on") || !strcmp(text, "yes") || !strcmp(text, "true"));
}

static struct part *add_part(struct part *parts, unsigned *n)
{
	struct part *part = &parts[*n < PARTS_MAX ? (*n)++ : PARTS_MAX - 1];

	*part = (struct part){.fd = -1};
	return part;
}

static struct part *find_part(struct part *parts, unsigned n, const char *id)
{
	for (unsigned i = 0; id && i < n; i++) {
		if (parts[i].id[0] && !strcmp(parts[i].id, id))
			return &parts[i];
	}
	return NULL;
}

/* --- single options --- */

static void read_name(struct reading *reading, const struct vm_options *options)
{
	COPY(reading->config->name, vm_option(options, "guest"));
	reading->config->names_threads = is_on(vm_option(options, "debug-threads"));
}

static void read_machine(struct reading *reading, const struct vm_options *options)
{
	struct vm_config *config = reading->config;

	config->has_machine = true;
	COPY(config->machine, vm_option(options, "type"));
	COPY(config->accel, vm_option(options, "accel"));
	if (vm_option(options, "memory-backend"))
		reading->has_backend = true;
	config->is_not_a_machine |= !strcmp(config->machine, "none");
}

static void read_memory(struct reading *reading, const struct vm_options *options)
{
	const char *size = vm_option(options, "size");

	if (size)
		(void)vm_option_size(size, 1024 * 1024, &reading->config->memory_bytes);
}

static uint64_t number_of(const struct vm_options *options, const char *key)
{
	const char *text = vm_option(options, key);
	uint64_t n;

	return text && parse_u64(text, &n) == 0 && n <= 65536 ? n : 0;
}

static void read_smp(struct reading *reading, const struct vm_options *options)
{
	static const char *const levels[] = {"drawers", "books",    "sockets", "dies",
					     "modules", "clusters", "cores",   "threads"};
	uint64_t n = number_of(options, "cpus"), product = 1;

	for (size_t i = 0; i < ARRAY_SIZE(levels) && product <= 65536; i++)
		product *= number_of(options, levels[i]) ? number_of(options, levels[i]) : 1;
	reading->config->vcpus = (unsigned)(n ? n : product <= 65536 ? product : 0);
	reading->config->guest_threads = (unsigned)number_of(options, "threads");
}

static void read_object(struct reading *reading, const struct vm_options *options)
{
	struct vm_config *config = reading->config;
	const char *type = vm_option(options, "qom-type"), *file = vm_option(options, "file");

	/* libvirt's own: its directory of this machine, where its monitor is too. */
	if (type && !strcmp(type, "secret") && file && strstr(file, "/libvirt/qemu/domain-")) {
		config->is_libvirt = true;
		if (!config->monitor[0])
			(void)snprintf(config->monitor, sizeof(config->monitor),
				       "%.*s/monitor.sock", (int)(strrchr(file, '/') - file), file);
	}
	if (!type || strncmp(type, "memory-backend-", 15) != 0 || config->backend[0])
		return;
	COPY(config->backend, type);
	COPY(config->backend_path, vm_option(options, "mem-path"));
	COPY(config->policy, vm_option(options, "policy"));
	config->is_shared = is_on(vm_option(options, "share"));

	const char *page = vm_option(options, "hugetlbsize");

	if (page)
		(void)vm_option_size(page, 1, &config->backend_page_bytes);
}

/* "unix:/path,server=on,wait=off": the form of -qmp, -monitor and -serial. */
static void read_monitor(struct reading *reading, const char *text, bool is_qmp)
{
	struct part *monitor = add_part(reading->monitors, &reading->n_monitors);
	struct vm_options options;

	COPY(monitor->type, is_qmp ? "control" : "readline");
	if (!strncmp(text, "chardev:", 8)) {
		COPY(monitor->chardev, text + 8);
		return;
	}
	if (strncmp(text, "unix:", 5) != 0)
		return;
	vm_options_read(text + 5, "path", &options);
	COPY(monitor->path, vm_option(&options, "path"));
	monitor->is_server = is_on(vm_option(&options, "server"));
	vm_options_done(&options);
}

static void read_mon(struct reading *reading, const struct vm_options *options)
{
	struct part *monitor = add_part(reading->monitors, &reading->n_monitors);
	const char *mode = vm_option(options, "mode");

	COPY(monitor->type, mode ? mode : "readline");
	COPY(monitor->chardev, vm_option(options, "chardev"));
}

static void read_chardev(struct reading *reading, const struct vm_options *options)
{
	struct part *chardev = add_part(reading->chardevs, &reading->n_chardevs);
	const char *fd = vm_option(options, "fd");
	uint64_t n;

	COPY(chardev->id, vm_option(options, "id"));
	COPY(chardev->type, vm_option(options, "backend"));
	COPY(chardev->path, vm_option(options, "path"));
	chardev->is_server = is_on(vm_option(options, "server"));
	if (fd && parse_u64(fd, &n) == 0 && n < INT32_MAX)
		chardev->fd = (int)n;
}

static void read_netdev(struct reading *reading, const struct vm_options *options)
{
	struct part *netdev = add_part(reading->netdevs, &reading->n_netdevs);
	const char *ifname = vm_option(options, "ifname");

	COPY(netdev->id, vm_option(options, "id"));
	COPY(netdev->type, vm_option(options, "type"));
	COPY(netdev->chardev, vm_option(options, "chardev"));
	COPY(netdev->path, ifname ? ifname : vm_option(options, "vhostdev"));
	if (!netdev->path[0])
		COPY(netdev->path, vm_option(options, "br"));
	/* vhost is on by itself where libvirt hands over descriptors of it. */
	netdev->is_vhost = is_on(vm_option(options, "vhost")) || vm_option(options, "vhostfd") ||
			   vm_option(options, "vhostfds") ||
			   is_on(vm_option(options, "vhostforce"));
}

static void read_drive(struct reading *reading, const struct vm_options *options)
{
	static const char *const files[] = {"file", "filename", "file.filename", "node-name"};
	struct part *drive = add_part(reading->drives, &reading->n_drives);
	const char *id = vm_option(options, "id"), *interface = vm_option(options, "if");
	const char *file = NULL;

	/* A node on top of another one (qcow2 on a file): its file is the other's. */
	struct part *below =
		find_part(reading->drives, reading->n_drives, vm_option(options, "file"));

	for (size_t i = 0; i < ARRAY_SIZE(files) && !file; i++)
		file = vm_option(options, files[i]);
	COPY(drive->id, id ? id : vm_option(options, "node-name"));
	COPY(drive->path, below ? below->path : file);
	COPY(drive->type, interface ? interface : "ide");
}

/* --- devices --- */

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* False: of no interest (bridges, consoles, USB). */
static bool sort_device(const char *driver, enum vm_device_type *type, enum vm_device_kind *kind)
{
	static const struct {
		const char *prefix;
		enum vm_device_type type;
		enum vm_device_kind kind;
	} known[] = {
		{"virtio-net", VM_NIC, VM_VIRTIO},
		{"e1000", VM_NIC, VM_EMULATED},
		{"rtl8139", VM_NIC, VM_EMULATED},
		{"vmxnet3", VM_NIC, VM_EMULATED},
		{"igb", VM_NIC, VM_EMULATED},
		{"ne2k", VM_NIC, VM_EMULATED},
		{"pcnet", VM_NIC, VM_EMULATED},
		{"i825", VM_NIC, VM_EMULATED},
		{"tulip", VM_NIC, VM_EMULATED},
		{"usb-net", VM_NIC, VM_EMULATED},
		{"spapr-vlan", VM_NIC, VM_EMULATED},
		{"virtio-blk", VM_DISK, VM_VIRTIO},
		{"vhost-user-blk", VM_DISK, VM_VHOST_USER},
		{"scsi-", VM_DISK, VM_VIRTIO},
		{"ide-", VM_DISK, VM_EMULATED},
		{"nvme", VM_DISK, VM_EMULATED},
		{"usb-storage", VM_DISK, VM_EMULATED},
		{"sd-card", VM_DISK, VM_EMULATED},
		{"virtio-scsi", VM_SCSI, VM_VIRTIO},
		{"vhost-scsi", VM_SCSI, VM_VHOST},
		{"vhost-user-scsi", VM_SCSI, VM_VHOST_USER},
		{"lsi", VM_SCSI, VM_EMULATED},
		{"megasas", VM_SCSI, VM_EMULATED},
		{"mptsas", VM_SCSI, VM_EMULATED},
		{"virtio-balloon", VM_BALLOON, VM_VIRTIO},
		{"vhost-vsock", VM_VSOCK, VM_VHOST},
		{"vhost-user-fs", VM_FS, VM_VHOST_USER},
		{"virtio-9p", VM_FS, VM_VIRTIO},
		{"vfio-", VM_PASSED, VM_VFIO},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (begins(driver, known[i].prefix)) {
			*type = known[i].type;
			*kind = known[i].kind;
			return true;
		}
	}
	return false;
}

static struct vm_device *add_device(struct reading *reading)
{
	struct vm_config *config = reading->config;

	if (config->n_devices == VM_DEVICES_MAX)
		return &config->devices[VM_DEVICES_MAX - 1];
	if (config->n_devices == reading->room_devices) {
		reading->room_devices = reading->room_devices ? 2 * reading->room_devices : 8;
		config->devices =
			xrealloc(config->devices, reading->room_devices * sizeof(*config->devices));
	}

	struct vm_device *device = &config->devices[config->n_devices++];

	*device = (struct vm_device){0};
	(void)snprintf(device->id, sizeof(device->id), "#%u", config->n_devices);
	return device;
}

static void join_netdev(struct reading *reading, struct vm_device *device, const char *id)
{
	struct part *netdev = find_part(reading->netdevs, reading->n_netdevs, id);
	bool has_more = netdev && (netdev->path[0] || netdev->chardev[0]);

	if (!netdev)
		return;
	netdev->is_used = true;
	if (!strcmp(netdev->type, "vhost-user"))
		device->kind = VM_VHOST_USER;
	else if (!strcmp(netdev->type, "vhost-vdpa"))
		device->kind = VM_VHOST_VDPA;
	else if (netdev->is_vhost && device->kind == VM_VIRTIO)
		device->kind = VM_VHOST_NET;
	(void)snprintf(device->backend, sizeof(device->backend), "%s%s%.100s", netdev->type,
		       has_more ? " " : "", netdev->path[0] ? netdev->path : netdev->chardev);
}

static void join_drive(struct reading *reading, struct vm_device *device, const char *id)
{
	struct part *drive = find_part(reading->drives, reading->n_drives, id);

	if (drive) {
		drive->is_used = true;
		COPY(device->backend, drive->path);
	} else {
		COPY(device->backend, id);
	}
}

/* "0000:01:00.1", "01:00.1": with the domain. */
static void read_address(struct vm_device *device, const struct vm_options *options)
{
	const char *host = vm_option(options, "host"), *sysfs = vm_option(options, "sysfsdev");

	if (host)
		(void)snprintf(device->address, sizeof(device->address), "%s%.24s",
			       strlen(host) == 7 ? "0000:" : "", host);
	else if (sysfs)
		(void)snprintf(device->address, sizeof(device->address), "%.31s", base_name(sysfs));
	COPY(device->backend, device->address);
}

static void read_device(struct reading *reading, const struct vm_options *options)
{
	const char *driver = vm_option(options, "driver"), *id = vm_option(options, "id");
	enum vm_device_type type;
	enum vm_device_kind kind;

	if (!driver || !sort_device(driver, &type, &kind))
		return;

	struct vm_device *device = add_device(reading);

	device->type = type;
	device->kind = kind;
	COPY(device->driver, driver);
	if (id && *id)
		COPY(device->id, id);
	COPY(device->iothread, vm_option(options, "iothread"));
	COPY(device->backend, vm_option(options, "chardev"));
	if (type == VM_NIC)
		join_netdev(reading, device, vm_option(options, "netdev"));
	else if (type == VM_DISK && vm_option(options, "drive"))
		join_drive(reading, device, vm_option(options, "drive"));
	else if (kind == VM_VFIO)
		read_address(device, options);
}

/* -nic, and the old -net nic: both ends in one. */
static void read_nic(struct reading *reading, const struct vm_options *options, bool is_nic)
{
	const char *type = vm_option(options, "type"), *model = vm_option(options, "model");

	if (!type || !strcmp(type, "none") || (!is_nic && strcmp(type, "nic") != 0))
		return;

	struct vm_device *device = add_device(reading);

	device->type = VM_NIC;
	device->kind = model && begins(model, "virtio") ? VM_VIRTIO : VM_EMULATED;
	COPY(device->driver, model);
	if (is_nic) {
		COPY(device->backend, type);
		if (is_on(vm_option(options, "vhost")) && device->kind == VM_VIRTIO)
			device->kind = VM_VHOST_NET;
	}
}

/* -drive without -device: QEMU makes the device of if=. */
static void add_drives(struct reading *reading)
{
	for (unsigned i = 0; i < reading->n_drives; i++) {
		const struct part *drive = &reading->drives[i];

		if (drive->is_used || !strcmp(drive->type, "none") ||
		    !strcmp(drive->type, "blockdev") || !strcmp(drive->type, "pflash"))
			continue;

		struct vm_device *device = add_device(reading);

		device->type = VM_DISK;
		device->kind = begins(drive->type, "virtio") ? VM_VIRTIO : VM_EMULATED;
		(void)snprintf(device->driver, sizeof(device->driver), "if=%s", drive->type);
		COPY(device->backend, drive->path);
		if (drive->id[0])
			COPY(device->id, drive->id);
	}
}

/* --- the words --- */

enum argument { ARGUMENT_NONE, ARGUMENT_ONE, ARGUMENT_UNKNOWN };

/* Of QEMU 1.0 to 10.2. Others are stepped over, with what follows unless that is an option too. */
static enum argument argument_of(const char *option)
{
	static const char without[] =
		" S s h help version nodefaults nodefconfig no-user-config nouserconfig nographic "
		"daemonize enable-kvm no-kvm no-acpi no-hpet no-reboot no-shutdown no-fd-bootchk "
		"snapshot usb full-screen alt-grab ctrl-grab no-quit no-frame sdl curses "
		"singlestep only-migratable preconfig portrait mem-prealloc enable-fips "
		"semihosting old-param show-cursor xen-attach xen-domid-restrict async-teardown "
		"enable-sync-profile perfmap jitdump win2k-hack no-kvm-irqchip no-kvm-pit "
		"no-kvm-pit-reinjection tdf kvm ";
	static const char with[] =
		" name uuid machine M cpu accel smp m mem-path object device netdev net nic drive "
		"blockdev chardev mon monitor qmp qmp-pretty serial parallel display vga vnc spice "
		"k boot kernel initrd append dtb bios pflash cdrom hda hdb hdc hdd fda fdb sd "
		"mtdblock rtc overcommit sandbox pidfile global msg icount watchdog "
		"watchdog-action action numa set readconfig writeconfig fw_cfg smbios acpitable "
		"audiodev audio soundhw usbdevice add-fd D d dfilter trace runas "
		"run-with chroot user incoming loadvm L gdb echr option-rom prom-env fsdev virtfs "
		"iscsi tpmdev realtime balloon debugcon virtioconsole bt plugin seed compat clock "
		"tb-size semihosting-config xen-domid rotate qtest qtest-log shim g ";
	char word[40];

	if (snprintf(word, sizeof(word), " %.32s ", option) < 3)
		return ARGUMENT_UNKNOWN;
	if (strstr(without, word))
		return ARGUMENT_NONE;
	return strstr(with, word) ? ARGUMENT_ONE : ARGUMENT_UNKNOWN;
}

static void read_with(struct reading *reading, const char *text, const char *first,
		      void (*read)(struct reading *reading, const struct vm_options *options))
{
	struct vm_options options;

	vm_options_read(text, first, &options);
	read(reading, &options);
	vm_options_done(&options);
}

static void read_accel(struct reading *reading, const struct vm_options *options)
{
	const char *accel = vm_option(options, "accel");

	reading->config->has_machine = true;
	/* The first one is the one that is tried first. */
	if (!reading->config->accel[0])
		COPY(reading->config->accel, accel);
}

static void read_nic_option(struct reading *reading, const struct vm_options *options)
{
	read_nic(reading, options, true);
}

static void read_net_option(struct reading *reading, const struct vm_options *options)
{
	read_nic(reading, options, false);
}

static void read_blockdev(struct reading *reading, const struct vm_options *options)
{
	read_drive(reading, options);
	COPY(reading->drives[reading->n_drives - 1].type, "blockdev");
}

/* Options whose argument is a list, in two passes: what devices refer to comes first. */
static const struct {
	const char *option, *first;
	unsigned pass;
	void (*read)(struct reading *reading, const struct vm_options *options);
} lists[] = {
	{"name", "guest", 0, read_name},	 {"machine", "type", 0, read_machine},
	{"M", "type", 0, read_machine},		 {"accel", "accel", 0, read_accel},
	{"m", "size", 0, read_memory},		 {"smp", "cpus", 0, read_smp},
	{"object", "qom-type", 0, read_object},	 {"mon", "chardev", 0, read_mon},
	{"chardev", "backend", 0, read_chardev}, {"netdev", "type", 0, read_netdev},
	{"drive", "file", 0, read_drive},	 {"blockdev", "driver", 0, read_blockdev},
	{"device", "driver", 1, read_device},	 {"nic", "type", 1, read_nic_option},
	{"net", "type", 1, read_net_option},
};

static bool is_one_of(const char *option, const char *a, const char *b)
{
	return !strcmp(option, a) || !strcmp(option, b);
}

static void read_plain(struct reading *reading, const char *option, const char *argument)
{
	struct vm_config *config = reading->config;

	if (!strcmp(option, "uuid"))
		COPY(config->uuid, argument);
	else if (!strcmp(option, "mem-path"))
		COPY(config->backend_path, argument);
	else if (is_one_of(option, "qmp", "qmp-pretty"))
		read_monitor(reading, argument, true);
	else if (!strcmp(option, "monitor"))
		read_monitor(reading, argument, false);
	else if (!strncmp(option, "hd", 2) || !strcmp(option, "cdrom")) {
		struct part *drive = add_part(reading->drives, &reading->n_drives);

		COPY(drive->path, argument);
		COPY(drive->type, "ide");
	}
}

static void read_argument(struct reading *reading, unsigned pass, const char *option,
			  const char *argument)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i].pass == pass && !strcmp(option, lists[i].option))
			read_with(reading, argument, lists[i].first, lists[i].read);
	}
	if (!pass)
		read_plain(reading, option, argument);
}

static void read_switch(struct vm_config *config, const char *option)
{
	if (!strcmp(option, "enable-kvm"))
		COPY(config->accel, "kvm");
	if (!strcmp(option, "version") || is_one_of(option, "help", "h"))
		config->is_not_a_machine = true;
}

/* One image at most stands alone, and that is no other program's name. */
static void read_words(struct reading *reading, char *const *words, unsigned n, unsigned pass)
{
	struct vm_config *config = reading->config;
	unsigned n_alone = 0;

	for (unsigned i = 1; i < n; i++) {
		const char *option = words[i], *next = i + 1 < n ? words[i + 1] : NULL;

		if (*option != '-') {
			config->is_strict &= n_alone++ == 0 && !vm_is_qemu_name(option);
			continue;
		}
		option += option[1] == '-' ? 2 : 1;

		enum argument argument = argument_of(option);

		if (argument == ARGUMENT_UNKNOWN) {
			config->is_strict = false;
			argument = next && *next != '-' ? ARGUMENT_ONE : ARGUMENT_NONE;
		}
		config->has_arguments = true;
		if (argument == ARGUMENT_NONE && !pass)
			read_switch(config, option);
		if (argument != ARGUMENT_ONE)
			continue;
		if (next)
			read_argument(reading, pass, option, next);
		else
			config->is_strict = false;
		i++;
	}
}

/* The first monitor that speaks QMP and listens on a socket. */
static void choose_monitor(struct reading *reading)
{
	struct vm_config *config = reading->config;

	for (unsigned i = 0; i < reading->n_monitors; i++) {
		const struct part *monitor = &reading->monitors[i];
		const struct part *socket =
			find_part(reading->chardevs, reading->n_chardevs, monitor->chardev);

		socket = socket ? socket : monitor;
		if (strcmp(monitor->type, "control") != 0) {
			config->has_human_monitor = true;
			continue;
		}
		config->has_far_monitor |= !socket->path[0] && socket->fd < 0;
		if (strstr(socket->path, "/libvirt/qemu/"))
			config->is_libvirt = true;
		if (config->monitor_fd < 0 && socket->fd >= 0)
			config->monitor_fd = socket->fd;
		if (!config->monitor[0] && socket->is_server)
			COPY(config->monitor, socket->path);
	}
}

static unsigned split(char *bytes, size_t len, char **words)
{
	unsigned n = 0;

	for (char *at = bytes; at < bytes + len && n < WORDS_MAX; at += strlen(at) + 1)
		words[n++] = at;
	return n;
}

int vm_config_read(const char *bytes, size_t len, struct vm_config *ret)
{
	*ret = (struct vm_config){.monitor_fd = -1, .is_strict = true};
	if (!len || !*bytes)
		return -EINVAL;

	_cleanup_(freep) char *text = xcalloc(1, len + 1);
	_cleanup_(freep) char **words = xcalloc(WORDS_MAX, sizeof(*words));
	_cleanup_(freep) struct reading *reading = xcalloc(1, sizeof(*reading));

	memcpy(text, bytes, len);
	reading->config = ret;

	unsigned n = split(text, len, words);

	/* A title without NULs (setproctitle): what it says is not what was given. */
	if (n == WORDS_MAX)
		ret->is_strict = false;
	read_words(reading, words, n, 0);
	read_words(reading, words, n, 1);
	add_drives(reading);
	choose_monitor(reading);
	if (!ret->accel[0] && !strcmp(base_name(words[0]), "kvm"))
		COPY(ret->accel, "kvm");
	return 0;
}

void vm_config_done(struct vm_config *config)
{
	free(config->devices);
	*config = (struct vm_config){.monitor_fd = -1};
}
