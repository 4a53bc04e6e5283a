/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dormancy.c - a list that was silent for long is forgotten.
 */
#include "config.h"

#include <jansson.h>

#include "lib/date.h"
#include "lib/err.h"
#include "spool/campaign.h"
#include "spool/consent.h"
#include "spool/dormancy.h"
#include "spool/list.h"
#include "spool/qmeta.h"
#include "spool/subscriber.h"

static int
oldest_member(struct txn *t, const struct list *l, int64_t *ms_r,
    struct err *e)
{
	struct member at = { .list = 0 }, m;
	int rc = 1;

	*ms_r = 0;
	for (unsigned i = 0; i < DORMANCY_LOOK_MAX; i++) {
		if ((rc = subscriber_next(t, l->id, &at, &m, e)) != 1)
			break;
		if (m.state == MEMBER_ACTIVE &&
		    (*ms_r == 0 || m.created_ms < *ms_r))
			*ms_r = m.created_ms;
		at = m;
	}
	return rc == -1 ? -1 : 0;
}

bool
dormancy_reminds(const struct campaign *c)
{
	json_t *o = json_loadb((const char *)c->params.p, c->params.len, 0,
	    NULL);
	bool reminder = json_is_true(json_object_get(o, "reminder"));

	json_decref(o);
	return reminder;
}

/*
 * Did the list write with it?  Members heard it, or it is about to remind
 * them: one that reached nobody woke nobody.  1, 0, -1.
 */
static int
is_heard(struct txn *q, const struct campaign *c, struct err *e)
{
	struct tally v;

	if (c->ended_ms == 0 && dormancy_reminds(c))
		return 1;
	return tally_get(q, c->id, &v, e) == -1 ? -1 : v.delivered > 0;
}

/* When the last that was heard was released: 1, 0 never, -1. */
static int
last_heard(struct txn *q, uint32_t list, int64_t *ms_r, struct err *e)
{
	struct campaign c;
	uint64_t id;
	int rc;

	if (qmeta_get(q, QMETA_CAMPAIGN, &id, e) == -1)
		return -1;
	for (; id > 0; id--) {
		if ((rc = campaign_get(q, (uint32_t)id, &c, e)) == -1)
			return -1;
		if (rc == 0 || c.list != list || c.released_ms == 0)
			continue;
		if ((rc = is_heard(q, &c, e)) == -1)
			return -1;
		if (rc == 1) {
			*ms_r = c.released_ms;
			return 1;
		}
	}
	return 0;
}

int
dormancy_silent_since(struct txn *s, struct txn *q, const struct list *l,
    int64_t *since_ms, struct err *e)
{
	int rc = last_heard(q, l->id, since_ms, e);

	return rc == 0 ? oldest_member(s, l, since_ms, e) : rc == 1 ? 0 : -1;
}

bool
dormancy_is(int64_t since_ms, int64_t when_ms, int months)
{
	return since_ms != 0 && date_add_months(since_ms, months) <= when_ms;
}

int
dormancy_member_since(struct txn *t, uint64_t subscriber, int64_t *since_ms,
    struct err *e)
{
	struct consent c;
	struct member m;
	int rc = subscriber_get(t, subscriber, &m, e);

	if (rc != 1)
		return rc;
	*since_ms = m.created_ms;
	if ((rc = consent_get(t, m.consent, &c, e)) != 1)
		return rc == -1 ? -1 : 1;
	if (c.kind == CONSENT_CONFIRMED)
		*since_ms = c.when_ms;
	if (c.kind != CONSENT_IMPORT_ROW)
		return 1;
	/* What a row does not say, its import says of all. */
	if (c.claimed_ms == 0 &&
	    (rc = consent_get(t, c.follows, &c, e)) != 1)
		return rc == -1 ? -1 : 1;
	if (c.claimed_ms != 0)
		*since_ms = c.claimed_ms;
	return 1;
}
