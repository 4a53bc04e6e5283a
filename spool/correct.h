/* SPDX-License-Identifier: Apache-2.0 */
/*
 * correct.h - what a list knows of a member is put right (S31).
 */
#ifndef SPOOL_CORRECT_H
#define SPOOL_CORRECT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct ipc_evidence;
struct txn;

struct correction {
	uint32_t	 list;
	const uint8_t	*hash;		/* of the member's address */
	struct slice	 name;		/* of an attribute */
	struct slice	 value;		/* as text; empty: without it */
	const struct ipc_evidence *evidence;	/* of the person, or NULL */
	const char	*who;		/* an operator, or NULL */
	bool		 must_be;	/* only what has a value already */
	int64_t		 now_ms;
	bool		 clock_unsure;
};

/*
 * Set one attribute, and leave an entry PREFERENCE with name, old and new
 * value; none when nothing changes.  0, or -1: ERR_NOTFOUND (no member, no attribute),
 * ERR_INPUT (no name, or no text), ERR_LIMIT.
 */
int correct_attribute(struct txn *t, const struct correction *c,
    struct err *e);

#endif
