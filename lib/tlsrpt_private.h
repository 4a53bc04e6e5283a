/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsrpt_private.h - the rows, shared by tlsrpt.c (counting) and
 * tlsrpt_report.c (telling).
 */
#ifndef LIB_TLSRPT_PRIVATE_H
#define LIB_TLSRPT_PRIVATE_H

#include <sys/queue.h>

#include "lib/tlsrpt.h"

#define TLSRPT_BUCKETS	1024

struct tlsrpt_row {
	TAILQ_ENTRY(tlsrpt_row) entry;	/* in the order of being made */
	LIST_ENTRY(tlsrpt_row) by_key;
	int64_t		 day;
	enum tlsrpt_policy_type type;
	enum tlsrpt_result result;
	uint64_t	 count;
	char		*domain;	/* each its own memory */
	char		*policy;
	char		*mx;
	char		*ip;
	char		*reason;
};

struct tlsrpt {
	size_t		 max, n;
	uint64_t	 lost;
	TAILQ_HEAD(, tlsrpt_row) rows;
	LIST_HEAD(, tlsrpt_row) bucket[TLSRPT_BUCKETS];
};

#endif
