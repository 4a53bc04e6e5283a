/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_dns_zone.h - a zone in memory, for the fake_dns*.c alone.
 */
#ifndef TESTS_FAKE_DNS_ZONE_H
#define TESTS_FAKE_DNS_ZONE_H

#include "tests/fake_dns.h"

struct record {
	char		*name;		/* folded, no final dot */
	unsigned	 type;		/* 0: the name merely exists */
	uint32_t	 ttl;
	uint8_t		*data;		/* RDATA */
	uint16_t	 data_len;
	uint32_t	 order;		/* line, so that answers keep it */
};

enum fault_kind {
	FAULT_CODE, FAULT_DROP, FAULT_CLOSE, FAULT_DELAY, FAULT_TRUNCATE,
	FAULT_WRONG_ID, FAULT_GARBAGE,
};

struct fault {
	char		*name;
	unsigned	 type;		/* 0 = every one */
	enum fault_kind	 kind;
	enum dns_code	 code;
	uint32_t	 delay_ms;
	uint64_t	 first;		/* matches this often; seen counts */
	uint64_t	 seen;
};

struct zone {
	struct record	*records;	/* sorted by name, then order */
	size_t		 nrecords;
	struct fault	*faults;
	size_t		 nfaults;
	uint32_t	 default_ttl;
};

/* The number for "MX" and the like; 0 when unknown. */
unsigned dns_type_number(const char *name);

/*
 * Append name in wire form.  False when a label is empty or too long, or the
 * name is.
 */
bool dns_put_name(struct strbuf *out, const char *name);
void dns_put_u16(struct strbuf *out, unsigned v);
void dns_put_u32(struct strbuf *out, uint32_t v);

#endif
