/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_api.h - what the queue role gives to the parts that work inside it.
 *
 * role_queue.c has the struct and the functions; the control side, and what
 * answers inbound and web, see no more of it than this.  All of it is for the
 * thread of the loop.
 *
 * What a part changes it tells the scheduler (listd/scheduler.h) after the
 * commit: scheduler_notices_changed() when a job may have made a notice,
 * scheduler_holds_changed() for lists and organizations,
 * scheduler_campaign_changed() for a campaign's state, and scheduler_recall()
 * for who is gone, before anybody is answered.
 */
#ifndef LISTD_QUEUE_API_H
#define LISTD_QUEUE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "spool/store.h"

struct clock_watch;
struct content;
struct figures;
struct job;
struct reply_rules;
struct queue;
struct role_env;
struct scheduler;

/*
 * Base, clock, timers and configuration; env->conf may be another after any
 * turn of the loop, so nobody keeps it.
 */
struct role_env *queue_env(struct queue *q);
/* Open for writing; read by txn_read(), changed by queue_commit() alone. */
struct store *queue_store(struct queue *q);
struct content *queue_content(struct queue *q);
struct scheduler *queue_scheduler(struct queue *q);
struct figures *queue_figures(struct queue *q);
/* What refusals mean; others after a reload, so nobody keeps it. */
const struct reply_rules *queue_rules(struct queue *q);
/*
 * Pass a copy of job to the writer of env (spool/writer.h).  Its done runs in
 * the loop, never before this returns.
 */
void queue_commit(struct queue *q, enum store_env env, const struct job *job);
/* Jobs that wait in the writer of env, and commits since the start. */
size_t queue_backlog(struct queue *q, enum store_env env);
uint64_t queue_commits(struct queue *q, enum store_env env);
/* There is something to tidy: not in a minute but now. */
void queue_chores_soon(struct queue *q);
/*
 * A copy of the store, beside all else; backup: for one, else to be compacted
 * into.  -1 ERR_EXISTS when one is under way.
 */
int queue_copy_begin(struct queue *q, bool backup, struct err *e);
/* It is near: restart all roles with it in the store's place. */
void queue_copy_go(struct queue *q);
/* Nobody wants it any more, or the backup was taken away. */
void queue_copy_end(struct queue *q);
struct queue_copy_state {
	bool		 backup;	/* what it is for */
	bool		 runs, near, done;	/* near: compaction may go on;
						 * done: a backup is whole */
	uint64_t	 rows, of;
	int64_t		 begun_ms;
	uint64_t	 consent;	/* done: the last entry in it */
	int64_t		 erased_ms;	/* since when octets wait, or 0 */
	int64_t		 compacted_ms;	/* or 0 */
	struct err	 why;		/* it failed */
};
void queue_copy_look(struct queue *q, struct queue_copy_state *s_r);
/* The store came from a backup and does not know yet who left since. */
bool queue_is_held(struct queue *q);
/* Look again whether that holds. */
void queue_release(struct queue *q);
/* The machine's clock is not synchronised: marked in evidence (S59). */
bool queue_clock_unsure(struct queue *q);
const struct clock_watch *queue_clock(struct queue *q);

#endif
