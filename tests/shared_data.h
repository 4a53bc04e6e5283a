/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_data.h - the labelled messages that lie beside the source tree.
 *
 * They are looked for in $LISTD_SHARED/data, else in $LISTD_SRCDIR/../shared/
 * data.  A test whose data is missing skips.
 */
#ifndef TESTS_SHARED_DATA_H
#define TESTS_SHARED_DATA_H

#include <stdbool.h>
#include <stdio.h>

struct strbuf;

#define SHARED_COLUMNS_MAX	16
#define SHARED_LINE_MAX		4096

/* Open a table and step over its head line; NULL when it is not there. */
FILE *shared_open(const char *name);

/*
 * The next row in columns columns; the strings live until the next call.
 * False at the end; a row with another number of columns fails the test.
 */
bool shared_row(FILE *f, char *row[SHARED_COLUMNS_MAX], int columns);

/* Read the file folder + name whole; fails the test when it cannot. */
void shared_read(const char *folder, const char *name, struct strbuf *out);

#endif
