/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_requests.c - what inbound and web ask of queue.
 *
 * A request lives from its frame to its answer:
 *
 *	frame -> (keep file, text) -> job on S -> commit -> (recall) -> reply
 *
 * The frame's bytes are kept with it, because the decoded structs borrow from
 * them and the job runs in the writer's thread.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/reply_rules.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/figures.h"
#include "listd/queue_api.h"
#include "listd/queue_figures.h"
#include "listd/queue_request.h"
#include "listd/queue_requests.h"
#include "listd/scheduler.h"
#include "spool/leave.h"
#include "spool/optin.h"
#include "spool/writer.h"

/* ---- answers */

static void
peer_request_free(struct peer_request *r)
{
	leave_result_free(&r->gone);
	free(r->witnesses);
	free(r->frame);
	free(r);
}

static void
peer_request_end(struct peer_request *r, enum ipc_result result)
{
	struct peer *p = r->peer;
	struct strbuf b = STRBUF_INIT(256);
	struct err e = ERR_INIT;

	p->open--;
	p->all->open--;
	pack_u64(&b, r->id);
	pack_u8(&b, (uint8_t)result);
	pack_str(&b, r->text);
	if (p->ch != NULL && p->generation == r->generation) {
		if (channel_send_buf(p->ch, IPC_REPLY, &b, &e) == -1)
			log_failure(LEVEL_WARNING, "reply", &e);
	}
	/* Also after the last one of a forerunner: they count for all. */
	if (p->ch != NULL && p->open < QUEUE_REQUESTS_MAX / 2)
		channel_resume(p->ch);
	strbuf_free(&b);
	peer_request_free(r);
}

/* Whoever asked to leave is told when nothing more can be begun for them. */
static void
on_recalled(void *arg, const struct scheduler_recalled *rec)
{
	struct peer_request *r = arg;
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "unsubscribe");
	log_int(&l, "list", r->in.unsubscribe.list);
	log_int(&l, "campaign", r->in.unsubscribe.campaign);
	log_str(&l, "channel", r->in.unsubscribe.evidence.channel);
	log_int(&l, "removed", (int64_t)r->gone.n);
	log_int(&l, "recalled", rec->dropped);
	log_int(&l, "begun", rec->begun);
	log_end(&l);
	if (r->gone.n == 0)
		scheduler_notices_changed(queue_scheduler(r->peer->all->q));
	peer_request_end(r, r->result);
}

/* The same for who left, or was erased, by the page of their data. */
static void
on_data_recalled(void *arg, const struct scheduler_recalled *rec)
{
	struct peer_request *r = arg;
	struct log_line l;

	log_begin(&l, LEVEL_INFO, "data");
	log_str(&l, "act", r->in.data.act == IPC_DATA_ERASE ? "erase" :
	    "leave");
	log_int(&l, "removed", (int64_t)r->gone.n);
	log_int(&l, "recalled", rec->dropped);
	log_int(&l, "begun", rec->begun);
	log_end(&l);
	peer_request_end(r, r->result);
}

static void
recall(struct peer_request *r,
    void (*done)(void *arg, const struct scheduler_recalled *r))
{
	uint64_t *ids = xcalloc(r->gone.n + 1, sizeof(*ids));

	for (size_t i = 0; i < r->gone.n; i++)
		ids[i] = r->gone.gone[i].subscriber;
	scheduler_recall(queue_scheduler(r->peer->all->q), 0, ids, r->gone.n,
	    done, r);
	free(ids);
}

static enum figure
bounce_figure(const struct ipc_bounce *b)
{
	switch ((enum reply_recipient)b->recipient) {
	case REPLY_RECIPIENT_HARD: return FIGURE_BOUNCES_HARD;
	case REPLY_RECIPIENT_SOFT: return FIGURE_BOUNCES_SOFT;
	case REPLY_RECIPIENT_NONE: break;
	}
	return FIGURE_BOUNCES_OTHER;
}

/* It is durable. */
static void
count(const struct peer_request *r)
{
	struct figures *f = queue_figures(r->peer->all->q);

	switch (r->type) {
	case IPC_SUBSCRIBE:
		figures_count(f, FIGURE_JOINS);
		break;
	case IPC_CONFIRM:
		if (r->joined)
			figures_count(f, FIGURE_CONFIRMATIONS);
		break;
	case IPC_UNSUBSCRIBE:
		if (strcmp(r->in.unsubscribe.evidence.channel,
		    "one-click") == 0)
			figures_count(f, FIGURE_ONECLICK);
		if (r->gone.n > 0)
			figures_count(f, FIGURE_LEAVES);
		break;
	case IPC_BOUNCE:
		if (r->in.bounce.action == REQUEST_ACTION_FAILED)
			figures_count(f, bounce_figure(&r->in.bounce));
		break;
	default:
		break;
	}
}

static void
on_committed(void *arg, enum job_result jr, const struct err *e)
{
	struct peer_request *r = arg;
	bool again;

	if (jr != JOB_DONE) {
		log_failure(LEVEL_WARNING, "request", e);
		/* A call that failed is no rule that said no: keep nothing. */
		again = jr == JOB_TRY_AGAIN || job_answer(-1, e) == -1;
		peer_request_end(r, again ? IPC_TRY_AGAIN : IPC_NO);
		return;
	}
	count(r);
	switch (r->type) {
	case IPC_SUBSCRIBE:
	case IPC_HELP:
	case IPC_FORWARD:
		scheduler_notices_changed(queue_scheduler(r->peer->all->q));
		break;
	case IPC_CONFIRM:
		/* An owner who confirmed may set a waiting list free, and a
		 * change of address is told to the old one. */
		scheduler_notices_changed(queue_scheduler(r->peer->all->q));
		scheduler_holds_changed(queue_scheduler(r->peer->all->q));
		break;
	case IPC_UNSUBSCRIBE:
		recall(r, on_recalled);
		return;
	case IPC_DATA:
		if (r->erased)
			scheduler_mailbox_erased(queue_scheduler(
			    r->peer->all->q), r->mailbox);
		if (r->kept > 0)
			log_text(LEVEL_WARNING, "erased", "%zu evidence files "
			    "of imports or settings of lists may name a "
			    "person who was erased: %s", r->kept, r->kept_in);
		scheduler_notices_changed(queue_scheduler(r->peer->all->q));
		if (r->gone.n == 0)
			break;
		recall(r, on_data_recalled);
		return;
	default:
		break;
	}
	peer_request_end(r, r->result);
}

/* ---- frames */

/* By the rules, too: what inbound knows are the codes and common words. */
static void
judge_report(const struct reply_rules *rules, struct ipc_bounce *b)
{
	const struct enhanced code = { (uint8_t)b->enhanced[0],
		b->enhanced[1], b->enhanced[2] };
	struct reply_class class = { .category = b->category,
		.recipient = b->recipient };

	reply_rules_report(rules, b->code, &code, b->text, strlen(b->text),
	    &class);
	b->category = (uint8_t)class.category;
	b->recipient = (uint8_t)class.recipient;
}

static void
decode(struct peer_request *r, struct unpack *u)
{
	switch (r->type) {
	case IPC_SUBSCRIBE:
	case IPC_HELP:
		ipc_get_subscribe(u, &r->in.subscribe);
		r->id = r->in.subscribe.request;
		break;
	case IPC_CONFIRM:
		ipc_get_confirm(u, &r->in.confirm);
		r->id = r->in.confirm.request;
		break;
	case IPC_UNSUBSCRIBE:
		ipc_get_unsubscribe(u, &r->in.unsubscribe);
		r->id = r->in.unsubscribe.request;
		break;
	case IPC_DATA:
		ipc_get_data(u, &r->in.data);
		r->id = r->in.data.request;
		if (r->peer->kind != ROLE_WEB)
			u->bad = true;	/* the page is the only way */
		break;
	case IPC_BOUNCE:
		ipc_get_bounce(u, &r->in.bounce);
		r->id = r->in.bounce.request;
		break;
	case IPC_FORWARD:
		ipc_get_forward(u, &r->in.forward);
		r->id = r->in.forward.request;
		break;
	case IPC_COSIGN:
		ipc_get_cosign(u, &r->in.cosign);
		r->id = r->in.cosign.request;
		u->bad = u->bad || r->peer->kind != ROLE_WEB;
		break;
	default:
		u->bad = true;
	}
}

static void
peer_request_start(struct peer_request *r)
{
	struct queue_requests *all = r->peer->all;
	const struct role_env *env = queue_env(all->q);
	struct job job = { .apply = request_apply, .done = on_committed, .arg = r,
		.lane = WRITER_URGENT,
		/* Leaving works even when the store is nearly full (P7). */
		.reserve = r->type == IPC_UNSUBSCRIBE ||
			(r->type == IPC_DATA &&
			(r->in.data.act == IPC_DATA_LEAVE ||
			r->in.data.act == IPC_DATA_ERASE)) };

	r->now_ms = clock_utc_ms(env->clock);
	r->clock_unsure = queue_clock_unsure(all->q);
	optin_limits_of(env->conf, &r->limits);
	memcpy(r->postmaster, env->conf->postmaster, sizeof(r->postmaster));
	r->text = "";
	if (r->type == IPC_COSIGN) {
		r->witnesses = xmalloc(sizeof(*r->witnesses));
		*r->witnesses = env->conf->ledger_witness;
	}
	if (r->type == IPC_BOUNCE)
		judge_report(queue_rules(all->q), &r->in.bounce);
	r->peer->open++;
	all->open++;
	if (r->peer->open >= QUEUE_REQUESTS_MAX)
		channel_pause(r->peer->ch);
	if (request_keep(r) == -1) {
		peer_request_end(r, IPC_TRY_AGAIN);
		return;
	}
	queue_commit(all->q, STORE_S, &job);
}

/* Read at once and of no consequence: no job, no limit of its own. */
static void
tell_figures(struct peer *p, uint64_t id)
{
	struct strbuf b = STRBUF_INIT(QUEUE_FIGURES_MAX + 64);
	struct strbuf text = STRBUF_INIT(QUEUE_FIGURES_MAX);
	struct err e = ERR_INIT;

	queue_figures_format(p->all->q, &text);
	pack_u64(&b, id);
	pack_u8(&b, text.overflow ? IPC_TRY_AGAIN : IPC_OK);
	pack_bytes(&b, text.s, text.overflow ? 0 : text.len);
	if (channel_send_buf(p->ch, IPC_REPLY, &b, &e) == -1)
		log_failure(LEVEL_WARNING, "reply", &e);
	strbuf_free(&text);
	strbuf_free(&b);
}

static bool
take_figures(struct peer *p, const struct channel_frame *f)
{
	struct unpack u;
	uint64_t id;

	unpack_init(&u, f->data, f->len);
	id = unpack_u64(&u);
	if (p->kind != ROLE_WEB || !unpack_done(&u))
		return false;
	tell_figures(p, id);
	return true;
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct peer *p = arg;
	struct peer_request *r;
	struct err e = ERR_INIT;
	struct unpack u;

	if (f->type == IPC_FIGURES && take_figures(p, f))
		return;
	r = xcalloc(1, sizeof(*r));
	r->peer = p;
	r->generation = p->generation;
	r->type = f->type;
	r->frame = xmalloc(f->len);	/* CHANNEL_FRAME_MAX at most */
	memcpy(r->frame, f->data, f->len);
	unpack_init(&u, r->frame, f->len);
	decode(r, &u);
	if (unpack_done(&u)) {
		peer_request_start(r);
		return;
	}
	err_set(&e, ERR_INPUT, "frame %#x does not decode", f->type);
	peer_request_free(r);
	channel_fail(ch, &e);
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct peer *p = arg;

	if (why != NULL)
		log_failure(LEVEL_WARNING, p->kind == ROLE_WEB ? "web-peer" :
		    "inbound-peer", why);
	p->ch = NULL;
	channel_free(ch);
}

static const struct channel_ops ops = {
	.frame = on_frame, .closed = on_closed,
};

void
queue_requests_peer(struct queue_requests *all, enum role_kind kind, int fd)
{
	struct peer *p = kind == ROLE_WEB ? &all->web : &all->inbound;

	if (all->closed) {
		close(fd);
		return;
	}
	channel_free(p->ch);
	p->generation++;
	p->ch = channel_new(queue_env(all->q)->base, fd, &ops, p);
}

/* ---- life */

struct queue_requests *
queue_requests_new(struct queue *q)
{
	struct queue_requests *all = xcalloc(1, sizeof(*all));

	all->q = q;
	all->inbound = (struct peer){ .all = all, .kind = ROLE_INBOUND };
	all->web = (struct peer){ .all = all, .kind = ROLE_WEB };
	return all;
}

size_t
queue_requests_open(const struct queue_requests *all)
{
	return all->open;
}

void
queue_requests_close(struct queue_requests *all)
{
	all->closed = true;
	channel_free(all->inbound.ch);
	channel_free(all->web.ch);
	all->inbound.ch = all->web.ch = NULL;
}

void
queue_requests_free(struct queue_requests *all)
{
	if (all == NULL)
		return;
	queue_requests_close(all);
	free(all);
}
