/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - group commit: one thread per environment applies jobs, syncs
 * once, and only then says so.
 *
 * A job is applied inside the open write transaction and must check everything
 * before its first write: one that returns 0 or 1 has changed all or nothing.
 * It may be applied again after a first time was undone, when the batch met
 * the end of the map or another job in it failed; so it must leave arg fit for
 * that.  Its done function runs in the thread that calls writer_collect(),
 * after the commit that made the change durable (spool/DESIGN section 2).
 *
 * As the store fills, first bulk jobs are answered JOB_TRY_AGAIN unseen, then
 * urgent ones; those that may use the reserve go on to the last page.
 */
#ifndef SPOOL_WRITER_H
#define SPOOL_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/store.h"

#define WRITER_BULK_MS	10	/* of bulk work in one transaction */
#define WRITER_IDLE_BULK_MS 500	/* the same, when nobody else came for */
#define WRITER_IDLE_MS	1000	/* that long */
#define WRITER_COMMIT_MS 100	/* a commit that bulk work made took longer:
				 * less of it in the next one */
#define WRITER_BATCH_MAX 4096	/* urgent jobs in one transaction */

struct writer;

enum writer_lane {
	WRITER_URGENT,		/* people: requests, unsubscribes, outcomes */
	WRITER_BULK,		/* imports, sweeps: WRITER_BULK_MS a commit,
				 * more while no urgent job comes */
};

enum job_result {
	JOB_DONE,		/* durable now */
	JOB_REFUSED,		/* a rule said no, see e; nothing changed */
	JOB_TRY_AGAIN,		/* the store is full; nothing changed */
};

struct job {
	/*
	 * Runs in the writer's thread.  0: changed and fine.  1: refused, with
	 * e set.  -1: a call on the store failed and set e: the batch is
	 * undone and its other jobs applied one by one; this one, if it fails
	 * again, is answered JOB_TRY_AGAIN for want of room, else JOB_REFUSED.
	 * Touches only arg and t.
	 */
	int	(*apply)(struct txn *t, void *arg, struct err *e);
	/*
	 * Runs in the owner's thread, exactly once unless a commit failed.
	 * May submit more jobs.  NULL: nobody asks.
	 */
	void	(*done)(void *arg, enum job_result r, const struct err *e);
	void	 *arg;
	enum writer_lane lane;
	bool	 reserve;	/* may use the last room: leaving, outcomes */
};

/*
 * What an apply returns for the outcome rc of a function of spool/ that checks
 * before it writes: 0 and above is done, and a refusal (ERR_INPUT, ERR_LIMIT,
 * ERR_NOTFOUND, ERR_EXISTS, ERR_REFUSED) is told from a failure by its code.
 */
int job_answer(int rc, const struct err *e);

/*
 * For a bulk job that can stop half way and submit the rest: true when its
 * share of the transaction is over or an urgent job waits.
 */
bool writer_slice_over(struct txn *t);
/* What is left of that share in milliseconds; many when there is no end. */
int64_t writer_slice_left_ms(struct txn *t);

/*
 * Start the writer of one environment.  group_ms is how long it waits for
 * company after the first job (0: take what is there).
 */
struct writer *writer_start(struct store *st, enum store_env env,
    unsigned group_ms, struct err *e);
/*
 * Apply and commit all that waits, end the thread and run what done functions
 * are left; a job submitted by one of these is answered JOB_TRY_AGAIN.
 */
void writer_stop(struct writer *w);
/* Queue a copy of job. */
void writer_submit(struct writer *w, const struct job *job);
/* Readable when writer_collect() has something to do. */
int writer_fd(const struct writer *w);
/*
 * Run the done functions of finished jobs.  0, or -1 when a commit failed: the
 * process must end, for what is on disk is now the only truth (P6).
 */
int writer_collect(struct writer *w, struct err *e);
/* Jobs submitted and not yet collected. */
size_t writer_backlog(const struct writer *w);
/* Commits so far, for figures. */
uint64_t writer_commits(const struct writer *w);
/*
 * Run one job to its durable end in the calling thread, for tools and tests;
 * not while a writer thread runs on the same environment.  Its done is not
 * called.  A failed commit gives JOB_REFUSED with ERR_STORE: end the process.
 */
enum job_result writer_run(struct store *st, enum store_env env,
    const struct job *job, struct err *e);

#endif
