/*
 * The bus door: host_bus.h. Every wait is host_wait() with one deadline: sd-bus's own calls would
 * wait for a silent peer's greeting as long as they see fit (90 s), and could not be interrupted.
 */
#include "core/host_bus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "core/host_internal.h"
#include "core/host_write.h"
#include "core/parse.h"

#define SERVICE "org.freedesktop.systemd1"
#define MANAGER "/org/freedesktop/systemd1"
#define UNSET UINT64_MAX /* CGROUP_WEIGHT_INVALID, USEC_INFINITY */
#define CPU_BYTES (CPUSET_MAX / 8)

/* systemd's own first: it needs no daemon in between (and no greeting, which is why is_bus). */
static const struct peer {
	const char *path;
	bool is_bus;
} peers[] = {{"run/systemd/private", false}, {"run/dbus/system_bus_socket", true}};

enum form { FORM_BITS, FORM_QUOTA, FORM_WEIGHT, FORM_TEXT, FORM_BYTES };

static const struct property {
	const char *name;
	enum form form;
	bool is_of_all; /* of interface Unit; else of the unit's own type */
} properties[HOST_BUS_PROPERTIES] = {
	[HOST_BUS_CPUS] = {"AllowedCPUs", FORM_BITS, false},
	[HOST_BUS_NODES] = {"AllowedMemoryNodes", FORM_BITS, false},
	[HOST_BUS_QUOTA] = {"CPUQuotaPerSecUSec", FORM_QUOTA, false},
	[HOST_BUS_WEIGHT] = {"CPUWeight", FORM_WEIGHT, false},
	[HOST_BUS_GROUP] = {"ControlGroup", FORM_TEXT, false},
	[HOST_BUS_INVOCATION] = {"InvocationID", FORM_BYTES, true},
};

static const struct type {
	const char *end, *interface;
} types[] = {{".slice", SERVICE ".Slice"},
	     {".scope", SERVICE ".Scope"},
	     {".service", SERVICE ".Service"}};

const char *host_bus_property_name(enum host_bus_property property)
{
	return properties[property].name;
}

static const struct type *type_of(const char *unit)
{
	size_t len = strlen(unit);

	/* VALID_CHARS of systemd's unit-name.c. */
	if (len >= HOST_BUS_UNIT_MAX ||
	    strspn(unit, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@") !=
		    len)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t n = strlen(types[i].end);

		if (len > n && !strcmp(unit + len - n, types[i].end))
			return &types[i];
	}
	return NULL;
}

bool host_bus_is_unit(const char *name)
{
	return type_of(name) != NULL;
}

/* --- a connection --- */

struct call {
	struct host *host;
	sd_bus *bus;
	uint64_t deadline_ns;
	sd_bus_message *reply; /* NULL: none yet */
};

static uint64_t now_ns(void)
{
	struct timespec ts = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void call_done(struct call *call)
{
	sd_bus_message_unref(call->reply);
	/* Not flushed: that would wait. */
	sd_bus_close_unref(call->bus);
}

/* By the descriptor that was looked at, below the host's root. */
static int connect_to(struct host *host, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_(fd_closep) int found = host_dir_open_path(host, path, O_PATH | O_NOFOLLOW);

	if (found < 0)
		return found;

	_cleanup_(fd_closep) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", found);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;

	int result = fd;

	fd = -1;
	return result;
}

static int start(struct call *call, const struct peer *peer)
{
	int fd = connect_to(call->host, peer->path);

	if (fd < 0)
		return fd;

	int r = sd_bus_new(&call->bus);

	if (r >= 0)
		r = sd_bus_set_fd(call->bus, fd, fd);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	r = sd_bus_set_bus_client(call->bus, peer->is_bus);
	/* SO_PEERCRED would say no more: whoever owns the socket's directory is root. */
	if (r >= 0)
		r = sd_bus_set_trusted(call->bus, true);
	return r < 0 ? r : sd_bus_start(call->bus);
}

/* Something happened, or the deadline. */
static int turn(struct call *call)
{
	int r = sd_bus_process(call->bus, NULL);

	if (r < 0)
		return r;
	if (now_ns() >= call->deadline_ns)
		return -ETIMEDOUT;
	if (r > 0)
		return 0;

	int events = sd_bus_get_events(call->bus);

	return events < 0 ? events
			  : host_wait(call->host, sd_bus_get_fd(call->bus), (short)events,
				      call->deadline_ns);
}

static bool is_next_peer_worth_it(int err)
{
	return errno_is_absent(-err) || err == -ECONNREFUSED || errno_is_denied(-err);
}

static int call_open(struct call *call, struct host *host)
{
	int err = -ENOENT;

	*call = (struct call){.host = host, .deadline_ns = now_ns() + HOST_BUS_TIMEOUT_NS};
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		/* Denied by the first says more than that there is no second. */
		int r = start(call, &peers[i]);

		if (r >= 0 || i == 0 || errno_is_denied(-r) || !is_next_peer_worth_it(r))
			err = r;
		if (r >= 0 || !is_next_peer_worth_it(r))
			break;
		sd_bus_close_unref(call->bus);
		call->bus = NULL;
	}
	while (err >= 0) {
		int is_ready = sd_bus_is_ready(call->bus);

		if (is_ready > 0)
			return 0;
		err = is_ready < 0 ? is_ready : turn(call);
	}
	return errno_is_absent(-err) || err == -ECONNREFUSED ? -ENOTCONN : err;
}

/* --- asking --- */

static int error_of(const sd_bus_error *error)
{
	static const struct {
		const char *name;
		int err;
	} known[] = {
		{SERVICE ".NoSuchUnit", -ENOENT},
		{SERVICE ".UnitMasked", -EPERM},
		{SD_BUS_ERROR_UNKNOWN_PROPERTY, -EOPNOTSUPP},
		{SD_BUS_ERROR_UNKNOWN_INTERFACE, -EOPNOTSUPP},
		{SD_BUS_ERROR_UNKNOWN_METHOD, -EOPNOTSUPP},
		{SD_BUS_ERROR_PROPERTY_READ_ONLY, -EOPNOTSUPP},
		{SD_BUS_ERROR_UNKNOWN_OBJECT, -ENOENT},
		{SD_BUS_ERROR_ACCESS_DENIED, -EACCES},
		{SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, -EACCES},
		{SD_BUS_ERROR_AUTH_FAILED, -EACCES},
		{SD_BUS_ERROR_INVALID_ARGS, -EINVAL},
		{SD_BUS_ERROR_SERVICE_UNKNOWN, -ENOTCONN},
		{SD_BUS_ERROR_NAME_HAS_NO_OWNER, -ENOTCONN},
		{SD_BUS_ERROR_NO_REPLY, -ECONNRESET},
		{SD_BUS_ERROR_TIMEOUT, -ETIMEDOUT},
		{SD_BUS_ERROR_DISCONNECTED, -ECONNRESET},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (sd_bus_error_has_name(error, known[i].name))
			return known[i].err;
	}
	return -EREMOTEIO;
}

static int keep_reply(sd_bus_message *message, void *arg, sd_bus_error *ret_error)
{
	struct call *call = arg;

	(void)ret_error;
	call->reply = sd_bus_message_ref(message);
	return 1;
}

/* Until the answer, which is call->reply then. */
static int ask(struct call *call, sd_bus_message *message)
{
	sd_bus_slot *slot = NULL;
	/* No time limit of its own: ours ends it. */
	int err = sd_bus_call_async(call->bus, &slot, message, keep_reply, call, UINT64_MAX);

	sd_bus_message_unref(call->reply);
	call->reply = NULL;
	while (err >= 0 && !call->reply)
		err = turn(call);
	sd_bus_slot_unref(slot);
	if (call->reply)
		return sd_bus_message_is_method_error(call->reply, NULL)
			       ? error_of(sd_bus_message_get_error(call->reply))
			       : 0;
	return err == -ENOTCONN || err == -EPIPE ? -ECONNRESET : err;
}

static int new_message(struct call *call, const char *path, const char *interface,
		       const char *member, sd_bus_message **ret)
{
	return sd_bus_message_new_method_call(call->bus, ret, SERVICE, path, interface, member);
}

/* The object of a unit that is loaded: asking its object by name would load it. */
static int find_unit(struct call *call, const char *unit, char *path, size_t size)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	const char *text;
	int err = new_message(call, MANAGER, SERVICE ".Manager", "GetUnit", &message);

	if (err >= 0)
		err = sd_bus_message_append(message, "s", unit);
	if (err >= 0)
		err = ask(call, message);
	if (err < 0)
		return err;
	if (sd_bus_message_read(call->reply, "o", &text) < 0)
		return -EBADMSG;
	return snprintf(path, size, "%s", text) < (int)size ? 0 : -EBADMSG;
}

static int ask_property(struct call *call, const char *path, const char *interface,
			const char *property)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	int err = new_message(call, path, "org.freedesktop.DBus.Properties", "Get", &message);

	if (err >= 0)
		err = sd_bus_message_append(message, "ss", interface, property);
	return err < 0 ? err : ask(call, message);
}

/* --- values --- */

/* Bit i of byte n: CPU 8n + i (cpu_set_to_dbus() of systemd's cpu-set-util.c). */
static int format_bits(const unsigned char *bytes, size_t len, char *buf, size_t size)
{
	struct cpuset set;

	cpuset_zero(&set);
	for (size_t i = 0; i < len * 8; i++) {
		if (!(bytes[i / 8] & 1u << i % 8))
			continue;
		if (i >= CPUSET_MAX)
			return -EBADMSG;
		cpuset_add(&set, (unsigned)i);
	}
	int n = cpuset_format_list(&set, buf, size);

	return n < 0 ? -EFBIG : 0;
}

static int format_bytes(const unsigned char *bytes, size_t len, char *buf, size_t size)
{
	if (len * 2 >= size)
		return -EFBIG;
	buf[0] = '\0';
	for (size_t i = 0; i < len; i++)
		(void)snprintf(buf + 2 * i, size - 2 * i, "%02x", bytes[i]);
	return 0;
}

static int read_value(sd_bus_message *reply, enum form form, char *buf, size_t size)
{
	const void *bytes = NULL;
	const char *text;
	uint64_t number;
	size_t len = 0;

	switch (form) {
	case FORM_BITS:
	case FORM_BYTES:
		if (sd_bus_message_enter_container(reply, 'v', "ay") <= 0 ||
		    sd_bus_message_read_array(reply, 'y', &bytes, &len) < 0)
			return -EBADMSG;
		return form == FORM_BITS ? format_bits(bytes, len, buf, size)
					 : format_bytes(bytes, len, buf, size);
	case FORM_TEXT:
		if (sd_bus_message_read(reply, "v", "s", &text) < 0)
			return -EBADMSG;
		return snprintf(buf, size, "%s", text) < (int)size ? 0 : -EFBIG;
	case FORM_QUOTA:
	case FORM_WEIGHT:
		if (sd_bus_message_read(reply, "v", "t", &number) < 0)
			return -EBADMSG;
		if (number == UNSET)
			return snprintf(buf, size, "%s",
					form == FORM_QUOTA ? "infinity" : "unset") < (int)size
				       ? 0
				       : -EFBIG;
		return snprintf(buf, size, "%llu", (unsigned long long)number) < (int)size ? 0
											   : -EFBIG;
	}
	return -EINVAL;
}

static int parse_number(const char *value, const char *word, uint64_t *ret)
{
	if (!strcmp(value, word)) {
		*ret = UNSET;
		return 0;
	}
	return parse_u64(value, ret) || *ret == UNSET ? -EINVAL : 0;
}

static int append_bits(sd_bus_message *message, const char *value)
{
	unsigned char bytes[CPU_BYTES] = {0};
	struct cpuset set;
	size_t len = 0;

	if (cpuset_parse_list(value, &set))
		return -EINVAL;
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++) {
		if (!cpuset_has(&set, cpu))
			continue;
		bytes[cpu / 8] |= (unsigned char)(1u << cpu % 8);
		len = cpu / 8 + 1;
	}
	int r = sd_bus_message_open_container(message, 'v', "ay");

	if (r >= 0)
		r = sd_bus_message_append_array(message, 'y', bytes, len);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_value(sd_bus_message *message, enum form form, const char *value)
{
	uint64_t number;

	switch (form) {
	case FORM_BITS:
		return append_bits(message, value);
	case FORM_QUOTA:
		if (parse_number(value, "infinity", &number) || !number)
			return -EINVAL;
		return sd_bus_message_append(message, "v", "t", number);
	case FORM_WEIGHT:
		if (parse_number(value, "unset", &number) || (number > 10000 && number != UNSET))
			return -EINVAL;
		return sd_bus_message_append(message, "v", "t", number);
	case FORM_TEXT:
	case FORM_BYTES:
		break;
	}
	return -EINVAL;
}

/* a(sv) with one property. */
static int append_property(sd_bus_message *message, const struct property *property,
			   const char *value)
{
	int r = sd_bus_message_open_container(message, 'a', "(sv)");

	if (r >= 0)
		r = sd_bus_message_open_container(message, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(message, "s", property->name);
	if (r >= 0)
		r = append_value(message, property->form, value);
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

/* --- the door --- */

static bool has_bus(const struct host *host)
{
	return host->kind == HOST_LIVE || host->kind == HOST_SCRATCH;
}

static int read_fake(struct host *host, const char *unit, const struct property *property,
		     char *buf, size_t size)
{
	ssize_t n = host_readf(host, buf, size, "fake/bus/%s/%s", unit, property->name);

	return n < 0 ? (int)n : 0;
}

int host_bus_read(struct host *host, const char *unit, enum host_bus_property property, char *buf,
		  size_t size)
{
	const struct property *it = &properties[property];
	const struct type *type = type_of(unit);
	struct call call;
	char path[512];

	if (!type || !size)
		return -EINVAL;
	if (host->kind == HOST_FAKE)
		return read_fake(host, unit, it, buf, size);
	if (!has_bus(host))
		return -EOPNOTSUPP;

	int err = call_open(&call, host);

	if (!err)
		err = find_unit(&call, unit, path, sizeof(path));
	if (!err)
		err = ask_property(&call, path, it->is_of_all ? SERVICE ".Unit" : type->interface,
				   it->name);
	if (!err)
		err = read_value(call.reply, it->form, buf, size);
	call_done(&call);
	return err;
}

int host_bus_ping(struct host *host)
{
	struct call call;

	if (host->kind == HOST_FAKE)
		return host_existsf(host, "fake/bus") ? 0 : -ENOTCONN;
	if (!has_bus(host))
		return -EOPNOTSUPP;

	int err = call_open(&call, host);

	if (!err)
		err = ask_property(&call, MANAGER, SERVICE ".Manager", "Version");
	call_done(&call);
	return err;
}

static int write_fake(struct host *host, const char *unit, const struct property *property,
		      const char *value)
{
	char name[HOST_BUS_UNIT_MAX + 64], path[sizeof(name) + 16];

	(void)snprintf(name, sizeof(name), "%s/%s", unit, property->name);
	(void)snprintf(path, sizeof(path), "fake/bus/%s", name);
	if (!host_existsf(host, "%s", path))
		return -ENOENT;

	int err = host_fake_request(host, "bus", name, value, strlen(value));

	if (err && err != -EOPNOTSUPP)
		return err;
	host_fake_file(host, path, value);
	return 0;
}

int host_write_bus(struct host *host, const char *unit, enum host_bus_property property,
		   const char *value)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
	const struct property *it = &properties[property];
	struct call call;
	int err = host_check_armed(host);

	if (err)
		return err;
	if (!type_of(unit) || it->form == FORM_TEXT || it->form == FORM_BYTES)
		return -EINVAL;
	if (host->kind == HOST_FAKE)
		return write_fake(host, unit, it, value);
	err = call_open(&call, host);
	if (!err)
		err = new_message(&call, MANAGER, SERVICE ".Manager", "SetUnitProperties",
				  &message);
	/* True: forgotten at the next boot, as a setting of ours is to be. */
	if (err >= 0)
		err = sd_bus_message_append(message, "sb", unit, 1);
	if (err >= 0)
		err = append_property(message, it, value);
	if (err >= 0)
		err = ask(&call, message);
	call_done(&call);
	return err < 0 ? err : 0;
}

const char *host_bus_reason(int err)
{
	switch (-err) {
	case ENOTCONN:
		return "systemd's bus is not there";
	case EACCES:
	case EPERM:
		return "systemd does not allow it: root only";
	case ENOENT:
		return "systemd has no such unit loaded";
	case EOPNOTSUPP:
		return "this systemd (or this host) has no such property";
	case EINVAL:
		return "systemd does not take this value";
	case ETIMEDOUT:
		return "systemd did not answer in 2 s";
	case ECONNRESET:
		return "systemd closed the connection";
	case EBADMSG:
		return "systemd's answer is not of the type it should be";
	case ECANCELED:
		return "interrupted";
	case EREMOTEIO:
		return "systemd refused";
	default: /* any other errno */
		return strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error";
	}
}
