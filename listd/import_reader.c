/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_reader.c - members from a CSV file, in sorted runs.
 *
 * The CSV parser takes pieces and can not be stopped inside one, so what a
 * piece holds past the end of a run waits in `spill` for the next.  A row lies
 * packed in some 250 octets until the writer takes it, its consent entry made.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "lib/csvin.h"
#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/import_reader_private.h"
#include "spool/ledger.h"
#include "spool/store.h"
#include "spool/subscriber.h"

#define SPILL_ROWS	(IMPORT_PIECE + 1)	/* no more are in a piece */
/* Octets of text past IMPORT_RUN_OCTETS: one row's, and a piece's. */
#define TEXT_SLACK	(8u << 20)

/* ---- packed rows */

static void
add_text(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s) + 1);
}

/* The row of its consent entry, in r->entry. */
static int
make_entry(struct import_reader *r, const struct import_row *row)
{
	strbuf_reset(&r->entry);
	if (r->salts == 0) {
		if (RAND_bytes(r->salt, sizeof(r->salt)) != 1) {
			err_set(&r->why, ERR_CRYPTO, "no random octets");
			return -1;
		}
		r->salts = IMPORT_SALTS;
	}
	r->salts--;
	return import_row_entry(&r->entry, &r->im, r->org, r->now_ms, row,
	    r->salt + r->salts * CONSENT_SALT, &r->why);
}

/* A row that is not taken has no text. */
static int
pack(struct import_reader *r, struct import_run *run,
    const struct import_row *row, struct import_packed *p)
{
	struct ledger_entry leaf;

	p->verdict = (uint8_t)row->verdict;
	p->text = (uint32_t)run->text.len;
	p->claimed_ms = row->claimed_ms;
	memcpy(p->hash, row->hash, sizeof(p->hash));
	if (row->verdict != IMPORT_TAKE)
		return 0;
	p->h8 = row->h8;
	p->unvouched = row->unvouched;
	add_text(&run->text, row->domain);
	add_text(&run->text, row->local);
	add_text(&run->text, row->typed_domain);
	add_text(&run->text, row->typed_local);
	p->attributes = row->attributes != NULL;
	if (p->attributes)
		add_text(&run->text, row->attributes);
	if (!r->entries || row->unvouched)
		return 0;
	if (make_entry(r, row) == -1)
		return -1;
	p->entry = (uint16_t)r->entry.len;
	strbuf_add(&run->text, r->entry.s, r->entry.len);
	ledger_entry_of(SLICE(r->entry.s, r->entry.len), &leaf);
	strbuf_add(&run->text, &leaf, sizeof(leaf));
	return 0;
}

static const char *
skip_text(const char *s)
{
	return s + strlen(s) + 1;
}

/* The row as the writer takes it. */
static void
unpack(const struct import_run *run, const struct import_packed *p,
    struct import_row *row)
{
	const char *s = run->text.s + p->text;

	*row = (struct import_row){ .verdict = (enum import_verdict)
	    p->verdict, .h8 = p->h8, .claimed_ms = p->claimed_ms,
	    .unvouched = p->unvouched };
	memcpy(row->hash, p->hash, sizeof(row->hash));
	if (row->verdict != IMPORT_TAKE)
		return;
	row->domain = s;
	row->local = s = skip_text(s);
	row->typed_domain = s = skip_text(s);
	row->typed_local = s = skip_text(s);
	s = skip_text(s);
	if (p->attributes) {
		row->attributes = s;
		s = skip_text(s);
	}
	row->entry = SLICE(s, p->entry);
	/* Nothing but octets, so it may lie anywhere. */
	row->leaf = (const struct ledger_entry *)(s + p->entry);
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
is_full(const struct import_reader *r, const struct import_run *run)
{
	return run->n == run->max || run->n >= r->rows ||
	    run->text.len >= IMPORT_RUN_OCTETS;
}

/* ---- one row */

static void
remember_bad(struct import_run *run, uint64_t line,
    const struct import_judged *j)
{
	if (run->nbad < IMPORT_RUN_BAD)
		run->bad[run->nbad++] = (struct import_bad){ line,
			j->bad != NULL ? j->bad : j->refused,
			j->bad == NULL };
}

static bool
on_row(void *arg, const struct csvin_row *row)
{
	struct import_reader *r = arg;
	struct import_packed p = { .number = r->number };
	struct import_run *run;
	struct import_judged j;

	if (!r->known)
		import_judge_head(r);
	if (r->layout.at[COLUMN_ADDRESS] == -1)
		return false;
	run = is_full(r, r->run) ? r->spill : r->run;
	r->number++;
	import_judge(r, row, &j);
	if (j.bad != NULL || j.refused != NULL)
		remember_bad(run, row->line, &j);
	if (pack(r, run, &j.row, &p) == -1)
		return false;
	run->row[run->n++] = p;
	return true;
}

/* ---- runs */

static int
by_place(const void *a, const void *b, void *text)
{
	const struct import_packed *x = a, *y = b;
	int rc;

	if (x->verdict != y->verdict)
		return x->verdict < y->verdict ? -1 : 1;
	if (x->verdict == IMPORT_TAKE &&
	    (rc = strcmp((const char *)text + x->text,
	    (const char *)text + y->text)) != 0)
		return rc;
	if (x->verdict == IMPORT_TAKE && x->h8 != y->h8)
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
	err_set(e, ERR_INPUT, "the head row names no column of addresses: "
	    "email, e-mail, email address, mail or address");
	return -1;
}

/* Feed one piece, or the end. */
static int
feed(struct import_reader *r, struct err *e)
{
	/* Whoever opened it may have read of it already. */
	ssize_t n = pread(r->fd, r->piece, IMPORT_PIECE, r->at);
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
	if (r->why.code != ERR_NONE) {
		err_set(e, r->why.code, "%s", r->why.text);
		return -1;
	}
	if (r->ended && !r->known)
		import_judge_head(r);
	return r->known && r->layout.at[COLUMN_ADDRESS] == -1 ?
	    head_error(e) : 0;
}

int
import_reader_next(struct import_reader *r, struct import_run *run,
    struct err *e)
{
	run_reset(run);
	r->run = run;
	take_spill(r);
	while (!is_full(r, run) && !r->ended) {
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
	if (r->rows < IMPORT_RUN_MAX)
		r->rows *= 2;
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
	r->rows = IMPORT_RUN;
	r->format = import_format_of(IMPORT_CSV);
	strbuf_init(&r->json, SUBSCRIBER_ATTRIBUTES_MAX);
	strbuf_init(&r->entry, UINT16_MAX);
	return r;
}

void
import_reader_about(struct import_reader *r, const struct import *im,
    uint32_t org, int64_t now_ms, bool entries)
{
	r->im = *im;
	r->org = org;
	r->now_ms = now_ms;
	r->format = import_format_of((enum import_format_id)im->format);
	r->entries = entries && im->vouched != EVIDENCE_NONE;
}

void
import_reader_free(struct import_reader *r)
{
	if (r == NULL)
		return;
	close(r->fd);
	csvin_free(r->csv);
	strbuf_free(&r->json);
	strbuf_free(&r->entry);
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
