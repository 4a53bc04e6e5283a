/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_stop.c - stop mail that is on its way.
 */
#include "config.h"

#include <stdio.h>

#include "lib/err.h"
#include "listd/control_call.h"
#include "listd/control_stop.h"
#include "listd/scheduler.h"
#include "spool/campaign.h"
#include "spool/leave.h"
#include "spool/writer.h"

struct stop {
	struct call	*call;
	bool		 cancel;
	bool		(*match)(const struct campaign *m, uint32_t id);
	uint32_t	 id;
	uint32_t	 campaign;	/* the one at hand */
	int64_t		 now_ms;
	void		(*then)(struct call *c);
};

static void next_campaign(struct stop *s);

static struct stop *
stop_new(struct call *c, void (*then)(struct call *))
{
	struct stop *s = call_alloc(c, sizeof(*s));

	s->call = c;
	s->now_ms = call_now(c);
	s->then = then;
	return s;
}

static void
recalled(void *arg, const struct scheduler_recalled *r)
{
	struct stop *s = arg;

	(void)r;	/* what had begun is the one exception, and counted */
	if (!call_resume(s->call))
		return;
	if (s->match != NULL)
		next_campaign(s);
	else
		s->then(s->call);
}

static void
recall(struct stop *s, const uint64_t *subscribers, size_t n)
{
	call_hold(s->call);
	scheduler_recall(call_scheduler(s->call), s->campaign, subscribers, n,
	    recalled, s);
}

void
stop_campaign(struct call *c, uint32_t campaign, void (*then)(struct call *))
{
	struct stop *s = stop_new(c, then);

	s->campaign = campaign;
	recall(s, NULL, 0);
}

void
stop_members(struct call *c, const struct leave_gone *gone, size_t n,
    void (*then)(struct call *))
{
	struct stop *s = stop_new(c, then);
	uint64_t *ids;

	if (n == 0) {
		then(c);
		return;
	}
	ids = call_alloc(c, n * sizeof(*ids));
	for (size_t i = 0; i < n; i++)
		ids[i] = gone[i].subscriber;
	recall(s, ids, n);
}

/* ---- many campaigns */

static int
cancel_apply(struct txn *t, void *arg, struct err *e)
{
	struct stop *s = arg;
	struct campaign m;
	int rc = campaign_get(t, s->campaign, &m, e);

	if (rc != 1)
		return rc;
	if (!campaign_legal(m.state, CAMPAIGN_CANCELLED))
		return 0;	/* it ended by itself */
	m.state = CAMPAIGN_CANCELLED;
	m.ended_ms = m.changed_ms = s->now_ms;
	snprintf(m.changed_by, sizeof(m.changed_by), "%.*s",
	    (int)sizeof(m.changed_by) - 1, call_who(s->call));
	return campaign_change(t, &m, e);
}

static void
cancelled(struct call *c, void *arg)
{
	struct stop *s = arg;

	scheduler_campaign_changed(call_scheduler(c), s->campaign);
	recall(s, NULL, 0);
}

/* The next campaign that did not end and is meant, or 0. */
static uint32_t
find_campaign(struct stop *s)
{
	struct txn *t = call_read(s->call, STORE_Q);
	struct err e = ERR_INIT;
	struct campaign m = { .id = s->campaign };
	int rc = 0;

	if (t == NULL)
		return 0;
	while ((rc = campaign_next(t, m.id, &m, &e)) == 1)
		if (m.state != CAMPAIGN_REFUSED &&
		    m.state != CAMPAIGN_CANCELLED &&
		    m.state != CAMPAIGN_FINISHED && s->match(&m, s->id))
			break;
	txn_end(t);
	if (rc == -1)
		call_error(s->call, &e);
	return rc == 1 ? m.id : 0;
}

static void
next_campaign(struct stop *s)
{
	if ((s->campaign = find_campaign(s)) == 0)
		s->then(s->call);
	else if (s->cancel)
		call_write(s->call, STORE_Q, CALL_URGENT, cancel_apply, s,
		    cancelled);
	else
		recall(s, NULL, 0);
}

void
stop_campaigns(struct call *c, bool cancel,
    bool (*match)(const struct campaign *, uint32_t), uint32_t id,
    void (*then)(struct call *))
{
	struct stop *s = stop_new(c, then);

	s->cancel = cancel;
	s->match = match;
	s->id = id;
	next_campaign(s);
}
