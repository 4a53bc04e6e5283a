/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.h - organizations, and the sending domains they have proven (S9).
 *
 * An organization owns lists.  What its mail names in From, Reply-To or the
 * envelope must lie under a domain it has proven: by a TXT record that holds
 * a token of ours, or by a DKIM key of its own in DNS.  The look-up is for
 * others; here lies what came of it.  A proof covers the subdomains.
 *
 * The token is the organization's own.  The keys are the host's, and each of
 * its organizations finds the same one published: so a key proves a domain for
 * the organization that came first, and all others need their token.
 */
#ifndef SPOOL_ORG_H
#define SPOOL_ORG_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct store;
struct txn;

#define ORG_NAME_MAX	63	/* octets, [a-z0-9-], no hyphen at either end */
#define ORG_DEFAULT	"default"	/* made with the store */
#define ORG_TOKEN_LEN	26	/* characters of base32, 128 bits */

enum org_state {
	ORG_ACTIVE = 1,
	ORG_HELD,		/* by the desk, for a while: mail waits */
	ORG_SUSPENDED,
	ORG_TERMINATED,		/* for good */
};

struct org {
	uint32_t	id;
	enum org_state	state;
	int64_t		created_ms;
	char		name[ORG_NAME_MAX + 1];
};

enum org_proof {
	ORG_PROOF_NONE,		/* waits for the token to be found */
	ORG_PROOF_DNS,		/* TXT record */
	ORG_PROOF_DKIM,		/* the public half of our key is published */
};

struct org_domain {
	uint32_t	org;
	enum org_proof	proof;
	int64_t		claimed_ms;
	int64_t		proven_ms;	/* 0: not */
	int64_t		checked_ms;	/* last look, whatever it found */
	char		token[ORG_TOKEN_LEN + 1];
	char		domain[256];	/* A-labels, lower case */
};

const char *org_state_name(enum org_state s);
/* ORG_NAME_MAX, the alphabet, and no name another place means something by. */
int org_name_check(const char *name, struct err *e);

/* -1 with ERR_INPUT (name) or ERR_EXISTS. */
int org_create(struct txn *t, const char *name, const char *who,
    int64_t now_ms, uint32_t *id_r, struct err *e);
/*
 * Make the default organization in a store that has none, durably; for the
 * first start and `listctl init`, before any writer runs.  0 or -1.
 */
int org_make_default(struct store *st, int64_t now_ms, struct err *e);
/* 1, 0, -1. */
int org_get(struct txn *t, uint32_t id, struct org *o_r, struct err *e);
int org_find(struct txn *t, const char *name, struct org *o_r, struct err *e);
/* The first with an id >= id. */
int org_next(struct txn *t, uint32_t id, struct org *o_r, struct err *e);
/*
 * Change the state and leave the act.  -1 with ERR_NOTFOUND, or ERR_REFUSED:
 * a terminated one stays so.
 */
int org_set_state(struct txn *t, uint32_t id, enum org_state state,
    const char *who, int64_t now_ms, struct err *e);

/*
 * Claim a domain: makes the token the organization must publish.  Again for
 * the same domain: the token that was made.  -1 ERR_INPUT, ERR_NOTFOUND.
 */
int org_domain_claim(struct txn *t, uint32_t org, const char *domain,
    const char *who, int64_t now_ms, struct org_domain *d_r, struct err *e);
/*
 * Note a look: proof, or ORG_PROOF_NONE when nothing was found, which takes a
 * proof away.  A key alone proves nothing new where there is a rival.  -1
 * ERR_NOTFOUND when it was not claimed.
 */
int org_domain_checked(struct txn *t, uint32_t org, const char *domain,
    enum org_proof proof, int64_t now_ms, struct err *e);
/* 1, 0, -1. */
int org_domain_get(struct txn *t, uint32_t org, const char *domain,
    struct org_domain *d_r, struct err *e);
/* The first of this organization after the domain given ("" at first). */
int org_domain_next(struct txn *t, uint32_t org, const char *after,
    struct org_domain *d_r, struct err *e);
int org_domain_drop(struct txn *t, uint32_t org, const char *domain,
    const char *who, int64_t now_ms, struct err *e);
/*
 * Another organization that has proven this domain, one above or one below it.
 * 1 with o_r, 0, -1.
 */
int org_domain_rival(struct txn *t, uint32_t org, const char *domain,
    struct org *o_r, struct err *e);
/* 1 when domain or one above it (not a single label) is proven; 0; -1. */
int org_domain_covers(struct txn *t, uint32_t org, const char *domain,
    struct err *e);
/* The same for any organization: is the host's own domain somebody's? */
int org_domain_known(struct txn *t, const char *domain, struct err *e);

#endif
