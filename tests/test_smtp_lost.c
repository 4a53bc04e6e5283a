/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_lost.c - what becomes of each delivery when its connection goes,
 * by how much of it had left.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/smtp_script.h"

static const struct scenario scenarios[] = {
	{ "reset behind the 354: none of the content left (R104)",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go",
		"K"),
	    2, 0, "up 0\n1 deferred 0\n2 returned\nrefused 0\n",
	    .large = 0 },
	{ "and behind the second 354, with an envelope in the same write",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go",
		"D", ENVELOPE, "S 250 ok", "S 250 ok", "S 250 ok", "S 354 go",
		"K"),
	    3, 0, "up 0\n1 delivered 250\n2 deferred 0\n3 returned\n"
	    "closed 0\n", .large = 0 },
	{ "and inside TLS",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING",
		ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go", "K"),
	    2, 0, "up 0\n1 deferred 0\n2 returned\nrefused 0\n",
	    TLS_FREE, .large = 0 },
	{ "reset while the content is on its way",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "P",
		"S 354 go", "H", "K"),
	    2, 0, "up 0\n1 deferred 0\n2 returned\nrefused 0\n",
	    .large = LARGE },
	{ "and inside TLS",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250 PIPELINING",
		ENVELOPE, "S 250 ok", "S 250 ok", "P", "S 354 go", "H", "K"),
	    2, 0, "up 0\n1 deferred 0\n2 returned\nrefused 0\n",
	    TLS_FREE, .large = LARGE },
	{ "given up past the final dot: told, and the rest is not",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "S 354 go",
		"D", "E", "X"),
	    3, 0, "up 0\n1 unanswered 0\n2 deferred 0\n3 returned\n"
	    "refused 0\n", .large = 0 },
	{ "given up while the content is on its way: not told",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 250 ok", "S 250 ok", "P",
		"S 354 go", "H", "E", "X"),
	    2, 0, "up 0\n1 deferred 0\n2 returned\nrefused 0\n",
	    .large = LARGE },
	{ "one that is to go by DATA behind a flight, and what goes along",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		ENVELOPE, "Z", "S 250 ok", "S 250 ok", "S 354 go", "D",
		ENVELOPE, "S 250 ok", ACCEPTED, BYE),
	    3 | SECOND_BY_DATA, 0, "up 0\n1 delivered 250\n"
	    "2 delivered 250\n3 delivered 250\nclosed 0\n", .large = 0 },
	{ "hung up on in the air: no content of it was sent (R11)",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		ENVELOPE, "X"),
	    3 | SECOND_BY_DATA, 0, "up 0\n1 delivered 250\n2 returned\n"
	    "3 returned\nclosed 0\n", .large = 0 },
	{ "reset before a flight: not even its MAIL was written",
	    SCRIPT(HELLO_CHUNK, "K"),
	    2, 0, "up 0\n1 returned\n2 returned\nrefused 0\n",
	    .large = 0 },
	{ "and before a second one",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		"K"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nclosed 0\n",
	    .large = 0 },
	{ "and inside TLS",
	    SCRIPT(HELLO_TLS, INSIDE_TLS, "S 250-mx", "S 250-PIPELINING",
		"S 250 CHUNKING", FLIGHT, "S 250 ok", "S 250 ok", "S 250 ok",
		"K"),
	    2, 0, "up 0\n1 delivered 250\n2 returned\nclosed 0\n",
	    TLS_FREE, .large = 0 },
};

static void
connections_that_are_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		script_run(&scenarios[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_that_are_lost),
	};

	return cmocka_run_group_tests(tests, script_set_up, script_tear_down);
}
