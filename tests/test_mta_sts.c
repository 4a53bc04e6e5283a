/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mta_sts.c - RFC 8461 is read as written (R167), and what was seen once
 * is not forgotten because an answer is missing (T56).
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

#include "lib/err.h"
#include "lib/mta_sts.h"
#include "lib/pack.h"
#include "lib/strbuf.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *why, *text[3];
	enum mta_sts_found found;
	const char *id;
} records[] = {
	{ "as in section 3.1", { "v=STSv1; id=20160831085700Z;" },
	    MTA_STS_PRESENT, "20160831085700Z" },
	{ "no last semicolon, no blanks", { "v=STSv1;id=1" },
	    MTA_STS_PRESENT, "1" },
	{ "blanks around the semicolon", { "v=STSv1 \t; id=a1 ; " },
	    MTA_STS_PRESENT, "a1" },
	{ "extensions", { "v=STSv1; x-1.a_b=c:d; id=7; y=(z)" },
	    MTA_STS_PRESENT, "7" },
	{ "32 octets of id", { "v=STSv1; id=aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb" },
	    MTA_STS_PRESENT, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb" },
	{ "the first id counts", { "v=STSv1; id=1; id=2" },
	    MTA_STS_PRESENT, "1" },
	{ "others there are not ours", { "v=spf1 -all", "v=STSv1; id=1",
	    "v=STSv10; id=2" }, MTA_STS_PRESENT, "1" },
	{ "two of them: none (section 3.1)", { "v=STSv1; id=1",
	    "v=STSv1; id=1" }, MTA_STS_ABSENT, NULL },
	{ "two, one of them wrong", { "v=STSv1; id=1", "v=STSv1; id=" },
	    MTA_STS_ABSENT, NULL },
	{ "nothing", { NULL }, MTA_STS_ABSENT, NULL },
	{ "empty text", { "" }, MTA_STS_ABSENT, NULL },
	{ "no id", { "v=STSv1;" }, MTA_STS_ABSENT, NULL },
	{ "no field at all", { "v=STSv1" }, MTA_STS_ABSENT, NULL },
	{ "id of 33", { "v=STSv1; id=aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbc" },
	    MTA_STS_ABSENT, NULL },
	{ "id of other letters", { "v=STSv1; id=2016-08" },
	    MTA_STS_ABSENT, NULL },
	{ "the version's case counts", { "v=stsv1; id=1" },
	    MTA_STS_ABSENT, NULL },
	{ "the version comes first", { "id=1; v=STSv1;" },
	    MTA_STS_ABSENT, NULL },
	{ "blank in front", { " v=STSv1; id=1" }, MTA_STS_ABSENT, NULL },
	{ "a field that is none", { "v=STSv1; id=1; oops" },
	    MTA_STS_ABSENT, NULL },
	{ "two semicolons", { "v=STSv1;; id=1" }, MTA_STS_ABSENT, NULL },
	{ "equal sign in a value", { "v=STSv1; id=1; a=b=c" },
	    MTA_STS_ABSENT, NULL },
};

static void
one_record_and_a_right_one(void **state)
{
	char id[MTA_STS_ID_MAX + 1];

	(void)state;
	for (size_t i = 0; i < N(records); i++) {
		size_t n = 0;

		while (n < 3 && records[i].text[n] != NULL)
			n++;
		id[0] = '\0';
		if (mta_sts_record(records[i].text, n, id) != records[i].found)
			fail_msg("%s", records[i].why);
		if (records[i].id != NULL)
			assert_string_equal(id, records[i].id);
	}
}

#define HEAD	"version: STSv1\nmode: enforce\nmax_age: 86400\n"

static const struct {
	const char *why, *text;
	enum mta_sts_mode mode;
	uint32_t max_age_s;
	unsigned n;
	const char *first;
} policies[] = {
	{ "as in section 3.2",
	    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
	    "mx: *.example.net\r\nmx: backupmx.example.com\r\n"
	    "max_age: 604800\r\n", MTA_STS_ENFORCE, 604800, 3,
	    "mail.example.com" },
	{ "LF, and no last one", "version:STSv1\nmode:testing\nmx:A.B.\n"
	    "max_age:1", MTA_STS_TESTING, 1, 1, "a.b" },
	{ "mode none needs no mail host", "version: STSv1\nmode: none\n"
	    "max_age: 60\n", MTA_STS_NONE, 60, 0, NULL },
	{ "unknown keys", HEAD "mx: a.b\nx.y-z_1: \303\244 b\n",
	    MTA_STS_ENFORCE, 86400, 1, "a.b" },
	{ "the first of a repeated key", HEAD "mode: none\nversion: STSv2\n"
	    "max_age: x\nmx: a.b\n", MTA_STS_ENFORCE, 86400, 1, "a.b" },
	{ "blanks behind and empty lines", HEAD "\r\nmx: a.b \t\r\n\n",
	    MTA_STS_ENFORCE, 86400, 1, "a.b" },
	{ "a year and more", "version: STSv1\nmode: enforce\nmx: a\n"
	    "max_age: 9999999999\n", MTA_STS_ENFORCE, MTA_STS_AGE_MAX_S, 1,
	    "a" },
	{ "no age at all", "version: STSv1\nmode: enforce\nmx: a\n"
	    "max_age: 0\n", MTA_STS_ENFORCE, 0, 1, "a" },
};

static const struct {
	const char *why, *text, *says;
} refused[] = {
	{ "empty", "", "version" },
	{ "a page of HTML", "<!doctype html>\n<p>hello</p>\n", "no field" },
	{ "no version", "mode: none\nmax_age: 1\n", "version" },
	{ "a later version", "version: STSv2\nmode: none\nmax_age: 1\n",
	    "wrong version" },
	{ "no mode", "version: STSv1\nmx: a\nmax_age: 1\n", "mode" },
	{ "unknown mode", "version: STSv1\nmode: report\nmax_age: 1\n",
	    "wrong mode" },
	{ "mode in capitals", "version: STSv1\nmode: Enforce\nmax_age: 1\n",
	    "wrong mode" },
	{ "no max_age", "version: STSv1\nmode: none\n", "max_age" },
	{ "eleven digits", "version: STSv1\nmode: none\nmax_age: 00000000001\n",
	    "wrong max_age" },
	{ "negative", "version: STSv1\nmode: none\nmax_age: -1\n",
	    "wrong max_age" },
	{ "no mail host", HEAD, "mx" },
	{ "empty mail host", HEAD "mx: \n", "wrong mx" },
	{ "star within", HEAD "mx: a.*.b\n", "wrong mx" },
	{ "star alone", HEAD "mx: *\n", "wrong mx" },
	{ "star as part of a label", HEAD "mx: *a.b\n", "wrong mx" },
	{ "empty label", HEAD "mx: a..b\n", "wrong mx" },
	{ "blank within", HEAD "mx: a b\n", "wrong mx" },
	{ "a line that is none", HEAD "mx: a.b\nhello\n", "no field" },
	{ "NUL within", NULL, "no field" },
};

static void
policies_are_read(void **state)
{
	static struct mta_sts_policy p;
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < N(policies); i++) {
		if (mta_sts_parse(policies[i].text, strlen(policies[i].text),
		    &p, &e) == -1)
			fail_msg("%s: %s", policies[i].why, e.text);
		assert_int_equal(p.mode, policies[i].mode);
		assert_int_equal(p.max_age_s, policies[i].max_age_s);
		assert_int_equal(p.n, policies[i].n);
		if (policies[i].first != NULL)
			assert_string_equal(p.mx[0], policies[i].first);
	}
	for (size_t i = 0; i < N(refused); i++) {
		static const char nul[] = "version: STSv1\nm\0de: none\n";
		const char *text = refused[i].text;

		if (mta_sts_parse(text != NULL ? text : nul, text != NULL ?
		    strlen(text) : sizeof(nul) - 1, &p, &e) == 0)
			fail_msg("taken: %s", refused[i].why);
		assert_int_equal(e.code, ERR_INPUT);
		if (strstr(e.text, refused[i].says) == NULL)
			fail_msg("%s: %s", refused[i].why, e.text);
	}
}

static void
policies_have_limits(void **state)
{
	static struct mta_sts_policy p;
	static char text[MTA_STS_POLICY_MAX + 2];
	struct err e = ERR_INIT;
	size_t len;
	int n;

	(void)state;
	n = snprintf(text, sizeof(text), HEAD "mx: a.b\n");
	memset(text + n, '\n', sizeof(text) - (size_t)n);
	assert_int_equal(mta_sts_parse(text, MTA_STS_POLICY_MAX, &p, &e), 0);
	assert_int_equal(mta_sts_parse(text, MTA_STS_POLICY_MAX + 1, &p, &e),
	    -1);
	assert_int_equal(e.code, ERR_LIMIT);

	len = (size_t)snprintf(text, sizeof(text), HEAD);
	for (int i = 0; i < MTA_STS_MX_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "mx: m%d.example\n", i);
	assert_int_equal(mta_sts_parse(text, len, &p, &e), 0);
	assert_int_equal(p.n, MTA_STS_MX_MAX);
	len += (size_t)snprintf(text + len, sizeof(text) - len, "mx: one\n");
	assert_int_equal(mta_sts_parse(text, len, &p, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

static const struct {
	const char *why, *pattern, *host;
	bool yes;
} matches[] = {
	{ "the name", "mx.example.com", "mx.example.com", true },
	{ "case", "mx.example.com", "MX.Example.COM", true },
	{ "a last dot", "mx.example.com", "mx.example.com.", true },
	{ "a label more", "mx.example.com", "a.mx.example.com", false },
	{ "a tail of it", "mx.example.com", "example.com", false },
	{ "one label for the star", "*.example.com", "mx.example.com", true },
	{ "with a last dot", "*.example.com", "MX.example.com.", true },
	{ "two labels (section 4.1)", "*.example.com", "a.b.example.com",
	    false },
	{ "none", "*.example.com", "example.com", false },
	{ "an empty one", "*.example.com", ".example.com", false },
	{ "part of a label", "*.example.com", "mx.myexample.com", false },
	{ "no host", "*.example.com", "", false },
};

static void
a_star_is_one_label(void **state)
{
	static struct mta_sts_policy p;
	struct err e = ERR_INIT;
	char text[256];

	(void)state;
	for (size_t i = 0; i < N(matches); i++) {
		int n = snprintf(text, sizeof(text), HEAD "mx: other.host\n"
		    "mx: %s\n", matches[i].pattern);

		assert_int_equal(mta_sts_parse(text, (size_t)n, &p, &e), 0);
		if (mta_sts_match(&p, matches[i].host) != matches[i].yes)
			fail_msg("%s", matches[i].why);
	}
}

static void
plain_text_alone(void **state)
{
	(void)state;		/* section 3.2 */
	assert_true(mta_sts_is_plain("text/plain"));
	assert_true(mta_sts_is_plain("Text/Plain; charset=utf-8"));
	assert_true(mta_sts_is_plain(" text/plain ;x"));
	assert_false(mta_sts_is_plain("text/plainer"));
	assert_false(mta_sts_is_plain("text/html"));
	assert_false(mta_sts_is_plain(""));
}

/* ---- the cache */

#define DAY	86400000
#define T0	INT64_C(1700000000000)

static struct mta_sts_policy *
policy(enum mta_sts_mode mode, uint32_t max_age_s)
{
	static struct mta_sts_policy p;

	p = (struct mta_sts_policy){ .mode = mode, .max_age_s = max_age_s,
		.n = 1 };
	strcpy(p.mx[0], "mx.example");
	return &p;
}

static void
expect(struct mta_sts_cache *c, enum mta_sts_found found, const char *id,
    int64_t now, enum mta_sts_step step, bool policy_there)
{
	const struct mta_sts_policy *p;

	assert_int_equal(mta_sts_cache_ask(c, "One.example", found, id, now,
	    &p), step);
	assert_int_equal(p != NULL, policy_there);
	if (p != NULL)
		assert_string_equal(p->mx[0], "mx.example");
}

static void
a_policy_outlives_what_is_withheld(void **state)
{
	struct mta_sts_cache *c = mta_sts_cache_new(4);
	int64_t week = 7 * (int64_t)DAY;

	(void)state;
	expect(c, MTA_STS_ABSENT, NULL, T0, MTA_STS_GO, false);
	expect(c, MTA_STS_UNKNOWN, NULL, T0, MTA_STS_GO, false);
	expect(c, MTA_STS_PRESENT, "1", T0, MTA_STS_FETCH, false);
	mta_sts_cache_store(c, "one.EXAMPLE", "1", policy(MTA_STS_ENFORCE,
	    604800), T0);
	expect(c, MTA_STS_PRESENT, "1", T0 + 1, MTA_STS_GO, true);
	/* No record, or no answer: what was promised holds (section 3.3). */
	expect(c, MTA_STS_ABSENT, NULL, T0 + week - 1, MTA_STS_GO, true);
	expect(c, MTA_STS_UNKNOWN, NULL, T0 + week - 1, MTA_STS_GO, true);
	/* A new id, and the fetch fails: the old one holds. */
	expect(c, MTA_STS_PRESENT, "2", T0 + 2, MTA_STS_FETCH, true);
	mta_sts_cache_failed(c, "one.example", "HTTP 404", T0 + 2);
	assert_string_equal(mta_sts_cache_why(c, "ONE.example"), "HTTP 404");
	expect(c, MTA_STS_PRESENT, "2", T0 + 2 + MTA_STS_FAILED_MS - 1,
	    MTA_STS_GO, true);
	expect(c, MTA_STS_PRESENT, "2", T0 + 2 + MTA_STS_FAILED_MS,
	    MTA_STS_FETCH, true);
	/* Nothing is promised beyond max_age. */
	expect(c, MTA_STS_ABSENT, NULL, T0 + week, MTA_STS_GO, false);
	expect(c, MTA_STS_PRESENT, "2", T0 + week, MTA_STS_FETCH, false);
	mta_sts_cache_free(c);
}

static void
a_policy_is_fetched_again_in_time(void **state)
{
	struct mta_sts_cache *c = mta_sts_cache_new(4);

	(void)state;		/* section 10.2: at least once a day */
	mta_sts_cache_store(c, "one.example", "1", policy(MTA_STS_ENFORCE,
	    604800), T0);
	expect(c, MTA_STS_PRESENT, "1", T0 + DAY - 1, MTA_STS_GO, true);
	expect(c, MTA_STS_PRESENT, "1", T0 + DAY, MTA_STS_FETCH, true);
	/* A short one at half of its time. */
	mta_sts_cache_store(c, "one.example", "1", policy(MTA_STS_ENFORCE,
	    3600), T0);
	expect(c, MTA_STS_PRESENT, "1", T0 + 1799999, MTA_STS_GO, true);
	expect(c, MTA_STS_PRESENT, "1", T0 + 1800000, MTA_STS_FETCH, true);
	/* The clock was set back: what it says now is not known. */
	expect(c, MTA_STS_PRESENT, "1", T0 - 1, MTA_STS_FETCH, true);
	mta_sts_cache_free(c);
}

static void
failures_and_revocations(void **state)
{
	struct mta_sts_cache *c = mta_sts_cache_new(4);

	(void)state;
	mta_sts_cache_failed(c, "one.example", "timed out", T0);
	expect(c, MTA_STS_PRESENT, "1", T0 + 1, MTA_STS_GO, false);
	expect(c, MTA_STS_PRESENT, "1", T0 + MTA_STS_FAILED_MS, MTA_STS_FETCH,
	    false);
	/* A policy that came ends the memory of the failure. */
	mta_sts_cache_store(c, "one.example", "1", policy(MTA_STS_TESTING,
	    604800), T0 + 2);
	assert_string_equal(mta_sts_cache_why(c, "one.example"), "");
	expect(c, MTA_STS_PRESENT, "2", T0 + 3, MTA_STS_FETCH, true);
	/* Mode none takes the old one back (section 8.3). */
	mta_sts_cache_store(c, "one.example", "2", policy(MTA_STS_NONE,
	    604800), T0 + 3);
	expect(c, MTA_STS_PRESENT, "2", T0 + 4, MTA_STS_GO, false);
	mta_sts_cache_free(c);
}

static void
the_least_asked_for_goes_first(void **state)
{
	struct mta_sts_cache *c = mta_sts_cache_new(2);
	const struct mta_sts_policy *p;

	(void)state;
	mta_sts_cache_store(c, "a.example", "1", policy(MTA_STS_ENFORCE, 600),
	    T0);
	mta_sts_cache_store(c, "b.example", "1", policy(MTA_STS_ENFORCE, 600),
	    T0);
	mta_sts_cache_ask(c, "a.example", MTA_STS_ABSENT, NULL, T0, &p);
	mta_sts_cache_store(c, "c.example", "1", policy(MTA_STS_ENFORCE, 600),
	    T0);
	assert_int_equal(mta_sts_cache_count(c), 2);
	mta_sts_cache_ask(c, "a.example", MTA_STS_ABSENT, NULL, T0, &p);
	assert_non_null(p);
	mta_sts_cache_ask(c, "b.example", MTA_STS_ABSENT, NULL, T0, &p);
	assert_null(p);
	mta_sts_cache_free(c);
}

/* B is whose fetches fail, and he has many names. */
static void
failures_push_out_no_policy(void **state)
{
	struct mta_sts_cache *c = mta_sts_cache_new(3);
	const struct mta_sts_policy *p;
	char name[32];

	(void)state;
	mta_sts_cache_store(c, "a.example", "1", policy(MTA_STS_ENFORCE,
	    604800), T0);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "b%d.example", i);
		mta_sts_cache_failed(c, name, "no", T0);
	}
	assert_int_equal(mta_sts_cache_count(c), 3);
	mta_sts_cache_ask(c, "a.example", MTA_STS_ABSENT, NULL, T0, &p);
	assert_non_null(p);
	/* One whose time is over is worth no more than a failure. */
	mta_sts_cache_ask(c, "a.example", MTA_STS_ABSENT, NULL,
	    T0 + 7 * (int64_t)DAY, &p);
	assert_null(p);
	mta_sts_cache_failed(c, "c.example", "no", T0);
	mta_sts_cache_failed(c, "d.example", "no", T0);
	mta_sts_cache_failed(c, "e.example", "no", T0);
	assert_false(mta_sts_cache_kept(c, "a.example",
	    &(struct mta_sts_kept){ .id = "" }));
	mta_sts_cache_free(c);
}

/* ---- kept */

static const struct mta_sts_kept kept = { .id = "7", .fetched_ms = T0,
	.expires_ms = T0 + 600000,
	.policy = { MTA_STS_ENFORCE, 600, 2, { "mx.example", "*.b.example" } }
};

/* RFC 8461 section 5.1: it counts until its time is over, here or there. */
static void
what_was_kept_counts(void **state)
{
	static struct mta_sts_kept k;
	struct mta_sts_cache *c = mta_sts_cache_new(4);

	(void)state;
	mta_sts_cache_failed(c, "one.example", "no", T0);
	assert_false(mta_sts_cache_kept(c, "one.example", &k));
	mta_sts_cache_load(c, "one.example", &kept, T0 + 600000);
	expect(c, MTA_STS_ABSENT, NULL, T0 + 1, MTA_STS_GO, false);
	mta_sts_cache_load(c, "ONE.example", &kept, T0 + 599999);
	expect(c, MTA_STS_ABSENT, NULL, T0 + 599999, MTA_STS_GO, true);
	assert_true(mta_sts_cache_kept(c, "one.example", &k));
	assert_string_equal(k.id, "7");
	assert_int_equal(k.expires_ms, kept.expires_ms);
	assert_int_equal(k.policy.n, 2);
	assert_string_equal(k.policy.mx[1], "*.b.example");
	/* What is here and later wins. */
	mta_sts_cache_store(c, "one.example", "8", policy(MTA_STS_NONE, 600),
	    T0 + 1);
	mta_sts_cache_load(c, "one.example", &kept, T0 + 2);
	expect(c, MTA_STS_ABSENT, NULL, T0 + 2, MTA_STS_GO, false);
	assert_true(mta_sts_cache_kept(c, "one.example", &k));
	assert_string_equal(k.id, "8");
	mta_sts_cache_free(c);
}

static void
fields_are_read_back(void **state)
{
	static struct mta_sts_kept k, worst;
	struct strbuf b = STRBUF_INIT(65536);
	struct unpack u;

	(void)state;
	mta_sts_pack(&b, &kept);
	for (size_t len = 0; len <= b.len; len++) {
		unpack_init(&u, b.s, len);
		mta_sts_unpack(&u, &k);
		assert_int_equal(unpack_done(&u), len == b.len);
	}
	assert_string_equal(k.id, kept.id);
	assert_int_equal(k.fetched_ms, kept.fetched_ms);
	assert_int_equal(k.policy.mode, MTA_STS_ENFORCE);
	assert_string_equal(k.policy.mx[0], "mx.example");
	for (int i = 0; i < 5; i++) {
		worst = kept;
		if (i == 0)
			worst.policy.mode = MTA_STS_ENFORCE + 1;
		if (i == 1)
			worst.policy.max_age_s = MTA_STS_AGE_MAX_S + 1;
		if (i == 2)
			worst.expires_ms = T0 - 1;
		if (i == 3)
			worst.expires_ms = T0 + MTA_STS_AGE_MAX_S *
			    INT64_C(1000) + 1;
		if (i == 4)
			worst.fetched_ms = -1;
		strbuf_reset(&b);
		mta_sts_pack(&b, &worst);
		unpack_init(&u, b.s, b.len);
		mta_sts_unpack(&u, &k);
		assert_false(unpack_done(&u));
	}
	strbuf_free(&b);
}

static void
policies_are_written_back(void **state)
{
	static const char text[] = "version: STSv1\r\nmode: testing\r\n"
	    "mx: a.example\r\nmx: *.b.example\r\nmax_age: 604800\r\n";
	static struct mta_sts_policy p, back;
	struct strbuf out = STRBUF_INIT(4096);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mta_sts_parse(text, sizeof(text) - 1, &p, &e), 0);
	mta_sts_format(&out, &p, 4096);
	assert_int_equal(mta_sts_parse(out.s, out.len, &back, &e), 0);
	assert_int_equal(back.mode, MTA_STS_TESTING);
	assert_int_equal(back.max_age_s, 604800);
	assert_int_equal(back.n, 2);
	assert_string_equal(back.mx[1], "*.b.example");
	/* What there is no room for is left out by the line. */
	strbuf_reset(&out);
	mta_sts_format(&out, &p, 65);
	assert_string_equal(out.s, "version: STSv1\nmode: testing\n"
	    "max_age: 604800\nmx: a.example\n");
	strbuf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_record_and_a_right_one),
		cmocka_unit_test(policies_are_read),
		cmocka_unit_test(policies_have_limits),
		cmocka_unit_test(a_star_is_one_label),
		cmocka_unit_test(plain_text_alone),
		cmocka_unit_test(a_policy_outlives_what_is_withheld),
		cmocka_unit_test(a_policy_is_fetched_again_in_time),
		cmocka_unit_test(failures_and_revocations),
		cmocka_unit_test(the_least_asked_for_goes_first),
		cmocka_unit_test(failures_push_out_no_policy),
		cmocka_unit_test(what_was_kept_counts),
		cmocka_unit_test(fields_are_read_back),
		cmocka_unit_test(policies_are_written_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
