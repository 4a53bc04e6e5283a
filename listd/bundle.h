/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.h - what the store knows about a dispute, as one file of evidence
 * (lib/evidence.h).
 *
 * The file is about an address, about a span of time, or about a complaint.
 * Whoever complained is not shown to those who are complained about (S52, S72,
 * T38): unless somebody orders it, and that is kept, a file has no entry that
 * speaks of a complaint or of what the host did of itself, and one about a
 * complaint has no entry at all, but what can be said of its list and consent
 * without telling whose it was.
 *
 * It is made in a thread of its own, in short transactions.
 */
#ifndef LISTD_BUNDLE_H
#define LISTD_BUNDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/address.h"

struct consent;
struct content;
struct err;
struct evidence_writer;
struct store;

#define BUNDLE_OCTETS_MAX	(64u << 20)	/* of all its entries */

enum bundle_about {
	BUNDLE_ADDRESS, BUNDLE_PERIOD, BUNDLE_COMPLAINT,
};

struct bundle_ask {
	struct store	*store;
	const struct content *content;
	const _Atomic bool *stop;	/* give up when it becomes true */
	enum bundle_about about;
	uint8_t		 hash[ADDRESS_HASH_OCTETS];	/* ADDRESS */
	/* Narrowed to from <= t < to, and to a list or organization; 0: all. */
	int64_t		 from_ms, to_ms;	/* to: INT64_MAX without one */
	uint32_t	 list, org;
	uint64_t	 complaint;	/* COMPLAINT: its entry */
	const char	*disclosed;	/* who ordered it, or NULL */
	const char	*who;		/* asks for the file */
	const char	*request;	/* in words: "address", "period ..." */
	const char	*url_base;	/* where the ledger is published */
	int64_t		 now_ms;
	uint64_t	 exported;	/* the entry of this very export */
};

/* In the note of an export's entry, before who ordered it (see below). */
#define BUNDLE_DISCLOSED	"; complaints disclosed: "

/*
 * Does this entry tell of a complaint, by what it says or by being there?  So
 * what the host itself set or lifted is not told either.
 */
bool bundle_is_withheld(const struct consent *c);
/*
 * Whether there is anything to export: 1, 0 no entry is about it, -1 ERR_LIMIT
 * for too much, ERR_NOTFOUND for a complaint that is none, ...  The first
 * `last_r` entries of the log hold all of it.
 */
int bundle_look(const struct bundle_ask *ask, uint64_t *last_r,
    struct err *e);
/*
 * Make the file, proved by the last signed checkpoint or by one that a witness
 * cosigned, and which holds all of it.  0, or -1: ERR_AGAIN when none does yet.
 */
int bundle_make(const struct bundle_ask *ask, struct evidence_writer *w,
    struct err *e);

#endif
