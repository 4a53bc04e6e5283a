/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_reader.h - members from a CSV file, in sorted runs.
 *
 * The head row must name a column `email`, `e-mail`, `mail` or `address`.  A
 * column `date`, `confirmed` or `subscribed` says when the person asked;
 * every other column with a value becomes an attribute of that name.
 *
 * A run is the next IMPORT_RUN rows of the file, fewer where they carry many
 * attributes, sorted as the store keeps them.  Where runs end and how they
 * are sorted follows from the file alone, so that an import can be taken up
 * again in the middle of one.  Reading and hashing are for a thread.
 */
#ifndef LISTD_IMPORT_READER_H
#define LISTD_IMPORT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/import.h"

struct err;
struct import_reader;
struct keyring;

#define IMPORT_RUN	IMPORT_SLICE_MAX	/* rows */
#define IMPORT_RUN_ATTRIBUTES (8u << 20)	/* octets of JSON in a run */
#define IMPORT_RUN_BAD	100			/* bad rows told of a run */

struct import_run {
	struct import_row *rows;	/* sorted; bad ones last */
	size_t		 n;
	bool		 end;		/* the file's last */
	/* The first bad ones, in the order of the file. */
	size_t		 nbad;
	struct import_bad {
		uint64_t	 line;
		const char	*why;	/* static */
	} bad[IMPORT_RUN_BAD];
};

/*
 * Read from fd, which belongs to the reader from here on.  The reader stops
 * with ERR_AGAIN when *stop becomes true.
 */
struct import_reader *import_reader_new(int fd, const struct keyring *kr,
    const _Atomic bool *stop);
void import_reader_free(struct import_reader *r);

struct import_run *import_run_new(void);
void import_run_free(struct import_run *run);

/*
 * Put the next rows in run, whose old ones are released.  -1 with ERR_INPUT
 * (a head row that is bad or names no address), ERR_SYSTEM, ERR_AGAIN.
 */
int import_reader_next(struct import_reader *r, struct import_run *run,
    struct err *e);

#endif
