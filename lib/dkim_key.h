/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_key.h - a DKIM key pair: made, stored, published and compared.
 *
 * The private key travels as PKCS#8 PEM, the form of every other tool; files
 * are opened elsewhere and their bytes passed in, so that a role without the
 * right to open them can still hold a key.  The public key is a TXT record at
 * SELECTOR._domainkey.DOMAIN (RFC 6376 section 3.6.1; RFC 8463 for Ed25519).
 *
 * RSA keys under 1024 bits are refused everywhere; 1024 to 2047 bits work but
 * are weak (RFC 8301 section 3.2), and the caller decides whether to insist on
 * more.  Over 4096 bits no verifier need read a signature, so we make none.
 */
#ifndef LIB_DKIM_KEY_H
#define LIB_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct dkim_key;
struct err;
struct strbuf;

#define DKIM_RSA_MIN	1024	/* bits; fewer are refused */
#define DKIM_RSA_GOOD	2048	/* bits; fewer are weak; the default */
#define DKIM_RSA_MAX	4096
#define DKIM_PEM_MAX	16384	/* octets of a PEM file */
/*
 * Octets of a record's text.  Legal ones may be longer, but libopendkim reads
 * no more than this, and RSA-4096 needs 750.
 */
#define DKIM_RECORD_MAX	1024

enum dkim_key_type {
	DKIM_KEY_RSA,		/* k=rsa, a=rsa-sha256 */
	DKIM_KEY_ED25519,	/* k=ed25519, a=ed25519-sha256 */
};
#define DKIM_KEY_TYPES	2

/* A new key; bits is for RSA alone (0 = DKIM_RSA_GOOD). */
struct dkim_key *dkim_key_generate(enum dkim_key_type type, unsigned bits,
    struct err *e);

/*
 * Read the first private key of a PEM text (PKCS#8, or the older "RSA PRIVATE
 * KEY") and prove that it signs what its public half verifies.
 *
 * Returns the key, or NULL with e set: ERR_LIMIT over DKIM_PEM_MAX octets,
 * ERR_INPUT for no PEM, an encrypted key or another kind of key, ERR_REFUSED
 * for a size outside DKIM_RSA_MIN to DKIM_RSA_MAX, ERR_CRYPTO when the halves
 * do not belong together.
 */
struct dkim_key *dkim_key_parse(const uint8_t *pem, size_t len,
    struct err *e);

/* NULL is fine. */
void dkim_key_free(struct dkim_key *key);

/*
 * Append the private key as PKCS#8 PEM.  The caller overwrites out's memory
 * (OPENSSL_cleanse) before releasing it.
 */
int dkim_key_write(const struct dkim_key *key, struct strbuf *out,
    struct err *e);

enum dkim_key_type dkim_key_type(const struct dkim_key *key);
unsigned dkim_key_bits(const struct dkim_key *key);
/* An RSA key of fewer than DKIM_RSA_GOOD bits: warn, or refuse (RFC 8301). */
bool dkim_key_weak(const struct dkim_key *key);

/* Append the record's text, "v=DKIM1; k=rsa; p=...". */
int dkim_key_txt(const struct dkim_key *key, struct strbuf *out,
    struct err *e);

/*
 * Append one zone-file line, with its newline: the name, IN TXT, and the text
 * in strings of at most 255 octets (RFC 1035 section 3.3).  ERR_INPUT when
 * selector or domain is no host name.
 */
int dkim_key_zone(const struct dkim_key *key, const char *selector,
    const char *domain, struct strbuf *out, struct err *e);

/* What a published record says (RFC 6376 section 3.6.1). */
struct dkim_record {
	enum dkim_key_type	type;	/* k= */
	bool	revoked;	/* p= is empty */
	bool	testing;	/* t=y: verifiers treat a failure as unsigned */
	bool	strict;		/* t=s: i= may not name a subdomain */
	bool	sha256;		/* h= is absent or lists sha256 */
	bool	email;		/* s= is absent or lists email or * */
	unsigned bits;		/* of the public key; 0 while revoked */
	uint8_t	p[DKIM_RECORD_MAX];	/* p= decoded */
	size_t	plen;
};

enum dkim_record_verdict {
	DKIM_RECORD_MATCH,	/* it publishes this key, usably */
	DKIM_RECORD_SYNTAX,	/* no tag list, or over DKIM_RECORD_MAX */
	DKIM_RECORD_VERSION,	/* v= is not DKIM1, or not the first tag */
	DKIM_RECORD_NO_KEY,	/* p= is missing */
	DKIM_RECORD_REVOKED,	/* p= is empty */
	DKIM_RECORD_TYPE,	/* k= is unknown, or not this key's type */
	DKIM_RECORD_BAD_KEY,	/* p= is no base64 or no key of type k= */
	DKIM_RECORD_TOO_SHORT,	/* RSA under DKIM_RSA_MIN bits */
	DKIM_RECORD_DIFFERENT,	/* a good record of another key */
	DKIM_RECORD_HASH,	/* h= excludes sha256 */
	DKIM_RECORD_SERVICE,	/* s= excludes email */
};

/*
 * Read the text of one record.  Answers MATCH for a usable one and fills
 * *record_r as far as it was understood; never DIFFERENT.
 */
enum dkim_record_verdict dkim_record_parse(const uint8_t *txt, size_t len,
    struct dkim_record *record_r);

/*
 * Compare what DNS answered, the strings of one TXT record in order, joined
 * without a blank, with a private key.  record_r is filled as above.
 */
enum dkim_record_verdict dkim_key_compare(const struct dkim_key *key,
    const struct slice strings[], size_t n, struct dkim_record *record_r);

/* One line of English for an operator. */
const char *dkim_record_text(enum dkim_record_verdict verdict);

#endif
