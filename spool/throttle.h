/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.h - how often something happened in a rolling window, on disk.
 *
 * A row keeps up to THROTTLE_SPOTS times with a count each.  As long as they
 * suffice the answer is exact; after that neighbours are joined under the
 * later time, so that a limit may bite early and is never passed.
 */
#ifndef SPOOL_THROTTLE_H
#define SPOOL_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct key;
struct txn;

#define THROTTLE_SPOTS	16

/* First octet of the key: append only. */
enum throttle_kind {
	THROTTLE_CONFIRM_MAILBOX = 1,	/* canonical mailbox, a day */
	THROTTLE_CONFIRM_NETWORK,	/* /24 or /48, an hour */
	THROTTLE_CONFIRM_SUBNET,	/* /64 of IPv6, an hour */
	THROTTLE_CONFIRM_DOMAIN,	/* an hour */
	THROTTLE_CONFIRM_LIST,		/* an hour */
	THROTTLE_CONFIRM_HOST,		/* an hour */
	THROTTLE_CONFIRM_PAIR,		/* address and list, seven days */
	THROTTLE_ALREADY,		/* address and list, a day */
	THROTTLE_SINGLY_NETWORK,	/* entries of their own, a minute */
	THROTTLE_SINGLY_ADDRESS,	/* a minute */
	THROTTLE_SINGLY_HOST,		/* a day */
	THROTTLE_TEST,			/* tests to strangers: list, a day */
	THROTTLE_KINDS
};

/* The counted times, oldest first. */
struct throttle {
	size_t		n;
	struct throttle_spot {
		int64_t		ms;	/* UTC */
		uint32_t	count;
	} spot[THROTTLE_SPOTS];
};

/* ---- pure */

/*
 * Events in the window that ends now.  Times ahead of now by no more than a
 * window count as now; others are of a clock that was wrong (T50).
 */
uint64_t throttle_count(const struct throttle *th, int64_t window_ms,
    int64_t now_ms);
/* Add n events now and forget what the window has passed. */
void throttle_add(struct throttle *th, int64_t window_ms, int64_t now_ms,
    uint32_t n);

/* ---- stored */

struct throttle_rule {
	enum throttle_kind kind;
	struct slice	subject;	/* at most 300 octets */
	uint64_t	limit;
	int64_t		window_ms;
};

/* 1 one more is within the limit, 0 it is not, -1. */
int throttle_check(struct txn *t, const struct throttle_rule *rule,
    int64_t now_ms, struct err *e);
/* Count n events, whatever the limit. */
int throttle_hit(struct txn *t, const struct throttle_rule *rule,
    int64_t now_ms, uint32_t n, struct err *e);
/* Forget a subject. */
int throttle_forget(struct txn *t, enum throttle_kind kind,
    struct slice subject, struct err *e);
/*
 * Look at up to max rows from *at on and delete those whose window is past.
 * 1 with *at where to go on, 0 at the end with *at empty again, -1 with *at
 * past a row that is damaged.
 */
int throttle_sweep(struct txn *t, struct key *at, unsigned max,
    int64_t now_ms, struct err *e);

/*
 * The network of an IP (IPv4 as ::ffff:a.b.c.d): /24 or, of IPv6, /48, or /64
 * when fine.  Octets past it are zero.
 */
void throttle_network(const uint8_t ip[static 16], int fine,
    uint8_t out[static 16]);

#endif
