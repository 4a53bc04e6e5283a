/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_reader_private.h - shared by import_reader.c (runs of rows) and
 * import_judge.c (what a row says).
 */
#ifndef LISTD_IMPORT_READER_PRIVATE_H
#define LISTD_IMPORT_READER_PRIVATE_H

#include <sys/types.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/import_format.h"
#include "listd/import_reader.h"
#include "spool/consent.h"

struct csvin;
struct csvin_row;

#define IMPORT_PIECE	4096	/* octets fed at once */
#define IMPORT_SALTS	64	/* made at once */

struct import_reader {
	int		 fd;
	off_t		 at;			/* octets behind us */
	const struct keyring *keys;
	const _Atomic bool *stop;
	struct csvin	*csv;
	const struct import_format *format;
	struct import_layout layout;
	bool		 known;			/* it was looked for */
	bool		 says_own;		/* a row may say of itself */
	bool		 ended;			/* of the file */
	struct import_run *run;			/* being filled */
	struct import_run *spill;		/* behind its end */
	uint32_t	 number;		/* of the next row */
	size_t		 rows;			/* of the next run */
	struct err	 why;			/* of a row's failure */
	bool		 entries;		/* are made, for: */
	struct import	 im;
	uint32_t	 org;
	int64_t		 now_ms;
	struct strbuf	 entry;
	size_t		 salts;			/* left in salt */
	uint8_t		 salt[IMPORT_SALTS * CONSENT_SALT];
	struct strbuf	 json;
	char		 piece[IMPORT_PIECE];
};

/* A row being judged; row borrows from the others and from the reader. */
struct import_judged {
	struct import_row row;
	struct identity	who;
	struct provenance own;
	const char	*bad, *refused;		/* why, static, or NULL */
};

/* Once the head row is known. */
void import_judge_head(struct import_reader *r);
/* What becomes of a row; one that is bad or refused has nothing but that. */
void import_judge(struct import_reader *r, const struct csvin_row *row,
    struct import_judged *j);

#endif
