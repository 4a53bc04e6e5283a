/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - one role's process, as its parent sees it.
 *
 * A child is idle, then running, and after each death waiting to be started
 * again; what connects the children to each other is parent.c's.
 */
#ifndef LISTD_CHILD_H
#define LISTD_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/sys/timers.h"
#include "listd/role.h"

struct channel;
struct channel_ops;
struct descriptors;
struct err;
struct event_base;
struct start;

#define CHILD_BACKOFF_FIRST_MS	100
#define CHILD_BACKOFF_MAX_MS	30000
#define CHILD_STEADY_MS		60000	/* a life after which it starts low */
#define CHILD_ALARM_DEATHS	5	/* within CHILD_ALARM_MS: an alarm */
#define CHILD_ALARM_MS		60000
#define CHILD_CLOSE_MS		5000	/* from a closed channel to SIGKILL */

struct child {
	void		*owner;		/* the parent's, for callbacks */
	enum role_kind	 kind;
	unsigned	 index;
	char		 name[32];	/* "queue", "deliver.3" */
	pid_t		 pid;		/* 0: no process */
	struct channel	*ch;		/* NULL: none, or it ended */
	bool		 ready;		/* this process is */
	bool		 was_ready;	/* one of them was */
	bool		 draining;	/* was told to */
	int64_t		 born_ms;
	int64_t		 backoff_ms;	/* before the next start */
	int64_t		 deaths[CHILD_ALARM_DEATHS];	/* newest first */
	unsigned	 ndeaths;	/* filled of those */
	struct timer	 restart;
	struct timer	 closing;	/* it does not end by itself */
};

/* Set kind, index and name; the timers are the owner's to set. */
void child_init(struct child *c, enum role_kind kind, unsigned index);

struct child_params {
	int			 exe;	/* this program, open */
	struct event_base	*base;
	const struct channel_ops *ops;	/* get the child as their arg */
	const struct descriptors *fds;
	const struct start	*start;
	int64_t			 now_ms;
};

/*
 * Start the process, make the channel to it, and send what the role may have
 * of fds, then start.  Without start->foreground its standard descriptors
 * lead nowhere.  -1 with e set when there is no process.
 */
int child_spawn(struct child *c, const struct child_params *p,
    struct err *e);

/* Send copies of those of fds that the role may have. */
void child_send_fds(struct child *c, const struct descriptors *fds,
    bool only_reloadable);

/*
 * The process is gone.  Counts the death at now_ms, *alarm_r says whether it
 * is one too many, and returns in how many milliseconds to start it again.
 */
int64_t child_died(struct child *c, int64_t now_ms, bool *alarm_r);

/* SIGKILL, if it runs. */
void child_kill(struct child *c);

#endif
