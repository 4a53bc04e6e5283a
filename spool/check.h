/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - walk the whole store and say what is wrong with it.
 *
 * Seals, records, whether tables agree with each other, whether the files that
 * records name are there, and whether the log of outcomes can be read.  It
 * goes on past what it finds (P12).
 *
 * It may run beside a daemon.  Transactions are renewed every CHECK_SLICE
 * rows, and whatever compares two tables does so inside one of them; what was
 * summed up over several is counted again inside one before it is told.  Q is
 * looked at with a later view of S, for S commits first.
 */
#ifndef SPOOL_CHECK_H
#define SPOOL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/store.h"

struct content;
struct err;

#define CHECK_SLICE	10000		/* rows of one transaction */
#define CHECK_KEY_HEX	1023		/* characters of a key, with NUL */
#define CHECK_GAPS_MAX	1000000		/* missing entries told one by one */

struct check_finding {
	const char	*table;		/* or "outcomes", "queue/meta" */
	char		key[CHECK_KEY_HEX];	/* hex */
	char		text[512];		/* printable ASCII */
};

struct check_params {
	struct store	*st;		/* opened with every secret */
	const struct content *content;	/* NULL: files are not looked at */
	const char	*outcomes;	/* the log's folder; NULL: not read */
	int64_t		now_ms;		/* UTC; what was kept long enough */
	int64_t		keep_ms;	/* of campaigns' files; 0: default */
	/* The table to begin with; TABLE_LAST: the log of outcomes alone. */
	enum store_table from;
	/* Told of each finding; false stops the walk. */
	bool		(*finding)(void *arg, const struct check_finding *f);
	/*
	 * Told when a table begins (rows 0), every few hundred rows, and before
	 * a file is read: a walk that does not call it for minutes goes round
	 * in circles on a damaged page.  TABLE_LAST stands for the log.  May
	 * be NULL.
	 */
	void		(*progress)(void *arg, enum store_table table,
			    uint64_t rows);
	void		*arg;
};

struct check_result {
	uint64_t	rows;		/* looked at */
	uint64_t	findings;
};

/* A table's name in findings: Q's meta is "queue/meta", the log "outcomes". */
const char *check_table_name(enum store_table table);
/* 0 when the walk came to its end, whatever it found; -1 when it did not. */
int check_store(const struct check_params *p, struct check_result *r_r,
    struct err *e);

#endif
