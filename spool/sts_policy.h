/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sts_policy.h - what domains have promised about TLS (MTA-STS, RFC 8461).
 *
 * A policy counts until its max_age is over, whatever becomes of the daemon:
 * who can suppress the DNS and HTTPS of a domain must not have to wait for more
 * than our next start.  Deliver roles fetch policies and read them here; queue
 * writes what they tell it.
 */
#ifndef SPOOL_STS_POLICY_H
#define SPOOL_STS_POLICY_H

#include <stdint.h>

#include "lib/mta_sts.h"
#include "lib/pack.h"

struct err;
struct key;
struct txn;

#define STS_POLICY_DOMAIN_MAX	255	/* octets of a domain */
#define STS_POLICIES_MAX	200000	/* a new domain's is not kept beyond */

/* domain: A-label form, in any case.  1, 0, -1. */
int sts_policy_get(struct txn *t, const char *domain,
    struct mta_sts_kept *k_r, struct err *e);
/* 1 kept, 0 there is no room for one more domain, -1. */
int sts_policy_put(struct txn *t, const char *domain,
    const struct mta_sts_kept *k, struct err *e);
/*
 * Look at up to max rows from *at on and delete those whose time is over.  1
 * with *at where to go on, 0 at the end with *at empty again, -1 with *at past
 * a row that is damaged.
 */
int sts_policy_sweep(struct txn *t, struct key *at, unsigned max,
    int64_t now_ms, struct err *e);
/* 1, or -1 with ERR_DAMAGED. */
int sts_policy_decode(struct mta_sts_kept *k_r, struct slice key,
    struct slice value, struct err *e);

#endif
