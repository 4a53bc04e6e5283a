/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c - outcomes, made durable in groups.
 *
 * A batch is a list of operations, written down while it fills and applied in
 * the writer's thread; applying it twice gives the same.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/batch.h"
#include "spool/outbox.h"
#include "spool/qmeta.h"

enum op {
	OP_PROGRESS, OP_FINISH, OP_DEFER, OP_UNDEFER, OP_SUSPEND,
	OP_UNSUSPEND, OP_ACTION, OP_UNACTION, OP_SHARE, OP_SLOTS,
};

#define OPS_MAX	(256u << 20)	/* far above BATCH_OCTETS */

/* Changes of one campaign's figures. */
struct delta {
	uint32_t	campaign;
	int64_t		deferred;
	uint64_t	state[OUTCOME_STATES];
	uint64_t	attempts, unanswered;
};

struct batch {
	uint64_t	 number;	/* 0: it has no outcomes */
	struct outcome_set set;
	struct strbuf	 ops;
	struct delta	*deltas;
	size_t		 ndeltas, cap;
	bool		 effects;
	struct strbuf	 sealed, mails;
	/* Outbox rows that L, synced on this descriptor, and S have. */
	uint64_t	 settle_from, settle_to;
	int		 sync_fd;
};

/* A committed batch on its way to L and S. */
struct pending {
	struct pending	*next;
	uint64_t	 number;
	struct strbuf	 sealed, mails;
	bool		 logged, applied;
};

struct batcher {
	struct batch_params p;
	struct batch	 two[2];
	struct batch	*fill;		/* being filled */
	struct batch	*flight;	/* under way, or NULL */
	uint64_t	 last;		/* number given */
	int64_t		 due_ms;	/* of fill; INT64_MAX: nothing waits */
	bool		 refused;	/* flight found no room */
	struct pending	*with_s;	/* its effects are with S's writer */
	int64_t		 retry_ms;
	bool		 stuck;
	struct pending	*head, **tail;	/* in order of number */
	size_t		 npending;
	uint64_t	 settled_from, settled_to;	/* rows to delete */
	int64_t		 settle_ms;	/* earliest next sync of L */
	struct err	 why;
};

static void
batch_init(struct batch *ba)
{
	memset(ba, 0, sizeof(*ba));
	outcome_set_init(&ba->set);
	strbuf_init(&ba->ops, OPS_MAX);
	strbuf_init(&ba->sealed, OUTCOME_BATCH_MAX);
	strbuf_init(&ba->mails, BATCH_MAILS_MAX);
	ba->sync_fd = -1;
}

static void
batch_reset(struct batch *ba)
{
	ba->number = 0;
	outcome_set_reset(&ba->set);
	strbuf_reset(&ba->ops);
	strbuf_reset(&ba->sealed);
	strbuf_reset(&ba->mails);
	ba->ndeltas = 0;
	ba->effects = false;
	ba->settle_from = ba->settle_to = 0;
	if (ba->sync_fd != -1)
		close(ba->sync_fd);
	ba->sync_fd = -1;
}

static void
batch_release(struct batch *ba)
{
	batch_reset(ba);
	outcome_set_free(&ba->set);
	strbuf_free(&ba->ops);
	strbuf_free(&ba->sealed);
	strbuf_free(&ba->mails);
	free(ba->deltas);
}

struct batcher *
batcher_new(const struct batch_params *p, uint64_t last)
{
	struct batcher *b = xcalloc(1, sizeof(*b));

	b->p = *p;
	batch_init(&b->two[0]);
	batch_init(&b->two[1]);
	b->fill = &b->two[0];
	b->last = last;
	b->due_ms = INT64_MAX;
	b->tail = &b->head;
	return b;
}

void
batcher_free(struct batcher *b)
{
	struct pending *pe;

	if (b == NULL)
		return;
	while ((pe = b->head) != NULL) {
		b->head = pe->next;
		strbuf_free(&pe->sealed);
		strbuf_free(&pe->mails);
		free(pe);
	}
	batch_release(&b->two[0]);
	batch_release(&b->two[1]);
	free(b);
}

/* ---- filling */

static struct delta *
delta_of(struct batch *ba, uint32_t campaign)
{
	struct delta *d;

	for (size_t i = 0; i < ba->ndeltas; i++)
		if (ba->deltas[i].campaign == campaign)
			return &ba->deltas[i];
	if (ba->ndeltas == ba->cap) {
		ba->cap = ba->cap == 0 ? 8 : ba->cap * 2;
		ba->deltas = xreallocarray(ba->deltas, ba->cap,
		    sizeof(*ba->deltas));
	}
	d = &ba->deltas[ba->ndeltas++];
	memset(d, 0, sizeof(*d));
	d->campaign = campaign;
	return d;
}

static void
due_by(struct batcher *b, int64_t at_ms)
{
	if (at_ms < b->due_ms)
		b->due_ms = at_ms;
}

void
batch_outcome(struct batcher *b, const struct outcome *o, bool effects,
    int64_t now_ms)
{
	outcome_set_add(&b->fill->set, o);
	if (o->campaign != 0) {
		struct delta *d = delta_of(b->fill, o->campaign);

		d->state[o->state]++;
		if (o->attempt != 0)
			d->attempts++;
		d->unanswered += outcome_unanswered(o);
	}
	b->fill->effects |= effects;
	due_by(b, now_ms + BATCH_WAIT_MS);
}

void
batch_mailed(struct batcher *b, const struct mailed *m)
{
	struct strbuf *mails = &b->fill->mails;
	struct mailed kept = *m;

	/* A short one always fits: what went before leaves it the room. */
	if (mails->len + m->mail.len > mails->max - BATCH_OUTCOMES * 64)
		kept.mail.len = 0;
	mailed_add(mails, &kept);
}

void
batch_deferred(struct batcher *b, uint32_t campaign, int delta)
{
	delta_of(b->fill, campaign)->deferred += delta;
}

static void
op_key(struct strbuf *ops, enum op op, const struct progress_key *key)
{
	pack_u8(ops, (uint8_t)op);
	pack_raw(ops, key, sizeof(*key));
}

void
batch_progress(struct batcher *b, const struct progress_key *key,
    const struct progress *p)
{
	struct strbuf row = STRBUF_INIT(64 + 8 * PROGRESS_DONE_MAX);

	progress_encode(&row, p);
	op_key(&b->fill->ops, OP_PROGRESS, key);
	pack_bytes(&b->fill->ops, row.s, row.len);
	strbuf_free(&row);
}

void
batch_finish(struct batcher *b, const struct progress_key *key)
{
	op_key(&b->fill->ops, OP_FINISH, key);
}

void
batch_defer(struct batcher *b, const struct deferral *d)
{
	pack_u8(&b->fill->ops, OP_DEFER);
	pack_raw(&b->fill->ops, d, sizeof(*d));
}

void
batch_undefer(struct batcher *b, const struct deferral *d)
{
	pack_u8(&b->fill->ops, OP_UNDEFER);
	pack_raw(&b->fill->ops, d, sizeof(*d));
}

void
batch_suspend(struct batcher *b, const struct suspension *s)
{
	pack_u8(&b->fill->ops, OP_SUSPEND);
	pack_raw(&b->fill->ops, s, sizeof(*s));
}

void
batch_unsuspend(struct batcher *b, const uint8_t site[static SITE_KEY])
{
	pack_u8(&b->fill->ops, OP_UNSUSPEND);
	pack_raw(&b->fill->ops, site, SITE_KEY);
}

void
batch_action(struct batcher *b, uint64_t id, struct slice record)
{
	pack_u8(&b->fill->ops, OP_ACTION);
	pack_u64(&b->fill->ops, id);
	pack_bytes(&b->fill->ops, record.p, record.len);
}

void
batch_unaction(struct batcher *b, uint64_t id)
{
	pack_u8(&b->fill->ops, OP_UNACTION);
	pack_u64(&b->fill->ops, id);
}

void
batch_share(struct batcher *b, const struct source_share *v)
{
	pack_u8(&b->fill->ops, OP_SHARE);
	pack_raw(&b->fill->ops, v, sizeof(*v));
}

void
batch_slots(struct batcher *b,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS], const struct slots *v)
{
	pack_u8(&b->fill->ops, OP_SLOTS);
	pack_raw(&b->fill->ops, mailbox, ADDRESS_HASH_OCTETS);
	pack_u8(&b->fill->ops, (uint8_t)v->n);
	pack_raw(&b->fill->ops, v->v, v->n * sizeof(v->v[0]));
}

void
batch_want(struct batcher *b, int64_t now_ms)
{
	due_by(b, now_ms);
}

/* ---- in the writer's thread */

static int
apply_slots(struct txn *t, struct unpack *u, struct err *e)
{
	uint8_t mailbox[ADDRESS_HASH_OCTETS];
	struct slots v;

	unpack_raw(u, mailbox, sizeof(mailbox));
	v.n = unpack_u8(u);
	assert(v.n <= SLOTS_MAX);
	unpack_raw(u, v.v, v.n * sizeof(v.v[0]));
	return slots_put(t, mailbox, &v, e);
}

static int
apply_op(struct txn *t, struct unpack *u, struct err *e)
{
	struct progress_key key = { 0, 0, 0 };
	struct suspension s;
	struct source_share share;
	struct deferral d;
	uint64_t id;
	uint8_t site[SITE_KEY];

	switch ((enum op)unpack_u8(u)) {
	case OP_PROGRESS:
		unpack_raw(u, &key, sizeof(key));
		return progress_put(t, &key, unpack_bytes(u), e);
	case OP_FINISH:
		unpack_raw(u, &key, sizeof(key));
		return progress_finish(t, &key, e);
	case OP_DEFER:
		unpack_raw(u, &d, sizeof(d));
		return deferral_put(t, &d, e);
	case OP_UNDEFER:
		unpack_raw(u, &d, sizeof(d));
		return deferral_del(t, &d, e) == -1 ? -1 : 0;
	case OP_SUSPEND:
		unpack_raw(u, &s, sizeof(s));
		return suspension_put(t, &s, e);
	case OP_UNSUSPEND:
		unpack_raw(u, site, sizeof(site));
		return suspension_del(t, site, e) == -1 ? -1 : 0;
	case OP_ACTION:
		id = unpack_u64(u);
		return action_put(t, id, unpack_bytes(u), e);
	case OP_UNACTION:
		return action_del(t, unpack_u64(u), e) == -1 ? -1 : 0;
	case OP_SHARE:
		unpack_raw(u, &share, sizeof(share));
		return source_share_put(t, &share, e);
	case OP_SLOTS:
		return apply_slots(t, u, e);
	}
	assert(!"an operation that was never written");
	return -1;
}

static int
apply_delta(struct txn *t, const struct delta *d, struct err *e)
{
	struct tally v;

	if (tally_get(t, d->campaign, &v, e) == -1)
		return -1;
	v.delivered += d->state[OUTCOME_DELIVERED];
	v.failed += d->state[OUTCOME_FAILED];
	v.expired += d->state[OUTCOME_EXPIRED];
	v.suppressed += d->state[OUTCOME_SUPPRESSED];
	/* Of a campaign cancelled meanwhile it is 0 already. */
	v.deferred = (int64_t)v.deferred + d->deferred < 0 ? 0 :
	    (uint64_t)((int64_t)v.deferred + d->deferred);
	v.attempts += d->attempts;
	v.unanswered += d->unanswered;
	return tally_put(t, d->campaign, &v, e);
}

int
batch_settle(struct txn *t, int sync_fd, uint64_t from, uint64_t to,
    struct err *e)
{
	if (fdatasync(sync_fd) == -1) {
		err_sys(e, "outcomes: sync");
		return -1;
	}
	for (uint64_t n = from; n <= to; n++)
		if (outbox_del(t, n, e) == -1)
			return -1;
	return qmeta_put(t, QMETA_LOGGED, to, e);
}

static int
batch_apply(struct txn *t, void *arg, struct err *e)
{
	struct batch *ba = ((struct batcher *)arg)->flight;
	struct unpack u;

	unpack_init(&u, ba->ops.s, ba->ops.len);
	while (u.left > 0)
		if (apply_op(t, &u, e) == -1)
			return -1;
	for (size_t i = 0; i < ba->ndeltas; i++)
		if (apply_delta(t, &ba->deltas[i], e) == -1)
			return -1;
	if (ba->settle_to != 0 && batch_settle(t, ba->sync_fd,
	    ba->settle_from, ba->settle_to, e) == -1)
		return -1;
	if (ba->number == 0)
		return 0;
	if (outbox_put(t, ba->number, SLICE(ba->sealed.s, ba->sealed.len),
	    SLICE(ba->mails.s, ba->mails.len), e) == -1)
		return -1;
	return qmeta_put(t, QMETA_BATCH, ba->number, e);
}

/* ---- after the commit: L and S */

static void
say_stuck(struct batcher *b, const struct err *why)
{
	if (!b->stuck)
		b->p.stuck(b->p.arg, why);
	b->stuck = true;
}

/* Append what L lacks; true when it has all. */
static bool
push_log(struct batcher *b)
{
	struct err e = ERR_INIT;

	for (struct pending *pe = b->head; pe != NULL; pe = pe->next) {
		if (pe->logged)
			continue;
		if (outcome_log_append(b->p.log, pe->number,
		    SLICE(pe->sealed.s, pe->sealed.len), &e) == -1) {
			say_stuck(b, &e);
			return false;
		}
		pe->logged = true;
	}
	return true;
}

/* Forget batches from the front that L and S have. */
static void
drop_done(struct batcher *b)
{
	struct pending *pe;

	while ((pe = b->head) != NULL && pe->logged && pe->applied) {
		if (b->settled_to == 0)
			b->settled_from = pe->number;
		b->settled_to = pe->number;
		if ((b->head = pe->next) == NULL)
			b->tail = &b->head;
		b->npending--;
		strbuf_free(&pe->sealed);
		strbuf_free(&pe->mails);
		free(pe);
	}
}

static struct pending *
first_unapplied(struct batcher *b)
{
	struct pending *pe = b->head;

	while (pe != NULL && pe->applied)
		pe = pe->next;
	return pe;
}

static int
effects_apply(struct txn *t, void *arg, struct err *e)
{
	struct batcher *b = arg;
	struct pending *pe = b->with_s;	/* stays until it is answered */

	return b->p.effects(t, pe->number, SLICE(pe->sealed.s,
	    pe->sealed.len), SLICE(pe->mails.s, pe->mails.len), e);
}

static void push_effects(struct batcher *b);

static void
effects_done(void *arg, enum job_result r, const struct err *why)
{
	struct batcher *b = arg;
	struct pending *pe = b->with_s;

	b->with_s = NULL;
	if (r == JOB_REFUSED) {
		b->p.fatal(b->p.arg, why);
		return;
	}
	if (r == JOB_TRY_AGAIN) {
		say_stuck(b, why);
		return;
	}
	if (why->code == ERR_DAMAGED)	/* P6: lost, but not in silence */
		log_failure(LEVEL_ERROR, "effect-damaged", why);
	pe->applied = true;
	drop_done(b);
	push_effects(b);
}

/* One at a time, for S takes them in order of number. */
static void
push_effects(struct batcher *b)
{
	const struct job job = {
		.apply = effects_apply, .done = effects_done, .arg = b,
		.lane = WRITER_URGENT, .reserve = true,
	};

	if (b->with_s != NULL || (b->with_s = first_unapplied(b)) == NULL)
		return;
	b->p.commit(b->p.arg, STORE_S, &job);
}

static void
make_pending(struct batcher *b, struct batch *ba)
{
	struct pending *pe = xcalloc(1, sizeof(*pe));

	pe->number = ba->number;
	pe->sealed = ba->sealed;
	strbuf_init(&ba->sealed, OUTCOME_BATCH_MAX);
	pe->mails = ba->mails;
	strbuf_init(&ba->mails, BATCH_MAILS_MAX);
	pe->applied = !ba->effects;
	*b->tail = pe;
	b->tail = &pe->next;
	b->npending++;
}

/* ---- driving */

static void
flight_done(void *arg, enum job_result r, const struct err *why)
{
	struct batcher *b = arg;
	struct batch *ba = b->flight;

	if (r == JOB_REFUSED) {
		b->p.fatal(b->p.arg, why);
		return;
	}
	if (r == JOB_TRY_AGAIN) {
		b->refused = true;
		say_stuck(b, why);
		return;
	}
	if (ba->number != 0)
		make_pending(b, ba);
	batch_reset(ba);
	b->flight = NULL;
	b->p.durable(b->p.arg);
	push_log(b);
	push_effects(b);
	drop_done(b);
}

static void
flight_submit(struct batcher *b)
{
	const struct job job = {
		.apply = batch_apply, .done = flight_done, .arg = b,
		.lane = WRITER_URGENT, .reserve = true,
	};

	b->p.commit(b->p.arg, STORE_Q, &job);
}

bool
batch_idle(const struct batcher *b)
{
	return b->flight == NULL;
}

size_t
batch_filled(const struct batcher *b)
{
	return b->fill->set.n + b->fill->ops.len + b->fill->ndeltas;
}

size_t
batch_open(const struct batcher *b)
{
	return b->fill->set.n + (b->flight != NULL ? b->flight->set.n : 0);
}

bool
batch_settled(const struct batcher *b)
{
	return b->flight == NULL && batch_filled(b) == 0 && b->head == NULL &&
	    b->settled_to == 0;
}

bool
batch_behind(const struct batcher *b)
{
	/* What a crash sends again is bounded, however slow the disk is. */
	return b->refused || b->npending > BATCH_BEHIND_MAX ||
	    batch_open(b) >= BATCH_OPEN_MAX;
}

bool
batch_due(const struct batcher *b, int64_t now_ms)
{
	return b->flight == NULL && (b->due_ms <= now_ms ||
	    b->fill->set.n >= BATCH_OUTCOMES ||
	    b->fill->ops.len + b->fill->mails.len >= BATCH_OCTETS);
}

static bool
troubled(const struct batcher *b)
{
	return b->refused || (b->head != NULL && (!b->head->logged ||
	    (!b->head->applied && b->with_s == NULL)));
}

/*
 * There is something to settle, and nothing being filled that it can go with:
 * what is being filled goes with its owner's rows, not from here.
 */
static bool
may_settle(const struct batcher *b)
{
	return b->settled_to != 0 && b->flight == NULL &&
	    b->due_ms == INT64_MAX && batch_filled(b) == 0;
}

int64_t
batch_wait_ms(const struct batcher *b, int64_t now_ms)
{
	int64_t at = INT64_MAX;

	if (b->flight == NULL)
		at = batch_due(b, now_ms) ? now_ms : b->due_ms;
	if (troubled(b) && b->retry_ms < at)
		at = b->retry_ms;
	if (may_settle(b) && b->settle_ms < at)
		at = b->settle_ms;
	if (at == INT64_MAX)
		return -1;
	return at > now_ms ? at - now_ms : 0;
}

/* Let this commit delete the outbox rows that are no longer needed. */
static void
flight_settle(struct batcher *b, struct batch *ba, int64_t now_ms)
{
	struct err e = ERR_INIT;

	if (b->settled_to == 0 || now_ms < b->settle_ms)
		return;
	b->settle_ms = now_ms + BATCH_SETTLE_MS;
	if ((ba->sync_fd = outcome_log_dup(b->p.log, &e)) == -1)
		return;		/* out of descriptors: another time */
	ba->settle_from = b->settled_from;
	ba->settle_to = b->settled_to;
	b->settled_from = b->settled_to = 0;
}

void
batch_flush(struct batcher *b, int64_t now_ms)
{
	struct batch *ba = b->fill;

	if (b->flight != NULL)
		return;
	b->due_ms = INT64_MAX;
	flight_settle(b, ba, now_ms);
	if (batch_filled(b) == 0 && ba->settle_to == 0)
		return;
	if (ba->set.n > 0) {
		ba->number = ++b->last;
		outcome_set_seal(&ba->set, ba->number, b->p.node, 0,
		    UINT64_MAX, &ba->sealed);
	}
	assert(!ba->sealed.overflow && !ba->ops.overflow);
	b->flight = ba;
	b->fill = ba == &b->two[0] ? &b->two[1] : &b->two[0];
	flight_submit(b);
}

void
batch_tick(struct batcher *b, int64_t now_ms)
{
	if (troubled(b) && now_ms >= b->retry_ms) {
		b->retry_ms = now_ms + BATCH_RETRY_MS;
		if (b->refused) {
			b->refused = false;
			flight_submit(b);
		}
		push_log(b);
		push_effects(b);
		drop_done(b);
	}
	if (b->stuck && !troubled(b) && b->with_s == NULL &&
	    b->flight == NULL) {
		b->stuck = false;
		b->p.stuck(b->p.arg, NULL);
	}
	if (may_settle(b) && now_ms >= b->settle_ms)
		batch_flush(b, now_ms);
}
