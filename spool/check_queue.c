/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_queue.c - the tables of Q, and the log of outcomes.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/reactions.h"
#include "lib/strbuf.h"
#include "spool/campaign.h"
#include "spool/check_private.h"
#include "spool/deferral.h"
#include "spool/list.h"
#include "spool/outbox.h"
#include "spool/outcome.h"
#include "spool/progress.h"
#include "spool/qmeta.h"
#include "spool/slot.h"
#include "spool/steering.h"
#include "spool/sts_policy.h"
#include "spool/tls_count.h"
#include "spool/suspension.h"

/* ---- the named values */

void
check_qmeta(struct check *c, struct slice key, struct slice value)
{
	check_meta(c, key, value);
}

/* A number that is used must not be above the last one given. */
static void
check_given(struct check *c, enum qmeta which, enum store_table table,
    uint64_t used, struct slice key)
{
	struct err e = ERR_INIT;
	uint64_t last;

	if (qmeta_get(c->t, which, &last, &e) == -1)
		check_tell_err(c, TABLE_QMETA, key, &e);
	else if (used > last)
		check_tell(c, TABLE_QMETA, key, "%s has number %llu, but the "
		    "last one given is %llu", store_table_name(table),
		    (unsigned long long)used, (unsigned long long)last);
}

static void
check_last(struct check *c, enum qmeta which, enum store_table table,
    size_t octets)
{
	struct slice key, value;
	struct cursor *cur;
	struct err e = ERR_INIT;
	int rc;

	if (cursor_open(c->t, table, &cur, &e) == -1)
		return;		/* told when the table's turn comes */
	rc = cursor_last(cur, &key, &value, &e);
	if (rc == 1 && key.len >= octets)
		check_given(c, which, table, octets == 4 ? check_u32(key, 0) :
		    check_u64(key, 0), key);
	cursor_close(cur);
}

void
check_qmeta_end(struct check *c)
{
	struct err e = ERR_INIT;
	uint64_t logged;

	check_last(c, QMETA_CAMPAIGN, TABLE_CAMPAIGNS, 4);
	check_last(c, QMETA_BATCH, TABLE_OUTBOX, 8);
	if (qmeta_get(c->t, QMETA_LOGGED, &logged, &e) == 0)
		check_given(c, QMETA_BATCH, TABLE_QMETA, logged,
		    SLICE("logged", 6));
}

/* ---- campaigns */

/* The campaign that a row names; told when it is not there. */
static bool
its_campaign(struct check *c, struct slice key, uint32_t id,
    struct campaign *v)
{
	struct err e = ERR_INIT;

	return check_found(c, campaign_get(c->t, id, v, &e),
	    "its campaign is missing", key, &e);
}

/* The row that keeps the same content from going to the same list twice. */
static void
check_identity(struct check *c, struct slice key, const struct campaign *v)
{
	bool dead = v->state == CAMPAIGN_REFUSED ||
	    v->state == CAMPAIGN_CANCELLED;
	struct err e = ERR_INIT;
	struct key k = KEY_INIT;
	uint32_t id;
	int rc;

	if (v->failed_of != 0)
		return;
	key_u32(&k, v->list);
	key_raw(&k, v->content, sizeof(v->content));
	rc = campaign_find(c->t, v->list, v->content, &id, &e);
	if (rc == -1)
		check_tell_err(c, TABLE_CAMPAIGN_OF, key_slice(&k), &e);
	else if (rc == 0)
		check_tell(c, TABLE_CAMPAIGN_OF, key_slice(&k), "missing, "
		    "but there is its campaign");
	else if (id < v->id || (id != v->id && !dead))
		check_tell(c, c->table, key, "campaign %u has its list and "
		    "content too", id);
}

static void
check_its_end(struct check *c, struct slice key, const struct campaign *v)
{
	struct err e = ERR_INIT;
	struct tally n;

	if (v->state != CAMPAIGN_FINISHED ||
	    tally_get(c->t, v->id, &n, &e) == -1)
		return;		/* a tally is told when its own row passes */
	if (tally_ended(&n) != v->count)
		check_tell(c, TABLE_TALLIES, key, "the campaign is finished "
		    "with %llu of %llu", (unsigned long long)tally_ended(&n),
		    (unsigned long long)v->count);
}

void
check_campaigns(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	enum list_state state;
	struct campaign v, of;
	uint32_t org;

	(void)value;
	if (!check_key_len(c, key, 4) || !check_found(c, campaign_get(c->t,
	    check_u32(key, 0), &v, &e), NULL, key, &e))
		return;
	if (check_found(c, list_brief(c->s, v.list, &org, &state, &e),
	    "its list is missing", key, &e) && org != v.org)
		check_tell(c, c->table, key, "its list is another "
		    "organization's");
	if (v.failed_of != 0 && its_campaign(c, key, v.failed_of, &of) &&
	    (of.id >= v.id || of.list != v.list))
		check_tell(c, c->table, key, "it cannot follow campaign %u",
		    of.id);
	if (v.released_ms == 0 && (v.state == CAMPAIGN_RUNNING ||
	    v.state == CAMPAIGN_PAUSED || v.state == CAMPAIGN_FINISHED))
		check_tell(c, c->table, key, "it is %s and was never "
		    "released", campaign_state_name(v.state));
	check_identity(c, key, &v);
	check_its_end(c, key, &v);
	if (campaign_keeps_content(&v, c->p->keep_ms, c->p->now_ms))
		check_names_file(c, key, v.content);
}

void
check_campaign_of(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct campaign v;
	uint32_t id;

	(void)value;
	if (!check_key_len(c, key, 4 + CAMPAIGN_HASH) || !check_found(c,
	    campaign_find(c->t, check_u32(key, 0), key.p + 4, &id, &e), NULL,
	    key, &e) || !its_campaign(c, key, id, &v))
		return;
	if (v.list != check_u32(key, 0) || v.failed_of != 0 ||
	    memcmp(v.content, key.p + 4, CAMPAIGN_HASH) != 0)
		check_tell(c, c->table, key, "campaign %u is not of this "
		    "list and content", id);
}

void
check_tallies(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;
	struct campaign v;
	struct tally n;

	(void)value;
	if (!check_key_len(c, key, 4))
		return;
	if (tally_get(c->t, check_u32(key, 0), &n, &e) == -1) {
		check_tell_err(c, c->table, key, &e);
		return;
	}
	if (!its_campaign(c, key, check_u32(key, 0), &v))
		return;
	if (tally_ended(&n) > v.count)
		check_tell(c, c->table, key, "it counts %llu of %llu",
		    (unsigned long long)tally_ended(&n),
		    (unsigned long long)v.count);
	if (v.state != CAMPAIGN_FINISHED && n.left != 0)
		check_tell(c, c->table, key, "it counts who left before the "
		    "campaign is finished");
	if (v.state == CAMPAIGN_FINISHED && n.deferred != 0)
		check_tell(c, c->table, key, "the campaign is finished with "
		    "%llu deferred", (unsigned long long)n.deferred);
}

/* ---- progress */

/* The domains Q names were all given by S before. */
static void
its_domain(struct check *c, struct slice key, uint32_t domain)
{
	uint64_t last;

	if (txn_counter(c->s, COUNTER_DOMAIN, &last, NULL) == 0 &&
	    (domain == 0 || domain > last))
		check_tell(c, c->table, key, "domain %u was never given",
		    domain);
}

static int
id_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
check_cursor(struct check *c, struct slice key, const struct progress *p,
    uint64_t *done)
{
	if (!p->hi_all && p->lo > p->hi)
		check_tell(c, c->table, key, "lo is past hi");
	if (p->ndone == 0)
		return;
	qsort(done, p->ndone, sizeof(*done), id_order);
	for (size_t i = 0; i < p->ndone; i++) {
		if (done[i] != 0 && (i == 0 || done[i] != done[i - 1]))
			continue;
		check_tell(c, c->table, key, "a subscriber is done twice, or "
		    "none");
		return;
	}
}

void
check_progress(struct check *c, struct slice key, struct slice value)
{
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress_key k = { .campaign = check_u32(key, 0),
	    .domain = check_u32(key, 4) };
	struct err e = ERR_INIT;
	struct campaign v;
	struct progress p;
	int rc;

	(void)value;
	if (!check_key_len(c, key, 10))
		return;
	k.part = (uint16_t)(key.p[8] << 8 | key.p[9]);
	if (!check_found(c, progress_get(c->t, &k, &p, done, &e), NULL, key,
	    &e))
		return;
	check_cursor(c, key, &p, done);
	its_domain(c, key, k.domain);
	if (!its_campaign(c, key, k.campaign, &v))
		return;
	if (v.state == CAMPAIGN_FINISHED)
		check_tell(c, c->table, key, "its campaign is finished");
	if ((rc = progress_finished(c->t, k.campaign, k.domain, NULL)) == 1)
		check_tell(c, c->table, key, "its domain is finished");
}

void
check_finished(struct check *c, struct slice key, struct slice value)
{
	uint32_t chunk = check_u32(key, 4);
	uint8_t bits[PROGRESS_CHUNK];
	struct err e = ERR_INIT;
	struct campaign v;

	(void)value;
	if (!check_key_len(c, key, 8))
		return;
	if (progress_chunk(c->t, check_u32(key, 0), chunk, bits, &e) == -1) {
		check_tell_err(c, c->table, key, &e);
		return;
	}
	its_campaign(c, key, check_u32(key, 0), &v);
	for (uint32_t i = PROGRESS_CHUNK_BITS; i-- > 0;) {
		if ((bits[i / 8] >> (i % 8) & 1) == 0)
			continue;
		its_domain(c, key, chunk * PROGRESS_CHUNK_BITS + i);
		break;		/* the highest speaks for all */
	}
}

/*
 * A deferral whose campaign is over, or whose member is gone, ends when it
 * surfaces; that is no damage.
 */
void
check_deferrals(struct check *c, struct slice key, struct slice value)
{
	struct deferral d = { .domain = check_u32(key, 0),
	    .due_ms = (int64_t)check_u64(key, 4),
	    .campaign = check_u32(key, 12), .h8 = check_u64(key, 16),
	    .subscriber = check_u64(key, 24) };
	struct err e = ERR_INIT;
	struct campaign v;

	(void)value;
	if (!check_key_len(c, key, 32) || !check_found(c, deferral_get(c->t,
	    &d, &e), NULL, key, &e))
		return;
	its_domain(c, key, d.domain);
	its_campaign(c, key, d.campaign, &v);
	if (d.subscriber == 0 || d.due_ms < 0)
		check_tell(c, c->table, key, "it names nobody, or no time");
}

void
check_sites(struct check *c, struct slice key, struct slice value)
{
	struct suspension s;
	struct err e = ERR_INIT;

	(void)value;
	if (check_key_len(c, key, SITE_KEY))
		check_found(c, suspension_get(c->t, key.p, &s, &e), NULL, key,
		    &e);
}

void
check_actions(struct check *c, struct slice key, struct slice value)
{
	struct reaction_action a;
	struct err e = ERR_INIT;

	if (check_key_len(c, key, 8))
		check_found(c, reaction_action_unpack(value.p, value.len, &a,
		    &e) == 0 ? 1 : -1, NULL, key, &e);
}

void
check_policies(struct check *c, struct slice key, struct slice value)
{
	static struct mta_sts_kept k;	/* 16 KB */
	struct err e = ERR_INIT;

	check_found(c, sts_policy_decode(&k, key, value, &e), NULL, key, &e);
}

void
check_slots(struct check *c, struct slice key, struct slice value)
{
	struct err e = ERR_INIT;

	if (slots_check(key, value, &e) == -1)
		check_tell_err(c, c->table, key, &e);
}

void
check_tls_counts(struct check *c, struct slice key, struct slice value)
{
	struct tlsrpt_told told;
	struct err e = ERR_INIT;

	check_found(c, tls_count_decode(&told, key, value, &e), NULL, key, &e);
}

void
check_shares(struct check *c, struct slice key, struct slice value)
{
	struct source_share v;
	struct err e = ERR_INIT;

	check_found(c, source_share_decode(&v, key, value, &e), NULL, key,
	    &e);
}

/* ---- outcomes: what waits in the outbox, and the log */

/* The records of a batch, as many as it says. */
static int
check_batch(struct slice sealed, uint64_t batch, struct err *e)
{
	struct outcome_head head;
	struct outcome o;
	struct unpack u;

	if (outcome_open(&u, sealed, &head, e) == -1)
		return -1;
	for (uint32_t i = 0; i < head.n && !u.bad; i++)
		outcome_get(&u, &o);
	if (head.batch == batch && unpack_done(&u))
		return 0;
	err_set(e, ERR_DAMAGED, "a batch that is not what it says");
	return -1;
}

/* Looked at with the first part of a batch that passes. */
void
check_outbox(struct check *c, struct slice key, struct slice value)
{
	struct strbuf b = STRBUF_INIT(OUTCOME_BATCH_MAX);
	uint64_t batch = check_u64(key, 0), at, logged;
	struct err e = ERR_INIT;
	unsigned part;

	(void)value;
	if (!check_key_len(c, key, 10))
		return;
	part = (unsigned)key.p[8] << 8 | key.p[9];
	if (part != (batch == c->batch ? c->part + 1 : 0) &&
	    (batch != c->batch || part != OUTBOX_MAILS))
		check_tell(c, c->table, key, "a part in the wrong place");
	c->part = part;
	if (part == OUTBOX_MAILS && outbox_mails(c->t, batch, &b, &e) == -1)
		check_tell_err(c, c->table, key, &e);
	if (batch == c->batch && batch != 0)
		return;
	c->batch = batch;
	at = batch - 1;
	if (batch == 0)
		check_tell(c, c->table, key, "a batch without a number");
	else if (check_found(c, outbox_next(c->t, &at, &b, &e), NULL, key,
	    &e) && check_batch(SLICE(b.s, b.len), batch, &e) == -1)
		check_tell_err(c, c->table, key, &e);
	strbuf_free(&b);
	if (qmeta_get(c->t, QMETA_LOGGED, &logged, NULL) == 0 &&
	    batch <= logged && batch != 0)
		check_tell(c, c->table, key, "the log has had it for good");
}

/*
 * Read the log once; told says whether damage is.  A batch that is just being
 * written looks torn: what is torn a second time is told.
 */
static int
read_log(struct check *c, bool told, uint64_t *last, uint64_t *damages,
    struct err *e)
{
	struct outcome_reader *r;
	struct err why = ERR_INIT;
	struct outcome o;
	uint64_t batch = 0;
	int rc = 1;

	*last = *damages = 0;
	if ((r = outcome_reader_new(c->p->outcomes, 0, 0, e)) == NULL)
		return -1;
	while (rc != 0 && !c->stop) {
		rc = outcome_reader_next(r, &o, &batch, &why);
		if (rc == 1 && batch < *last) {
			err_set(&why, ERR_DAMAGED, "batch %llu lies after "
			    "batch %llu", (unsigned long long)batch,
			    (unsigned long long)*last);
			rc = -1;
		}
		c->r->rows += rc == 1 && !told;
		check_alive(c);
		if (rc == -1) {
			++*damages;
			if (told)
				check_tell_err(c, TABLE_LAST, SLICE("", 0),
				    &why);
		}
		if (batch > *last)
			*last = batch;
	}
	outcome_reader_free(r);
	return 0;
}

static int
last_logged(struct check *c, uint64_t *logged, struct err *e)
{
	struct txn *t;

	if (txn_read(c->p->st, STORE_Q, &t, e) == -1)
		return -1;
	if (qmeta_get(t, QMETA_LOGGED, logged, NULL) == -1)
		*logged = 0;	/* told when it passed */
	txn_end(t);
	return 0;
}

int
check_outcomes(struct check *c, struct err *e)
{
	uint64_t logged, last, damages;

	if (last_logged(c, &logged, e) == -1)
		return -1;
	if (read_log(c, false, &last, &damages, e) == -1 ||
	    (damages > 0 && read_log(c, true, &last, &damages, e) == -1)) {
		check_tell_err(c, TABLE_LAST, SLICE("", 0), e);
		return 0;
	}
	if (last < logged)
		check_tell(c, TABLE_LAST, SLICE("", 0), "it ends at batch "
		    "%llu, but had %llu", (unsigned long long)last,
		    (unsigned long long)logged);
	return 0;
}
