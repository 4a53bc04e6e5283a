/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_formdata.c - what browsers, mail providers and worse send as a form.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/formdata.h"

#define URLENCODED	"application/x-www-form-urlencoded"
#define MULTIPART	"multipart/form-data; boundary="
#define PART(n)		"Content-Disposition: form-data; name=\"" n "\"\r\n\r\n"

/* Fields as "name=value|name=value|", which no value here contains. */
static const struct {
	const char *why, *type, *body, *fields;
	int rc;
} rows[] = {
	{ "one-click, urlencoded (RFC 8058 3.2)", URLENCODED,
	    "List-Unsubscribe=One-Click", "List-Unsubscribe=One-Click|", 0 },
	{ "with a charset", URLENCODED "; charset=UTF-8", "a=b", "a=b|", 0 },
	{ "no type (R29)", NULL, "List-Unsubscribe=One-Click",
	    "List-Unsubscribe=One-Click|", 0 },
	{ "text/plain (R29)", "text/plain", "List-Unsubscribe=One-Click\r\n",
	    "List-Unsubscribe=One-Click|", 0 },
	{ "an empty body", URLENCODED, "", "", 0 },
	{ "several", URLENCODED, "a=1&b=2&c=3", "a=1|b=2|c=3|", 0 },
	{ "empty values", URLENCODED, "a=&b&=c", "a=|b=|=c|", 0 },
	{ "needless &", URLENCODED, "&&a=1&&b=2&", "a=1|b=2|", 0 },
	{ "coded", URLENCODED, "a=%41+b%2bc&d%3D=%26", "a=A b+c|d==&|", 0 },
	{ "a second = is the value's", URLENCODED, "a=b=c", "a=b=c|", 0 },
	{ "a % of its own", URLENCODED, "a=100%&b=%4&c=%zz",
	    "a=100%|b=%4|c=%zz|", 0 },
	{ "UTF-8", URLENCODED, "a=%C3%A4", "a=\xc3\xa4|", 0 },

	{ "one-click, multipart (RFC 8058 3.2)", MULTIPART "x",
	    "--x\r\n" PART("List-Unsubscribe") "One-Click\r\n--x--\r\n",
	    "List-Unsubscribe=One-Click|", 0 },
	{ "two parts", MULTIPART "x", "--x\r\n" PART("a") "1\r\n--x\r\n"
	    PART("b") "2\r\n--x--\r\n", "a=1|b=2|", 0 },
	{ "a quoted boundary", MULTIPART "\"x y\"", "--x y\r\n" PART("a")
	    "1\r\n--x y--", "a=1|", 0 },
	{ "LF alone", MULTIPART "x", "--x\nContent-Disposition: form-data; "
	    "name=a\n\n1\n--x--\n", "a=1|", 0 },
	{ "name without quotes", MULTIPART "x", "--x\r\nContent-Disposition: "
	    "form-data; name=a\r\n\r\n1\r\n--x--", "a=1|", 0 },
	{ "any case", "MULTIPART/Form-Data; BOUNDARY=x", "--x\r\n"
	    "CONTENT-disposition: FORM-data; NAME=\"a\"\r\n\r\n1\r\n--x--",
	    "a=1|", 0 },
	{ "a boundary the type does not name", "multipart/form-data",
	    "--odd\r\n" PART("a") "1\r\n--odd--\r\n", "a=1|", 0 },
	{ "other fields of a part", MULTIPART "x", "--x\r\nContent-Type: "
	    "text/plain\r\n" PART("a") "1\r\n--x--", "a=1|", 0 },
	{ "a file", MULTIPART "x", "--x\r\nContent-Disposition: form-data; "
	    "name=\"f\"; filename=\"a.txt\"\r\n\r\nbytes\r\n--x--",
	    "f=bytes|", 0 },
	{ "line ends in a value", MULTIPART "x", "--x\r\n" PART("a")
	    "1\r\n2\r\n\r\n--x--", "a=1\r\n2\r\n|", 0 },
	{ "a longer boundary is text", MULTIPART "x", "--x\r\n" PART("a")
	    "1\r\n--xy\r\n2\r\n--x--", "a=1\r\n--xy\r\n2|", 0 },
	{ "preamble and epilogue", MULTIPART "x", "hello\r\n--x\r\n" PART("a")
	    "1\r\n--x--\r\nbye", "a=1|", 0 },
	{ "blanks behind a boundary", MULTIPART "x", "--x \t\r\n" PART("a")
	    "1\r\n--x--", "a=1|", 0 },
	{ "a part without a name", MULTIPART "x", "--x\r\nX: y\r\n\r\n1\r\n"
	    "--x\r\n" PART("a") "2\r\n--x--", "a=2|", 0 },
	{ "the end is the body's", MULTIPART "x", "--x\r\n" PART("a")
	    "1\r\n--x", "a=1|", 0 },

	{ "no end", MULTIPART "x", "--x\r\n" PART("a") "1\r\n", "", -1 },
	{ "no end, after a whole part", MULTIPART "x", "--x\r\n" PART("a")
	    "1\r\n--x\r\n" PART("b") "2", "a=1|", -1 },
	{ "another boundary", MULTIPART "y", "--x\r\n" PART("a") "1\r\n--x--",
	    "", -1 },
	{ "no boundary anywhere", "multipart/form-data", "a=1", "", -1 },
	{ "no header", MULTIPART "x", "--x\r\n--x--", "", -1 },
	{ "a header without its end", MULTIPART "x", "--x\r\n"
	    "Content-Disposition: form-data; name=a\r\n--x--", "", -1 },
	{ "a quote not closed", MULTIPART "x", "--x\r\nContent-Disposition: "
	    "form-data; name=\"a\r\n\r\n1\r\n--x--", "", -1 },
};

static void
show(const struct formdata *f, struct strbuf *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct formdata_field *field = &f->field[i];

		strbuf_addf(out, "%.*s=%.*s|", (int)field->name_len,
		    f->bytes.s + field->name, (int)field->value_len,
		    f->bytes.s + field->value);
		assert_int_equal(f->bytes.s[field->name + field->name_len], 0);
		assert_int_equal(f->bytes.s[field->value + field->value_len],
		    0);
	}
}

static void
forms_are_read(void **state)
{
	struct strbuf out = STRBUF_INIT(4096);
	struct formdata f;

	(void)state;
	formdata_init(&f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = ERR_INIT;
		int rc = formdata_parse(&f, rows[i].type, rows[i].body,
		    strlen(rows[i].body), &e);

		strbuf_reset(&out);
		show(&f, &out);
		if (rc != rows[i].rc || strcmp(out.s, rows[i].fields) != 0)
			fail_msg("%s: %d \"%s\"", rows[i].why, rc, out.s);
		assert_int_equal(e.code != ERR_NONE, rc == -1);
	}
	formdata_free(&f);
	strbuf_free(&out);
}

/* Each limit: what just fits, and one more (P8, X30). */
static int
parse_repeated(const char *type, const char *head, const char *unit, size_t n,
    const char *tail, enum err_code *code_r)
{
	struct strbuf body = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;
	struct formdata f;
	int rc;

	strbuf_adds(&body, head);
	for (size_t i = 0; i < n; i++)
		strbuf_adds(&body, unit);
	strbuf_adds(&body, tail);
	formdata_init(&f);
	rc = formdata_parse(&f, type, body.s, body.len, &e);
	*code_r = e.code;
	formdata_free(&f);
	strbuf_free(&body);
	return rc;
}

static void
limits_hold(void **state)
{
	static const struct {
		const char *why, *type, *head, *unit, *tail;
		size_t fits;
	} limits[] = {
		{ "body", URLENCODED, "a=", "x", "", FORMDATA_MAX - 2 },
		{ "fields", URLENCODED, "", "a=b&", "", FORMDATA_FIELDS_MAX },
		{ "name", URLENCODED, "", "n", "=1", FORMDATA_NAME_MAX },
		{ "name of a part", MULTIPART "x", "--x\r\n"
		    "Content-Disposition: form-data; name=", "n",
		    "\r\n\r\n1\r\n--x--", FORMDATA_NAME_MAX },
		{ "header of a part", MULTIPART "x", "--x\r\nX: ", "y",
		    "\r\n\r\n1\r\n--x--", FORMDATA_HEAD_MAX - 7 },
	};
	enum err_code code;

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (parse_repeated(limits[i].type, limits[i].head,
		    limits[i].unit, limits[i].fits, limits[i].tail, &code) != 0)
			fail_msg("%s: what fits is refused", limits[i].why);
		if (parse_repeated(limits[i].type, limits[i].head,
		    limits[i].unit, limits[i].fits + 1, limits[i].tail,
		    &code) != -1 || code != ERR_LIMIT)
			fail_msg("%s: one more is taken", limits[i].why);
	}
}

/* 64 fields of a whole body's worth: the room for it was counted right. */
static void
a_full_form_fits(void **state)
{
	struct strbuf body = STRBUF_INIT(FORMDATA_MAX);
	struct formdata f;

	(void)state;
	for (int i = 0; i < FORMDATA_FIELDS_MAX; i++) {
		strbuf_addf(&body, "%sn=", i == 0 ? "" : "&");
		for (size_t k = 0; k < FORMDATA_MAX / FORMDATA_FIELDS_MAX - 3;
		    k++)
			strbuf_addc(&body, 'v');
	}
	assert_false(body.overflow);
	formdata_init(&f);
	assert_int_equal(formdata_parse(&f, NULL, body.s, body.len, NULL), 0);
	assert_int_equal(f.n, FORMDATA_FIELDS_MAX);
	formdata_free(&f);
	strbuf_free(&body);
}

static void
values_are_found(void **state)
{
	static const char body[] = "Address=+a%40b.example+&address=second&"
	    "nul=a%00b&line=a%0d%0ab&long=123456789";
	struct formdata f;
	struct slice v;
	char out[9 + 1];

	(void)state;
	formdata_init(&f);
	assert_int_equal(formdata_parse(&f, NULL, body, strlen(body), NULL),
	    0);
	assert_true(formdata_get(&f, "address", &v));
	assert_int_equal(v.len, 13);
	assert_memory_equal(v.p, " a@b.example ", 13);
	assert_true(formdata_get(&f, "NUL", &v));
	assert_int_equal(v.len, 3);
	assert_false(formdata_get(&f, "addres", &v));
	assert_false(formdata_get(&f, "addresse", &v));

	assert_true(formdata_text(&f, "long", out, sizeof(out)));
	assert_string_equal(out, "123456789");
	assert_false(formdata_text(&f, "long", out, sizeof(out) - 1));
	assert_string_equal(out, "");
	/* What would cut a C string or forge a line (X41) is no text. */
	assert_false(formdata_text(&f, "nul", out, sizeof(out)));
	assert_false(formdata_text(&f, "line", out, sizeof(out)));
	assert_false(formdata_text(&f, "missing", out, sizeof(out)));
	formdata_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_read),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_full_form_fits),
		cmocka_unit_test(values_are_found),
	};

	return cmocka_run_group_tests_name("formdata", tests, NULL, NULL);
}
