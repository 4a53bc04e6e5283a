/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hide.c - what servers say of people is kept without their addresses
 * (S31).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/hide.h"

#define ANN	"ann.smith@b.example"

static const struct {
	const char *why, *address, *text, *out;
} rows[] = {
	{ "the address", ANN, "550 ann.smith@b.example unknown",
	    "550 <rcpt> unknown" },
	{ "in brackets", ANN, "550 <ann.smith@b.example>: no",
	    "550 <rcpt>: no" },
	{ "of another case", ANN, "Ann.Smith@B.Example full",
	    "<rcpt> full" },
	{ "twice", ANN, "ann.smith@b.example is ann.smith@b.example",
	    "<rcpt> is <rcpt>" },
	{ "its local part alone", ANN, "User ann.smith unknown",
	    "User <rcpt> unknown" },
	{ "in brackets too", ANN, "<Ann.Smith>... User unknown",
	    "<rcpt>... User unknown" },
	{ "at the end of a sentence", ANN, "No mailbox for ann.smith.",
	    "No mailbox for <rcpt>." },
	{ "in quotes", ANN, "mailbox \"ann.smith\" full",
	    "mailbox \"<rcpt>\" full" },
	{ "at another domain", ANN, "forward to ann.smith@c.example failed",
	    "forward to <rcpt>@c.example failed" },
	{ "spelled out", ANN, "ann.smith at b.example",
	    "<rcpt> at b.example" },
	{ "not inside a word", "ann@b.example", "Hannah cannot", "Hannah "
	    "cannot" },
	{ "nor a part of another's", "ann@b.example", "ann.smith ann-x x.ann",
	    "ann.smith ann-x x.ann" },
	{ "nor of a host's name", "mail@b.example",
	    "mail.b.example says: mail full",
	    "mail.b.example says: <rcpt> full" },
	{ "nor as a domain", "ann@b.example", "x@ann says", "x@ann says" },
	{ "as a URL has it", ANN, "see /why?r=ann%2esmith%40b.example&x",
	    "see /why?r=<rcpt>&x" },
	{ "as quoted-printable", ANN, "x Ann.Smith=40b=2Eexample y",
	    "x <rcpt> y" },
	{ "without its dots", ANN, "user annsmith over quota",
	    "user <rcpt> over quota" },
	{ "without its tag", "ann.smith+news@b.example",
	    "<annsmith@b.example> and Ann.Smith full",
	    "<<rcpt>@b.example> and <rcpt> full" },
	{ "with it", "ann+news@b.example", "ann+news%40b.example ann=2Bnews",
	    "<rcpt> <rcpt>" },
	{ "as a sender may be written", ANN, "from ann.smith=b.example@c",
	    "from <rcpt>=b.example@c" },
	{ "no such code", ANN, "ann%2 ann%zzsmith ann=", "ann%2 ann%zzsmith "
	    "ann=" },
	{ "no address hides nothing", "ann", "ann", "ann" },
	{ "nor an empty one", "", "ann", "ann" },
	{ "nothing said", ANN, "", "" },
};

static void
the_address_is_taken_out(void **state)
{
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		hide_address(rows[i].text, rows[i].address, out,
		    sizeof(out));
		if (strcmp(out, rows[i].out) != 0)
			fail_msg("%s: %s", rows[i].why, out);
	}
}

/* Wherever the text is cut, no part of the address is left before it. */
static void
a_cut_leaves_no_half(void **state)
{
	char out[64];

	(void)state;
	for (size_t size = 1; size < sizeof(out); size++) {
		memset(out, 'x', sizeof(out));
		hide_address("550 ann.smith@b.example unknown", ANN, out,
		    size);
		assert_true(strlen(out) < size);
		assert_null(strstr(out, "an"));
		assert_null(strstr(out, "smith"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_address_is_taken_out),
		cmocka_unit_test(a_cut_leaves_no_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
