/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_peers.c - the queue role's channels to the deliver roles.
 *
 * A frame that makes no sense closes that channel, with one warning; the
 * parent starts the peer again and gives both ends of a fresh one.  So it does
 * with one that stands still, as listd/silence.h finds it.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/realclock.h"
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
	peer->silence = (struct silence){ 0 };
	peer->accused = false;
	scheduler_peer_down(peer->q->sched, peer->index);
}

static int
pong_take(struct slice data, struct err *e)
{
	if (data.len == 0)
		return 0;
	err_set(e, ERR_INPUT, "a malformed frame: pong");
	return -1;
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct queue_peer *peer = arg;
	const struct slice data = { f->data, f->len };
	struct err e = ERR_INIT;
	int rc;

	silence_heard(&peer->silence, clock_mono_ms(peer->q->env->clock));
	if (f->type == IPC_PONG)
		rc = pong_take(data, &e);
	else if (f->type == IPC_POLICY)
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

/* ---- who says nothing */

/*
 * It is not hung up on: it could wake and send what it has meanwhile.  When
 * the parent has killed it, its socket ends, and the ring tells how far it
 * came.  Only if that takes as long again is it thought never to run any more.
 */
static void
give_up(struct queue_peer *peer)
{
	struct err e = ERR_INIT;
	struct log_line l;

	log_begin(&l, LEVEL_ERROR, "deliver-silent");
	log_int(&l, "index", peer->index);
	log_int(&l, "for_s", SILENCE_MS / 1000);
	log_end(&l);
	if (peer->accused) {
		err_set(&e, ERR_AGAIN, "silent, and not ended");
		channel_fail(peer->ch, &e);
		return;
	}
	peer->accused = true;
	role_peer_broken(peer->q->env, ROLE_DELIVER, peer->index);
}

static void
look(struct queue_peer *peer, bool busy, int64_t now_ms)
{
	struct err e = ERR_INIT;

	switch (silence_look(&peer->silence, busy, now_ms,
	    clock_mono_ms(&realclock))) {
	case SILENCE_FINE:
		break;
	case SILENCE_ASK:
		if (channel_send(peer->ch, IPC_PING, NULL, 0, &e) == -1 &&
		    e.code != ERR_REFUSED)
			channel_fail(peer->ch, &e);
		break;
	case SILENCE_LOST:
		give_up(peer);
		break;
	}
}

static void
on_silence(void *arg)
{
	struct queue *q = arg;
	int64_t first = -1, wait, now = clock_mono_ms(q->env->clock);

	for (unsigned i = 0; i < ROLE_DELIVER_MAX; i++) {
		struct queue_peer *peer = &q->deliver[i];
		bool busy;

		/* Should we have slept ourselves, its words wait here. */
		if (peer->ch != NULL)
			channel_poll(peer->ch);
		busy = scheduler_peer_busy(q->sched, i);
		if (peer->ch != NULL)
			look(peer, busy, now);
		if (peer->ch == NULL)
			continue;
		wait = silence_wait(&peer->silence, busy, now);
		if (wait != -1 && (first == -1 || wait < first))
			first = wait;
	}
	if (first != -1)
		timer_start(&q->silence, first);
}

/* ---- coming and going */

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
	timer_init(&q->silence, q->env->timers, on_silence, q);
}

void
queue_peers_close(struct queue *q)
{
	for (unsigned i = 0; i < ROLE_DELIVER_MAX; i++) {
		if (q->deliver[i].ch != NULL)
			channel_flush(q->deliver[i].ch);
		drop(&q->deliver[i]);
	}
	timer_cancel(&q->silence);
}

void
queue_send(void *arg, unsigned peer, uint16_t type,
    const struct strbuf *payload)
{
	struct queue *q = arg;
	struct channel *ch = q->deliver[peer].ch;
	struct err e = ERR_INIT;

	if (ch == NULL)
		return;
	silence_told(&q->deliver[peer].silence, clock_mono_ms(q->env->clock));
	if (!timer_running(&q->silence))
		timer_start(&q->silence, SILENCE_ASK_MS);
	/*
	 * A role that does not read for 64 MB is as good as dead: what it was
	 * given is handed out again.
	 */
	if (channel_send_buf(ch, type, payload, &e) == -1 &&
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
