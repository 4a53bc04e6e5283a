/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_link.h - questions of many threads to the queue role, and its answers.
 *
 * The threads that serve clients hand a question over and go on; the loop of
 * the process owns the channel, sends, and calls back with the answer.  Every
 * question is answered exactly once, after QUEUE_LINK_WAIT_MS with
 * IPC_TRY_AGAIN when queue said nothing.
 *
 * When queue is gone, questions wait for the next one to be there.  Of those
 * it had been sent already, the acts that come out the same when done twice
 * are sent again; for the others nobody can say whether they were done, and
 * they are answered IPC_TRY_AGAIN.
 */
#ifndef WEB_QUEUE_LINK_H
#define WEB_QUEUE_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/ipc.h"
#include "lib/sys/timers.h"

struct event_base;
struct metrics;
struct strbuf;

#define QUEUE_LINK_WAIT_MS	10000
#define QUEUE_LINK_TEXT_MAX	64	/* octets of a reply's text, with NUL */

struct queue_link;

/* One question, inside the thing that asks; it must stay where it is. */
struct queue_ask {
	/* Filled by the asker. */
	uint64_t		 id;	/* of the frame, unique */
	uint16_t		 type;	/* enum ipc_type */
	bool			 again;	/* may be sent twice */
	const struct strbuf	*frame;	/* borrowed until the answer */
	struct strbuf		*into;	/* a long answer goes here, or NULL */
	/* In the loop; the question is the asker's again from here on. */
	void	(*answered)(struct queue_ask *, enum ipc_result,
		    const char *text);

	/* Private. */
	struct queue_link	*link;
	TAILQ_ENTRY(queue_ask)	 entry;
	LIST_ENTRY(queue_ask)	 bucket;
	struct timer		 timer;
	int64_t			 asked_ms;
	bool			 sent;
};

/*
 * up is set while there is a channel.  NULL when the system has no descriptor
 * for it.
 */
struct queue_link *queue_link_new(struct event_base *base,
    struct timers *timers, struct metrics *metrics, atomic_bool *up);
/* After queue_link_close(). */
void queue_link_free(struct queue_link *l);

/* A channel to a queue role; it takes the place of an older one. */
void queue_link_connect(struct queue_link *l, int fd);

/*
 * From any thread.  False, and no callback will come, once the link was
 * closed.
 */
bool queue_link_ask(struct queue_link *l, struct queue_ask *ask);

/* Answer all that waits with IPC_TRY_AGAIN, and take no more. */
void queue_link_close(struct queue_link *l);

#endif
