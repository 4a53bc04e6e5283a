/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_reader.h - members from a CSV file, in sorted runs.
 *
 * What the columns mean is the format's (import_format.h); that there is one
 * with addresses is a must.  A row that says of itself where it comes from is
 * judged by that, and refused when that is no permission (S35).
 *
 * A run is the next rows of the file, sorted as the store keeps them:
 * IMPORT_RUN of them, then twice as many each time up to IMPORT_RUN_MAX, fewer
 * where they carry much text.  So the writer has something to do soon, and
 * much to do at once later.  Where runs end and how they are sorted follows
 * from the file alone, so that an import can be taken up again in the middle
 * of one (IMPORT_ORDER).
 *
 * Reading, hashing, judging, and making the consent entries are for a thread,
 * so that the writer has but to put what it is given.
 */
#ifndef LISTD_IMPORT_READER_H
#define LISTD_IMPORT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strbuf.h"
#include "spool/import.h"

struct err;
struct import_reader;
struct keyring;

#define IMPORT_RUN	8192		/* rows of the first */
#define IMPORT_RUN_MAX	32768		/* rows of any */
#define IMPORT_RUN_OCTETS (24u << 20)	/* of text in a run; then it ends */
#define IMPORT_RUN_BAD	100		/* bad rows told of a run */

/* A row without the room that its parts might need; see import_run_rows(). */
struct import_packed {
	uint64_t	h8;
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	int64_t		claimed_ms;
	uint32_t	text;		/* where its strings begin */
	uint32_t	number;		/* in the file's order */
	uint16_t	entry;		/* octets of its entry, behind them */
	uint8_t		verdict;	/* enum import_verdict */
	bool		attributes, unvouched;
};

struct import_run {
	struct import_packed *row;	/* sorted; bad ones last */
	size_t		 n, max;
	struct strbuf	 text;		/* strings, each with its NUL */
	bool		 end;		/* the file's last */
	/* The first bad and refused ones, in the order of the file. */
	size_t		 nbad;
	struct import_bad {
		uint64_t	 line;
		const char	*why;	/* static */
		bool		 refused;
	} bad[IMPORT_RUN_BAD];
};

/*
 * Read from fd, which belongs to the reader from here on.  The reader stops
 * with ERR_AGAIN when *stop becomes true.
 */
struct import_reader *import_reader_new(int fd, const struct keyring *kr,
    const _Atomic bool *stop);
void import_reader_free(struct import_reader *r);

/*
 * Before the first run: what is imported, by its format, status, evidence and
 * basis.  entries: it has begun, and is to be written; so make the entries of
 * the rows vouched for.  org is its list's; now_ms as in struct import_slice.
 */
void import_reader_about(struct import_reader *r, const struct import *im,
    uint32_t org, int64_t now_ms, bool entries);

/* With room for max rows; runs of a reader are no longer than that. */
struct import_run *import_run_new(size_t max);
void import_run_free(struct import_run *run);
/*
 * Up to max rows from the at-th on, as import_rows() takes them; what they say
 * is borrowed from run.  How many there were.
 */
size_t import_run_rows(const struct import_run *run, size_t at,
    struct import_row *rows, size_t max);

/*
 * Put the next rows in run, in place of its old ones.  -1 with ERR_INPUT
 * (a head row that is bad or names no address), ERR_SYSTEM, ERR_AGAIN.
 */
int import_reader_next(struct import_reader *r, struct import_run *run,
    struct err *e);

#endif
