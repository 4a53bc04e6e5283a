/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_restored.c - the journal of departures, and a store that came from a
 * backup and does not know yet who left since (T52).
 */
#include "config.h"

#include <stdio.h>

#include "lib/err.h"
#include "lib/sys/log.h"
#include "listd/queue_private.h"
#include "listd/scheduler.h"
#include "spool/departures.h"
#include "spool/restored.h"

int
queue_departures_open(struct queue *q, struct err *e)
{
	char dir[CONF_PATH_MAX + 32];

	snprintf(dir, sizeof(dir), "%s/%s", q->env->conf->data_dir,
	    DEPARTURES_DIR);
	if ((q->departures = departures_open(dir, e)) == NULL)
		return -1;
	departures_use(q->store, q->departures);
	return 0;
}

void
queue_departures_look(struct queue *q)
{
	struct err e = ERR_INIT;

	if (q->departures != NULL && departures_trouble(q->departures, &e))
		log_failure(LEVEL_ERROR, "departures", &e);
	if (q->held)
		log_text(LEVEL_ERROR, "departures-due", "the store came from "
		    "a backup; nothing is sent until listctl restore --replay "
		    "or --waive");
}

void
queue_departures_close(struct queue *q)
{
	if (q->departures == NULL)
		return;
	departures_use(q->store, NULL);
	departures_close(q->departures);
	q->departures = NULL;
}

int
queue_restored_look(struct queue *q, struct err *e)
{
	char dir[CONF_PATH_MAX + 32];
	struct restored r;
	struct txn *t;
	int rc;

	if (txn_read(q->store, STORE_S, &t, e) == -1)
		return -1;
	rc = restored_get(t, &r, e);
	txn_end(t);
	if (rc == -1)
		return -1;
	q->held = r.state == RESTORED_DUE;
	scheduler_set_held(q->sched, q->held);
	snprintf(dir, sizeof(dir), "%s/" DEPARTURES_DIR,
	    q->env->conf->data_dir);
	if (departures_set_due(dir, q->held, e) == -1)
		log_failure(LEVEL_ERROR, "departures-due", e);
	queue_departures_look(q);
	return 0;
}

bool
queue_is_held(struct queue *q)
{
	return q->held;
}

void
queue_release(struct queue *q)
{
	struct err e = ERR_INIT;

	if (queue_restored_look(q, &e) == -1)
		log_failure(LEVEL_ERROR, "departures-due", &e);
	queue_turn_soon(q);
}
