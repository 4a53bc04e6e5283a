/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jurisdiction.h - how long the evidence of a consent is kept, by whose law.
 *
 * A list names the laws that its mail is judged by: none, one, or several with
 * blanks between ("de jp").  Of several the longest time counts for evidence
 * (T53); what nobody confirmed is reduced to hashes after 30 days under all of
 * them (spool/retention.h).  The times run from the end of a membership, which
 * comes after the last mail (spool/retention_prune.c).
 */
#ifndef SPOOL_JURISDICTION_H
#define SPOOL_JURISDICTION_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct jurisdiction {
	const char	*name;
	unsigned	 days;		/* of evidence, after the last mail */
	const char	*law;		/* what the days follow from */
};

/* The i-th, NULL past the last; the first is that of a list that names none. */
const struct jurisdiction *jurisdiction_at(size_t i);
/* -1 ERR_INPUT, naming the one that is not known. */
int jurisdiction_check(const char *names, struct err *e);
/* How long evidence is kept for these names, in milliseconds. */
int64_t jurisdiction_evidence_ms(const char *names);

#endif
