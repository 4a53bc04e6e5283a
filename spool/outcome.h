/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outcome.h - the log L: what became of every attempt.
 *
 * The outcomes of one batch are one sealed record, the same bytes in Q's
 * outbox and in L.  L is a row of segments outcomes/NNNNNNNN.log:
 *
 *	magic "listd L1" | { u32 octets | sealed batch }...
 *
 * Batch numbers rise; a batch at or below the last one is not appended again,
 * which makes L exactly-once.  What follows the last whole batch after a crash
 * is cut, for the outbox still has it.  A record names a subscriber's id and
 * never an address.
 *
 * sealed batch: batch u64 | node u32 | first u64 | last u64 | lowest and
 * highest campaign u32 | n u32 | n records.
 */
#ifndef SPOOL_OUTCOME_H
#define SPOOL_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"
#include "lib/strbuf.h"

struct err;

#define OUTCOME_SEGMENT		(64u << 20)	/* a new file from here on */
#define OUTCOME_SEGMENT_MS (30ll * 24 * 3600 * 1000)	/* ... and here */
#define OUTCOME_BATCH_MAX	(16u << 20)	/* octets of a sealed batch */
#define OUTCOME_HOST_MAX	256		/* octets, with NUL */
#define OUTCOME_TEXT_MAX	513

/* How an attempt, or a recipient without one, ended. */
enum outcome_state {
	OUTCOME_DELIVERED = 1,
	OUTCOME_DEFERRED,
	OUTCOME_FAILED,
	OUTCOME_EXPIRED,
	OUTCOME_SUPPRESSED,
};
#define OUTCOME_STATES	6	/* one more than the last */

struct outcome {
	enum outcome_state state;
	uint8_t		kind;		/* enum ipc_kind */
	uint32_t	campaign;	/* 0: a notice */
	uint64_t	notice;
	uint64_t	subscriber;
	uint32_t	list;
	uint32_t	domain;		/* its id */
	uint16_t	attempt;	/* 0: no server was asked */
	uint8_t		stage;		/* enum ipc_stage */
	uint8_t		gate;		/* enum gate_verdict, when SUPPRESSED */
	uint16_t	code;		/* 0: no reply */
	uint16_t		enhanced[3];
	uint8_t		recipient;	/* enum reply_recipient */
	uint8_t		category;	/* enum reply_category */
	uint8_t		tls;
	uint32_t	delay_ms[4];
	int64_t		when_ms;	/* UTC */
	int64_t		due_ms;		/* DEFERRED: of the next attempt */
	char		host[OUTCOME_HOST_MAX];
	char		text[OUTCOME_TEXT_MAX];
	char		message_id[OUTCOME_HOST_MAX];	/* notices */
};

const char *outcome_state_name(enum outcome_state s);
/*
 * Was its content sent whole and not answered?  Such an attempt ends at the
 * final dot, or the last chunk, without a code.
 */
bool outcome_unanswered(const struct outcome *o);

/* What a sealed batch says of itself. */
struct outcome_head {
	uint64_t	batch;
	uint32_t	node;
	uint64_t	first, last;	/* hash range of the node */
	uint32_t	lowest, highest;	/* campaign ids in it */
	uint32_t	n;
};

/* ---- a batch being made */

struct outcome_set {
	struct strbuf	records;
	uint32_t	n;
	uint32_t	lowest, highest;
};

void outcome_set_init(struct outcome_set *s);
void outcome_set_free(struct outcome_set *s);
/* Empty it; memory is kept. */
void outcome_set_reset(struct outcome_set *s);
void outcome_set_add(struct outcome_set *s, const struct outcome *o);
/* The sealed batch into out (reset first, limit OUTCOME_BATCH_MAX). */
void outcome_set_seal(const struct outcome_set *s, uint64_t batch,
    uint32_t node, uint64_t first, uint64_t last, struct strbuf *out);

/* ---- a batch read back */

/* Check the seal; u then gives head_r->n records.  0, or -1 ERR_DAMAGED. */
int outcome_open(struct unpack *u, struct slice sealed,
    struct outcome_head *head_r, struct err *e);
/* u->bad afterwards when the record does not fit. */
void outcome_get(struct unpack *u, struct outcome *o_r);

/* ---- the log, for its one writer */

struct outcome_log;

/*
 * Open the log in dir, which is made when missing, and cut what is torn.
 *
 * synced	last batch known to have been synced here.  When less is found
 *		the log is damaged: damage is filled (ERR_DAMAGED, naming file
 *		and offset), what can be read stays, and a new segment begins.
 *
 * NULL with e set when the files cannot be used at all.
 */
struct outcome_log *outcome_log_open(const char *dir, uint64_t synced,
    struct err *damage, struct err *e);
void outcome_log_close(struct outcome_log *log);
/* The last batch in it. */
uint64_t outcome_log_last(const struct outcome_log *log);
/*
 * Append a sealed batch; one that is there already is passed over.  On error
 * (a full disk) nothing of it stays and it can be tried again.
 */
int outcome_log_append(struct outcome_log *log, uint64_t batch,
    struct slice sealed, struct err *e);
/*
 * Begin a new segment when the first record of the current one is older than
 * OUTCOME_SEGMENT_MS, and remove those with no record younger than keep_ms.
 * How many, or -1: what could be done is done.
 */
int outcome_log_prune(struct outcome_log *log, int64_t keep_ms,
    int64_t now_ms, struct err *e);
/*
 * A descriptor, the caller's, on which fdatasync makes durable all that was
 * appended so far; for a thread that may wait.  -1 with e.
 */
int outcome_log_dup(const struct outcome_log *log, struct err *e);

/* ---- readers, in any process */

struct outcome_reader;

/*
 * Read what dir has of one campaign (0: all) in the given states (a bit
 * 1 << state each; 0: all), oldest first.
 */
struct outcome_reader *outcome_reader_new(const char *dir, uint32_t campaign,
    unsigned states, struct err *e);
void outcome_reader_free(struct outcome_reader *r);
/*
 * 1 with the next outcome and its batch, 0 at the end, -1 ERR_DAMAGED or
 * ERR_SYSTEM: the rest of that segment is lost, the next call goes on with
 * the one after it.
 */
int outcome_reader_next(struct outcome_reader *r, struct outcome *o_r,
    uint64_t *batch_r, struct err *e);

#endif
