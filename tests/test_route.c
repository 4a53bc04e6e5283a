/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_route.c - paths, methods and what each allows.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "web/route.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *why, *path, *prefix;
	enum web_route route;
	const char *argument;
} rows[] = {
	{ "home", "/", "", ROUTE_HOME, "" },
	{ "page", "/abuse", "", ROUTE_ABUSE, "" },
	{ "a slash at the end (T13)", "/abuse/", "", ROUTE_ABUSE, "" },
	{ "two are another path", "/abuse//", "", ROUTE_NONE, "" },
	{ "argument", "/join/news", "", ROUTE_JOIN, "news" },
	{ "argument and slash (T13)", "/u/aeaq/", "", ROUTE_LEAVE, "aeaq" },
	{ "another name of a route", "/lists/news", "", ROUTE_LIST, "news" },
	{ "needless encoding", "/%75/x", "", ROUTE_NONE, "" },
	{ "needless encoding of an argument", "/u/%61eaq", "", ROUTE_LEAVE,
	    "aeaq" },
	{ "dots are an argument, not a path (X39)", "/help/..", "",
	    ROUTE_LIST, ".." },
	{ "a hidden slash (X39)", "/help/..%2fx", "", ROUTE_NONE, "" },
	{ "a hidden NUL (X39)", "/help/a%00", "", ROUTE_NONE, "" },
	{ "a hidden line end", "/help/a%0d%0a", "", ROUTE_NONE, "" },
	{ "octets beyond ASCII", "/help/\xc3\xa4", "", ROUTE_NONE, "" },
	{ "a cut %", "/help/a%2", "", ROUTE_NONE, "" },
	{ "no digits", "/help/a%zz", "", ROUTE_NONE, "" },
	{ "no argument", "/u/", "", ROUTE_NONE, "" },
	{ "no argument, no slash", "/u", "", ROUTE_NONE, "" },
	{ "one too many", "/u/a/b", "", ROUTE_NONE, "" },
	{ "no slash", "abuse", "", ROUTE_NONE, "" },
	{ "of a proxy", "*", "", ROUTE_NONE, "" },
	{ "nothing", "", "", ROUTE_NONE, "" },
	{ "case counts", "/ABUSE", "", ROUTE_NONE, "" },
	{ "behind the prefix", "/mail/u/x", "/mail", ROUTE_LEAVE, "x" },
	{ "cut off by the proxy", "/u/x", "/mail", ROUTE_LEAVE, "x" },
	{ "the prefix is home", "/mail", "/mail", ROUTE_HOME, "" },
	{ "with its slash", "/mail/", "/mail", ROUTE_HOME, "" },
	{ "the ledger", "/ledger/checkpoint", "", ROUTE_CHECKPOINT, "" },
	{ "its keys", "/mail/ledger/key", "/mail", ROUTE_LEDGER_KEY, "" },
	{ "for witnesses", "/ledger/cosignature", "", ROUTE_COSIGNATURE, "" },
	{ "a tile", "/ledger/tile/0/x001/x234/067.p/89", "", ROUTE_TILE,
	    "tile/0/x001/x234/067.p/89" },
	{ "behind the prefix", "/mail/ledger/tile/1/000", "/mail", ROUTE_TILE,
	    "tile/1/000" },
	{ "entries", "/ledger/tile/entries/000", "", ROUTE_TILE,
	    "tile/entries/000" },
	{ "no such tile", "/ledger/tile/64/000", "", ROUTE_NONE, "" },
	{ "a tile in another spelling", "/ledger/tile/0/x000/000", "",
	    ROUTE_NONE, "" },
	{ "a tile with needless encoding", "/ledger/tile/%30/000", "",
	    ROUTE_NONE, "" },
	{ "up and out of the tiles (X39)", "/ledger/tile/../key", "",
	    ROUTE_NONE, "" },
	{ "the tile of a bare host", "/tile/0/000", "", ROUTE_NONE, "" },
	{ "the ledger alone", "/ledger", "", ROUTE_NONE, "" },
	{ "not the prefix", "/mailu/x", "/mail", ROUTE_NONE, "" },
	{ "a prefix like a route", "/lists/lists/x", "/lists", ROUTE_LIST,
	    "x" },
};

static void
paths_are_read(void **state)
{
	struct route r;

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		route_parse(rows[i].path, rows[i].prefix, &r);
		if (r.route != rows[i].route ||
		    strcmp(r.argument, rows[i].argument) != 0)
			fail_msg("%s: %s \"%s\"", rows[i].why,
			    route_name(r.route), r.argument);
	}
}

static const struct {
	const char *why, *path, *prefix;
	enum web_route route;
	const char *log;
} logs[] = {
	{ "as it was called first", "/ledger/key", "", ROUTE_LEDGER_KEY, "" },
	{ "restored", "/ledger/r2/checkpoint", "", ROUTE_CHECKPOINT, "r2" },
	{ "and a slash", "/ledger/r31/key/", "", ROUTE_LEDGER_KEY, "r31" },
	{ "for witnesses", "/ledger/r2/cosignature", "", ROUTE_COSIGNATURE,
	    "r2" },
	{ "its tile", "/mail/ledger/r2/tile/0/000", "/mail", ROUTE_TILE,
	    "r2" },
	{ "as long as it may be", "/ledger/r12345678901234567890123/key", "",
	    ROUTE_LEDGER_KEY, "r12345678901234567890123" },
	{ "one too long", "/ledger/r123456789012345678901234/key", "",
	    ROUTE_NONE, NULL },
	{ "no number", "/ledger/r/key", "", ROUTE_NONE, NULL },
	{ "another spelling of it", "/ledger/r02/key", "", ROUTE_NONE, NULL },
	{ "two of them", "/ledger/r2/r3/key", "", ROUTE_NONE, NULL },
	{ "only it", "/ledger/r2", "", ROUTE_NONE, NULL },
	{ "out of it (X39)", "/ledger/r2/../key", "", ROUTE_NONE, NULL },
	{ "no ledger", "/r2/key", "", ROUTE_NONE, NULL },
};

/* A log that was restored has paths of its own. */
static void
a_ledger_is_of_a_log(void **state)
{
	struct route r;

	(void)state;
	for (size_t i = 0; i < LEN(logs); i++) {
		route_parse(logs[i].path, logs[i].prefix, &r);
		if (r.route != logs[i].route || (logs[i].log != NULL &&
		    strcmp(r.log, logs[i].log) != 0))
			fail_msg("%s: %s, %s", logs[i].why,
			    route_name(r.route), r.log);
	}
}

static void
arguments_have_a_limit(void **state)
{
	struct strbuf path = STRBUF_INIT(4096);
	struct route r;

	(void)state;
	strbuf_adds(&path, "/u/");
	for (int i = 0; i < ROUTE_ARGUMENT_MAX; i++)
		strbuf_addc(&path, 'a');
	route_parse(path.s, "", &r);
	assert_int_equal(r.route, ROUTE_LEAVE);
	assert_int_equal(strlen(r.argument), ROUTE_ARGUMENT_MAX);
	strbuf_addc(&path, 'a');
	route_parse(path.s, "", &r);
	assert_int_equal(r.route, ROUTE_NONE);
	strbuf_free(&path);
}

/* Only these routes take a post; all else is for reading (X31). */
static void
methods_are_allowed(void **state)
{
	(void)state;
	for (enum web_route i = 0; i < ROUTES; i++) {
		bool posts = i == ROUTE_JOIN || i == ROUTE_CONFIRM ||
		    i == ROUTE_LEAVE || i == ROUTE_COSIGNATURE ||
		    i == ROUTE_DATA || i == ROUTE_MINE;

		assert_true(route_allows(i, METHOD_GET));
		assert_true(route_allows(i, METHOD_HEAD));
		assert_true(route_allows(i, METHOD_OPTIONS));
		assert_false(route_allows(i, METHOD_OTHER));
		assert_int_equal(route_allows(i, METHOD_POST), posts);
		assert_int_equal(strstr(route_allow(i), "POST") != NULL,
		    posts);
		assert_non_null(route_name(i));
	}
	assert_int_equal(web_method_parse("POST"), METHOD_POST);
	assert_int_equal(web_method_parse("post"), METHOD_OTHER);
	assert_int_equal(web_method_parse("HEAD"), METHOD_HEAD);
	assert_int_equal(web_method_parse("GET"), METHOD_GET);
	assert_int_equal(web_method_parse("OPTIONS"), METHOD_OPTIONS);
	assert_int_equal(web_method_parse("DELETE"), METHOD_OTHER);
	assert_int_equal(web_method_parse(""), METHOD_OTHER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_read),
		cmocka_unit_test(a_ledger_is_of_a_log),
		cmocka_unit_test(arguments_have_a_limit),
		cmocka_unit_test(methods_are_allowed),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
