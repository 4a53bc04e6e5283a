/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_count.h - how TLS went, by day and domain, until its report is due (RFC
 * 8460; lib/tlsrpt.h).
 *
 * A row is one (day, domain, policy, host, result), under the time at which the
 * report is due: some moment of the four hours behind a quarter after the day's
 * end, a different one for each domain, day and host of ours, so that not all
 * senders write at midnight (section 4.1).  A report is made once: what is
 * counted of a day after TLS_COUNT_LATE_MS is dropped.
 */
#ifndef SPOOL_TLS_COUNT_H
#define SPOOL_TLS_COUNT_H

#include <stdint.h>

#include "lib/pack.h"
#include "lib/tlsrpt.h"

struct err;
struct key;
struct txn;

#define TLS_COUNTS_MAX		50000	/* rows, of at most some 2 KB */
#define TLS_COUNTS_PLAIN_MAX	25000	/* then no success without a policy */
#define TLS_COUNT_REPORT_MAX	1000	/* rows that one report tells */
#define TLS_COUNT_LATE_MS	600000	/* past the end of a day */
#define TLS_COUNT_GIVE_UP_MS	86400000	/* past the time it was due */

/*
 * Add an event to its row.  1, 0 when there is no room for another row or the
 * event's day was told by now_ms, -1.
 */
int tls_count_add(struct txn *t, const struct tlsrpt_event *ev,
    int64_t now_ms, struct err *e);

/* One domain's day. */
struct tls_count_due {
	int64_t		due_ms, day;
	char		domain[TLSRPT_NAME_MAX + 1];
};

/* When the report of a domain's day is due. */
int64_t tls_count_due_ms(struct txn *t, const char *domain, int64_t day);
/*
 * The first one behind *at (or NULL: of all), whether it is time or not.  1, 0,
 * -1; with ERR_DAMAGED d_r is what can be told from its key.
 */
int tls_count_next(struct txn *t, const struct tls_count_due *at,
    struct tls_count_due *d_r, struct err *e);
/* Count its rows in sums, which has room for TLS_COUNT_REPORT_MAX. */
int tls_count_load(struct txn *t, const struct tls_count_due *d,
    struct tlsrpt *sums, struct err *e);
/* Delete up to max of its rows: 1 there may be more, 0 all are gone, -1. */
int tls_count_del(struct txn *t, const struct tls_count_due *d, unsigned max,
    struct err *e);
/* 1, or -1 with ERR_DAMAGED. */
int tls_count_decode(struct tlsrpt_told *told_r, struct slice key,
    struct slice value, struct err *e);

#endif
