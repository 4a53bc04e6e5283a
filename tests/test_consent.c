/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_consent.c - an entry comes back as it was written, has one encoding,
 * and the table only ever grows (S20, S38, S70).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cbor.h"
#include "lib/evidence.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/optin.h"
#include "spool/provenance.h"
#include "spool/store_private.h"
#include "spool/suppression.h"
#include "tests/spool_world.h"

static const uint8_t hash[16] = "0123456789abcde";
static const uint8_t other[16] = "another address";
static const uint8_t ip[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 7 };
static const uint8_t digest[32] = "thirty-two octets of some digest";

static struct consent
full_entry(void)
{
	struct consent c = {
		.kind = CONSENT_CONFIRMED, .when_ms = 1790000000123,
		.list = 7, .org = 2, .hash = SLICE(hash, 16),
		.address = consent_text("Ann@example.org"),
		.channel = consent_text("page"), .ip = SLICE(ip, 16),
		.port = 65535, .proxy_ip = SLICE(ip, 16), .proxy_port = 1,
		.agent = consent_text("Mozilla/5.0 (ü)"),
		.raw = SLICE("POST /c\0\xff", 9), .request = SLICE(hash, 16),
		.message_id = consent_text("<m@example.org>"),
		.host = consent_text("mx.example.org [192.0.2.1]"),
		.reply = consent_text("250 2.0.0 Ok: queued as 4F"),
		.token_ms = 1, .network = CONSENT_NETWORK_OTHER,
		.grade = CONSENT_GRADE_REPLIED, .import = 9,
		.source = consent_text("shop"), .basis = consent_text("b"),
		.reason = 3, .setter = consent_text("desk"),
		.subscriber = UINT64_MAX, .count = 100, .follows = 3,
		.campaign = 12, .scope = 2, .content = SLICE(digest, 32),
		.note = consent_text("n"), .result = 1, .claimed_ms = 5,
		.clock_unsure = true, .code = 550,
		.enhanced = consent_text("5.1.1"),
		.erased = SLICE("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2", 16),
		.act = 7, .act_hash = SLICE(digest, 32),
		.purpose = consent_text("a letter"), .looks = 2, .look_ms = 9,
		.look_ip = SLICE(ip, 16), .look_agent = consent_text("bot"),
		.look_network = CONSENT_NETWORK_OTHER,
		.attribute = consent_text("nick"),
		.before = consent_text("An"), .after = consent_text("Ann"),
	};

	memcpy(c.shown, digest, sizeof(c.shown));
	return c;
}

static void
same_slice(struct slice a, struct slice b)
{
	assert_int_equal(a.len, b.len);
	if (a.len != 0)
		assert_memory_equal(a.p, b.p, a.len);
}

static void
every_field_comes_back(void **state)
{
	struct consent c = full_entry(), d;
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);
	struct strbuf again = STRBUF_INIT(CONSENT_ENTRY_MAX);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(consent_encode(&b, &c, &e), 0);
	assert_int_equal(consent_decode(SLICE(b.s, b.len), &d, &e), 0);
	assert_int_equal(d.kind, c.kind);
	assert_true(d.when_ms == c.when_ms);
	assert_int_equal(d.list, 7);
	same_slice(d.hash, c.hash);
	same_slice(d.address, c.address);
	same_slice(d.ip, c.ip);
	assert_int_equal(d.port, 65535);
	same_slice(d.agent, c.agent);
	assert_memory_equal(d.shown, c.shown, 32);
	same_slice(d.raw, c.raw);
	same_slice(d.reply, c.reply);
	assert_int_equal(d.network, CONSENT_NETWORK_OTHER);
	assert_int_equal(d.grade, CONSENT_GRADE_REPLIED);
	assert_true(d.subscriber == UINT64_MAX);
	assert_true(d.clock_unsure);
	same_slice(d.enhanced, c.enhanced);
	same_slice(d.erased, c.erased);
	/* One encoding: what was read is written as the same bytes. */
	assert_int_equal(consent_encode(&again, &d, &e), 0);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.s, b.s, b.len);
	strbuf_free(&again);
	strbuf_free(&b);
}

/* What files of evidence are checked by calls each field as we do. */
static void
said_as_proved(const struct consent *c)
{
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);
	json_t *said, *proved;
	struct consent d;

	assert_int_equal(consent_encode(&b, c, NULL), 0);
	assert_int_equal(consent_decode(SLICE(b.s, b.len), &d, NULL), 0);
	said = consent_json(1, &d);
	json_object_del(said, "index");
	proved = evidence_words(SLICE(b.s, b.len));
	if (!json_equal(said, proved))
		fail_msg("%s or %s", json_dumps(said, 0),
		    json_dumps(proved, 0));
	json_decref(said);
	json_decref(proved);
	strbuf_free(&b);
}

static void
evidence_has_our_words(void **state)
{
	struct consent c = full_entry();

	(void)state;
	c.subscriber = INT64_MAX;
	c.was = CONSENT_REQUEST;
	c.was_ms = c.asked_ms = 1790000000123;
	c.ip_hash = SLICE(hash, 16);
	c.mail = consent_text("To: ann");
	c.mail_hash = c.raw_hash = SLICE(digest, 32);
	c.evidence = consent_text("a card");
	c.asked_ip = SLICE(hash, 16);
	for (unsigned i = 1; i < CONSENT_KINDS; i++) {
		c.kind = c.was = (enum consent_kind)i;
		c.network = (enum consent_network)(i % 3);
		c.grade = (enum consent_grade)(i % 4);
		c.reason = i % SUPPRESSION_REASONS;
		c.scope = i % (SUPPRESSION_HOST + 1);
		c.result = i % OPTIN_RESULTS;
		c.origin = i % ORIGINS;
		c.ground = i % GROUNDS;
		c.vouched = i % EVIDENCES;
		said_as_proved(&c);
	}
}

static void
absent_fields_take_no_room(void **state)
{
	struct consent c = { .kind = CONSENT_REQUESTS, .when_ms = 1 }, d;
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);

	(void)state;
	assert_int_equal(consent_encode(&b, &c, NULL), 0);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.s, "\xa3\x00\x02\x01\x04\x02\x01", 7);
	assert_int_equal(consent_decode(SLICE(b.s, b.len), &d, NULL), 0);
	assert_int_equal(d.address.len, 0);
	assert_int_equal(d.list, 0);
	assert_int_equal(d.version, CONSENT_VERSION);
	strbuf_free(&b);
}

/* What was written before entries said their version stays what it was. */
static void
the_first_version_keeps_its_bytes(void **state)
{
	static const char bytes[] = "\xa2\x01\x04\x02\x01";
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);
	struct consent c;

	(void)state;
	assert_int_equal(consent_decode(SLICE(bytes, 5), &c, NULL), 0);
	assert_int_equal(c.version, 1);
	assert_int_equal(consent_encode(&b, &c, NULL), 0);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.s, bytes, 5);
	strbuf_free(&b);
}

static const struct {
	const char	*why;
	const char	*bytes;
	size_t		 len;
} bad[] = {
	{ "no map",			"\x01", 1 },
	{ "no kind",			"\xa1\x02\x01", 3 },
	{ "a kind not known",		"\xa1\x01\x18\xc8", 4 },
	{ "kind 0",			"\xa1\x01\x00", 3 },
	{ "a text where a number is",	"\xa2\x01\x01\x03\x61" "a", 6 },
	{ "a number where a text is",	"\xa2\x01\x01\x06\x01", 5 },
	{ "bytes where a text is",	"\xa2\x01\x01\x06\x41" "a", 6 },
	{ "a hash of 1 octet",		"\xa2\x01\x01\x05\x41" "a", 6 },
	{ "a port over 65535",		"\xa2\x01\x01\x09\x1a\0\1\0\0", 9 },
	{ "indexes of 3 octets",	"\xa2\x01\x01\x18\x27\x43" "abc", 9 },
	{ "an empty text",		"\xa2\x01\x01\x06\x60", 5 },
	{ "a zero, which is absence",	"\xa2\x01\x01\x03\x00", 5 },
	{ "a time past 2^63",	"\xa2\x01\x01\x02\x1b\xff\0\0\0\0\0\0\0", 13 },
	{ "version 1, which says none",	"\xa2\x00\x01\x01\x01", 5 },
	{ "a version yet to come",	"\xa2\x00\x03\x01\x01", 5 },
	{ "the same key twice",		"\xa2\x01\x01\x01\x01", 5 },
	{ "keys out of order",		"\xa2\x02\x01\x01\x01", 5 },
	{ "a longer head than needed",	"\xa1\x01\x18\x01", 4 },
	{ "a map without an end",	"\xbf\x01\x01\xff", 4 },
	{ "left-over octets",		"\xa1\x01\x01\x00", 4 },
	{ "cut short",			"\xa2\x01\x01", 3 },
};

/* Sound CBOR, but no encoder of ours writes it: two forms of one entry. */
static void
what_would_change_is_refused(void)
{
	struct strbuf b = STRBUF_INIT(2 * CONSENT_ENTRY_MAX);
	static char longer[IPC_RAW_MAX + 1];
	static const uint8_t zeros[32];
	struct consent c;

	memset(longer, 'a', sizeof(longer));
	for (int i = 0; i < 3; i++) {
		strbuf_reset(&b);
		cbor_put_map(&b, 2);
		cbor_put_uint(&b, 1);
		cbor_put_uint(&b, CONSENT_REQUEST);
		cbor_put_uint(&b, i == 0 ? 6 : i == 1 ? 13 : 14);
		if (i == 0)
			cbor_put_text(&b, longer, CONSENT_TEXT_MAX + 1);
		else
			cbor_put_bytes(&b, i == 1 ? (const void *)zeros :
			    longer, i == 1 ? 32 : sizeof(longer));
		assert_int_equal(consent_decode(SLICE(b.s, b.len), &c, NULL),
		    -1);
	}
	strbuf_free(&b);
}

static void
what_is_no_entry_is_refused(void **state)
{
	struct consent c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = (struct err)ERR_INIT;
		if (consent_decode(SLICE(bad[i].bytes, bad[i].len), &c,
		    &e) == 0)
			fail_msg("accepted: %s", bad[i].why);
		assert_int_equal(e.code, ERR_DAMAGED);
	}
	what_would_change_is_refused();
	/* A key of a later version is passed over, whatever it holds. */
	assert_int_equal(consent_decode(SLICE("\xa2\x01\x01\x19\x01\x00\x82"
	    "\x01\xa1\x01\x02", 11), &c, NULL), 0);
	assert_int_equal(c.kind, CONSENT_REQUEST);
}

static void
texts_are_cut_and_mended(void **state)
{
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);
	char longer[CONSENT_TEXT_MAX + 10], raw[IPC_RAW_MAX + 5];
	struct consent c = { .kind = CONSENT_REQUEST }, d;

	(void)state;
	memset(longer, 'a', sizeof(longer));
	memset(raw, 'r', sizeof(raw));
	memcpy(longer + CONSENT_TEXT_MAX - 1, "\xc3\xbc", 2);
	c.agent = SLICE(longer, sizeof(longer));
	c.note = consent_text("a\xff" "b");
	c.raw = SLICE(raw, sizeof(raw));
	assert_int_equal(consent_encode(&b, &c, NULL), 0);
	assert_int_equal(consent_decode(SLICE(b.s, b.len), &d, NULL), 0);
	assert_int_equal(d.agent.len, CONSENT_TEXT_MAX - 1);
	same_slice(d.note, consent_text("a\xef\xbf\xbd" "b"));
	assert_int_equal(d.raw.len, IPC_RAW_MAX);
	/* Mended, a text may be three times as long, and is cut again. */
	memset(longer, 0xff, sizeof(longer));
	strbuf_reset(&b);
	assert_int_equal(consent_encode(&b, &c, NULL), 0);
	assert_int_equal(consent_decode(SLICE(b.s, b.len), &d, NULL), 0);
	assert_int_equal(d.agent.len, CONSENT_TEXT_MAX / 3 * 3);
	c = (struct consent){ .kind = CONSENT_REQUEST,
	    .hash = SLICE(hash, 15) };
	assert_int_equal(consent_encode(&b, &c, NULL), -1);
	strbuf_free(&b);
}

static void
evidence_is_taken_whole(void **state)
{
	struct ipc_evidence ev = { .when_ms = 5, .port = 99,
	    .channel = "form", .agent = "x", .raw = SLICE("r", 1) };
	struct consent c = { .kind = CONSENT_REQUEST };

	(void)state;
	memcpy(ev.ip, ip, 16);
	memset(ev.form, 'a', 64);
	consent_evidence(&c, &ev);
	assert_int_equal(c.when_ms, 5);
	same_slice(c.ip, SLICE(ip, 16));
	assert_int_equal(c.proxy_ip.len, 0);
	assert_int_equal(c.shown[31], 0xaa);
	same_slice(c.channel, consent_text("form"));
}

static void
json_shows_it(void **state)
{
	struct consent c = full_entry();
	json_t *j = consent_json(42, &c);

	(void)state;
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "index")), 42);
	assert_string_equal(json_string_value(json_object_get(j, "kind")),
	    "confirmed");
	assert_string_equal(json_string_value(json_object_get(j, "time")),
	    "2026-09-21T14:13:20.123Z");
	assert_string_equal(json_string_value(json_object_get(j, "ip")),
	    "192.0.2.7");
	assert_string_equal(json_string_value(json_object_get(
	    json_object_get(j, "request"), "base64")), "UE9TVCAvYwD/");
	assert_string_equal(json_string_value(json_object_get(j, "grade")),
	    "replied");
	assert_string_equal(json_string_value(json_object_get(j, "reason")),
	    "unsubscribe");
	assert_string_equal(json_string_value(json_object_get(j, "result")),
	    "accepted");
	assert_int_equal(json_array_size(json_object_get(j, "erased")), 2);
	json_decref(j);
}

/* ---- the table */

struct appended {
	uint64_t	index[3];
};

static int
append_three(struct txn *t, void *arg, struct err *e)
{
	struct appended *a = arg;
	struct consent c = { .kind = CONSENT_REQUEST, .when_ms = 1,
	    .hash = SLICE(hash, 16), .address = consent_text("a@b.example") };

	if (consent_append(t, &c, &a->index[0], e) == -1)
		return -1;
	c.hash = SLICE(other, 16);
	if (consent_append(t, &c, &a->index[1], e) == -1)
		return -1;
	c.hash = SLICE(hash, 16);
	c.kind = CONSENT_CONFIRMED;
	c.follows = a->index[0];
	return consent_append(t, &c, &a->index[2], e);
}

static void
indexes_rise_and_find_their_address(void **state)
{
	struct world *w = *state;
	struct appended a;
	struct consent c;
	struct slice salt[2], entry;
	uint8_t one[32], two[32];
	uint64_t index;
	struct txn *t;

	world_must(w, STORE_S, append_three, &a);
	assert_int_equal(a.index[0], 1);
	assert_int_equal(a.index[2], 3);
	world_reopen(w);
	world_must(w, STORE_S, append_three, &a);
	assert_int_equal(a.index[0], 4);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_last(t, &index, NULL), 0);
	assert_int_equal(index, 6);
	assert_int_equal(consent_get(t, 3, &c, NULL), 1);
	assert_int_equal(c.kind, CONSENT_CONFIRMED);
	assert_int_equal(c.follows, 1);
	assert_int_equal(consent_get(t, 7, &c, NULL), 0);
	assert_int_equal(consent_next_of(t, hash, 2, &index, NULL), 1);
	assert_int_equal(index, 3);
	assert_int_equal(consent_next_of(t, other, 3, &index, NULL), 1);
	assert_int_equal(index, 5);
	assert_int_equal(consent_next_of(t, other, 6, &index, NULL), 0);
	/* Same entry, other salt: the commitments say nothing of it. */
	assert_int_equal(consent_get_row(t, 1, &salt[0], &entry, NULL), 1);
	assert_int_equal(consent_commitment(salt[0].p, entry, one, NULL), 0);
	assert_int_equal(consent_get_row(t, 4, &salt[1], &entry, NULL), 1);
	assert_int_equal(consent_commitment(salt[1].p, entry, two, NULL), 0);
	assert_memory_not_equal(salt[0].p, salt[1].p, CONSENT_SALT);
	assert_memory_not_equal(one, two, 32);
	txn_end(t);
}

static int
append_at(struct txn *t, void *arg, struct err *e)
{
	const struct consent c = { .kind = CONSENT_REQUEST,
	    .when_ms = *(int64_t *)arg, .hash = SLICE(hash, 16) };

	return consent_append(t, &c, NULL, e);
}

/*
 * S59: the order is that of the indexes, whatever the clock says; and while
 * nobody keeps the clock right each entry says so, whoever appends it.
 */
static void
the_clock_orders_nothing(void **state)
{
	int64_t times[] = { 5000, 4000, 5000, 4999 };
	struct world *w = *state;
	struct consent c;
	struct txn *t;
	uint64_t index = 0, of;

	for (size_t i = 0; i < 4; i++) {
		store_set_clock_unsure(w->st, i == 1 || i == 2);
		world_must(w, STORE_S, append_at, &times[i]);
	}
	t = world_read(w, STORE_S);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(consent_next_of(t, hash, index + 1, &of,
		    NULL), 1);
		assert_int_equal(consent_next(t, index + 1, &index, &c, NULL),
		    1);
		assert_true(index == i + 1 && of == index);
		assert_true(c.when_ms == times[i]);
		assert_int_equal(c.clock_unsure, i == 1 || i == 2);
	}
	assert_int_equal(consent_next(t, index + 1, &index, &c, NULL), 0);
	txn_end(t);
}

static int
erase(struct txn *t, void *arg, struct err *e)
{
	return consent_erase(t, hash, arg, 10, e);
}

static void
erasure_leaves_a_gap_that_is_not_filled(void **state)
{
	struct world *w = *state;
	struct strbuf gone = STRBUF_INIT(1000);
	struct appended a;
	struct consent c;
	struct txn *t;
	uint64_t index;

	world_must(w, STORE_S, append_three, &a);
	world_must(w, STORE_S, erase, &gone);
	assert_int_equal(gone.len, 16);
	assert_memory_equal(gone.s, "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\3", 16);
	world_must(w, STORE_S, append_three, &a);
	assert_int_equal(a.index[0], 4);	/* not 3, the last erased */
	t = world_read(w, STORE_S);
	assert_int_equal(consent_get(t, 1, &c, NULL), 0);
	assert_int_equal(consent_get(t, 2, &c, NULL), 1);
	assert_int_equal(consent_next_of(t, hash, 0, &index, NULL), 1);
	assert_int_equal(index, 4);
	txn_end(t);
	strbuf_free(&gone);
}

static int
damage(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return txn_put(t, TABLE_CONSENT, SLICE("\0\0\0\0\0\0\0\1", 8),
	    SLICE("0123456789012345678901234567890123", 34), e);
}

static void
a_damaged_entry_is_named(void **state)
{
	struct world *w = *state;
	struct appended a;
	struct consent c;
	struct txn *t;

	world_must(w, STORE_S, append_three, &a);
	world_must(w, STORE_S, damage, NULL);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_get(t, 1, &c, &w->e), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_non_null(strstr(w->e.text, "consent 0000000000000001"));
	assert_int_equal(consent_get(t, 2, &c, &w->e), 1);
	txn_end(t);
}

/* A kill at any step leaves index, entry and address in step (P6). */
static void
an_append_is_whole_or_not(void **state)
{
	struct world *w = *state;
	struct appended a;
	struct txn *t;
	uint64_t n, of, last;

	for (unsigned i = 1; world_killed_at(w, STORE_S, append_three, &a, i);
	    i++) {
		t = world_read(w, STORE_S);
		assert_int_equal(txn_count(t, TABLE_CONSENT, &n, NULL), 0);
		assert_int_equal(txn_count(t, TABLE_CONSENT_OF, &of, NULL), 0);
		assert_int_equal(consent_last(t, &last, NULL), 0);
		txn_end(t);
		assert_int_equal(n, of);
		assert_int_equal(n, last);
		assert_true(n == 0 || n == 3);
		assert_true(i < 100);
	}
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(evidence_has_our_words),
		cmocka_unit_test(absent_fields_take_no_room),
		cmocka_unit_test(the_first_version_keeps_its_bytes),
		cmocka_unit_test(what_is_no_entry_is_refused),
		cmocka_unit_test(texts_are_cut_and_mended),
		cmocka_unit_test(evidence_is_taken_whole),
		cmocka_unit_test(json_shows_it),
		TEST(indexes_rise_and_find_their_address),
		TEST(the_clock_orders_nothing),
		TEST(erasure_leaves_a_gap_that_is_not_filled),
		TEST(a_damaged_entry_is_named),
		TEST(an_append_is_whole_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
