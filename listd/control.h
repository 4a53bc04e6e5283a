/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - the socket that listctl talks to.
 *
 * A connection is taken from root, from the user the queue role runs as, and
 * from members of the daemon's group, as the kernel names them (SO_PEERCRED,
 * SO_PEERGROUPS).  On it go calls as listd/verbs.h describes, one after the
 * other: IPC_CALL from the client; any number of IPC_OUTPUT and IPC_PROGRESS,
 * then IPC_DONE, from us.  Whatever a client sends, the worst that happens is
 * that its own connection is closed (X10).
 *
 * Names of users and groups are read from /etc/passwd and /etc/group, so a
 * sandbox of the role has to let both be read; without them people are known
 * by number and the group lets nobody in.
 *
 * Scheduled campaigns are released from here too, at their time: who is meant
 * is whoever is a member then, not when the mailing was planned.
 */
#ifndef LISTD_CONTROL_H
#define LISTD_CONTROL_H

struct control;
struct err;
struct queue;

#define CONTROL_CLIENTS_MAX	64	/* connections at once */
#define CONTROL_IDLE_MS		60000	/* a connection without a call */
#define CONTROL_STOP_MS		5000

/*
 * Serve listen_fd, a listening UNIX stream socket that stays the caller's.
 * NULL with e set: the loop has no room for an event.
 */
struct control *control_start(struct queue *q, int listen_fd, struct err *e);
/*
 * Take no more calls and close all connections; what is with a writer goes on
 * to its commit.  Waits at most CONTROL_STOP_MS for threads at work.  To be
 * called while writers, scheduler and loop are there; NULL is fine.
 */
void control_stop(struct control *ctl);
/* When writers and scheduler have called back for the last time. */
void control_free(struct control *ctl);

#endif
