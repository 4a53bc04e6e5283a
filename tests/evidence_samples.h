/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_samples.h - files of evidence: one that is sound, and ones that are
 * wrong in one way each, signed all the same, so that a verifier has to look
 * at the part that is wrong.
 */
#ifndef TESTS_EVIDENCE_SAMPLES_H
#define TESTS_EVIDENCE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/evidence.h"

#define SAMPLE_ORIGIN	"log.example/ledger"

struct sample {
	const char	*why;		/* also the name of its file */
	const char	*where;		/* of its verdict; "": sound */
	unsigned	 wrong;		/* which */
};

/* NULL past the last; the first is sound. */
const struct sample *sample_at(size_t i);
/* Make it; out is its file.  Aborts the test on trouble. */
void sample_make(const struct sample *s, struct strbuf *out);
/* The key they are to be verified with. */
const struct note_key *sample_key(void);

/*
 * Edit one octet of p[len]: the n-th of a row that seed begins, the same on
 * each machine.
 */
void sample_edit(uint64_t seed, unsigned n, char *p, size_t len);

#endif
