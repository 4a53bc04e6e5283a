/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - may this copy go?
 *
 * The one place that decides, asked when a slice is read and again right
 * before MAIL, on first attempts and retries alike (S19, S42, T19).  It reads
 * the consent entry itself and trusts no flag.
 */
#ifndef SPOOL_GATE_H
#define SPOOL_GATE_H

#include <stdint.h>

#include "lib/address.h"

struct err;
struct member;
struct notice;
struct txn;

/*
 * Entries of the address behind the one a membership rests on that are read,
 * for whether one ends it.  Most people have none; a stranger who asks in
 * their name can make them many, and shall not end it by that: past these
 * `revoked` (spool/revocation.h) alone says who said no.
 */
#define GATE_LOOK_MAX	1000

/* Numbers of outcome records: append only. */
enum gate_verdict {
	GATE_OPEN = 1,
	GATE_LEFT,		/* no such member any more */
	GATE_NOT_COUNTED,	/* was none when the campaign was released */
	GATE_SUPPRESSED_LIST,
	GATE_SUPPRESSED_ORG,
	GATE_SUPPRESSED_HOST,
	GATE_SUSPENDED,		/* was one, and is suspended */
	GATE_HELD,		/* list or organization: not now */
	GATE_NO_CONSENT,	/* no entry bears it out: an alarm */
	GATE_VERDICTS
};

const char *gate_verdict_name(enum gate_verdict v);

struct gate_question {
	uint32_t	list;
	uint32_t	domain;
	uint64_t	h8;
	uint64_t	subscriber;
	uint64_t	as_of;		/* the campaign's sequence */
};

/*
 * Ask for one copy of a campaign, in a transaction on S.  m_r, if not NULL,
 * gets the member when there is one.  0 with *v_r, or -1: not now, and the
 * record named by e is damaged.
 */
int gate_check(struct txn *t, const struct gate_question *q,
    enum gate_verdict *v_r, struct member *m_r, struct err *e);
/*
 * Ask for a notice.  GATE_LEFT when it, or what it was for, is gone.  A
 * confirmation may go to an address whose only block is its own unsubscribe.
 */
int gate_check_notice(struct txn *t, uint64_t notice, int64_t now_ms,
    enum gate_verdict *v_r, struct notice *n_r, struct err *e);

/*
 * Does the entry a membership rests on bear it out?  It is read and not
 * believed from a flag: it must be the one that was appended, as its leaf in
 * the ledger says, say yes, and speak of this list, of the organization whose
 * list it is, of the purpose that the list has now, and of this address; and
 * no later entry of the address may have revoked it (S36, S42), nor be another
 * than was appended.  An entry RESUMED counts by what it follows alone.  Who
 * takes a later entry away whole, with the row that leads to it, is found by
 * `listctl ledger verify` and not here.  1, 0, -1.
 */
int gate_consent(struct txn *t, const struct member *m,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);

#endif
