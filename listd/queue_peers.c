/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_peers.c - the queue role's channels to the deliver roles.
 *
 * A frame that makes no sense closes that channel, with one warning; the
 * parent starts the peer again and gives both ends of a fresh one.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/ring.h"
#include "listd/queue_private.h"
#include "listd/scheduler.h"

static void
log_closed(const struct queue_peer *peer, const struct err *why)
{
	struct log_line l;

	log_begin(&l, LEVEL_WARNING, "deliver-peer");
	log_int(&l, "index", peer->index);
	log_err(&l, why);
	log_end(&l);
}

/* Take the channel away; what hung on it is dealt with. */
static void
drop(struct queue_peer *peer)
{
	if (peer->ch == NULL)
		return;
	channel_free(peer->ch);
	peer->ch = NULL;
	scheduler_peer_down(peer->q->sched, peer->index);
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct queue_peer *peer = arg;
	const struct slice data = { f->data, f->len };
	struct err e = ERR_INIT;
	int rc;

	if (f->type == IPC_POLICY)
		rc = queue_policy_take(peer->q, data, &e);
	else if (f->type == IPC_TLS_EVENTS)
		rc = queue_tls_events_take(peer->q, data, &e);
	else
		rc = scheduler_frame(peer->q->sched, peer->index, f->type,
		    data, &e);
	if (rc == -1)
		channel_fail(ch, &e);
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct queue_peer *peer = arg;

	(void)ch;
	if (why != NULL)
		log_closed(peer, why);
	/* One that died, perhaps inside a frame, is started again anyway. */
	if (why != NULL && (why->code == ERR_INPUT || why->code == ERR_LIMIT ||
	    why->code == ERR_AGAIN))
		role_peer_broken(peer->q->env, ROLE_DELIVER, peer->index);
	queue_report_ring(peer->q, peer->index);
	drop(peer);
}

static void
on_drained(struct channel *ch, void *arg)
{
	(void)ch;
	queue_turn_soon(((struct queue_peer *)arg)->q);
}

static const struct channel_ops ops = {
	.frame = on_frame, .closed = on_closed, .drained = on_drained,
};

void
queue_peers_take(struct queue *q, unsigned index, int fd)
{
	struct queue_peer *peer;

	if (index >= ROLE_DELIVER_MAX || index >= SCHEDULER_PEERS_MAX) {
		close(fd);
		return;
	}
	peer = &q->deliver[index];
	/* Its forerunner may have said more than was read. */
	if (peer->ch != NULL)
		channel_poll(peer->ch);
	if (peer->ch != NULL)
		queue_report_ring(q, index);
	drop(peer);
	peer->ch = channel_new(q->env->base, fd, &ops, peer);
	scheduler_peer_up(q->sched, index);
	queue_steering_tell(q, index);
}

void
queue_peers_init(struct queue *q)
{
	for (unsigned i = 0; i < ROLE_DELIVER_MAX; i++)
		q->deliver[i] = (struct queue_peer){ .q = q, .index = i };
}

void
queue_peers_close(struct queue *q)
{
	for (unsigned i = 0; i < ROLE_DELIVER_MAX; i++) {
		if (q->deliver[i].ch != NULL)
			channel_flush(q->deliver[i].ch);
		drop(&q->deliver[i]);
	}
}

void
queue_send(void *arg, unsigned peer, uint16_t type,
    const struct strbuf *payload)
{
	struct queue *q = arg;
	struct channel *ch = q->deliver[peer].ch;
	struct err e = ERR_INIT;

	/*
	 * A role that does not read for 64 MB is as good as dead: what it was
	 * given is handed out again.
	 */
	if (ch != NULL && channel_send_buf(ch, type, payload, &e) == -1 &&
	    e.code != ERR_REFUSED)
		channel_fail(ch, &e);
}

/* ---- the ring */

void
queue_report_ring(struct queue *q, unsigned role)
{
	unsigned handed = 0, begun = 0, dot = 0, torn = 0;
	struct ring_entry entry;
	struct log_line l;

	if (q->ring == NULL)
		return;
	for (unsigned i = 0; i < RING_SLOTS; i++) {
		if (!ring_get(q->ring, role, i, &entry, &torn))
			continue;
		handed += entry.state == RING_HANDED;
		begun += entry.state == RING_BEGUN;
		if (entry.state != RING_DOT)
			continue;
		dot++;
		/* This copy may be there already. */
		log_begin(&l, LEVEL_NOTICE, "past-the-dot");
		log_hex(&l, "campaign", entry.campaign);
		log_hex(&l, entry.campaign == 0 ? "notice" : "subscriber",
		    entry.subscriber);
		log_end(&l);
		scheduler_peer_past_dot(q->sched, role, &entry);
	}
	if (handed + begun + dot + torn == 0)
		return;
	log_begin(&l, LEVEL_NOTICE, "open-deliveries");
	log_int(&l, "role", role);
	log_int(&l, "handed_out", handed);
	log_int(&l, "body_begun", begun);
	log_int(&l, "past_the_dot", dot);
	log_int(&l, "unreadable", torn);
	log_end(&l);
}
