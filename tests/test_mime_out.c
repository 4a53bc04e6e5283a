/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mime_out.c - messages that shall be sent, read byte by byte.
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
#include "lib/mime_out.h"

static struct mime_message *
parse(const char *text)
{
	struct err e = ERR_INIT;
	struct mime_message *m;

	m = mime_parse((const uint8_t *)text, strlen(text), &e);
	if (m == NULL)
		fail_msg("%s", e.text);
	return m;
}

static void
assert_slice(struct slice s, const char *want)
{
	if (s.len != strlen(want) || memcmp(s.p, want, s.len) != 0)
		fail_msg("\"%.*s\" is not \"%s\"", (int)s.len,
		    (const char *)s.p, want);
}

/* ---- T30: one normalizer at ingress */

static const struct {
	const char *why, *in;
	size_t len;
	const char *out;	/* NULL: refused */
} line_ends[] = {
	{ "CRLF",		"a\r\nb\r\n", 6, "a\r\nb\r\n" },
	{ "LF",			"a\nb\n", 4, "a\r\nb\r\n" },
	{ "both",		"a\r\nb\n", 5, "a\r\nb\r\n" },
	{ "none at the end",	"a\nb", 3, "a\r\nb\r\n" },
	{ "empty lines",	"\n\r\n\n", 4, "\r\n\r\n\r\n" },
	{ "nothing",		"", 0, "" },
	{ "bare CR",		"a\rb\n", 4, NULL },
	{ "CR at the very end",	"a\r", 2, NULL },
	{ "CR CR LF",		"a\r\r\n", 4, NULL },
	{ "LF CR",		"a\n\rb", 4, NULL },
	{ "NUL",		"a\0b\n", 4, NULL },
};

static void
line_ends_become_crlf(void **state)
{
	struct strbuf out = STRBUF_INIT(100);

	(void)state;
	for (size_t i = 0; i < sizeof(line_ends) / sizeof(line_ends[0]); i++) {
		struct err e = ERR_INIT;
		int rc;

		strbuf_reset(&out);
		rc = mime_normalize((const uint8_t *)line_ends[i].in,
		    line_ends[i].len, &out, &e);
		if (line_ends[i].out == NULL) {
			if (rc != -1 || e.code != ERR_INPUT)
				fail_msg("accepted: %s", line_ends[i].why);
		} else if (rc != 0 || strcmp(out.s, line_ends[i].out) != 0) {
			fail_msg("%s", line_ends[i].why);
		}
	}
	strbuf_free(&out);
}

static void
the_line_of_a_bad_octet_is_told(void **state)
{
	struct err e;

	(void)state;
	assert_null(mime_parse((const uint8_t *)"A: b\r\n\nc\rd", 10, &e));
	assert_int_equal(strncmp(e.text, "line 3: a CR", 12), 0);
}

/* ---- header */

static void
fields_keep_their_bytes(void **state)
{
	struct strbuf value = STRBUF_INIT(1000);
	const struct mime_field *f;
	struct mime_message *m;

	(void)state;
	m = parse("Subject: one\n two\n\tthree \nX-Empty:\nsubject:  x\n\nbody\n");
	assert_int_equal(m->fields, 3);
	assert_int_equal(m->defects, 0);
	assert_int_equal(m->lines_lf, 7);
	assert_int_equal(m->lines_crlf, 0);
	f = mime_field_find(m, 0, "SUBJECT");
	assert_ptr_equal(f, &m->field[0]);
	assert_slice(f->raw, "Subject: one\r\n two\r\n\tthree \r\n");
	assert_slice(f->value, " one\r\n two\r\n\tthree ");
	mime_field_unfold(f, &value);
	assert_string_equal(value.s, "one two\tthree");
	assert_int_equal(m->field[1].line, 4);
	assert_slice(m->field[1].value, "");
	assert_int_equal(m->part[0].body_line, 7);
	assert_slice(m->part[0].body, "body\r\n");
	assert_null(mime_field_find(m, 0, "Subj"));
	strbuf_free(&value);
	mime_free(m);
}

static const struct {
	const char *why, *text;
	unsigned fields, defects;
	uint32_t line;
	const char *body;
} headers[] = {
	{ "no colon",		"A: b\nnonsense\nC: d\n\nx\n", 2, 1, 2, "x\r\n" },
	{ "blank before the colon", "A: b\nC : d\n\nx\n", 1, 1, 2, "x\r\n" },
	{ "mailbox file",	"From a@b Mon\nA: b\n\nx\n", 1, 1, 1, "x\r\n" },
	{ "begins folded",	" a\nA: b\n\nx\n", 1, 1, 1, "x\r\n" },
	{ "8-bit name",		"A\303\251: b\n\nx\n", 0, 1, 1, "x\r\n" },
	{ "no name",		": b\n\nx\n", 0, 1, 1, "x\r\n" },
	{ "no body",		"A: b\n", 1, 0, 0, "" },
	{ "no header",		"\nx\n", 0, 0, 0, "x\r\n" },
	{ "nothing at all",	"", 0, 0, 0, "" },
	{ "a line of blanks is folding, not the end", "A: b\n \nC: d\n\nx\n", 2, 0, 0, "x\r\n" },
};

static void
header_lines_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct mime_message *m = parse(headers[i].text);

		if (m->fields != headers[i].fields ||
		    m->defects != headers[i].defects)
			fail_msg("%s: %u fields, %u defects", headers[i].why,
			    (unsigned)m->fields, m->defects);
		if (m->defects != 0) {
			assert_int_equal(m->defect[0].kind, MIME_BAD_FIELD);
			assert_int_equal(m->defect[0].line, headers[i].line);
		}
		assert_slice(m->part[0].body, headers[i].body);
		mime_free(m);
	}
}

/* ---- types */

static void
a_part_knows_its_type(void **state)
{
	struct mime_message *m;

	(void)state;
	m = parse("Content-Type: TEXT/Plain; charset=ISO-8859-1;\n"
	    " format=Flowed; delsp=yes\n"
	    "Content-Transfer-Encoding: Quoted-Printable (as ever)\n"
	    "Content-Disposition: INLINE; filename=x\n\n=41\n");
	assert_string_equal(m->part[0].type, "text/plain");
	assert_string_equal(m->part[0].charset, "ISO-8859-1");
	assert_true(m->part[0].flowed);
	assert_true(m->part[0].delsp);
	assert_true(m->part[0].typed);
	assert_int_equal(m->part[0].cte, CTE_QP);
	assert_int_equal(m->part[0].disposition, MIME_INLINE);
	assert_int_equal(m->defects, 0);
	mime_free(m);
	m = parse("A: b\n\nx\n");
	assert_string_equal(m->part[0].type, "text/plain");
	assert_string_equal(m->part[0].charset, "");
	assert_false(m->part[0].typed);
	assert_int_equal(m->part[0].disposition, MIME_NO_DISPOSITION);
	mime_free(m);
}

static const struct {
	const char *header;
	enum mime_defect_kind kind;
} bad_types[] = {
	{ "Content-Type: text\n",			MIME_BAD_TYPE },
	{ "Content-Type: text/\n",			MIME_BAD_TYPE },
	{ "Content-Type: /plain\n",			MIME_BAD_TYPE },
	{ "Content-Type: a/b/c\n",			MIME_BAD_TYPE },
	{ "Content-Type:\n",				MIME_BAD_TYPE },
	{ "Content-Type: text/plain; charset\n",	MIME_BAD_TYPE },
	{ "Content-Type: text/plain; charset=\"x\n",	MIME_BAD_TYPE },
	{ "Content-Type: text/plain; charset="
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", MIME_BAD_TYPE },
	{ "Content-Disposition: ;\n",			MIME_BAD_DISPOSITION },
	{ "Content-Disposition: inline; a\n",		MIME_BAD_DISPOSITION },
	{ "Content-Transfer-Encoding: quoted\n",	MIME_BAD_CTE },
	{ "Content-Transfer-Encoding:\n",		MIME_BAD_CTE },
	{ "Content-Type: multipart/mixed\n",		MIME_BOUNDARY_MISSING },
	{ "Content-Type: multipart/mixed; boundary=\"\"\n", MIME_BOUNDARY_BAD },
	{ "Content-Type: multipart/mixed; boundary=\"a \"\n", MIME_BOUNDARY_BAD },
	{ "Content-Type: multipart/mixed; boundary=\"a*\"\n", MIME_BOUNDARY_BAD },
	{ "Content-Type: multipart/mixed; boundary=a\n", MIME_BOUNDARY_UNUSED },
};

static void
bad_types_are_defects(void **state)
{
	char text[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bad_types) / sizeof(bad_types[0]); i++) {
		struct mime_message *m;

		snprintf(text, sizeof(text), "%s\nx\n", bad_types[i].header);
		m = parse(text);
		if (m->defects == 0 || m->defect[0].kind != bad_types[i].kind)
			fail_msg("%s", bad_types[i].header);
		mime_free(m);
	}
}

/* ---- multiparts */

static void
a_tree_is_cut_exactly(void **state)
{
	struct mime_message *m;
	char path[64];

	(void)state;
	m = parse("Content-Type: multipart/mixed; boundary=\"o o\"\n\n"
	    "pre\n--o o  \n"
	    "Content-Type: multipart/alternative; boundary=i\n\n"
	    "--i\n\nplain\n\n--i\nContent-Type: text/html\n\nhtml\n--i--\n"
	    "inner\n--o o\n--o o\nContent-Type: image/png\n"
	    "Content-Transfer-Encoding: base64\n\nYQ==\n\n--o o--\t\npost\n");
	assert_int_equal(m->parts, 6);
	assert_int_equal(m->defects, 0);
	assert_slice(m->part[0].preamble, "pre\r\n");
	assert_slice(m->part[0].epilogue, "post\r\n");
	assert_int_equal(m->part[0].child, 1);
	assert_string_equal(m->part[1].type, "multipart/alternative");
	assert_slice(m->part[1].epilogue, "inner");
	assert_int_equal(m->part[1].next, 4);
	assert_slice(m->part[2].head, "\r\n");
	assert_slice(m->part[2].body, "plain\r\n");
	assert_int_equal(m->part[2].line, 8);
	assert_int_equal(m->part[2].body_line, 9);
	assert_slice(m->part[3].body, "html");
	assert_int_equal(m->part[3].depth, 2);
	assert_slice(m->part[4].head, "");
	assert_slice(m->part[4].body, "");
	assert_slice(m->part[5].body, "YQ==\r\n");
	assert_int_equal(m->part[5].next, 0);
	mime_part_path(m, 0, path, sizeof(path));
	assert_string_equal(path, "0");
	mime_part_path(m, 3, path, sizeof(path));
	assert_string_equal(path, "1.2");
	mime_part_path(m, 5, path, sizeof(path));
	assert_string_equal(path, "3");
	mime_free(m);
}

static const struct {
	const char *why, *text;
	enum mime_defect_kind kind;
	uint32_t line;
	unsigned parts;
} multiparts[] = {
	{ "S101: not closed",
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n",
	    MIME_BOUNDARY_UNCLOSED, 6, 2 },
	{ "inner one not closed: the outer goes on",
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	    "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b\n\ny\n"
	    "--b--\n", MIME_BOUNDARY_UNCLOSED, 9, 4 },
	{ "closed only",
	    "Content-Type: multipart/mixed; boundary=b\n\n--b--\n",
	    MIME_BOUNDARY_UNUSED, 1, 1 },
	{ "a longer line",
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bc\nx\n"
	    "--b--\n", MIME_BOUNDARY_UNCLEAR, 5, 2 },
	{ "the same boundary inside",
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
	    MIME_BOUNDARY_REUSED, 4, 3 },
	{ "encoded multipart (RFC 2045 6.4)",
	    "Content-Type: multipart/mixed; boundary=b\n"
	    "Content-Transfer-Encoding: base64\n\n--b\n\nx\n--b--\n",
	    MIME_BAD_CTE, 2, 2 },
};

static void
broken_multiparts_are_defects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(multiparts) / sizeof(multiparts[0]);
	    i++) {
		struct mime_message *m = parse(multiparts[i].text);

		if (m->defects == 0 ||
		    m->defect[0].kind != multiparts[i].kind ||
		    m->defect[0].line != multiparts[i].line ||
		    m->parts != multiparts[i].parts)
			fail_msg("%s: %u defects, kind %d, line %u, %u parts",
			    multiparts[i].why, m->defects, m->defect[0].kind,
			    (unsigned)m->defect[0].line, (unsigned)m->parts);
		mime_free(m);
	}
}

static void
a_digest_holds_messages(void **state)
{
	struct mime_message *m;

	(void)state;
	m = parse("Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n"
	    "--b--\n");
	assert_string_equal(m->part[1].type, "message/rfc822");
	mime_free(m);
}

/* ---- limits */

static void
assert_limit(struct strbuf *text, bool within)
{
	struct err e = ERR_INIT;
	struct mime_message *m;

	assert_false(text->overflow);
	m = mime_parse((const uint8_t *)text->s, text->len, &e);
	if (within && m == NULL)
		fail_msg("%s", e.text);
	if (!within && (m != NULL || e.code != ERR_LIMIT))
		fail_msg("limit passed");
	mime_free(m);
	strbuf_free(text);
}

static void
limits_are_exact(void **state)
{
	struct strbuf b = STRBUF_INIT(16 << 20);

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		strbuf_adds(&b, "\r\n");
		for (size_t i = 0; i < MIME_MESSAGE_MAX / 8 - 1; i++)
			strbuf_adds(&b, "123456\r\n");
		strbuf_adds(&b, over ? "12345\r\n" : "1234\r\n");
		assert_limit(&b, !over);

		strbuf_adds(&b, "A: ");
		for (size_t i = 0; i < MIME_HEADER_MAX - 7 + over; i++)
			strbuf_addc(&b, 'x');
		strbuf_adds(&b, "\r\n\r\nbody\r\n");
		assert_limit(&b, !over);

		strbuf_adds(&b, "Content-Type: multipart/mixed; boundary=b"
		    "\n\n");
		for (size_t i = 0; i < MIME_PARTS_MAX - 1 + over; i++)
			strbuf_adds(&b, "--b\n\nx\n");
		strbuf_adds(&b, "--b--\n");
		assert_limit(&b, !over);

		for (size_t i = 0; i < MIME_DEPTH_MAX + over; i++)
			strbuf_addf(&b, "Content-Type: multipart/mixed; "
			    "boundary=b%zu.\n\n--b%zu.\n", i, i);
		assert_limit(&b, !over);
	}
}

static void
a_boundary_has_70_octets_at_most(void **state)
{
	struct strbuf b = STRBUF_INIT(1000);
	struct mime_message *m;

	(void)state;
	for (unsigned n = MIME_BOUNDARY_MAX; n < MIME_BOUNDARY_MAX + 2; n++) {
		strbuf_reset(&b);
		strbuf_addf(&b, "Content-Type: multipart/mixed; boundary=%0*d"
		    "\n\n--%0*d\n\nx\n--%0*d--\n", n, 0, n, 0, n, 0);
		m = parse(b.s);
		assert_int_equal(m->defects, n > MIME_BOUNDARY_MAX);
		assert_int_equal(m->parts, n > MIME_BOUNDARY_MAX ? 1 : 2);
		mime_free(m);
	}
	strbuf_free(&b);
}

static void
bodies_are_decoded(void **state)
{
	struct strbuf out = STRBUF_INIT(1000);
	struct mime_message *m;
	struct err e;

	(void)state;
	m = parse("Content-Transfer-Encoding: quoted-printable\n\n=41=\nb\n=x\n");
	assert_int_equal(mime_body_decode(m, 0, &out, &e), -1);
	assert_int_equal(strncmp(e.text, "line 5: ", 8), 0);
	mime_free(m);
	strbuf_reset(&out);
	m = parse("Content-Transfer-Encoding: quoted-printable\n\n=41=\nb\n");
	assert_int_equal(mime_body_decode(m, 0, &out, &e), 0);
	assert_string_equal(out.s, "Ab\r\n");
	mime_free(m);
	strbuf_free(&out);
}

/* The examples of the RFCs: how many parts each has. */
static void
examples_of_the_rfcs(void **state)
{
	static const unsigned parts[] = { 8, 4, 3, 4, 5, 3, 3, 15, 3, 5 };
	const char *shared = getenv("LISTD_SHARED");
	const char *src = getenv("LISTD_SRCDIR");
	static uint8_t data[65536];
	char path[4096];

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct err e = ERR_INIT;
		struct mime_message *m;
		size_t n;
		FILE *f;

		snprintf(path, sizeof(path), "%s%s/data/mime/rfc-00%u.eml",
		    shared != NULL ? shared : src != NULL ? src : ".",
		    shared != NULL ? "" : "/../shared", i);
		if ((f = fopen(path, "rb")) == NULL)
			skip();
		n = fread(data, 1, sizeof(data), f);
		fclose(f);
		m = mime_parse(data, n, &e);
		if (m == NULL)
			fail_msg("rfc-00%u: %s", i, e.text);
		if (m->parts != parts[i])
			fail_msg("rfc-00%u: %u parts", i, (unsigned)m->parts);
		mime_free(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_ends_become_crlf),
		cmocka_unit_test(the_line_of_a_bad_octet_is_told),
		cmocka_unit_test(fields_keep_their_bytes),
		cmocka_unit_test(header_lines_are_judged),
		cmocka_unit_test(a_part_knows_its_type),
		cmocka_unit_test(bad_types_are_defects),
		cmocka_unit_test(a_tree_is_cut_exactly),
		cmocka_unit_test(broken_multiparts_are_defects),
		cmocka_unit_test(a_digest_holds_messages),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(a_boundary_has_70_octets_at_most),
		cmocka_unit_test(bodies_are_decoded),
		cmocka_unit_test(examples_of_the_rfcs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
