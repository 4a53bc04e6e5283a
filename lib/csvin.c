/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csvin.c - comma-separated values as they come.
 *
 * libcsv splits rows into fields but buffers whatever it is given, and a
 * quote in the wrong place would cost it the rest of the file.  So the ends
 * of rows are found here, by the little that quoting means for them, and each
 * row, which is bounded then, goes through libcsv alone.
 */
#include "config.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "lib/csvin.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"
#include "lib/xmalloc.h"

#define BOM	"\xef\xbb\xbf"

/* Where in a row the scanner stands. */
enum scan {
	SCAN_FIELD,		/* before a field's first character */
	SCAN_PLAIN,
	SCAN_QUOTED,
	SCAN_QUOTE,		/* after a quote in a quoted field */
	SCAN_SKIP,		/* in a row too long, up to its LF */
};

struct csvin {
	csvin_row_fn	*fn;
	void		*arg;
	struct csv_parser csv;
	struct strbuf	 row;		/* octets of the row so far */
	enum scan	 scan;
	bool		 stopped;
	bool		 header_done, failed;
	uint64_t	 line;		/* of the next octet */
	uint64_t	 row_line;	/* where the row began */
	uint64_t	 number;

	/* the row being split */
	struct strbuf	 text;		/* its fields, a NUL after each */
	size_t		 start[CSVIN_COLUMNS_MAX], len[CSVIN_COLUMNS_MAX];
	size_t		 n;
	const char	*bad;
	unsigned	 ends;		/* row ends that libcsv saw */

	char		*name[CSVIN_COLUMNS_MAX];
	size_t		 columns;
};

struct csvin *
csvin_new(csvin_row_fn *fn, void *arg)
{
	struct csvin *c = xcalloc(1, sizeof(*c));

	c->fn = fn;
	c->arg = arg;
	c->line = c->row_line = 1;
	strbuf_init(&c->row, CSVIN_ROW_MAX);
	/* Each field of a row brings a NUL. */
	strbuf_init(&c->text, CSVIN_ROW_MAX + CSVIN_COLUMNS_MAX);
	if (csv_init(&c->csv, CSV_STRICT | CSV_STRICT_FINI) != 0) {
		free(c);
		return NULL;
	}
	return c;
}

void
csvin_free(struct csvin *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->columns; i++)
		free(c->name[i]);
	csv_free(&c->csv);
	strbuf_free(&c->row);
	strbuf_free(&c->text);
	free(c);
}

size_t
csvin_columns(const struct csvin *c)
{
	return c->columns;
}

const char *
csvin_column_name(const struct csvin *c, size_t i)
{
	return i < c->columns ? c->name[i] : "";
}

int
csvin_column(const struct csvin *c, const char *name)
{
	for (size_t i = 0; i < c->columns; i++)
		if (strcmp(c->name[i], name) == 0)
			return (int)i;
	return -1;
}

/* ---- splitting one row */

static const char *
judge_field(const char *p, size_t len)
{
	if (len > CSVIN_FIELD_MAX)
		return "a field is too long";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return "a control character";
	return utf8_valid(p, len) ? NULL : "not UTF-8";
}

static void
on_field(void *data, size_t len, void *arg)
{
	struct csvin *c = arg;

	if (c->bad == NULL && c->n == CSVIN_COLUMNS_MAX)
		c->bad = "too many fields";
	if (c->bad == NULL)
		c->bad = judge_field(data, len);
	if (c->bad != NULL)
		return;
	c->start[c->n] = c->text.len;
	c->len[c->n++] = len;
	strbuf_add(&c->text, data, len);
	strbuf_addc(&c->text, '\0');
}

static void
on_end(int ch, void *arg)
{
	struct csvin *c = arg;

	(void)ch;
	c->ends++;
}

/* Split c->row; c->bad says what is wrong with it. */
static void
split(struct csvin *c)
{
	size_t len = c->row.len;

	c->n = 0;
	c->ends = 0;
	c->bad = NULL;
	strbuf_reset(&c->text);
	if (csv_parse(&c->csv, c->row.s, len, on_field, on_end, c) != len ||
	    csv_fini(&c->csv, on_field, on_end, c) != 0) {
		if (c->bad == NULL)
			c->bad = "a quote out of place";
		/* What is in libcsv's hands of this row must not stay. */
		csv_free(&c->csv);
		csv_init(&c->csv, CSV_STRICT | CSV_STRICT_FINI);
	}
	if (c->bad == NULL && c->ends > 1)
		c->bad = "a carriage return inside the row";
	if (c->bad == NULL && c->text.overflow)
		c->bad = "the row is too long";
}

/* ---- rows */

static char *
fold_name(const char *s, size_t len)
{
	char *name;

	while (len > 0 && *s == ' ')
		s++, len--;
	while (len > 0 && s[len - 1] == ' ')
		len--;
	name = xmalloc(len + 1);	/* bounded by CSVIN_FIELD_MAX */
	for (size_t i = 0; i < len; i++)
		name[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 :
		    s[i]);
	name[len] = '\0';
	return name;
}

static int
take_header(struct csvin *c, struct err *e)
{
	for (size_t i = 0; c->bad == NULL && i < c->n; i++) {
		char *name = fold_name(c->text.s + c->start[i], c->len[i]);

		if (strchr(name, '@') != NULL)
			c->bad = "an address where names of columns belong";
		else if (name[0] != '\0' && csvin_column(c, name) != -1)
			c->bad = "two columns of one name";
		c->name[c->columns++] = name;
	}
	c->header_done = true;
	if (c->bad == NULL)
		return 0;
	c->failed = true;
	err_set(e, ERR_INPUT, "line %llu: the header: %s",
	    (unsigned long long)c->row_line, c->bad);
	return -1;
}

/* Tell of the row in c->text, or of why it is none. */
static void
tell(struct csvin *c)
{
	struct slice field[CSVIN_COLUMNS_MAX];
	struct csvin_row row = { .line = c->row_line, .number = ++c->number,
	    .field = field };

	if (c->bad == NULL && c->n > c->columns)
		c->bad = "more fields than the header names";
	row.bad = c->bad;
	row.n = row.bad == NULL ? c->columns : 0;
	for (size_t i = 0; i < row.n; i++) {
		field[i] = (struct slice){ (const uint8_t *)"", 0 };
		if (i < c->n)
			field[i] = (struct slice){ (const uint8_t *)c->text.s +
			    c->start[i], c->len[i] };
	}
	c->stopped = !c->fn(c->arg, &row);
}

/* A row's octets are complete.  0, or -1 for a bad header. */
static int
end_row(struct csvin *c, struct err *e)
{
	int ret = 0;

	if (c->row.len > 0 && c->row.s[c->row.len - 1] == '\r')
		strbuf_truncate(&c->row, c->row.len - 1);
	if (!c->header_done && c->row.len >= 3 &&
	    memcmp(c->row.s, BOM, 3) == 0)
		strbuf_consume(&c->row, 3);
	if (c->scan == SCAN_SKIP) {
		c->bad = "the row is too long";
		c->n = 0;
	} else if (c->row.len > 0) {
		split(c);
	}
	if (c->scan == SCAN_SKIP || c->row.len > 0) {
		if (!c->header_done)
			ret = take_header(c, e);
		else
			tell(c);
	}
	strbuf_reset(&c->row);
	c->scan = SCAN_FIELD;
	c->row_line = c->line;
	return ret;
}

/* The scanner's next state; LF outside of quotes is not for it. */
static enum scan
step(enum scan s, char ch)
{
	switch (s) {
	case SCAN_FIELD:
		if (ch == '"')
			return SCAN_QUOTED;
		return ch == ',' || ch == ' ' || ch == '\t' ? SCAN_FIELD :
		    SCAN_PLAIN;
	case SCAN_PLAIN:
		return ch == ',' ? SCAN_FIELD : SCAN_PLAIN;
	case SCAN_QUOTED:
		return ch == '"' ? SCAN_QUOTE : SCAN_QUOTED;
	case SCAN_QUOTE:
		if (ch == '"')
			return SCAN_QUOTED;
		return ch == ',' ? SCAN_FIELD : SCAN_PLAIN;
	case SCAN_SKIP:
		break;
	}
	return SCAN_SKIP;
}

/* How many octets from s on leave SCAN_PLAIN as it is. */
static size_t
plain_octets(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] != ',' && s[n] != '\n')
		n++;
	return n;
}

int
csvin_feed(struct csvin *c, const void *p, size_t len, struct err *e)
{
	const char *s = p;
	size_t n;

	if (c->failed) {
		err_set(e, ERR_INPUT, "the header was bad");
		return -1;
	}
	for (size_t i = 0; i < len && !c->stopped; i++) {
		bool end = s[i] == '\n' && c->scan != SCAN_QUOTED;

		c->line += s[i] == '\n';
		if (end) {
			if (end_row(c, e) == -1)
				return -1;
			continue;
		}
		if (c->scan == SCAN_SKIP)
			continue;
		n = 1;
		c->scan = step(c->scan, s[i]);
		if (c->scan == SCAN_PLAIN)
			n += plain_octets(s + i + 1, len - i - 1);
		strbuf_add(&c->row, s + i, n);
		i += n - 1;
		if (c->row.overflow)
			c->scan = SCAN_SKIP;
	}
	return c->stopped ? 1 : 0;
}

int
csvin_end(struct csvin *c, struct err *e)
{
	if (c->failed) {
		err_set(e, ERR_INPUT, "the header was bad");
		return -1;
	}
	if (c->stopped)
		return 1;
	if ((c->row.len > 0 || c->scan == SCAN_SKIP) && end_row(c, e) == -1)
		return -1;
	if (!c->header_done) {
		err_set(e, ERR_INPUT, "an empty file: no header");
		return -1;
	}
	return c->stopped ? 1 : 0;
}
