/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - pending confirmations: the rows behind optin.h.
 *
 * `requests` is keyed by a random request id, from which the token of the
 * mail is made (lib/token.h); `tokens` leads from the token's hash back to the
 * id, `request_of` (hash16, list, purpose u8, created u64) from an address to
 * all of its requests.  The token itself is nowhere in the store (S39, T4).
 */
#ifndef SPOOL_REQUEST_H
#define SPOOL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"
#include "lib/pack.h"
#include "lib/token.h"

struct err;
struct txn;

#define REQUEST_ID	TOKEN_REQUEST_OCTETS
#define REQUEST_KEEP_MS	(30ll * 24 * 3600 * 1000)	/* after its expiry */

/* Numbers of the record. */
enum request_state {
	REQUEST_PENDING = 1,
	REQUEST_CONFIRMED,
	REQUEST_EXPIRED,
	REQUEST_VOID,		/* a later event took its point */
};

struct request {
	uint8_t		id[REQUEST_ID];
	uint32_t	list;
	enum token_confirm_use purpose;
	enum request_state state;
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	uint8_t		token[TOKEN_HASH_OCTETS];
	uint8_t		network[16];	/* of who asked; zeros: not known */
	int64_t		created_ms;
	int64_t		expires_ms;
	int64_t		mailed_ms;	/* the mail was taken; 0: not yet */
	uint32_t	mails;		/* taken so far */
	uint64_t	consent;	/* entry of the request */
	char		address[321];	/* as typed, to send to */
	struct slice	attributes;	/* JSON or empty; borrowed */
};

/* Put a new one with its token's and address's rows. */
int request_add(struct txn *t, const struct request *r, struct err *e);
/* Write r back; attributes may be the ones borrowed from the row. */
int request_save(struct txn *t, const struct request *r, struct err *e);
/* 1 with r_r borrowed from t, 0, -1. */
int request_get(struct txn *t, const uint8_t id[static REQUEST_ID],
    struct request *r_r, struct err *e);
/* By the text of a token, of any case. */
int request_by_token(struct txn *t, const char *token, struct request *r_r,
    struct err *e);
int request_by_hash(struct txn *t, const uint8_t token[static
    TOKEN_HASH_OCTETS], struct request *r_r, struct err *e);
/* The newest of an address for a list (T6). */
int request_of(struct txn *t, const uint8_t hash[static ADDRESS_HASH_OCTETS],
    uint32_t list, enum token_confirm_use purpose, struct request *r_r,
    struct err *e);
/*
 * Is its secret good for nothing any more?  Its time is over, or it was one
 * that is used once, and was.
 */
bool request_is_used_up(const struct request *r, int64_t now_ms);
/* All of an address, one after the other; zeros at first.  1, 0, -1. */
struct request_walk {
	size_t		n;		/* octets of at; 0: at the begin */
	uint8_t		at[ADDRESS_HASH_OCTETS + 4 + 1 + 8 + 1];
};
int request_next_of(struct txn *t, const uint8_t hash[static
    ADDRESS_HASH_OCTETS], struct request_walk *w, struct request *r_r,
    struct err *e);
/*
 * Make PENDING subscriptions of an address VOID: of one list; or, when list is
 * 0, of all lists of one organization; or, when org is 0 too, all.  dry only
 * counts.  How many, or -1.
 */
int request_void(struct txn *t, const uint8_t hash[static
    ADDRESS_HASH_OCTETS], uint32_t list, uint32_t org, bool dry,
    struct err *e);
/*
 * Look at up to max requests after *at (zeros at first): what is past its time
 * becomes EXPIRED, what is long past goes.  1 with *at where to go on, 0 at
 * the end, -1 with *at past a row that is damaged.
 */
int request_sweep(struct txn *t, uint8_t at[static REQUEST_ID], unsigned max,
    int64_t now_ms, struct err *e);
/* Delete one with its token's and address's rows.  0 or -1. */
int request_del(struct txn *t, const struct request *r, struct err *e);
/* Delete every row of an address (erasure).  How many, or -1. */
int request_erase(struct txn *t, const uint8_t hash[static
    ADDRESS_HASH_OCTETS], struct err *e);

#endif
