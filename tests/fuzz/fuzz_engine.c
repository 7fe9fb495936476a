/* What a container engine answers, and what its state files hold. */
#include <stdio.h>

#include "core/host_unix.h"
#include "probes/container_internal.h"
#include "probes/probes.h"
#include "tests/fuzz/probe_input.h"

#define ID "f4d3b90bea1585f216da780c97cc4675827296e1c90fdc957fb2ea0c1db85a6a"

static void parse(const char *text, size_t size)
{
	struct container_facts facts = {0};
	struct container_wanted wanted = {.id = ID, .facts = &facts};
	struct container_daemon daemon = {0};
	struct container_limits limits = {0};
	const char *body;
	unsigned status;
	size_t len;

	if (container_http_body(text, size, &body, &len, &status) == 0) {
		assert(body >= text && body + len == text + size && status == 200);
		(void)!container_json_list(body, len, &wanted, 1);
	}
	(void)!container_json_list(text, size, &wanted, 1);
	container_facts_done(&facts);
	(void)!container_json_docker(text, size, &facts);
	container_facts_done(&facts);
	(void)!container_json_oci(text, size, &facts);
	container_facts_done(&facts);
	(void)!container_json_storage(text, size, ID, &facts);
	if (container_json_limits(text, size, &limits) == 0) {
		assert(strnlen(limits.cpus, sizeof(limits.cpus)) < sizeof(limits.cpus));
		assert(strnlen(limits.mems, sizeof(limits.mems)) < sizeof(limits.mems));
	}
	(void)!container_json_daemon(text, size, &daemon);
	assert(facts.pid >= 0);
	container_facts_done(&facts);
	container_dockerd_arguments(text, size, &daemon);
	container_daemon_done(&daemon);
}

/* The reply to the probe's own question. */
static void answer(const char *text, const char *head)
{
	static const char request[] =
		"GET /containers/json?all=true&filters=%7B%22id%22%3A%5B%22" ID
		"%22%5D%7D HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	_cleanup_(freep) char *reply = xasprintf("%s%s", head, text);
	struct host *host = NULL;

	if (host_open_fake(&host) < 0)
		abort();
	host_fake_clock(host, NSEC_PER_SEC);
	host_fake_file(host, "proc/self/mountinfo",
		       "1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	host_fake_file(host, "sys/fs/cgroup/docker/" ID "/cpu.stat", "usage_usec 1");
	host_fake_file(host, "run/docker.sock", "");
	host_fake_unix(host, "run/docker.sock", request, reply, 0);
	host_fake_file(host, "var/lib/docker/containers/" ID "/config.v2.json", text);
	probe_run(&probe_container, host);
	host_close(host);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xcalloc(1, size + 1);

	memcpy(text, data, size);
	parse(text, size);
	answer(text, "");
	answer(text, "HTTP/1.0 200 OK\r\n\r\n");
	free(text);
	return 0;
}
