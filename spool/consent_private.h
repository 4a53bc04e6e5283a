/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_private.h - the table of an entry's fields, which writes, reads and
 * shows entries.
 */
#ifndef SPOOL_CONSENT_PRIVATE_H
#define SPOOL_CONSENT_PRIVATE_H

#include "spool/consent.h"

enum consent_type {
	FIELD_U16, FIELD_U32, FIELD_U64, FIELD_TIME, FIELD_I64, FIELD_BOOL,
	FIELD_VERSION,		/* 0: the one that is written */
	FIELD_KIND, FIELD_NETWORK, FIELD_GRADE,
	FIELD_REASON, FIELD_SCOPE, FIELD_RESULT,	/* uint32_t */
	FIELD_ORIGIN, FIELD_GROUND, FIELD_EVIDENCE,	/* likewise */
	FIELD_TEXT,
	FIELD_RAW,		/* any octets, cut at IPC_RAW_MAX */
	FIELD_INDEXES,		/* groups of 8 octets */
	FIELD_IP,		/* 16 octets */
	FIELD_ID,		/* 16 */
	FIELD_HASH,		/* 32 */
	FIELD_SHOWN,		/* 32, in the struct itself */
};

struct consent_field {
	unsigned	 key;		/* in the entry; ascending here */
	const char	*name;		/* in JSON */
	enum consent_type type;
	size_t		 at;		/* in struct consent */
};

/* The i-th, in the order of the keys; NULL past the last. */
const struct consent_field *consent_field(size_t i);
bool consent_has(const struct consent *c, const struct consent_field *f);
/* Numbers, or strings? */
bool consent_is_number(enum consent_type type);
/* What a field has in the entry; 0 or empty: it is absent. */
uint64_t consent_get_number(const struct consent *c,
    const struct consent_field *f);
struct slice consent_get_string(const struct consent *c,
    const struct consent_field *f);

#endif
