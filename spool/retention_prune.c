/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention_prune.c - evidence goes when its time is over, and not before.
 *
 * The clock of a person's evidence with a list starts at the youngest entry
 * that speaks of the two, once the membership is over.  Whatever ends a
 * membership leaves such an entry, and no mail is begun after it; so the clock
 * never starts before the last mail, and it starts again with everything that
 * the person does.  While a membership lasts nothing of it goes.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/identity.h"
#include "spool/jurisdiction.h"
#include "spool/list.h"
#include "spool/retention.h"
#include "spool/store.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"
#include "spool/writer.h"

#define HASH		ADDRESS_HASH_OCTETS
#define LOOK_MAX	4096	/* entries of an address; of more none go */
#define CHAIN_MAX	8	/* changes of address that are followed */
#define NAMED_MAX	(CONSENT_ERASED_MAX / 2)  /* some name a second one */

/* What a list asks for; kept between entries, for many are of one list. */
struct law {
	bool		known;
	uint32_t	list;
	int64_t		keep_ms;
	bool		has_owner;
	uint8_t		owner[HASH];
};

struct pruning {
	struct txn	*t;
	int64_t		 now_ms;
	struct law	 law;
	struct strbuf	 named;		/* indexes, 8 octets each */
};

static int
look_at_list(struct pruning *p, uint32_t list, struct err *e)
{
	struct law *l = &p->law;
	struct identity owner;
	struct list row;
	int rc = 0;

	if (l->known && l->list == list)
		return 0;
	if (list != 0 && (rc = list_get(p->t, list, &row, e)) == -1)
		return -1;
	*l = (struct law){ .known = true, .list = list, .keep_ms =
	    jurisdiction_evidence_ms(rc == 1 ? row.jurisdiction : "") };
	if (rc != 1 || row.state == LIST_REMOVED ||
	    identity_parse_member(store_keys(txn_store(p->t)), row.owner,
	    strlen(row.owner), &owner, NULL) == -1)
		return 0;
	l->has_owner = true;
	memcpy(l->owner, owner.hash, HASH);
	return 0;
}

/* ---- whether the time is over */

/* Does c tell of the person's life on the list?  An act of a wider scope may
 * have ended the membership of any. */
static bool
touches(const struct consent *c, uint32_t list)
{
	return list == 0 || c->list == list || c->list == 0 ||
	    c->scope > SUPPRESSION_LIST;
}

/* Has the person a use for the list's mail, or the list for them?  1, 0, -1 */
static int
is_there(struct pruning *p, const uint8_t hash[static HASH], uint32_t list,
    struct err *e)
{
	struct member m;

	if (p->law.has_owner && memcmp(p->law.owner, hash, HASH) == 0)
		return 1;
	if (list != 0)
		return subscriber_find(p->t, list, hash, &m, e);
	return subscriber_next_of(p->t, hash, 1, &m, e);
}

static int is_over(struct pruning *p, const uint8_t hash[static HASH],
    uint32_t list, uint64_t from, unsigned depth, struct err *e);

/*
 * Where the membership went on under another address, the evidence is needed
 * as long as that one's.  1 over, 0, -1.
 */
static int
successor_is_over(struct pruning *p, const uint8_t hash[static HASH],
    uint32_t list, const struct consent *c, unsigned depth, struct err *e)
{
	struct consent next;
	int rc;

	if (list == 0 || c->kind != CONSENT_REMOVED || c->follows == 0)
		return 1;
	if ((rc = consent_get(p->t, c->follows, &next, e)) != 1)
		return rc == -1 ? -1 : 1;
	if (next.kind != CONSENT_ADDRESS_CHANGED || next.hash.len != HASH ||
	    memcmp(next.hash.p, hash, HASH) == 0)
		return 1;
	if (depth == CHAIN_MAX)
		return 0;
	return is_over(p, next.hash.p, list, c->follows, depth + 1, e);
}

/*
 * Is nobody there, and every entry of the address from `from` on that speaks
 * of the list older than it need be?  1, 0, -1.
 */
static int
is_over(struct pruning *p, const uint8_t hash[static HASH], uint32_t list,
    uint64_t from, unsigned depth, struct err *e)
{
	struct consent c;
	uint64_t index;
	int rc = is_there(p, hash, list, e);

	if (rc != 0)
		return rc == -1 ? -1 : 0;
	for (unsigned i = 0; i < LOOK_MAX; i++) {
		rc = consent_next_of(p->t, hash, from, &index, e);
		if (rc != 1)
			return rc == -1 ? -1 : 1;
		if ((rc = consent_get(p->t, index, &c, e)) == -1)
			return -1;
		from = index + 1;
		if (rc == 0 || !touches(&c, list))
			continue;
		if (p->now_ms - p->law.keep_ms < c.when_ms)
			return 0;
		rc = successor_is_over(p, hash, list, &c, depth, e);
		if (rc != 1)
			return rc;
	}
	return 0;	/* not known: it is kept */
}

/* Entries that are nobody's: of these only counts of networks go. */
static int
is_over_alone(struct pruning *p, const struct consent *c, struct err *e)
{
	if (c->kind != CONSENT_REQUESTS)
		return 0;
	if (look_at_list(p, 0, e) == -1)
		return -1;
	return p->now_ms - p->law.keep_ms >= c->when_ms;
}

/* ---- pruning */

static int
look_at(struct pruning *p, const struct consent *c, uint64_t index,
    struct err *e)
{
	bool has_who = c->hash.len == HASH;
	uint8_t hash[HASH];
	int rc;

	if (!has_who) {
		rc = is_over_alone(p, c, e);
	} else {
		memcpy(hash, c->hash.p, HASH);	/* a write ends the slice */
		if (look_at_list(p, c->list, e) == -1)
			return -1;
		rc = is_over(p, hash, c->list, index, 0, e);
	}
	if (rc != 1)
		return rc;
	/* A gap that it names is named by what comes now. */
	strbuf_add(&p->named, c->erased.p, c->erased.len);
	pack_u64(&p->named, index);
	return consent_remove(p->t, index, SLICE(hash, has_who ? HASH : 0),
	    e);
}

static int
by_index(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

static int
append_pruned(struct pruning *p, struct err *e)
{
	struct consent c = { .kind = CONSENT_PRUNED, .when_ms = p->now_ms,
	    .count = p->named.len / 8, .erased = SLICE(p->named.s,
	    p->named.len) };

	if (p->named.overflow) {
		err_set(e, ERR_LIMIT, "no memory for the entries to prune");
		return -1;
	}
	if (p->named.len == 0)
		return 0;
	qsort(p->named.s, p->named.len / 8, 8, by_index);
	return consent_append(p->t, &c, NULL, e);
}

/* The shortest time of any list's laws: what is younger needs no look. */
static int
shortest(struct pruning *p, int64_t *ms_r, struct err *e)
{
	int64_t ms, min = jurisdiction_evidence_ms("");
	uint32_t id = 1;
	struct list l;
	int rc;

	while ((rc = list_next(p->t, id, &l, e)) == 1) {
		ms = jurisdiction_evidence_ms(l.jurisdiction);
		if (ms < min)
			min = ms;
		if (l.id == UINT32_MAX)
			break;
		id = l.id + 1;
	}
	*ms_r = min;
	return rc == -1 ? -1 : 0;
}

/* The next entry, pruned if its time is over: 1, 0 at the end, -1. */
static int
step(struct pruning *p, struct retention_pass *pass, struct err *e)
{
	struct err le = ERR_INIT;
	struct consent c;
	uint64_t index = pass->at;
	int rc = consent_next(p->t, pass->at, &index, &c, &le);

	if (rc == 0 || (rc == 1 &&
	    p->now_ms - pass->shortest_ms < c.when_ms))
		return 0;
	if (rc == 1)
		rc = look_at(p, &c, index, &le);
	/* `listctl check` names what is damaged; others go on. */
	if (rc == -1 && le.code != ERR_DAMAGED) {
		err_set(e, le.code, "%s", le.text);
		return -1;
	}
	pass->at = index + 1;
	return 1;
}

int
retention_prune(struct txn *t, struct retention_pass *pass, unsigned max,
    int64_t now_ms, struct err *e)
{
	struct pruning p = { .t = t, .now_ms = now_ms,
	    .named = STRBUF_INIT(2 * 8 * CONSENT_ERASED_MAX) };
	struct retention_pass was = *pass;
	int rc = 1;

	if (pass->shortest_ms == 0)
		rc = shortest(&p, &pass->shortest_ms, e) == -1 ? -1 : 1;
	for (; rc == 1 && max > 0; max--) {
		rc = step(&p, pass, e);
		if (p.named.len >= 8 * NAMED_MAX || writer_slice_over(t))
			break;
	}
	pass->pruned += p.named.len / 8;
	if (rc == -1 || append_pruned(&p, e) == -1) {
		*pass = was;
		rc = -1;
	}
	strbuf_free(&p.named);
	return rc;
}
