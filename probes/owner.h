/*
 * Private to probes/: which daemons of this host set knobs by themselves, so that the user hears it
 * before a change and not when it was undone behind his back.
 *
 * Calling sequence: owners_find() once (it reads the name of every process, unless pid files say),
 * then owners_text() for each thing with the set of those that would write it. owner_describe() is
 * both, for one question. What only acts at boot (/etc/sysctl.d, udev rules) is no owner.
 */
#ifndef JT_PROBES_OWNER_H
#define JT_PROBES_OWNER_H

#include "core/host.h"

enum owner {
	OWNER_TUNED,
	OWNER_IRQBALANCE,
	OWNER_TLP,
	OWNER_POWER_PROFILES,
	OWNER_AUTO_CPUFREQ,
	OWNER_THERMALD,
	OWNER_NETWORK_MANAGER,
	OWNER_LIBVIRT,
	OWNER_KUBELET,
	OWNER_CRIO,
	OWNER_KSMTUNED,
	OWNER_NUMAD,
	OWNERS
};
#define OWNER_BIT(owner) (1u << (owner))
/* Sets that come up together. */
#define OWNERS_SYSCTL OWNER_BIT(OWNER_TUNED)
#define OWNERS_POWER                                                                               \
	(OWNER_BIT(OWNER_TUNED) | OWNER_BIT(OWNER_TLP) | OWNER_BIT(OWNER_POWER_PROFILES) |         \
	 OWNER_BIT(OWNER_AUTO_CPUFREQ) | OWNER_BIT(OWNER_THERMALD))
#define OWNERS_IRQ (OWNER_BIT(OWNER_TUNED) | OWNER_BIT(OWNER_IRQBALANCE) | OWNER_BIT(OWNER_CRIO))
#define OWNERS_NIC (OWNER_BIT(OWNER_TUNED) | OWNER_BIT(OWNER_NETWORK_MANAGER))
#define OWNERS_GUEST (OWNER_BIT(OWNER_LIBVIRT) | OWNER_BIT(OWNER_NUMAD))

struct owners {
	unsigned found;	   /* OWNER_BIT() set of those that run */
	pid_t pid[OWNERS]; /* 0: it has no process (TLP), or does not run */
	char profile[64];  /* tuned's; sanitised, "" unknown */
};

/* Looks for those in wanted only. Negative errno when the processes cannot be listed: ret is then
 * empty. */
int owners_find(struct host *host, unsigned wanted, struct owners *ret);
/* One line on those of wanted that were found: "tuned (pid 412, profile realtime) sets it when
 * ...: what to do; irqbalance ...". Returns how many there are; 0: buf is "". */
unsigned owners_text(const struct owners *owners, unsigned wanted, char *buf, size_t size);
unsigned owner_describe(struct host *host, unsigned wanted, char *buf, size_t size);

#endif
