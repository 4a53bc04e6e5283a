/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_csvin.c - a file read whole and read octet by octet gives the same
 * rows, and what a row holds keeps its promises.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/csvin.h"
#include "lib/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t	rows, bad, octets, lines;
};

static bool
look(void *arg, const struct csvin_row *row)
{
	struct seen *s = arg;

	s->rows++;
	s->bad += row->bad != NULL;
	s->lines = s->lines * 31 + row->line;
	if (row->number != s->rows || row->n > CSVIN_COLUMNS_MAX)
		abort();
	for (size_t i = 0; i < row->n; i++) {
		const char *p = (const char *)row->field[i].p;

		if (p[row->field[i].len] != '\0' ||
		    strlen(p) != row->field[i].len ||
		    row->field[i].len > CSVIN_FIELD_MAX ||
		    !utf8_valid(p, row->field[i].len))
			abort();
		s->octets += row->field[i].len;
	}
	return true;
}

static int
run(const uint8_t *data, size_t size, size_t piece, struct seen *s)
{
	struct csvin *c = csvin_new(look, s);
	int rc = 0;

	for (size_t i = 0; i < size && rc == 0; i += piece)
		rc = csvin_feed(c, data + i, size - i < piece ? size - i :
		    piece, NULL);
	if (rc == 0)
		rc = csvin_end(c, NULL);
	csvin_free(c);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen a = { 0, 0, 0, 0 }, b = { 0, 0, 0, 0 };

	if (run(data, size, size + 1, &a) != run(data, size, 1, &b) ||
	    memcmp(&a, &b, sizeof(a)) != 0)
		abort();
	return 0;
}
