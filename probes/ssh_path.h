/*
 * Private to probes/: the network interfaces that the user's own SSH connection depends on, so that
 * a change which may cut it says so.
 *
 * The connection is SSH_CONNECTION (ssh(1)) in the initial environment of this process or of its
 * nearest ancestor that has it (sudo and su take it away; its shell still has it), else the TCP
 * socket of an ancestor that is sshd. From there: the interface that has the local address and the
 * one on the route back to the client, then everything below them (sysfs lower_*: VLAN, bond,
 * bridge, macvlan) and the PF of a VF. Of a bridge only the ports that lead to hardware count, all
 * of them where none does.
 *
 * Not seen: a tmux or screen server keeps the environment it was started with; a jump over a tunnel
 * or VPN ends at the tunnel's interface.
 */
#ifndef JT_PROBES_SSH_PATH_H
#define JT_PROBES_SSH_PATH_H

#include <net/if.h>

#include "core/host.h"

#define SSH_PATH_MAX 32u

struct ssh_path {
	char client[64]; /* address; "": no SSH connection was found */
	unsigned n;
	struct {
		char name[IFNAMSIZ];
		char above[IFNAMSIZ]; /* through which it was found; "": the connection itself */
	} at[SSH_PATH_MAX];
};

/* Nothing in it without a connection (a capture has none). Errors on the way leave out what could
 * not be found. */
void ssh_path_read(struct host *host, struct ssh_path *ret);
/* "carries your SSH connection from 192.0.2.7 (below br0)" into buf; false and "": it does not. */
bool ssh_path_text(const struct ssh_path *path, const char *ifname, char *buf, size_t size);

#endif
