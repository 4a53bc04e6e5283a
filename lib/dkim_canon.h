/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_canon.h - a message in the form that DKIM hashes, "relaxed/relaxed".
 *
 * Header fields: name in lower case, unfolded, runs of blanks to one, none at
 * the ends (RFC 6376 section 3.4.2).  Body: the same within each line, and the
 * empty lines at the end dropped (section 3.4.4).  The sender hashes literals
 * that were canonicalized when the campaign was compiled; what is here serves
 * headers, mail made one at a time, and tests.
 */
#ifndef LIB_DKIM_CANON_H
#define LIB_DKIM_CANON_H

#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct dkim_body_hash;
struct err;

#define DKIM_HASH_LEN	32	/* octets of SHA-256 */
/*
 * Octets of one header field as it stands.  RFC 5322 limits lines, not fields;
 * libopendkim gives up at 65,536.
 */
#define DKIM_FIELD_MAX	60000

/* One header field, borrowed from wherever the message lies. */
struct dkim_field {
	struct slice	name;	/* as spelled, without blanks or colon */
	struct slice	raw;	/* the whole: name, colon, value with its
				 * folds, with or without the last CRLF */
};

/*
 * Cut the message msg, CRLF throughout its header, into at most max fields.
 *
 * field	filled in message order; slices borrow from msg.
 * n_r		how many.
 * body_r	what follows the empty line; empty when there is none.
 *
 * Returns 0, or -1 with e set: ERR_INPUT for a line that is no field (RFC 5322
 * section 2.2), a bare CR or LF, or a NUL in the header; ERR_LIMIT for more
 * than max fields or one over DKIM_FIELD_MAX octets.
 */
int dkim_message_split(struct slice msg, struct dkim_field field[], size_t max,
    size_t *n_r, struct slice *body_r, struct err *e);

/*
 * Write the relaxed form of one field to out, which has room for raw.len + 2
 * octets; it ends with CRLF.  Returns its length, or 0 for a field without a
 * colon, a CR or LF that is not part of a fold, or a NUL: such a field must
 * not be signed, since the next hop would read it differently.
 */
size_t dkim_canon_relax(struct slice raw, uint8_t *out);

/*
 * The hash of a body that comes in pieces, of any size and cut anywhere.  A
 * CR or LF alone is an ordinary octet here, as in RFC 6376; such a body is not
 * fit for SMTP anyway.  A last line without CRLF is hashed with one.
 */
struct dkim_body_hash *dkim_body_hash_new(struct err *e);
void dkim_body_hash_free(struct dkim_body_hash *h);	/* NULL is fine */
/* Start afresh; a new one need not be reset. */
void dkim_body_hash_reset(struct dkim_body_hash *h);
void dkim_body_hash_update(struct dkim_body_hash *h, const void *p,
    size_t len);
/* Make to continue from where from is: the hash of a constant beginning. */
void dkim_body_hash_copy(struct dkim_body_hash *to,
    const struct dkim_body_hash *from);
/*
 * The hash so far, as if the body ended here.  Afterwards h must be reset.
 * Returns 0, or -1 with e set when OpenSSL failed anywhere on the way.
 */
int dkim_body_hash_final(struct dkim_body_hash *h,
    uint8_t hash_r[static DKIM_HASH_LEN], struct err *e);

#endif
