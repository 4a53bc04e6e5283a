/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspension.h - what a restart must remember of a site.
 *
 * A site is the set of hosts that takes a domain's mail; many domains share
 * one.  When it refuses us as a whole, or somebody suspends it, nothing is
 * written per recipient: one row here holds until when, and why.
 */
#ifndef SPOOL_SUSPENSION_H
#define SPOOL_SUSPENSION_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct txn;

#define SITE_KEY		16	/* octets that name a site */
#define SUSPENSION_FOREVER	INT64_MAX

struct suspension {
	uint8_t		site[SITE_KEY];
	int64_t		since_ms;	/* UTC of the first trouble in a row */
	int64_t		until_ms;	/* UTC, or SUSPENSION_FOREVER */
	uint16_t	attempts;	/* troubles in a row */
	uint16_t	window;		/* connections it had earned */
	bool		by_hand;	/* only a person ends it */
	char		host[256];	/* one of its hosts, for people */
	char		reason[513];
};

/* 1, 0, -1. */
int suspension_get(struct txn *t, const uint8_t site[static SITE_KEY],
    struct suspension *s_r, struct err *e);
/*
 * The first with a key above site (NULL: the first of all).  1, 0, -1; with
 * ERR_DAMAGED s_r->site says which one it is and the rest is zero.
 */
int suspension_next(struct txn *t, const uint8_t *site,
    struct suspension *s_r, struct err *e);
int suspension_put(struct txn *t, const struct suspension *s, struct err *e);
/* 1 deleted, 0 was not there, -1. */
int suspension_del(struct txn *t, const uint8_t site[static SITE_KEY],
    struct err *e);

#endif
