/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_shaping.c - what receivers accept: every mistake has its message, the
 * overlay wins value by value, and the shipped file says what it should.
 *
 * Requirements: R5 (limit by MX), R13 (at most 500 connections), S13, S30
 * (limits, quiet hours, "do not send").
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

#include "lib/shaping.h"
#include "lib/strbuf.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define HEAD	"format = 1\nversion = 1\n"
#define X	HEAD "[provider x]\nsource = 2026-08 here\n"

static struct shaping *
parse_both(const char *text, const char *overlay, struct strbuf *said)
{
	struct datafile_text t = { "f", text, strlen(text) };
	struct datafile_text o = { "o", overlay,
		overlay != NULL ? strlen(overlay) : 0 };

	strbuf_reset(said);
	return shaping_parse(&t, overlay != NULL ? &o : NULL, said);
}

static struct shaping *
parse(const char *text, const char *overlay)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct shaping *s = parse_both(text, overlay, &said);

	if (s == NULL)
		fail_msg("%s", said.s);
	assert_int_equal(said.len, 0);
	strbuf_free(&said);
	return s;
}

/* ---- mistakes */

static const struct {
	const char *why, *text, *overlay, *said;
} bad[] = {
	{ "empty", "", NULL,
	    "f: format: is not set\nf: version: is not set\n" },
	{ "a format that is not known", "format = 2\nversion = 1\n", NULL,
	    "f:1: format: 2 is above the maximum, 1\n" },
	{ "a head that goes on", HEAD "version = 2\nx = y\n", NULL,
	    "f:3: version: is set already\nf:4: x: stands in no section\n" },
	{ "other sections", HEAD "[class x]\nsource = 2026-08 y\nz = 1\n",
	    NULL, "f:3: [class]: sections are [provider NAME]\n" },
	{ "no name", HEAD "[provider]\n", NULL, "f:3: provider: \"\" is not "
	    "a name of letters, digits, '-', '.' and '_'\n" },
	{ "not closed", HEAD "[provider x\n", NULL,
	    "f:3: \"[provider x\" is not [kind name]\n" },
	{ "twice", X "[provider x]\n", NULL,
	    "f:5: provider x: is described already in line 3\n" },
	{ "no source", HEAD "[provider x]\nconnections = 1\nfailures = 2\n",
	    NULL, "f:4: connections: no source is said above it\n" },
	{ "the source of another section", X "[provider y]\nfailures = 2\n",
	    NULL, "f:6: failures: no source is said above it\n" },
	{ "a source without a date", HEAD "[provider x]\nsource = here\n",
	    NULL, "f:4: source: \"here\" does not begin with a date as "
	    "2026-08 or 2026-08-31\n" },
	{ "a day that is none", X "source = 2026-02-30 x\n", NULL,
	    "f:5: source: \"2026-02-30 x\" does not begin with a date as "
	    "2026-08 or 2026-08-31\n" },
	{ "a date without a source", X "source = 2026-02\n", NULL,
	    "f:5: source: says a date and no source\n" },
	{ "all at once", X "conections = 1\nconnections = 0\ntls = on\n"
	    "bdat = yes\nsend\nfailures =\n", NULL,
	    "f:5: conections: there is no such setting\n"
	    "f:6: connections: 0 is below the minimum, 1\n"
	    "f:7: tls: \"on\" is not opportunistic, unverified or required\n"
	    "f:8: bdat: \"yes\" is not no or auto\n"
	    "f:9: \"send\" is not name = value\n"
	    "f:10: failures: \"\" is not a number\n" },
	{ "of both files", X "send = 1\n", "[provider x]\nsend = 2\n",
	    "f:5: send: \"1\" is not no or yes\n"
	    "o:2: send: \"2\" is not no or yes\n" },
	{ "set twice", X "send = no\nsend = yes\n", NULL,
	    "f:6: send: is set already in line 5\n" },
	{ "too large", X "connections = 100001\nidle_seconds = 3601\n"
	    "messages_per_minute = 99999999999999999999999\n", NULL,
	    "f:5: connections: 100001 is above the maximum, 100000\n"
	    "f:6: idle_seconds: 3601 is above the maximum, 3600\n"
	    "f:7: messages_per_minute: 99999999999999999999999 is above the "
	    "maximum, 10000000\n" },
	{ "not a host", X "mx = a..b .a a. -_- a/b\nmx =\n", NULL,
	    "f:5: mx: \"a..b\" is not a host name\n"
	    "f:5: mx: \".a\" is not a host name\n"
	    "f:5: mx: \"a.\" is not a host name\n"
	    "f:5: mx: \"a/b\" is not a host name\n"
	    "f:6: mx: needs a value\n" },
	{ "whose host", X "mx = a.example\n[provider y]\n"
	    "source = 2026-08 z\nmx = A.EXAMPLE\n", NULL,
	    "f:8: mx: a.example belongs to x already, line 5\n" },
	{ "default has no name", HEAD "[provider default]\n"
	    "source = 2026-08 x\nmx = a.example\n", NULL,
	    "f:5: mx: default is whoever has no name\n" },
	{ "quiet hours", X "quiet = 9-17\n", NULL, "f:5: quiet: \"9-17\" is "
	    "not HH:MM-HH:MM, UTC or an offset as +01:00\n" },
	{ "quiet hours that are none", X "quiet = 10:00-10:00\n", NULL,
	    "f:5: quiet: \"10:00-10:00\" is not HH:MM-HH:MM, UTC or an "
	    "offset as +01:00\n" },
	{ "minute 60", X "quiet = 10:60-11:00\n", NULL,
	    "f:5: quiet: \"10:60-11:00\" is not HH:MM-HH:MM, UTC or an "
	    "offset as +01:00\n" },
	{ "an offset of nothing", X "quiet = +01:00\n", NULL,
	    "f:5: quiet: \"+01:00\" is not HH:MM-HH:MM, UTC or an offset as "
	    "+01:00\n" },
	{ "always quiet", X "quiet = 00:00-24:00\n", NULL,
	    "f:5: quiet: leaves no time to send; say send = no\n" },
	{ "always quiet, in parts", X
	    "quiet = 00:00-13:00, 12:00-20:00, 20:00-00:00\n", NULL,
	    "f:5: quiet: leaves no time to send; say send = no\n" },
	{ "five windows", X "quiet = 00:00-01:00 02:00-03:00 04:00-05:00 "
	    "06:00-07:00 08:00-09:00\n", NULL,
	    "f:5: quiet: more than 4 windows\n" },
	{ "warm-up", X "warmup = 1\n", NULL,
	    "f:5: warmup: \"1\" is not DAY:MESSAGES\n" },
	{ "warm-up begins late", X "warmup = 2:10\n", NULL,
	    "f:5: warmup: day 2: days begin with 1 and rise\n" },
	{ "warm-up goes back", X "warmup = 1:10 3:20 3:30\n", NULL,
	    "f:5: warmup: day 3: days begin with 1 and rise\n" },
	{ "warm-up twice", X "warmup a = 1:1\nwarmup a = 1:1\n", NULL,
	    "f:6: warmup: is set already in line 5\n" },
	{ "warm-up of two", X "warmup a b = 1:1\n", NULL,
	    "f:5: warmup: more than one source\n" },
	{ "R13: above the maximum", X "connections_max = 500\n"
	    "connections = 501\n", NULL, "f:6: connections: 501 is above "
	    "connections_max, 500 (f:5)\n" },
	{ "R13: not by the overlay either", X "connections_max = 500\n",
	    "[provider x]\nshared_connections = 600\n",
	    "o:2: shared_connections: 600 is above connections_max, 500 "
	    "(f:5)\n" },
};

static void
mistakes_are_told(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < LEN(bad); i++) {
		struct shaping *s = parse_both(bad[i].text, bad[i].overlay,
		    &said);

		if (s != NULL)
			fail_msg("accepted: %s", bad[i].why);
		if (strcmp(said.s, bad[i].said) != 0)
			fail_msg("%s: %s", bad[i].why, said.s);
	}
	strbuf_free(&said);
}

static void
limits_of_the_file(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);
	struct strbuf text = STRBUF_INIT(2 * DATAFILE_MAX);

	(void)state;
	for (size_t i = 0; i <= DATAFILE_MAX; i += 64)
		strbuf_addf(&text, "#%62s\n", "");
	assert_null(parse_both(text.s, NULL, &said));
	assert_non_null(strstr(said.s, "f: larger than 1024000 octets\n"));

	strbuf_reset(&text);
	strbuf_adds(&text, X);
	strbuf_addf(&text, "%1030s\n", "x = y");
	strbuf_addf(&text, "a = %1030d\n", 1);
	strbuf_adds(&text, "a\001 = 1\n");
	assert_null(parse_both(text.s, NULL, &said));
	assert_string_equal(said.s, "f:5: x: there is no such setting\n"
	    "f:6: longer than 1024 octets\n"
	    "f:7: holds a control character\n");

	/* Mistakes end, too. */
	strbuf_reset(&text);
	strbuf_adds(&text, X);
	for (int i = 0; i < DATAFILE_MISTAKES_MAX + 5; i++)
		strbuf_adds(&text, "y\n");
	assert_null(parse_both(text.s, NULL, &said));
	assert_non_null(strstr(said.s, "f: and 5 more\n"));

	strbuf_reset(&text);
	strbuf_adds(&text, HEAD);
	for (int i = 0; i < SHAPING_PROVIDERS_MAX; i++)
		strbuf_addf(&text, "[provider p%d]\n", i);
	assert_null(parse_both(text.s, NULL, &said));
	assert_string_equal(said.s,
	    "f:4098: p4095: more than 4096 providers\n");
	strbuf_free(&text);
	strbuf_free(&said);
}

/* Names whose numbers are the same cannot both be used. */
static void
names_that_collide(void **state)
{
	struct strbuf said = STRBUF_INIT(65536);

	(void)state;
	/* A pair found for FNV-1a of 32 bits. */
	assert_int_equal(datafile_key("costarring"), datafile_key("liquid"));
	assert_null(parse_both(HEAD "[provider costarring]\n"
	    "[provider liquid]\n", NULL, &said));
	assert_string_equal(said.s, "f:4: liquid: cannot be told from "
	    "costarring; take another name\n");
	strbuf_free(&said);
}

/* ---- who */

static const char names[] =
    HEAD "[provider a]\nsource = 2026-08 x\nmx = a.example mx.shared.example\n"
    "domain = special.example\n"
    "[provider b]\nsource = 2026-08 x\nmx = b.example deep.a.example\n"
    "mx = example.net\n";

static const struct {
	const char	*why, *hosts[3], *domain, *provider;
} sites[] = {
	{ "no hosts", { NULL }, "x.example", "default" },
	{ "the host itself", { "a.example" }, NULL, "a" },
	{ "a host under it", { "mx1.a.example" }, NULL, "a" },
	{ "in any case, with a dot", { "MX1.A.Example." }, NULL, "a" },
	{ "only at a label", { "xa.example" }, NULL, "default" },
	{ "not above it", { "example" }, NULL, "default" },
	{ "the longest name wins", { "m.deep.a.example" }, NULL, "b" },
	{ "near the longest", { "xdeep.a.example" }, NULL, "a" },
	{ "all hosts", { "m1.a.example", "mx.shared.example" }, NULL, "a" },
	{ "hosts of two", { "m1.a.example", "m.b.example" }, NULL,
	    "default" },
	{ "one is nobody's", { "m1.a.example", "m.other.example" }, NULL,
	    "default" },
	{ "and first", { "m.other.example", "m1.a.example" }, NULL,
	    "default" },
	{ "a domain", { NULL }, "Special.Example", "a" },
	{ "a domain wins", { "m.b.example" }, "special.example.", "a" },
	{ "not under a domain", { NULL }, "x.special.example", "default" },
	{ "a domain is no host", { "m.special.example" }, NULL, "default" },
	{ "a host is no domain", { NULL }, "a.example", "default" },
	{ "strange", { "" }, "", "default" },
	{ "dots", { "..." }, ".", "default" },
};

static void
sites_have_providers(void **state)
{
	struct shaping *s = parse(names, NULL);

	(void)state;
	for (size_t i = 0; i < LEN(sites); i++) {
		size_t n = 0;
		uint16_t p;

		while (n < 3 && sites[i].hosts[n] != NULL)
			n++;
		p = shaping_site(s, sites[i].hosts, n, sites[i].domain);
		if (strcmp(shaping_name(s, p), sites[i].provider) != 0)
			fail_msg("%s: %s", sites[i].why, shaping_name(s, p));
	}
	shaping_free(s);
}

/* An overlay takes a host away, and adds one. */
static void
overlay_moves_hosts(void **state)
{
	const char *host = "m.b.example", *fresh = "m.c.example";
	struct shaping *s = parse(names, "version = 7\n[provider a]\n"
	    "mx = b.example c.example\n");
	bool found;

	(void)state;
	assert_string_equal(shaping_name(s, shaping_site(s, &host, 1, NULL)),
	    "a");
	assert_string_equal(shaping_name(s, shaping_site(s, &fresh, 1,
	    NULL)), "a");
	assert_string_equal(shaping_version(s), "1+7");
	assert_int_equal(shaping_providers(s), 3);
	for (uint16_t i = 0; i < 3; i++) {
		assert_int_equal(shaping_find_key(s, shaping_key(s, i),
		    &found), i);
		assert_true(found);
		assert_int_equal(shaping_find(s, shaping_name(s, i), &found),
		    i);
		assert_true(found);
	}
	assert_int_equal(shaping_find(s, "c", &found), SHAPING_DEFAULT);
	assert_false(found);
	shaping_free(s);
}

/* Hundreds of providers, each found. */
static void
many_providers(void **state)
{
	struct strbuf text = STRBUF_INIT(DATAFILE_MAX);
	struct shaping *s;
	char host[64];
	const char *h = host;

	(void)state;
	strbuf_adds(&text, HEAD);
	for (int i = 0; i < 2000; i++)
		strbuf_addf(&text, "[provider p%d]\nsource = 2026-08 x\n"
		    "mx = h%d.example\nconnections = %d\n", i, i, i + 1);
	s = parse(text.s, NULL);
	for (int i = 0; i < 2000; i++) {
		uint16_t p;

		snprintf(host, sizeof(host), "mx.h%d.example", i);
		p = shaping_site(s, &h, 1, NULL);
		assert_int_equal(shaping_get(s, p, SHAPING_CONNECTIONS),
		    i + 1);
	}
	shaping_free(s);
	strbuf_free(&text);
}

/* ---- what */

static void
overlay_wins_value_by_value(void **state)
{
	struct shaping *s = parse(X "connections = 7\nfailures = 3\n"
	    "mx = x.example\n[provider default]\nsource = 2026-09-30 there\n"
	    "messages_per_connection = 40\nidle_seconds = 11\n",
	    "[provider x]\nsource = 2026-10 a talk\nfailures = 4\n"
	    "[provider default]\nidle_seconds = 12\n"
	    "[provider new]\nmx = new.example\n");
	struct strbuf b = STRBUF_INIT(4096);
	struct shaping_origin o;
	bool found;
	uint16_t x = shaping_find(s, "x", &found);

	(void)state;
	assert_int_equal(shaping_get(s, x, SHAPING_CONNECTIONS), 7);
	assert_int_equal(shaping_get(s, x, SHAPING_FAILURES), 4);
	assert_int_equal(shaping_get(s, x, SHAPING_MESSAGES_PER_CONNECTION),
	    40);
	assert_int_equal(shaping_get(s, x, SHAPING_IDLE_SECONDS), 12);
	assert_int_equal(shaping_get(s, x, SHAPING_CONNECTS_PER_MINUTE),
	    100);
	assert_int_equal(shaping_get(s, SHAPING_DEFAULT,
	    SHAPING_CONNECTIONS), 10);

	shaping_explain(s, x, SHAPING_CONNECTIONS, &b);
	assert_string_equal(b.s, "connections 7 (x, f:5, 2026-08 here)");
	strbuf_reset(&b);
	shaping_explain(s, x, SHAPING_FAILURES, &b);
	assert_string_equal(b.s, "failures 4 (x, o:3, 2026-10 a talk)");
	strbuf_reset(&b);
	shaping_explain(s, x, SHAPING_MESSAGES_PER_CONNECTION, &b);
	assert_string_equal(b.s, "messages_per_connection 40 (default, f:10, "
	    "2026-09-30 there)");
	strbuf_reset(&b);
	shaping_explain(s, x, SHAPING_IDLE_SECONDS, &b);
	assert_string_equal(b.s, "idle_seconds 12 (default, o:5)");
	strbuf_reset(&b);
	shaping_explain(s, x, SHAPING_TLS, &b);
	assert_string_equal(b.s, "tls opportunistic (default, built-in)");
	shaping_origin(s, x, SHAPING_CONNECTIONS, &o);
	assert_int_equal(o.line, 5);
	assert_string_equal(o.date, "2026-08");
	assert_string_equal(o.source, "here");
	assert_int_equal(o.provider, x);
	strbuf_free(&b);
	shaping_free(s);
}

/* What is inherited is cut to the maximum, and says so. */
static void
inherited_stays_below_the_maximum(void **state)
{
	struct shaping *s = parse(X "connections_max = 5\n", NULL);
	struct shaping_origin o;

	(void)state;
	assert_int_equal(shaping_get(s, 1, SHAPING_CONNECTIONS), 5);
	shaping_origin(s, 1, SHAPING_CONNECTIONS, &o);
	assert_int_equal(o.line, 5);
	shaping_free(s);
}

static const struct {
	const char	*why, *value;
	int64_t		 now, until;	/* seconds; equal: not quiet */
} quiet[] = {
#define AT(h, m)	((h) * 3600 + (m) * 60)
	{ "none", "none", AT(3, 0), AT(3, 0) },
	{ "before", "10:00-12:00", AT(9, 59) + 59, AT(9, 59) + 59 },
	{ "its first second", "10:00-12:00", AT(10, 0), AT(12, 0) },
	{ "its last second", "10:00-12:00", AT(12, 0) - 1, AT(12, 0) },
	{ "its end", "10:00-12:00", AT(12, 0), AT(12, 0) },
	{ "over midnight, evening", "22:00-06:00", AT(23, 0), AT(30, 0) },
	{ "over midnight, morning", "22:00-06:00", AT(5, 59), AT(6, 0) },
	{ "to midnight", "22:00-24:00 UTC", AT(23, 0), AT(24, 0) },
	{ "east", "22:00-06:00 +01:00", AT(4, 30), AT(5, 0) },
	{ "east, over", "22:00-06:00 +01:00", AT(5, 0), AT(5, 0) },
	{ "west", "22:00-06:00 -05:30", AT(3, 30), AT(11, 30) },
	{ "east past midnight", "00:30-01:00 +02:00", AT(22, 45),
	    AT(23, 0) },
	{ "each its own", "10:00-11:00 +01:00, 12:00-13:00", AT(12, 30),
	    AT(13, 0) },
	{ "windows that touch", "10:00-12:00, 12:00-13:00, 23:00-01:00",
	    AT(11, 0), AT(13, 0) },
	{ "touch at midnight", "22:00-24:00, 00:00-01:00", AT(22, 30),
	    AT(25, 0) },
	{ "long ago", "10:00-12:00", AT(11, 0) - 864000,
	    AT(12, 0) - 864000 },
	{ "now", "10:00-12:00", INT64_C(1795392000) + AT(11, 0),
	    INT64_C(1795392000) + AT(12, 0) },
};

static void
quiet_hours(void **state)
{
	struct strbuf text = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < LEN(quiet); i++) {
		struct shaping *s;
		int64_t until;
		bool is;

		strbuf_reset(&text);
		strbuf_addf(&text, X "quiet = %s\n", quiet[i].value);
		s = parse(text.s, NULL);
		is = shaping_quiet(s, 1, quiet[i].now, &until);
		if (until != quiet[i].until ||
		    is != (quiet[i].until != quiet[i].now))
			fail_msg("%s: %lld", quiet[i].why,
			    (long long)until);
		/* The default has none; others inherit. */
		assert_false(shaping_quiet(s, 0, quiet[i].now, &until));
		shaping_free(s);
	}
	strbuf_free(&text);
}

static void
quiet_is_inherited_and_cleared(void **state)
{
	struct shaping *s = parse(X "quiet = none\n[provider default]\n"
	    "source = 2026-08 z\nquiet = 10:00-12:00\n[provider y]\n",
	    "[provider z]\nsend = no\n");
	int64_t until;
	bool found;

	(void)state;
	assert_false(shaping_quiet(s, shaping_find(s, "x", &found),
	    AT(11, 0), &until));
	assert_true(shaping_quiet(s, shaping_find(s, "y", &found),
	    AT(11, 0), &until));
	assert_true(shaping_quiet(s, shaping_find(s, "z", &found),
	    AT(11, 0), &until));
	assert_int_equal(until, AT(12, 0));
	/* S30: and nothing at all is sent there. */
	assert_int_equal(shaping_get(s, shaping_find(s, "z", &found),
	    SHAPING_SEND), 0);
	assert_int_equal(shaping_get(s, shaping_find(s, "y", &found),
	    SHAPING_SEND), 1);
	shaping_free(s);
}

static const struct {
	const char	*why, *provider, *source;
	uint32_t	 day;
	int64_t		 cap;
} warm[] = {
	{ "the first day", "x", "any", 1, 100 },
	{ "between", "x", "any", 2, 100 },
	{ "a step", "x", "any", 3, 300 },
	{ "the day before the end", "x", "any", 9, 300 },
	{ "the end", "x", "any", 10, -1 },
	{ "long after", "x", "any", 4000, -1 },
	{ "its own schedule", "x", "2001:db8::1", 3, 5 },
	{ "the last cap stays without an end", "x", "2001:db8::1", 900, 5 },
	{ "by the default", "y", "any", 1, 1 },
	{ "by the default, its own", "y", "192.0.2.1", 1, 2 },
	{ "the provider's for all before the default's own", "x",
	    "192.0.2.1", 1, 100 },
	{ "the overlay's", "z", "any", 1, 9 },
	{ "day 0 is the first", "x", "any", 0, 100 },
};

static void
warmup_schedules(void **state)
{
	struct shaping *s = parse(X "warmup = 1:100 3:300 10:none\n"
	    "warmup 2001:db8::1 = 1:5\n[provider default]\n"
	    "source = 2026-08 z\nwarmup = 1:1\nwarmup 192.0.2.1 = 1:2\n"
	    "[provider y]\n[provider z]\nsource = 2026-08 z\nwarmup = 1:8\n",
	    "[provider z]\nwarmup = 1:9\n");
	struct shaping_origin o;
	bool found;

	(void)state;
	for (size_t i = 0; i < LEN(warm); i++)
		if (shaping_warmup(s, shaping_find(s, warm[i].provider,
		    &found), warm[i].source, warm[i].day, NULL) !=
		    warm[i].cap)
			fail_msg("%s", warm[i].why);
	assert_int_equal(shaping_warmup(s, shaping_find(s, "z", &found), "a",
	    1, &o), 9);
	assert_string_equal(o.file, "o");
	assert_int_equal(o.line, 2);
	assert_string_equal(o.text, "1:9");
	shaping_free(s);
	s = parse(HEAD, NULL);
	assert_int_equal(shaping_warmup(s, 0, "any", 1, NULL), -1);
	shaping_free(s);
}

/* ---- the file that is shipped */

static void
read_tree(const char *name, struct strbuf *out)
{
	const char *dir = getenv("LISTD_SRCDIR");
	struct strbuf path = STRBUF_INIT(4096);
	char buf[4096];
	size_t n;
	FILE *f;

	strbuf_addf(&path, "%s/%s", dir != NULL ? dir : ".", name);
	if ((f = fopen(path.s, "rb")) == NULL)
		fail_msg("%s", path.s);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
	strbuf_free(&path);
}

/* Rows of what is known; 0 is what the default says. */
static const struct {
	const char	*name, *host, *domain;
	uint32_t	 connections, shared, per_connection, failures;
	enum shaping_tls tls;
} shipped[] = {
	{ "default", "mail.example.org", "example.org", 10, 0, 100, 100, 0 },
	{ "google", "gmail-smtp-in.l.google.com", "gmail.com", 0, 5, 50, 5,
	    SHAPING_TLS_REQUIRED },
	{ "google", "aspmx2.googlemail.com", "workspace.example", 0, 5, 50,
	    5, SHAPING_TLS_REQUIRED },
	{ "yahoo", "mta5.am0.yahoodns.net", "aol.com", 0, 0, 20, 0, 0 },
	{ "outlook", "outlook-com.olc.protection.outlook.com",
	    "outlook.com", 0, 5, 50, 0, 0 },
	{ "office365", "a-example.mail.protection.outlook.com", "a.example",
	    0, 5, 50, 0, 0 },
	{ "office365-dane", "a-example.b-v1.mx.microsoft", "a.example", 0, 5,
	    50, 0, 0 },
	{ "apple", "mx01.mail.icloud.com", "icloud.com", 0, 10, 5, 0, 0 },
	{ "comcast", "mx1a1.comcast.net", "comcast.net", 25, 0, 1000, 24,
	    SHAPING_TLS_REQUIRED },
	{ "mimecast", "eu-smtp-inbound-1.mimecast.com", "a.example", 10, 0,
	    100, 0, 0 },
	{ "mimecast", "za-smtp-inbound-1.mimecast.co.za", "a.example", 10, 0,
	    100, 0, 0 },
	{ "mimecast", "je-smtp-inbound-1.mimecast-offshore.com", "a.example",
	    10, 0, 100, 0, 0 },
	{ "mail.com", "mx00.mail.com", "mail.com", 0, 0, 100, 0, 0 },
	{ "gmx", "mx00.gmx.net", "gmx.de", 4, 0, 20, 5,
	    SHAPING_TLS_REQUIRED },
	{ "gmx", "mx-ha02.web.de", "web.de", 4, 0, 20, 5,
	    SHAPING_TLS_REQUIRED },
	{ "orange", "smtp-in.orange.fr", "orange.fr", 0, 2, 100, 0,
	    SHAPING_TLS_REQUIRED },
	{ "yahoo.co.jp", "mx1.mail.yahoo.co.jp", "yahoo.co.jp", 2, 0, 20, 0,
	    0 },
	{ "barracuda", "d1.ess.barracudanetworks.com", "a.example", 0, 10,
	    15, 0, SHAPING_TLS_REQUIRED },
	{ "netvigator", "mx.netvigator.com", "netvigator.com", 0, 5, 10, 0,
	    SHAPING_TLS_REQUIRED },
	{ "kpn", "mx.kpnmail.nl", "kpnmail.nl", 10, 0, 10, 0,
	    SHAPING_TLS_REQUIRED },
	{ "qq", "mx3.qq.com", "qq.com", 4, 0, 8, 0, SHAPING_TLS_REQUIRED },
	{ "163", "163mx01.mxmail.netease.com", "163.com", 4, 0, 7, 0,
	    SHAPING_TLS_UNVERIFIED },
	{ "mailgun", "smtp.mailgun.com", NULL, 7000, 0, 3, 0, 0 },
	{ "sendgrid", "smtp.sendgrid.net", NULL, 0, 0, 5000, 0, 0 },
};

static void
shipped_row(const struct shaping *s, size_t i)
{
	const char *host = shipped[i].host;
	uint16_t p = shaping_site(s, &host, 1, shipped[i].domain);

	if (strcmp(shaping_name(s, p), shipped[i].name) != 0)
		fail_msg("%s is of %s", host, shaping_name(s, p));
#define IS(what, want) \
	assert_int_equal(shaping_get(s, p, (what)), (want))
	IS(SHAPING_CONNECTIONS, shipped[i].connections != 0 ?
	    shipped[i].connections : 10);
	IS(SHAPING_SHARED_CONNECTIONS, shipped[i].shared);
	IS(SHAPING_MESSAGES_PER_CONNECTION, shipped[i].per_connection);
	IS(SHAPING_FAILURES, shipped[i].failures != 0 ? shipped[i].failures :
	    100);
	IS(SHAPING_TLS, shipped[i].tls);
	IS(SHAPING_CONNECTS_PER_MINUTE, 100);
	IS(SHAPING_MESSAGES_PER_MINUTE, strcmp(shipped[i].name,
	    "yahoo.co.jp") == 0 ? 600 : 6000);
	IS(SHAPING_IDLE_SECONDS, strcmp(shipped[i].name, "comcast") == 0 ?
	    30 : 60);
	IS(SHAPING_BROKEN_TLS_HOURS, 72);
	IS(SHAPING_CONNECTIONS_MAX, strncmp(shipped[i].name, "o", 1) == 0 &&
	    strcmp(shipped[i].name, "orange") != 0 ? 500 : 0);
}

/* Every value that the file says has a source and a date. */
static void
shipped_origins(const struct shaping *s)
{
	struct shaping_origin o;

	for (size_t p = 0; p < shaping_providers(s); p++)
		for (int w = 0; w < SHAPING_WHATS; w++) {
			shaping_origin(s, (uint16_t)p, (enum shaping_what)w,
			    &o);
			if (strcmp(o.file, "built-in") == 0)
				continue;
			assert_int_not_equal(o.line, 0);
			assert_true(strlen(o.date) >= 7);
			assert_true(o.source[0] != '\0');
		}
}

static void
shipped_file(void **state)
{
	struct strbuf text = STRBUF_INIT(DATAFILE_MAX);
	struct shaping *s;

	(void)state;
	read_tree("listd/shaping.conf", &text);
	s = parse(text.s, NULL);
	for (size_t i = 0; i < LEN(shipped); i++)
		shipped_row(s, i);
	shipped_origins(s);
	/* A source that begins may not flood anybody on its first day. */
	assert_int_equal(shaping_warmup(s, 0, "any", 1, NULL), 200);
	assert_int_equal(shaping_warmup(s, 1, "any", 12, NULL), -1);
	shaping_free(s);
	strbuf_free(&text);
}

static void
manual_names_every_setting(void **state)
{
	struct strbuf page = STRBUF_INIT(1 << 18), item = STRBUF_INIT(256);

	(void)state;
	read_tree("listd/listd.shaping.5", &page);
	for (int w = 0; w < SHAPING_WHATS; w++) {
		strbuf_reset(&item);
		strbuf_addf(&item, "\n.It Ic %s No = Ar ",
		    shaping_what_name((enum shaping_what)w));
		if (strstr(page.s, item.s) == NULL)
			fail_msg("%s", item.s);
	}
	assert_null(shaping_what_name(SHAPING_WHATS));
	strbuf_free(&item);
	strbuf_free(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(limits_of_the_file),
		cmocka_unit_test(names_that_collide),
		cmocka_unit_test(sites_have_providers),
		cmocka_unit_test(overlay_moves_hosts),
		cmocka_unit_test(many_providers),
		cmocka_unit_test(overlay_wins_value_by_value),
		cmocka_unit_test(inherited_stays_below_the_maximum),
		cmocka_unit_test(quiet_hours),
		cmocka_unit_test(quiet_is_inherited_and_cleared),
		cmocka_unit_test(warmup_schedules),
		cmocka_unit_test(shipped_file),
		cmocka_unit_test(manual_names_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
