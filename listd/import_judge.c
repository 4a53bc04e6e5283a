/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_judge.c - what a row of a member file says, by its format.
 *
 * Most files say of their rows no more than addresses and attributes; then
 * nothing of what follows about provenance costs anything.
 */
#include "config.h"

#include <string.h>

#include "lib/csvin.h"
#include "lib/date.h"
#include "listd/import_reader_private.h"

#define AHEAD_MS	(24ll * 3600 * 1000)	/* what zones may make of it */

void
import_judge_head(struct import_reader *r)
{
	static const enum import_column own[] = {
		COLUMN_IP, COLUMN_ASKED, COLUMN_ASKED_IP, COLUMN_SOURCE,
		COLUMN_BASIS, COLUMN_EVIDENCE,
	};

	import_layout_find(r->format, r->csv, &r->layout);
	r->says_own = false;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		r->says_own = r->says_own || r->layout.at[own[i]] != -1;
	r->known = true;
}

/* Fields have no control characters: csvin refuses them. */
static void
add_string(struct strbuf *b, const char *s, size_t len)
{
	size_t from = 0;

	strbuf_addc(b, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '"' && s[i] != '\\')
			continue;
		strbuf_add(b, s + from, i - from);
		strbuf_addc(b, '\\');
		from = i;
	}
	strbuf_add(b, s + from, len - from);
	strbuf_addc(b, '"');
}

/* The name of an attribute, as the format has it. */
static void
add_name(const struct import_reader *r, struct strbuf *b, const char *name)
{
	size_t from = b->len;

	add_string(b, name, strlen(name));
	if (!r->format->plain_names || b->overflow)
		return;
	for (size_t i = from; i < b->len; i++)
		if (b->s[i] == ' ')
			b->s[i] = '_';
}

/* The other columns as a JSON object in r->json; false: too much of it. */
static bool
attributes_of(struct import_reader *r, const struct csvin_row *row)
{
	struct strbuf *b = &r->json;

	strbuf_reset(b);
	for (size_t i = 0; i < row->n; i++) {
		const char *name = csvin_column_name(r->csv, i);

		if (r->layout.what[i] != COLUMN_ATTRIBUTE ||
		    row->field[i].len == 0 || name[0] == '\0')
			continue;
		strbuf_addc(b, b->len == 0 ? '{' : ',');
		add_name(r, b, name);
		strbuf_addc(b, ':');
		add_string(b, (const char *)row->field[i].p,
		    row->field[i].len);
	}
	if (b->len > 0)
		strbuf_addc(b, '}');
	return !b->overflow;
}

/* A column's text in this row; "" when there is none. */
static const char *
field_of(const struct import_reader *r, const struct csvin_row *row,
    enum import_column what)
{
	int at = r->layout.at[what];

	return at == -1 ? "" : (const char *)row->field[at].p;
}

/* The date of a column into *ms_r, if any; false: what it has is none. */
static bool
date_of(const struct import_reader *r, const struct csvin_row *row,
    enum import_column what, int64_t *ms_r)
{
	const char *text = field_of(r, row, what);

	return text[0] == '\0' || (date_parse(text, strlen(text), ms_r,
	    NULL) == 0 && (r->now_ms == 0 || *ms_r <= r->now_ms + AHEAD_MS));
}

static bool
ip_of(const struct import_reader *r, const struct csvin_row *row,
    enum import_column what, uint8_t ip[static 16])
{
	const char *text = field_of(r, row, what);

	return text[0] == '\0' || provenance_ip(text, ip);
}

/* What the row says of itself; false: j->bad or j->refused is set. */
static bool
read_own(struct import_reader *r, const struct csvin_row *row,
    struct import_judged *j)
{
	struct provenance *p = &j->own;
	enum ground g;

	p->source = field_of(r, row, COLUMN_SOURCE);
	p->basis = field_of(r, row, COLUMN_BASIS);
	p->evidence = field_of(r, row, COLUMN_EVIDENCE);
	if (strlen(p->source) > PROVENANCE_TEXT_MAX ||
	    strlen(p->basis) > PROVENANCE_TEXT_MAX ||
	    strlen(p->evidence) > PROVENANCE_TEXT_MAX)
		j->bad = "a source, basis or evidence that is too long";
	else if (!ip_of(r, row, COLUMN_IP, p->ip) ||
	    !ip_of(r, row, COLUMN_ASKED_IP, p->asked_ip))
		j->bad = "no IP address";
	else if (!date_of(r, row, COLUMN_ASKED, &p->asked_ms))
		j->bad = "no date";
	else if ((j->refused = origin_refused(p->source)) == NULL &&
	    (j->refused = ground_refused(p->basis)) == NULL) {
		g = ground_of(p->basis);
		j->refused = provenance_refused(r->im.vouched,
		    g != GROUND_NONE ? g : ground_of(r->im.basis));
	}
	j->row.own = p;
	return j->bad == NULL && j->refused == NULL;
}

/* Subscribed, or what else: by the row if it says it, else by the file. */
static enum import_status
status_of(const struct import_reader *r, const struct csvin_row *row)
{
	const char *text = field_of(r, row, COLUMN_STATUS);
	enum import_status status = (enum import_status)r->im.status;

	if (text[0] != '\0' && !import_status_find(text, &status))
		status = IMPORT_NO_SUBSCRIBER;
	/* The time of an end says more than the name of a file. */
	if (field_of(r, row, COLUMN_CLEANED)[0] != '\0')
		status = IMPORT_WAS_CLEANED;
	if (field_of(r, row, COLUMN_LEFT)[0] != '\0')
		status = IMPORT_UNSUBSCRIBED;
	return status;
}

/* Is the row, of an import that is vouched for, without evidence? */
static bool
is_unproven(const struct import_reader *r, const struct csvin_row *row,
    const struct import_judged *j)
{
	if (r->im.vouched == EVIDENCE_CUSTOMER)
		return j->row.claimed_ms == 0 && r->im.claimed_ms == 0;
	return r->format->by_proof && (j->row.claimed_ms == 0 ||
	    field_of(r, row, COLUMN_IP)[0] == '\0');
}

/* A member. */
static void
judge_member(struct import_reader *r, const struct csvin_row *row,
    struct import_judged *j)
{
	int64_t claimed_ms = 0;

	if (!date_of(r, row, COLUMN_DATE, &claimed_ms))
		j->bad = "no date";
	else if (!attributes_of(r, row))
		j->bad = "too many attributes";
	if (j->bad != NULL)
		return;
	/* What was made here is an object, and not too long. */
	import_row_of(&j->row, &j->who, claimed_ms, NULL);
	j->row.attributes = r->json.len > 0 ? r->json.s : NULL;
	if (r->says_own && !read_own(r, row, j))
		return;
	j->row.unvouched = r->im.vouched != EVIDENCE_NONE &&
	    is_unproven(r, row, j);
}

/* Who left or bounced: nothing but the hash and the date is kept. */
static void
judge_end(struct import_reader *r, const struct csvin_row *row, bool left,
    struct import_judged *j)
{
	int64_t claimed_ms = 0;

	if (!date_of(r, row, left ? COLUMN_LEFT : COLUMN_CLEANED,
	    &claimed_ms))
		claimed_ms = 0;		/* the end counts without it too */
	import_row_of(&j->row, &j->who, claimed_ms, NULL);
	if (j->row.verdict == IMPORT_TAKE)
		j->row.verdict = left ? IMPORT_LEFT : IMPORT_CLEANED;
}

static void
judge(struct import_reader *r, const struct csvin_row *row,
    struct import_judged *j)
{
	const struct slice *f;

	if ((j->bad = row->bad) != NULL)
		return;
	f = &row->field[r->layout.at[COLUMN_ADDRESS]];
	if (identity_parse_member(r->keys, (const char *)f->p, f->len,
	    &j->who, NULL) == -1) {
		j->bad = "no address";
		return;
	}
	switch (status_of(r, row)) {
	case IMPORT_UNSUBSCRIBED: judge_end(r, row, true, j); break;
	case IMPORT_WAS_CLEANED: judge_end(r, row, false, j); break;
	case IMPORT_NO_SUBSCRIBER:
		j->refused = "was no subscriber there either";
		break;
	default: judge_member(r, row, j); break;
	}
}

void
import_judge(struct import_reader *r, const struct csvin_row *row,
    struct import_judged *j)
{
	j->row = (struct import_row){ .verdict = IMPORT_BAD };
	j->bad = j->refused = NULL;
	if (r->says_own)
		j->own = (struct provenance){ .source = NULL };
	judge(r, row, j);
	if (j->bad != NULL || j->refused != NULL)
		j->row = (struct import_row){ .verdict = j->bad != NULL ?
		    IMPORT_BAD : IMPORT_REFUSED };
}
