/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import.c - the record of an import: where its rows come from and how far it
 * has come.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/date.h"
#include "lib/err.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/import_private.h"
#include "spool/list.h"
#include "spool/row.h"

#define IMPORT_VERSION	3
#define IMPORT_UNORDERED 1	/* without an order, which was 1 */
#define IMPORT_PLAIN	2	/* without what follows it in version 3 */
#define IMPORT_ROW_MAX	2048

const char *
import_state_name(enum import_state s)
{
	switch (s) {
	case IMPORT_RUNNING: return "running";
	case IMPORT_DONE: return "done";
	case IMPORT_CANCELLED: return "cancelled";
	case IMPORT_UNDONE: return "undone";
	}
	return "unknown";
}

int
import_check(const char *source, const char *basis, enum evidence v,
    struct err *e)
{
	const char *why;

	if (source[strspn(source, " ")] == '\0') {
		err_set(e, ERR_INPUT, "an import says where its rows come "
		    "from");
		return -1;
	}
	if (list_text_check(source, "the source", e) == -1 ||
	    list_text_check(basis, "the basis", e) == -1)
		return -1;
	if ((why = origin_refused(source)) == NULL &&
	    (why = ground_refused(basis)) == NULL)
		why = provenance_refused(v, ground_of(basis));
	if (why == NULL)
		return 0;
	err_set(e, ERR_REFUSED, "%s", why);
	return -1;
}

/* ---- the row */

static struct key
import_key(uint32_t id)
{
	struct key k = KEY_INIT;

	key_u32(&k, id);
	return k;
}

int
import_put(struct txn *t, const struct import *im, struct err *e)
{
	const struct import_counts *n = &im->counts;
	struct strbuf b = STRBUF_INIT(IMPORT_ROW_MAX);
	struct key k = import_key(im->id);
	int ret;

	record_begin(&b, IMPORT_VERSION);
	pack_u32(&b, im->list);
	pack_u8(&b, (uint8_t)im->state);
	pack_u8(&b, (uint8_t)im->vouched);
	pack_raw(&b, im->file, sizeof(im->file));
	pack_raw(&b, im->evidence, sizeof(im->evidence));
	pack_i64(&b, im->started_ms);
	pack_i64(&b, im->ended_ms);
	pack_i64(&b, im->claimed_ms);
	pack_u64(&b, im->consent);
	pack_u64(&b, n->rows);
	pack_u64(&b, n->added);
	pack_u64(&b, n->confirmed);
	pack_u64(&b, n->updated);
	pack_u64(&b, n->duplicate);
	pack_u64(&b, n->suppressed);
	pack_u64(&b, n->role);
	pack_u64(&b, n->bad);
	pack_str(&b, im->source);
	pack_str(&b, im->basis);
	pack_str(&b, im->who);
	pack_u8(&b, im->order);
	pack_u8(&b, im->format);
	pack_u8(&b, im->status);
	pack_u64(&b, n->unconfirmed);
	pack_u64(&b, n->refused);
	pack_u64(&b, n->unsubscribed);
	pack_u64(&b, n->cleaned);
	pack_u64(&b, n->newer);
	pack_u64(&b, im->undone);
	ret = row_put(t, TABLE_IMPORTS, key_slice(&k), &b, e);
	strbuf_free(&b);
	return ret;
}

static void
unpack_counts(struct unpack *u, struct import_counts *n)
{
	n->rows = unpack_u64(u);
	n->added = unpack_u64(u);
	n->confirmed = unpack_u64(u);
	n->updated = unpack_u64(u);
	n->duplicate = unpack_u64(u);
	n->suppressed = unpack_u64(u);
	n->role = unpack_u64(u);
	n->bad = unpack_u64(u);
}

/* What came with version 3; all of an older one was of one kind. */
static void
unpack_later(struct unpack *u, struct import *im, uint8_t version)
{
	struct import_counts *n = &im->counts;

	im->order = version == IMPORT_UNORDERED ? 1 : unpack_u8(u);
	im->format = im->status = 0;
	im->undone = 0;
	if (version != IMPORT_VERSION) {
		n->unconfirmed = im->vouched == EVIDENCE_NONE ? n->added : 0;
		n->refused = n->unsubscribed = n->cleaned = n->newer = 0;
		return;
	}
	im->format = unpack_u8(u);
	im->status = unpack_u8(u);
	n->unconfirmed = unpack_u64(u);
	n->refused = unpack_u64(u);
	n->unsubscribed = unpack_u64(u);
	n->cleaned = unpack_u64(u);
	n->newer = unpack_u64(u);
	im->undone = unpack_u64(u);
}

static int
import_decode(struct slice key, struct slice value, struct import *im,
    struct err *e)
{
	struct unpack u;
	uint8_t state, vouched, version = IMPORT_VERSION;

	if (value.len > 0 && value.p[0] < version)
		version = value.p[0];
	if (row_open(&u, TABLE_IMPORTS, key, value, version, e) == -1)
		return -1;
	im->list = unpack_u32(&u);
	state = unpack_u8(&u);
	im->state = (enum import_state)state;
	vouched = unpack_u8(&u);
	im->vouched = (enum evidence)vouched;
	unpack_raw(&u, im->file, sizeof(im->file));
	unpack_raw(&u, im->evidence, sizeof(im->evidence));
	im->started_ms = unpack_i64(&u);
	im->ended_ms = unpack_i64(&u);
	im->claimed_ms = unpack_i64(&u);
	im->consent = unpack_u64(&u);
	unpack_counts(&u, &im->counts);
	unpack_str(&u, im->source, sizeof(im->source));
	unpack_str(&u, im->basis, sizeof(im->basis));
	unpack_str(&u, im->who, sizeof(im->who));
	unpack_later(&u, im, version);
	if (state < IMPORT_RUNNING || state > IMPORT_UNDONE ||
	    vouched >= EVIDENCES || version == 0)
		u.bad = true;
	if (row_done(&u, TABLE_IMPORTS, key, e) == -1)
		return -1;
	unpack_init(&u, key.p, key.len);
	im->id = unpack_u32(&u);
	memset(im->shown, 0, sizeof(im->shown));
	im->clock_unsure = false;
	return 0;
}

int
import_get(struct txn *t, uint32_t id, struct import *im_r, struct err *e)
{
	struct key k = import_key(id);
	struct slice value;
	int rc = txn_get(t, TABLE_IMPORTS, key_slice(&k), &value, e);

	if (rc == 1 && import_decode(key_slice(&k), value, im_r, e) == -1)
		return -1;
	return rc;
}

int
import_must(struct txn *t, uint32_t id, struct import *im_r, struct err *e)
{
	int rc = import_get(t, id, im_r, e);

	if (rc == 0)
		err_set(e, ERR_NOTFOUND, "no import %u", id);
	return rc == 1 ? 0 : -1;
}

int
import_next(struct txn *t, uint32_t id, struct import *im_r, struct err *e)
{
	struct key k = import_key(id);
	struct slice key, value;
	struct cursor *c;
	int rc;

	if (cursor_open(t, TABLE_IMPORTS, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, key_slice(&k), &key, &value, e);
	if (rc == 1 && import_decode(key, value, im_r, e) == -1)
		rc = -1;
	cursor_close(c);
	return rc;
}

/* ---- begin and end */

/*
 * The one of this list and file that did not end, and read its rows as this
 * one does, in the order of today; another can not be taken up.  1, 0, -1.
 */
static int
find_running(struct txn *t, const struct import *im, int64_t now_ms,
    struct import *im_r, struct err *e)
{
	uint32_t id = 1;
	int rc;

	while ((rc = import_next(t, id, im_r, e)) == 1) {
		id = im_r->id + 1;
		if (im_r->state != IMPORT_RUNNING || im_r->list != im->list ||
		    memcmp(im_r->file, im->file, sizeof(im->file)) != 0)
			continue;
		if (im_r->order == IMPORT_ORDER &&
		    im_r->format == im->format && im_r->status == im->status)
			return 1;
		if (import_end(t, im_r->id, IMPORT_CANCELLED, now_ms,
		    e) == -1)
			return -1;
	}
	return rc;
}

/* The hash of the evidence file in hex; false: there is none. */
static bool
evidence_hex(const struct import *im, char out[static CONTENT_HEX])
{
	static const uint8_t none[sizeof(im->evidence)];

	content_hex(im->evidence, out);
	return memcmp(im->evidence, none, sizeof(none)) != 0;
}

static int
append_entry(struct txn *t, const struct import *im, const struct list *l,
    uint64_t *index_r, struct err *e)
{
	char proof[CONTENT_HEX];
	struct consent c = { .kind = CONSENT_IMPORT,
	    .when_ms = im->started_ms, .list = im->list, .org = l->org,
	    .purpose = consent_text(l->purpose), .import = im->id,
	    .source = consent_text(im->source),
	    .basis = consent_text(im->basis),
	    .setter = consent_text(im->who), .claimed_ms = im->claimed_ms,
	    .content = SLICE(im->file, sizeof(im->file)),
	    .note = consent_text(im->vouched != EVIDENCE_NONE ?
	    evidence_name(im->vouched) : ""), .vouched = im->vouched,
	    .origin = origin_of(im->source), .ground = ground_of(im->basis),
	    .evidence = consent_text(evidence_hex(im, proof) ? proof : "") };

	memcpy(c.shown, im->shown, sizeof(c.shown));
	return consent_append(t, &c, index_r, e);
}

static int
check(struct txn *t, const struct import *im, struct list *l, struct err *e)
{
	int rc;

	if (import_check(im->source, im->basis, im->vouched, e) == -1)
		return -1;
	if ((rc = list_get(t, im->list, l, e)) == -1)
		return -1;
	if (rc == 0 || l->state == LIST_REMOVED) {
		err_set(e, ERR_NOTFOUND, "no list %u", im->list);
		return -1;
	}
	if (list_answers(l))
		return 0;
	err_set(e, ERR_REFUSED, "the list does not answer all of: "
	    "collection, purpose, leaving, revocation (S68); see list set");
	return -1;
}

int
import_begin(struct txn *t, const struct import *im, int64_t now_ms,
    struct import *im_r, struct err *e)
{
	char object[LIST_NAME_MAX + 6];
	struct list l;
	uint64_t id;
	int rc;

	if (check(t, im, &l, e) == -1)
		return -1;
	if ((rc = find_running(t, im, now_ms, im_r, e)) != 0)
		return rc == 1 ? 0 : -1;
	if (txn_counter_next(t, COUNTER_IMPORT, &id, e) == -1)
		return -1;
	if (id > UINT32_MAX) {
		err_set(e, ERR_LIMIT, "no more imports");
		return -1;
	}
	*im_r = *im;
	im_r->id = (uint32_t)id;
	im_r->state = IMPORT_RUNNING;
	im_r->order = IMPORT_ORDER;
	im_r->started_ms = now_ms;
	im_r->ended_ms = 0;
	im_r->counts = (struct import_counts){ 0 };
	im_r->undone = 0;
	snprintf(object, sizeof(object), "list %s", l.name);
	if (append_entry(t, im_r, &l, &im_r->consent, e) == -1 ||
	    import_put(t, im_r, e) == -1)
		return -1;
	return act_note(t, im_r->who, now_ms, "import", object, NULL,
	    im_r->source, e);
}

int
import_end(struct txn *t, uint32_t id, enum import_state state,
    int64_t now_ms, struct err *e)
{
	struct import im;

	if (import_must(t, id, &im, e) == -1)
		return -1;
	im.state = state;
	im.ended_ms = now_ms;
	return import_put(t, &im, e);
}

json_t *
import_counts_json(const struct import_counts *n)
{
	const struct { const char *name; uint64_t v; } all[] = {
		{ "rows", n->rows }, { "added", n->added },
		{ "unconfirmed", n->unconfirmed },
		{ "confirmed", n->confirmed }, { "updated", n->updated },
		{ "duplicate", n->duplicate },
		{ "suppressed", n->suppressed },
		{ "unsubscribed", n->unsubscribed },
		{ "cleaned", n->cleaned }, { "newer", n->newer },
		{ "role", n->role }, { "refused", n->refused },
		{ "bad", n->bad },
	};
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		json_object_set_new(o, all[i].name,
		    json_integer((json_int_t)all[i].v));
	return o;
}

int
import_drop_evidence(struct txn *t, uint32_t id, const char *who,
    int64_t now_ms, struct err *e)
{
	char object[32], hex[CONTENT_HEX];
	struct import im;

	if (import_must(t, id, &im, e) == -1)
		return -1;
	if (im.state == IMPORT_RUNNING) {
		err_set(e, ERR_REFUSED, "the import is not over");
		return -1;
	}
	if (!evidence_hex(&im, hex)) {
		err_set(e, ERR_NOTFOUND, "the import has no evidence file");
		return -1;
	}
	memset(im.evidence, 0, sizeof(im.evidence));
	snprintf(object, sizeof(object), "import %u", id);
	if (import_put(t, &im, e) == -1)
		return -1;
	return act_note(t, who, now_ms, "import drop-evidence", object, hex,
	    NULL, e);
}

json_t *
import_json(const struct import *im)
{
	char file[CONTENT_HEX], started[DATE_RFC3339_LEN + 1];
	char ended[DATE_RFC3339_LEN + 1], claimed[DATE_RFC3339_LEN + 1];
	char proof[CONTENT_HEX];
	bool has_proof = evidence_hex(im, proof);

	content_hex(im->file, file);
	date_rfc3339(im->started_ms, started);
	date_rfc3339(im->ended_ms, ended);
	date_rfc3339(im->claimed_ms, claimed);
	return json_pack("{s:I, s:I, s:s, s:b, s:s, s:s?, s:s, s:s, s:s, s:s,"
	    "s:s, s:s?, s:s, s:s, s:s?, s:I, s:I, s:o}",
	    "id", (json_int_t)im->id, "list", (json_int_t)im->list,
	    "state", import_state_name(im->state), "vouched",
	    im->vouched != EVIDENCE_NONE, "evidence",
	    evidence_name(im->vouched), "evidence_file",
	    has_proof ? proof : NULL, "file", file, "source", im->source,
	    "source_class", origin_name(origin_of(im->source)),
	    "basis", im->basis,
	    "basis_class", ground_name(ground_of(im->basis)),
	    "date", im->claimed_ms != 0 ? claimed : NULL,
	    "who", im->who, "started", started,
	    "ended", im->ended_ms != 0 ? ended : NULL,
	    "consent", (json_int_t)im->consent,
	    "undone", (json_int_t)im->undone,
	    "counts", import_counts_json(&im->counts));
}
