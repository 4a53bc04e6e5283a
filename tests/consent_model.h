/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_model.h - who may be mailed, in a few arrays: what the store and its
 * gate must agree with (S19, S36, S42).
 *
 * The model knows no records and no tables, only what was said, in the order
 * of the entries: who said yes to which list, who said no and how far that
 * reaches, and whether list and organization may send at all.
 */
#ifndef TESTS_CONSENT_MODEL_H
#define TESTS_CONSENT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/gate.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/suppression.h"

#define MODEL_PEOPLE	5
#define MODEL_LISTS	3	/* 1 and 2 of organization 1, 3 of 2 */
#define MODEL_ORGS	2
#define MODEL_ENTRIES	2000000	/* more than any walk makes */

enum model_row {
	ROW_NONE, ROW_UNCONFIRMED, ROW_ACTIVE, ROW_SUSPENDED, ROW_BARRED,
};

/* A suppression, and the entry that says so. */
struct model_block {
	enum suppression_reason reason;		/* 0: none */
	enum suppression_setter setter;
	uint64_t	at;
};

/* Lists and organizations count from 1 everywhere, [0] is not used. */
struct model_person {
	enum model_row	row[MODEL_LISTS + 1];
	uint64_t	rests[MODEL_LISTS + 1];	/* entry of the row */
	struct model_block list[MODEL_LISTS + 1], org[MODEL_ORGS + 1], host;
	/* The last entry that said no. */
	uint64_t	no_list[MODEL_LISTS + 1], no_org[MODEL_ORGS + 1];
	uint64_t	no_host;
	uint64_t	forgotten;	/* erased up to here */
};

struct model {
	struct model_person p[MODEL_PEOPLE];
	enum list_state	list[MODEL_LISTS + 1];
	enum org_state	org[MODEL_ORGS + 1];
	uint8_t		*yes;		/* by entry: whose, of what; 0 */
};

uint32_t model_org(uint32_t list);
/* The entry with this index says that who wants list. */
void model_yes(struct model *m, uint64_t index, unsigned who, uint32_t list);
bool model_said_yes(const struct model *m, uint64_t index, unsigned who,
    uint32_t list);
/* Of who no entry is left up to last. */
void model_forget(struct model *m, unsigned who, uint64_t last);

/*
 * who said no, or somebody for them, in the entry with this index; keep_open:
 * nothing bars them from coming back.
 */
void model_leave(struct model *m, unsigned who, enum suppression_scope scope,
    uint32_t list, const struct model_block *b, bool keep_open);
/* The row of a suppression. */
struct model_block *model_block(struct model *m, unsigned who,
    enum suppression_scope scope, uint32_t id);
/* Set one, unless as strong a one stands. */
void model_suppress(struct model_block *at, const struct model_block *b);
bool model_may_lift(const struct model_block *b, enum suppression_scope scope,
    enum suppression_setter by);
/* May who be asked for a confirmation, or confirm? */
bool model_may_ask(const struct model *m, unsigned who, uint32_t list);
/* May a row of an import become a member? */
bool model_may_import(const struct model *m, unsigned who, uint32_t list);

/* Does what the row of who rests on bear it out? */
bool model_holds(const struct model *m, unsigned who, uint32_t list);
/* What the gate has to say of a copy, as of now. */
enum gate_verdict model_verdict(const struct model *m, unsigned who,
    uint32_t list);

#endif
