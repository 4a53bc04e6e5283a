/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_walk_house.c - steps of the walk that the person has no part in.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/effect.h"
#include "spool/import.h"
#include "spool/row.h"
#include "tests/consent_walk.h"

/* ---- suspended and resumed */

void
walk_bounce(struct walk *k, unsigned who, uint32_t list)
{
	struct effect v = { .kind = EFFECT_HARD, .when_ms = k->now,
	    .code = 550 };
	struct member m;
	bool suspended;

	if (walk_row(k, who, list, &m) == 0)
		return;
	v.subscriber = m.subscriber;
	walk_must(k, effect_bounce(k->t, &v, &suspended, &k->e) == 0, "bounce");
	walk_must(k, suspended == (k->m.p[who].row[list] == ROW_ACTIVE), "bounce");
	if (suspended)
		k->m.p[who].row[list] = ROW_SUSPENDED;
}

void
walk_set_state(struct walk *k, unsigned who, uint32_t list, bool active)
{
	enum model_row *row = &k->m.p[who].row[list];
	struct member m;

	if (walk_row(k, who, list, &m) == 0 ||
	    active == (*row == ROW_ACTIVE) || *row == ROW_UNCONFIRMED)
		return;
	walk_must(k, subscriber_set_state(k->t, &m, active ? MEMBER_ACTIVE :
	    MEMBER_SUSPENDED, active ? MEMBER_WHY_NONE : MEMBER_WHY_DESK, 0,
	    &k->e) == 0, "state");
	*row = active ? ROW_ACTIVE : ROW_BARRED;
}

/* ---- imports */

static void
imported(struct walk *k, unsigned who, uint32_t list, bool vouched,
    uint64_t before)
{
	struct model_person *p = &k->m.p[who];
	enum model_row *row = &p->row[list];
	struct member m;

	if (!model_may_import(&k->m, who, list) ||
	    (*row != ROW_NONE && !(vouched && *row == ROW_UNCONFIRMED)))
		return;
	*row = vouched ? ROW_ACTIVE : ROW_UNCONFIRMED;
	walk_must(k, walk_row(k, who, list, &m) == 1, "an imported row");
	p->rests[list] = m.consent;
	if (!vouched)
		return;
	walk_must(k, m.consent > before, "vouched for, without an entry");
	model_yes(&k->m, m.consent, who, list);
}

void
walk_import(struct walk *k, uint32_t list)
{
	struct import im = { .list = list, .basis = "shop order",
	    .source = "our web shop", .who = "root" }, begun;
	struct import_row rows[MODEL_PEOPLE];
	struct import_slice in = { .rows = rows, .now_ms = k->now };
	unsigned whom = (unsigned)walk_chance(k, 1u << MODEL_PEOPLE);
	bool vouched = walk_chance(k, 2) == 0;
	uint64_t before;
	size_t done;

	im.vouched = vouched ? EVIDENCE_CONFIRMED : EVIDENCE_NONE;
	k->files++;
	memcpy(im.file, &k->files, sizeof(k->files));
	for (unsigned i = 0; i < MODEL_PEOPLE; i++)
		if ((whom & 1u << i) != 0)
			import_row_of(&rows[in.n++], &k->who[i], k->now - DAY,
			    NULL);
	walk_must(k, import_begin(k->t, &im, k->now, &begun, &k->e) == 0,
	    "import");
	before = walk_last_entry(k);
	in.id = begun.id;
	if (in.n > 0)
		walk_must(k, import_rows(k->t, &in, &done, &k->e) == 0 &&
		    done == in.n, "rows");
	walk_must(k, import_end(k->t, begun.id, IMPORT_DONE, k->now, &k->e) == 0,
	    "import end");
	for (unsigned i = 0; i < MODEL_PEOPLE; i++)
		if ((whom & 1u << i) != 0)
			imported(k, i, list, vouched, before);
}

/* ---- by force: past everything that asks */

static void
force(struct walk *k, unsigned who, uint32_t list, uint64_t consent)
{
	struct subscriber_new n = { .list = list, .who = &k->who[who],
	    .state = MEMBER_ACTIVE, .consent = consent, .now_ms = k->now };
	struct member m;

	if (walk_row(k, who, list, &m) == 1)
		walk_must(k, subscriber_remove(k->t, &m, &k->e) == 0, "remove");
	walk_must(k, subscriber_add(k->t, &n, &m, &k->e) == 1, "add");
	k->m.p[who].row[list] = ROW_ACTIVE;
	k->m.p[who].rests[list] = consent;
}

void
walk_force_member(struct walk *k, unsigned who, uint32_t list)
{
	uint64_t last = walk_last_entry(k), consent;

	switch (walk_chance(k, 4)) {
	case 0:			/* an entry that was never given */
		consent = last + 1000;
		break;
	case 1:			/* what another row rests on, or rested */
		consent = k->m.p[walk_chance(k, MODEL_PEOPLE)].rests[
		    1 + walk_chance(k, MODEL_LISTS)];
		break;
	case 2:			/* what this one rested on */
		consent = k->m.p[who].rests[list];
		break;
	default:		/* any */
		consent = 1 + walk_chance(k, last);
		break;
	}
	if (consent != 0)
		force(k, who, list, consent);
}

void
walk_force_state(struct walk *k, unsigned who, uint32_t list)
{
	struct member m;

	if (k->m.p[who].row[list] == ROW_NONE ||
	    k->m.p[who].row[list] == ROW_ACTIVE ||
	    walk_row(k, who, list, &m) == 0)
		return;
	walk_must(k, subscriber_set_state(k->t, &m, MEMBER_ACTIVE,
	    MEMBER_WHY_NONE, 0, &k->e) == 0, "state by force");
	k->m.p[who].row[list] = ROW_ACTIVE;
}

void
walk_force_unblock(struct walk *k, unsigned who, uint32_t list)
{
	const struct { enum suppression_scope scope; uint32_t id; } all[] = {
		{ SUPPRESSION_LIST, list },
		{ SUPPRESSION_ORG, model_org(list) }, { SUPPRESSION_HOST, 0 },
	};

	for (size_t i = 0; i < 3; i++) {
		struct key key = KEY_INIT;

		key_raw(&key, k->who[who].hash, ADDRESS_HASH_OCTETS);
		key_u8(&key, (uint8_t)all[i].scope);
		key_u32(&key, all[i].id);
		walk_must(k, txn_del(k->t, TABLE_SUPPRESSIONS, key_slice(&key),
		    &k->e) != -1, "unblock");
		model_block(&k->m, who, all[i].scope, all[i].id)->reason = 0;
	}
}

/* The entries say it too: but where retention took them. */
void
walk_force_unrevoked(struct walk *k, unsigned who)
{
	struct key gone[3 + MODEL_LISTS + MODEL_ORGS];
	uint64_t index[sizeof(gone) / sizeof(gone[0])];
	struct slice key, value;
	struct consent entry;
	struct unpack u;
	struct cursor *c;
	size_t n = 0;
	int rc;

	walk_must(k, cursor_open(k->t, TABLE_REVOKED, &c, &k->e) == 0, "open");
	for (rc = cursor_seek(c, SLICE(k->who[who].hash, ADDRESS_HASH_OCTETS),
	    &key, &value, &k->e); rc == 1 && slice_has_prefix(key,
	    SLICE(k->who[who].hash, ADDRESS_HASH_OCTETS));
	    rc = cursor_next(c, &key, &value, &k->e)) {
		unpack_init(&u, value.p, value.len);
		index[n] = unpack_u64(&u);
		gone[n].len = 0;
		key_raw(&gone[n], key.p, key.len);
		n += consent_get(k->t, index[n], &entry, &k->e) == 1;
	}
	cursor_close(c);
	for (size_t i = 0; i < n; i++)
		walk_must(k, txn_del(k->t, TABLE_REVOKED, key_slice(&gone[i]),
		    &k->e) == 1, "forget a no");
	walk_look(k, 0);
	for (size_t i = 0; i < n; i++) {
		struct key at = KEY_INIT;

		key_u64(&at, index[i]);
		walk_must(k, txn_put(k->t, TABLE_REVOKED, key_slice(&gone[i]),
		    key_slice(&at), &k->e) == 0, "remember it");
	}
}

void
walk_force_entry(struct walk *k, unsigned who, uint32_t list)
{
	struct strbuf was = STRBUF_INIT(2 * CONSENT_ENTRY_MAX);
	struct strbuf row = STRBUF_INIT(2 * CONSENT_ENTRY_MAX);
	const struct consent yes = { .kind = CONSENT_CONFIRMED,
	    .when_ms = k->now, .list = list, .org = model_org(list),
	    .hash = SLICE(k->who[who].hash, ADDRESS_HASH_OCTETS),
	    .note = consent_text("by force") };
	uint64_t last = walk_last_entry(k), index;
	struct key key = KEY_INIT;
	struct slice value;

	/* Of the last ones: more memberships rest on these. */
	index = last - walk_chance(k, last < 50 ? last : 50);
	key_u64(&key, index);
	if (index == 0 || txn_get(k->t, TABLE_CONSENT, key_slice(&key),
	    &value, &k->e) != 1)
		return;
	strbuf_add(&was, value.p, value.len);
	walk_must(k, consent_make(&row, (const uint8_t *)was.s, &yes,
	    &k->e) == 0 && txn_put(k->t, TABLE_CONSENT, key_slice(&key),
	    SLICE(row.s, row.len), &k->e) == 0, "forge");
	force(k, who, list, index);
	walk_look(k, index);
	walk_must(k, txn_put(k->t, TABLE_CONSENT, key_slice(&key),
	    SLICE(was.s, was.len), &k->e) == 0, "as it was");
	strbuf_free(&was);
	strbuf_free(&row);
}

/* ---- the house */

void
walk_set_states(struct walk *k, uint32_t list)
{
	static const enum list_state of_list[] = { LIST_ACTIVE, LIST_HELD,
	    LIST_SUSPENDED };
	static const enum org_state of_org[] = { ORG_ACTIVE, ORG_HELD,
	    ORG_SUSPENDED };
	uint64_t which = walk_chance(k, 8);
	uint32_t org = model_org(list);

	if (which > 2)
		which = 0;
	if (walk_chance(k, 2) == 0) {
		k->m.list[list] = of_list[which];
		walk_must(k, list_set_state(k->t, list, of_list[which], "root",
		    k->now, &k->e) == 0, "list state");
	} else {
		k->m.org[org] = of_org[which];
		walk_must(k, org_set_state(k->t, org, of_org[which], "root",
		    k->now, &k->e) == 0, "org state");
	}
}

/* Evidence of who is a member stays, whatever is tidied. */
void
walk_tidy(struct walk *k)
{
	uint8_t at[REQUEST_ID] = { 0 };
	int rc;

	walk_must(k, retention_hash(k->t, 200, k->now, &k->e) != -1, "retention");
	while ((rc = request_sweep(k->t, at, 100, k->now, &k->e)) == 1)
		;
	walk_must(k, rc == 0, "sweep");
	/* What is over stays so, if the clock is set back now. */
	for (size_t i = 0; i < TOKENS; i++)
		if (k->mailed[i].expires_ms <= k->now)
			k->mailed[i].pending = false;
	if (retention_prune(k->t, &k->pass, 500, k->now, &k->e) == 0)
		k->pass = (struct retention_pass){ .at = 0 };
	walk_must(k, optin_close_minutes(k->t, k->now, 100, &k->e) != -1,
	    "minutes");
}

void
walk_pass_time(struct walk *k)
{
	static const int64_t spans[] = { SECOND, MINUTE, HOUR, DAY, 8 * DAY,
	    40 * DAY };
	int64_t span = spans[walk_chance(k, 6)];

	span = span * (int64_t)(1 + walk_chance(k, 10)) / 10;
	/* A clock may be set back; it never says more than it knew. */
	k->now += walk_chance(k, 6) == 0 ? -(span < 3 * DAY ? span : 3 * DAY) :
	    span;
}

