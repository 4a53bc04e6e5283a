/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_batch.c - many rows of an import at once, table by table.
 *
 * A row touches half a dozen tables.  One row after the other, each put
 * searches its table from the root and lands on another page; so the rows of
 * a batch go into each table in the order of its keys, by a cursor: what is
 * numbered is appended, members come sorted, and what is kept under a hash is
 * looked up and put in the order of the hashes.  Who is there already, or
 * twice in the batch, is left to import_row_alone().
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "spool/consent.h"
#include "spool/import_private.h"
#include "spool/ledger.h"
#include "spool/mailbox.h"
#include "spool/store.h"
#include "spool/subscriber_private.h"
#include "spool/suppression.h"

#define HASH_LIST	(ADDRESS_HASH_OCTETS + 4)	/* key of by_hash */
#define HASH_INDEX	(ADDRESS_HASH_OCTETS + 8)	/* of consent_of */

enum fate {
	FATE_NONE,		/* not to be taken */
	FATE_NEW,
	FATE_KNOWN,		/* a member, or an earlier row of the batch */
	FATE_SUPPRESSED,
};

/* A row in the order of hashes. */
struct place {
	uint64_t	first;		/* octets of the hash */
	uint32_t	at;		/* in the batch */
};

struct import_batch {
	struct place	place[IMPORT_BATCH];
	size_t		n;
	uint8_t		fate[IMPORT_BATCH];
	uint64_t	consent[IMPORT_BATCH];
	uint32_t	domain[IMPORT_BATCH];
	struct strbuf	row;		/* of `consent`, made here */
	char		name[256];	/* the last domain, and its id */
	uint32_t	id;
	struct cursor	*of, *by_hash;
	struct member_bulk *members;
};

struct import_batch *
import_batch_new(void)
{
	struct import_batch *b = xmalloc(sizeof(*b));

	strbuf_init(&b->row, CONSENT_SALT + CONSENT_ENTRY_MAX);
	b->of = b->by_hash = NULL;
	b->members = NULL;
	return b;
}

void
import_batch_free(struct import_batch *b)
{
	strbuf_free(&b->row);
	free(b);
}

/* ---- what becomes of each row */

static int
place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static void
put_in_order(struct import_batch *b, const struct import_row *rows, size_t n)
{
	b->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct unpack u;

		b->fate[i] = FATE_NONE;
		if (rows[i].verdict != IMPORT_TAKE)
			continue;
		unpack_init(&u, rows[i].hash, 8);
		b->place[b->n++] = (struct place){ unpack_u64(&u),
			(uint32_t)i };
	}
	qsort(b->place, b->n, sizeof(b->place[0]), place_order);
}

/* The same hash earlier in the batch; those of one first lie together. */
static bool
came_before(const struct import_batch *b, const struct import_row *rows,
    size_t k)
{
	const struct place *p = &b->place[k];

	for (size_t i = k; i > 0 && b->place[i - 1].first == p->first; i--)
		if (memcmp(rows[b->place[i - 1].at].hash, rows[p->at].hash,
		    ADDRESS_HASH_OCTETS) == 0)
			return true;
	return false;
}

static void
hash_list_key(uint8_t key[static HASH_LIST], const uint8_t *hash,
    uint32_t list)
{
	memcpy(key, hash, ADDRESS_HASH_OCTETS);
	for (unsigned i = 0; i < 4; i++)
		key[ADDRESS_HASH_OCTETS + i] = (uint8_t)(list >> (24 - 8 * i));
}

/* Who is suppressed, or twice here; for the others, their domains. */
static int
judge(struct txn *t, const struct slicing *s, const struct import_row *rows,
    struct err *e)
{
	struct import_batch *b = s->batch;
	struct suppression block;
	uint64_t any;
	int rc;

	if (txn_count(t, TABLE_SUPPRESSIONS, &any, e) == -1)
		return -1;
	for (size_t k = 0; k < b->n; k++) {
		uint32_t at = b->place[k].at;

		rc = any == 0 ? 0 : suppression_blocks(t, rows[at].hash,
		    s->im.list, s->org, 0, &block, e);
		if (rc == -1)
			return -1;
		b->fate[at] = rc == 1 ? FATE_SUPPRESSED :
		    came_before(b, rows, k) ? FATE_KNOWN : FATE_NEW;
	}
	return 0;
}

static int
find_domains(struct txn *t, struct import_batch *b,
    const struct import_row *rows, size_t n, struct err *e)
{
	b->name[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (b->fate[i] != FATE_NEW)
			continue;
		if (strcmp(b->name, rows[i].domain) != 0) {
			if (domain_intern(t, rows[i].domain, &b->id,
			    e) == -1)
				return -1;
			memcpy(b->name, rows[i].domain,
			    strlen(rows[i].domain) + 1);
		}
		b->domain[i] = b->id;
	}
	return 0;
}

/* ---- new members, table by table */

/* Who is in `by_hash` already is known; the others are now. */
static int
add_hashes(struct txn *t, const struct slicing *s,
    const struct import_row *rows, struct err *e)
{
	struct import_batch *b = s->batch;
	uint8_t key[HASH_LIST];
	struct key value;
	int rc;

	for (size_t k = 0; k < b->n; k++) {
		uint32_t at = b->place[k].at;

		if (b->fate[at] != FATE_NEW)
			continue;
		hash_list_key(key, rows[at].hash, s->im.list);
		value.len = 0;
		key_u32(&value, b->domain[at]);
		key_u64(&value, rows[at].h8);
		rc = cursor_add(b->by_hash, SLICE(key, sizeof(key)),
		    key_slice(&value), e);
		if (rc == -1)
			return -1;
		if (rc == 0)
			b->fate[at] = FATE_KNOWN;
		else if (mailbox_enter(t, rows[at].local, rows[at].domain,
		    rows[at].hash, e) == -1)
			return -1;
	}
	return 0;
}

static int
append_entries(struct txn *t, const struct slicing *s,
    const struct import_row *rows, size_t n, struct err *e)
{
	struct import_batch *b = s->batch;
	struct consent_bulk *bulk;
	int ret = 0;

	if (s->im.vouched == EVIDENCE_NONE)
		return 0;
	if ((bulk = consent_bulk_begin(t, e)) == NULL)
		return -1;
	for (size_t i = 0; i < n && ret == 0; i++) {
		const struct ledger_entry *leaf = rows[i].leaf;
		struct slice entry = rows[i].entry;
		struct ledger_entry made;

		if (b->fate[i] != FATE_NEW || rows[i].unvouched)
			continue;
		if (entry.len == 0) {
			uint8_t salt[CONSENT_SALT];

			strbuf_reset(&b->row);
			ret = consent_salt(salt, e);
			if (ret == 0)
				ret = import_row_entry(&b->row, &s->im,
				    s->org, s->now_ms, &rows[i], salt, e);
			if (ret == 0) {
				entry = SLICE(b->row.s, b->row.len);
				ledger_entry_of(entry, &made);
				leaf = &made;
			}
		}
		if (ret == 0)
			ret = consent_bulk_append(bulk, entry, leaf,
			    &b->consent[i], e);
	}
	consent_bulk_end(bulk);
	return ret;
}

static int
insert_members(struct slicing *s, const struct import_row *rows, size_t n,
    struct err *e)
{
	struct import_batch *b = s->batch;
	bool vouched;
	struct member m = { .list = s->im.list, .import = s->im.id,
	    .created_ms = s->now_ms };

	for (size_t i = 0; i < n; i++) {
		const struct import_row *row = &rows[i];

		if (b->fate[i] != FATE_NEW)
			continue;
		m.domain = b->domain[i];
		m.h8 = row->h8;
		vouched = import_row_vouched(s, row);
		m.state = vouched ? MEMBER_ACTIVE : MEMBER_UNCONFIRMED;
		m.consent = vouched ? b->consent[i] : s->im.consent;
		memcpy(m.folded, row->local, strlen(row->local) + 1);
		memcpy(m.local, row->typed_local,
		    strlen(row->typed_local) + 1);
		if (member_bulk_insert(b->members, &m, row->attributes,
		    e) == -1)
			return -1;
		s->im.counts.added++;
		s->im.counts.unconfirmed += !vouched;
	}
	return 0;
}

/* What leads from the addresses to their entries. */
static int
put_ways(const struct slicing *s, const struct import_row *rows,
    struct err *e)
{
	struct import_batch *b = s->batch;
	uint8_t of[HASH_INDEX];

	if (s->im.vouched == EVIDENCE_NONE)
		return 0;
	for (size_t k = 0; k < b->n; k++) {
		uint32_t at = b->place[k].at;

		if (b->fate[at] != FATE_NEW || rows[at].unvouched)
			continue;
		memcpy(of, rows[at].hash, ADDRESS_HASH_OCTETS);
		for (unsigned i = 0; i < 8; i++)
			of[ADDRESS_HASH_OCTETS + i] = (uint8_t)
			    (b->consent[at] >> (56 - 8 * i));
		if (cursor_put(b->of, SLICE(of, sizeof(of)), SLICE("", 0),
		    e) == -1)
			return -1;
	}
	return 0;
}

/* ---- a batch */

static int
count_others(struct txn *t, struct slicing *s, const struct import_row *rows,
    size_t n, struct err *e)
{
	struct import_counts *c = &s->im.counts;

	for (size_t i = 0; i < n; i++) {
		enum import_verdict v = rows[i].verdict;

		c->bad += v == IMPORT_BAD;
		c->role += v == IMPORT_ROLE;
		c->refused += v == IMPORT_REFUSED;
		c->suppressed += s->batch->fate[i] == FATE_SUPPRESSED;
		if ((s->batch->fate[i] == FATE_KNOWN || v == IMPORT_LEFT ||
		    v == IMPORT_CLEANED) &&
		    import_row_alone(t, s, &rows[i], e) == -1)
			return -1;
	}
	return 0;
}

static int
begin(struct txn *t, struct import_batch *b, struct err *e)
{
	if (cursor_open(t, TABLE_BY_HASH, &b->by_hash, e) == -1 ||
	    cursor_open(t, TABLE_CONSENT_OF, &b->of, e) == -1)
		return -1;
	b->members = member_bulk_begin(t, e);
	return b->members == NULL ? -1 : 0;
}

static void
end(struct import_batch *b)
{
	cursor_close(b->by_hash);
	cursor_close(b->of);
	member_bulk_end(b->members);
	b->by_hash = b->of = NULL;
	b->members = NULL;
}

int
import_batch_apply(struct txn *t, struct slicing *s,
    const struct import_row *rows, size_t n, struct err *e)
{
	struct import_batch *b = s->batch;
	int ret = -1;

	put_in_order(b, rows, n);
	if (begin(t, b, e) == 0 && judge(t, s, rows, e) == 0 &&
	    find_domains(t, b, rows, n, e) == 0 &&
	    add_hashes(t, s, rows, e) == 0 &&
	    append_entries(t, s, rows, n, e) == 0 &&
	    put_ways(s, rows, e) == 0 &&
	    insert_members(s, rows, n, e) == 0)
		ret = 0;
	end(b);
	return ret == 0 ? count_others(t, s, rows, n, e) : -1;
}
