/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_dry.c - what an import would come to, without writing.
 *
 * Each branch here has its like in import_rows.c and import_batch.c; a test
 * holds one against the other.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "spool/import_dry.h"
#include "spool/request.h"
#include "spool/subscriber.h"
#include "spool/suppression.h"

#define SLOTS_FIRST	4096u
#define SLOTS_MAX	(16u << 20)	/* IMPORT_DRY_MAX fill three quarters */

/* What an earlier row made of an address; in the low bits of its slot. */
enum made {
	MADE_ACTIVE, MADE_UNCONFIRMED, MADE_LEFT, MADE_CLEANED,
};
#define MADE_MASK	3u

struct import_dry {
	uint32_t	list, org;
	bool		vouched, inexact;
	struct import_counts counts;
	uint64_t	*slot;		/* 0: empty */
	size_t		 slots, used;
};

struct import_dry *
import_dry_new(const struct import *im, uint32_t org)
{
	struct import_dry *d = xcalloc(1, sizeof(*d));

	d->list = im->list;
	d->org = org;
	d->vouched = im->vouched != EVIDENCE_NONE;
	d->slots = SLOTS_FIRST;
	d->slot = xcalloc(d->slots, sizeof(*d->slot));
	return d;
}

void
import_dry_free(struct import_dry *d)
{
	if (d == NULL)
		return;
	free(d->slot);
	free(d);
}

const struct import_counts *
import_dry_counts(const struct import_dry *d)
{
	return &d->counts;
}

bool
import_dry_exact(const struct import_dry *d)
{
	return !d->inexact;
}

/* ---- what earlier rows made */

/* The hash is keyed: nobody chooses where it lands. */
static uint64_t
key_of(const uint8_t *hash)
{
	uint64_t key;

	memcpy(&key, hash, sizeof(key));
	key &= ~(uint64_t)MADE_MASK;
	return key != 0 ? key : MADE_MASK + 1;
}

static uint64_t *
find(uint64_t *slot, size_t slots, uint64_t key)
{
	size_t i = (size_t)(key >> 2) & (slots - 1);

	while (slot[i] != 0 && (slot[i] & ~(uint64_t)MADE_MASK) != key)
		i = (i + 1) & (slots - 1);
	return &slot[i];
}

static bool
grow(struct import_dry *d)
{
	uint64_t *wider = d->slots < SLOTS_MAX ? calloc(d->slots * 2,
	    sizeof(*wider)) : NULL;

	if (wider == NULL)
		return false;
	for (size_t i = 0; i < d->slots; i++)
		if (d->slot[i] != 0)
			*find(wider, d->slots * 2, d->slot[i] &
			    ~(uint64_t)MADE_MASK) = d->slot[i];
	free(d->slot);
	d->slot = wider;
	d->slots *= 2;
	return true;
}

static void
remember(struct import_dry *d, const struct import_row *row, enum made made)
{
	uint64_t key = key_of(row->hash), *s = find(d->slot, d->slots, key);

	if (*s == 0) {
		if (d->used >= d->slots / 4 * 3 && !grow(d)) {
			d->inexact = true;
			return;
		}
		s = find(d->slot, d->slots, key);
		d->used++;
	}
	*s = key | made;
}

/* False: no earlier row has this address. */
static bool
recall(const struct import_dry *d, const struct import_row *row,
    enum made *made)
{
	uint64_t v = *find(d->slot, d->slots, key_of(row->hash));

	*made = (enum made)(v & MADE_MASK);
	return v != 0;
}

/* ---- rows */

static void
meet(struct import_dry *d, const struct import_row *row, bool unconfirmed)
{
	if (d->vouched && !row->unvouched && unconfirmed) {
		d->counts.confirmed++;
		remember(d, row, MADE_ACTIVE);
	} else if (row->attributes != NULL)
		d->counts.updated++;
	else
		d->counts.duplicate++;
}

static void
add(struct import_dry *d, const struct import_row *row)
{
	bool active = d->vouched && !row->unvouched;

	d->counts.added++;
	d->counts.unconfirmed += !active;
	remember(d, row, active ? MADE_ACTIVE : MADE_UNCONFIRMED);
}

static int
take(struct import_dry *d, struct txn *t, const struct import_row *row,
    struct err *e)
{
	struct suppression block;
	struct member m;
	enum made made;
	int rc;

	if (recall(d, row, &made)) {
		if (made == MADE_LEFT || made == MADE_CLEANED)
			d->counts.suppressed++;
		else
			meet(d, row, made == MADE_UNCONFIRMED);
		return 0;
	}
	rc = suppression_blocks(t, row->hash, d->list, d->org, 0, &block, e);
	if (rc != 0) {
		d->counts.suppressed += rc == 1;
		return rc == 1 ? 0 : -1;
	}
	rc = subscriber_find(t, d->list, row->hash, &m, e);
	if (rc == 1)
		meet(d, row, m.state == MEMBER_UNCONFIRMED);
	else if (rc == 0)
		add(d, row);
	return rc == -1 ? -1 : 0;
}

/* Whether it would be suppressed anew, as leave.c decides.  1, 0, -1. */
static int
changes(struct import_dry *d, struct txn *t, const struct import_row *row,
    struct err *e)
{
	enum suppression_reason reason = row->verdict == IMPORT_LEFT ?
	    SUPPRESSION_UNSUBSCRIBE : SUPPRESSION_BOUNCE;
	struct suppression s;
	struct member m;
	int rc = suppression_get(t, row->hash, SUPPRESSION_LIST, d->list, &s,
	    e);

	if (rc == -1 || rc == 0 || s.reason < reason)
		return rc == -1 ? -1 : 1;
	if ((rc = subscriber_find(t, d->list, row->hash, &m, e)) != 0)
		return rc;
	rc = request_void(t, row->hash, d->list, 0, true, e);
	return rc > 0 ? 1 : rc;
}

static int
leave(struct import_dry *d, struct txn *t, const struct import_row *row,
    struct err *e)
{
	bool left = row->verdict == IMPORT_LEFT;
	enum made made;
	int rc;

	if (recall(d, row, &made)) {
		rc = made == MADE_ACTIVE || made == MADE_UNCONFIRMED ||
		    (made == MADE_LEFT && !left);
	} else {
		rc = import_row_newer(t, d->list, row, e);
		d->counts.newer += rc == 1;
		if (rc != 0)
			return rc == 1 ? 0 : -1;
		rc = changes(d, t, row, e);
	}
	if (rc == -1)
		return -1;
	d->counts.unsubscribed += rc == 1 && left;
	d->counts.cleaned += rc == 1 && !left;
	d->counts.suppressed += rc == 0;
	if (rc == 1)
		remember(d, row, left ? MADE_LEFT : MADE_CLEANED);
	return 0;
}

int
import_dry_row(struct import_dry *d, struct txn *t,
    const struct import_row *row, struct err *e)
{
	d->counts.rows++;
	switch (row->verdict) {
	case IMPORT_TAKE: return take(d, t, row, e);
	case IMPORT_LEFT:
	case IMPORT_CLEANED: return leave(d, t, row, e);
	case IMPORT_BAD: d->counts.bad++; break;
	case IMPORT_ROLE: d->counts.role++; break;
	case IMPORT_REFUSED: d->counts.refused++; break;
	}
	return 0;
}
