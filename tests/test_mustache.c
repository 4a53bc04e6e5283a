/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mustache.c - the specification's own cases, and what we refuse.
 *
 * The cases of the Mustache specification lie with the shared test data; the
 * ones left out are named below, each with its reason.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "lib/mustache.h"
#include "lib/strbuf.h"

static const struct mustache_params html = { .context = MUSTACHE_HTML };

/* Render template with JSON text data; the caller frees what comes back. */
static char *
render(const struct mustache_params *params, const char *template,
    const char *json, struct err *e)
{
	struct strbuf out = STRBUF_INIT(1 << 20);
	struct mustache_data data = { 0 };
	struct mustache *m;
	char *ret = NULL;
	json_t *root;

	root = json_loads(json, JSON_DECODE_ANY, NULL);
	assert_non_null(root);
	data.root = root;
	m = mustache_compile(template, strlen(template), params, e);
	if (m != NULL && mustache_render(m, &data, &out, e) == 0)
		ret = strbuf_steal(&out);
	mustache_free(m);
	json_decref(root);
	strbuf_free(&out);
	return ret;
}

/* ---- the specification */

/* Cases that need a feature listd leaves out on purpose. */
static const struct {
	const char *name, *why;
} excluded[] = {
	/* Unescaped output is refused without a trusted attribute. */
	{ "Triple Mustache",				"{{{x}}}" },
	{ "Ampersand",					"{{&x}}" },
	{ "Triple Mustache Integer Interpolation",	"{{{x}}}" },
	{ "Ampersand Integer Interpolation",		"{{&x}}" },
	{ "Triple Mustache Decimal Interpolation",	"{{{x}}}" },
	{ "Ampersand Decimal Interpolation",		"{{&x}}" },
	{ "Triple Mustache Null Interpolation",		"{{{x}}}" },
	{ "Ampersand Null Interpolation",		"{{&x}}" },
	{ "Triple Mustache Context Miss Interpolation",	"{{{x}}}" },
	{ "Ampersand Context Miss Interpolation",	"{{&x}}" },
	{ "Dotted Names - Triple Mustache Interpolation", "{{{x}}}" },
	{ "Dotted Names - Ampersand Interpolation",	"{{&x}}" },
	{ "Implicit Iterators - Triple Mustache",	"{{{x}}}" },
	{ "Implicit Iterators - Ampersand",		"{{&x}}" },
	{ "Triple Mustache - Surrounding Whitespace",	"{{{x}}}" },
	{ "Ampersand - Surrounding Whitespace",		"{{&x}}" },
	{ "Triple Mustache - Standalone",		"{{{x}}}" },
	{ "Ampersand - Standalone",			"{{&x}}" },
	{ "Triple Mustache With Padding",		"{{{x}}}" },
	{ "Ampersand With Padding",			"{{&x}}" },
	{ "Implicit Iterator - Triple mustache",	"{{{x}}}" },
	{ "Implicit Iterator - Ampersand",		"{{&x}}" },
};

static bool
is_excluded(const char *name)
{
	for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
		if (strcmp(excluded[i].name, name) == 0)
			return true;
	return false;
}

static bool
trust_all(const void *arg, const char *name, size_t len)
{
	(void)arg;
	(void)name;
	(void)len;
	return true;
}

static json_t *
load_spec(const char *file)
{
	const char *shared = getenv("LISTD_SHARED");
	const char *src = getenv("LISTD_SRCDIR");
	char path[4096];
	json_error_t error;
	json_t *spec;

	if (shared != NULL)
		snprintf(path, sizeof(path), "%s/data/mustache/%s", shared,
		    file);
	else
		snprintf(path, sizeof(path), "%s/../shared/data/mustache/%s",
		    src != NULL ? src : ".", file);
	spec = json_load_file(path, 0, &error);
	if (spec == NULL)
		print_message("%s: %s\n", path, error.text);
	return spec;
}

static void
check_case(json_t *test, const struct mustache_params *params)
{
	const char *name = json_string_value(json_object_get(test, "name"));
	const char *template = json_string_value(json_object_get(test,
	    "template"));
	const char *want = json_string_value(json_object_get(test,
	    "expected"));
	char *json = json_dumps(json_object_get(test, "data"),
	    JSON_ENCODE_ANY);
	struct err e = ERR_INIT;
	char *got;

	got = render(params, template, json, &e);
	if (got == NULL)
		fail_msg("%s: %s", name, e.text);
	if (strcmp(got, want) != 0)
		fail_msg("%s: got \"%s\", want \"%s\"", name, got, want);
	free(got);
	free(json);
}

/* The excluded cases too must hold once their names are trusted. */
static void
the_specification_holds(void **state)
{
	static const struct {
		const char *file;
		size_t cases;
	} files[] = {
		{ "comments.json", 12 }, { "interpolation.json", 42 },
		{ "inverted.json", 22 }, { "sections.json", 34 },
	};
	const struct mustache_params trusting = { .context = MUSTACHE_HTML,
	    .trusted = trust_all };
	size_t i, left_out = 0;
	struct err e;
	json_t *spec, *tests, *test;

	(void)state;
	for (size_t f = 0; f < sizeof(files) / sizeof(files[0]); f++) {
		if ((spec = load_spec(files[f].file)) == NULL)
			skip();
		tests = json_object_get(spec, "tests");
		assert_int_equal(json_array_size(tests), files[f].cases);
		json_array_foreach(tests, i, test) {
			const char *name = json_string_value(
			    json_object_get(test, "name"));

			if (is_excluded(name)) {
				assert_null(render(&html, json_string_value(
				    json_object_get(test, "template")), "{}",
				    &e));
				assert_non_null(strstr(e.text, "trusted"));
				check_case(test, &trusting);
				left_out++;
			} else {
				check_case(test, &html);
			}
		}
		json_decref(spec);
	}
	assert_int_equal(left_out, sizeof(excluded) / sizeof(excluded[0]));
}

/* ---- refusals, with their line */

static const struct {
	const char *why, *template, *text;
} refused[] = {
	{ "never closed",	"a\nb{{#x}}c\n",	"line 2: {{#x}} is never closed" },
	{ "closes another",	"{{#x}}\n\n{{/y}}",	"line 3: {{/y}} closes {{#x}} of line 1" },
	{ "nothing open",	"\n{{/y}}",		"line 2: nothing is open" },
	{ "crossed sections",	"{{#a}}{{^b}}{{/a}}{{/b}}", "line 1: {{/a}} closes {{^b}}" },
	{ "cut tag",		"a\n{{name",		"line 2: unclosed tag" },
	{ "cut tag, one brace",	"{{name}",		"line 1: unclosed tag" },
	{ "cut triple tag",	"{{{name}}",		"line 1: unclosed tag" },
	{ "cut at the braces",	"{{",			"line 1: unclosed tag" },
	{ "no name",		"{{}}",			"line 1: tag without a name" },
	{ "blank name",		"{{#  }}{{/  }}",	"line 1: tag without a name" },
	{ "two words",		"{{first name}}",	"line 1: bad name" },
	{ "dot in front",	"{{.a}}",		"line 1: bad name" },
	{ "dot behind",		"{{a.}}",		"line 1: bad name" },
	{ "two dots",		"{{a..b}}",		"line 1: bad name" },
	{ "tag in a tag",	"{{a {{b}}",		"line 1: bad name" },
	{ "a function call",	"{{f(x)}}",		"line 1: bad name" },
	{ "a pipe",		"{{ x | html }}",	"line 1: bad name" },
	{ "quotes of an editor", "{{a&quot;}}",		"line 1: bad name" },
	{ "partial",		"x\r\ny\r\n{{> head}}",	"line 3: partials" },
	{ "delimiters",		"{{=<% %>=}}",		"line 1: delimiters" },
	{ "block",		"{{$a}}{{/a}}",		"line 1: inheritance" },
	{ "parent",		"{{<a}}{{/a}}",		"line 1: inheritance" },
	{ "unescaped, braces",	"{{{a}}}",		"line 1: only a trusted" },
	{ "unescaped, &",	"{{&a}}",		"line 1: only a trusted" },
	{ "comment not closed",	"{{! a }",		"line 1: unclosed tag" },
};

static void
malformed_templates_are_refused(void **state)
{
	struct err e;
	char *got;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		got = render(&html, refused[i].template, "{}", &e);
		if (got != NULL)
			fail_msg("accepted: %s", refused[i].why);
		assert_int_equal(e.code, ERR_INPUT);
		if (strncmp(e.text, refused[i].text, strlen(refused[i].text)))
			fail_msg("%s: \"%s\"", refused[i].why, e.text);
	}
}

/* Trust is by name, and never covers what listd itself provides. */
static bool
trust_html_block(const void *arg, const char *name, size_t len)
{
	assert_string_equal(arg, "arg");
	return len == 10 && memcmp(name, "html_block", 10) == 0;
}

static void
trust_is_by_name(void **state)
{
	static const char *const builtin[] = { "html_block2", "address" };
	struct mustache_params p = { .context = MUSTACHE_HTML,
	    .trusted = trust_html_block, .trusted_arg = "arg",
	    .builtin = builtin, .builtins = 2 };
	struct err e;
	char *got;

	(void)state;
	got = render(&p, "{{{html_block}}}{{html_block}}",
	    "{\"html_block\": \"<b>\"}", &e);
	assert_string_equal(got, "<b>&lt;b&gt;");
	free(got);
	assert_null(render(&p, "{{{address}}}", "{}", &e));
	assert_null(render(&p, "{{{other}}}", "{}", &e));
	p.trusted = trust_all;
	assert_null(render(&p, "{{&address}}", "{}", &e));
}

/* ---- limits */

/* head, then n times unit, then tail. */
static char *
repeat(const char *head, const char *unit, size_t n, const char *tail)
{
	struct strbuf b = STRBUF_INIT(16 << 20);

	strbuf_adds(&b, head);
	for (size_t i = 0; i < n; i++)
		strbuf_adds(&b, unit);
	strbuf_adds(&b, tail);
	assert_false(b.overflow);
	return strbuf_steal(&b);
}

/* n units compile, one more does not. */
static void
assert_limit(const char *head, const char *unit, const char *tail, size_t n)
{
	for (size_t i = 0; i < 2; i++) {
		char *text = repeat(head, unit, n + i, tail);
		struct err e = ERR_INIT;
		struct mustache *m;

		m = mustache_compile(text, strlen(text), &html, &e);
		if (i == 0 && m == NULL)
			fail_msg("%zu of \"%s\": %s", n, unit, e.text);
		if (i == 1 && (m != NULL || e.code != ERR_LIMIT))
			fail_msg("%zu of \"%s\" passed", n + 1, unit);
		mustache_free(m);
		free(text);
	}
}

static void
compile_limits_are_exact(void **state)
{
	struct strbuf nested = STRBUF_INIT(4096);
	struct err e;
	char *got;

	(void)state;
	assert_limit("", "{{a}}", "", MUSTACHE_OPS_MAX);
	assert_limit("", "x", "", MUSTACHE_TEXT_MAX);
	assert_limit("{{", "n", "}}", MUSTACHE_NAME_MAX);
	assert_limit("{{a", ".a", "}}", MUSTACHE_PARTS_MAX - 1);
	for (size_t depth = MUSTACHE_DEPTH_MAX; depth < MUSTACHE_DEPTH_MAX + 2;
	    depth++) {
		strbuf_reset(&nested);
		for (size_t i = 0; i < depth; i++)
			strbuf_adds(&nested, "{{#a}}");
		strbuf_addc(&nested, 'x');
		for (size_t i = 0; i < depth; i++)
			strbuf_adds(&nested, "{{/a}}");
		got = render(&html, nested.s, "{\"a\": {\"b\": 1}}", &e);
		if (depth > MUSTACHE_DEPTH_MAX) {
			assert_null(got);
			assert_int_equal(e.code, ERR_LIMIT);
		} else {
			assert_string_equal(got, "x");
		}
		free(got);
	}
	strbuf_free(&nested);
}

/* Lists inside lists run long without writing an octet. */
static void
steps_are_bounded(void **state)
{
	char *list = repeat("{\"a\": [0", ",0", 999, "]}");
	struct err e = ERR_INIT;

	(void)state;
	assert_null(render(&html, "{{#a}}{{#a}}{{#a}}{{b}}{{/a}}{{/a}}{{/a}}",
	    list, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_non_null(strstr(e.text, "steps"));
	free(list);
}

static void
output_is_bounded(void **state)
{
	struct mustache_data data = { json_pack("{s:s}", "a", "12345"), NULL };
	struct strbuf out = STRBUF_INIT(9);
	struct mustache *m;
	struct err e;

	(void)state;
	m = mustache_compile("{{a}}{{a}}", 10, &html, NULL);
	assert_int_equal(mustache_render(m, &data, &out, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_string_equal(out.s, "12345");
	mustache_free(m);
	json_decref((json_t *)data.root);
	strbuf_free(&out);
}

/* ---- values */

static const struct {
	const char *why, *template, *json, *want;
} values[] = {
	{ "the empty string is false", "{{#a}}y{{/a}}{{^a}}n{{/a}}", "{\"a\":\"\"}", "n" },
	{ "zero is a value",	"{{#a}}y{{/a}}{{^a}}n{{/a}}", "{\"a\":0}", "y" },
	{ "the empty map is a value", "{{#a}}y{{/a}}{{^a}}n{{/a}}", "{\"a\":{}}", "y" },
	{ "a list shows nothing", "[{{a}}]", "{\"a\":[1,2]}", "[]" },
	{ "a map shows nothing", "[{{a}}]", "{\"a\":{\"b\":1}}", "[]" },
	{ "booleans by name",	"{{a}} {{b}}", "{\"a\":true,\"b\":false}", "true false" },
	{ "large integers stay whole", "{{a}}", "{\"a\":9007199254740993}", "9007199254740993" },
	{ "a real in its shortest form", "{{a}}", "{\"a\":0.1}", "0.1" },
	{ "a real that needs 17 digits", "{{a}}", "{\"a\":0.30000000000000004}", "0.30000000000000004" },
	{ "names in UTF-8",	"{{prénom}}", "{\"prénom\":\"Zoé\"}", "Zoé" },
	{ "a name may hold - and _", "{{a-b_c}}", "{\"a-b_c\":1}", "1" },
	{ "null inside a list",	"{{#a}}<{{.}}>{{/a}}", "{\"a\":[null,1]}", "<><1>" },
	{ "data is not a template", "{{a}}", "{\"a\":\"{{b}}\",\"b\":1}", "{{b}}" },
	{ "data cannot close a section", "{{#a}}{{.}}{{/a}}", "{\"a\":\"{{/a}}\"}", "{{/a}}" },
	{ "the root may be a scalar", "{{a}}", "3", "" },
	{ "one brace is text",	"{a} {", "{}", "{a} {" },
	{ "a comment may hold braces", "a{{! { } }}b", "{}", "ab" },
	{ "a variable keeps its line", " {{a}} \n", "{}", "  \n" },
	{ "tags around make no line alone", "{{a}}{{#b}}\n{{/b}}", "{\"b\":1}", "\n" },
};

static void
values_are_shown(void **state)
{
	struct err e;
	char *got;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		got = render(&html, values[i].template, values[i].json, &e);
		if (got == NULL || strcmp(got, values[i].want) != 0)
			fail_msg("%s: \"%s\"", values[i].why,
			    got != NULL ? got : e.text);
		free(got);
	}
}

/* X40: every octet, in every context, cannot leave the place it was given. */
static void
escaping_is_by_context(void **state)
{
	static const char all[] = "\t\r\n\033\177<a href=\"x\">&'A-z_0.~/%:";
	static const struct {
		enum mustache_context context;
		const char *want;
	} rows[] = {
		{ MUSTACHE_TEXT, "\t\r\n  <a href=\"x\">&'A-z_0.~/%:" },
		{ MUSTACHE_LINE, "\t    <a href=\"x\">&'A-z_0.~/%:" },
		{ MUSTACHE_HTML, "\t\r\n  &lt;a href=&quot;x&quot;&gt;&amp;"
		    "&#39;A-z_0.~/%:" },
		{ MUSTACHE_URL, "%09%0D%0A%1B%7F%3Ca%20href%3D%22x%22%3E%26"
		    "%27A-z_0.~%2F%25%3A" },
		{ MUSTACHE_HEADER, "     <a href=\"x\">&'A-z_0.~/%:" },
	};
	struct strbuf out = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strbuf_reset(&out);
		mustache_escape(&out, rows[i].context, all, sizeof(all) - 1);
		assert_string_equal(out.s, rows[i].want);
	}
	strbuf_free(&out);
}

/* The bit table against the rule it stands for, octet by octet. */
static void
the_table_of_specials_is_right(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool control = c < 0x20 || c == 0x7f;
		bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		    (c >= 'a' && c <= 'z');
		bool line = c == '\r' || c == '\n', tab = c == '\t';
		bool markup = c != 0 && strchr("&<>\"'", c) != NULL;
		bool mark = c != 0 && strchr("-._~", c) != NULL;
		uint8_t o = (uint8_t)c;

		assert_int_equal(mustache_is_special(MUSTACHE_TEXT, o),
		    control && !line && !tab);
		assert_int_equal(mustache_is_special(MUSTACHE_LINE, o),
		    control && !tab);
		assert_int_equal(mustache_is_special(MUSTACHE_HTML, o),
		    (control && !line && !tab) || markup);
		assert_int_equal(mustache_is_special(MUSTACHE_HEADER, o),
		    control);
		assert_int_equal(mustache_is_special(MUSTACHE_URL, o),
		    !alnum && !mark);
	}
}

static void
builtins_are_not_shadowed(void **state)
{
	static const char *const names[] = { "address", "unsubscribe_url" };
	static const struct mustache_params p = { .context = MUSTACHE_HTML,
	    .builtin = names, .builtins = 2 };
	static const char text[] = "{{unsubscribe_url}}"
	    "{{#a}} {{address}}{{unsubscribe_url}}{{a.address}}{{/a}}"
	    "{{#unsubscribe_url}}({{.}}){{/unsubscribe_url}}"
	    "{{^address}}none{{/address}}{{#address}}some{{/address}}";
	const struct slice builtin[] = { { (const uint8_t *)"", 0 },
	    { (const uint8_t *)"u<", 2 } };
	struct strbuf out = STRBUF_INIT(4096);
	struct mustache_data data = { NULL, builtin };
	struct mustache *m;
	json_t *root;

	(void)state;
	root = json_loads("{\"unsubscribe_url\":\"evil\","
	    "\"a\":{\"address\":\"inner\",\"unsubscribe_url\":\"evil\"}}", 0,
	    NULL);
	data.root = root;
	m = mustache_compile(text, strlen(text), &p, NULL);
	assert_non_null(m);
	assert_int_equal(mustache_render(m, &data, &out, NULL), 0);
	assert_string_equal(out.s, "u&lt; u&lt;inner(u&lt;)none");
	mustache_free(m);
	json_decref(root);
	strbuf_free(&out);
}

/* What the message encoder relies on. */
static void
literals_are_joined(void **state)
{
	static const char text[] = "a{{! x }}b{{!y}}\n{{v}}{{! z }}c";
	const struct mustache_op *op;
	struct mustache *m;
	size_t ops;

	(void)state;
	m = mustache_compile(text, strlen(text), &html, NULL);
	op = mustache_ops(m, &ops);
	assert_int_equal(ops, 3);
	assert_memory_equal(op[0].text, "ab\n", 3);
	assert_int_equal(op[1].type, MUSTACHE_VARIABLE);
	assert_int_equal(op[1].line, 2);
	assert_memory_equal(op[2].text, "c", 1);
	assert_false(mustache_is_constant(m));
	mustache_free(m);
	m = mustache_compile("a{{!x}}b", 8, &html, NULL);
	assert_true(mustache_is_constant(m));
	mustache_free(m);
	m = mustache_compile("", 0, &html, NULL);
	assert_true(mustache_is_constant(m));
	mustache_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_specification_holds),
		cmocka_unit_test(malformed_templates_are_refused),
		cmocka_unit_test(trust_is_by_name),
		cmocka_unit_test(compile_limits_are_exact),
		cmocka_unit_test(steps_are_bounded),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(values_are_shown),
		cmocka_unit_test(escaping_is_by_context),
		cmocka_unit_test(the_table_of_specials_is_right),
		cmocka_unit_test(builtins_are_not_shadowed),
		cmocka_unit_test(literals_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
