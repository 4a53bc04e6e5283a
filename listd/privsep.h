/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privsep.h - one program, several processes: the parent and its roles.
 *
 * The parent holds the rights, the listeners, the keys' descriptors and the
 * lock of the store; it starts each role as this program again (fork, exec,
 * role argument), hands it what it may have, connects it to its peers, and
 * starts it again when it dies.  It parses nothing that came from the network.
 *
 * Peers are queue with every other role.  When a role dies, the living get a
 * fresh socket to its successor (role.h, on_peer).
 *
 *	death		next start after 0.1 s, doubling up to 30 s; afresh
 *			after a life of a minute; five deaths in a minute are
 *			an alarm in the log
 *	exit status 78 before the daemon has started: all stop, status 78
 *	SIGHUP		configuration, keys and certificates are read again;
 *			a mistake changes nothing
 *	SIGTERM, SIGINT	deliver, inbound and web drain, then queue; what
 *			is not done after drain_timeout is killed; status 0.
 *			A second one ends the waiting
 */
#ifndef LISTD_PRIVSEP_H
#define LISTD_PRIVSEP_H

#include <stddef.h>

#include "listd/role.h"

struct role_def {
	enum role_kind	kind;
	int		(*run)(struct role_env *);
};

/*
 * The whole program: parses the command line and becomes the parent, or the
 * role that `-x NAME` asks for.  Roles that are not in the table do not exist;
 * inbound and web are started when they have a listener.  Returns the exit
 * status.
 */
int privsep_main(int argc, char **argv, const struct role_def *roles,
    size_t nroles);

#endif
