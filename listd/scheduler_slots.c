/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_slots.c - no more than similar_per_day similar mails to one mailbox
 * in any 24 hours, over lists, campaigns, confirmations and notices (S44).
 *
 * A campaign that is like no other of these hours costs a comparison of three
 * numbers a copy: similar campaigns x addresses of a mailbox + notices to it,
 * each the most there can be.  Only where that passes the limit are those of
 * this mailbox asked for, and only where these pass it too is it looked at:
 *
 *	slots		(spool/slot.h) that mail to it has reserved
 *	by inference	copies of similar campaigns that were released before
 *			and went without a look: each that one of its
 *			memberships was meant by counts as if it had arrived
 *			when its campaign ended, or now, as long as that goes
 *			on.
 *
 * If it may go, its slot is committed together with a deferral that is due at
 * once, and the copy goes when it comes up again; so no crash can hand out
 * what has no slot, and at worst a slot is wasted.  Later campaigns count
 * earlier ones and not the other way round, so that none waits for another in
 * a circle; the last copy of the last one has seen them all.
 *
 * Confirmations and notices always take a slot.  They count as similar to
 * everything, for a stranger can cause them.  Mail that somebody else wrote
 * (role mail passed on, reports about TLS) and copies to try a campaign are
 * not counted.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/posts.h"
#include "listd/scheduler_private.h"
#include "spool/mailbox.h"
#include "spool/notice.h"
#include "spool/slot.h"
#include "spool/subscriber.h"

#define DAY_MS		(INT64_C(24) * 3600 * 1000)
#define LOOK_AGAIN_MS	(INT64_C(3600) * 1000)	/* for one that goes on */
#define ANEW_MS		1000	/* older: its time is that of the attempt */
#define NEAR_LOOK_MS	60000	/* until similar ones are counted again */
#define NEAR_MAX	256	/* similar campaigns that are told apart */
#define COUNTED_MAX	256	/* mails to one mailbox; then it is full */
#define WAIT_MS		50	/* for the commit of a slot */

/* What was changed of a mailbox and is not durable yet. */
struct mailbox {
	struct hash_link by_hash;
	uint8_t		 hash[ADDRESS_HASH_OCTETS];
	struct slots	 slots;
	uint64_t	 serial;	/* of the last batch it is in */
	uint64_t	 reserved;	/* ... with a slot that is new there */
};

/* Mail that counts for one: when each stops to. */
struct counted {
	int64_t		 until_ms[COUNTED_MAX];
	size_t		 n;
};

unsigned
slots_limit(const struct scheduler *s)
{
	return s->limits.similar_per_day != 0 ? s->limits.similar_per_day :
	    SCHEDULER_SIMILAR;
}

/* ---- rows, and what is on its way to them */

static uint64_t
hash_key_of(const uint8_t *hash)
{
	uint64_t k;

	memcpy(&k, hash, sizeof(k));
	return k;
}

static struct mailbox *
mailbox_find(const struct scheduler *s, const uint8_t *hash)
{
	struct hash_link *l = hash_find(&s->mailboxes, hash_key_of(hash));

	for (; l != NULL; l = hash_next(l)) {
		struct mailbox *m = HASH_OF(l, struct mailbox, by_hash);

		if (memcmp(m->hash, hash, sizeof(m->hash)) == 0)
			return m;
	}
	return NULL;
}

/* What counts of it now, and whether all slots of it are durable. */
static int
load(struct scheduler *s, const uint8_t *hash, struct slots *v_r,
    bool *durable_r, struct err *e)
{
	const struct mailbox *m = mailbox_find(s, hash);

	s->looks++;
	*durable_r = m == NULL || m->reserved <= s->durable;
	if (m != NULL) {
		*v_r = m->slots;
	} else if (sched_q(s) == NULL) {
		err_set(e, ERR_STORE, "the queue cannot be read");
		return -1;
	} else if (slots_get(s->q_txn, hash, v_r, e) == -1) {
		return -1;
	}
	slots_expire(v_r, sched_now(s));
	return 0;
}

static void
store(struct scheduler *s, const uint8_t *hash, const struct slots *v,
    bool reserves)
{
	struct mailbox *m = mailbox_find(s, hash);

	if (m == NULL) {
		m = xcalloc(1, sizeof(*m));
		memcpy(m->hash, hash, sizeof(m->hash));
		hash_add(&s->mailboxes, &m->by_hash, hash_key_of(hash));
	}
	m->slots = *v;
	m->serial = s->serial;
	if (reserves)
		m->reserved = s->serial;
	batch_slots(s->batcher, hash, v);
	batch_want(s->batcher, s->mono_ms);
}

/* all: at the end, durable or not. */
static void
forget(struct scheduler *s, bool all)
{
	struct hash_link *l, *next = NULL;
	size_t at = 0;

	while ((l = hash_each(&s->mailboxes, &at, &next)) != NULL) {
		struct mailbox *m = HASH_OF(l, struct mailbox, by_hash);

		if (!all && m->serial > s->durable)
			continue;
		hash_del(&s->mailboxes, &m->by_hash);
		free(m);
	}
}

void
slots_durable(struct scheduler *s)
{
	forget(s, false);
}

void
slots_free(struct scheduler *s)
{
	forget(s, true);
	hash_free(&s->mailboxes);
}

static unsigned
notices_of(const struct slots *v)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->n; i++)
		n += v->v[i].campaign == 0;
	return n;
}

/* The most notices that any mailbox has had: of this day and the last. */
static void
note_most(struct scheduler *s, const struct slots *v)
{
	int64_t day = sched_now(s) / DAY_MS;
	unsigned n = notices_of(v);

	if (day != s->notices_day) {
		s->most_notices[1] = day == s->notices_day + 1 ?
		    s->most_notices[0] : 0;
		s->most_notices[0] = 0;
		s->notices_day = day;
	}
	if (n > s->most_notices[0])
		s->most_notices[0] = n;
}

static unsigned
most_notices(const struct scheduler *s)
{
	return s->most_notices[0] > s->most_notices[1] ?
	    s->most_notices[0] : s->most_notices[1];
}

int
slots_load(struct scheduler *s, struct err *e)
{
	uint8_t at[ADDRESS_HASH_OCTETS];
	struct slots v;
	bool first = true;
	int rc;

	if (sched_q(s) == NULL) {
		err_set(e, ERR_STORE, "the queue cannot be read");
		return -1;
	}
	while ((rc = slots_next(s->q_txn, first ? NULL : at, at, &v,
	    e)) != 0) {
		if (rc == -1 && e->code != ERR_DAMAGED)
			return -1;
		if (rc == -1)	/* P6: that mailbox waits, the others go on */
			log_failure(LEVEL_ERROR, "slots-damaged", e);
		first = false;
		slots_expire(&v, sched_now(s));
		note_most(s, &v);
	}
	return 0;
}

void
scheduler_mailbox_erased(struct scheduler *s, const uint8_t *hash)
{
	static const struct slots none = { .n = 0 };

	sched_turn_begin(s);
	store(s, hash, &none, false);
	sched_turn_end(s);
	s->p.wake(s->p.arg);
}

/* ---- counting */

/* A place that is taken until then; counted once it is past the array, too. */
static void
count(struct counted *c, int64_t until_ms)
{
	if (c->n < COUNTED_MAX)
		c->until_ms[c->n++] = until_ms;
}

static int
time_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* When there are fewer than the limit. */
static int64_t
free_at(const struct scheduler *s, struct counted *c)
{
	qsort(c->until_ms, c->n, sizeof(c->until_ms[0]), time_order);
	return c->until_ms[c->n - slots_limit(s)];
}

/* Of a copy that went without a look. */
static int64_t
inferred_until(const struct scheduler *s, const struct post *p)
{
	return p->ended_ms != 0 ? p->ended_ms + SLOT_MS :
	    sched_now(s) + LOOK_AGAIN_MS;
}

static bool
is_meant(const struct member *m, const struct post *p)
{
	return p->list == m->list && member_counted(m->state, m->join,
	    m->change, &m->past, p->as_of);
}

/* Released before x, so that x waits for it and not the other way round. */
static bool
is_before(const struct post *p, const struct run *x)
{
	return p->ended_ms != 0 || p->released_ms < x->c.released_ms ||
	    (p->released_ms == x->c.released_ms && p->campaign < x->c.id);
}

/* Similar campaigns that a copy of run has to count. */
static size_t
near_of(const struct scheduler *s, const struct run *run,
    const struct post *near[static NEAR_MAX])
{
	size_t all = posts_near(s->posts, run->c.id, sched_now(s) - SLOT_MS,
	    near, NEAR_MAX), n = 0;

	for (size_t i = 0; i < all && i < NEAR_MAX; i++)
		if (is_before(near[i], run))
			near[n++] = near[i];
	return all > NEAR_MAX ? NEAR_MAX : n;
}

/* ---- campaigns */

/* Count similar ones again: others came or ended, or time has passed. */
static void
look_around(struct scheduler *s, struct run *run)
{
	const struct post *near[NEAR_MAX];
	struct err e = ERR_INIT;
	unsigned most;

	if (run->near_serial == posts_serial(s->posts) &&
	    s->mono_ms < run->near_ms)
		return;
	run->near_serial = posts_serial(s->posts);
	run->near_ms = s->mono_ms + NEAR_LOOK_MS;
	run->near = (unsigned)near_of(s, run, near);
	if (mailbox_most(s->s_txn, &most, &e) == -1) {
		log_failure(LEVEL_ERROR, "crowds-damaged", &e);
		most = UINT16_MAX;	/* look at each */
	}
	run->most = most < UINT16_MAX ? most : UINT16_MAX;
}

static bool
can_pass(const struct scheduler *s, const struct run *run, unsigned addresses)
{
	return (uint64_t)(run->near + 1) * addresses + most_notices(s) >
	    slots_limit(s);
}

/* One campaign's copies to a mailbox, as far as they matter here. */
struct copies {
	const struct delivery *d;
	struct slots	 slots;
	struct counted	 taken;		/* before it */
	size_t		 more;		/* its own to other addresses */
};

static void
count_slots(const struct scheduler *s, struct copies *c)
{
	for (unsigned i = 0; i < c->slots.n; i++) {
		const struct slot *v = &c->slots.v[i];

		if (v->campaign == 0 || v->campaign == c->d->campaign ||
		    posts_similar(s->posts, v->campaign, c->d->campaign))
			count(&c->taken, v->time_ms + SLOT_MS);
	}
}

/* What its memberships may have had without a look, and may still get. */
static int
count_members(struct scheduler *s, const uint8_t *hash, struct copies *c,
    struct err *e)
{
	const struct post *near[NEAR_MAX];
	const struct run *run = c->d->run;
	size_t n = near_of(s, run, near);
	struct mailbox_walk walk;
	struct member m;
	int rc;

	mailbox_walk_begin(&walk, hash);
	while ((rc = mailbox_walk_next(s->s_txn, &walk, &m, e)) == 1) {
		for (size_t i = 0; i < n; i++)
			if (is_meant(&m, near[i]) && slots_find(&c->slots,
			    near[i]->campaign, m.subscriber) == NULL)
				count(&c->taken, inferred_until(s, near[i]));
		c->more += m.list == run->c.list &&
		    m.subscriber != c->d->who &&
		    member_counted(m.state, m.join, m.change, &m.past,
		    run->c.as_of) && slots_find(&c->slots, run->c.id,
		    m.subscriber) == NULL;
	}
	return rc;
}

static void
tell_held(const struct scheduler *s, struct run *run)
{
	struct log_line l;

	if (run->told_similar)
		return;
	run->told_similar = true;
	log_begin(&l, LEVEL_NOTICE, "campaign-similar");
	log_hex(&l, "campaign", run->c.id);
	log_int(&l, "limit", slots_limit(s));
	log_str(&l, "text", "mailboxes that had as many similar mails in 24 "
	    "hours wait");
	log_end(&l);
}

/*
 * It has one: 1 go, 0 when that is not durable yet.  Its time is to be that of
 * the attempt, and of the answer (slots_delivered()); if a crash forgets that,
 * it is as old as the attempt before.
 */
static int
use_slot(struct scheduler *s, struct delivery *d, const uint8_t *hash,
    struct slots *v, bool durable, int64_t *due_r)
{
	uint64_t who = d->who & ~WHO_NOTICE;
	const struct slot *own = slots_find(v, d->campaign, who);
	int64_t now = sched_now(s);

	if (!durable) {
		*due_r = now + WAIT_MS;
		return 0;
	}
	if (now - own->time_ms >= ANEW_MS) {
		slots_take(v, d->campaign, who, now);
		store(s, hash, v, false);
	}
	if (d->mailbox == NULL)
		d->mailbox = xmalloc(ADDRESS_HASH_OCTETS);
	memcpy(d->mailbox, hash, ADDRESS_HASH_OCTETS);
	return 1;
}

void
slots_delivered(struct scheduler *s, const struct delivery *d)
{
	struct err e = ERR_INIT;
	struct slots v;
	bool durable;

	if (d->mailbox == NULL)
		return;
	if (load(s, d->mailbox, &v, &durable, &e) == -1) {
		log_failure(LEVEL_ERROR, "slots-damaged", &e);
		return;		/* its time is that of the attempt */
	}
	slots_take(&v, d->campaign, d->who & ~WHO_NOTICE, sched_now(s));
	store(s, d->mailbox, &v, false);
}

static int
look_at(struct scheduler *s, struct delivery *d, const uint8_t *hash,
    int64_t *due_r, struct err *e)
{
	struct copies c = { .d = d };
	bool durable;

	if (load(s, hash, &c.slots, &durable, e) == -1)
		return -1;
	if (slots_find(&c.slots, d->campaign, d->who) != NULL)
		return use_slot(s, d, hash, &c.slots, durable, due_r);
	count_slots(s, &c);
	if (count_members(s, hash, &c, e) == -1)
		return -1;
	if (c.taken.n + c.more < slots_limit(s))
		return 1;
	if (c.taken.n >= slots_limit(s)) {
		tell_held(s, d->run);
		*due_r = free_at(s, &c.taken);
		return 0;
	}
	slots_take(&c.slots, d->campaign, d->who, sched_now(s));
	store(s, hash, &c.slots, true);
	*due_r = sched_now(s);
	return 0;
}

int
slots_allow(struct scheduler *s, struct delivery *d, const struct member *m,
    int64_t *due_r, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct run *run = d->run;
	unsigned n;

	look_around(s, run);
	if (!can_pass(s, run, run->most))
		return 1;
	if (mailbox_of_member(s->s_txn, m, hash, e) == -1 ||
	    mailbox_addresses(s->s_txn, hash, &n, e) == -1)
		return -1;
	if (n > run->most)
		n = run->most;
	return can_pass(s, run, n) ? look_at(s, d, hash, due_r, e) : 1;
}

/* ---- confirmations and notices */

static bool
takes_slot(enum notice_kind kind)
{
	return kind != NOTICE_FORWARD && kind != NOTICE_TLS_REPORT;
}

/* A campaign's copy to one membership, slot or not. */
struct campaign_copy {
	uint32_t	campaign;
	int64_t		until_ms;
};

struct campaign_copies {
	struct campaign_copy v[COUNTED_MAX];
	size_t		n;
};

static void
add_copy(struct campaign_copies *c, uint32_t campaign, int64_t until_ms)
{
	if (c->n < COUNTED_MAX)
		c->v[c->n++] = (struct campaign_copy){ campaign, until_ms };
}

static int
find_copies(struct scheduler *s, const uint8_t *hash, struct slots *slots,
    struct campaign_copies *c, struct err *e)
{
	int64_t since = sched_now(s) - SLOT_MS;
	const struct post *p;
	struct mailbox_walk walk;
	struct member m;
	int rc;

	for (unsigned i = 0; i < slots->n; i++)
		if (slots->v[i].campaign != 0)
			add_copy(c, slots->v[i].campaign,
			    slots->v[i].time_ms + SLOT_MS);
	mailbox_walk_begin(&walk, hash);
	while ((rc = mailbox_walk_next(s->s_txn, &walk, &m, e)) == 1) {
		size_t at = 0;

		while ((p = posts_next(s->posts, &at, since)) != NULL)
			if (is_meant(&m, p) && slots_find(slots, p->campaign,
			    m.subscriber) == NULL)
				add_copy(c, p->campaign,
				    inferred_until(s, p));
	}
	return rc;
}

/* Notices, and the copies that are similar to one: where these are most. */
static void
count_all(const struct scheduler *s, const struct slots *slots,
    const struct campaign_copies *c, struct counted *most)
{
	struct counted some;

	most->n = 0;
	for (unsigned i = 0; i < slots->n; i++)
		if (slots->v[i].campaign == 0)
			count(most, slots->v[i].time_ms + SLOT_MS);
	if (most->n + c->n < slots_limit(s))
		return;
	some = *most;
	for (size_t i = 0; i < c->n; i++) {
		struct counted here = some;

		for (size_t k = 0; k < c->n; k++)
			if (c->v[k].campaign == c->v[i].campaign ||
			    posts_similar(s->posts, c->v[k].campaign,
			    c->v[i].campaign))
				count(&here, c->v[k].until_ms);
		if (here.n > most->n)
			*most = here;
	}
}

static void
tell_notice_held(const struct scheduler *s, uint64_t notice, int64_t due_ms)
{
	struct log_line l;

	log_begin(&l, LEVEL_NOTICE, "notice-similar");
	log_hex(&l, "notice", notice);
	log_int(&l, "limit", slots_limit(s));
	log_int(&l, "until_ms", due_ms);
	log_end(&l);
}

static int
take_slot(struct scheduler *s, struct delivery *d, const uint8_t *hash,
    int64_t *due_r, struct err *e)
{
	uint64_t notice = d->who & ~WHO_NOTICE;
	struct campaign_copies copies = { .n = 0 };
	struct counted taken;
	struct slots v;
	bool durable;

	if (load(s, hash, &v, &durable, e) == -1)
		return -1;
	if (slots_find(&v, 0, notice) != NULL)
		return use_slot(s, d, hash, &v, durable, due_r);
	if (find_copies(s, hash, &v, &copies, e) == -1)
		return -1;
	count_all(s, &v, &copies, &taken);
	if (taken.n >= slots_limit(s)) {
		*due_r = free_at(s, &taken);
		tell_notice_held(s, notice, *due_r);
		return 0;
	}
	slots_take(&v, 0, notice, sched_now(s));
	store(s, hash, &v, true);
	note_most(s, &v);
	*due_r = sched_now(s) + WAIT_MS;
	return 0;
}

int
slots_allow_notice(struct scheduler *s, struct delivery *d,
    const struct notice *n, int64_t *due_r, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	int rc;

	if (!takes_slot(n->kind))
		return 1;
	/* What is no address is not mailed either. */
	if ((rc = mailbox_of_text(s->s_txn, n->address, hash, e)) != 1)
		return rc == -1 ? -1 : 1;
	return take_slot(s, d, hash, due_r, e);
}
