/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provenance.h - where an imported address comes from, and on what ground it
 * may be mailed.
 *
 * Both are texts that people write, for only they know.  Each is sorted into a
 * class of the enumerations here: by the word or words before its first colon
 * ("event: the fair of 2025") or by the whole text.  Classes that give no
 * permission are refused (S35, S36); what names none is ORIGIN_DESCRIBED or
 * GROUND_DESCRIBED, and refused still when its words speak of such a class.
 *
 * A ground of its own is GROUND_CUSTOMER, "existing customer" (R188): no
 * permission was given, the law lets a seller write about similar products.  It
 * needs evidence of its own, EVIDENCE_CUSTOMER: when something was bought, and
 * what said then that mail would come and could be declined.
 */
#ifndef SPOOL_PROVENANCE_H
#define SPOOL_PROVENANCE_H

#include <stdbool.h>
#include <stdint.h>

struct err;

#define PROVENANCE_TEXT_MAX	256	/* octets of source, basis, evidence */

/* Numbers of consent entries: append only. */
enum origin {
	ORIGIN_NONE,
	ORIGIN_DESCRIBED,	/* in words alone */
	ORIGIN_FORM,
	ORIGIN_SHOP,
	ORIGIN_ACCOUNT,
	ORIGIN_EVENT,
	ORIGIN_PAPER,
	ORIGIN_MEMBERSHIP,
	ORIGIN_PROGRAM,		/* another list manager */
	/* From here on: no permission. */
	ORIGIN_PUBLIC,
	ORIGIN_SCRAPED,
	ORIGIN_PURCHASED,
	ORIGIN_RENTED,
	ORIGIN_SHARED,		/* by another company (S36) */
	ORIGIN_APPENDED,	/* looked up for a name */
	ORIGIN_GUESSED,
	ORIGIN_FORUM,
	ORIGINS
};

enum ground {
	GROUND_NONE,
	GROUND_DESCRIBED,
	GROUND_OPT_IN,		/* asked for it, once */
	GROUND_CONFIRMED,	/* and confirmed by mail */
	GROUND_WRITTEN,
	GROUND_MEMBERSHIP,
	GROUND_CUSTOMER,	/* R188; see above */
	/* From here on: no permission. */
	GROUND_PUBLIC,
	GROUND_VISITED,		/* a site, a stand */
	GROUND_PURCHASED,
	GROUND_INTEREST,	/* the sender's own */
	GROUND_UNKNOWN,
	GROUNDS
};

/* What an operator vouches for. */
enum evidence {
	EVIDENCE_NONE,
	EVIDENCE_CONFIRMED,	/* each of them confirmed */
	EVIDENCE_CUSTOMER,	/* each of them bought, see above */
	EVIDENCES
};

/* NULL and "" are NONE. */
enum origin origin_of(const char *source);
enum ground ground_of(const char *basis);
const char *origin_name(enum origin o);
const char *ground_name(enum ground g);
const char *evidence_name(enum evidence v);
/* EVIDENCE_NONE when there is none of that name. */
enum evidence evidence_find(const char *name);

/* Why it gives no permission, a static text; or NULL. */
const char *origin_refused(const char *source);
const char *ground_refused(const char *basis);

/*
 * What a row says of itself; it wins over what its import says.  Texts are
 * borrowed and may be NULL, zeros mean that nothing is said.
 */
struct provenance {
	const char	*source, *basis;
	const char	*evidence;	/* a file's name or hash, a number */
	uint8_t		ip[16];		/* of the confirmation */
	int64_t		asked_ms;	/* of the request before it */
	uint8_t		asked_ip[16];
};

/*
 * May who is imported on this ground be vouched for with this evidence?
 * NULL, or why not.
 */
const char *provenance_refused(enum evidence v, enum ground g);
/* An IP of either kind as 16 octets; false: it is none. */
bool provenance_ip(const char *text, uint8_t ip_r[static 16]);

#endif
