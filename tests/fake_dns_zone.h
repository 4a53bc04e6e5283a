/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_dns_zone.h - a zone in memory, for the fake_dns*.c alone.
 */
#ifndef TESTS_FAKE_DNS_ZONE_H
#define TESTS_FAKE_DNS_ZONE_H

#include "tests/fake_dns.h"

struct signer;

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
	FAULT_WRONG_ID, FAULT_GARBAGE, FAULT_BOGUS,
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
	struct signer	*signers;
};

/* Add a record before the zone is complete; data is taken over. */
void zone_add(struct zone *z, const char *name, unsigned type,
    struct strbuf *data);

/* Sign the zone that begins at apex with the key of a file; -1 with e. */
int zone_sign(struct zone *z, const char *apex, const char *path,
    struct err *e);
void zone_free_signers(struct zone *z);
/* Who signs this name; NULL: nobody. */
const struct signer *zone_signer(const struct zone *z, const char *name);
const char *signer_apex(const struct signer *s);
/* Append the RRSIG of a set of n records; bogus: a wrong one. */
bool signer_sign(const struct signer *s, const char *owner,
    const struct record *const *set, size_t n, bool bogus,
    struct strbuf *out);
/* Append the NSEC of a name that has these records alone, and its RRSIG. */
bool signer_deny(const struct signer *s, const char *name,
    const struct record *const *set, size_t n, uint32_t ttl, bool bogus,
    struct strbuf *out);

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
