/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_notice.c - notices: a row in S stands for each until its outcome.
 *
 * In memory is when each is due: to be asked for, or, while it waits at a site
 * or is out, when its time is over.  So none outlives NOTICE_LIFETIME_MS,
 * whatever its site does.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "listd/retry.h"
#include "listd/scheduler_private.h"
#include "listd/site.h"
#include "spool/notice.h"

#define SLOT_SOON_MS	1000	/* its slot is there when its route is */
#define OUT_LOOK_MS	60000	/* its time is over, but it is out */

void
notices_load(struct scheduler *s)
{
	struct notice n;
	struct err e = ERR_INIT;
	int rc;

	if (sched_s(s) == NULL)
		return;
	while ((rc = notice_next(s->s_txn, s->notice_from, &n, &e)) != 0) {
		if (rc == 1)
			dues_set(s->notices, n.id, n.due_ms);
		else
			log_failure(LEVEL_ERROR, "notice-damaged", &e);
		if (rc == -1 && e.code != ERR_DAMAGED)
			return;
		/* Behind a damaged one others wait for their confirmation. */
		s->notice_from = n.id + 1;
	}
}

struct delivery *
notice_delivery(struct scheduler *s, uint64_t notice)
{
	struct notice n;
	struct err e = ERR_INIT;
	struct delivery *d;
	char *at;
	int rc;

	if (sched_s(s) == NULL)
		return NULL;
	if ((rc = notice_get(s->s_txn, notice, &n, &e)) == -1)
		log_failure(LEVEL_ERROR, "notice-damaged", &e);
	if (rc != 1 || (at = strrchr(n.address, '@')) == NULL)
		return NULL;
	*at = '\0';
	d = delivery_new(s, IPC_KIND_NOTICE, notice | WHO_NOTICE, n.address,
	    at + 1);
	d->list = n.list;
	d->domain = n.domain;
	d->attempt = (uint16_t)(n.attempts + 1);
	d->queued_ms = n.due_ms;
	d->first_ms = n.first_ms;
	d->born_ms = n.created_ms;
	d->any_tls = n.kind == NOTICE_TLS_REPORT;
	return d;
}

static void
set_due(struct scheduler *s, const struct delivery *d, int64_t due_ms)
{
	int64_t end = d->born_ms + NOTICE_LIFETIME_MS;

	dues_set(s->notices, d->who & ~WHO_NOTICE, due_ms < end ? due_ms :
	    end);
}

void
notice_later(struct scheduler *s, struct delivery *d, int64_t due_ms)
{
	set_due(s, d, due_ms);
	delivery_free(s, d);
}

bool
notice_has_slot(struct scheduler *s, struct delivery *d)
{
	struct notice n;
	struct err e = ERR_INIT;
	int64_t due;

	if (notice_get(s->s_txn, d->who & ~WHO_NOTICE, &n, &e) != 1 ||
	    slots_allow_notice(s, d, &n, &due, &e) != 0 ||
	    due <= sched_now(s) + SLOT_SOON_MS)
		return true;	/* what is wrong is told where it goes out */
	notice_later(s, d, due);
	return false;
}

/* Whoever asked for a test waits for an answer. */
static void
test_rests(struct delivery *d)
{
	struct scheduler_test *t = d->test;
	char text[IPC_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "its site rests: %.400s",
	    d->site->reason != NULL ? d->site->reason : "no reason is known");
	d->test = NULL;
	t->done(t->arg, NULL, text);
	free(t);
}

void
notice_rests(struct scheduler *s, struct delivery *d)
{
	if (d->kind == IPC_KIND_NOTICE)
		set_due(s, d, sched_now(s) +
		    retry_wait_ms(1, sched_chance(s)));
	else
		test_rests(d);
	delivery_free(s, d);
}

void
notice_waits(struct scheduler *s, struct delivery *d, struct site *site,
    bool first)
{
	d->site = site;
	if (site->paused) {
		notice_rests(s, d);
		return;
	}
	if (d->kind == IPC_KIND_NOTICE)
		set_due(s, d, INT64_MAX);
	d->state = DELIVERY_NOTICE;
	if (first)
		TAILQ_INSERT_HEAD(&site->notices, d, link);
	else
		TAILQ_INSERT_TAIL(&site->notices, d, link);
	site->nnotices++;
	site_kick(s, site);
}

bool
notice_expires(struct scheduler *s, struct delivery *d)
{
	if (sched_now(s) < d->born_ms + NOTICE_LIFETIME_MS) {
		if (d->state != DELIVERY_LOOSE)
			set_due(s, d, INT64_MAX);
		return false;
	}
	if (d->state == DELIVERY_OUT)	/* its outcome says more */
		dues_set(s->notices, d->who & ~WHO_NOTICE,
		    sched_now(s) + OUT_LOOK_MS);
	else
		delivery_settle(s, d, OUTCOME_EXPIRED, &verdict_expired, 0);
	return true;
}
