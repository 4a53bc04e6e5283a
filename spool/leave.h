/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave.h - being mailed no more: unsubscribe, complaint, removal, erasure.
 *
 * One transaction holds it all: suppression, memberships, pending requests and
 * the entry that says so (S22).  It works from the address's hash alone, when
 * list, campaign and member are long gone (T15), and doing it twice is doing
 * it once.
 */
#ifndef SPOOL_LEAVE_H
#define SPOOL_LEAVE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/ipc.h"
#include "spool/suppression.h"

#define LEAVE_ERASE_MAX	256	/* entries that one leave_erase() takes */

struct err;
struct txn;

/* Who is gone, for the recall of what is under way. */
struct leave_gone {
	uint32_t	list, domain;
	uint64_t	h8, subscriber;
};

struct leave {
	enum suppression_reason reason;
	enum suppression_setter setter;
	enum suppression_scope scope;
	uint32_t	list;		/* of the token, or 0 with ORG, HOST */
	uint32_t	org;		/* ORG: 0 = the list's */
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	uint32_t	campaign;	/* 0: not known */
	const struct ipc_evidence *evidence;	/* or NULL */
	const char	*who;		/* an operator, or NULL */
	int64_t		now_ms;
	bool		clock_unsure;
	bool		keep_open;	/* remove, but set no suppression */
	/* Of an import: it says that the person left elsewhere, then. */
	uint32_t	import;
	uint64_t	follows;	/* its entry; LIFTED: why */
	int64_t		claimed_ms;
};

struct leave_result {
	bool		changed;	/* false: it had been done before */
	uint64_t	consent;	/* the entry, or 0 */
	size_t		n;
	struct leave_gone *gone;	/* leave_result_free() */
};

/* Release and reset; a result starts as zeros. */
void leave_result_free(struct leave_result *r);

/*
 * Leave.  scope LIST removes one membership, ORG those of all lists of the
 * organization, HOST all.  What r_r holds is released first, so a job may run
 * again; on failure it is empty.
 */
int leave_apply(struct txn *t, const struct leave *l,
    struct leave_result *r_r, struct err *e);
/*
 * Lift what stands in l's scope against its address, with the entry that says
 * so; l->setter lifts it, and it rests on the entry l->follows if that is not
 * 0.  1 with its reason, 0 there was none, -1 as suppression_lift().
 */
int leave_lift(struct txn *t, const struct leave *l,
    enum suppression_reason *was_r, struct err *e);
/* The one-click POST, page, mailto: by the person, from a frame. */
int leave_unsubscribe(struct txn *t, const struct ipc_unsubscribe *in,
    int64_t now_ms, struct leave_result *r_r, struct err *e);
/*
 * Take up to max members off a list that is removed, each with an entry.  No
 * suppression: it was not their will.  1 there are more, 0 none is left, -1:
 * ERR_REFUSED when the list is not removed.
 */
int leave_list(struct txn *t, uint32_t list, unsigned max, int64_t now_ms,
    struct err *e);
/*
 * The same for the removed lists from *list on (0 first), which becomes the
 * one to go on with.  0: no removed list has members.
 */
int leave_removed(struct txn *t, uint32_t *list, unsigned max,
    int64_t now_ms, struct err *e);
/*
 * Erase a person: memberships, attributes, requests, notices, entries with
 * their salts.  Suppressions stay, as hashes, and each organization that had
 * the person in any of these, or suppressed for a list, gets one, which a later
 * confirmation of theirs passes (S31, R186).  Call again while r_r->changed:
 * LEAVE_ERASE_MAX entries go at once.
 */
int leave_erase(struct txn *t,
    const uint8_t hash[static ADDRESS_HASH_OCTETS], const char *who,
    int64_t now_ms, struct leave_result *r_r, struct err *e);

#endif
