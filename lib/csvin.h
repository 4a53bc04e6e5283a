/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csvin.h - comma-separated values (RFC 4180) as they come, in pieces.
 *
 * The first row names the columns; names are folded to lower case of ASCII and
 * trimmed.  A byte order mark before it is passed over, lines may end in LF
 * alone, and a last line may lack its end.  A row that is not UTF-8, has a
 * control character in a field, more fields than the header, or passes a
 * limit is told as bad with its line and skipped; the rows around it are
 * fine.  A header that is bad ends the reading.
 */
#ifndef LIB_CSVIN_H
#define LIB_CSVIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct csvin;
struct err;

#define CSVIN_FIELD_MAX	4096	/* octets of one field */
#define CSVIN_ROW_MAX	65536	/* octets of one row */
#define CSVIN_COLUMNS_MAX 64

struct csvin_row {
	uint64_t	line;		/* where it began, from 1 */
	uint64_t	number;		/* of the row, header apart, from 1 */
	const char	*bad;		/* why it was skipped, or NULL */
	size_t		n;		/* fields, as many as columns */
	const struct slice *field;	/* NUL-terminated too; "" if missing */
};

/* Told of each row, good and bad; false stops.  Borrowed for the call. */
typedef bool csvin_row_fn(void *arg, const struct csvin_row *row);

struct csvin *csvin_new(csvin_row_fn *fn, void *arg);
void csvin_free(struct csvin *c);

/*
 * Feed bytes cut anywhere; the end is told by csvin_end().  0; 1 when the
 * function stopped it; -1 with ERR_INPUT or ERR_LIMIT: the header is bad.
 */
int csvin_feed(struct csvin *c, const void *p, size_t len, struct err *e);
int csvin_end(struct csvin *c, struct err *e);

/* Known once the header was read. */
size_t csvin_columns(const struct csvin *c);
/* The column of that name (lower case), or -1. */
int csvin_column(const struct csvin *c, const char *name);
const char *csvin_column_name(const struct csvin *c, size_t i);

#endif
