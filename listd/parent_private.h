/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent_private.h - what the files of the parent share.
 */
#ifndef LISTD_PARENT_PRIVATE_H
#define LISTD_PARENT_PRIVATE_H

#include "lib/conf.h"
#include "lib/sys/timers.h"
#include "listd/child.h"
#include "listd/descriptors.h"
#include "listd/layout.h"
#include "listd/parent.h"
#include "listd/privsep.h"

struct clock;
struct event;
struct event_base;
struct testclock;

#define CHILDREN_MAX	(ROLE_DELIVER_MAX + ROLE_KINDS)
#define CONF_TEXT_MAX	(2 * CONF_FILE_MAX)

/* A stop goes through these, leaving out what nobody is left for. */
enum stop_stage { RUNNING, DRAINING, OTHERS_KILLED, QUEUE_LAST, ALL_KILLED };

struct parent {
	const struct parent_params *params;
	struct conf		 conf;
	struct layout_users	 users;
	struct layout		 layout;
	struct descriptors	 fds;
	struct event_base	*base;
	struct testclock	*testclock;
	const struct clock	*clock;
	struct timers		*timers;
	struct event		*signals[4];
	int			 exe;
	struct child		*children[CHILDREN_MAX];
	size_t			 n;
	uint64_t		 epoch;
	bool			 started;	/* every role was ready once */
	enum stop_stage		 stage;
	bool			 restart_wanted;	/* when all are ready */
	bool			 restarting;	/* all roles begin anew after it */
	bool			 killed_delivers;
	bool			 reload_later;	/* asked for meanwhile */
	struct timer		 deadline;	/* of the stage */
	int64_t			 deadline_ms;
	int			 status;
	struct err		*why;		/* of a status other than 0 */
};

/* ---- parent_child.c: a role's life, from its start to its end */

/* The first of a kind, or NULL. */
struct child *parent_child_of(struct parent *p, enum role_kind kind);
/* Nothing while it runs, or in a stop. */
void parent_start_child(struct parent *p, struct child *c);
/* With the status of waitpid(). */
void parent_child_died(struct parent *p, struct child *c, int status);
/* Callbacks of its timers. */
void parent_on_restart(void *child);
void parent_on_closing(void *child);

/* ---- parent_stop.c */

/* All are to drain, and who did not after wait_ms is killed. */
void parent_stop_begin(struct parent *p, int status, int64_t wait_ms);
/*
 * All roles are to drain, deliver roles first, and to be started again with
 * the copy of the store that queue leaves in its place.  Sockets stay open.
 */
void parent_restart_begin(struct parent *p);
/* Take the next step of a stop, if it is time. */
void parent_stop_advance(struct parent *p);
/* The stage's time is over, by its timer or because somebody says so. */
void parent_stop_now(void *parent);
/* This one cannot work, so nothing can. */
void parent_refuse(struct parent *p, const struct child *c, const char *why);

#endif
