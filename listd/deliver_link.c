/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_link.c - what a deliver role tells queue, in order and not lost.
 */
#include "config.h"

#include <sys/queue.h>

#include <stdlib.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/deliver_link.h"

#define OUTCOMES_MAX	(256u << 10)	/* octets of the outcomes of a frame */
#define OUTCOME_MAX	(2 * IPC_RAW_MAX)	/* of one, with its mail */

/* A frame that waits for room, or for an acknowledgement. */
struct kept {
	TAILQ_ENTRY(kept)	 entry;
	uint16_t		 type;
	uint64_t		 seq;		/* of the last outcome in it */
	struct strbuf		 frame;
};
TAILQ_HEAD(kept_list, kept);

struct deliver_link {
	int	(*send)(void *, uint16_t, const struct strbuf *,
		    struct err *);
	void			*arg;
	bool			 up, ready;
	uint64_t		 epoch, seq;
	struct strbuf		 outcomes;	/* of the frame being filled */
	uint16_t		 filled;
	struct kept_list	 backlog;	/* the channel was full */
	size_t			 nbacklog;
	struct kept_list	 unacknowledged;
};

struct deliver_link *
deliver_link_new(int (*send)(void *, uint16_t, const struct strbuf *,
    struct err *), void *arg)
{
	struct deliver_link *l = xcalloc(1, sizeof(*l));

	l->send = send;
	l->arg = arg;
	strbuf_init(&l->outcomes, OUTCOMES_MAX);
	TAILQ_INIT(&l->backlog);
	TAILQ_INIT(&l->unacknowledged);
	return l;
}

static struct kept *
keep(struct kept_list *list, uint16_t type)
{
	struct kept *k = xcalloc(1, sizeof(*k));

	k->type = type;
	strbuf_init(&k->frame, IPC_FRAME_MAX);
	TAILQ_INSERT_TAIL(list, k, entry);
	return k;
}

static void
forget(struct kept_list *list, struct kept *k)
{
	TAILQ_REMOVE(list, k, entry);
	strbuf_free(&k->frame);
	free(k);
}

static void
clear(struct kept_list *list)
{
	struct kept *k;

	while ((k = TAILQ_FIRST(list)) != NULL)
		forget(list, k);
}

void
deliver_link_free(struct deliver_link *l)
{
	if (l == NULL)
		return;
	clear(&l->backlog);
	clear(&l->unacknowledged);
	strbuf_free(&l->outcomes);
	free(l);
}

/* ---- sending */

/* False: the channel is full. */
static bool
try_send(struct deliver_link *l, uint16_t type, const struct strbuf *b)
{
	struct err e = ERR_INIT;

	if (l->send(l->arg, type, b, &e) == 0 || e.code == ERR_REFUSED)
		return true;
	if (e.code == ERR_AGAIN)
		return false;
	log_failure(LEVEL_WARNING, "queue-send", &e);
	return true;
}

static void
put(struct deliver_link *l, uint16_t type, const struct strbuf *b)
{
	if (l->nbacklog == 0 && try_send(l, type, b))
		return;
	strbuf_add(&keep(&l->backlog, type)->frame, b->s, b->len);
	l->nbacklog++;
}

void
deliver_link_room(struct deliver_link *l)
{
	struct kept *k;

	while ((k = TAILQ_FIRST(&l->backlog)) != NULL &&
	    try_send(l, k->type, &k->frame)) {
		forget(&l->backlog, k);
		l->nbacklog--;
	}
}

void
deliver_link_send(struct deliver_link *l, uint16_t type,
    const struct strbuf *b)
{
	if (l->up)
		put(l, type, b);
}

void
deliver_link_report(struct deliver_link *l, uint16_t type,
    const struct strbuf *b)
{
	deliver_link_flush(l);
	if (l->ready)
		put(l, type, b);
}

size_t
deliver_link_backlog(const struct deliver_link *l)
{
	return l->nbacklog;
}

/* ---- outcomes */

void
deliver_link_outcome(struct deliver_link *l, const struct ipc_outcome *o)
{
	l->seq++;
	l->filled++;
	ipc_put_outcome(&l->outcomes, o);
	if (l->filled >= DELIVER_LINK_BATCH ||
	    l->outcomes.len > OUTCOMES_MAX - OUTCOME_MAX)
		deliver_link_flush(l);
}

void
deliver_link_flush(struct deliver_link *l)
{
	struct kept *k;

	if (l->filled == 0)
		return;
	k = keep(&l->unacknowledged, IPC_OUTCOME);
	k->seq = l->seq;
	pack_u64(&k->frame, l->seq);
	pack_u64(&k->frame, l->epoch);
	pack_u16(&k->frame, l->filled);
	strbuf_add(&k->frame, l->outcomes.s, l->outcomes.len);
	strbuf_reset(&l->outcomes);
	l->filled = 0;
	if (l->ready)
		put(l, IPC_OUTCOME, &k->frame);
}

void
deliver_link_acknowledged(struct deliver_link *l, uint64_t seq)
{
	struct kept *k;

	while ((k = TAILQ_FIRST(&l->unacknowledged)) != NULL && k->seq <= seq)
		forget(&l->unacknowledged, k);
}

/* ---- the queue role comes and goes */

void
deliver_link_epoch(struct deliver_link *l, uint64_t epoch)
{
	deliver_link_flush(l);
	l->epoch = epoch;
}

void
deliver_link_up(struct deliver_link *l)
{
	deliver_link_down(l);
	l->up = true;
}

void
deliver_link_ready(struct deliver_link *l)
{
	struct kept *k;

	deliver_link_flush(l);
	if (l->ready)
		return;
	l->ready = true;
	TAILQ_FOREACH(k, &l->unacknowledged, entry)
		put(l, IPC_OUTCOME, &k->frame);
}

void
deliver_link_down(struct deliver_link *l)
{
	l->up = l->ready = false;
	clear(&l->backlog);
	l->nbacklog = 0;
}
