/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.h - mail that a change in S causes: written in the transaction of
 * that change, gone with its outcome (spool/DESIGN section 6).
 */
#ifndef SPOOL_NOTICE_H
#define SPOOL_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct txn;

#define NOTICE_ADDRESS_MAX 320
#define NOTICE_LIFETIME_MS (24ll * 3600 * 1000)	/* of confirmations, R102 */

/* Numbers of the record. */
enum notice_kind {
	NOTICE_CONFIRM = 1,	/* please confirm; request says what */
	NOTICE_ALREADY,		/* you are a member, you asked again */
	NOTICE_OWNER,		/* please confirm that you own the list */
	NOTICE_FORWARD,		/* role mail, passed on to a person */
	NOTICE_HELP,		/* what a list's addresses are for */
	NOTICE_TLS_REPORT,	/* how TLS went, for a domain that asked */
	NOTICE_INVITE,		/* you were imported: do you want it? */
	NOTICE_CHANGE,		/* please confirm that mail is to go here */
	NOTICE_CHANGED,		/* to the old address: that was done */
	NOTICE_ACCESS,		/* the link to what is held of an address */
};

struct notice {
	uint64_t	id;
	enum notice_kind kind;
	uint32_t	list;		/* 0: none */
	uint32_t	domain;		/* id of the recipient's */
	uint64_t	subscriber;	/* 0: not a member */
	uint8_t		request[16];	/* or zeros */
	uint8_t		content[32];	/* FORWARD, TLS_REPORT: its file */
	int64_t		created_ms;
	uint16_t	attempts;
	int64_t		first_ms;	/* of the first attempt, or 0 */
	int64_t		due_ms;
	char		address[NOTICE_ADDRESS_MAX + 1];	/* to send to */
};

/* Does it carry a token, by which a request is confirmed? */
bool notice_asks(enum notice_kind kind);
/*
 * Add n, due at once; id and domain are set by the call and in *id_r.  -1
 * ERR_INPUT when the address has no domain.
 */
int notice_add(struct txn *t, const struct notice *n, uint64_t *id_r,
    struct err *e);
/* 1, 0, -1. */
int notice_get(struct txn *t, uint64_t id, struct notice *n_r, struct err *e);
/*
 * The first with an id >= id, for building the queue's heap.  1, 0, -1; with
 * ERR_DAMAGED n_r->id says which one it is, so that it can be passed over.
 */
int notice_next(struct txn *t, uint64_t id, struct notice *n_r,
    struct err *e);
/* An attempt was deferred. */
int notice_defer(struct txn *t, uint64_t id, int64_t when_ms, int64_t due_ms,
    struct err *e);
/* 1 deleted, 0 was not there, -1. */
int notice_del(struct txn *t, uint64_t id, struct err *e);

#endif
