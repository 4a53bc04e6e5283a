/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_reader.c - members from a CSV file, in sorted runs.
 *
 * The CSV parser takes pieces and can not be stopped inside one, so what a
 * piece holds past the end of a run waits in `spill` for the next.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/csvin.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/import_reader.h"
#include "spool/subscriber.h"

#define PIECE		4096		/* octets fed at once */
#define SPILL_ROWS	(PIECE + 1)	/* no more rows are in a piece */

struct spilt {
	struct import_row *rows;
	size_t		 n;
	size_t		 nbad;
	struct import_bad bad[IMPORT_RUN_BAD];
};

struct import_reader {
	int		 fd;
	off_t		 at;			/* octets behind us */
	const struct keyring *keys;
	const _Atomic bool *stop;
	struct csvin	*csv;
	int		 address, date;		/* columns, -1: none */
	bool		 known;			/* they were looked for */
	bool		 ended;			/* of the file */
	struct import_run *run;			/* being filled */
	size_t		 octets;		/* of attributes in it */
	bool		 full;
	struct spilt	 spill;
	struct strbuf	 json;
	struct import_row *sorted;
	char		 piece[PIECE];
};

/* ---- one row */

static int
first_column(const struct csvin *csv, const char *const *names)
{
	int column = -1;

	for (; *names != NULL && column == -1; names++)
		column = csvin_column(csv, *names);
	return column;
}

static void
find_columns(struct import_reader *r)
{
	static const char *const addresses[] = {
		"email", "e-mail", "mail", "address", NULL,
	};
	static const char *const dates[] = {
		"date", "confirmed", "subscribed", NULL,
	};

	r->address = first_column(r->csv, addresses);
	r->date = first_column(r->csv, dates);
	r->known = true;
}

/* Fields have no control characters: csvin refuses them. */
static void
add_string(struct strbuf *b, const char *s, size_t len)
{
	strbuf_addc(b, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			strbuf_addc(b, '\\');
		strbuf_addc(b, s[i]);
	}
	strbuf_addc(b, '"');
}

/* The other columns as a JSON object in r->json; false: too much of it. */
static bool
attributes_of(struct import_reader *r, const struct csvin_row *row)
{
	struct strbuf *b = &r->json;

	strbuf_reset(b);
	for (size_t i = 0; i < row->n; i++) {
		const char *name = csvin_column_name(r->csv, i);

		if ((int)i == r->address || (int)i == r->date ||
		    row->field[i].len == 0 || name[0] == '\0')
			continue;
		strbuf_addc(b, b->len == 0 ? '{' : ',');
		add_string(b, name, strlen(name));
		strbuf_addc(b, ':');
		add_string(b, (const char *)row->field[i].p,
		    row->field[i].len);
	}
	if (b->len > 0)
		strbuf_addc(b, '}');
	return !b->overflow;
}

/* Fill out from the fields; NULL, or why it is bad. */
static const char *
read_row(struct import_reader *r, const struct csvin_row *row,
    struct import_row *out)
{
	const struct slice *f;

	if (row->bad != NULL)
		return row->bad;
	f = &row->field[r->address];
	if (identity_parse(r->keys, (const char *)f->p, f->len, 0, &out->who,
	    NULL) == -1)
		return "no address";
	f = r->date != -1 ? &row->field[r->date] : NULL;
	if (f != NULL && f->len > 0 && date_parse((const char *)f->p, f->len,
	    &out->claimed_ms, NULL) == -1)
		return "no date";
	if (!attributes_of(r, row))
		return "too many attributes";
	if (r->json.len > 0)
		out->attributes = xstrdup(r->json.s);
	return NULL;
}

static void
note_bad(struct import_bad *bad, size_t *n, uint64_t line, const char *why)
{
	if (*n < IMPORT_RUN_BAD)
		bad[(*n)++] = (struct import_bad){ line, why };
}

static bool
on_row(void *arg, const struct csvin_row *row)
{
	struct import_reader *r = arg;
	struct import_row *out;
	const char *why;

	if (!r->known)
		find_columns(r);
	if (r->address == -1)
		return false;
	out = r->full ? &r->spill.rows[r->spill.n++] :
	    &r->run->rows[r->run->n++];
	out->bad = false;
	out->claimed_ms = 0;
	out->attributes = NULL;
	if ((why = read_row(r, row, out)) != NULL) {
		out->bad = true;
		if (r->full)
			note_bad(r->spill.bad, &r->spill.nbad, row->line, why);
		else
			note_bad(r->run->bad, &r->run->nbad, row->line, why);
	} else if (!r->full && out->attributes != NULL)
		r->octets += strlen(out->attributes);
	if (r->run->n == IMPORT_RUN || r->octets >= IMPORT_RUN_ATTRIBUTES)
		r->full = true;
	return true;
}

/* ---- runs */

static int
by_place(const void *a, const void *b)
{
	const struct import_row *x = *(const struct import_row *const *)a;
	const struct import_row *y = *(const struct import_row *const *)b;
	int rc;

	if (x->bad != y->bad)
		return x->bad ? 1 : -1;
	if (!x->bad && (rc = strcmp(x->who.folded.domain,
	    y->who.folded.domain)) != 0)
		return rc;
	if (!x->bad && x->who.h8 != y->who.h8)
		return x->who.h8 < y->who.h8 ? -1 : 1;
	return x < y ? -1 : x > y;	/* as in the file */
}

/* Rows are large: sort pointers, then move each row once. */
static void
sort_run(struct import_reader *r, struct import_run *run)
{
	struct import_row **order, *rows = run->rows;

	if (run->n == 0)
		return;
	order = xreallocarray(NULL, run->n, sizeof(*order));
	for (size_t i = 0; i < run->n; i++)
		order[i] = &rows[i];
	qsort(order, run->n, sizeof(*order), by_place);
	for (size_t i = 0; i < run->n; i++)
		r->sorted[i] = *order[i];
	run->rows = r->sorted;
	r->sorted = rows;
	free(order);
}

static void
run_reset(struct import_run *run)
{
	for (size_t i = 0; i < run->n; i++)
		free((char *)(uintptr_t)run->rows[i].attributes);
	run->n = run->nbad = 0;
	run->end = false;
}

/* What the last piece held past the run before. */
static void
take_spill(struct import_reader *r)
{
	struct spilt *s = &r->spill;

	memcpy(r->run->rows, s->rows, s->n * sizeof(*s->rows));
	memcpy(r->run->bad, s->bad, s->nbad * sizeof(s->bad[0]));
	r->run->n = s->n;
	r->run->nbad = s->nbad;
	r->octets = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->rows[i].attributes != NULL)
			r->octets += strlen(s->rows[i].attributes);
	s->n = s->nbad = 0;
	r->full = r->octets >= IMPORT_RUN_ATTRIBUTES;
}

static int
head_error(struct err *e)
{
	err_set(e, ERR_INPUT, "the head row names no column email, e-mail, "
	    "mail or address");
	return -1;
}

/* Feed one piece, or the end. */
static int
feed(struct import_reader *r, struct err *e)
{
	/* Whoever opened it may have read of it already. */
	ssize_t n = pread(r->fd, r->piece, PIECE, r->at);
	int rc;

	if (n == -1 && errno == EINTR)
		return 0;
	if (n == -1) {
		err_sys(e, "read");
		return -1;
	}
	rc = n > 0 ? csvin_feed(r->csv, r->piece, (size_t)n, e) :
	    csvin_end(r->csv, e);
	r->at += n;
	r->ended = n == 0;
	if (rc == -1)
		return -1;
	if (r->ended && !r->known)
		find_columns(r);
	return r->known && r->address == -1 ? head_error(e) : 0;
}

int
import_reader_next(struct import_reader *r, struct import_run *run,
    struct err *e)
{
	run_reset(run);
	r->run = run;
	take_spill(r);
	while (!r->full && !r->ended) {
		if (*r->stop) {
			err_set(e, ERR_AGAIN, "the daemon stops");
			return -1;
		}
		if (feed(r, e) == -1)
			return -1;
	}
	run->end = r->ended && r->spill.n == 0;
	sort_run(r, run);
	return 0;
}

/* ---- making and releasing */

struct import_reader *
import_reader_new(int fd, const struct keyring *kr, const _Atomic bool *stop)
{
	struct import_reader *r = xcalloc(1, sizeof(*r));

	r->fd = fd;
	r->keys = kr;
	r->stop = stop;
	r->csv = csvin_new(on_row, r);
	r->sorted = xreallocarray(NULL, IMPORT_RUN, sizeof(*r->sorted));
	r->spill.rows = xreallocarray(NULL, SPILL_ROWS,
	    sizeof(*r->spill.rows));
	strbuf_init(&r->json, SUBSCRIBER_ATTRIBUTES_MAX);
	return r;
}

void
import_reader_free(struct import_reader *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->spill.n; i++)
		free((char *)(uintptr_t)r->spill.rows[i].attributes);
	close(r->fd);
	csvin_free(r->csv);
	strbuf_free(&r->json);
	free(r->sorted);
	free(r->spill.rows);
	free(r);
}

struct import_run *
import_run_new(void)
{
	struct import_run *run = xcalloc(1, sizeof(*run));

	run->rows = xreallocarray(NULL, IMPORT_RUN, sizeof(*run->rows));
	return run;
}

void
import_run_free(struct import_run *run)
{
	if (run == NULL)
		return;
	run_reset(run);
	free(run->rows);
	free(run);
}
