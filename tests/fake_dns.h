/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_dns.h - the test DNS server's zone: reading it and answering from it.
 *
 * A zone file has one record or fault a line, '#' starts a comment:
 *
 *	NAME TYPE [TTL] DATA
 *	NAME FAIL[/TYPE] WHAT [first=N]
 *	NAME SIGN FILE
 *
 * NAME is absolute, with or without a final dot; "*.x.example" stands for
 * every name below x.example that has no record of its own (the longest such
 * pattern wins), "*" for every name.  TYPE and DATA:
 *
 *	A 192.0.2.1		AAAA 2001:db8::1
 *	MX 10 host		"MX 0 ." is the null MX
 *	CNAME host, NS host, PTR host
 *	TXT "one" "two"		strings over 255 octets are split; \" \\ \xNN
 *	TLSA 3 1 1 HEX
 *	SOA mname rname serial refresh retry expire minimum
 *
 * SIGN signs NAME and all below it with the key (P-256, PEM) in FILE, for who
 * asks with DNSSEC; names in its data must be in lower case.
 *
 * WHAT of a fault, which goes before all records and may match only the first
 * N queries; several lines for a name add up (a delay and a SERVFAIL, say):
 *
 *	servfail nxdomain refused formerr	that code
 *	drop		no answer at all	close	TCP: close, UDP: drop
 *	delay MS	answer that late
 *	truncate	over UDP an empty answer with TC set
 *	wrong-id	an answer with another id
 *	garbage		octets that are no DNS message
 *	bogus		signatures that are wrong
 */
#ifndef TESTS_FAKE_DNS_H
#define TESTS_FAKE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX	255
#define DNS_MESSAGE_MAX	65535

struct err;
struct strbuf;
struct zone;

enum dns_type {
	DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12,
	DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_OPT = 41, DNS_RRSIG = 46,
	DNS_NSEC = 47, DNS_DNSKEY = 48, DNS_TLSA = 52, DNS_ANY = 255,
};

enum dns_code {
	DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4, DNS_REFUSED = 5,
};

/* What shall happen to a query, besides the octets of the answer. */
struct verdict {
	char		name[DNS_NAME_MAX + 1];	/* asked; "?" if unreadable */
	unsigned	type;			/* asked for */
	enum dns_code	code;
	unsigned	answers;		/* records that answer */
	bool		drop, close;
	uint32_t	delay_ms;
};

/* Read a zone file; default_ttl in seconds.  NULL with e naming the line. */
struct zone *zone_load(const char *path, uint32_t default_ttl, struct err *e);
/* Free; *z may be NULL.  Sets *z to NULL. */
void zone_free(struct zone **z);

/*
 * Answer the query of len octets: fills v and appends the answer to out, or
 * leaves out alone when v says drop or the query is too short for an answer.
 */
void zone_answer(struct zone *z, const uint8_t *query, size_t len, bool tcp,
    struct verdict *v, struct strbuf *out);

/* "MX", "TLSA" or "TYPE65"; the text is static until the next call. */
const char *dns_type_name(unsigned type);
const char *dns_code_name(enum dns_code code);

#endif
