/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_contact.c - whom the texts of a message tell people to write to (S16).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/contact.h"
#include "lib/err.h"
#include "lib/freemail.h"
#include "lib/strbuf.h"

static void
note(void *arg, const struct address *a)
{
	struct strbuf *b = arg;

	if (b->len > 0)
		strbuf_addc(b, ' ');
	address_format(b, a);
}

static const struct {
	const char *why, *text, *want;
} texts[] = {
	{ "none", "Hello.", "" },
	{ "in a sentence", "Write to sales@gmail.com.", "sales@gmail.com" },
	{ "in brackets", "<sales@gmail.com>, (b@web.de)",
	    "sales@gmail.com b@web.de" },
	{ "a mailto", "<a href=\"mailto:a.b+c@gmail.com?subject=x\">",
	    "a.b+c@gmail.com" },
	{ "quoted", "'a@gmail.com'", "a@gmail.com" },
	{ "percent", "mailto:a%40gmail%2Ecom", "a@gmail.com" },
	{ "references", "a&#64;gmail&#46;com a&commat;gmail&period;com "
	    "a&#x40;gmail.com", "a@gmail.com a@gmail.com a@gmail.com" },
	{ "upper case", "A@GMAIL.COM", "A@gmail.com" },
	{ "an IDN", "x@b\303\274cher.example", "x@xn--bcher-kva.example" },
	{ "twice", "a@b.example a@b.example", "a@b.example a@b.example" },
	{ "no domain", "a@ @b a@{{host}} @", "" },
	{ "a handle", "follow @us on it", "" },
	{ "at both ends", "a@b.example", "a@b.example" },
	{ "a domain that goes on", "a@gmail.com.b.example",
	    "a@gmail.com.b.example" },
	{ "a hyphen behind", "a@gmail.com--", "a@gmail.com" },
};

static void
texts_name_addresses(void **state)
{
	struct strbuf got = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		strbuf_reset(&got);
		contact_find_text(texts[i].text, strlen(texts[i].text), note,
		    &got);
		if (strcmp(got.s != NULL ? got.s : "", texts[i].want) != 0)
			fail_msg("%s: %s", texts[i].why, got.s);
	}
	strbuf_free(&got);
}

/* In every part that is read, whatever it is encoded in; no file's. */
static void
parts_are_decoded(void **state)
{
	static const char message[] = "From: x@from.example\n"
	    "Content-Type: multipart/mixed; boundary=b\n\n"
	    "pre@amble.example\n--b\n"
	    "Content-Transfer-Encoding: base64\n\nYUBnbWFpbC5jb20K\n"
	    "--b\nContent-Type: text/html; charset=utf-8\n"
	    "Content-Transfer-Encoding: quoted-printable\n\n"
	    "b=40web.=\nde\n"
	    "--b\nContent-Disposition: attachment; filename=x.txt\n\n"
	    "c@gmx.net\n--b\nContent-Type: application/json\n\n"
	    "\"d@gmx.net\"\n--b--\n";
	struct strbuf got = STRBUF_INIT(4096);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(contact_find((const uint8_t *)message,
	    sizeof(message) - 1, note, &got, &e), 0);
	assert_string_equal(got.s, "a@gmail.com b@web.de");
	assert_int_equal(contact_find((const uint8_t *)"a\0b", 3, note, &got,
	    &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	strbuf_free(&got);
}

static void
hosts_of_everybody(void **state)
{
	(void)state;
	assert_true(freemail_domain("gmail.com"));
	assert_true(freemail_domain("web.de"));
	assert_false(freemail_domain("example.org"));
	assert_false(freemail_domain("mail.gmail.com"));
	assert_false(freemail_domain(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_name_addresses),
		cmocka_unit_test(parts_are_decoded),
		cmocka_unit_test(hosts_of_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
