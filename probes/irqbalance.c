/*
 * Who else moves interrupts: irqbalance (running? with which CPUs and interrupts banned? asked over
 * its control socket, "setup" only, which changes nothing) and tuned (running? with which
 * profile?).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/host_unix.h"
#include "core/parse.h"
#include "core/probe.h"
#include "probes/read.h"

#define PERIOD_NS (10 * NSEC_PER_SEC)
#define BALANCER_DIR "run/irqbalance"
#define REPLY_MAX (64u * 1024)

enum host_metric {
	HOST_BALANCER,
	HOST_BALANCER_PID,
	HOST_BANNED,
	HOST_BANNED_IRQS,
	HOST_INTERVAL,
	HOST_TUNED,
	HOST_PROFILE,
};
static const struct metric metrics[] = {
	[HOST_BALANCER] = {"irqbalance", METRIC_TEXT, UNIT_NONE,
			   "\"running\": irqbalance moves interrupts by itself", NULL},
	[HOST_BALANCER_PID] = {"irqbalance_pid", METRIC_GAUGE, UNIT_NONE, "Its process", NULL},
	[HOST_BANNED] = {"irqbalance_banned", METRIC_CPUSET, UNIT_NONE,
			 "CPUs irqbalance leaves alone", NULL},
	[HOST_BANNED_IRQS] = {"irqbalance_banned_irqs", METRIC_TEXT, UNIT_NONE,
			      "Interrupts irqbalance leaves alone, by number", NULL},
	[HOST_INTERVAL] = {"irqbalance_interval_ns", METRIC_GAUGE, UNIT_NS,
			   "How often irqbalance looks", NULL},
	[HOST_TUNED] = {"tuned", METRIC_TEXT, UNIT_NONE, "\"running\": tuned sets knobs by itself",
			NULL},
	[HOST_PROFILE] = {"tuned_profile", METRIC_TEXT, UNIT_NONE, "tuned's active profile", NULL},
};
static const struct metric_set sets[] = {{"host", metrics, ARRAY_SIZE(metrics)}};

static bool is_word(const char *word, size_t len, const char *wanted)
{
	return strlen(wanted) == len && memcmp(word, wanted, len) == 0;
}

struct setup {
	uint64_t interval_s;
	struct cpuset banned;
	char irqs[512]; /* "41 42"; what does not fit ends in "..." */
	size_t len;
};

static void add_irq(struct setup *setup, uint64_t irq)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%s%u", setup->len ? " " : "", (unsigned)irq);

	if (setup->len + (size_t)n + sizeof(" ...") > sizeof(setup->irqs)) {
		(void)snprintf(setup->irqs + setup->len, sizeof(setup->irqs) - setup->len, " ...");
		return;
	}
	memcpy(setup->irqs + setup->len, text, (size_t)n + 1);
	setup->len += (size_t)n;
}

static int parse_mask(const char *word, size_t len, struct cpuset *ret)
{
	_cleanup_(freep) char *mask = xasprintf("%.*s", (int)len, word);

	return cpuset_parse_mask(mask, ret);
}

/* "SLEEP 10 IRQ 41 LOAD 0 DIFF 0 CLASS 0 BANNED 00000000": pairs of a word and a value; all but
 * three of the words are of no use here. */
static int parse_setup(const char *text, struct setup *ret)
{
	struct scan scan = {text};
	bool has_banned = false;
	const char *word;
	size_t len;

	*ret = (struct setup){0};
	while (scan_word(&scan, &word, &len) == 0) {
		bool is_sleep = is_word(word, len, "SLEEP"), is_irq = is_word(word, len, "IRQ");
		uint64_t number;

		if (is_word(word, len, "BANNED")) {
			has_banned = true;
			if (scan_word(&scan, &word, &len) == 0 &&
			    parse_mask(word, len, &ret->banned) < 0)
				return -EINVAL;
		} else if (scan_u64(&scan, &number) < 0 || number > UINT32_MAX) {
			return -EINVAL;
		} else if (is_sleep) {
			ret->interval_s = number;
		} else if (is_irq) {
			add_irq(ret, number);
		}
	}
	return has_banned ? 0 : -EINVAL;
}

static int ask(struct host *host, const char *name, char *reply, size_t size)
{
	const struct host_unix_options options = {
		.framing = HOST_UNIX_UNTIL_CLOSE,
		.sends_credentials = true,
		.reply_max = REPLY_MAX - 1,
	};
	struct host_unix *socket = NULL;
	const char *text;
	int r = host_unix_connectf(host, &options, &socket, BALANCER_DIR "/%s", name);

	if (r < 0)
		return r;

	ssize_t n = host_unix_ask(socket, "setup", &text);

	if (n >= 0)
		(void)snprintf(reply, size, "%.*s", (int)n, text);
	host_unix_close(socket);
	return n < 0 ? (int)n : 0;
}

/* "irqbalance7025.sock" */
static bool socket_pid(const char *name, unsigned *ret)
{
	size_t len = strlen(name);
	_cleanup_(freep) char *stem = NULL;

	if (len <= 5 || strcmp(name + len - 5, ".sock") != 0)
		return false;
	stem = xasprintf("%.*s", (int)(len - 5), name);
	return read_numbered(stem, "irqbalance", ret);
}

static void emit_setup(struct sample *out, struct sample_row *row, const char *name,
		       const char *reply)
{
	struct setup setup;

	if (parse_setup(reply, &setup) < 0) {
		if (!out->error)
			sample_errorf(out,
				      BALANCER_DIR "/%s: the answer to \"setup\" is not as "
						   "expected",
				      name);
		sample_errno(row, HOST_BANNED, EINVAL);
		sample_errno(row, HOST_BANNED_IRQS, EINVAL);
		sample_errno(row, HOST_INTERVAL, EINVAL);
		return;
	}
	sample_cpus(out, row, HOST_BANNED, &setup.banned);
	sample_text(out, row, HOST_BANNED_IRQS, setup.irqs);
	sample_u64(row, HOST_INTERVAL, setup.interval_s * NSEC_PER_SEC);
}

/* The socket of one that was killed stays behind: nobody listens there. */
static bool is_nobody(int err)
{
	return err == -ECONNREFUSED || err == -ENOENT;
}

/* True: it is one that runs, or may run. */
static bool read_balancer(struct host *host, struct sample *out, struct sample_row *row,
			  const char *name, unsigned pid)
{
	_cleanup_(freep) char *reply = xcalloc(1, REPLY_MAX);
	int r = ask(host, name, reply, REPLY_MAX);

	if (is_nobody(r))
		return false;
	sample_u64(row, HOST_BALANCER_PID, pid);
	if (r == 0) {
		sample_text(out, row, HOST_BALANCER, "running");
		emit_setup(out, row, name, reply);
		return true;
	}
	if (!out->error)
		sample_errorf(out, BALANCER_DIR "/%s: %s", name, host_unix_reason(r));
	/* Somebody has the socket, but does not talk to us. */
	if (errno_is_denied(-r))
		sample_errno(row, HOST_BALANCER, r);
	else
		sample_text(out, row, HOST_BALANCER, "running");
	sample_errno(row, HOST_BANNED, errno_is_denied(-r) ? r : -EIO);
	return true;
}

static void read_balancers(struct host *host, struct sample *out, struct sample_row *row)
{
	struct host_names names = {0};
	int r = host_listf(host, &names, BALANCER_DIR);
	bool is_found = false;
	unsigned pid;

	if (r < 0 && !errno_is_absent(-r)) {
		sample_errno(row, HOST_BALANCER, read_note(out, r, BALANCER_DIR));
		return;
	}
	for (size_t i = 0; r == 0 && i < names.n && !is_found; i++)
		is_found = socket_pid(names.names[i], &pid) &&
			   read_balancer(host, out, row, names.names[i], pid);
	if (!is_found)
		sample_text(out, row, HOST_BALANCER, "");
	host_names_done(&names);
}

static bool tuned_runs(struct host *host)
{
	uint64_t pid;
	char comm[64];

	return host_read_u64f(host, &pid, "run/tuned/tuned.pid") == 0 && pid <= INT32_MAX &&
	       host_readf(host, comm, sizeof(comm), "proc/%u/comm", (unsigned)pid) >= 0 &&
	       strcmp(comm, "tuned") == 0;
}

static int sample(void *data, struct host *host, struct sample *out)
{
	struct sample_row *row = sample_row(out, 0, NULL, NULL, "host");

	(void)data;
	read_balancers(host, out, row);
	sample_text(out, row, HOST_TUNED, tuned_runs(host) ? "running" : "");
	read_textf(host, out, row, HOST_PROFILE, "etc/tuned/active_profile");
	return 0;
}

const struct probe probe_irqbalance = {
	.name = "irqbalance",
	.summary = "Who else moves interrupts and sets knobs: irqbalance, tuned",
	.sets = sets,
	.n_sets = ARRAY_SIZE(sets),
	.flags = PROBE_SLOW,
	.period_ns = PERIOD_NS,
	.sample = sample,
};
