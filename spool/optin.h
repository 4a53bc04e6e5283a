/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optin.h - asking to be mailed, and confirming it.
 *
 * These are the bodies of writer jobs: each takes the open transaction and a
 * plain value, decides, and leaves the evidence in the same transaction.
 * What a stranger is told hangs on the form of the request alone and never on
 * what the store knows of the address (S29, T7): optin_answer().
 */
#ifndef SPOOL_OPTIN_H
#define SPOOL_OPTIN_H

#include <stdint.h>

#include "lib/ipc.h"
#include "spool/request.h"

#define OPTIN_LIFETIME_MS	(72ll * 3600 * 1000)	/* of a token */

struct conf;
struct err;
struct txn;

/* Numbers of consent entries: append only. */
enum optin_result {
	OPTIN_ACCEPTED = 1,	/* a confirmation will be mailed */
	OPTIN_PENDING,		/* one is pending already: no second (T6) */
	OPTIN_MEMBER,		/* a member is told by mail, once a day */
	OPTIN_SUPPRESSED,
	OPTIN_THROTTLED,
	OPTIN_ROLE,		/* abuse@ and its like (S37) */
	OPTIN_MALFORMED,
	OPTIN_NO_LIST,
	OPTIN_CLOSED,		/* the list takes no requests */
	OPTIN_CONFIRMED,
	OPTIN_AGAIN,		/* was confirmed by this token before */
	OPTIN_EXPIRED,
	OPTIN_VOID,		/* a later event took its point (T11) */
	OPTIN_UNKNOWN,		/* no such token */
	OPTIN_AUTOMATIC,	/* a machine neither asks nor confirms (T3) */
	OPTIN_RESULTS
};

const char *optin_result_name(enum optin_result r);
/* What may be told: IPC_OK for all that speaks of the address alone. */
enum ipc_result optin_answer(enum optin_result r);

/* Section 4 of the requirements; each is in the configuration too. */
struct optin_limits {
	uint32_t	mailbox_day;	/* confirmations over all lists */
	uint32_t	network_hour;	/* /24 and /64; four times for a /48 */
	uint32_t	domain_hour, list_hour, host_hour;
	uint32_t	singly_minute;	/* entries: a network, an address */
	uint32_t	singly_day;	/* of the host */
	int64_t		lifetime_ms;	/* of a token */
};

void optin_limits_of(const struct conf *conf, struct optin_limits *l_r);

struct optin_ask {
	const struct ipc_subscribe *in;
	const struct optin_limits *limits;
	int64_t		now_ms;
	bool		clock_unsure;	/* marked in the evidence (S59) */
};

struct optin_asked {
	enum optin_result result;
	uint64_t	consent;	/* its entry; 0: it was counted */
	uint64_t	notice;		/* the mail it caused, or 0 */
};

/*
 * Ask to join a list.  Always leaves an entry, or one more in the count of its
 * network and minute.  0, or -1 as for any job.
 */
int optin_request(struct txn *t, const struct optin_ask *ask,
    struct optin_asked *r_r, struct err *e);
/*
 * Tell by mail what the list's addresses are for, to who asked or could not be
 * found to leave (R36, T18): no machine, nobody who is blocked, within the
 * limits of confirmations and once a day.  0, -1; *notice_r is 0 for no mail.
 */
int optin_help(struct txn *t, const struct optin_ask *ask,
    uint64_t *notice_r, struct err *e);
/*
 * Write the aggregate entries of minutes that are over, at most max.  1 there
 * are more, 0, -1.
 */
int optin_close_minutes(struct txn *t, int64_t now_ms, unsigned max,
    struct err *e);

/*
 * Mail the owner a token for the list's owner address.  -1 with ERR_NOTFOUND,
 * ERR_EXISTS (confirmed, or one is pending), ERR_REFUSED (too many mails to
 * that mailbox).
 */
int optin_owner(struct txn *t, uint32_t list, const struct optin_limits *l,
    int64_t now_ms, uint64_t *notice_r, struct err *e);

struct optin_confirm {
	const struct ipc_confirm *in;
	int64_t		now_ms;
	bool		clock_unsure;
};

struct optin_confirmed {
	enum optin_result result;
	enum token_confirm_use purpose;
	uint32_t	list;		/* 0: unknown token */
	uint64_t	subscriber;
	uint64_t	consent;
};

/* Use a token: by the button of the page or by a reply. */
int optin_confirm(struct txn *t, const struct optin_confirm *c,
    struct optin_confirmed *r_r, struct err *e);

/* The text of the token in a request's mail, made again; for rendering. */
int optin_token(struct txn *t, const uint8_t request[static REQUEST_ID],
    char out[static TOKEN_CONFIRM_LEN + 1], struct err *e);

#endif
