/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - who left since a backup was made, applied to it.
 *
 * All that is said is read first and sorted by address and subject, with the
 * numbers in order: so the last word on each is the last of its run.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/consent.h"
#include "spool/departures.h"
#include "spool/invite.h"
#include "spool/leave.h"
#include "spool/restored.h"
#include "spool/store_private.h"
#include "spool/subscriber.h"

struct item {
	struct departure d;
	bool		 dropped;	/* a later one takes it back */
};

struct replay {
	uint64_t	 after, highest;
	struct item	*v;
	size_t		 n, cap;
	size_t		 done, at;	/* committed, and behind it applied */
	bool		 settled;
	struct replay_counts counts, committed;
};

struct replay *
replay_new(uint64_t departure)
{
	struct replay *r = xcalloc(1, sizeof(*r));

	r->after = r->highest = departure;
	return r;
}

void
replay_free(struct replay *r)
{
	if (r == NULL)
		return;
	free(r->v);
	free(r);
}

const struct replay_counts *
replay_counts(const struct replay *r)
{
	return &r->counts;
}

/* ---- what is said */

static void
add(struct replay *r, const struct departure *d)
{
	if (r->n == r->cap) {
		r->cap = r->cap != 0 ? r->cap * 2 : 1024;
		r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
	}
	r->v[r->n++] = (struct item){ *d, false };
}

static int
add_record(void *arg, const struct departure *d, struct err *e)
{
	struct replay *r = arg;

	(void)e;
	if (d->number <= r->after)
		return 0;
	if (d->number > r->highest)
		r->highest = d->number;
	r->counts.read++;
	add(r, d);
	return 0;
}

int
replay_add(struct replay *r, const char *path, struct err *e)
{
	uint64_t damaged;
	int rc = departures_read(path, add_record, r, &damaged, e);

	r->counts.damaged += damaged;
	return rc;
}

int
replay_add_store(struct replay *r, struct txn *t, struct err *e)
{
	struct suppression s = { .id = 0 };
	int rc;

	while ((rc = suppression_next(t, &s, e)) == 1) {
		struct departure d = { .kind = DEPARTURE_SET,
			.number = UINT64_MAX, .when_ms = s.when_ms,
			.scope = s.scope, .id = s.id, .reason = s.reason,
			.setter = s.setter };

		memcpy(d.hash, s.hash, sizeof(d.hash));
		add(r, &d);
	}
	return rc;
}

/* ---- the last word */

/* Erasure first, as it takes entries along; memberships last. */
static int
rank(const struct departure *d)
{
	return d->kind == DEPARTURE_ERASED ? 0 :
	    d->kind == DEPARTURE_ENDED ? 2 :
	    d->kind == DEPARTURE_INVITED ? 3 : 1;
}

static int
subject(const struct departure *a, const struct departure *b)
{
	int c = memcmp(a->hash, b->hash, sizeof(a->hash));

	if (c != 0)
		return c;
	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	if (rank(a) == 1 && a->scope != b->scope)
		return a->scope < b->scope ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static int
by_subject(const void *x, const void *y)
{
	const struct departure *a = &((const struct item *)x)->d;
	const struct departure *b = &((const struct item *)y)->d;
	int c = subject(a, b);

	return c != 0 ? c : (a->number > b->number) - (a->number < b->number);
}

/* A lift takes back what was set before it. */
static void
settle(struct replay *r)
{
	size_t from = 0;

	if (r->n > 0)
		qsort(r->v, r->n, sizeof(*r->v), by_subject);
	for (size_t i = 0; i < r->n; i++) {
		if (subject(&r->v[from].d, &r->v[i].d) != 0)
			from = i;
		if (r->v[i].d.kind != DEPARTURE_LIFTED)
			continue;
		r->counts.lifted++;
		while (from <= i)
			r->v[from++].dropped = true;
		from = i;
	}
	r->settled = true;
}

/* ---- applied */

/* 1 changed, 0 it was so, -1.  With an entry of its own, as every one has. */
static int
suppress(struct txn *t, const struct departure *d, int64_t now_ms,
    struct err *e)
{
	struct consent c = { .kind = CONSENT_SUPPRESSED, .when_ms = now_ms,
		.scope = d->scope, .reason = d->reason, .claimed_ms =
		d->when_ms, .hash = SLICE(d->hash, sizeof(d->hash)),
		.setter = consent_text("restore") };
	struct suppression s = { .scope = d->scope, .id = d->id,
		.reason = d->reason, .setter = d->setter,
		.when_ms = d->when_ms };
	struct suppression old;
	int rc = suppression_get(t, d->hash, d->scope, d->id, &old, e);

	if (rc == -1 || (rc == 1 && old.reason >= d->reason))
		return rc == -1 ? -1 : 0;
	if (d->scope == SUPPRESSION_LIST)
		c.list = d->id;
	else if (d->scope == SUPPRESSION_ORG)
		c.org = d->id;
	memcpy(s.hash, d->hash, sizeof(s.hash));
	if (consent_append(t, &c, &s.consent, e) == -1)
		return -1;
	return suppression_add(t, &s, e);
}

/* All of them, however many rounds it takes. */
static int
erase(struct txn *t, const struct departure *d, int64_t now_ms,
    struct err *e)
{
	struct leave_result result = { .changed = true };
	int rc = 0, changed = 0;

	while (rc == 0 && result.changed) {
		rc = leave_erase(t, d->hash, "restore", now_ms, &result, e);
		changed |= rc == 0 && result.changed;
	}
	leave_result_free(&result);
	return rc == -1 ? -1 : changed;
}

static int
end_membership(struct txn *t, const struct departure *d, int64_t now_ms,
    struct err *e)
{
	struct leave l = { .reason = SUPPRESSION_OWNER,
		.setter = SUPPRESSION_BY_SYSTEM, .scope = SUPPRESSION_LIST,
		.list = d->id, .who = "restore", .now_ms = now_ms,
		.keep_open = true };
	struct leave_result result = { .changed = false };
	struct member m;
	int rc = subscriber_find(t, d->id, d->hash, &m, e);

	if (rc != 1)
		return rc;
	memcpy(l.hash, d->hash, sizeof(l.hash));
	rc = leave_apply(t, &l, &result, e);
	leave_result_free(&result);
	return rc == -1 ? -1 : 1;
}

static int
apply(struct txn *t, struct replay *r, const struct item *i, int64_t now_ms,
    struct err *e)
{
	uint64_t *count = &r->counts.suppressed;
	int rc;

	if (i->dropped)
		return 0;
	if (i->d.kind == DEPARTURE_ERASED) {
		rc = erase(t, &i->d, now_ms, e);
		count = &r->counts.erased;
	} else if (i->d.kind == DEPARTURE_ENDED) {
		rc = end_membership(t, &i->d, now_ms, e);
		count = &r->counts.removed;
	} else if (i->d.kind == DEPARTURE_INVITED) {
		rc = invite_remember(t, i->d.hash, i->d.id, 0, e);
		count = &r->counts.invited;
	} else {
		rc = suppress(t, &i->d, now_ms, e);
	}
	*count += rc == 1;
	return rc == -1 ? -1 : 0;
}

int
replay_apply(struct txn *t, struct replay *r, unsigned max, int64_t now_ms,
    struct err *e)
{
	uint64_t last;
	size_t end;

	if (!r->settled) {
		settle(r);
		r->committed = r->counts;
	}
	r->counts = r->committed;
	r->at = r->done;
	end = r->n - r->at > max ? r->at + max : r->n;
	for (; r->at < end; r->at++)
		if (apply(t, r, &r->v[r->at], now_ms, e) == -1)
			return -1;
	/* Numbers go on behind those that are known. */
	if (txn_counter(t, COUNTER_DEPARTURE, &last, e) == -1)
		return -1;
	if (last < r->highest)
		txn_counter_set(t, COUNTER_DEPARTURE, r->highest);
	return r->at < r->n;
}

void
replay_commit(struct replay *r)
{
	r->done = r->at;
	r->committed = r->counts;
}
