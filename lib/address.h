/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h - a mailbox as SMTP knows it (RFC 5321 section 4.1.2), and the
 * three ways in which two of them are the same (T34).
 *
 *	exact		as typed, for delivery: the local part is the
 *			receiver's own affair (RFC 5321 section 2.4)
 *	folded		for membership and suppression: address_fold()
 *	canonical	for limits and evasion of bans, never for consent:
 *			address_canonical()
 *
 * Taken: dot-strings, quoted local parts of printable characters, domain names
 * of letters, digits and hyphens, and internationalized domain names, which
 * become A-labels by IDNA2008.  Refused: what only message headers may hold
 * (comments, blanks, RFC 5322), source routes, address literals unless they
 * are asked for, a trailing dot, and every control character (T36).  The
 * domain is never looked up.
 */
#ifndef LIB_ADDRESS_H
#define LIB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct keyring;
struct strbuf;

#define ADDRESS_LOCAL_MAX	64	/* octets, RFC 5321 section 4.5.3.1.1 */
#define ADDRESS_DOMAIN_MAX	253	/* octets as A-labels, RFC 1035 */
#define ADDRESS_MAX		254	/* octets in all, RFC 3696 erratum */
#define ADDRESS_TEXT_MAX	1024	/* octets of input looked at */
#define ADDRESS_HASH_OCTETS	16

/*
 * local is in the form of the wire, with its quotes where it has them; domain
 * is in A-labels and lower case.  A folded local part can pass
 * ADDRESS_LOCAL_MAX, as NFC may grow, but not its array.
 */
struct address {
	char	local[256];
	char	domain[256];
};

/* For address_parse(): what else to take. */
#define ADDRESS_UTF8		1u	/* UTF-8 in the local part, RFC 6531 */
#define ADDRESS_ONE_LABEL	2u	/* a domain of one label */
/*
 * A local part beyond ADDRESS_LOCAL_MAX, as long as the whole fits: return
 * paths that others write in use (SRS, VERP) often have one.
 */
#define ADDRESS_LONG_LOCAL	4u
/*
 * An address literal instead of a domain: "[192.0.2.1]", "[IPv6:2001:db8::1]",
 * as the return path of a host without a name (RFC 5321 section 4.1.3).
 */
#define ADDRESS_LITERAL		8u

/*
 * Read text[len], the whole of it, into out.  UTF-8 in the domain is always
 * taken.
 *
 * -1 with e set, out untouched: ERR_INPUT, naming the RFC section but never
 * quoting the address; ERR_LIMIT for what is too long.
 */
int address_parse(const char *text, size_t len, unsigned flags,
    struct address *out, struct err *e);

/* Read a domain alone, into A-labels of lower case; flags as above. */
int address_domain(const char *text, size_t len, unsigned flags,
    char out[static 256], struct err *e);

/* Append local@domain to out. */
void address_format(struct strbuf *out, const struct address *a);

/*
 * Fold for comparison: quotes only where needed, local part in NFC, its ASCII
 * letters in lower case.  Folding twice changes nothing more.  in and out may
 * be the same.  -1 with e set when there is no memory, or ERR_LIMIT when the
 * local part outgrows its array; addresses parsed without ADDRESS_LONG_LOCAL
 * never do.
 */
int address_fold(const struct address *in, struct address *out,
    struct err *e);

/*
 * Make of a folded address the mailbox it most likely ends in: without
 * +tag, and with what the large providers ignore taken away (dots and
 * googlemail.com at Gmail, for instance).  A guess: for limits only.  in and
 * out may be the same.
 */
void address_canonical(const struct address *in, struct address *out);

/* Would address_canonical() leave this folded address as it is?  Cheap. */
bool address_is_canonical(const char *local, const char *domain);

enum address_role {
	ADDRESS_PERSON,		/* as far as the name tells */
	ADDRESS_ROLE,		/* RFC 2142 name: to be flagged */
	ADDRESS_RESERVED,	/* never without approval (S37): abuse,
				 * postmaster, security, noc, hostmaster */
};

/* Judge a folded address by its local part, a +tag apart. */
enum address_role address_role(const struct address *folded);

/*
 * The order of subscribers: the first 8 octets, big-endian, of HMAC-SHA-256
 * under KEY_H8 over the label "listd h8 v1", a NUL, and the folded local part.
 * -1 with ERR_CRYPTO when the keyring has no such key.
 */
int address_h8(const struct keyring *kr, const char *folded_local,
    uint64_t *h8_r, struct err *e);

/*
 * What stands for an address in tokens and records that outlive it: the
 * first 16 octets of HMAC-SHA-256 under KEY_ADDRESS over the label "listd
 * address v1", a NUL, and local@domain of the folded address.  -1 as above.
 */
int address_hash(const struct keyring *kr, const struct address *folded,
    uint8_t hash_r[static ADDRESS_HASH_OCTETS], struct err *e);

#endif
