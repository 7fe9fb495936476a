#include "probes/owner.h"

#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "core/text.h"
#include "probes/read.h"

struct owner_row {
	const char *name;
	const char *comms[4]; /* as /proc/PID/comm has it: 15 bytes at most */
	const char *path;     /* there while it is in charge; NULL: a process tells */
	const char *what;     /* what it does, and what to do about it */
};

static const struct owner_row rows[OWNERS] = {
	[OWNER_TUNED] = {"tuned",
			 {"tuned"},
			 NULL,
			 "sets it when its profile is applied: put the value into the profile, or "
			 "`tuned-adm off`"},
	[OWNER_IRQBALANCE] = {"irqbalance",
			      {"irqbalance"},
			      NULL,
			      "moves interrupts every 10 s: ban the interrupt or the CPUs there"},
	/* No daemon: udev and systemd run it; this directory is its state (tlp-func-base). */
	[OWNER_TLP] = {"TLP",
		       {NULL},
		       "run/tlp",
		       "sets it when power is plugged in or out and after sleep: change its "
		       "configuration"},
	[OWNER_POWER_PROFILES] = {"power-profiles-daemon",
				  {"power-profiles-"},
				  NULL,
				  "sets it when the profile changes: choose the profile with "
				  "powerprofilesctl"},
	[OWNER_AUTO_CPUFREQ] = {"auto-cpufreq",
				{"auto-cpufreq"},
				NULL,
				"sets it every few seconds: stop it, or change its configuration"},
	[OWNER_THERMALD] = {"thermald", {"thermald"}, NULL, "lowers it when the machine is hot"},
	[OWNER_NETWORK_MANAGER] = {"NetworkManager",
				   {"NetworkManager"},
				   NULL,
				   "sets it when the connection is activated: put it into the "
				   "connection's profile"},
	[OWNER_LIBVIRT] = {"libvirt",
			   {"libvirtd", "virtqemud"},
			   NULL,
			   "sets it when the VM starts and by its own commands: `virsh` keeps its "
			   "record right"},
	[OWNER_KUBELET] = {"kubelet",
			   {"kubelet", "k3s-server", "k3s-agent", "microk8s"},
			   NULL,
			   "counts on it, and sets what it manages again every 10 s: change its "
			   "configuration"},
	[OWNER_CRIO] = {"CRI-O",
			{"crio"},
			NULL,
			"changes it for pods that ask for it (irq-load-balancing.crio.io)"},
	[OWNER_KSMTUNED] = {"ksmtuned",
			    {"ksmtuned"},
			    NULL,
			    "sets it every minute, by free memory: stop it"},
	[OWNER_NUMAD] = {"numad",
			 {"numad"},
			 NULL,
			 "moves processes and their memory between nodes: exclude it, or stop it"},
};

/* The owner whose process has this name; OWNERS: none. */
static unsigned owner_of(const char *comm)
{
	for (unsigned owner = 0; owner < OWNERS; owner++) {
		for (unsigned i = 0; i < ARRAY_SIZE(rows[owner].comms); i++) {
			if (rows[owner].comms[i] && !strcmp(rows[owner].comms[i], comm))
				return owner;
		}
	}
	return OWNERS;
}

/* True: the process is one of wanted. */
static bool look_at(struct host *host, unsigned pid, unsigned wanted, struct owners *owners)
{
	char comm[64];
	/* Peeked: a recording keeps the names of those that matter only. */
	ssize_t len = host_peek_bytesf(host, comm, sizeof(comm), "proc/%u/comm", pid);

	if (len <= 0)
		return false;
	comm[strcspn(comm, "\n")] = '\0';
	unsigned owner = owner_of(comm);
	if (owner == OWNERS || !(wanted & OWNER_BIT(owner)) || owners->found & OWNER_BIT(owner))
		return false;
	(void)!host_readf(host, comm, sizeof(comm), "proc/%u/comm", pid);
	owners->found |= OWNER_BIT(owner);
	owners->pid[owner] = (pid_t)pid;
	return true;
}

static void look_at_paths(struct host *host, unsigned wanted, struct owners *owners)
{
	for (unsigned owner = 0; owner < OWNERS; owner++) {
		if (wanted & OWNER_BIT(owner) && rows[owner].path &&
		    host_existsf(host, "%s", rows[owner].path))
			owners->found |= OWNER_BIT(owner);
	}
}

int owners_find(struct host *host, unsigned wanted, struct owners *ret)
{
	char text[256];
	struct host_names names;
	unsigned left = wanted;

	*ret = (struct owners){0};
	look_at_paths(host, wanted, ret);
	for (unsigned owner = 0; owner < OWNERS; owner++) {
		if (rows[owner].path)
			left &= ~OWNER_BIT(owner);
	}
	if (!left)
		return 0;
	int err = host_listf(host, &names, "proc");
	if (err)
		return err;
	for (size_t i = 0; i < names.n && left & ~ret->found; i++) {
		uint64_t pid;

		if (!parse_u64(names.names[i], &pid) && pid <= INT32_MAX)
			(void)look_at(host, (unsigned)pid, left, ret);
	}
	host_names_done(&names);
	if (ret->found & OWNER_BIT(OWNER_TUNED)) {
		ssize_t len = host_readf(host, text, sizeof(text), "etc/tuned/active_profile");

		if (len > 0)
			(void)text_sanitise(text, strlen(read_trim(text)), ret->profile,
					    sizeof(ret->profile));
	}
	return 0;
}

unsigned owners_text(const struct owners *owners, unsigned wanted, char *buf, size_t size)
{
	size_t at = 0;
	unsigned n = 0;

	if (size > 0)
		buf[0] = '\0';
	for (unsigned owner = 0; owner < OWNERS; owner++) {
		char who[128] = "";

		if (!(wanted & owners->found & OWNER_BIT(owner)))
			continue;
		if (owner == OWNER_TUNED && owners->profile[0])
			(void)snprintf(who, sizeof(who), " (pid %d, profile %s)",
				       (int)owners->pid[owner], owners->profile);
		else if (owners->pid[owner])
			(void)snprintf(who, sizeof(who), " (pid %d)", (int)owners->pid[owner]);
		int len = at < size ? snprintf(buf + at, size - at, "%s%s%s %s", n ? "; " : "",
					       rows[owner].name, who, rows[owner].what)
				    : 0;
		at += len > 0 ? (size_t)len : 0;
		n++;
	}
	return n;
}

unsigned owner_describe(struct host *host, unsigned wanted, char *buf, size_t size)
{
	struct owners owners;

	(void)owners_find(host, wanted, &owners);
	return owners_text(&owners, wanted, buf, size);
}
