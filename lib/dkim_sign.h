/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_sign.h - the DKIM signature of one message, made in three steps.
 *
 * The private RSA operation is most of what a delivery costs, so all the rest
 * keeps out of its way: the key is parsed once, nothing is allocated per
 * message, and the work is split where several messages can meet, which some
 * processors sign at once for less (lib/rsa_lanes.h):
 *
 *	dkim_sign_digest	header fields and body hash to a job: the field
 *				without its signature, and what is to be signed
 *	dkim_sign_private	the private operation for a batch of jobs
 *	dkim_sign_finish	the complete field
 *
 * The result is rsa-sha256 or ed25519-sha256, c=relaxed/relaxed, with t= and
 * never with l= (RFC 6376, RFC 8301, RFC 8463).  Its bytes are those that
 * libopendkim would make of the same message, key and time.
 */
#ifndef LIB_DKIM_SIGN_H
#define LIB_DKIM_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dkim_canon.h"
#include "lib/pack.h"

struct dkim_key;
struct dkim_signer;
struct err;

#define DKIM_SIGNED_MAX		128	/* header fields of one signature */
#define DKIM_TEXT_MAX		8192	/* octets of a DKIM-Signature field */
#define DKIM_SIGNATURE_MAX	512	/* octets of a signature: RSA-4096 */

/*
 * Which fields are signed is decided by name.  Signed where present: From,
 * Sender, Reply-To, Subject, Date, To, Cc, Message-ID, In-Reply-To,
 * References, MIME-Version, Content-*, List-*, Feedback-ID, CFBL-*,
 * Auto-Submitted and our own Listd-*.  A name that is over-signed stands in h=
 * once more than the message has such fields, so that adding one breaks the
 * signature (RFC 6376 section 8.15).  Received, Return-Path and DKIM-Signature
 * are never signed (section 5.4).
 */
enum dkim_policy {
	/*
	 * Over-signs From, Subject, Date, To, Cc, Reply-To, Message-ID,
	 * Content-Type, List-Unsubscribe and List-Unsubscribe-Post.
	 */
	DKIM_POLICY_CAMPAIGN,
	/*
	 * The same without Reply-To and List-*, which a list that subscribes
	 * to this one sets itself; and Authentication-Results is signed, as
	 * our word on the author's signature (RFC 6377 section 5.7).
	 */
	DKIM_POLICY_DISCUSSION,
};

struct dkim_signer_params {
	const struct dkim_key	*key;
	const char		*domain;	/* d=, A-labels, no last dot */
	const char		*selector;	/* s= */
	enum dkim_policy	 policy;
	/*
	 * Seconds from t= to x=, or 0 for no x=.  Must pass the longest life
	 * of a queued message (RFC 6376 section 3.5).
	 */
	uint32_t		 lifetime_s;
};

/* One message on its way to a signature; a plain value of about 9 KB. */
struct dkim_job {
	uint8_t	digest[DKIM_HASH_LEN];	/* what is signed */
	uint8_t	signature[DKIM_SIGNATURE_MAX];
	size_t	siglen;			/* octets of signature; 0 = not yet */
	char	text[DKIM_TEXT_MAX];	/* the field, up to and with "b=" */
	size_t	len;
};

/*
 * A signer is used by one thread; its key is shared and counted, so params and
 * what they point at may go.  Returns NULL with e set: ERR_INPUT when domain
 * or selector is no host name (RFC 5321 section 4.1.2), ERR_CRYPTO.
 */
struct dkim_signer *dkim_signer_new(const struct dkim_signer_params *params,
    struct err *e);
/* Another signer for the same, for another thread. */
struct dkim_signer *dkim_signer_dup(const struct dkim_signer *signer,
    struct err *e);
void dkim_signer_free(struct dkim_signer *signer);	/* NULL is fine */

/* Whether a field of this name is signed under policy. */
bool dkim_policy_signs(enum dkim_policy policy, struct slice name);
/* The i-th over-signed name under policy, or NULL past the last. */
const char *dkim_policy_oversigned(enum dkim_policy policy, size_t i);

/*
 * Fill job from the header as it will go out.
 *
 * field, n	all fields, in message order; a DKIM-Signature of another
 *		signer may be among them.
 * body_hash	SHA-256 of the relaxed body.
 * t		UTC seconds, for t=.
 *
 * Returns 0, or -1 with e set and job not to be used: ERR_INPUT when there is
 * not exactly one From, a name is not the one its field begins with, or a
 * field would be read differently further on (see dkim_canon_relax());
 * ERR_LIMIT when a limit above or DKIM_FIELD_MAX is passed; ERR_CRYPTO.
 */
int dkim_sign_digest(struct dkim_signer *signer,
    const struct dkim_field field[], size_t n,
    const uint8_t body_hash[static DKIM_HASH_LEN], uint64_t t,
    struct dkim_job *job, struct err *e);

/* Octets of the field that job will give, before it is signed (for SIZE=). */
size_t dkim_sign_length(const struct dkim_signer *signer,
    const struct dkim_job *job);

/*
 * How many of so many jobs that wait are best signed in one call, 1 to
 * DKIM_BATCH_MAX: 1 where more at once would cost more, or no less.
 */
#define DKIM_BATCH_MAX	8
size_t dkim_sign_batch(const struct dkim_signer *signer, size_t waiting);

/*
 * The private operation for any n jobs of this signer (or its duplicates).
 * Stops at the first that fails: -1, e set with ERR_CRYPTO, siglen 0 in that
 * job and those after it.  A message without a signature is not sent.
 */
int dkim_sign_private(struct dkim_signer *signer, struct dkim_job *const jobs[],
    size_t n, struct err *e);

/*
 * The whole field, "DKIM-Signature: " to CRLF, to be put before all others
 * byte for byte (RFC 6376 section 5.6).  Lines have at most 78 octets, but for
 * a name in d=, s= or h= that is longer by itself.  Points into job, which
 * must have passed dkim_sign_private(); calling again gives the same.
 */
struct slice dkim_sign_finish(struct dkim_job *job);

/* All of it for one message whose body lies in one piece. */
int dkim_sign_message(struct dkim_signer *signer,
    const struct dkim_field field[], size_t n, struct slice body, uint64_t t,
    struct dkim_job *job, struct err *e);

#endif
