/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_world.h - a ledger to be tampered with, and what ledger_verify() says
 * of it.
 */
#ifndef TESTS_VERIFY_WORLD_H
#define TESTS_VERIFY_WORLD_H

#include "lib/strbuf.h"
#include "spool/ledger_verify.h"
#include "spool/row.h"
#include "tests/spool_world.h"

#define VERIFY_URL	"https://lists.example.org"
#define VERIFY_ORIGIN	"lists.example.org/ledger"
#define VERIFY_NOW	1790000000000
/* 600 entries, the last 5 of them erased by the 601st, and 4 more. */
#define VERIFY_SIZE	605
#define VERIFY_ERASER	601

/* Of the addresses; other's entries are the ones that were erased. */
extern const uint8_t verify_hash[16], verify_other[16];

/* cmocka's; *state is the struct world.  A checkpoint is of all of it. */
int verify_setup(void **state);
int verify_teardown(void **state);

struct verify_some {
	unsigned	n;
	const uint8_t	*hash;
};

/* A world_fn: append a struct verify_some. */
int verify_append(struct txn *t, void *arg, struct err *e);
/* A world_fn: erase up to five entries of the hash arg. */
int verify_erase(struct txn *t, void *arg, struct err *e);
/* Sign the head, as queue does, and keep that. */
void verify_sign(struct world *w, struct ledger_checkpoint *c);

/* What was said, a line each: "ENTRY: TEXT". */
extern struct strbuf verify_said;
void verify_say(void *arg, uint64_t index, const char *text);
struct ledger_verdict verify_all(struct world *w);
struct ledger_verdict verify_against(struct world *w,
    struct ledger_claim *claim, size_t n);
/* It must be sound, of this size. */
void verify_sound(struct world *w, uint64_t size, uint64_t erased);
/* It must not, and this entry be the first that is wrong. */
void verify_wrong_at(struct world *w, uint64_t first);

/* A row to be changed: `is` may be edited, and then it is put. */
struct change {
	enum store_table table;
	struct key	key;
	struct strbuf	is, was;	/* empty: there is none */
};

struct change change_of(struct world *w, enum store_table table,
    struct slice key);
struct change change_entry(struct world *w, uint64_t index);
/* World_fns: put what `is`, put back what `was`. */
int change_do(struct txn *t, void *arg, struct err *e);
int change_undo(struct txn *t, void *arg, struct err *e);
void change_free(struct change *c);
/* Make the seal of a row right again. */
void change_reseal(struct strbuf *row);

#endif
