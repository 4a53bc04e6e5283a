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
#include "listd/queue_requests.h"
#include "listd/scheduler.h"
#include "spool/access.h"
#include "spool/content.h"
#include "spool/cosign.h"
#include "spool/effect.h"
#include "spool/leave.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/optin.h"
#include "spool/statement.h"
#include "spool/writer.h"

#define ACTION_FAILED	1	/* of struct ipc_bounce */

struct peer {
	struct queue_requests	*all;
	enum role_kind		 kind;
	struct channel		*ch;
	unsigned		 generation;	/* of ch: answers know theirs */
	size_t			 open;
};

struct queue_requests {
	struct queue	*q;
	struct peer	 inbound, web;
	size_t		 open;
	bool		 closed;
};

struct peer_request {
	struct peer	*peer;
	unsigned	 generation;
	uint16_t	 type;
	uint8_t		*frame;
	uint64_t	 id;
	int64_t		 now_ms;
	bool		 clock_unsure;
	struct optin_limits limits;
	char		 postmaster[CONF_ADDRESS_MAX];
	union {
		struct ipc_subscribe	subscribe;
		struct ipc_confirm	confirm;
		struct ipc_unsubscribe	unsubscribe;
		struct ipc_data		data;
		struct ipc_bounce	bounce;
		struct ipc_forward	forward;
		struct ipc_cosign	cosign;
	} in;
	struct conf_witnesses *witnesses;	/* of a cosignature */

	/* what the job found */
	enum ipc_result	 result;
	const char	*text;
	struct leave_result gone;
	size_t		 kept;		/* files and settings, by an erasure */
	bool		 erased;
	uint8_t		 mailbox[ADDRESS_HASH_OCTETS];	/* of who was */
	bool		 suspended;
	bool		 joined;	/* a confirmation made a member */
};

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
		if (r->in.bounce.action == ACTION_FAILED)
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
			    "person who was erased", r->kept);
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

/* ---- jobs: run in the writer's thread */

static int
apply_subscribe(struct txn *t, struct peer_request *r, struct err *e)
{
	struct optin_ask ask = { .in = &r->in.subscribe,
		.limits = &r->limits, .now_ms = r->now_ms,
		.clock_unsure = r->clock_unsure };
	struct optin_asked asked;

	if (optin_request(t, &ask, &asked, e) == -1)
		return -1;
	r->result = optin_answer(asked.result);
	r->text = "";		/* nothing of what is known of an address */
	return 0;
}

static int
help(struct txn *t, const struct peer_request *r,
    const struct ipc_subscribe *in, struct err *e)
{
	struct optin_ask ask = { .in = in, .limits = &r->limits,
		.now_ms = r->now_ms };
	uint64_t notice;

	return optin_help(t, &ask, &notice, e);
}

static int
apply_confirm(struct txn *t, struct peer_request *r, struct err *e)
{
	struct optin_confirm c = { .in = &r->in.confirm, .now_ms = r->now_ms,
		.clock_unsure = r->clock_unsure };
	struct optin_confirmed got;

	if (optin_confirm(t, &c, &got, e) == -1)
		return -1;
	r->result = optin_answer(got.result);
	r->text = optin_result_name(got.result);
	r->joined = got.result == OPTIN_CONFIRMED && got.subscriber != 0;
	return 0;
}

static int
apply_unsubscribe(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_unsubscribe *u = &r->in.unsubscribe;
	struct ipc_subscribe in = { .evidence = u->evidence };
	struct list *l;
	int rc;

	r->result = IPC_OK;
	if (leave_unsubscribe(t, u, r->now_ms, &r->gone, e) == -1)
		return -1;
	/* Written from another address than the list has: not silence (T18). */
	if (r->gone.n > 0 || u->address[0] == '\0')
		return 0;
	l = xcalloc(1, sizeof(*l));
	if ((rc = list_get(t, u->list, l, e)) == 1) {
		snprintf(in.list, sizeof(in.list), "%s", l->name);
		memcpy(in.address, u->address, sizeof(in.address));
		rc = help(t, r, &in, e);
	}
	free(l);
	return rc;
}

static int
apply_data(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_data *d = &r->in.data;
	struct ipc_subscribe in = { .evidence = d->evidence };
	const struct optin_ask ask = { .in = &in, .limits = &r->limits,
		.now_ms = r->now_ms, .clock_unsure = r->clock_unsure };
	const struct access a = { .in = d, .limits = &r->limits,
		.now_ms = r->now_ms, .clock_unsure = r->clock_unsure };
	struct access_done done = { .gone = { .n = 0 } };
	struct optin_asked asked;

	r->result = IPC_OK;
	r->text = "";
	if (d->act == IPC_DATA_ASK) {
		memcpy(in.address, d->address, sizeof(in.address));
		if (access_ask(t, &ask, &asked, e) == -1)
			return -1;
		/* Whatever is held, or not: the same answer (T7). */
		if (asked.result == OPTIN_MALFORMED)
			r->result = IPC_NO;
		return 0;
	}
	if (access_do(t, &a, &done, e) == -1)
		return -1;
	r->gone = done.gone;
	r->kept = done.kept;
	r->erased = done.erased;
	memcpy(r->mailbox, done.mailbox, sizeof(r->mailbox));
	r->result = optin_answer(done.result);
	r->text = optin_result_name(done.result);
	return 0;
}

static int
apply_bounce(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_bounce *b = &r->in.bounce;
	struct effect ef = { .kind = b->recipient == REPLY_RECIPIENT_HARD ?
		EFFECT_HARD : EFFECT_SOFT, .subscriber = b->subscriber,
		.campaign = (uint32_t)b->campaign, .when_ms = r->now_ms,
		.reported = true, .code = b->code, .text = b->text };

	r->result = IPC_OK;
	/* Delays, and what speaks of us and not of the mailbox, count for
	 * nothing (R124, R132); a bounced notice has no member. */
	if (b->action != ACTION_FAILED ||
	    b->recipient == REPLY_RECIPIENT_NONE || b->subscriber == 0 ||
	    (b->campaign & IPC_NOTICE_BIT) != 0)
		return 0;
	memcpy(ef.enhanced, b->enhanced, sizeof(ef.enhanced));
	return effect_bounce(t, &ef, &r->suspended, e);
}

static int
apply_forward(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct ipc_forward *f = &r->in.forward;
	struct notice n = { .kind = NOTICE_FORWARD, .created_ms = r->now_ms,
		.due_ms = r->now_ms };
	struct list *l;
	uint64_t id;
	int ret = 0;

	r->result = IPC_OK;
	memcpy(n.content, f->hash, sizeof(n.content));
	snprintf(n.address, sizeof(n.address), "%.*s",
	    (int)sizeof(n.address) - 1, r->postmaster);
	if (f->list[0] != '\0') {
		l = xcalloc(1, sizeof(*l));
		/* Who was named and did not confirm it is no owner yet (S9). */
		if ((ret = list_find(t, f->list, l, e)) == 1 &&
		    l->owner_ms != 0)
			snprintf(n.address, sizeof(n.address), "%.*s",
			    (int)sizeof(n.address) - 1, l->owner);
		free(l);
	}
	/* Without anybody to send it to the mail stays under content/. */
	if (ret == -1 || n.address[0] == '\0')
		return ret == -1 ? -1 : 0;
	return notice_add(t, &n, &id, e);
}

/* Web has judged it already; but web is where the world comes in. */
static int
apply_cosign(struct txn *t, struct peer_request *r, struct err *e)
{
	const struct cosign_witnesses w = { r->witnesses->v, r->witnesses->n };
	enum cosign_verdict verdict;

	if (cosign_keep(t, &w, r->in.cosign.note, &verdict, e) == -1)
		return -1;
	r->result = verdict == COSIGN_GOOD ? IPC_OK :
	    verdict == COSIGN_OTHER ? IPC_NO : IPC_UNKNOWN;
	return 0;
}

static int
apply(struct txn *t, void *arg, struct err *e)
{
	struct peer_request *r = arg;

	/* A job may run again when the map was full. */
	leave_result_free(&r->gone);
	r->gone = (struct leave_result){ 0 };
	r->suspended = r->joined = false;
	switch (r->type) {
	case IPC_SUBSCRIBE: return job_answer(apply_subscribe(t, r, e), e);
	case IPC_HELP: return job_answer(help(t, r, &r->in.subscribe, e), e);
	case IPC_CONFIRM: return job_answer(apply_confirm(t, r, e), e);
	case IPC_UNSUBSCRIBE: return job_answer(apply_unsubscribe(t, r, e), e);
	case IPC_DATA: return job_answer(apply_data(t, r, e), e);
	case IPC_BOUNCE: return job_answer(apply_bounce(t, r, e), e);
	case IPC_FORWARD: return job_answer(apply_forward(t, r, e), e);
	case IPC_COSIGN: return job_answer(apply_cosign(t, r, e), e);
	default: return 0;
	}
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

/* The first recipient of a message had its file adopted already. */
static bool
is_adopted(const struct content *content, const struct ipc_forward *f)
{
	uint64_t size;

	return content_hold(content, f->hash, &size, NULL) == 1 &&
	    size == f->length;
}

/* A role's file becomes content before any record names it. */
static int
adopt(struct queue_requests *all, const struct ipc_forward *f)
{
	const struct content *content = queue_content(all->q);
	struct err e = ERR_INIT;

	if (content_adopt(content, "inbound", f->file, f->length, f->hash,
	    &e) == 0 || (e.code == ERR_NOTFOUND && is_adopted(content, f)))
		return 0;
	log_failure(LEVEL_ERROR, "adopt", &e);
	return -1;
}

/*
 * What a page said becomes content, before an entry names it by its hash.
 * Most requests follow a page whose text is there already.
 */
static int
keep_shown(struct queue_requests *all, const char *form, struct slice shown)
{
	const struct content *content = queue_content(all->q);
	uint8_t claimed[CONTENT_HASH], hash[CONTENT_HASH];
	struct err e = ERR_INIT;
	uint64_t size;

	if (shown.len == 0)
		return 0;
	if (!content_unhex(form, claimed)) {
		err_set(&e, ERR_INPUT, "the text of a form without its hash");
		goto fail;
	}
	if (content_hold(content, claimed, &size, NULL) == 1)
		return 0;
	if (content_put(content, shown.p, shown.len, hash, &e) == -1)
		goto fail;
	if (memcmp(hash, claimed, sizeof(hash)) == 0)
		return 0;
	err_set(&e, ERR_INPUT, "the text of a form is not that of its hash");
fail:
	log_failure(LEVEL_ERROR, "form", &e);
	return -1;
}

static int
keep_subscribe(struct queue_requests *all, struct ipc_subscribe *s)
{
	struct err e = ERR_INIT;

	if (s->shown.len > 0 || s->evidence.form[0] != '\0')
		return keep_shown(all, s->evidence.form, s->shown);
	/* By mail: they are shown it by the page that confirms. */
	if (statement_keep(queue_store(all->q), queue_content(all->q),
	    s->list, s->evidence.form, &e) == 0)
		return 0;
	log_failure(LEVEL_ERROR, "form", &e);
	return -1;
}

/* Files and texts that the job will name. */
static int
keep_content(struct queue_requests *all, struct peer_request *r)
{
	switch (r->type) {
	case IPC_FORWARD: return adopt(all, &r->in.forward);
	case IPC_SUBSCRIBE: return keep_subscribe(all, &r->in.subscribe);
	case IPC_CONFIRM:
		return keep_shown(all, r->in.confirm.evidence.form,
		    r->in.confirm.shown);
	default: return 0;
	}
}

static void
peer_request_start(struct peer_request *r)
{
	struct queue_requests *all = r->peer->all;
	const struct role_env *env = queue_env(all->q);
	struct job job = { .apply = apply, .done = on_committed, .arg = r,
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
	if (keep_content(all, r) == -1) {
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
