/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dkim_canon.c - the relaxed forms of RFC 6376 section 3.4, whole and in
 * pieces, and messages cut into fields (R49, R58).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "lib/dkim_canon.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "tests/dkim_samples.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

/* NULL = refused */
static const struct {
	const char *why, *in, *out;
} fields[] = {
	/* RFC 6376 section 3.4.5, example 1 */
	{ "RFC, A",		"A: X\r\n",		"a:X\r\n" },
	{ "RFC, B",		"B : Y\t\r\n\tZ  \r\n",	"b:Y Z\r\n" },
	{ "no CRLF at the end",	"A: X",			"a:X\r\n" },
	{ "nothing after colon", "A:\r\n",		"a:\r\n" },
	{ "only blanks",	"A: \t \r\n",		"a:\r\n" },
	{ "only folds",		"A:\r\n \r\n\t\r\n",	"a:\r\n" },
	{ "fold at once",	"A:\r\n X\r\n",		"a:X\r\n" },
	{ "no blank after colon", "A:X\r\n",		"a:X\r\n" },
	{ "runs of blanks",	"A: X \t \t Y\r\n",	"a:X Y\r\n" },
	{ "second colon",	"A: X: Y\r\n",		"a:X: Y\r\n" },
	{ "case of the value",	"SuBJect: AbC\r\n",	"subject:AbC\r\n" },
	{ "8-bit value",	"A: \xc3\xa9 \r\n",	"a:\xc3\xa9\r\n" },
	{ "no colon",		"A X\r\n",		NULL },
	{ "no name",		": X\r\n",		NULL },
	{ "only a blank name",	" : X\r\n",		NULL },
	{ "second field inside",	"A: X\r\nB: Y\r\n",	NULL },
	{ "bare LF",		"A: X\n Y\r\n",		NULL },
	{ "bare CR",		"A: X\r Y\r\n",		NULL },
	{ "bare CR at the end",	"A: X\r",		NULL },
	{ "line end in the name", "A\r\n : X\r\n",	NULL },
	{ "empty",		"",			NULL },
};

static void
fields_are_relaxed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(fields); i++) {
		uint8_t out[64];
		size_t in = strlen(fields[i].in);
		size_t n = dkim_canon_relax((struct slice){
		    (const uint8_t *)fields[i].in, in }, out);
		size_t want = fields[i].out != NULL ?
		    strlen(fields[i].out) : 0;

		if (n != want || memcmp(out, fields[i].out != NULL ?
		    fields[i].out : "", n) != 0)
			fail_msg("%s: got %.*s", fields[i].why, (int)n, out);
		assert_true(n <= in + 2);
	}
	/* A NUL is no text at all. */
	assert_int_equal(dkim_canon_relax((struct slice){
	    (const uint8_t *)"A: \0X\r\n", 7 }, (uint8_t[16]){ 0 }), 0);
}

static const struct {
	const char *why, *in, *out;
} bodies[] = {
	/* RFC 6376 section 3.4.5, example 1 */
	{ "RFC",	" C \r\nD \t E\r\n\r\n\r\n",	" C\r\nD E\r\n" },
	{ "empty",			"",		"" },
	{ "one empty line",		"\r\n",		"" },
	{ "empty lines alone",		"\r\n\r\n\r\n",	"" },
	{ "blanks alone",		"  \t",		"" },
	{ "blank lines alone",		" \r\n\t\r\n",	"" },
	{ "no CRLF at the end",		"a",		"a\r\n" },
	{ "blank before the end",	"a ",		"a\r\n" },
	{ "empty line inside",		"a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n" },
	{ "blank line inside",		"a\r\n \r\nb\r\n", "a\r\n\r\nb\r\n" },
	{ "empty line first",		"\r\na\r\n",	"\r\na\r\n" },
	{ "blanks at the end of a line", "a \t\r\nb\r\n", "a\r\nb\r\n" },
	{ "blanks first",		" \t a\r\n",	" a\r\n" },
	{ "bare CR is an octet",	"a\rb\r\n",	"a\rb\r\n" },
	{ "bare CR after a blank",	"a \r b\r\n",	"a \r b\r\n" },
	{ "bare CR last",		"a\r",		"a\r\r\n" },
	{ "two CR",			"a\r\r\n",	"a\r\r\n" },
	{ "bare LF is an octet",	"a\nb\r\n",	"a\nb\r\n" },
	{ "bare LF after blanks",	"a  \nb\r\n",	"a \nb\r\n" },
};

static void
sha256(const void *p, size_t len, uint8_t hash[DKIM_HASH_LEN])
{
	assert_int_equal(EVP_Digest(p, len, hash, NULL, EVP_sha256(), NULL), 1);
}

static void
bodies_are_relaxed_wherever_cut(void **state)
{
	struct err e = ERR_INIT;
	struct dkim_body_hash *h = dkim_body_hash_new(&e);

	(void)state;
	assert_non_null(h);
	for (size_t i = 0; i < N(bodies); i++) {
		const char *in = bodies[i].in;
		size_t len = strlen(in);
		uint8_t want[DKIM_HASH_LEN], got[DKIM_HASH_LEN];

		sha256(bodies[i].out, strlen(bodies[i].out), want);
		for (size_t cut = 0; cut <= len; cut++) {
			dkim_body_hash_reset(h);
			dkim_body_hash_update(h, in, cut);
			dkim_body_hash_update(h, in + cut, len - cut);
			assert_int_equal(dkim_body_hash_final(h, got, &e), 0);
			if (memcmp(got, want, sizeof(got)) != 0)
				fail_msg("%s, cut at %zu", bodies[i].why, cut);
		}
	}
	dkim_body_hash_free(h);
}

static void
a_long_body_is_hashed_in_any_pieces(void **state)
{
	struct strbuf in = STRBUF_INIT(1 << 20), out = STRBUF_INIT(1 << 20);
	struct dkim_body_hash *h = dkim_body_hash_new(NULL);
	uint8_t want[DKIM_HASH_LEN], got[DKIM_HASH_LEN];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		strbuf_addf(&in, "line %d \t of text\t\r\n", i);
		strbuf_addf(&out, "line %d of text\r\n", i);
	}
	for (int i = 0; i < 3000; i++)
		strbuf_adds(&in, "\r\n");
	assert_false(in.overflow || out.overflow);
	sha256(out.s, out.len, want);
	for (size_t step = 1; step < 5000; step = step * 3 + 1) {
		dkim_body_hash_reset(h);
		for (size_t i = 0; i < in.len; i += step)
			dkim_body_hash_update(h, in.s + i,
			    in.len - i < step ? in.len - i : step);
		assert_int_equal(dkim_body_hash_final(h, got, NULL), 0);
		assert_memory_equal(got, want, sizeof(got));
	}
	dkim_body_hash_free(h);
	strbuf_free(&in);
	strbuf_free(&out);
}

static void
a_copy_goes_on_from_a_constant_beginning(void **state)
{
	static const char text[] = "Dear \r\n\r\nreader \r\n";
	struct dkim_body_hash *from = dkim_body_hash_new(NULL);
	struct dkim_body_hash *to = dkim_body_hash_new(NULL);
	uint8_t want[DKIM_HASH_LEN], got[DKIM_HASH_LEN];

	(void)state;
	sha256("Dear\r\n\r\nreader\r\n", 16, want);
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		dkim_body_hash_reset(from);
		dkim_body_hash_update(from, text, cut);
		for (int twice = 0; twice < 2; twice++) {
			dkim_body_hash_copy(to, from);
			dkim_body_hash_update(to, text + cut,
			    strlen(text) - cut);
			assert_int_equal(dkim_body_hash_final(to, got, NULL),
			    0);
			assert_memory_equal(got, want, sizeof(got));
		}
	}
	dkim_body_hash_free(from);
	dkim_body_hash_free(to);
}

/* NULL = refused; otherwise names and body joined by '|' */
static const struct {
	const char *why, *in, *out;
} messages[] = {
	{ "two fields", "A: 1\r\nB : 2\r\n\r\nbody", "A|B|body" },
	{ "fold", "A: 1\r\n 2\r\nB: 3\r\n\r\n", "A|B|" },
	{ "no body", "A: 1\r\n", "A|" },
	{ "no header", "\r\nbody", "|body" },
	{ "nothing", "", "|" },
	{ "line without colon", "A: 1\r\nB\r\n\r\n", NULL },
	{ "begins with a fold", " A: 1\r\n\r\n", NULL },
	{ "blank in a name", "A B: 1\r\n\r\n", NULL },
	{ "semicolon in a name", "A;B: 1\r\n\r\n", NULL },
	{ "8-bit name", "\xc3\xa9: 1\r\n\r\n", NULL },
	{ "colon only in the fold", "A\r\n B: 1\r\n\r\n", NULL },
	{ "bare LF", "A: 1\nB: 2\r\n\r\n", NULL },
	{ "bare CR", "A: 1\rB: 2\r\n\r\n", NULL },
	{ "cut short", "A: 1", NULL },
	{ "cut in a line end", "A: 1\r", NULL },
};

static void
messages_are_cut_into_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(messages); i++) {
		struct strbuf got = STRBUF_INIT(100);
		struct dkim_field f[4];
		struct slice body;
		struct err e = ERR_INIT;
		size_t n;
		int rc = dkim_message_split((struct slice){
		    (const uint8_t *)messages[i].in, strlen(messages[i].in) },
		    f, N(f), &n, &body, &e);

		if ((rc == 0) != (messages[i].out != NULL))
			fail_msg("%s: %d %s", messages[i].why, rc, e.text);
		if (rc == -1)
			continue;
		for (size_t k = 0; k < n; k++)
			strbuf_addf(&got, "%s%.*s", k > 0 ? "|" : "",
			    (int)f[k].name.len, f[k].name.p);
		strbuf_addf(&got, "|%.*s", (int)body.len, body.p);
		if (strcmp(got.s, messages[i].out) != 0)
			fail_msg("%s: got %s", messages[i].why, got.s);
		strbuf_free(&got);
	}
}

static void
limits_of_a_header_hold(void **state)
{
	struct strbuf b = STRBUF_INIT(200000);
	struct dkim_field f[2];
	struct slice body;
	struct err e = ERR_INIT;
	size_t n;

	(void)state;
	strbuf_adds(&b, "A: 1\r\nB: 2\r\nC: 3\r\n\r\n");
	assert_int_equal(dkim_message_split((struct slice){ (uint8_t *)b.s,
	    b.len }, f, 2, &n, &body, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	for (int extra = 0; extra < 2; extra++) {
		strbuf_reset(&b);
		strbuf_adds(&b, "A:");
		while (b.len < DKIM_FIELD_MAX - 2 + (size_t)extra)
			strbuf_addc(&b, 'x');
		strbuf_adds(&b, "\r\n\r\n");
		assert_int_equal(dkim_message_split((struct slice){
		    (uint8_t *)b.s, b.len }, f, 2, &n, &body, &e), -extra);
	}
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
}

/* The samples are what the other tests build on: they must be lawful. */
static void
samples_are_lawful(void **state)
{
	struct strbuf b = STRBUF_INIT(1 << 20);
	size_t empty = 0, blank_end = 0;

	(void)state;
	for (uint32_t seed = 0; seed < 400; seed++) {
		struct sample m;

		strbuf_reset(&b);
		sample_message(seed, &b);
		assert_false(b.overflow);
		sample_split(b.s, b.len, &m);
		assert_true(m.n >= 3);
		empty += m.body.len == 0;
		blank_end += m.body.len > 4 && memcmp(m.body.p + m.body.len -
		    4, "\r\n\r\n", 4) == 0;
	}
	assert_true(empty > 20 && blank_end > 50);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_relaxed),
		cmocka_unit_test(bodies_are_relaxed_wherever_cut),
		cmocka_unit_test(a_long_body_is_hashed_in_any_pieces),
		cmocka_unit_test(a_copy_goes_on_from_a_constant_beginning),
		cmocka_unit_test(messages_are_cut_into_fields),
		cmocka_unit_test(limits_of_a_header_hold),
		cmocka_unit_test(samples_are_lawful),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
