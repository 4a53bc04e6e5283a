/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_rules_private.h - a rule as the parser leaves it and the matcher uses
 * it.  For the two sink_rules*.c alone.
 */
#ifndef TESTS_SINK_RULES_PRIVATE_H
#define TESTS_SINK_RULES_PRIVATE_H

#include "tests/sink_rules.h"

struct countmap;

struct range {
	uint64_t	lo, hi;		/* both belong to it */
};

struct rule {
	enum sink_event	 event;
	char		*to, *from, *helo, *local, *peer; /* globs or NULL */
	enum { TLS_EITHER, TLS_YES, TLS_NO } tls;
	struct range	 conn, txn, nth;
	uint64_t	 every;
	double		 percent;
	uint64_t	 seed;
	enum { PER_NONE, PER_TO, PER_FROM, PER_LOCAL, PER_CONN } per;
	struct action	 action;

	uint64_t	 times;		/* matched so far, without per */
	uint64_t	 random;	/* generator's state */
	struct countmap	*per_key;
};

struct ruleset {
	struct rule	*rules;
	size_t		 nrules;
	bool		 has[SINK_EVENTS];	/* any rule for it? */
};

#endif
