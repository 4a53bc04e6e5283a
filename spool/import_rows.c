/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_rows.c - the rows of an import, slice by slice.
 *
 * How many rows are done lies in the record that the slice's transaction
 * writes, so a slice is applied once, whatever dies in between.
 */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "lib/err.h"
#include "spool/consent.h"
#include "spool/import_private.h"
#include "spool/leave.h"
#include "spool/list.h"
#include "spool/store_private.h"
#include "spool/subscriber_private.h"
#include "spool/suppression.h"
#include "spool/writer.h"

#define ADDRESS_OCTETS	(2 * sizeof(((struct address *)0)->local) + 2)

static bool
attributes_fit(const char *json)
{
	json_t *j;
	bool ok;

	if (json == NULL)
		return true;
	if (strlen(json) > SUBSCRIBER_ATTRIBUTES_MAX)
		return false;
	j = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	ok = json_is_object(j);
	json_decref(j);
	return ok;
}

void
import_row_of(struct import_row *row, const struct identity *who,
    int64_t claimed_ms, const char *attributes)
{
	*row = (struct import_row){ .verdict = IMPORT_TAKE, .h8 = who->h8,
	    .domain = who->folded.domain, .local = who->folded.local,
	    .typed_domain = who->typed.domain,
	    .typed_local = who->typed.local, .claimed_ms = claimed_ms,
	    .attributes = attributes };
	memcpy(row->hash, who->hash, sizeof(row->hash));
	if (!attributes_fit(attributes))
		row->verdict = IMPORT_BAD;
	else if (address_role(&who->folded) == ADDRESS_RESERVED)
		row->verdict = IMPORT_ROLE;
}

static struct slice
ip_slice(const uint8_t ip[static 16])
{
	static const uint8_t none[16];

	return SLICE(ip, memcmp(ip, none, 16) != 0 ? 16 : 0);
}

/* What the row says of itself; the rest is in the entry it follows. */
static void
add_own(struct consent *c, const struct provenance *p)
{
	c->source = consent_text(p->source);
	c->basis = consent_text(p->basis);
	c->origin = origin_of(p->source);
	c->ground = ground_of(p->basis);
	c->evidence = consent_text(p->evidence);
	c->ip = ip_slice(p->ip);
	c->asked_ms = p->asked_ms;
	c->asked_ip = ip_slice(p->asked_ip);
}

/* address holds what the entry borrows. */
static void
entry_of(struct consent *c, const struct import *im, uint32_t org,
    int64_t now_ms, const struct import_row *row,
    char address[static ADDRESS_OCTETS])
{
	size_t n = strlen(row->typed_local), m = strlen(row->typed_domain);

	if (n + m + 1 >= ADDRESS_OCTETS)
		n = m = 0;	/* no identity is that long */
	memcpy(address, row->typed_local, n);
	address[n] = '@';
	memcpy(address + n + 1, row->typed_domain, m);
	*c = (struct consent){ .kind = CONSENT_IMPORT_ROW, .when_ms = now_ms,
	    .list = im->list, .org = org, .hash = SLICE(row->hash,
	    sizeof(row->hash)), .address = SLICE(address, n + 1 + m),
	    .import = im->id, .follows = im->consent,
	    .clock_unsure = im->clock_unsure,
	    .claimed_ms = row->claimed_ms };
	if (row->own != NULL)
		add_own(c, row->own);
}

int
import_row_entry(struct strbuf *out, const struct import *im, uint32_t org,
    int64_t now_ms, const struct import_row *row, const uint8_t *salt,
    struct err *e)
{
	char address[ADDRESS_OCTETS];
	struct consent c;

	entry_of(&c, im, org, now_ms, row, address);
	return consent_make(out, salt, &c, e);
}

/* ---- one row */

/* Append the row's entry, made already or made now. */
static int
append_entry(struct txn *t, const struct slicing *s,
    const struct import_row *row, uint64_t *index_r, struct err *e)
{
	char address[ADDRESS_OCTETS];
	struct consent c;

	if (row->entry.len > 0)
		return consent_append_made(t, row->entry, row->leaf,
		    row->hash, index_r, e);
	entry_of(&c, &s->im, s->org, s->now_ms, row, address);
	return consent_append(t, &c, index_r, e);
}

static int
update(struct txn *t, struct slicing *s, const struct import_row *row,
    struct member *m, struct err *e)
{
	uint64_t index;

	if (row->attributes != NULL && attributes_put(t, m->subscriber,
	    SLICE(row->attributes, strlen(row->attributes)), e) == -1)
		return -1;
	if (import_row_vouched(s, row) && m->state == MEMBER_UNCONFIRMED) {
		s->im.counts.confirmed++;
		if (append_entry(t, s, row, &index, e) == -1)
			return -1;
		return subscriber_set_state(t, m, MEMBER_ACTIVE,
		    MEMBER_WHY_NONE, index, e);
	}
	if (row->attributes != NULL)
		s->im.counts.updated++;
	else
		s->im.counts.duplicate++;
	return 0;
}

static int
member_row(struct txn *t, struct slicing *s, const struct import_row *row,
    struct err *e)
{
	struct suppression block;
	struct member m;
	int rc;

	rc = suppression_blocks(t, row->hash, s->im.list, s->org, 0, &block,
	    e);
	if (rc == 1)
		s->im.counts.suppressed++;
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	rc = subscriber_find(t, s->im.list, row->hash, &m, e);
	if (rc == 0)
		err_set(e, ERR_STORE, "its member is gone");
	return rc == 1 ? update(t, s, row, &m, e) : -1;
}

int
import_row_newer(struct txn *t, uint32_t list, const struct import_row *row,
    struct err *e)
{
	struct consent c;
	struct member m;
	int rc = subscriber_find(t, list, row->hash, &m, e);

	if (rc != 1 || m.state != MEMBER_ACTIVE || row->claimed_ms == 0)
		return rc == -1 ? -1 : 0;
	if ((rc = consent_get(t, m.consent, &c, e)) != 1)
		return rc;
	return (c.kind == CONSENT_CONFIRMED ||
	    c.kind == CONSENT_ADDRESS_CHANGED) &&
	    c.when_ms > row->claimed_ms;
}

/* Who left or bounced elsewhere is not mailed here either (R14). */
static int
suppress_row(struct txn *t, struct slicing *s, const struct import_row *row,
    struct err *e)
{
	bool left = row->verdict == IMPORT_LEFT;
	struct import_counts *n = &s->im.counts;
	struct leave l = { .reason = left ? SUPPRESSION_UNSUBSCRIBE :
	    SUPPRESSION_BOUNCE, .setter = left ? SUPPRESSION_BY_PERSON :
	    SUPPRESSION_BY_SYSTEM, .scope = SUPPRESSION_LIST,
	    .list = s->im.list, .who = s->im.who, .now_ms = s->now_ms,
	    .import = s->im.id, .follows = s->im.consent,
	    .claimed_ms = row->claimed_ms };
	struct leave_result gone = { .n = 0 };
	int rc = import_row_newer(t, s->im.list, row, e);

	if (rc != 0) {
		n->newer += rc == 1;
		return rc == 1 ? 0 : -1;
	}
	memcpy(l.hash, row->hash, sizeof(l.hash));
	if (leave_apply(t, &l, &gone, e) == -1)
		return -1;
	n->unsubscribed += gone.changed && left;
	n->cleaned += gone.changed && !left;
	n->suppressed += !gone.changed;
	leave_result_free(&gone);
	return 0;
}

int
import_row_alone(struct txn *t, struct slicing *s,
    const struct import_row *row, struct err *e)
{
	return row->verdict == IMPORT_TAKE ? member_row(t, s, row, e) :
	    suppress_row(t, s, row, e);
}

/* ---- slices */

static int
check(struct txn *t, const struct import_slice *in, struct slicing *s,
    struct err *e)
{
	enum list_state state;
	int rc;

	if (import_must(t, in->id, &s->im, e) == -1)
		return -1;
	s->im.clock_unsure = store_clock_unsure(txn_store(t));
	if (s->im.state != IMPORT_RUNNING) {
		err_set(e, ERR_REFUSED, "the import %u is %s", in->id,
		    import_state_name(s->im.state));
		return -1;
	}
	if (s->im.counts.rows != in->first) {
		err_set(e, ERR_REFUSED, "the import %u has %llu rows, and "
		    "these begin after %llu", in->id,
		    (unsigned long long)s->im.counts.rows,
		    (unsigned long long)in->first);
		return -1;
	}
	rc = list_brief(t, s->im.list, &s->org, &state, e);
	if (rc == 1 && state != LIST_REMOVED)
		return 0;
	if (rc != -1)
		err_set(e, ERR_REFUSED, "the list of the import is gone");
	return -1;
}

/* As much as a transaction with a long time ahead, or a short one, takes. */
static size_t
batch_rows(struct txn *t)
{
	int64_t left = writer_slice_left_ms(t);

	return left >= WRITER_IDLE_BULK_MS / 4 ? IMPORT_BATCH :
	    IMPORT_BATCH_BUSY;
}

/* At most so many pages are changed by n rows, those appended apart. */
static uint64_t
pages_changed(struct txn *t, uint64_t n)
{
	static const enum store_table tables[] = {
		TABLE_MEMBERS, TABLE_BY_HASH, TABLE_CONSENT_OF,
	};
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		uint64_t pages = txn_pages(t, tables[i]);

		sum += pages < n ? pages : n;
	}
	return sum;
}

static bool
goes_on(struct txn *t, size_t done)
{
	return done == 0 || (!writer_slice_over(t) &&
	    pages_changed(t, done) < IMPORT_PAGES_MAX);
}

static int
apply_all(struct txn *t, struct slicing *s, const struct import_slice *in,
    size_t *done_r, struct err *e)
{
	struct err le = ERR_INIT;
	size_t i = 0, n;

	while (i < in->n && goes_on(t, in->before + i)) {
		n = batch_rows(t);
		if (n > in->n - i)
			n = in->n - i;
		if (import_batch_apply(t, s, in->rows + i, n, &le) == -1) {
			/* Rows before it were written: no mere refusal. */
			err_set(e, le.code == ERR_DAMAGED ? ERR_DAMAGED :
			    ERR_STORE, "rows from %llu on: %s",
			    (unsigned long long)s->im.counts.rows + 1,
			    le.text);
			return -1;
		}
		s->im.counts.rows += n;
		i += n;
	}
	*done_r = i;
	return i == 0 ? 0 : import_put(t, &s->im, e);
}

int
import_rows(struct txn *t, const struct import_slice *in, size_t *done_r,
    struct err *e)
{
	struct slicing s = { .now_ms = in->now_ms };
	int ret;

	*done_r = 0;
	if (check(t, in, &s, e) == -1)
		return -1;
	s.batch = import_batch_new();
	ret = apply_all(t, &s, in, done_r, e);
	import_batch_free(s.batch);
	return ret;
}
