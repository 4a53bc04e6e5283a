/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.c - so many messages in a day or an hour, whatever happens.
 */
#include "config.h"

#include "listd/quota.h"
#include "listd/scheduler_private.h"

#define AHEAD_SHARE	20	/* a twentieth of a quota is committed */

void
quota_load(struct quota *q, const struct source_share *row)
{
	q->row = *row;
	q->sent = q->durable = row->count;
	q->serial = 0;
}

void
quota_turn(struct quota *q, int64_t period)
{
	if (q->row.day == period)
		return;
	q->row.day = period;
	q->row.count = q->sent = q->durable = 0;
	q->serial = 0;
}

static void
look_ahead(struct scheduler *s, struct quota *q, uint64_t max)
{
	uint64_t ahead = max / AHEAD_SHARE + 1;

	if (q->serial > s->durable || q->sent + ahead / 2 < q->durable)
		return;
	q->row.count = q->sent + ahead < max ? q->sent + ahead : max;
	q->serial = s->serial;
	batch_share(s->batcher, &q->row);
	batch_want(s->batcher, s->mono_ms);
}

bool
quota_is_open(struct scheduler *s, struct quota *q, uint64_t max)
{
	if (q->sent >= max)
		return false;
	look_ahead(s, q, max);
	return q->sent < q->durable;
}

void
quota_take(struct quota *q)
{
	q->sent++;
}

void
quota_give(struct quota *q, int64_t period)
{
	if (q->row.day == period && q->sent > 0)
		q->sent--;
}

bool
quota_durable(const struct scheduler *s, struct quota *q)
{
	if (q->serial == 0 || q->serial > s->durable)
		return false;
	q->durable = q->row.count;
	q->serial = 0;
	return true;
}
