/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_peer.c - deliver roles come, speak and go.
 */
#include "config.h"

#include "lib/err.h"
#include "listd/scheduler_private.h"

void
scheduler_peer_up(struct scheduler *s, unsigned peer)
{
	const struct ipc_hello hello = {
		.epoch = s->p.epoch, .node = SCHEDULER_NODE,
	};
	struct strbuf b = STRBUF_INIT(64);

	if (peer >= SCHEDULER_PEERS_MAX)
		return;
	scheduler_peer_down(s, peer);
	s->peer[peer].up = true;
	ipc_put_hello(&b, &hello);
	s->p.send(s->p.arg, peer, IPC_HELLO, &b);
	strbuf_free(&b);
}

void
scheduler_peer_down(struct scheduler *s, unsigned peer)
{
	struct peer *p = &s->peer[peer];

	if (peer >= SCHEDULER_PEERS_MAX || !p->up)
		return;
	sched_turn_begin(s);
	p->up = p->ready = false;
	p->seen = p->flying = p->acked = 0;
	sessions_peer_down(s, peer);
	lookups_peer_down(s, peer);
	sched_turn_end(s);
	s->p.wake(s->p.arg);
}

bool
scheduler_peer_busy(const struct scheduler *s, unsigned peer)
{
	return peer < SCHEDULER_PEERS_MAX && s->peer[peer].sessions > 0;
}

static int
bad_frame(struct err *e, const char *what)
{
	err_set(e, ERR_INPUT, "a malformed frame: %s", what);
	return -1;
}

static int
frame_ready(struct scheduler *s, unsigned peer, struct slice payload,
    struct err *e)
{
	struct unpack u;
	uint64_t epoch;

	unpack_init(&u, payload.p, payload.len);
	epoch = unpack_u64(&u);
	if (!unpack_done(&u))
		return bad_frame(e, "ready");
	if (epoch == s->p.epoch)
		s->peer[peer].ready = s->look_again = true;
	return 0;
}

static int
frame_outcome(struct scheduler *s, unsigned peer, struct slice payload,
    struct err *e)
{
	static struct ipc_outcome o;	/* 2 KB; the scheduler has one thread */
	struct unpack u;
	uint64_t seq, epoch;
	uint16_t n;

	unpack_init(&u, payload.p, payload.len);
	seq = unpack_u64(&u);
	epoch = unpack_u64(&u);
	n = unpack_u16(&u);
	for (; n > 0 && !u.bad; n--) {
		ipc_get_outcome(&u, &o);
		if (!u.bad)
			delivery_outcome(s, peer, epoch, &o);
	}
	if (!unpack_done(&u))
		return bad_frame(e, "outcome");
	if (seq > s->peer[peer].seen)
		s->peer[peer].seen = seq;
	batch_want(s->batcher, s->mono_ms + BATCH_WAIT_MS);
	return 0;
}

static int
frame_recalled(struct scheduler *s, unsigned peer, struct slice payload,
    struct err *e)
{
	struct delivery *d;
	struct unpack u;
	uint64_t id;
	uint8_t how;

	unpack_init(&u, payload.p, payload.len);
	id = unpack_u64(&u);
	how = unpack_u8(&u);
	if (!unpack_done(&u) || how < IPC_RECALL_DROPPED ||
	    how > IPC_RECALL_UNKNOWN)
		return bad_frame(e, "recalled");
	d = HASH_OF(hash_find(&s->deliveries, id), struct delivery, by_id);
	if (d == NULL || d->session->peer != peer)
		return 0;	/* its outcome was faster, or it is another's */
	delivery_recalled(s, d, how == IPC_RECALL_DROPPED);
	if (how == IPC_RECALL_DROPPED)
		delivery_back(s, d);
	return 0;
}

int
scheduler_frame(struct scheduler *s, unsigned peer, uint16_t type,
    struct slice payload, struct err *e)
{
	int rc;

	if (peer >= SCHEDULER_PEERS_MAX || !s->peer[peer].up)
		return 0;
	sched_turn_begin(s);
	switch (type) {
	case IPC_READY:
		rc = frame_ready(s, peer, payload, e);
		break;
	case IPC_RESOLVED:
		rc = lookup_route(s, payload, e);
		break;
	case IPC_PROVEN:
		rc = lookup_proven(s, payload, e);
		break;
	case IPC_TXT:
		rc = lookup_txt(s, payload, e);
		break;
	case IPC_PREPARED:
		rc = lookup_prepared(s, payload, e);
		break;
	case IPC_SESSION_STATE:
		rc = session_state(s, peer, payload, e);
		break;
	case IPC_RETURNED:
		rc = session_returned(s, peer, payload, e);
		break;
	case IPC_OUTCOME:
		rc = frame_outcome(s, peer, payload, e);
		break;
	case IPC_RECALLED:
		rc = frame_recalled(s, peer, payload, e);
		break;
	default:
		err_set(e, ERR_INPUT, "a deliver role sent frame %#x", type);
		rc = -1;
	}
	sched_turn_end(s);
	s->p.wake(s->p.arg);
	return rc;
}
