/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - group commit: one thread per environment applies jobs, syncs
 * once, and only then says so.
 *
 * A job is applied inside the open write transaction and must check everything
 * before its first write: one that returns 0 or 1 has changed all or nothing.
 * Its done function runs in the thread that calls writer_collect(), after the
 * commit that made the change durable (spool/DESIGN section 2).
 */
#ifndef SPOOL_WRITER_H
#define SPOOL_WRITER_H

#include <stdbool.h>

#include "spool/store.h"

struct writer;

enum writer_lane {
	WRITER_URGENT,		/* people: requests, unsubscribes, outcomes */
	WRITER_BULK,		/* imports, sweeps: at most 10 ms a commit */
};

enum job_result {
	JOB_DONE,		/* durable now */
	JOB_REFUSED,		/* a rule said no; e says why; nothing changed */
	JOB_TRY_AGAIN,		/* the store is full; nothing changed */
};

struct job {
	/*
	 * Runs in the writer's thread.  0: changed and fine.  1: refused, with
	 * e set.  -1: the store failed (e set by the txn_ call): the batch is
	 * given up.  Touches only arg and t.
	 */
	int	(*apply)(struct txn *t, void *arg, struct err *e);
	/* Runs in the owner's thread, exactly once.  May submit more jobs. */
	void	(*done)(void *arg, enum job_result r, const struct err *e);
	void	 *arg;
	enum writer_lane lane;
};

/*
 * Start the writer of one environment.  group_ms is how long it waits for
 * company after the first job (0: take what is there).
 */
struct writer *writer_start(struct store *st, enum store_env env,
    unsigned group_ms, struct err *e);
/* Apply and commit all that waits, then end the thread.  Collect before. */
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
 * not while a writer thread runs on the same environment.
 */
enum job_result writer_run(struct store *st, enum store_env env,
    const struct job *job, struct err *e);

#endif
