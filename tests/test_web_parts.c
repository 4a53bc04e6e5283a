/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_web_parts.c - the pieces of pages: escaping, texts, the token of a
 * form, hidden addresses and the figures for Prometheus.
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

#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "web/form_token.h"
#include "web/html.h"
#include "web/looks.h"
#include "web/metrics.h"
#include "web/site.h"
#include "web/view.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define BAD	"\xef\xbf\xbd"		/* U+FFFD */

/* What strangers and owners write, as it may stand in a page (X35, T31). */
static const struct {
	const char *why, *text, *escaped;
} rows[] = {
	{ "plain", "News of May", "News of May" },
	{ "markup", "<script>&amp;</script>",
	    "&lt;script&gt;&amp;amp;&lt;/script&gt;" },
	{ "out of an attribute", "\" onclick='x'",
	    "&quot; onclick=&#39;x&#39;" },
	{ "UTF-8", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xb0",
	    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xb0" },
	{ "no UTF-8", "a\xff\xc3z", "a" BAD BAD "z" },
	{ "overlong <", "\xc0\xbc", BAD BAD },
	{ "a control", "a\x1b[31mb\x7f", "a" BAD "[31mb" BAD },
	{ "a C1 control", "\xc2\x9b", BAD },
	{ "line ends", "a\nb", "a\nb" },
	{ "right to left override", "a\xe2\x80\xaetxt.exe", "a" BAD "txt.exe" },
	{ "isolate", "\xe2\x81\xa6x\xe2\x81\xa9", BAD "x" BAD },
	{ "right to left letters may stay", "\xd7\x90", "\xd7\x90" },
	{ "empty", "", "" },
};

static void
values_are_escaped(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		strbuf_reset(&out);
		html_escape(&out, rows[i].text, strlen(rows[i].text));
		if (strcmp(out.s, rows[i].escaped) != 0)
			fail_msg("%s: \"%s\"", rows[i].why, out.s);
	}
	strbuf_reset(&out);
	html_escape(&out, "a\0b", 3);
	assert_string_equal(out.s, "a" BAD "b");
	strbuf_reset(&out);
	html_paragraph(&out, TEXT_JOIN_ASK, "<x>");
	assert_non_null(strstr(out.s, "<strong><bdi>&lt;x&gt;</bdi></strong>"));
	strbuf_free(&out);
}

/* Each text is there, has no markup and at most one place for a value. */
static void
texts_are_whole(void **state)
{
	(void)state;
	for (enum text i = TEXT_NONE + 1; i < TEXTS; i++) {
		const char *t = text(i), *hole = strstr(t, "{}");

		if (t[0] == '\0' || strpbrk(t, "<>&") != NULL)
			fail_msg("text %d: \"%s\"", (int)i, t);
		if (hole != NULL)
			assert_null(strstr(hole + 2, "{}"));
	}
}

static struct keyring *
ring_of(const char *first, const char *second)
{
	struct keyring *kr = keyring_new();
	uint8_t octets[KEY_OCTETS] = { 0 };

	snprintf((char *)octets, sizeof(octets), "%s", first);
	assert_int_equal(keyring_rotate(kr, KEY_CONFIRM, octets, NULL, NULL),
	    0);
	if (second != NULL) {
		snprintf((char *)octets, sizeof(octets), "%s", second);
		assert_int_equal(keyring_rotate(kr, KEY_CONFIRM, octets, NULL,
		    NULL), 0);
	}
	return kr;
}

static void
form_tokens_bind_list_text_and_time(void **state)
{
	struct keyring *kr = ring_of("one", NULL);
	struct keyring *rotated = ring_of("one", "two");
	struct keyring *foreign = ring_of("three", NULL);
	uint8_t shown[FORM_TOKEN_HASH] = "text", other[FORM_TOKEN_HASH] = "t";
	char token[FORM_TOKEN_LEN + 1], bent[FORM_TOKEN_LEN + 1];
	const int64_t t0 = 1700000000000;

	(void)state;
	form_token_make(kr, 7, shown, t0, token);
	assert_int_equal(strlen(token), FORM_TOKEN_LEN);
#define CHECK(k, l, s, ms)	form_token_check(k, token, l, s, t0 + (ms))
	assert_int_equal(CHECK(kr, 7, shown, 0), FORM_TOKEN_YOUNG);
	assert_int_equal(CHECK(kr, 7, shown, FORM_TOKEN_MIN_MS - 1),
	    FORM_TOKEN_YOUNG);
	assert_int_equal(CHECK(kr, 7, shown, FORM_TOKEN_MIN_MS),
	    FORM_TOKEN_GOOD);
	assert_int_equal(CHECK(kr, 7, shown, FORM_TOKEN_MAX_MS),
	    FORM_TOKEN_GOOD);
	assert_int_equal(CHECK(kr, 7, shown, FORM_TOKEN_MAX_MS + 1),
	    FORM_TOKEN_OLD);
	assert_int_equal(CHECK(kr, 7, shown, -1), FORM_TOKEN_YOUNG);
	assert_int_equal(CHECK(kr, 8, shown, 5000), FORM_TOKEN_BAD);
	assert_int_equal(CHECK(kr, 7, other, 5000), FORM_TOKEN_BAD);
	assert_int_equal(CHECK(foreign, 7, shown, 5000), FORM_TOKEN_BAD);
	/* A form that was open while the key rotated. */
	assert_int_equal(CHECK(rotated, 7, shown, 5000), FORM_TOKEN_GOOD);
#undef CHECK
	assert_int_equal(form_token_check(kr, "", 7, shown, t0 + 5000),
	    FORM_TOKEN_BAD);
	for (size_t i = 0; i < FORM_TOKEN_LEN; i++) {
		memcpy(bent, token, sizeof(bent));
		bent[i] = bent[i] == 'a' ? 'b' : 'a';
		if (form_token_check(kr, bent, 7, shown, t0 + 5000) !=
		    FORM_TOKEN_BAD)
			fail_msg("bent at %zu and taken", i);
	}
	keyring_free(kr);
	keyring_free(rotated);
	keyring_free(foreign);
}

static void
addresses_are_hidden(void **state)
{
	static const struct {
		const char *address, *shown;
	} masks[] = {
		{ "alice@example.org", "a...@example.org" },
		{ "a@example.org", "a...@example.org" },
		{ "\"a@b\"@example.org", "...@example.org" },
		{ "\xc3\xa4@example.org", "...@example.org" },
		{ "@example.org", "...@example.org" },
		{ "nothing", "..." },
		{ "", "..." },
	};
	char out[VIEW_FROM_MAX + 1];

	(void)state;
	for (size_t i = 0; i < LEN(masks); i++) {
		view_mask(masks[i].address, out);
		assert_string_equal(out, masks[i].shown);
	}
}

static void
prefixes_are_found(void **state)
{
	static const struct {
		const char *url_base, *prefix;
	} urls[] = {
		{ "", "" },
		{ "url_base = https://example.org\n", "" },
		{ "url_base = https://example.org/a/b\n", "/a/b" },
	};
	static struct conf conf;
	static struct site site;
	struct strbuf bad = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < LEN(urls); i++) {
		char file[256];

		snprintf(file, sizeof(file), "hostname = a.example\n%s",
		    urls[i].url_base);
		assert_int_equal(conf_parse(&conf, "t", file, strlen(file),
		    &bad), 0);
		site_init(&site, &conf);
		assert_string_equal(site.prefix, urls[i].prefix);
		assert_string_equal(site.abuse, "abuse@a.example");
	}
	strbuf_free(&bad);
}

static void
figures_add_up(void **state)
{
	static const int64_t trips_ms[] = { 0, 1, 2, 10, 11, 9999, 10001 };
	struct strbuf out = STRBUF_INIT(65536);
	struct metrics *m = metrics_new();

	(void)state;
	for (size_t i = 0; i < LEN(trips_ms); i++)
		metrics_round_trip(m, trips_ms[i]);
	metrics_request(m, ROUTE_LEAVE, 200);
	metrics_request(m, ROUTE_LEAVE, 200);
	metrics_request(m, ROUTE_LEAVE, 0);
	metrics_request(m, ROUTE_NONE, 418);
	metrics_connection(m, 1);
	metrics_connection(m, 1);
	metrics_connection(m, -1);
	metrics_format(m, &out);
#define HAS(line)	assert_non_null(strstr(out.s, line))
	HAS("_bucket{le=\"0.001\"} 2\n");
	HAS("_bucket{le=\"0.002\"} 3\n");
	HAS("_bucket{le=\"0.010\"} 4\n");
	HAS("_bucket{le=\"0.020\"} 5\n");
	HAS("_bucket{le=\"9.000\"} 5\n");
	HAS("_bucket{le=\"10.000\"} 6\n");
	HAS("_bucket{le=\"+Inf\"} 7\n");
	HAS("listd_web_queue_seconds_sum 20.024\n");
	HAS("listd_web_queue_seconds_count 7\n");
	HAS("{route=\"leave\",status=\"200\"} 2\n");
	HAS("{route=\"leave\",status=\"none\"} 1\n");
	HAS("{route=\"none\",status=\"other\"} 1\n");
	HAS("listd_web_connections 1\n");
#undef HAS
	assert_false(out.overflow);
	metrics_free(m);
	strbuf_free(&out);
}

/* ---- looks.h */

static void
token_of(uint32_t i, uint8_t token[static TOKEN_HASH_OCTETS])
{
	memset(token, 0, TOKEN_HASH_OCTETS);
	/* As hashes do, they differ where the place is chosen. */
	token[0] = (uint8_t)(i >> 8);
	token[1] = (uint8_t)i;
	token[2] = (uint8_t)(i >> 16);
}

/* Who is looked at goes on being known; there is room for so many. */
static void
looks_are_remembered_for_a_while(void **state)
{
	static const uint8_t ip[16] = { 1 }, other[16] = { 2 };
	uint8_t token[TOKEN_HASH_OCTETS];
	struct looks *l = looks_new();
	struct look first;
	unsigned known = 0;

	(void)state;
	token_of(7, token);
	assert_int_equal(looks_of(l, token).n, 0);
	looks_note(l, token, 1000, ip, "Scanner");
	looks_note(l, token, 2000, other, "Browser");
	first = looks_of(l, token);
	assert_int_equal(first.n, 2);
	assert_true(first.first_ms == 1000);
	assert_memory_equal(first.ip, ip, 16);
	assert_string_equal(first.agent, "Scanner");
	for (uint32_t i = 0; i < 4 * LOOKS_MAX; i++) {
		token_of(i, token);
		looks_note(l, token, 3000, ip, "x");
		token_of(7, token);
		looks_note(l, token, 3000, ip, "y");
	}
	assert_true(looks_of(l, token).n > 4 * LOOKS_MAX);
	assert_string_equal(looks_of(l, token).agent, "Scanner");
	for (uint32_t i = 0; i < 4 * LOOKS_MAX; i++) {
		token_of(i, token);
		known += looks_of(l, token).n > 0;
	}
	assert_in_range(known, LOOKS_MAX / 2, LOOKS_MAX);
	looks_free(l);
	looks_note(NULL, token, 1, ip, "");
	assert_int_equal(looks_of(NULL, token).n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(texts_are_whole),
		cmocka_unit_test(form_tokens_bind_list_text_and_time),
		cmocka_unit_test(addresses_are_hidden),
		cmocka_unit_test(prefixes_are_found),
		cmocka_unit_test(figures_add_up),
		cmocka_unit_test(looks_are_remembered_for_a_while),
	};

	return cmocka_run_group_tests_name("web_parts", tests, NULL, NULL);
}
