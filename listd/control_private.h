/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_private.h - what the connections and the calls on them share.
 */
#ifndef LISTD_CONTROL_PRIVATE_H
#define LISTD_CONTROL_PRIVATE_H

#include <sys/queue.h>

#include <pthread.h>
#include <stddef.h>

#include "lib/sys/timers.h"
#include "listd/control.h"
#include "listd/control_call.h"
#include "listd/control_parse.h"
#include "spool/act.h"

struct channel;
struct event;

struct client {
	LIST_ENTRY(client)	 link;
	struct control		*control;
	struct channel		*channel;
	struct call		*call;		/* under way, or NULL */
	struct timer		 idle;
	char			 who[ACT_WHO_MAX + 1];
};

/* Memory of a call. */
struct call_memory {
	struct call_memory	*next;
	max_align_t		 bytes[];
};

struct call {
	LIST_ENTRY(call)	 link;
	TAILQ_ENTRY(call)	 turn;		/* waits for its next slice */
	struct control		*control;
	struct client		*client;	/* NULL: it went away */
	struct control_request	 request;
	const struct control_verb *verb;
	int			 fd[CONTROL_FILES_MAX];
	char			 who[ACT_WHO_MAX + 1];
	void			*state;
	struct call_memory	*memory;
	unsigned		 held;		/* under way elsewhere */
	bool			 ended;
	bool			 in_turn;
	int			(*step)(struct call *c);
	void			(*then)(struct call *c);	/* sleeping */
	struct timer		 timer;
};

/* Something done in a thread. */
struct work {
	TAILQ_ENTRY(work)	 link;
	struct control		*control;
	struct call		*call;
	int			(*fn)(void *arg, struct err *e);
	void			*arg;
	call_then		*then;
	int			 rc;
	struct err		 e;
};

struct control {
	struct queue		*queue;
	int			 listen_fd;
	struct event		*listen_event;	/* NULL: stopped */
	struct timer		 accept_again;
	LIST_HEAD(, client)	 clients;
	unsigned		 nclients;
	LIST_HEAD(, call)	 calls;
	TAILQ_HEAD(, call)	 turns;
	struct event		*turn_event;
	gid_t			 group;		/* whose members may ask */
	bool			 has_group;
	_Atomic bool		 stopping;
	struct release		*releases;	/* of scheduled campaigns */

	/* Work that came back, told by a pipe of one descriptor. */
	pthread_mutex_t		 mutex;
	TAILQ_HEAD(, work)	 finished;
	int			 wake_fd;
	struct event		*wake_event;
	unsigned		 nwork;		/* out in threads */
};

/* ---- control_call.c */

/* Begin a call; takes over the request and the descriptors. */
void call_begin(struct client *cl, struct control_request *r, int *fds,
    const struct control_verb *verb);
/* Its client is gone. */
void call_orphan(struct call *c);
/* The client reads again. */
void call_drained(struct call *c);
void control_turn(int fd, short what, void *arg);
void control_collect(int fd, short what, void *arg);
void call_free(struct call *c);

/* ---- control_verbs.c */

/* What does a verb, or NULL. */
const struct control_verb *control_verb_find(const char *name);
/* The i-th, NULL past the last, for tests. */
const struct control_verb *control_verb_at(size_t i);

#endif
