/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - a person sees, corrects and ends what is held of an address.
 *
 * Nothing is shown to who cannot read the mail of the address (R185): whoever
 * asks gets the same answer, and where something is held a mail goes out with
 * a link.  Its token is good for one use within ACCESS_LIFETIME_MS, which shows
 * all that is held; what the page that shows it offers is good as long.
 */
#ifndef SPOOL_ACCESS_H
#define SPOOL_ACCESS_H

#include <jansson.h>
#include <stdint.h>

#include "spool/leave.h"
#include "spool/optin.h"

struct err;
struct txn;

#define ACCESS_LIFETIME_MS	(24ll * 3600 * 1000)
#define ACCESS_KEPT_MAX		512	/* octets; what is over is cut */
#define ACCESS_ENTRIES_MAX	2000	/* shown of one person, oldest first */
#define ACCESS_ACTS_MAX		200	/* entries after which it only ends */

/*
 * Ask for the link.  in gives address and evidence.  An address of which
 * nothing is held gets no mail and leaves nothing but a count.  0, or -1 as
 * for any job; who asks is told optin_answer() of the result.
 */
int access_ask(struct txn *t, const struct optin_ask *ask,
    struct optin_asked *r_r, struct err *e);

/* What is done with the token's request. */
struct access {
	const struct ipc_data *in;
	const struct optin_limits *limits;
	int64_t		now_ms;
	bool		clock_unsure;
};

struct access_done {
	enum optin_result result;	/* OPTIN_CONFIRMED: it was done */
	struct leave_result gone;	/* leave_result_free() */
	/* ERASE, when it was done: what else may name them, and whose. */
	size_t		kept;
	char		kept_in[ACCESS_KEPT_MAX];	/* "import 3, ..." */
	bool		erased;
	uint8_t		mailbox[ADDRESS_HASH_OCTETS];
};

/*
 * Use the token, or do what the page that it showed offers.  OPEN takes a token
 * that was not used; all else one that was, and whose time is not over.  LEAVE
 * of a list that the person is not on and did not ask for changes nothing, and
 * CORRECT only what there is (-1 ERR_NOTFOUND).  After ACCESS_ACTS_MAX entries
 * nothing is corrected and no change asked for (-1 ERR_LIMIT).  What r_r holds
 * is released first.
 */
int access_do(struct txn *t, const struct access *a,
    struct access_done *r_r, struct err *e);

/*
 * All that is held of the address behind a token that was used: a new object
 * with memberships, attributes, requests, suppressions and entries.  1, 0 no
 * such token or its time is over, -1.
 */
int access_json(struct txn *t, const char *token, int64_t now_ms,
    json_t **json_r, struct err *e);

#endif
