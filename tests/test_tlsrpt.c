/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_tlsrpt.c - reports by RFC 8460 (R169): who asks for them, what is
 * counted, and that the report has the shape of section 4.4.
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

#include <jansson.h>
#include <zlib.h>

#include "lib/err.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/tlsrpt.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))
#define DAY	INT64_C(17000)
#define DAY_MS	(DAY * 86400000)

static const struct {
	const char *why, *text[2];
	unsigned n;
	const char *first;
} records[] = {
	{ "section 3, by mail", { "v=TLSRPTv1;rua=mailto:reports@example.com" },
	    1, "mailto:reports@example.com" },
	{ "section 3, by HTTPS",
	    { "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt" }, 1,
	    "https://reporting.example.com/v1/tlsrpt" },
	{ "several, and blanks around",
	    { "v=TLSRPTv1 ; rua=mailto:a@b.example , https://c/d ;" }, 2,
	    "mailto:a@b.example" },
	{ "schemes not known are left out",
	    { "v=TLSRPTv1; rua=ftp://a,mailto:a@b.example" }, 1,
	    "mailto:a@b.example" },
	{ "extensions", { "v=TLSRPTv1; x=1; rua=mailto:a@b.example; y=2" }, 1,
	    "mailto:a@b.example" },
	{ "the first rua counts",
	    { "v=TLSRPTv1; rua=mailto:a@b; rua=mailto:c@d" }, 1,
	    "mailto:a@b" },
	{ "others there are not ours", { "v=spf1 -all",
	    "v=TLSRPTv1; rua=mailto:a@b" }, 1, "mailto:a@b" },
	{ "two records: none", { "v=TLSRPTv1; rua=mailto:a@b",
	    "v=TLSRPTv1; rua=mailto:c@d" }, 0, NULL },
	{ "nothing asked for", { "v=TLSRPTv1;" }, 0, NULL },
	{ "a later version", { "v=TLSRPTv2; rua=mailto:a@b" }, 0, NULL },
	{ "no record", { NULL }, 0, NULL },
	{ "a scheme alone", { "v=TLSRPTv1; rua=mailto:" }, 0, NULL },
};

static void
who_asks_is_told(void **state)
{
	static struct tlsrpt_rua rua;

	(void)state;
	for (size_t i = 0; i < N(records); i++) {
		size_t n = 0;

		while (n < 2 && records[i].text[n] != NULL)
			n++;
		if (tlsrpt_record(records[i].text, n, &rua) !=
		    (records[i].n > 0) || rua.n != records[i].n)
			fail_msg("%s", records[i].why);
		if (records[i].first != NULL)
			assert_string_equal(rua.uri[0], records[i].first);
	}
}

static void
a_record_has_limits(void **state)
{
	static struct tlsrpt_rua rua;
	static char text[8192];
	const char *one = text;
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), "v=TLSRPTv1;rua=mailto:");
	memset(text + n, 'a', TLSRPT_URI_MAX - 7);
	text[n + TLSRPT_URI_MAX - 7] = '\0';
	assert_true(tlsrpt_record(&one, 1, &rua));
	strcat(text, "a");
	assert_false(tlsrpt_record(&one, 1, &rua));
	n = (size_t)snprintf(text, sizeof(text), "v=TLSRPTv1;rua=mailto:a@b");
	for (int i = 0; i < TLSRPT_RUA_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    ",mailto:a%d@b", i);
	assert_true(tlsrpt_record(&one, 1, &rua));
	assert_int_equal(rua.n, TLSRPT_RUA_MAX);
}

static const struct {
	const char *why, *uri, *address;
} mailtos[] = {
	{ "plain", "mailto:a@b.example", "a@b.example" },
	{ "any case of the scheme", "MailTo:a@b.example", "a@b.example" },
	{ "escapes (RFC 6068)", "mailto:a%2bb@c.example", "a+b@c.example" },
	{ "fields are cut off", "mailto:a@b.example?subject=x", "a@b.example" },
	{ "another scheme", "https://a@b.example", NULL },
	{ "broken escape", "mailto:a%2@b.example", NULL },
	{ "escape at the end", "mailto:a@b.example%4", NULL },
	{ "a NUL", "mailto:a%00@b.example", NULL },
	{ "a line end", "mailto:a%0d%0aX@b.example", NULL },
	{ "two mailboxes", "mailto:a@b.example,c@d.example", NULL },
	{ "none", "mailto:", NULL },
};

static void
mailboxes_of_uris(void **state)
{
	char address[TLSRPT_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < N(mailtos); i++) {
		struct err e = ERR_INIT;
		int rc = tlsrpt_mailto(mailtos[i].uri, address, &e);

		if ((rc == 0) != (mailtos[i].address != NULL))
			fail_msg("%s: %s", mailtos[i].why, e.text);
		if (rc == 0)
			assert_string_equal(address, mailtos[i].address);
		else
			assert_int_not_equal(e.code, ERR_NONE);
	}
}

/* ---- counting */

static struct tlsrpt_event
event(const char *domain, enum tlsrpt_result result, const char *mx,
    uint32_t count)
{
	return (struct tlsrpt_event){ .when_ms = DAY_MS + 5, .domain = domain,
		.type = TLSRPT_STS, .mx = mx, .result = result, .count = count,
		.policy = "version: STSv1\nmode: enforce\n"
		    "mx: *.mail.example\nmx: b.example\nmax_age: 86400",
		.ip = "192.0.2.1", .reason = "why \377" };
}

static void
rows_are_bounded(void **state)
{
	struct tlsrpt *t = tlsrpt_new(2);
	struct tlsrpt_event ev = event("a.example", TLSRPT_SUCCESS, "m", 1);
	static char longer[TLSRPT_POLICY_MAX + 2];

	(void)state;
	assert_true(tlsrpt_count(t, &ev));
	ev.domain = "A.Example";		/* the same in any case */
	ev.mx = "M";
	assert_true(tlsrpt_count(t, &ev));
	assert_int_equal(tlsrpt_rows(t), 1);
	ev.result = TLSRPT_EXPIRED;
	assert_true(tlsrpt_count(t, &ev));
	ev.result = TLSRPT_NOT_TRUSTED;
	ev.count = 7;
	assert_false(tlsrpt_count(t, &ev));	/* a third row */
	assert_int_equal(tlsrpt_lost(t), 7);
	ev.result = TLSRPT_EXPIRED;
	assert_true(tlsrpt_count(t, &ev));	/* one that is there */
	tlsrpt_forget(t, "a.example", DAY);
	assert_int_equal(tlsrpt_rows(t), 0);
	memset(longer, 'x', sizeof(longer) - 1);
	ev.policy = longer;
	assert_false(tlsrpt_count(t, &ev));
	ev.policy = "";
	ev.domain = "";
	assert_false(tlsrpt_count(t, &ev));
	tlsrpt_free(t);
}

static void
days_are_of_utc(void **state)
{
	struct tlsrpt *t = tlsrpt_new(10);
	struct tlsrpt_event ev = event("a.example", TLSRPT_SUCCESS, "m", 1);
	const char *domain;
	int64_t day;

	(void)state;
	assert_int_equal(tlsrpt_day(-1), -1);
	assert_int_equal(tlsrpt_day(0), 0);
	assert_int_equal(tlsrpt_day(DAY_MS - 1), DAY - 1);
	assert_int_equal(tlsrpt_day(DAY_MS), DAY);
	ev.when_ms = DAY_MS + 86399999;
	assert_true(tlsrpt_count(t, &ev));
	ev.when_ms++;
	assert_true(tlsrpt_count(t, &ev));
	assert_int_equal(tlsrpt_rows(t), 2);
	assert_null(tlsrpt_due(t, DAY, &day));
	domain = tlsrpt_due(t, DAY + 1, &day);
	assert_string_equal(domain, "a.example");
	assert_int_equal(day, DAY);
	tlsrpt_forget(t, domain, day);
	assert_null(tlsrpt_due(t, DAY + 1, &day));
	assert_non_null(tlsrpt_due(t, DAY + 2, &day));
	tlsrpt_free(t);
}

/* ---- the report */

static const struct tlsrpt_sender who = { "Example Lists", "tls@s.example",
	"s.example", "198.51.100.1" };

static json_t *
load(const struct strbuf *b)
{
	json_t *v = json_loadb(b->s, b->len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(v);
	return v;
}

static struct tlsrpt *
counted(void)
{
	struct tlsrpt *t = tlsrpt_new(100);
	struct tlsrpt_event ev = event("p.example", TLSRPT_SUCCESS, "m1", 5);

	assert_true(tlsrpt_count(t, &ev));
	ev = event("p.example", TLSRPT_EXPIRED, "m1", 2);
	assert_true(tlsrpt_count(t, &ev));
	ev = event("p.example", TLSRPT_STARTTLS_NOT_SUPPORTED, "m2", 3);
	assert_true(tlsrpt_count(t, &ev));
	ev = event("p.example", TLSRPT_SUCCESS, "m1", 11);
	ev.type = TLSRPT_NO_POLICY;
	ev.policy = NULL;
	assert_true(tlsrpt_count(t, &ev));
	ev = event("other.example", TLSRPT_SUCCESS, "m1", 100);
	assert_true(tlsrpt_count(t, &ev));
	ev = event("p.example", TLSRPT_SUCCESS, "m1", 100);
	ev.when_ms += 86400000;
	assert_true(tlsrpt_count(t, &ev));
	return t;
}

static const char *
text_at(json_t *v, const char *path1, const char *path2)
{
	v = json_object_get(v, path1);
	if (path2 != NULL)
		v = json_object_get(v, path2);
	assert_true(json_is_string(v));
	return json_string_value(v);
}

static void
the_report_has_its_shape(void **state)
{
	struct strbuf out = STRBUF_INIT(TLSRPT_REPORT_MAX);
	struct tlsrpt *t = counted();
	struct err e = ERR_INIT;
	json_t *v, *p, *policies, *failures;

	(void)state;
	assert_int_equal(tlsrpt_report(t, &who, "P.example", DAY, "id1", &out,
	    &e), 0);
	v = load(&out);
	assert_string_equal(text_at(v, "organization-name", NULL),
	    "Example Lists");
	assert_string_equal(text_at(v, "contact-info", NULL), "tls@s.example");
	assert_string_equal(text_at(v, "report-id", NULL), "id1");
	assert_string_equal(text_at(v, "date-range", "start-datetime"),
	    "2016-07-18T00:00:00Z");
	assert_string_equal(text_at(v, "date-range", "end-datetime"),
	    "2016-07-18T23:59:59Z");
	policies = json_object_get(v, "policies");
	assert_int_equal(json_array_size(policies), 2);
	p = json_array_get(policies, 0);
	assert_string_equal(text_at(p, "policy", "policy-type"), "sts");
	assert_string_equal(text_at(p, "policy", "policy-domain"),
	    "p.example");
	assert_int_equal(json_array_size(json_object_get(json_object_get(p,
	    "policy"), "policy-string")), 5);
	assert_string_equal(json_string_value(json_array_get(json_object_get(
	    json_object_get(p, "policy"), "mx-host"), 0)), "*.mail.example");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(p,
	    "summary"), "total-successful-session-count")), 5);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(p,
	    "summary"), "total-failure-session-count")), 5);
	failures = json_object_get(p, "failure-details");
	assert_int_equal(json_array_size(failures), 2);
	assert_string_equal(text_at(json_array_get(failures, 0), "result-type",
	    NULL), "certificate-expired");
	assert_string_equal(text_at(json_array_get(failures, 1),
	    "receiving-mx-hostname", NULL), "m2");
	assert_string_equal(text_at(json_array_get(failures, 1),
	    "sending-mta-ip", NULL), "198.51.100.1");
	assert_string_equal(text_at(json_array_get(failures, 1),
	    "failure-reason-code", NULL), "why \357\277\275");
	p = json_array_get(policies, 1);
	assert_string_equal(text_at(p, "policy", "policy-type"),
	    "no-policy-found");
	assert_null(json_object_get(p, "failure-details"));
	json_decref(v);

	strbuf_reset(&out);
	assert_int_equal(tlsrpt_report(t, &who, "none.example", DAY, "1", &out,
	    &e), -1);
	assert_int_equal(e.code, ERR_NOTFOUND);
	strbuf_free(&out);
	strbuf_init(&out, 100);
	assert_int_equal(tlsrpt_report(t, &who, "p.example", DAY, "1", &out,
	    &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&out);
	tlsrpt_free(t);
}

static void
what_is_compressed_comes_back(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);
	static const char text[] = "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]";
	char back[sizeof(text)];
	z_stream z = { .next_out = (Bytef *)back, .avail_out = sizeof(back) };
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(tlsrpt_gzip(text, sizeof(text), &out, &e), 0);
	assert_memory_equal(out.s, "\x1f\x8b", 2);	/* RFC 1952 */
	z.next_in = (Bytef *)out.s;
	z.avail_in = (uInt)out.len;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	assert_string_equal(back, text);
	strbuf_free(&out);
	strbuf_init(&out, 8);
	assert_int_equal(tlsrpt_gzip(text, sizeof(text), &out, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&out);
}

static void
the_body_says_what_it_is(void **state)
{
	static const char *const wanted[] = {
		"--" TLSRPT_BOUNDARY "\r\n",
		"Content-Type: application/tlsrpt+gzip\r\n",
		"s.example!p.example!1468800000!1468886399!id1.json.gz",
		"\r\n--" TLSRPT_BOUNDARY "--\r\n",
	};
	struct strbuf out = STRBUF_INIT(8192);
	struct tlsrpt_about about = { "p.example", "id1", DAY };
	struct tlsrpt_sender bad = who;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(tlsrpt_body(&who, &about, "{}", 2, &out, &e), 0);
	for (size_t i = 0; i < N(wanted); i++)
		if (strstr(out.s, wanted[i]) == NULL)
			fail_msg("missing: %s in\n%s", wanted[i], out.s);
	for (size_t i = 0; i < out.len; i++)	/* CRLF throughout */
		if (out.s[i] == '\n')
			assert_true(i > 0 && out.s[i - 1] == '\r');
	bad.submitter = "s.example\r\nX: y";
	assert_int_equal(tlsrpt_body(&bad, &about, "{}", 2, &out, &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	about.domain[0] = '\0';
	assert_int_equal(tlsrpt_body(&who, &about, "{}", 2, &out, &e), -1);
	strbuf_free(&out);
}

/* RFC 8460 section 1.1: DANE's policy domain is the host with the records. */
static void
dane_is_told_by_host(void **state)
{
	struct strbuf out = STRBUF_INIT(TLSRPT_REPORT_MAX);
	struct tlsrpt *t = tlsrpt_new(10);
	struct tlsrpt_event ev = event("p.example", TLSRPT_SUCCESS, "m1", 1);
	struct err e = ERR_INIT;
	json_t *v, *policies;

	(void)state;
	ev.type = TLSRPT_TLSA;
	ev.policy = "3 1 1 aa\n";
	assert_true(tlsrpt_count(t, &ev));
	ev.mx = "m2";
	assert_true(tlsrpt_count(t, &ev));
	assert_int_equal(tlsrpt_report(t, &who, "p.example", DAY, "1", &out,
	    &e), 0);
	v = load(&out);
	policies = json_object_get(v, "policies");
	assert_int_equal(json_array_size(policies), 2);
	assert_string_equal(text_at(json_array_get(policies, 1), "policy",
	    "policy-domain"), "m2");
	json_decref(v);
	strbuf_free(&out);
	tlsrpt_free(t);
}

/* ---- on their way */

static void
repack(void *arg, const struct tlsrpt_event *ev)
{
	tlsrpt_pack(arg, ev);
}

static void
events_travel(void **state)
{
	struct strbuf b = STRBUF_INIT(8192), again = STRBUF_INIT(8192);
	struct tlsrpt *t = counted(), *back = tlsrpt_new(100);
	struct tlsrpt_told told;
	struct unpack u;

	(void)state;
	tlsrpt_each(t, repack, &b);
	unpack_init(&u, b.s, b.len);
	for (size_t i = 0; i < tlsrpt_rows(t); i++) {
		tlsrpt_unpack(&u, &told);
		assert_true(tlsrpt_count(back, &told.ev));
	}
	assert_true(unpack_done(&u));
	tlsrpt_each(back, repack, &again);
	assert_int_equal(again.len, b.len);
	assert_memory_equal(again.s, b.s, b.len);
	b.s[9] = TLSRPT_RESULTS;	/* behind the time and the type */
	unpack_init(&u, b.s, b.len);
	tlsrpt_unpack(&u, &told);
	assert_true(u.bad);
	tlsrpt_clear(t);
	assert_int_equal(tlsrpt_rows(t), 0);
	strbuf_free(&b);
	strbuf_free(&again);
	tlsrpt_free(t);
	tlsrpt_free(back);
}

static void
a_waiting_report_says_of_what(void **state)
{
	static const char *const bad[] = { "", "a.example 5 x", "a.example 5\n",
		"a.example 5 x y\n", "a.example -5 x\n", " 5 x\n",
		"a.example 12345678 x\n", };
	const struct tlsrpt_about about = { "p.example", "id1", DAY };
	struct strbuf b = STRBUF_INIT(4096);
	struct tlsrpt_about got;
	struct err e = ERR_INIT;
	size_t at;

	(void)state;
	tlsrpt_about_put(&b, &about);
	strbuf_adds(&b, "{}\n");
	assert_int_equal(tlsrpt_about_get(b.s, b.len, &got, &at, &e), 0);
	assert_string_equal(got.domain, "p.example");
	assert_string_equal(got.id, "id1");
	assert_int_equal(got.day, DAY);
	assert_string_equal(b.s + at, "{}\n");
	for (size_t i = 0; i < N(bad); i++)
		if (tlsrpt_about_get(bad[i], strlen(bad[i]), &got, &at,
		    &e) == 0)
			fail_msg("taken: %s", bad[i]);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_is_told),
		cmocka_unit_test(a_record_has_limits),
		cmocka_unit_test(mailboxes_of_uris),
		cmocka_unit_test(rows_are_bounded),
		cmocka_unit_test(days_are_of_utc),
		cmocka_unit_test(the_report_has_its_shape),
		cmocka_unit_test(what_is_compressed_comes_back),
		cmocka_unit_test(the_body_says_what_it_is),
		cmocka_unit_test(dane_is_told_by_host),
		cmocka_unit_test(events_travel),
		cmocka_unit_test(a_waiting_report_says_of_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
