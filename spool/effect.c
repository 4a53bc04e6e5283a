/* SPDX-License-Identifier: Apache-2.0 */
/*
 * effect.c - what a batch of outcomes means for S.
 *
 * A refusal that says the mailbox does not exist suspends at once, in our own
 * session or in a report to a return path whose MAC was right (R127, R138).  A
 * report of words alone, with no code by which a server said so, suspends only
 * when it comes a second time, a day or more later (R126, R131).  Signs older
 * than a month are forgotten.  Removal is a later step, never one of these.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "spool/consent.h"
#include "spool/effect.h"
#include "spool/identity.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/request.h"
#include "spool/store.h"
#include "spool/subscriber.h"

#define HOUR_MS		(3600ll * 1000)
#define DAY_HOURS	24
#define WINDOW_HOURS	(30 * DAY_HOURS)
#define SIGNS_OF_DEATH	2	/* days with a report of a dead mailbox */

/* ---- bounces */

/*
 * Count an event of this hour.  True when it counts as one of a further day:
 * another one by the calendar, and a whole day on from the first if apart.
 */
static bool
count_day(uint32_t *first, uint32_t *last, uint8_t *days, uint32_t hour,
    bool apart)
{
	if (*days == 0 || hour > *last + WINDOW_HOURS ||
	    hour > *first + WINDOW_HOURS) {
		*first = *last = hour;
		*days = 1;
		return true;
	}
	if (hour / DAY_HOURS <= *last / DAY_HOURS ||
	    (apart && hour < *first + DAY_HOURS))
		return false;
	*last = hour;
	if (*days < UINT8_MAX)
		++*days;
	return true;
}

static uint32_t
hour_of(int64_t ms)
{
	return ms > 0 ? (uint32_t)(ms / HOUR_MS) : 0;
}

static void
format_enhanced(const uint16_t enhanced[3], char out[static 20])
{
	out[0] = '\0';
	if (enhanced[0] != 0)
		snprintf(out, 20, "%u.%u.%u", enhanced[0], enhanced[1],
		    enhanced[2]);
}

static int
append_bounce(struct txn *t, const struct effect *v, const struct member *m,
    uint64_t *index_r, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	char enhanced[20];
	enum list_state state;
	struct consent c = { .kind = CONSENT_BOUNCED, .when_ms = v->when_ms,
	    .list = m->list, .subscriber = m->subscriber,
	    .campaign = v->campaign, .code = v->code,
	    .host = consent_text(v->host), .reply = consent_text(v->text),
	    .follows = m->consent, .count = m->bounces.hard_days };

	if (subscriber_hash(t, m, hash, e) == -1 ||
	    list_brief(t, m->list, &c.org, &state, e) == -1)
		return -1;
	format_enhanced(v->enhanced, enhanced);
	c.hash = SLICE(hash, sizeof(hash));
	c.enhanced = consent_text(enhanced);
	return consent_append(t, &c, index_r, e);
}

/* Did a server say by its code that it is for good, and not words alone? */
static bool
is_clear(const struct effect *v)
{
	return !v->reported || v->code / 100 == 5 || v->enhanced[0] == 5;
}

static int
bounce_hard(struct txn *t, const struct effect *v, struct member *m,
    bool *suspended_r, struct err *e)
{
	struct member_bounces *b = &m->bounces;
	bool further = count_day(&b->hard_first, &b->hard_last, &b->hard_days,
	    hour_of(v->when_ms), true);
	uint64_t index;

	if (m->state == MEMBER_ACTIVE &&
	    (is_clear(v) || b->hard_days >= SIGNS_OF_DEATH)) {
		*suspended_r = true;
		if (append_bounce(t, v, m, &index, e) == -1)
			return -1;
		/* What the membership rests on stays what it was. */
		return subscriber_set_state(t, m, MEMBER_SUSPENDED,
		    MEMBER_WHY_UNKNOWN, 0, e);
	}
	return further ? subscriber_set_bounces(t, m, e) : 0;
}

int
effect_bounce(struct txn *t, const struct effect *v, bool *suspended_r,
    struct err *e)
{
	struct member m;
	int rc = subscriber_get(t, v->subscriber, &m, e);

	*suspended_r = false;
	if (rc != 1)
		return rc;	/* left meanwhile */
	if (v->kind == EFFECT_HARD)
		return bounce_hard(t, v, &m, suspended_r, e);
	if (!count_day(&m.bounces.soft_first, &m.bounces.soft_last,
	    &m.bounces.soft_days, hour_of(v->when_ms), false))
		return 0;
	return subscriber_set_bounces(t, &m, e);
}

/* ---- notices */

static int
append_notice(struct txn *t, const struct effect *v, const struct notice *n,
    enum consent_kind kind, uint64_t follows, struct err *e)
{
	static const uint8_t none[sizeof(v->mail_hash)];
	struct identity who;
	enum list_state state;
	char enhanced[20];
	struct consent c = { .kind = kind, .when_ms = v->when_ms,
	    .list = n->list, .address = consent_text(n->address),
	    .subscriber = n->subscriber, .follows = follows, .code = v->code,
	    .message_id = consent_text(v->message_id),
	    .host = consent_text(v->host), .reply = consent_text(v->text) };

	if (identity_parse(store_keys(txn_store(t)), n->address,
	    strlen(n->address), ADDRESS_UTF8, &who, e) == -1 ||
	    list_brief(t, n->list, &c.org, &state, e) == -1)
		return -1;
	format_enhanced(v->enhanced, enhanced);
	c.hash = SLICE(who.hash, sizeof(who.hash));
	c.enhanced = consent_text(enhanced);
	if (memcmp(v->mail_hash, none, sizeof(none)) != 0) {
		c.mail = v->mail;
		c.mail_hash = SLICE(v->mail_hash, sizeof(v->mail_hash));
	}
	if (n->kind != NOTICE_ALREADY && n->kind != NOTICE_CHANGED)
		c.request = SLICE(n->request, sizeof(n->request));
	return consent_append(t, &c, NULL, e);
}

/* The mail with the token was taken, or will never be. */
static int
end_confirmation(struct txn *t, const struct effect *v,
    const struct notice *n, struct err *e)
{
	bool sent = v->kind == EFFECT_NOTICE_SENT;
	struct request r;
	uint64_t follows = 0;
	int rc = request_get(t, n->request, &r, e);

	if (rc == -1)
		return -1;
	if (rc == 1) {
		follows = r.consent;
		if (sent && r.mailed_ms == 0)
			r.mailed_ms = v->when_ms;
		r.mails += sent;
		if (sent && request_save(t, &r, e) == -1)
			return -1;
	}
	return append_notice(t, v, n, sent ? CONSENT_MAIL_SENT :
	    CONSENT_MAIL_FAILED, follows, e);
}

static int
end_notice(struct txn *t, const struct effect *v, struct err *e)
{
	struct notice n;
	int rc = notice_get(t, v->notice, &n, e);

	if (rc != 1)
		return rc;
	if (v->kind != EFFECT_NOTICE_DROPPED) {
		if (notice_asks(n.kind))
			rc = end_confirmation(t, v, &n, e);
		else if (n.kind == NOTICE_ALREADY &&
		    v->kind == EFFECT_NOTICE_SENT)
			rc = append_notice(t, v, &n, CONSENT_ALREADY, 0, e);
		else if (n.kind == NOTICE_CHANGED)
			rc = append_notice(t, v, &n,
			    v->kind == EFFECT_NOTICE_SENT ? CONSENT_MAIL_SENT :
			    CONSENT_MAIL_FAILED, 0, e);
	}
	return rc == -1 || notice_del(t, v->notice, e) == -1 ? -1 : 0;
}

/* ---- batches */

static int
apply_one(struct txn *t, const struct effect *v, struct err *e)
{
	bool suspended;

	switch (v->kind) {
	case EFFECT_HARD:
	case EFFECT_SOFT:
		return effect_bounce(t, v, &suspended, e);
	case EFFECT_NOTICE_DEFERRED:
		return notice_defer(t, v->notice, v->when_ms, v->due_ms, e);
	case EFFECT_NOTICE_SENT:
	case EFFECT_NOTICE_FAILED:
	case EFFECT_NOTICE_DROPPED:
		return end_notice(t, v, e);
	}
	return 0;
}

int
effect_last(struct txn *t, uint64_t *batch_r, struct err *e)
{
	return txn_counter(t, COUNTER_BATCH, batch_r, e);
}

/*
 * A record that is damaged ends the work on that record and not on the batch,
 * which would then be tried for ever: what the effect says is lost, and who
 * asked is told so.
 */
int
effect_apply(struct txn *t, uint64_t batch, const struct effect *v, size_t n,
    struct err *e)
{
	uint64_t last;

	if (effect_last(t, &last, e) == -1)
		return -1;
	if (batch <= last)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct err le = ERR_INIT;

		if (apply_one(t, &v[i], &le) != -1)
			continue;
		err_set(e, le.code, "%s", le.text);
		if (le.code != ERR_DAMAGED)
			return -1;
	}
	txn_counter_set(t, COUNTER_BATCH, batch);
	return 1;
}
