/* SPDX-License-Identifier: Apache-2.0 */
/*
 * invite.h - asking imported people, once, whether they want a list's mail.
 *
 * Who was imported without vouched evidence is UNCONFIRMED and gets nothing;
 * but one neutral mail may ask (S35).  It is a confirmation like any other:
 * the same limits, request, token and page, and who presses the button becomes
 * ACTIVE.  That an address was asked for a list is remembered for ever, in
 * `invited`, a row of its keyed hash and the list -> the entry INVITED; it
 * outlives membership, import and erasure.
 */
#ifndef SPOOL_INVITE_H
#define SPOOL_INVITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/address.h"

struct err;
struct member;
struct optin_limits;
struct txn;

/* Notices that wait, of whatever kind, until no more are made. */
#define INVITE_OUTSTANDING	512

enum invite_verdict {
	INVITE_OPEN = 1,
	INVITE_BEFORE,		/* was asked already */
	INVITE_SUPPRESSED,
	INVITE_PENDING,		/* asked by themselves, not answered yet */
	INVITE_THROTTLED,	/* their mailbox or domain: later */
	INVITE_FULL,		/* the list or host: none for an hour */
	INVITE_NOT,		/* no unconfirmed member */
};

struct invite {
	uint32_t	list, org;
	uint32_t	import;		/* of this one alone; 0: of any */
	uint32_t	list_hour;	/* the list's own limit, or 0 */
	const struct optin_limits *limits;
	const char	*who;
	int64_t		now_ms;
	bool		clock_unsure;
};

struct invite_counts {
	uint64_t	invited, before, suppressed, pending, throttled;
	bool		full;
};

/* May m be asked, limits apart?  0 with *v_r, or -1. */
int invite_judge(struct txn *t, const struct invite *v,
    const struct member *m, enum invite_verdict *v_r, struct err *e);
/*
 * Ask those of m[n] who may be asked; counts go on in *c.  What it stands for
 * at a limit of list or host is *done_r < n, and c->full.
 */
int invite_members(struct txn *t, const struct invite *v,
    const struct member *m, size_t n, struct invite_counts *c,
    size_t *done_r, struct err *e);
void invite_count(struct invite_counts *c, enum invite_verdict v);

/* The entry by which an address was asked for a list.  1, 0, -1. */
int invite_find(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    uint32_t list, uint64_t *consent_r, struct err *e);
/* That it was asked, by an entry or none that is known.  1, 0 it was so, -1. */
int invite_remember(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    uint64_t consent, struct err *e);
/*
 * The import is undone: who was asked because of it and has not answered can
 * not any more.  0 or -1.
 */
int invite_void(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    uint32_t list, uint32_t import, struct err *e);

#endif
