/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.h - how a campaign goes at each site, as seen since it was loaded.
 *
 * For people who watch: nothing is decided by it and nothing of it is stored.
 * Large domains are begun first, so the first SHARES_MAX sites are those with
 * the most members; what comes after them is counted together.
 */
#ifndef LISTD_SHARE_H
#define LISTD_SHARE_H

#include <stddef.h>
#include <stdint.h>

#include "spool/outcome.h"
#include "spool/suspension.h"

#define SHARES_MAX	32	/* sites told apart */
#define PACE_SECONDS	60	/* over which a rate is looked at */

/* Events of the last minute. */
struct pace {
	int64_t		last_s;		/* of the newest second; 0: none yet */
	int64_t		first_s;
	uint32_t	n[PACE_SECONDS];
};

void pace_count(struct pace *p, int64_t now_ms);
/* In a minute, at the rate of the last one or of what there was of it. */
uint64_t pace_per_minute(const struct pace *p, int64_t now_ms);

struct share {
	uint8_t		key[SITE_KEY];	/* of the site */
	char		host[256];	/* its best one; "" all the others */
	uint64_t	members;	/* of the domains begun there */
	uint64_t	attempts[OUTCOME_STATES];	/* by how they ended */
	struct pace	pace;		/* of recipients who are done with */
};

struct shares {
	size_t		n;
	struct share	v[SHARES_MAX];
	struct share	other;
	struct pace	pace;		/* of all */
};

struct shares *shares_new(void);
void shares_free(struct shares *s);
/* A domain of so many members was begun at a site. */
void shares_begin(struct shares *s, const uint8_t key[static SITE_KEY],
    const char *host, uint64_t members);
/* What became of one delivery; key is NULL when no site was asked. */
void shares_outcome(struct shares *s, const uint8_t *key,
    enum outcome_state state, int64_t now_ms);
/* Members of domains begun there who have no end yet. */
uint64_t share_left(const struct share *s);
/* The same at a site; 0 when it is not told apart. */
uint64_t shares_left(struct shares *s, const uint8_t key[static SITE_KEY]);

#endif
