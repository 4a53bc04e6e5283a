/* SPDX-License-Identifier: Apache-2.0 */
/*
 * campaign.c - one mailing to a list: its row, its states, its figures.
 */
#include "config.h"

#include <string.h>

#include "lib/strbuf.h"
#include "spool/campaign.h"
#include "spool/qmeta.h"
#include "spool/store.h"

/*
 * Rows of version 1 end before what becomes of copies that were not answered,
 * those of version 2 before the fingerprint; they are read as they are.
 */
#define CAMPAIGN_VERSION	3
#define TALLY_VERSION		2
#define IDENTITY_VERSION	1
#define ROW_MAX	(CAMPAIGN_PARAMS_MAX + CAMPAIGN_FINDINGS_MAX + \
    CAMPAIGN_FINGERPRINT_MAX + 1024)

#define BIT(STATE)	(1u << (STATE))

/* Which states may follow each. */
static const unsigned follows[CAMPAIGN_STATES] = {
	[CAMPAIGN_PREPARING] = BIT(CAMPAIGN_REFUSED) |
	    BIT(CAMPAIGN_SCHEDULED) | BIT(CAMPAIGN_RUNNING) |
	    BIT(CAMPAIGN_CANCELLED),
	[CAMPAIGN_SCHEDULED] = BIT(CAMPAIGN_RUNNING) | BIT(CAMPAIGN_CANCELLED),
	[CAMPAIGN_RUNNING] = BIT(CAMPAIGN_PAUSED) | BIT(CAMPAIGN_CANCELLED) |
	    BIT(CAMPAIGN_FINISHED),
	[CAMPAIGN_PAUSED] = BIT(CAMPAIGN_RUNNING) | BIT(CAMPAIGN_CANCELLED) |
	    BIT(CAMPAIGN_FINISHED),
};

const char *
campaign_state_name(enum campaign_state s)
{
	static const char *const names[CAMPAIGN_STATES] = {
		"none", "preparing", "refused", "scheduled", "running",
		"paused", "cancelled", "finished",
	};

	return (unsigned)s < CAMPAIGN_STATES ? names[s] : names[0];
}

static const char *const after_names[CAMPAIGN_AFTERS] = {
	"resend", "assume-delivered", "hold",
};

const char *
campaign_after_name(enum campaign_after after)
{
	return after_names[(unsigned)after < CAMPAIGN_AFTERS ? after : 0];
}

bool
campaign_after_find(const char *name, enum campaign_after *after_r)
{
	for (unsigned i = 0; i < CAMPAIGN_AFTERS; i++)
		if (strcmp(name, after_names[i]) == 0) {
			*after_r = (enum campaign_after)i;
			return true;
		}
	return false;
}

void
campaign_detach(struct campaign *c)
{
	c->params = c->findings = c->fingerprint = SLICE("", 0);
}

bool
campaign_legal(enum campaign_state from, enum campaign_state to)
{
	return (unsigned)from < CAMPAIGN_STATES &&
	    (unsigned)to < CAMPAIGN_STATES && (follows[from] & BIT(to)) != 0;
}

bool
campaign_keeps_content(const struct campaign *c, int64_t keep_ms,
    int64_t now_ms)
{
	int64_t end = c->ended_ms != 0 ? c->ended_ms : c->changed_ms;

	if (c->state != CAMPAIGN_REFUSED && c->state != CAMPAIGN_CANCELLED &&
	    c->state != CAMPAIGN_FINISHED)
		return true;
	if (end < c->created_ms)
		end = c->created_ms;
	if (keep_ms == 0)
		keep_ms = CAMPAIGN_KEEP_MS;
	return now_ms - end < (c->released_ms != 0 ? keep_ms :
	    CAMPAIGN_UNSENT_KEEP_MS);
}

static struct slice
campaign_key(uint8_t key[static 4], uint32_t id)
{
	for (int i = 0; i < 4; i++)
		key[i] = (uint8_t)(id >> (24 - 8 * i));
	return SLICE(key, 4);
}

static void
campaign_encode(struct strbuf *b, const struct campaign *c)
{
	record_begin(b, CAMPAIGN_VERSION);
	pack_u32(b, c->list);
	pack_u32(b, c->org);
	pack_u8(b, (uint8_t)c->state);
	pack_raw(b, c->content, sizeof(c->content));
	pack_u32(b, c->failed_of);
	pack_u64(b, c->as_of);
	pack_u64(b, c->count);
	pack_u64(b, c->left_base);
	pack_u64(b, c->start);
	pack_i64(b, c->created_ms);
	pack_i64(b, c->released_ms);
	pack_i64(b, c->date_ms);
	pack_i64(b, c->send_at_ms);
	pack_i64(b, c->send_by_ms);
	pack_i64(b, c->ended_ms);
	pack_str(b, c->created_by);
	pack_str(b, c->changed_by);
	pack_i64(b, c->changed_ms);
	pack_bytes(b, c->params.p, c->params.len);
	pack_bytes(b, c->findings.p, c->findings.len);
	pack_u8(b, (uint8_t)c->after);
	pack_bytes(b, c->fingerprint.p, c->fingerprint.len);
	pack_u64(b, c->similar);
	pack_u32(b, c->excess);
	pack_u8(b, c->excess_allowed);
	record_end(b);
}

static void
read_similar(struct unpack *u, struct campaign *c)
{
	c->fingerprint = unpack_bytes(u);
	c->similar = unpack_u64(u);
	c->excess = unpack_u32(u);
	c->excess_allowed = unpack_u8(u) != 0;
}

static int
campaign_decode(struct campaign *c, uint32_t id, struct slice value,
    struct err *e)
{
	struct unpack u;
	uint8_t version, state = 0, after = 0;

	memset(c, 0, sizeof(*c));
	c->id = id;
	if (record_open(&u, value.p, value.len, &version)) {
		c->list = unpack_u32(&u);
		c->org = unpack_u32(&u);
		state = unpack_u8(&u);
		unpack_raw(&u, c->content, sizeof(c->content));
		c->failed_of = unpack_u32(&u);
		c->as_of = unpack_u64(&u);
		c->count = unpack_u64(&u);
		c->left_base = unpack_u64(&u);
		c->start = unpack_u64(&u);
		c->created_ms = unpack_i64(&u);
		c->released_ms = unpack_i64(&u);
		c->date_ms = unpack_i64(&u);
		c->send_at_ms = unpack_i64(&u);
		c->send_by_ms = unpack_i64(&u);
		c->ended_ms = unpack_i64(&u);
		unpack_str(&u, c->created_by, sizeof(c->created_by));
		unpack_str(&u, c->changed_by, sizeof(c->changed_by));
		c->changed_ms = unpack_i64(&u);
		c->params = unpack_bytes(&u);
		c->findings = unpack_bytes(&u);
		after = version >= 2 ? unpack_u8(&u) : 0;
		if (version >= 3)
			read_similar(&u, c);
	}
	if (!unpack_done(&u) || state == 0 || state >= CAMPAIGN_STATES ||
	    after >= CAMPAIGN_AFTERS) {
		err_set(e, ERR_DAMAGED, "campaigns %u: not what was written",
		    id);
		return -1;
	}
	c->state = (enum campaign_state)state;
	c->after = (enum campaign_after)after;
	return 0;
}

int
campaign_get(struct txn *t, uint32_t id, struct campaign *c_r, struct err *e)
{
	struct slice value;
	uint8_t key[4];
	int rc;

	rc = txn_get(t, TABLE_CAMPAIGNS, campaign_key(key, id), &value, e);
	if (rc != 1)
		return rc;
	return campaign_decode(c_r, id, value, e) == -1 ? -1 : 1;
}

int
campaign_next(struct txn *t, uint32_t after, struct campaign *c_r,
    struct err *e)
{
	struct cursor *c = NULL;
	struct slice key, value;
	struct unpack u;
	uint8_t from[4];
	int rc;

	if (after == UINT32_MAX)
		return 0;
	if (cursor_open(t, TABLE_CAMPAIGNS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, campaign_key(from, after + 1), &key, &value, e);
	if (rc == 1) {
		unpack_init(&u, key.p, key.len);
		if (campaign_decode(c_r, unpack_u32(&u), value, e) == -1)
			rc = -1;
	}
	cursor_close(c);
	return rc;
}

/* ---- identity: one campaign per list and content */

static struct slice
identity_key(uint8_t key[static 4 + CAMPAIGN_HASH], uint32_t list,
    const uint8_t *content)
{
	campaign_key(key, list);
	memcpy(key + 4, content, CAMPAIGN_HASH);
	return SLICE(key, 4 + CAMPAIGN_HASH);
}

int
campaign_find(struct txn *t, uint32_t list,
    const uint8_t content[static CAMPAIGN_HASH], uint32_t *id_r,
    struct err *e)
{
	uint8_t key[4 + CAMPAIGN_HASH], version;
	struct slice value;
	struct unpack u;
	int rc;

	rc = txn_get(t, TABLE_CAMPAIGN_OF, identity_key(key, list, content),
	    &value, e);
	if (rc != 1)
		return rc;
	*id_r = 0;
	if (record_open(&u, value.p, value.len, &version))
		*id_r = unpack_u32(&u);
	if (!unpack_done(&u)) {
		err_set(e, ERR_DAMAGED,
		    "campaign_of list %u: not what was written", list);
		return -1;
	}
	return 1;
}

static int
identity_put(struct txn *t, const struct campaign *c, struct err *e)
{
	uint8_t key[4 + CAMPAIGN_HASH];
	struct strbuf b = STRBUF_INIT(32);
	int rc;

	record_begin(&b, IDENTITY_VERSION);
	pack_u32(&b, c->id);
	record_end(&b);
	rc = txn_put(t, TABLE_CAMPAIGN_OF,
	    identity_key(key, c->list, c->content), SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

static int
campaign_put(struct txn *t, const struct campaign *c, struct err *e)
{
	struct strbuf b = STRBUF_INIT(ROW_MAX);
	uint8_t key[4];
	int rc;

	campaign_encode(&b, c);
	rc = txn_put(t, TABLE_CAMPAIGNS, campaign_key(key, c->id),
	    SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

/* 1 when the same send is there and alive, with its id. */
static int
campaign_repeats(struct txn *t, const struct campaign *c, uint32_t *id_r,
    struct err *e)
{
	struct campaign old;
	int rc;

	if (c->failed_of != 0)
		return 0;
	if ((rc = campaign_find(t, c->list, c->content, id_r, e)) != 1)
		return rc;
	if ((rc = campaign_get(t, *id_r, &old, e)) != 1)
		return rc;
	return old.state != CAMPAIGN_REFUSED &&
	    old.state != CAMPAIGN_CANCELLED;
}

static bool
campaign_fits(const struct campaign *c, struct err *e)
{
	if (c->params.len <= CAMPAIGN_PARAMS_MAX &&
	    c->findings.len <= CAMPAIGN_FINDINGS_MAX &&
	    c->fingerprint.len <= CAMPAIGN_FINGERPRINT_MAX)
		return true;
	err_set(e, ERR_LIMIT, "campaign: more than %d octets of parameters, "
	    "%d of findings or %d of a fingerprint", CAMPAIGN_PARAMS_MAX,
	    CAMPAIGN_FINDINGS_MAX, CAMPAIGN_FINGERPRINT_MAX);
	return false;
}

int
campaign_create(struct txn *t, struct campaign *c, bool *existed_r,
    struct err *e)
{
	uint32_t same = 0;
	uint64_t id;
	int rc;

	*existed_r = false;
	if (!campaign_fits(c, e))
		return 1;
	if ((rc = campaign_repeats(t, c, &same, e)) == -1)
		return -1;
	if (rc == 1) {
		c->id = same;
		*existed_r = true;
		return 0;
	}
	if (qmeta_get(t, QMETA_CAMPAIGN, &id, e) == -1)
		return -1;
	if (id >= UINT32_MAX - 1) {
		err_set(e, ERR_LIMIT, "campaign: all ids are used");
		return 1;
	}
	c->id = (uint32_t)id + 1;
	c->state = CAMPAIGN_PREPARING;
	if (qmeta_put(t, QMETA_CAMPAIGN, c->id, e) == -1 ||
	    campaign_put(t, c, e) == -1)
		return -1;
	return c->failed_of != 0 ? 0 : identity_put(t, c, e);
}

int
campaign_change(struct txn *t, const struct campaign *c, struct err *e)
{
	struct campaign old;
	int rc;

	if (!campaign_fits(c, e))
		return 1;
	if ((rc = campaign_get(t, c->id, &old, e)) == -1)
		return -1;
	if (rc == 0) {
		err_set(e, ERR_NOTFOUND, "campaign %u: there is none", c->id);
		return 1;
	}
	if (old.state != c->state && !campaign_legal(old.state, c->state)) {
		err_set(e, ERR_REFUSED, "campaign %u is %s and cannot be %s",
		    c->id, campaign_state_name(old.state),
		    campaign_state_name(c->state));
		return 1;
	}
	if (campaign_put(t, c, e) == -1)
		return -1;
	return c->state == CAMPAIGN_CANCELLED ?
	    campaign_settle(t, c->id, e) : 0;
}

/* ---- figures */

int
tally_get(struct txn *t, uint32_t campaign, struct tally *v, struct err *e)
{
	struct slice value;
	struct unpack u;
	uint8_t key[4], version;
	int rc;

	memset(v, 0, sizeof(*v));
	rc = txn_get(t, TABLE_TALLIES, campaign_key(key, campaign), &value, e);
	if (rc != 1)
		return rc;
	if (record_open(&u, value.p, value.len, &version)) {
		v->delivered = unpack_u64(&u);
		v->failed = unpack_u64(&u);
		v->expired = unpack_u64(&u);
		v->suppressed = unpack_u64(&u);
		v->left = unpack_u64(&u);
		v->deferred = unpack_u64(&u);
		v->attempts = unpack_u64(&u);
		v->unanswered = version >= 2 ? unpack_u64(&u) : 0;
	}
	if (!unpack_done(&u)) {
		err_set(e, ERR_DAMAGED, "tallies %u: not what was written",
		    campaign);
		return -1;
	}
	return 0;
}

int
tally_put(struct txn *t, uint32_t campaign, const struct tally *v,
    struct err *e)
{
	struct strbuf b = STRBUF_INIT(128);
	uint8_t key[4];
	int rc;

	record_begin(&b, TALLY_VERSION);
	pack_u64(&b, v->delivered);
	pack_u64(&b, v->failed);
	pack_u64(&b, v->expired);
	pack_u64(&b, v->suppressed);
	pack_u64(&b, v->left);
	pack_u64(&b, v->deferred);
	pack_u64(&b, v->attempts);
	pack_u64(&b, v->unanswered);
	record_end(&b);
	rc = txn_put(t, TABLE_TALLIES, campaign_key(key, campaign),
	    SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc;
}

uint64_t
tally_ended(const struct tally *v)
{
	return v->delivered + v->failed + v->expired + v->suppressed + v->left;
}

int
campaign_settle(struct txn *t, uint32_t campaign, struct err *e)
{
	struct campaign c;
	struct tally v;
	int rc = campaign_get(t, campaign, &c, e);

	if (rc != 1 || c.state != CAMPAIGN_CANCELLED)
		return rc == -1 ? -1 : 0;
	if (tally_get(t, campaign, &v, e) == -1)
		return -1;
	if (v.deferred == 0)
		return 0;
	v.deferred = 0;
	return tally_put(t, campaign, &v, e);
}
