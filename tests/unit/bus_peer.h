/*
 * A systemd of one unit, test.slice, behind a socket, in a thread of its own: well behaved or not.
 */
#ifndef JT_TESTS_UNIT_BUS_PEER_H
#define JT_TESTS_UNIT_BUS_PEER_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "core/util.h"

#define BUS_PEER_UNIT "test.slice"
#define BUS_PEER_PATH "/org/freedesktop/systemd1/unit/test_2eslice"

enum bus_manner {
	BUS_GOOD,
	BUS_DUMB,    /* accepts, says nothing */
	BUS_SILENT,  /* greets, answers no request */
	BUS_REFUSES, /* every request with an error */
	BUS_ODD,     /* every answer of another type */
	BUS_HANGS_UP /* at the first request */
};

struct bus_peer {
	int fd;
	enum bus_manner manner;
	atomic_bool is_stopping;
	atomic_uint n_sets, n_hellos;
	pthread_t thread;
	/* The unit. */
	unsigned char cpus[1024];
	size_t n_cpus;
	uint64_t quota, weight;
	const char *refusal; /* name of the error that BUS_REFUSES gives */
};

static inline int bus_peer_get(struct bus_peer *peer, sd_bus_message *m)
{
	const char *interface, *name;

	if (sd_bus_message_read(m, "ss", &interface, &name) < 0)
		return -EINVAL;
	if (!strcmp(name, "Version"))
		return sd_bus_reply_method_return(m, "v", "s", "252");
	if (strcmp(sd_bus_message_get_path(m), BUS_PEER_PATH) != 0)
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_OBJECT, "no");
	if (!strcmp(name, "InvocationID"))
		return sd_bus_reply_method_return(m, "v", "ay", 4, 0xde, 0xad, 0xbe, 0x0f);
	if (strcmp(interface, "org.freedesktop.systemd1.Slice") != 0)
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_INTERFACE, "no");
	if (!strcmp(name, "ControlGroup"))
		return sd_bus_reply_method_return(m, "v", "s", "/" BUS_PEER_UNIT);
	if (!strcmp(name, "CPUQuotaPerSecUSec"))
		return sd_bus_reply_method_return(m, "v", "t", peer->quota);
	if (!strcmp(name, "CPUWeight"))
		return sd_bus_reply_method_return(m, "v", "t", peer->weight);
	if (strcmp(name, "AllowedCPUs") != 0)
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_PROPERTY, "no");

	sd_bus_message *reply = NULL;
	int r = sd_bus_message_new_method_return(m, &reply);

	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', peer->cpus, peer->n_cpus);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static inline int bus_peer_set(struct bus_peer *peer, sd_bus_message *m)
{
	const char *unit, *name;
	const void *bytes;
	int is_runtime;

	if (sd_bus_message_read(m, "sb", &unit, &is_runtime) < 0 || !is_runtime ||
	    sd_bus_message_enter_container(m, 'a', "(sv)") < 0 ||
	    sd_bus_message_enter_container(m, 'r', "sv") < 0 ||
	    sd_bus_message_read(m, "s", &name) < 0)
		return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_INVALID_ARGS, "no");
	if (strcmp(unit, BUS_PEER_UNIT) != 0)
		return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit", "no");
	if (!strcmp(name, "AllowedCPUs")) {
		if (sd_bus_message_enter_container(m, 'v', "ay") < 0 ||
		    sd_bus_message_read_array(m, 'y', &bytes, &peer->n_cpus) < 0)
			return -EINVAL;
		if (peer->n_cpus)
			memcpy(peer->cpus, bytes, peer->n_cpus);
	} else if (sd_bus_message_read(m, "v", "t",
				       !strcmp(name, "CPUWeight") ? &peer->weight : &peer->quota) <
		   0) {
		return -EINVAL;
	}
	atomic_fetch_add(&peer->n_sets, 1);
	return sd_bus_reply_method_return(m, "");
}

static inline int bus_peer_message(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct bus_peer *peer = arg;
	const char *unit = "";

	(void)error;
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "Hello")) {
		atomic_fetch_add(&peer->n_hellos, 1);
		return sd_bus_reply_method_return(m, "s", ":1.7");
	}
	switch (peer->manner) {
	case BUS_SILENT:
	case BUS_DUMB:
		return 1;
	case BUS_REFUSES:
		return sd_bus_reply_method_errorf(m, peer->refusal, "because");
	case BUS_ODD:
		return sd_bus_reply_method_return(m, "(su)", "x", 1);
	case BUS_HANGS_UP:
		sd_bus_close(sd_bus_message_get_bus(m));
		return 1;
	case BUS_GOOD:
		break;
	}
	if (sd_bus_message_is_method_call(m, NULL, "Get"))
		return bus_peer_get(peer, m);
	if (sd_bus_message_is_method_call(m, NULL, "SetUnitProperties"))
		return bus_peer_set(peer, m);
	if (sd_bus_message_read(m, "s", &unit) < 0 || strcmp(unit, BUS_PEER_UNIT) != 0)
		return sd_bus_reply_method_errorf(m, "org.freedesktop.systemd1.NoSuchUnit", "no");
	return sd_bus_reply_method_return(m, "o", BUS_PEER_PATH);
}

static inline void bus_peer_wait(const struct bus_peer *peer, int fd, short events)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	(void)peer;
	(void)poll(&poll_fd, 1, 20);
}

static inline void bus_peer_serve(struct bus_peer *peer, int fd)
{
	sd_id128_t id =
		SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);
	sd_bus *bus = NULL;

	if (peer->manner == BUS_DUMB) {
		while (!atomic_load(&peer->is_stopping))
			bus_peer_wait(peer, -1, 0);
		(void)close(fd);
		return;
	}
	if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
	    sd_bus_set_server(bus, 1, id) < 0 || sd_bus_set_anonymous(bus, 1) < 0 ||
	    sd_bus_set_trusted(bus, 1) < 0 ||
	    sd_bus_add_filter(bus, NULL, bus_peer_message, peer) < 0 || sd_bus_start(bus) < 0)
		abort();
	while (!atomic_load(&peer->is_stopping)) {
		int r = sd_bus_process(bus, NULL);

		if (r < 0)
			break;
		if (r == 0)
			bus_peer_wait(peer, sd_bus_get_fd(bus), (short)sd_bus_get_events(bus));
	}
	sd_bus_flush_close_unref(bus);
}

static inline void *bus_peer_main(void *arg)
{
	struct bus_peer *peer = arg;

	while (!atomic_load(&peer->is_stopping)) {
		bus_peer_wait(peer, peer->fd, POLLIN);
		int fd = accept4(peer->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			bus_peer_serve(peer, fd);
	}
	return NULL;
}

/* path: the whole one, short enough for a socket. */
static inline void bus_peer_start(struct bus_peer *peer, const char *path, enum bus_manner manner)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*peer = (struct bus_peer){.manner = manner, .quota = UINT64_MAX, .weight = UINT64_MAX};
	peer->refusal = SD_BUS_ERROR_ACCESS_DENIED;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (peer->fd < 0 || bind(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(peer->fd, 8) < 0 || pthread_create(&peer->thread, NULL, bus_peer_main, peer))
		abort();
}

static inline void bus_peer_stop(struct bus_peer *peer)
{
	atomic_store(&peer->is_stopping, true);
	(void)pthread_join(peer->thread, NULL);
	(void)close(peer->fd);
}

#endif
