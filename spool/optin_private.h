/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optin_private.h - shared by optin*.c.
 */
#ifndef SPOOL_OPTIN_PRIVATE_H
#define SPOOL_OPTIN_PRIVATE_H

#include "spool/identity.h"
#include "spool/list.h"
#include "spool/optin.h"

struct list;

#define MINUTE_MS	(60ll * 1000)
#define HOUR_MS		(60 * MINUTE_MS)
#define DAY_MS		(24 * HOUR_MS)

/* Who asks for what, looked up once. */
struct asking {
	const struct optin_ask *ask;
	struct identity	who;		/* when has_who */
	bool		has_who;
	uint8_t		network[16];	/* /24 or /48; zeros: not known */
	uint8_t		subnet[16];	/* /64 */
	uint32_t	list, org;	/* 0: no such list */
	uint32_t	list_hour;	/* its limit */
	char		purpose[LIST_ANSWER_MAX + 1];
	uint64_t	subscriber;	/* of a member */
};

/* Fill in the networks of who asks. */
void optin_look_at_network(struct asking *a);
/* Whether one more confirmation may be mailed.  1, 0, -1. */
int optin_may_mail(struct txn *t, const struct asking *a, bool new_request,
    struct err *e);
/* The same by the limits of the list and the host alone. */
int optin_list_open(struct txn *t, const struct asking *a, struct err *e);
/* Count one that will be. */
int optin_mailed(struct txn *t, const struct asking *a, bool new_request,
    struct err *e);
/*
 * May this request, which was not accepted, have an entry of its own, or is
 * it one more in its network's count?  1 own, 0, -1.
 */
int optin_singly(struct txn *t, const struct asking *a, struct err *e);
int optin_singly_hit(struct txn *t, const struct asking *a, struct err *e);
/* Add one to the count of the network's minute. */
int optin_aggregate(struct txn *t, const struct asking *a, struct err *e);

/* Make a request with its token, and the notice that carries it. */
struct optin_mail {
	uint32_t	 list;
	enum token_confirm_use purpose;
	const struct identity *who;
	const uint8_t	*network;	/* 16 octets or NULL */
	struct slice	 attributes;
	int64_t		 now_ms, lifetime_ms;
	bool		 invitation;	/* nobody asked for it */
};

/*
 * First the id, which the entry names; then, with the entry's index, the rows.
 */
int optin_new_id(uint8_t id[static REQUEST_ID], struct err *e);
int optin_add_request(struct txn *t, const struct optin_mail *m,
    const uint8_t id[static REQUEST_ID], uint64_t consent, uint64_t *notice_r,
    struct err *e);

#endif
