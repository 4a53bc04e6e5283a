/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_control_parse.c - calls as listctl writes them, and as it never would
 * (X10).
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
#include "listd/control_parse.h"

static const struct {
	const char	*why;
	const char	*text;
	size_t		 nfds;
	enum err_code	 code;		/* ERR_NONE: taken */
} rows[] = {
	{ "a verb without words",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{},\"files\":[]}",
	    0, ERR_NONE },
	{ "args, an option with a value, a file",
	    "{\"verb\":\"campaign send\",\"args\":{\"LIST\":\"news\"},"
	    "\"options\":{\"at\":\"2026-12-01\"},\"files\":[\"FILE\"]}",
	    1, ERR_NONE },
	{ "an optional word left out",
	    "{\"verb\":\"org show\",\"args\":{},\"options\":{},\"files\":[]}",
	    0, ERR_NONE },
	{ "a switch",
	    "{\"verb\":\"campaign show\",\"args\":{\"ID\":\"1\"},"
	    "\"options\":{\"watch\":\"\"},\"files\":[]}", 0, ERR_NONE },
	{ "a file by option beside one by argument",
	    "{\"verb\":\"subscriber import\",\"args\":{\"LIST\":\"n\"},"
	    "\"options\":{\"source\":\"shop\"},"
	    "\"files\":[\"evidence-file\",\"FILE\"]}", 2, ERR_NONE },

	{ "not JSON", "verb=stats", 0, ERR_INPUT },
	{ "nothing", "", 0, ERR_INPUT },
	{ "an array", "[1,2,3,4]", 0, ERR_INPUT },
	{ "no object at its end",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{},\"files\":[]",
	    0, ERR_INPUT },
	{ "something after it",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{},\"files\":[]}x",
	    0, ERR_INPUT },
	{ "a member missing",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{}}", 0, ERR_INPUT },
	{ "a member too many",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{},\"files\":[],"
	    "\"who\":\"root\"}", 0, ERR_INPUT },
	{ "a member twice: the second would win unseen",
	    "{\"verb\":\"stats\",\"verb\":\"stats\",\"args\":{},"
	    "\"options\":{},\"files\":[]}", 0, ERR_INPUT },
	{ "the verb is a number",
	    "{\"verb\":1,\"args\":{},\"options\":{},\"files\":[]}",
	    0, ERR_INPUT },
	{ "args is an array",
	    "{\"verb\":\"stats\",\"args\":[],\"options\":{},\"files\":[]}",
	    0, ERR_INPUT },
	{ "files is an object",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{},\"files\":{}}",
	    0, ERR_INPUT },
	{ "no such verb",
	    "{\"verb\":\"rm\",\"args\":{},\"options\":{},\"files\":[]}",
	    0, ERR_NOTFOUND },
	{ "a verb that listctl does by itself",
	    "{\"verb\":\"init\",\"args\":{},\"options\":{},\"files\":[]}",
	    0, ERR_NOTFOUND },
	{ "a word that is missing",
	    "{\"verb\":\"list remove\",\"args\":{},\"options\":{},"
	    "\"files\":[]}", 0, ERR_INPUT },
	{ "an option that is required",
	    "{\"verb\":\"list create\",\"args\":{\"NAME\":\"n\"},"
	    "\"options\":{},\"files\":[]}", 0, ERR_INPUT },
	{ "a word the verb has no place for",
	    "{\"verb\":\"stats\",\"args\":{\"LIST\":\"n\"},\"options\":{},"
	    "\"files\":[]}", 0, ERR_INPUT },
	{ "an option the verb does not take",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{\"at\":\"x\"},"
	    "\"files\":[]}", 0, ERR_INPUT },
	{ "a switch with a value",
	    "{\"verb\":\"campaign show\",\"args\":{\"ID\":\"1\"},"
	    "\"options\":{\"watch\":\"yes\"},\"files\":[]}", 0, ERR_INPUT },
	{ "a number where a word should be",
	    "{\"verb\":\"campaign show\",\"args\":{\"ID\":1},"
	    "\"options\":{},\"files\":[]}", 0, ERR_INPUT },
	{ "a NUL in a word would end it early",
	    "{\"verb\":\"list remove\",\"args\":{\"NAME\":\"a\\u0000b\"},"
	    "\"options\":{},\"files\":[]}", 0, ERR_INPUT },
	{ "bytes that are not UTF-8",
	    "{\"verb\":\"list remove\",\"args\":{\"NAME\":\"a\xff\"},"
	    "\"options\":{},\"files\":[]}", 0, ERR_INPUT },
	{ "a file's name as a word",
	    "{\"verb\":\"campaign send\",\"args\":{\"LIST\":\"news\","
	    "\"FILE\":\"/etc/passwd\"},\"options\":{},\"files\":[\"FILE\"]}",
	    1, ERR_INPUT },
	{ "a file's name as an option",
	    "{\"verb\":\"subscriber import\",\"args\":{\"LIST\":\"n\"},"
	    "\"options\":{\"source\":\"s\",\"evidence-file\":\"x\"},"
	    "\"files\":[\"FILE\"]}", 1, ERR_INPUT },
	{ "a descriptor short",
	    "{\"verb\":\"campaign send\",\"args\":{\"LIST\":\"news\"},"
	    "\"options\":{},\"files\":[\"FILE\"]}", 0, ERR_INPUT },
	{ "a descriptor nobody named",
	    "{\"verb\":\"stats\",\"args\":{},\"options\":{},\"files\":[]}",
	    1, ERR_INPUT },
	{ "the same file twice",
	    "{\"verb\":\"campaign send\",\"args\":{\"LIST\":\"news\"},"
	    "\"options\":{},\"files\":[\"FILE\",\"FILE\"]}", 2, ERR_INPUT },
	{ "the file missing",
	    "{\"verb\":\"campaign send\",\"args\":{\"LIST\":\"news\"},"
	    "\"options\":{},\"files\":[]}", 0, ERR_INPUT },
	{ "a file that is a number",
	    "{\"verb\":\"campaign send\",\"args\":{\"LIST\":\"news\"},"
	    "\"options\":{},\"files\":[7]}", 1, ERR_INPUT },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = ERR_INIT;
		struct control_request r;
		int rc = control_request_parse(&r, rows[i].text,
		    strlen(rows[i].text), rows[i].nfds, &e);

		if ((rc == 0 ? ERR_NONE : e.code) != rows[i].code)
			fail_msg("%s: %s", rows[i].why, rc == 0 ? "taken" :
			    e.text);
		control_request_free(&r);
	}
}

static void
test_places(void **state)
{
	const char *text = rows[1].text;
	struct err e = ERR_INIT;
	struct control_request r;

	(void)state;
	assert_int_equal(control_request_parse(&r, text, strlen(text), 1, &e),
	    0);
	assert_string_equal(r.verb->name, "campaign send");
	assert_string_equal(r.arg[0], "news");
	assert_null(r.arg[1]);
	assert_string_equal(r.option[0], "2026-12-01");
	assert_int_equal(r.nfiles, 1);
	assert_string_equal(r.file[0], "FILE");
	control_request_free(&r);
}

static void
test_limit(void **state)
{
	char *big = malloc(CONTROL_CALL_MAX + 1);
	struct err e = ERR_INIT;
	struct control_request r;

	(void)state;
	assert_non_null(big);
	memset(big, ' ', CONTROL_CALL_MAX + 1);
	assert_int_equal(control_request_parse(&r, big, CONTROL_CALL_MAX + 1,
	    0, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	control_request_free(&r);
	/* Deep nesting is not followed to the end of the stack. */
	memset(big, '[', CONTROL_CALL_MAX);
	assert_int_equal(control_request_parse(&r, big, CONTROL_CALL_MAX, 0,
	    &e), -1);
	assert_int_equal(e.code, ERR_INPUT);
	control_request_free(&r);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
