/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dkim_tag.c - tag lists, numbers, base64 and names as RFC 6376 section
 * 3.2 has them, and what is not one.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dkim_tag.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static struct slice
text(const char *s)
{
	return (struct slice){ (const uint8_t *)s, strlen(s) };
}

/* The outcome is the list as "name=value" joined by '|'; NULL = refused. */
static const struct {
	const char *why, *in, *out;
} lists[] = {
	{ "two tags",			"v=1; a=b",	"v=1|a=b" },
	{ "last semicolon",		"v=1;",		"v=1" },
	{ "blanks after it",		"v=1; \t",	"v=1" },
	{ "blanks everywhere",		" v\t= 1 ; a =  b ",	"v=1|a=b" },
	{ "fold between",		"v=1;\r\n\ta=b",	"v=1|a=b" },
	{ "fold inside a value",	"b=AB\r\n CD",	"b=AB\r\n CD" },
	{ "fold before equals",		"v\r\n =1",	"v=1" },
	{ "empty value",		"p=; v=1",	"p=|v=1" },
	{ "empty value at the end",	"v=1; p=",	"v=1|p=" },
	{ "equals inside a value",	"bh=AA==;v=1",	"bh=AA==|v=1" },
	{ "digits and _ in a name",	"x_1=2",	"x_1=2" },
	{ "case of names counts",	"a=1; A=2",	"a=1|A=2" },
	{ "nothing at all",		"",		NULL },
	{ "only blanks",		"  ",		NULL },
	{ "only a semicolon",		";",		NULL },
	{ "empty element",		"v=1;; a=b",	NULL },
	{ "no equals",			"v=1; a",	NULL },
	{ "no name",			"=1",		NULL },
	{ "name begins with digit",	"1v=1",		NULL },
	{ "blank inside a name",	"v v=1",	NULL },
	{ "given twice",		"v=1; a=b; v=1",	NULL },
	{ "8-bit octet",		"v=\xc3\xa9",	NULL },
	{ "control",			"v=1\001",	NULL },
	{ "bare LF",			"v=1\n a=b",	NULL },
	{ "bare CR",			"v=1\r",	NULL },
	{ "line end without a fold",	"v=1\r\n",	NULL },
};

static void
lists_are_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(lists); i++) {
		struct strbuf got = STRBUF_INIT(1000);
		struct err e = ERR_INIT;
		struct dkim_tags tags;
		int rc = dkim_tags_parse(&tags, (const uint8_t *)lists[i].in,
		    strlen(lists[i].in), &e);

		if ((rc == 0) != (lists[i].out != NULL))
			fail_msg("%s: %d %s", lists[i].why, rc, e.text);
		if (rc == -1) {
			assert_int_equal(e.code, ERR_INPUT);
			continue;
		}
		for (size_t k = 0; k < tags.n; k++)
			strbuf_addf(&got, "%s%.*s=%.*s", k > 0 ? "|" : "",
			    (int)tags.tag[k].name.len, tags.tag[k].name.p,
			    (int)tags.tag[k].value.len, tags.tag[k].value.p);
		if (strcmp(got.s, lists[i].out) != 0)
			fail_msg("%s: got %s", lists[i].why, got.s);
		strbuf_free(&got);
	}
}

static void
the_number_of_tags_is_limited(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct dkim_tags tags;
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i < DKIM_TAGS_MAX; i++)
		strbuf_addf(&b, "t%d=%d;", i, i);
	assert_int_equal(dkim_tags_parse(&tags, (uint8_t *)b.s, b.len, &e), 0);
	assert_true(dkim_tag_is(*dkim_tags_find(&tags, "t7"), "7"));
	assert_null(dkim_tags_find(&tags, "t"));
	strbuf_adds(&b, "one=more");
	assert_int_equal(dkim_tags_parse(&tags, (uint8_t *)b.s, b.len, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	strbuf_free(&b);
}

static const struct {
	const char *list, *item;
	bool is_in;
} members[] = {
	{ "sha1:sha256", "sha256", true },
	{ "sha1 : SHA256 ", "sha256", true },
	{ "sha256", "sha256", true },
	{ "sha1\r\n\t:\r\n sha256", "sha256", true },
	{ "sha25", "sha256", false },
	{ "sha2567:x", "sha256", false },
	{ "", "sha256", false },
	{ ":", "sha256", false },
	{ "a:b", "a:b", false },
};

static void
list_members_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(members); i++)
		if (dkim_tag_lists(text(members[i].list), members[i].item) !=
		    members[i].is_in)
			fail_msg("%s in %s", members[i].item, members[i].list);
}

static void
numbers_are_digits_alone(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "1x",
	    "0x10", "1234567890123456789" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		if (dkim_tag_number(text(bad[i]), &v))
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(v, 7);
	assert_true(dkim_tag_number(text("999999999999999999"), &v));
	assert_true(v == 999999999999999999u);
	assert_true(dkim_tag_number(text("0"), &v));
	assert_int_equal(v, 0);
}

static const struct {
	const char *why, *in, *out;	/* out NULL = refused */
} base64[] = {
	{ "three octets",	"YWJj",		"abc" },
	{ "two",		"YWI=",		"ab" },
	{ "one",		"YQ==",		"a" },
	{ "none",		"",		"" },
	{ "folded",		"YW\r\n J j",	"abc" },
	{ "blank in padding",	"YQ= =",	"a" },
	{ "padding missing",	"YWI",		NULL },
	{ "padding too long",	"YQ===",	NULL },
	{ "only padding",	"====",		NULL },
	{ "digit after padding", "YQ==YQ==",	NULL },
	{ "one digit",		"Y===",		NULL },
	{ "URL alphabet",	"-_-_",		NULL },
	{ "8-bit",		"YWJ\xe9",	NULL },
	{ "too long for out",	"YWJjZGVm",	NULL },
};

static void
base64_is_strict_but_for_blanks(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(base64); i++) {
		uint8_t out[4];
		size_t len = 99;
		bool ok = dkim_tag_base64(text(base64[i].in), out, sizeof(out),
		    &len);

		if (ok != (base64[i].out != NULL))
			fail_msg("%s", base64[i].why);
		if (!ok)
			continue;
		assert_int_equal(len, strlen(base64[i].out));
		assert_memory_equal(out, base64[i].out, len);
	}
}

#define LABEL63 \
	"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"

static const struct {
	const char *why, *name;
	bool loose, strict;
} names[] = {
	{ "ordinary",		"mail.example.org",	true, true },
	{ "one label",		"news",			true, true },
	{ "punycode",		"xn--bcher-kva.example", true, true },
	{ "digits",		"2026.example",		true, true },
	{ "63 octets",		LABEL63 ".org",		true, true },
	{ "253 octets",		LABEL63 "." LABEL63 "." LABEL63 "."
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1",
	    true, true },
	{ "254 octets",		LABEL63 "." LABEL63 "." LABEL63 "."
	    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12",
	    false, false },
	{ "64 octets",		LABEL63 "4.org",	false, false },
	{ "underscore, seen in selectors", "k1_a.example", true, false },
	{ "hyphen first",	"-a.example",		true, false },
	{ "hyphen last",	"a-.example",		true, false },
	{ "empty",		"",			false, false },
	{ "dot at the end",	"example.org.",		false, false },
	{ "dot first",		".example.org",		false, false },
	{ "two dots",		"a..b",			false, false },
	{ "a tag slipped in",	"a;d=b",		false, false },
	{ "blank",		"a b",			false, false },
	{ "8-bit",		"b\xfc" "cher",		false, false },
	{ "line end",		"a\r\nb",		false, false },
};

static void
names_are_host_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(names); i++)
		if (dkim_name_valid(text(names[i].name), false) !=
		    names[i].loose ||
		    dkim_name_valid(text(names[i].name), true) !=
		    names[i].strict)
			fail_msg("%s", names[i].why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_or_refused),
		cmocka_unit_test(the_number_of_tags_is_limited),
		cmocka_unit_test(list_members_are_found),
		cmocka_unit_test(numbers_are_digits_alone),
		cmocka_unit_test(base64_is_strict_but_for_blanks),
		cmocka_unit_test(names_are_host_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
