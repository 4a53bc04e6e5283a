/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_mail.c - verbs that judge files of mail: lint, bounce classify.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/charset.h"
#include "lib/dsn.h"
#include "lib/err.h"
#include "lib/lint.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/listctl_local.h"
#include "listd/role.h"

#define LINT_FILE_MAX	(64u << 20)	/* octets of a message judged */

/*
 * Append a file to out, "-" being standard input; what passes its limit is
 * left out when cut, else an error.  -1: told.
 */
static int
read_file(const char *path, struct strbuf *out, bool cut)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char buf[65536];
	size_t n = 1;
	int failed;

	if (f == NULL) {
		fprintf(stderr, "listctl: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (!out->overflow && n > 0 &&
	    (n = fread(buf, 1, sizeof(buf), f)) > 0) {
		if (cut && n > out->max - out->len)
			n = out->max - out->len;
		strbuf_add(out, buf, n);
	}
	failed = ferror(f);
	if (failed)
		fprintf(stderr, "listctl: %s: %s\n", path, strerror(errno));
	else if (out->overflow)
		fprintf(stderr, "listctl: %s: over %zu octets\n", path,
		    out->max);
	if (f != stdin)
		fclose(f);
	return failed || out->overflow ? -1 : 0;
}

/* ---- lint */

static void
print_lint(const char *path, const struct lint_report *r)
{
	for (unsigned i = 0; i < r->findings; i++) {
		const struct lint_finding *f = &r->finding[i];

		printf("%s:%u: %s %s %s (part %s)\n", path, f->line,
		    lint_grade_name(f->grade), f->rule, f->text, f->part);
	}
	printf("%s: %u MUST, %u SHOULD, %u MAY\n", path,
	    r->count[LINT_MUST], r->count[LINT_SHOULD], r->count[LINT_MAY]);
}

static void
print_lint_json(const char *path, const struct lint_report *r)
{
	json_t *a = json_array(), *o;

	for (unsigned i = 0; i < r->findings; i++) {
		const struct lint_finding *f = &r->finding[i];

		json_array_append_new(a, json_pack(
		    "{s:s, s:s, s:i, s:s, s:s}", "grade",
		    lint_grade_name(f->grade), "rule", f->rule, "line",
		    (int)f->line, "part", f->part, "text", f->text));
	}
	o = json_pack("{s:i, s:i, s:i, s:o}", "must", (int)r->count[LINT_MUST],
	    "should", (int)r->count[LINT_SHOULD], "may",
	    (int)r->count[LINT_MAY], "findings", a);
	/* A name that is not UTF-8 is left out. */
	json_object_set_new(o, "file", json_string(path));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

int
listctl_lint(const struct listctl *lc)
{
	struct lint_report *r = xmalloc(sizeof(*r));
	struct strbuf b = STRBUF_INIT(LINT_FILE_MAX);
	int ret = STATUS_OK;

	for (int i = 0; i < lc->nmany; i++) {
		strbuf_reset(&b);
		if (read_file(lc->many[i], &b, false) == -1) {
			ret = STATUS_USAGE;
			continue;
		}
		lint_message((const uint8_t *)b.s, b.len, r);
		if (lc->json)
			print_lint_json(lc->many[i], r);
		else
			print_lint(lc->many[i], r);
		if (r->count[LINT_MUST] > 0 && ret == STATUS_OK)
			ret = STATUS_NO;
	}
	strbuf_free(&b);
	free(r);
	return ret;
}

/* ---- bounce classify */

/* {"file":PATH, and the rest of the report's object. */
static void
print_report(const char *path, const struct strbuf *report)
{
	json_t *name = json_string(path);
	char *text = name != NULL ? json_dumps(name, JSON_ENCODE_ANY) : NULL;

	if (text != NULL)
		printf("{\"file\":%s,%s\n", text, report->s + 1);
	else
		puts(report->s);
	free(text);
	json_decref(name);
}

static int
classify(const char *path, struct strbuf *b, struct strbuf *out)
{
	struct err e = ERR_INIT;
	struct dsn_report *r;
	int ret = -1;

	strbuf_reset(b);
	strbuf_reset(out);
	if (read_file(path, b, true) == -1)
		return -1;
	if ((r = dsn_parse(b->s, b->len, false, &e)) == NULL) {
		fprintf(stderr, "listctl: %s: %s\n", path, e.text);
		return -1;
	}
	if (dsn_report_to_json(r, out) == 0 && out->len > 0) {
		print_report(path, out);
		ret = 0;
	}
	dsn_report_free(r);
	return ret;
}

int
listctl_bounce_classify(const struct listctl *lc)
{
	struct strbuf b = STRBUF_INIT(DSN_LOOK_MAX);
	struct strbuf out = STRBUF_INIT(8u << 20);
	int ret = STATUS_OK;

	dsn_setup();
	for (int i = 0; i < lc->nmany; i++)
		if (classify(lc->many[i], &b, &out) == -1)
			ret = STATUS_USAGE;
	strbuf_free(&out);
	strbuf_free(&b);
	return ret;
}
