/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_rows.c - the rows of an import, slice by slice, and taking them back.
 *
 * How many rows are done lies in the record that the slice's transaction
 * writes, so a slice is applied once, whatever dies in between.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/import_private.h"
#include "spool/list.h"
#include "spool/store.h"
#include "spool/subscriber_private.h"
#include "spool/suppression.h"
#include "spool/writer.h"

#define LOOK_EVERY	16	/* rows between two looks at the clock */

/* One slice at work. */
struct slicing {
	struct import	im;
	uint32_t	org;
	int64_t		now_ms;
};

static int
append_entry(struct txn *t, const struct slicing *s,
    const struct import_row *row, uint64_t *index_r, struct err *e)
{
	char address[sizeof(row->who.typed.local) +
	    sizeof(row->who.typed.domain) + 2];
	struct consent c = { .kind = CONSENT_IMPORT_ROW,
	    .when_ms = s->now_ms, .list = s->im.list, .org = s->org,
	    .hash = SLICE(row->who.hash, sizeof(row->who.hash)),
	    .import = s->im.id, .follows = s->im.consent,
	    .claimed_ms = row->claimed_ms };

	snprintf(address, sizeof(address), "%s@%s", row->who.typed.local,
	    row->who.typed.domain);
	c.address = consent_text(address);
	return consent_append(t, &c, index_r, e);
}

static int
put_attributes(struct txn *t, uint64_t subscriber, const char *json,
    struct err *e)
{
	return attributes_put(t, subscriber, SLICE(json, strlen(json)), e);
}

static int
add(struct txn *t, struct slicing *s, const struct import_row *row,
    struct err *e)
{
	struct subscriber_new n = { .list = s->im.list, .who = &row->who,
	    .state = MEMBER_UNCONFIRMED, .consent = s->im.consent,
	    .now_ms = s->now_ms, .import = s->im.id };
	struct member m;

	if (s->im.vouched) {
		n.state = MEMBER_ACTIVE;
		if (append_entry(t, s, row, &n.consent, e) == -1)
			return -1;
	}
	if (subscriber_insert(t, &n, &m, e) == -1)
		return -1;
	s->im.counts.added++;
	return row->attributes == NULL ? 0 :
	    put_attributes(t, m.subscriber, row->attributes, e);
}

static int
update(struct txn *t, struct slicing *s, const struct import_row *row,
    struct member *m, struct err *e)
{
	uint64_t index;

	if (row->attributes != NULL &&
	    put_attributes(t, m->subscriber, row->attributes, e) == -1)
		return -1;
	if (s->im.vouched && m->state == MEMBER_UNCONFIRMED) {
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

static int
apply(struct txn *t, struct slicing *s, const struct import_row *row,
    struct err *e)
{
	struct suppression block;
	struct member m;
	int rc;

	if (row->bad || !attributes_fit(row->attributes)) {
		s->im.counts.bad++;
		return 0;
	}
	if (address_role(&row->who.folded) == ADDRESS_RESERVED) {
		s->im.counts.role++;
		return 0;
	}
	rc = suppression_blocks(t, row->who.hash, s->im.list, s->org, 0,
	    &block, e);
	if (rc == 1)
		s->im.counts.suppressed++;
	if (rc != 0)
		return rc == 1 ? 0 : -1;
	rc = subscriber_find(t, s->im.list, row->who.hash, &m, e);
	if (rc == -1)
		return -1;
	return rc == 1 ? update(t, s, row, &m, e) : add(t, s, row, e);
}

static int
check(struct txn *t, const struct import_slice *in, struct slicing *s,
    struct err *e)
{
	enum list_state state;
	int rc;

	if (import_must(t, in->id, &s->im, e) == -1)
		return -1;
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

int
import_rows(struct txn *t, const struct import_slice *in, size_t *done_r,
    struct err *e)
{
	struct slicing s = { .now_ms = in->now_ms };
	size_t n = in->n < IMPORT_SLICE_MAX ? in->n : IMPORT_SLICE_MAX;
	struct err le = ERR_INIT;
	size_t i;

	*done_r = 0;
	if (check(t, in, &s, e) == -1)
		return -1;
	for (i = 0; i < n; i++) {
		if (i > 0 && i % LOOK_EVERY == 0 && writer_slice_over(t))
			break;
		if (apply(t, &s, &in->rows[i], &le) == -1) {
			/* Rows before it were written: never a mere refusal. */
			err_set(e, le.code == ERR_DAMAGED ? ERR_DAMAGED :
			    ERR_STORE, "row %llu: %s",
			    (unsigned long long)s.im.counts.rows + 1, le.text);
			return -1;
		}
		s.im.counts.rows++;
	}
	*done_r = i;
	return i == 0 ? 0 : import_put(t, &s.im, e);
}

/* ---- undo */

/* Whether nothing but this import made m a member.  1, 0, -1. */
static int
rests_on(struct txn *t, const struct member *m, uint32_t import,
    struct err *e)
{
	struct consent c;
	int rc;

	if (m->import != import)
		return 0;
	if (m->state == MEMBER_UNCONFIRMED)
		return 1;
	rc = consent_get(t, m->consent, &c, e);
	if (rc != 1)
		return rc;
	return c.kind == CONSENT_IMPORT_ROW && c.import == import;
}

static int
take_back(struct txn *t, const struct import *im, const struct member *m,
    const char *who, int64_t now_ms, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct consent c = { .kind = CONSENT_REMOVED, .when_ms = now_ms,
	    .list = m->list, .subscriber = m->subscriber, .import = im->id,
	    .follows = m->consent, .setter = consent_text(who) };

	if (m->state != MEMBER_UNCONFIRMED) {
		if (subscriber_hash(t, m, hash, e) == -1)
			return -1;
		c.hash = SLICE(hash, sizeof(hash));
		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
	}
	return subscriber_remove(t, m, e);
}

int
import_undo(struct txn *t, uint32_t id, const char *who, struct member *at,
    unsigned max, int64_t now_ms, uint64_t *removed_r, struct err *e)
{
	char object[32];
	struct import im;
	struct member m;
	int rc;

	*removed_r = 0;
	if (import_must(t, id, &im, e) == -1)
		return -1;
	if (im.state == IMPORT_RUNNING) {
		err_set(e, ERR_REFUSED, "the import %u still runs", id);
		return -1;
	}
	for (; max > 0; max--) {
		rc = subscriber_next(t, im.list, at, &m, e);
		if (rc == -1)
			return -1;
		if (rc == 0)
			break;
		*at = m;
		if ((rc = rests_on(t, &m, id, e)) == -1 || (rc == 1 &&
		    take_back(t, &im, &m, who, now_ms, e) == -1))
			return -1;
		*removed_r += rc == 1;
	}
	if (max == 0)
		return 1;
	snprintf(object, sizeof(object), "import %u", id);
	if (import_end(t, id, IMPORT_UNDONE, now_ms, e) == -1)
		return -1;
	return act_note(t, who, now_ms, "import undo", object, NULL, NULL, e);
}
