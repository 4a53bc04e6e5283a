/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriber.h - memberships of lists.
 *
 * `members` is the truth and, in its order, the send queue: list, domain, then
 * pseudo-random by h8 (spool/DESIGN sections 3 and 4).  by_id, by_hash,
 * counts and attributes are kept in step by the functions here, in the
 * caller's transaction, and by nothing else.
 */
#ifndef SPOOL_SUBSCRIBER_H
#define SPOOL_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"
#include "spool/identity.h"

struct err;
struct txn;

#define SUBSCRIBER_ATTRIBUTES_MAX 16384	/* octets of JSON */

/* Numbers of the record. */
enum member_state {
	MEMBER_UNCONFIRMED = 1,	/* imported without vouched evidence */
	MEMBER_ACTIVE,
	MEMBER_SUSPENDED,
};

enum member_why {		/* of MEMBER_SUSPENDED */
	MEMBER_WHY_NONE,
	MEMBER_WHY_UNKNOWN,	/* the mailbox does not exist */
	MEMBER_WHY_DESK,
};

/* Hours are since 1970-01-01 UTC; days count, not messages (T43). */
struct member_bounces {
	uint32_t	hard_first, hard_last;	/* 0: none */
	uint32_t	soft_first, soft_last;
	uint8_t		hard_days, soft_days;	/* distinct; 255 stays */
};

/*
 * The last times it was ACTIVE before, the latest last: from join until a
 * later sequence number, that of its suspension.
 */
#define MEMBER_PASTS	3	/* kept; there are few in a campaign's time */
struct member_past {
	uint8_t		n;
	struct {
		uint64_t	join, until;
	} v[MEMBER_PASTS];
};

struct member {
	/* the key */
	uint32_t	list, domain;
	uint64_t	h8;
	char		folded[256];	/* local part, to compare */
	/* the value */
	uint64_t	subscriber;
	uint64_t	join;		/* sequence of becoming ACTIVE, or 0 */
	uint64_t	change;		/* sequence of the last change */
	uint64_t	consent;	/* entry it rests on, or 0 */
	enum member_state state;
	enum member_why	why;
	int64_t		created_ms;
	uint32_t	import;		/* 0: none */
	struct member_past past;
	struct member_bounces bounces;
	char		local[256];	/* to send to */
};

/*
 * The audience rule (spool/DESIGN section 4): was it ACTIVE, and so counted,
 * when the list's sequence was as_of?
 */
bool member_counted(enum member_state state, uint64_t join, uint64_t change,
    const struct member_past *past, uint64_t as_of);

const char *member_state_name(enum member_state s);

/* ---- domains: text <-> id */

/* 1, 0, -1. */
int domain_find(struct txn *t, const char *domain, uint32_t *id_r,
    struct err *e);
/* Find or make. */
int domain_intern(struct txn *t, const char *domain, uint32_t *id_r,
    struct err *e);
/* 1, 0, -1. */
int domain_name(struct txn *t, uint32_t id, char out[static 256],
    struct err *e);

/* ---- finding one: 1, 0, -1 */

int subscriber_get(struct txn *t, uint64_t subscriber, struct member *m_r,
    struct err *e);
int subscriber_find(struct txn *t, uint32_t list,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct member *m_r,
    struct err *e);
/* By place in the queue and id: one look, for the gate. */
int subscriber_at(struct txn *t, uint32_t list, uint32_t domain, uint64_t h8,
    uint64_t subscriber, struct member *m_r, struct err *e);
/* The membership of an address in the first list >= list. */
int subscriber_next_of(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    struct member *m_r, struct err *e);
/*
 * The same for who has no key of addresses: by its folded local part.  NULL:
 * as above.
 */
int subscriber_next_local(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], uint32_t list,
    const char *local, struct member *m_r, struct err *e);
/* The first of a list after a member in the order of members; zeros first. */
int subscriber_next(struct txn *t, uint32_t list, const struct member *after,
    struct member *m_r, struct err *e);
/* The hash of a member's address. */
int subscriber_hash(struct txn *t, const struct member *m,
    uint8_t hash_r[static ADDRESS_HASH_OCTETS], struct err *e);

/* Who it is, with the address as typed. */
int subscriber_identity(struct txn *t, const struct member *m,
    struct identity *who_r, struct err *e);

/* ---- changing: the caller has appended the consent entry */

struct subscriber_new {
	uint32_t	 list;
	const struct identity *who;
	enum member_state state;	/* UNCONFIRMED, or ACTIVE */
	uint64_t	 consent;	/* ACTIVE: not 0 */
	int64_t		 now_ms;
	uint32_t	 import;
};

/*
 * 1 added, 0 is a member already; m_r has the row in both cases.  -1 with
 * ERR_REFUSED for what spool/DESIGN section 4 forbids.
 */
int subscriber_add(struct txn *t, const struct subscriber_new *n,
    struct member *m_r, struct err *e);
/*
 * Change the state of m and write it back; m is updated.  consent 0 keeps the
 * entry it rests on.  A row that becomes ACTIVE gets a new join and forgets
 * its bounces.  -1 ERR_REFUSED for a change that is not legal.
 */
int subscriber_set_state(struct txn *t, struct member *m,
    enum member_state state, enum member_why why, uint64_t consent,
    struct err *e);
/* Write back m's bounces and nothing else. */
int subscriber_set_bounces(struct txn *t, const struct member *m,
    struct err *e);
/* Delete the row and all that hangs on it. */
int subscriber_remove(struct txn *t, const struct member *m, struct err *e);
/* The same for who found the member by hash. */
int subscriber_remove_of(struct txn *t, const struct member *m,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], struct err *e);

/* 1 with JSON borrowed from t, 0, -1. */
int attributes_get(struct txn *t, uint64_t subscriber, struct slice *json_r,
    struct err *e);
/* Empty deletes.  -1 ERR_INPUT (no JSON object), ERR_LIMIT. */
int attributes_put(struct txn *t, uint64_t subscriber, struct slice json,
    struct err *e);

/* ---- the send queue */

struct subscriber_row {
	uint64_t	r;		/* h8 - start, modulo 2^64 */
	uint64_t	h8;
	uint64_t	subscriber;
	uint64_t	join, change;
	enum member_state state;
	struct member_past past;
	char		local[256];	/* to send to */
};

/*
 * Fill up to max rows (at least 16) of list and domain with r >= lo, in order
 * of r, walking the hash space from start and round its end.  Rows of one r
 * are never torn apart: all of them or none.
 *
 * *end_r	true when nothing follows the last row; else go on with lo one
 *		past the last row's r.
 */
int subscriber_window(struct txn *t, uint32_t list, uint32_t domain,
    uint64_t start, uint64_t lo, struct subscriber_row *rows, size_t max,
    size_t *n_r, bool *end_r, struct err *e);

struct subscriber_domain {
	uint32_t	domain;
	uint32_t	active, all;	/* members */
};

/* Up to max domains of a list with an id >= from (not 0), in order of id. */
int subscriber_domains(struct txn *t, uint32_t list, uint32_t from,
    struct subscriber_domain *rows, size_t max, size_t *n_r, struct err *e);

#endif
