/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_walk.h - a walk through the store beside its model: what the steps
 * of test_consent_walk.c share.
 */
#ifndef TESTS_CONSENT_WALK_H
#define TESTS_CONSENT_WALK_H

#include "lib/err.h"
#include "spool/identity.h"
#include "spool/retention.h"
#include "spool/subscriber.h"
#include "tests/consent_model.h"
#include "tests/spool_people.h"

#define TOKENS		64	/* the last ones mailed */

struct mailed {
	char		text[TOKEN_CONFIRM_LEN + 1];
	unsigned	who;
	uint32_t	list;
	int64_t		expires_ms;
	bool		pending;
};

struct walk {
	struct world	*w;
	struct txn	*t;
	struct err	 e;
	uint64_t	 seed, step;
	int64_t		 now;
	struct model	 m;
	struct identity	 who[MODEL_PEOPLE];
	struct mailed	 mailed[TOKENS];
	size_t		 nmailed;
	uint32_t	 files;		/* imported so far */
	struct retention_pass pass;
	uint64_t	 did[32], opened, refused;
};

/* A number below n. */
uint64_t walk_chance(struct walk *k, uint64_t n);
/* What must be true; else the store is put down and the test fails. */
void walk_must(struct walk *k, bool ok, const char *what);
uint64_t walk_last_entry(struct walk *k);
/*
 * Ask of every person and list, and compare with the model; while the entry
 * with this index (0: none) is forged the gate may say no instead of yes, and
 * must of what rests on it.
 */
void walk_look(struct walk *k, uint64_t forged);
/* The membership as the store has it.  1, 0. */
int walk_row(struct walk *k, unsigned who, uint32_t list, struct member *m);

/* ---- steps of consent_walk_house.c: nothing the person does */

void walk_bounce(struct walk *k, unsigned who, uint32_t list);
/* Bar by the desk, or resume who is suspended. */
void walk_set_state(struct walk *k, unsigned who, uint32_t list, bool active);
void walk_import(struct walk *k, uint32_t list);
/*
 * By raw writes: a member, a state, no suppressions; and for the time of a
 * look, nothing in `revoked` that entries say too, an entry made a yes.
 */
void walk_force_member(struct walk *k, unsigned who, uint32_t list);
void walk_force_state(struct walk *k, unsigned who, uint32_t list);
void walk_force_unblock(struct walk *k, unsigned who, uint32_t list);
void walk_force_unrevoked(struct walk *k, unsigned who);
void walk_force_entry(struct walk *k, unsigned who, uint32_t list);
/* Hold or suspend a list or organization, or set it free. */
void walk_set_states(struct walk *k, uint32_t list);
/* Retention and sweeps. */
void walk_tidy(struct walk *k);
void walk_pass_time(struct walk *k);

#endif
