/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_ledger.c - sign the ledger's head, at most once a second after commits
 * that may have appended to it.
 *
 * The checkpoint is kept by a bulk job, so that it ends no import's slice and
 * mostly shares a commit.  A clean stop signs what came last, so that nothing
 * is put behind it while no daemon runs.  After a crash the next start does,
 * before any other role has a head.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/queue_private.h"
#include "spool/ledger_sign.h"

#define SIGN_EVERY_MS	1000

struct signing {
	struct queue	*q;
	struct ledger_checkpoint c;
};

/* 1 there is something to keep, 0, -1; each trouble is said once. */
static int
sign(struct queue *q, struct ledger_checkpoint *c)
{
	const struct ledger_signing s = {
		.url_base = q->env->conf->url_base,
		.now_ms = clock_utc_ms(q->env->clock),
		.clock_unsure = q->clock.unsure,
	};
	struct err e = ERR_INIT;
	int rc = ledger_sign(q->store, &s, c, &e);

	q->ledger.signed_ms = clock_mono_ms(q->env->clock);
	if (rc == -1 && e.code != q->ledger.said)
		log_failure(LEVEL_ERROR, "ledger", &e);
	q->ledger.said = rc == -1 ? e.code : ERR_NONE;
	return rc;
}

static int
keep(struct txn *t, void *arg, struct err *e)
{
	const struct signing *s = arg;

	return ledger_signed(t, &s->c, e);
}

static void
kept(void *arg, enum job_result r, const struct err *e)
{
	struct signing *s = arg;

	if (r == JOB_REFUSED)
		log_failure(LEVEL_ERROR, "ledger", e);
	s->q->ledger.busy = false;
	queue_look_drained(s->q);
	free(s);
}

static void
on_time(void *arg)
{
	struct queue *q = arg;
	struct signing *s = xcalloc(1, sizeof(*s));
	const struct job job = { .apply = keep, .done = kept, .arg = s,
		.lane = WRITER_BULK };

	s->q = q;
	if (sign(q, &s->c) != 1) {
		free(s);
		return;
	}
	q->ledger.busy = true;
	queue_commit(q, STORE_S, &job);
}

void
queue_ledger_look(struct queue *q)
{
	if (!q->ledger.busy && !q->draining &&
	    !timer_running(&q->ledger.next))
		timer_start_at(&q->ledger.next, q->ledger.signed_ms +
		    SIGN_EVERY_MS);
}

void
queue_ledger_name(struct queue *q)
{
	char is[LEDGER_ORIGIN_MAX + 1], would[LEDGER_ORIGIN_MAX + 1];
	struct err e = ERR_INIT;
	struct txn *t;
	size_t n;
	int rc;

	if (txn_read(q->store, STORE_S, &t, &e) == -1)
		return;
	rc = ledger_origin(t, is, &e);
	txn_end(t);
	ledger_origin_of(q->env->conf->url_base, store_instance(q->store),
	    would);
	/* That of a restored store goes on behind it (spool/restored.h). */
	n = strlen(would);
	if (rc == 1 && (strncmp(is, would, n) != 0 ||
	    (is[n] != '\0' && strncmp(is + n, "/r", 2) != 0)))
		log_text(LEVEL_WARNING, "ledger-name", "url_base makes it %s, "
		    "but this ledger was published as %s and stays so", would,
		    is);
}

/* No writer runs. */
static void
sign_now(struct queue *q)
{
	struct signing s = { .q = q };
	const struct job job = { .apply = keep, .arg = &s,
		.lane = WRITER_URGENT };
	struct err e = ERR_INIT;

	if (sign(q, &s.c) == 1 &&
	    writer_run(q->store, STORE_S, &job, &e) == JOB_REFUSED)
		log_failure(LEVEL_ERROR, "ledger", &e);
}

void
queue_ledger_begin(struct queue *q)
{
	timer_init(&q->ledger.next, q->env->timers, on_time, q);
	queue_look_at_clock(q);
	sign_now(q);
	queue_ledger_name(q);
}

void
queue_ledger_opened(struct queue *q)
{
	if (q->ledger.said == ERR_NONE)
		sign_now(q);
}

void
queue_ledger_last(struct queue *q)
{
	if (q->draining)
		sign_now(q);
}

void
queue_ledger_end(struct queue *q)
{
	timer_cancel(&q->ledger.next);
}
