/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suppression.h - who is not written to, where, and why.
 *
 * A row is an address's hash, a scope and the id of list or organization (0
 * for the host).  It outlives membership, list and campaign, and wins over
 * every import (R14).  The first reason of a scope stays unless a stronger one
 * comes: a bounce must not hide a complaint.
 *
 * Lifting (DESIGN.md section 3): a person's own fresh confirmed request lifts
 * their unsubscribe of that list, or an erasure they asked for; an owner lifts
 * what owners set; the desk lifts all.  A person's unsubscribe of a whole
 * organization stays for its other lists: it does not stand against a
 * confirmation that is younger than it (suppression_blocks()).
 */
#ifndef SPOOL_SUPPRESSION_H
#define SPOOL_SUPPRESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"

struct err;
struct txn;

enum suppression_scope {
	SUPPRESSION_LIST = 1, SUPPRESSION_ORG, SUPPRESSION_HOST,
};

/* Weak to strong. */
enum suppression_reason {
	SUPPRESSION_OWNER = 1,	/* an owner's own block */
	SUPPRESSION_IMPORT,	/* a suppression list was imported */
	SUPPRESSION_UNSUBSCRIBE,
	SUPPRESSION_BOUNCE,
	SUPPRESSION_ERASURE,
	SUPPRESSION_COMPLAINT,
	SUPPRESSION_DESK,
	SUPPRESSION_BAN,
	SUPPRESSION_REASONS
};

enum suppression_setter {
	SUPPRESSION_BY_PERSON = 1, SUPPRESSION_BY_OWNER, SUPPRESSION_BY_DESK,
	SUPPRESSION_BY_SYSTEM,
};

struct suppression {
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	enum suppression_scope scope;
	uint32_t	id;		/* list, organization, or 0 */
	enum suppression_reason reason;
	enum suppression_setter setter;
	int64_t		when_ms;
	uint64_t	consent;	/* the entry that says so */
};

const char *suppression_reason_name(enum suppression_reason r);
/* 0 when there is no such reason. */
enum suppression_reason suppression_reason_find(const char *name);
const char *suppression_scope_name(enum suppression_scope s);

/* 1 set or made stronger, 0 one as strong stands, -1. */
int suppression_add(struct txn *t, const struct suppression *s,
    struct err *e);
/* 1, 0, -1. */
int suppression_get(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS],
    enum suppression_scope scope, uint32_t id, struct suppression *s_r,
    struct err *e);
/*
 * The widest that blocks this address for list and org (0: none): host, then
 * organization, then list.  consent is the entry a membership rests on, or
 * 0.  1 with s_r, 0 open, -1.
 */
int suppression_blocks(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint32_t org, uint64_t consent, struct suppression *s_r, struct err *e);
/*
 * As suppression_blocks(), but a person's own unsubscribes do not count: may a
 * confirmation be mailed?
 */
int suppression_blocks_request(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint32_t org, struct suppression *s_r, struct err *e);
/* 1 lifted, 0 there was none, -1 with ERR_REFUSED when by may not. */
int suppression_lift(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS],
    enum suppression_scope scope, uint32_t id, enum suppression_setter by,
    struct err *e);
/*
 * The first row after *s in the order of hash, scope, id (zeros at first).
 * 1, 0, -1.
 */
int suppression_next(struct txn *t, struct suppression *s, struct err *e);

#endif
