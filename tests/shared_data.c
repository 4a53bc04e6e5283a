/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shared_data.c - the labelled messages that lie beside the source tree.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "tests/shared_data.h"

static FILE *
open_file(const char *folder, const char *name)
{
	const char *shared = getenv("LISTD_SHARED");
	const char *srcdir = getenv("LISTD_SRCDIR");
	struct strbuf path = STRBUF_INIT(4096);
	FILE *f;

	if (shared != NULL)
		strbuf_addf(&path, "%s/data/%s%s", shared, folder, name);
	else
		strbuf_addf(&path, "%s/../shared/data/%s%s",
		    srcdir != NULL ? srcdir : ".", folder, name);
	f = fopen(path.s, "rb");
	strbuf_free(&path);
	return f;
}

FILE *
shared_open(const char *name)
{
	char head[SHARED_LINE_MAX];
	FILE *f = open_file("", name);

	if (f != NULL && fgets(head, sizeof(head), f) == NULL)
		fail_msg("%s is empty", name);
	return f;
}

bool
shared_row(FILE *f, char *row[SHARED_COLUMNS_MAX], int columns)
{
	static char line[SHARED_LINE_MAX];
	char *rest = line;
	int n = 0;

	if (fgets(line, sizeof(line), f) == NULL)
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	while (n < SHARED_COLUMNS_MAX && (row[n] = strsep(&rest, "\t")) !=
	    NULL)
		n++;
	if (n != columns)
		fail_msg("%s: %d columns", row[0], n);
	return true;
}

void
shared_read(const char *folder, const char *name, struct strbuf *out)
{
	FILE *f = open_file(folder, name);
	char buf[65536];
	size_t n;

	if (f == NULL)
		fail_msg("%s%s is missing", folder, name);
	strbuf_reset(out);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
	assert_false(out->overflow);
}
