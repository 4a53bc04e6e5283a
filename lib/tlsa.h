/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsa.h - the TLSA records of a mail host, and which of them count.
 *
 * A record (RFC 6698 section 2.1) names a certificate or key that the host
 * must show.  For SMTP the usages DANE-TA(2) and DANE-EE(3) count alone (RFC
 * 7672 section 3.1); PKIX-TA(0) and PKIX-EE(1) are unusable, as is what cannot
 * be read.  A host whose records are all unusable still has promised TLS:
 * mail goes over TLS without a verified peer, or not at all (section 2.2).
 *
 * Whether the records are validated by DNSSEC is for the caller to know; those
 * that are not must never come here.
 */
#ifndef LIB_TLSA_H
#define LIB_TLSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define TLSA_RECORDS_MAX	32	/* of one host; more are passed over */
#define TLSA_DATA_MAX		4093	/* octets of one association */
#define TLSA_NAME_MAX		256	/* octets of a name, with its NUL */

enum tlsa_usage { TLSA_PKIX_TA, TLSA_PKIX_EE, TLSA_DANE_TA, TLSA_DANE_EE };
enum tlsa_selector { TLSA_CERT, TLSA_SPKI };
enum tlsa_matching { TLSA_FULL, TLSA_SHA256, TLSA_SHA512 };

struct tlsa {
	uint8_t		 usage, selector, matching;
	size_t		 len;
	uint8_t		*data;
};

/* The records of one host; a zeroed one is empty. */
struct tlsa_set {
	unsigned	 n;		/* usable ones */
	unsigned	 unusable;	/* seen, and not kept */
	struct tlsa	 v[TLSA_RECORDS_MAX];
};

enum tlsa_verdict {
	TLSA_NONE,		/* no records: no DANE */
	TLSA_UNUSABLE,		/* TLS is required, nobody can be verified */
	TLSA_USABLE,		/* TLS is required, and the peer must match */
};

/*
 * Add the record of this rdata.  True when it is usable; else it is counted as
 * unusable, and e, unless NULL, says why: ERR_INPUT for the record's own
 * fault, ERR_LIMIT when the set is full or the data too long.
 */
bool tlsa_add(struct tlsa_set *set, const uint8_t *rdata, size_t len,
    struct err *e);

/*
 * Digest agility (RFC 7671 section 9): of records with the same usage and
 * selector those with a weaker digest than the best one there are dropped, for
 * the owner publishes both for our sake.  Full data stays.
 */
void tlsa_prefer(struct tlsa_set *set);

enum tlsa_verdict tlsa_verdict(const struct tlsa_set *set);

/* Release what the set holds and empty it. */
void tlsa_clear(struct tlsa_set *set);
/* Copy a set; *to_r is overwritten, not cleared. */
void tlsa_copy(struct tlsa_set *to_r, const struct tlsa_set *from);

/*
 * Where a host's records are: "_25._tcp.host" (RFC 6698 section 3).  False
 * when that is no name any more.
 */
bool tlsa_name(char out[static TLSA_NAME_MAX], uint16_t port,
    const char *host);

#endif
