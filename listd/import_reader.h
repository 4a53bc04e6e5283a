/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_reader.h - members from a CSV file, in sorted runs.
 *
 * The head row must name a column `email`, `e-mail`, `mail` or `address`.  A
 * column `date`, `confirmed` or `subscribed` says when the person asked;
 * every other column with a value becomes an attribute of that name.
 *
 * A run is the next IMPORT_RUN rows of the file, fewer where they carry much
 * text, sorted as the store keeps them.  Where runs end and how they
 * are sorted follows from the file alone, so that an import can be taken up
 * again in the middle of one.  Reading and hashing are for a thread.
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

#define IMPORT_RUN	16384		/* rows */
#define IMPORT_RUN_OCTETS (16u << 20)	/* of text in a run; then it ends */
#define IMPORT_RUN_BAD	100		/* bad rows told of a run */

/* A row without the room that its parts might need; see import_run_rows(). */
struct import_packed {
	uint64_t	h8;
	uint8_t		hash[ADDRESS_HASH_OCTETS];
	uint8_t		mailbox[ADDRESS_HASH_OCTETS];
	int64_t		claimed_ms;
	uint32_t	text;		/* where its strings begin */
	uint32_t	number;		/* in the file's order */
	bool		bad;
	bool		attributes;
};

struct import_run {
	struct import_packed *row;	/* sorted; bad ones last */
	size_t		 n, max;
	struct strbuf	 text;		/* strings, each with its NUL */
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

/* With room for max rows, at most IMPORT_RUN of a reader. */
struct import_run *import_run_new(size_t max);
void import_run_free(struct import_run *run);
/*
 * Unpack up to max rows from the at-th on, as import_rows() takes them; their
 * attributes are borrowed from run.  How many there were.
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
