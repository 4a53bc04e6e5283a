/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_prove.h - look in DNS for the proof that a domain is an
 * organization's own (S9).
 *
 * Two things prove it: a TXT record at _listd.DOMAIN that holds the token the
 * organization was given, or the public half of one of our signing keys, which
 * only who runs the domain's DNS can publish.  A deliver role looks, for it
 * alone has the keys.
 */
#ifndef LISTD_CONTROL_PROVE_H
#define LISTD_CONTROL_PROVE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/ipc.h"
#include "spool/org.h"

struct call;

/* The first member of the state of a call that uses it. */
struct prove {
	uint32_t	org;
	char		domain[256];	/* as given; then of A-labels */
	struct org_domain claim;	/* as it stands when all is looked at */
	enum org_proof	proof;		/* found this time */
	bool		unsure;		/* the DNS was silent: nothing changed */
	char		text[IPC_TEXT_MAX + 1];	/* what was found instead */
	char		rival[ORG_NAME_MAX + 1]; /* whose the key is, or "" */

	struct call	*call;		/* private */
	int64_t		now_ms;
	void		(*then)(struct call *c);
};

/*
 * Claim `domain` for `org`, look for both proofs, note what was found, and call
 * then.  Whatever fails on the way ends the call.
 */
void prove_start(struct call *c, void (*then)(struct call *c));
/* domain, proof, when, and the record to publish. */
json_t *prove_json(const struct org_domain *d);

#endif
