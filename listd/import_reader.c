/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_reader.c - members from a CSV file, in sorted runs.
 *
 * The CSV parser takes pieces and can not be stopped inside one, so what a
 * piece holds past the end of a run waits in `spill` for the next.  A row lies
 * packed in some 150 octets until the writer takes it: as the store's
 * functions want it, it has room for the longest of addresses.
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
/* Octets of text past IMPORT_RUN_OCTETS: one row's, and a piece's. */
#define TEXT_SLACK	(8u << 20)

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
	struct import_run *spill;		/* behind its end */
	uint32_t	 number;		/* of the next row */
	struct strbuf	 json;
	char		 piece[PIECE];
};

/* ---- packed rows */

static void
add_text(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s) + 1);
}

/* A bad row has no text. */
static void
pack(struct import_run *run, const struct identity *who,
    const struct strbuf *json, struct import_packed *p)
{
	p->text = (uint32_t)run->text.len;
	if (p->bad)
		return;
	p->h8 = who->h8;
	memcpy(p->hash, who->hash, sizeof(p->hash));
	memcpy(p->mailbox, who->mailbox, sizeof(p->mailbox));
	add_text(&run->text, who->folded.domain);
	add_text(&run->text, who->folded.local);
	add_text(&run->text, who->typed.domain);
	add_text(&run->text, who->typed.local);
	p->attributes = json->len > 0;
	if (p->attributes)
		add_text(&run->text, json->s);
}

static const char *
take_text(const char *from, char *out, size_t size)
{
	size_t len = strlen(from);

	if (len < size)
		memcpy(out, from, len + 1);
	return from + len + 1;
}

static void
unpack(const struct import_run *run, const struct import_packed *p,
    struct import_row *row)
{
	struct identity *who = &row->who;
	const char *s = run->text.s + p->text;

	row->bad = p->bad;
	row->claimed_ms = p->claimed_ms;
	row->attributes = NULL;
	if (p->bad)
		return;
	who->h8 = p->h8;
	memcpy(who->hash, p->hash, sizeof(who->hash));
	memcpy(who->mailbox, p->mailbox, sizeof(who->mailbox));
	s = take_text(s, who->folded.domain, sizeof(who->folded.domain));
	s = take_text(s, who->folded.local, sizeof(who->folded.local));
	s = take_text(s, who->typed.domain, sizeof(who->typed.domain));
	s = take_text(s, who->typed.local, sizeof(who->typed.local));
	if (p->attributes)
		row->attributes = s;
}

size_t
import_run_rows(const struct import_run *run, size_t at,
    struct import_row *rows, size_t max)
{
	size_t n = run->n - at < max ? run->n - at : max;

	for (size_t i = 0; i < n; i++)
		unpack(run, &run->row[at + i], &rows[i]);
	return n;
}

static void
run_reset(struct import_run *run)
{
	strbuf_reset(&run->text);
	run->n = run->nbad = 0;
	run->end = false;
}

static bool
is_full(const struct import_run *run)
{
	return run->n == run->max || run->text.len >= IMPORT_RUN_OCTETS;
}

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

/* Who and when from the fields; NULL, or why it is bad. */
static const char *
read_row(struct import_reader *r, const struct csvin_row *row,
    struct identity *who, int64_t *claimed_ms)
{
	const struct slice *f;

	if (row->bad != NULL)
		return row->bad;
	f = &row->field[r->address];
	if (identity_parse(r->keys, (const char *)f->p, f->len, 0, who,
	    NULL) == -1)
		return "no address";
	f = r->date != -1 ? &row->field[r->date] : NULL;
	if (f != NULL && f->len > 0 && date_parse((const char *)f->p, f->len,
	    claimed_ms, NULL) == -1)
		return "no date";
	return attributes_of(r, row) ? NULL : "too many attributes";
}

static bool
on_row(void *arg, const struct csvin_row *row)
{
	struct import_reader *r = arg;
	struct import_run *run;
	struct import_packed p = { .claimed_ms = 0 };
	struct identity who;
	const char *why;

	if (!r->known)
		find_columns(r);
	if (r->address == -1)
		return false;
	run = is_full(r->run) ? r->spill : r->run;
	p.number = r->number++;
	if ((why = read_row(r, row, &who, &p.claimed_ms)) != NULL) {
		p.bad = true;
		if (run->nbad < IMPORT_RUN_BAD)
			run->bad[run->nbad++] = (struct import_bad){
			    row->line, why };
	}
	pack(run, &who, &r->json, &p);
	run->row[run->n++] = p;
	return true;
}

/* ---- runs */

static int
by_place(const void *a, const void *b, void *text)
{
	const struct import_packed *x = a, *y = b;
	int rc;

	if (x->bad != y->bad)
		return x->bad ? 1 : -1;
	if (!x->bad && (rc = strcmp((const char *)text + x->text,
	    (const char *)text + y->text)) != 0)
		return rc;
	if (!x->bad && x->h8 != y->h8)
		return x->h8 < y->h8 ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* What the last piece held past the run before. */
static void
take_spill(struct import_reader *r)
{
	struct import_run *s = r->spill;

	memcpy(r->run->row, s->row, s->n * sizeof(*s->row));
	memcpy(r->run->bad, s->bad, s->nbad * sizeof(s->bad[0]));
	strbuf_add(&r->run->text, s->text.s, s->text.len);
	r->run->n = s->n;
	r->run->nbad = s->nbad;
	run_reset(s);
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
	while (!is_full(run) && !r->ended) {
		if (*r->stop) {
			err_set(e, ERR_AGAIN, "the daemon stops");
			return -1;
		}
		if (feed(r, e) == -1)
			return -1;
	}
	run->end = r->ended && r->spill->n == 0;
	if (run->text.overflow) {
		err_set(e, ERR_LIMIT, "rows with too much text");
		return -1;
	}
	qsort_r(run->row, run->n, sizeof(*run->row), by_place, run->text.s);
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
	r->spill = import_run_new(SPILL_ROWS);
	strbuf_init(&r->json, SUBSCRIBER_ATTRIBUTES_MAX);
	return r;
}

void
import_reader_free(struct import_reader *r)
{
	if (r == NULL)
		return;
	close(r->fd);
	csvin_free(r->csv);
	strbuf_free(&r->json);
	import_run_free(r->spill);
	free(r);
}

struct import_run *
import_run_new(size_t max)
{
	struct import_run *run = xcalloc(1, sizeof(*run));

	run->row = xreallocarray(NULL, max, sizeof(*run->row));
	run->max = max;
	strbuf_init(&run->text, IMPORT_RUN_OCTETS + TEXT_SLACK);
	return run;
}

void
import_run_free(struct import_run *run)
{
	if (run == NULL)
		return;
	strbuf_free(&run->text);
	free(run->row);
	free(run);
}
