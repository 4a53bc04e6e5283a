/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_verbs.c - the table of verbs, and that the manual has every row of it.
 */
#include "config.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "listd/verbs.h"

/* ---- finding verbs */

static void
test_match(void **state)
{
	static const struct {
		const char	*why;
		const char	*line;
		const char	*verb;		/* NULL: none */
		int		 words;
	} rows[] = {
		{ "one word", "stats", "stats", 1 },
		{ "two words and an argument", "list show news",
		    "list show", 2 },
		{ "the longer name wins", "subscriber import undo 7",
		    "subscriber import undo", 3 },
		{ "and the shorter one where it ends",
		    "subscriber import news file", "subscriber import", 2 },
		{ "half a verb", "list", NULL, 0 },
		{ "a prefix of a word", "stat", NULL, 0 },
		{ "a word too long", "statsx", NULL, 0 },
		{ "nothing", "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[64], *argv[8], *rest = line;
		int n = 0, words = 0;
		const struct verb *v;

		snprintf(line, sizeof(line), "%s", rows[i].line);
		while ((argv[n] = strsep(&rest, " ")) != NULL &&
		    argv[n][0] != '\0')
			n++;
		v = verb_match(argv, n, &words);
		if ((v == NULL) != (rows[i].verb == NULL) || (v != NULL &&
		    (strcmp(v->name, rows[i].verb) != 0 ||
		    words != rows[i].words)))
			fail_msg("%s", rows[i].why);
	}
}

/* What the client and the daemon rely on. */
static void
test_table(void **state)
{
	const struct verb *v;

	(void)state;
	for (size_t i = 0; (v = verb_at(i)) != NULL; i++) {
		bool optional = false;
		size_t files = 0;

		assert_ptr_equal(verb_find(v->name), v);
		assert_non_null(v->help);
		for (size_t a = 0; a < VERB_ARGS_MAX; a++) {
			const struct verb_arg *arg = &v->args[a];

			if (arg->name == NULL)
				continue;
			/* None is missing before one that is there. */
			if (optional && !arg->optional)
				fail_msg("%s: %s", v->name, arg->name);
			optional = arg->optional;
			files += arg->file;
			/* The last alone may repeat, and here alone. */
			if (arg->many && (v->where != VERB_LOCAL ||
			    (a + 1 < VERB_ARGS_MAX &&
			    v->args[a + 1].name != NULL)))
				fail_msg("%s: %s", v->name, arg->name);
		}
		assert_true(files <= 1);
	}
}

/* ---- the manual */

static void
read_manual(struct strbuf *out)
{
	const char *dir = getenv("LISTD_SRCDIR");
	char path[1024], buf[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/listd/listctl.1",
	    dir != NULL ? dir : ".");
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("%s: missing", path);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(out, buf, n);
	fclose(f);
}

/* An option's own piece: "Oo Fl -at Ar TIME Oc". */
static void
add_option(struct strbuf *b, const struct verb_option *o)
{
	const char *p = o->value;

	strbuf_adds(b, o->required ? " Fl " : " Oo Fl ");
	if (o->letter != '\0')
		strbuf_addc(b, o->letter);
	else
		strbuf_addf(b, "-%s", o->name);
	/* Words that stand for a value are in capitals. */
	if (p != NULL)
		strbuf_addf(b, isupper((unsigned char)p[0]) ? " Ar %s" :
		    " Cm %s", p);
	if (!o->required)
		strbuf_adds(b, " Oc");
}

/* The line of mdoc(7) that a verb's row begins with. */
static void
item_of(const struct verb *v, struct strbuf *b)
{
	strbuf_addf(b, "\n.It Ic %s", v->name);
	for (size_t i = 0; i < VERB_ARGS_MAX; i++) {
		const struct verb_arg *a = &v->args[i];

		if (a->name == NULL)
			continue;
		strbuf_addf(b, a->optional ? " Oo Ar %s Oc" : " Ar %s",
		    a->name);
		if (a->many)
			strbuf_adds(b, " ...");
	}
	for (size_t i = 0; i < VERB_OPTIONS_MAX; i++)
		if (v->options[i].name != NULL)
			add_option(b, &v->options[i]);
	strbuf_addc(b, '\n');
}

static void
test_manual(void **state)
{
	struct strbuf manual = STRBUF_INIT(1u << 20);
	struct strbuf item = STRBUF_INIT(4096);
	const struct verb *v;
	const char *at;
	size_t verbs = 0, items = 0;

	(void)state;
	read_manual(&manual);
	for (; (v = verb_at(verbs)) != NULL; verbs++) {
		strbuf_reset(&item);
		item_of(v, &item);
		if (strstr(manual.s, item.s) == NULL)
			fail_msg("the manual lacks:%s", item.s);
	}
	for (at = manual.s; (at = strstr(at, "\n.It Ic ")) != NULL; at++)
		items++;
	/* And nothing that there is not. */
	assert_int_equal(items, verbs);
	strbuf_free(&item);
	strbuf_free(&manual);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
