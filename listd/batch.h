/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h - outcomes, made durable in groups.
 *
 * What became of deliveries, and the rows that change with it, is collected
 * for BATCH_WAIT_MS or BATCH_OUTCOMES and becomes one commit of Q.  After
 * that, in this order and each idempotent (spool/DESIGN section 10): the
 * records go to the log L, their effects to S, and with a later batch the
 * outbox row goes away.  One batch is under way at a time; the next fills
 * meanwhile.
 *
 * No sockets, no clock: the owner passes times in and commits jobs as it
 * likes, so that tests can lose any step.
 */
#ifndef LISTD_BATCH_H
#define LISTD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/campaign.h"
#include "spool/deferral.h"
#include "spool/mailed.h"
#include "spool/outcome.h"
#include "spool/progress.h"
#include "spool/slot.h"
#include "spool/steering.h"
#include "spool/suspension.h"
#include "spool/writer.h"

struct batcher;
struct err;

#define BATCH_WAIT_MS	20	/* an outcome waits at most for its batch */
#define BATCH_OUTCOMES	4096	/* of one batch; then it goes at once */
#define BATCH_OCTETS	(4u << 20)	/* of rows; then it goes at once */
#define BATCH_MAILS_MAX	(32u << 20)	/* of mails; the others go by hash */
#define BATCH_RETRY_MS	1000	/* after a full store or disk */
#define BATCH_SETTLE_MS	1000	/* between syncs of L */
#define BATCH_BEHIND_MAX 64	/* batches L or S lacks: hand out no more */
#define BATCH_OPEN_MAX	BATCH_OUTCOMES	/* not durable yet: the same */

struct batch_params {
	uint32_t	 node;
	struct outcome_log *log;	/* borrowed */
	void		*arg;		/* of the calls below */
	/* Pass job to the writer of env. */
	void	(*commit)(void *arg, enum store_env env,
	    const struct job *job);
	/* The batch under way is durable. */
	void	(*durable)(void *arg);
	/*
	 * In a transaction on S: apply the effects of a sealed batch, with the
	 * mails kept of it, unless S has them.  As the apply of a job.  Touches
	 * only its arguments.
	 */
	int	(*effects)(struct txn *t, uint64_t batch, struct slice sealed,
	    struct slice mails, struct err *e);
	/* Something is in the way, to be logged, or no longer (NULL). */
	void	(*stuck)(void *arg, const struct err *why);
	/* What is on disk is the only truth now: the process must end (P6). */
	void	(*fatal)(void *arg, const struct err *why);
};

/*
 * At start, before any writer runs: give L and S what the outbox still holds
 * and empty it.  *last_r is the last batch number in use; *n_r how many were
 * redone.  -1: the process must not go on.
 */
int batch_recover(struct store *st, const struct batch_params *p,
    uint64_t applied, uint64_t *last_r, unsigned *n_r, struct err *e);

/*
 * In a transaction on Q: sync L on this descriptor and delete the outbox rows
 * of batches from to to, which L and S have.
 */
int batch_settle(struct txn *t, int sync_fd, uint64_t from, uint64_t to,
    struct err *e);

/* last: the last batch number in use. */
struct batcher *batcher_new(const struct batch_params *p, uint64_t last);
/* What is under way must have been answered. */
void batcher_free(struct batcher *b);

/* ---- filling */

/*
 * Count o in the campaign's tally and keep its record.  effects: S has to
 * hear of it.
 */
void batch_outcome(struct batcher *b, const struct outcome *o, bool effects,
    int64_t now_ms);
/* What a notice of this batch said, for its entry; with batch_outcome(). */
void batch_mailed(struct batcher *b, const struct mailed *m);
/* Change the number of rows that wait, without an outcome. */
void batch_deferred(struct batcher *b, uint32_t campaign, int delta);
void batch_progress(struct batcher *b, const struct progress_key *key,
    const struct progress *p);
void batch_finish(struct batcher *b, const struct progress_key *key);
void batch_defer(struct batcher *b, const struct deferral *d);
void batch_undefer(struct batcher *b, const struct deferral *d);
void batch_suspend(struct batcher *b, const struct suspension *s);
void batch_unsuspend(struct batcher *b, const uint8_t site[static SITE_KEY]);
/* A sealed record of an action (lib/reactions.h); and it holds no more. */
void batch_action(struct batcher *b, uint64_t id, struct slice record);
void batch_unaction(struct batcher *b, uint64_t id);
void batch_share(struct batcher *b, const struct source_share *v);
void batch_slots(struct batcher *b,
    const uint8_t mailbox[static ADDRESS_HASH_OCTETS], const struct slots *v);
/* The owner's rows wait for a commit: let it come soon. */
void batch_want(struct batcher *b, int64_t now_ms);

/* ---- driving */

/* True when nothing is under way, so that batch_flush() would do something. */
bool batch_idle(const struct batcher *b);
/* Outcomes and rows that wait in the batch being filled. */
size_t batch_filled(const struct batcher *b);
/*
 * Milliseconds until the batch should be flushed or batch_tick() called: 0
 * now, -1 when nothing waits.
 */
int64_t batch_wait_ms(const struct batcher *b, int64_t now_ms);
/* True when the batch being filled should go now, if none is under way. */
bool batch_due(const struct batcher *b, int64_t now_ms);
/* Send off what was filled.  The owner has added the rows of this moment. */
void batch_flush(struct batcher *b, int64_t now_ms);
/* Try again what failed for want of room, and settle what L and S have. */
void batch_tick(struct batcher *b, int64_t now_ms);
/*
 * The disk is so far behind that nothing more should be handed out: Q by
 * BATCH_OPEN_MAX outcomes, or L or S by BATCH_BEHIND_MAX batches.
 */
bool batch_behind(const struct batcher *b);
/* Outcomes that are in no commit yet. */
size_t batch_open(const struct batcher *b);
/* True when all is durable in Q, L and S. */
bool batch_settled(const struct batcher *b);

#endif
