/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_verify.h - the DKIM signatures of a message, verified by libopendkim.
 *
 * A second opinion on our own signer, and the only one on what others sign.
 * The library is kept on a short leash: it never asks DNS (keys come from a
 * callback, checked and cut to size before it sees them), never decides what
 * time it is, and is given at most DKIM_VERIFY_SIGNATURES signatures, all of
 * whose tags were read here first.  It only canonicalizes, hashes and verifies
 * (RFC 6376 section 6.1; RFC 8301; RFC 8463).
 */
#ifndef LIB_DKIM_VERIFY_H
#define LIB_DKIM_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dkim_key.h"
#include "lib/dkim_tag.h"
#include "lib/pack.h"

struct dkim_verifier;
struct err;
struct strbuf;

#define DKIM_VERIFY_SIGNATURES	8	/* the topmost are looked at */
#define DKIM_VERIFY_FIELDS	1000	/* header fields of a message */
#define DKIM_VERIFY_OCTETS	(64u << 20)	/* of a message */
#define DKIM_COVERED_MAX	4096	/* octets of h=, as in libopendkim */
#define DKIM_SIGNATURE_FIELD_MAX 16384	/* octets of a DKIM-Signature */

enum dkim_verdict {
	DKIM_VERDICT_UNTESTED,		/* scanned, not verified */
	DKIM_VERDICT_PASS,
	DKIM_VERDICT_HEADER_CHANGED,	/* or signed by another key */
	DKIM_VERDICT_BODY_CHANGED,
	DKIM_VERDICT_EXPIRED,		/* x= has passed */
	DKIM_VERDICT_WEAK,		/* rsa-sha1, or RSA under 1024 bits */
	DKIM_VERDICT_MALFORMED,		/* no lawful signature field */
	DKIM_VERDICT_NO_KEY,		/* no record */
	DKIM_VERDICT_KEY_REVOKED,	/* an empty p= */
	DKIM_VERDICT_KEY_UNUSABLE,	/* a record that cannot be used */
	DKIM_VERDICT_KEY_LATER,		/* DNS did not answer: try again */
};

struct dkim_signature {
	enum dkim_verdict verdict;
	const char	*reason;	/* static text; "" for a pass */
	enum dkim_key_type type;	/* of a= */
	unsigned	 key_bits;	/* 0 = no key was seen */
	bool		 testing;	/* the key says t=y */
	bool		 partial;	/* l=: text may follow what is signed */
	uint64_t	 t;		/* UTC seconds; 0 = not given */
	uint64_t	 x;
	/* Empty when the field does not say, or not lawfully. */
	char		 domain[DKIM_DOMAIN_MAX + 1];	/* d= */
	char		 selector[DKIM_DOMAIN_MAX + 1];	/* s= */
	char		 covered[DKIM_COVERED_MAX];	/* h=, in small
							 * letters, no blanks */
};

/* About 40 KB: not for the stack. */
struct dkim_report {
	size_t			n;
	size_t			ignored;	/* signatures past the limit */
	struct dkim_signature	sig[DKIM_VERIFY_SIGNATURES]; /* from the top */
};

enum dkim_lookup {
	DKIM_LOOKUP_FOUND,
	DKIM_LOOKUP_NONE,	/* no such name, no TXT record, or several */
	DKIM_LOOKUP_LATER,	/* no answer */
};

/*
 * Find the TXT record at name (SELECTOR._domainkey.DOMAIN) and append its
 * strings, joined, to txt, which is empty and takes DKIM_RECORD_MAX octets.
 * Called at most once a signature, inside dkim_verifier_run(); must not wait:
 * ask DNS first for what dkim_verify_scan() names.
 */
typedef enum dkim_lookup dkim_lookup_fn(void *arg, const char *name,
    struct strbuf *txt);

/* A verifier is used by one thread.  Returns NULL with e set (ERR_SYSTEM). */
struct dkim_verifier *dkim_verifier_new(struct err *e);
void dkim_verifier_free(struct dkim_verifier *v);	/* NULL is fine */

/*
 * Read the signatures of message without verifying any: those that could pass
 * are UNTESTED, the others have their verdict.
 *
 * message	the whole, CRLF throughout its header.
 * now		UTC seconds, for x=.
 *
 * Returns 0, or -1 with e set: ERR_INPUT when the header is malformed or has
 * no From field, ERR_LIMIT; then nothing in it can be trusted.
 */
int dkim_verify_scan(struct slice message, uint64_t now,
    struct dkim_report *report_r, struct err *e);

/*
 * The name at which the key of sig is published, to be asked of DNS.  Returns
 * false when it is longer than a name can be.
 */
bool dkim_signature_key_name(const struct dkim_signature *sig,
    char name_r[static DKIM_DOMAIN_MAX + 1]);

/*
 * Verify the signatures of message; arguments and errors as above, and
 * ERR_SYSTEM when libopendkim has no memory.  None is UNTESTED afterwards.  No
 * signature at all is no error: n is 0.
 */
int dkim_verifier_run(struct dkim_verifier *v, struct slice message,
    uint64_t now, dkim_lookup_fn *lookup, void *arg,
    struct dkim_report *report_r, struct err *e);

/*
 * How often h= of sig names the field; two for one that is present once and
 * over-signed.  The case of letters does not count.
 */
size_t dkim_signature_covers(const struct dkim_signature *sig,
    const char *name);

/*
 * True when a signature that passed covers the field: what RFC 8058 section 4
 * asks of List-Unsubscribe and List-Unsubscribe-Post, and what validators do
 * not check.
 */
bool dkim_verify_covers(const struct dkim_report *report, const char *name);

/* The word for an Authentication-Results field (RFC 8601 section 2.7.1). */
const char *dkim_verdict_result(enum dkim_verdict verdict);

#endif
