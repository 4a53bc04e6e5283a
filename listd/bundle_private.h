/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_private.h - shared by bundle.c (which entries, and their proofs),
 * bundle_json.c (the machine part), bundle_report.c (the report) and
 * bundle_file.c (the archive).
 */
#ifndef LISTD_BUNDLE_PRIVATE_H
#define LISTD_BUNDLE_PRIVATE_H

#include <jansson.h>

#include "lib/checkpoint.h"
#include "lib/evidence.h"
#include "lib/report.h"
#include "listd/bundle.h"
#include "spool/store.h"

struct bundle_row {
	uint64_t	index;
	struct strbuf	row;		/* salt and CBOR */
	struct strbuf	proof;
	struct strbuf	mail;		/* as it was sent; or empty */
	struct strbuf	masked;		/* as it is kept; or empty */
};

struct bundle_shown {
	uint8_t		hash[32];
	struct strbuf	text;
	bool		missing;
};

/* What may be told of a complaint whose sender may not. */
struct bundle_complaint {
	uint32_t	list, org, campaign;
	int64_t		when_ms;
	bool		requested, confirmed, imported;	/* before it */
};

struct bundle {
	const struct bundle_ask *ask;
	struct bundle_complaint complaint;
	uint64_t	*index;		/* of the entries, ascending */
	size_t		 n, cap;
	struct bundle_row *rows;	/* [n] */
	struct bundle_shown *shown;	/* by hash, ascending */
	size_t		 nshown, shown_cap;
	size_t		 octets;
	struct note_key	 key;
	struct strbuf	 checkpoint;	/* the note */
	struct checkpoint head;
	json_t		*json;
};

struct slice bundle_entry(const struct bundle_row *r);
const struct bundle_shown *bundle_shown_find(const struct bundle *b,
    const char *hex);

/* bundle_json.c: all of evidence.json, with what is read for it. */
int bundle_json(struct bundle *b, struct txn *t, struct err *e);
/* bundle_report.c: from evidence.json, the texts and the mails. */
void bundle_report(const struct bundle *b, struct report *r);
/* bundle_file.c */
int bundle_file(const struct bundle *b, const struct report *r,
    struct evidence_writer *w, struct err *e);

#endif
