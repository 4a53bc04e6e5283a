/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - one report in two forms.
 */
#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/report.h"
#include "lib/utf8.h"

#define COLUMNS		78
#define WORDS_MAX	2048	/* octets of a paragraph */

static const char page_begin[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
    "'none'; style-src 'unsafe-inline'\">\n<title>";
static const char page_style[] =
    "</title>\n<style>\nbody{font:16px/1.45 serif;max-width:46em;"
    "margin:2em auto;padding:0 1em}\nh1,h2,h3{font-family:sans-serif;"
    "line-height:1.2}\nh3{border-top:1px solid #bbb;padding-top:.6em}\n"
    "dl{display:grid;grid-template-columns:12em 1fr;gap:.1em 1em;margin:0}\n"
    "dt{color:#555}\ndd{margin:0;overflow-wrap:anywhere}\n"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #bbb;"
    "padding:.6em;font-size:13px;break-inside:auto}\n"
    "@media print{body{margin:0;max-width:none;font-size:11pt}}\n"
    "</style>\n</head>\n<body>\n";

/* ---- hostile text */

static bool
is_invisible(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	    c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	    (c >= 0xe0000 && c <= 0xe0fff);
}

void
report_clean(struct strbuf *out, struct slice s, bool lines)
{
	struct strbuf good = STRBUF_INIT(REPORT_MAX);
	size_t at, n;
	uint32_t c;

	utf8_append_repaired(&good, (const char *)s.p, s.len);
	for (at = 0; at < good.len; at += n) {
		if ((n = utf8_next(good.s + at, good.len - at, &c)) == 0)
			break;
		/* A line end is one, however it is written. */
		if (lines && c == '\r' && good.s[at + 1] == '\n')
			continue;
		if (lines && c == '\t')
			strbuf_adds(out, "    ");
		else if ((lines && c == '\n') || !is_invisible(c))
			strbuf_add(out, good.s + at, n);
		else
			strbuf_addf(out, "<U+%04X>", (unsigned)c);
	}
	strbuf_free(&good);
}

/* Clean text into HTML. */
static void
put_html(struct strbuf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		switch (p[i]) {
		case '&': strbuf_adds(out, "&amp;"); break;
		case '<': strbuf_adds(out, "&lt;"); break;
		case '>': strbuf_adds(out, "&gt;"); break;
		case '"': strbuf_adds(out, "&quot;"); break;
		case '\'': strbuf_adds(out, "&#39;"); break;
		default: strbuf_addc(out, p[i]);
		}
}

static void
put_words(struct strbuf *out, const char *words)
{
	put_html(out, words, strlen(words));
}

/* ---- the parts of a report */

/* One empty line, unless there is one, or nothing before it. */
static void
part(struct strbuf *out)
{
	if (out->len > 0 && (out->len < 2 ||
	    memcmp(out->s + out->len - 2, "\n\n", 2) != 0))
		strbuf_addc(out, '\n');
}

static void
underline(struct strbuf *out, const char *words, char with)
{
	size_t n = strlen(words);

	part(out);
	strbuf_addf(out, "%s\n", words);
	for (size_t i = 0; i < n; i++)
		strbuf_addc(out, with);
	strbuf_adds(out, "\n\n");
}

void
report_begin(struct report *r, const char *title)
{
	strbuf_init(&r->text, REPORT_MAX);
	strbuf_init(&r->html, REPORT_MAX);
	strbuf_adds(&r->html, page_begin);
	put_words(&r->html, title);
	strbuf_adds(&r->html, page_style);
	strbuf_adds(&r->html, "<h1>");
	put_words(&r->html, title);
	strbuf_adds(&r->html, "</h1>\n");
	underline(&r->text, title, '=');
}

void
report_end(struct report *r)
{
	strbuf_adds(&r->html, "</body>\n</html>\n");
}

void
report_free(struct report *r)
{
	strbuf_free(&r->text);
	strbuf_free(&r->html);
}

void
report_heading(struct report *r, const char *words)
{
	underline(&r->text, words, '-');
	strbuf_adds(&r->html, "<h2>");
	put_words(&r->html, words);
	strbuf_adds(&r->html, "</h2>\n");
}

void
report_entry(struct report *r, const char *words)
{
	part(&r->text);
	strbuf_addf(&r->text, "* %s\n", words);
	strbuf_adds(&r->html, "<h3>");
	put_words(&r->html, words);
	strbuf_adds(&r->html, "</h3>\n");
}

/* Break words at blanks, so that lines fit. */
static void
wrap(struct strbuf *out, const char *words)
{
	size_t column = 0;

	while (*words != '\0') {
		size_t n = strcspn(words, " ");

		if (column > 0 && column + 1 + n > COLUMNS) {
			strbuf_addc(out, '\n');
			column = 0;
		} else if (column > 0) {
			strbuf_addc(out, ' ');
			column++;
		}
		strbuf_add(out, words, n);
		column += n;
		words += n;
		words += strspn(words, " ");
	}
	strbuf_adds(out, "\n\n");
}

void
report_say(struct report *r, const char *fmt, ...)
{
	struct strbuf clean = STRBUF_INIT(8 * WORDS_MAX);
	char words[WORDS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	report_clean(&clean, (struct slice){ (const uint8_t *)words,
	    strlen(words) }, false);
	part(&r->text);
	wrap(&r->text, clean.s);
	strbuf_adds(&r->html, "<p>");
	put_words(&r->html, clean.s);
	strbuf_adds(&r->html, "</p>\n");
	strbuf_free(&clean);
}

void
report_value(struct report *r, const char *label, struct slice value)
{
	struct strbuf clean = STRBUF_INIT(REPORT_MAX);

	report_clean(&clean, value, false);
	strbuf_addf(&r->text, "  %-*s %s\n", REPORT_LABEL, label, clean.s);
	strbuf_adds(&r->html, "<dl><dt>");
	put_words(&r->html, label);
	strbuf_adds(&r->html, "</dt><dd>");
	put_html(&r->html, clean.s, clean.len);
	strbuf_adds(&r->html, "</dd></dl>\n");
	strbuf_free(&clean);
}

void
report_text(struct report *r, const char *label, const char *value)
{
	report_value(r, label, (struct slice){ (const uint8_t *)value,
	    strlen(value) });
}

void
report_block(struct report *r, const char *label, struct slice lines)
{
	struct strbuf clean = STRBUF_INIT(REPORT_MAX);

	report_clean(&clean, lines, true);
	if (clean.len > 0 && clean.s[clean.len - 1] == '\n')
		strbuf_truncate(&clean, clean.len - 1);
	strbuf_addf(&r->text, "  %s\n", label);
	for (size_t at = 0; at <= clean.len;) {
		size_t n = strcspn(clean.s + at, "\n");

		/* A mark, so that no line of it passes for one of ours. */
		strbuf_addf(&r->text, "    | %.*s\n", (int)n, clean.s + at);
		at += n + 1;
	}
	strbuf_adds(&r->html, "<p>");
	put_words(&r->html, label);
	strbuf_adds(&r->html, "</p>\n<pre>");
	put_html(&r->html, clean.s, clean.len);
	strbuf_adds(&r->html, "</pre>\n");
	strbuf_free(&clean);
}
