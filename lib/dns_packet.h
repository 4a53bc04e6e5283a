/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns_packet.h - read the records of one DNS answer.
 *
 * libunbound hands its event callbacks the answer in wire form (RFC 1035
 * section 4).  This reads what a mail sender asks for: MX, A, AAAA, TXT, TLSA,
 * and the aliases on the way to them.  Names are compressed (section 4.1.4);
 * pointers may only point back, and a chain of names has a limit, so that
 * reading is linear in the packet whatever it holds.
 */
#ifndef LIB_DNS_PACKET_H
#define LIB_DNS_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX	256	/* octets of a name as text, with its NUL */
#define DNS_RECORDS_MAX	256	/* answers read; more make the packet bad */
#define DNS_ALIASES_MAX	10	/* CNAMEs followed */
#define DNS_TXT_MAX	4096	/* octets of one TXT record's joined strings */

enum dns_type {
	DNS_A = 1, DNS_CNAME = 5, DNS_SOA = 6, DNS_MX = 15, DNS_TXT = 16,
	DNS_AAAA = 28, DNS_TLSA = 52,
};

struct dns_record {
	enum dns_type	type;
	uint32_t	ttl_s;
	uint16_t	preference;		/* MX */
	char		name[DNS_NAME_MAX];	/* MX: host, "" for null MX */
	uint8_t		ip[16];			/* A: 4 octets, AAAA: 16 */
	char		text[DNS_TXT_MAX + 1];	/* TXT: strings joined (RFC 7208 3.3) */
	size_t		text_len;	/* TLSA: text is its rdata (RFC 6698) */
};

struct dns_packet {
	const uint8_t	*p;
	size_t		 len;
	unsigned	 rcode;
	unsigned	 answers;
	size_t		 first;			/* offset of the answer section */
	char		 owner[DNS_NAME_MAX];	/* the name aliases lead to */
	bool		 loop;			/* aliases lead in a circle */
};

/*
 * Begin with a whole packet (borrowed), which answers the question for name.
 * False: it is not a DNS answer to that question.
 */
bool dns_packet_open(struct dns_packet *d, const void *p, size_t len,
    const char *name);

/*
 * The next record of this type that belongs to the name or to what its
 * aliases lead to.  *iter starts at 0.  True while there is one; false at the
 * end and for a packet that breaks off (then *bad_r is true).
 */
bool dns_packet_next(const struct dns_packet *d, enum dns_type type,
    unsigned *iter, struct dns_record *r_r, bool *bad_r);

#endif
