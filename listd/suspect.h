/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspect.h - deliveries that drew a refusal which speaks of us.
 *
 * Such a refusal is the site's affair: the delivery goes back unharmed and the
 * site rests.  Some servers say the same of one mailbox, always, and that one
 * must not hold up all others behind it.  So who drew a refusal goes behind
 * the others, and the second one counts as his own when
 *
 *	others got through meanwhile, or
 *	nobody else drew one meanwhile: there is nobody else to try
 *
 * A site that refuses everybody is asked with somebody else each time, so it
 * still costs nobody an attempt.  Memory is bounded: of SUSPECTS_MAX the one
 * who came first is forgotten.
 */
#ifndef LISTD_SUSPECT_H
#define LISTD_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

#define SUSPECTS_MAX	16	/* deliveries of one site */
#define SUSPECT_SURE	10	/* others who got through, and nobody refused */

/* Whose affair a refusal is. */
enum suspect {
	SUSPECT_SITE,		/* the site's, as it says */
	SUSPECT_OWN,		/* the delivery's, and perhaps the site's */
	SUSPECT_ALONE,		/* the delivery's alone */
};

struct suspects;

/* A site refused us at this one.  *v is made when NULL: a site with nobody. */
enum suspect suspects_refused(struct suspects **v, uint64_t who);
/* This one got through there, or a refusal spoke of the person. */
void suspects_heard(struct suspects *v, uint64_t who);
/*
 * 0: it drew no refusal.  Else it is to go behind those who did not, and of
 * two the one with the lower number drew it earlier.
 */
uint64_t suspects_since(const struct suspects *v, uint64_t who);
void suspects_free(struct suspects *v);

#endif
