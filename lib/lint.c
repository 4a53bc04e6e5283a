/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint.c - what is wrong with a message: the report and the lines.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/lint_private.h"

const char *
lint_grade_name(enum lint_grade grade)
{
	static const char *const names[] = { "MUST", "SHOULD", "MAY" };

	return names[grade];
}

static void
make_printable(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void
lint_add(struct lint *l, enum lint_grade grade, const char *rule,
    uint32_t part, uint32_t line, const char *fmt, ...)
{
	struct lint_report *r = l->report;
	struct lint_finding *f;
	va_list ap;

	r->count[grade]++;
	if (r->findings == LINT_FINDINGS_MAX)
		return;
	f = &r->finding[r->findings++];
	f->grade = grade;
	f->line = line;
	snprintf(f->rule, sizeof(f->rule), "%s", rule);
	strcpy(f->part, "0");
	if (l->m != NULL)
		mime_part_path(l->m, part, f->part, sizeof(f->part));
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	make_printable(f->text);
}

/* RFC 5322 section 2.1.1, for the first of each kind; headers apart. */
static void
check_lines(struct lint *l)
{
	const struct slice head = l->m->part[0].head;
	const char *p = l->m->text.s, *end = p + l->m->text.len, *eol;
	const char *header_end = (const char *)head.p + head.len;
	bool too_long = false, longish = false;
	uint32_t line = 1;

	for (; p < end; p = eol + 2, line++) {
		eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		if (eol - p > LINT_LINE_MAX && !too_long) {
			lint_add(l, LINT_MUST, "R85", 0, line, "a line of %zu "
			    "octets; %d is the most (RFC 5322 section 2.1.1); "
			    "encode the part as quoted-printable",
			    (size_t)(eol - p), LINT_LINE_MAX);
			too_long = true;
		} else if (eol - p > LINT_LINE_GOOD && p < header_end &&
		    !longish) {
			lint_add(l, LINT_SHOULD, "R85", 0, line, "a header "
			    "line of %zu octets; fold it to %d",
			    (size_t)(eol - p), LINT_LINE_GOOD);
			longish = true;
		}
	}
	if (l->m->lines_lf != 0 && l->m->lines_crlf != 0)
		lint_add(l, LINT_MAY, "T30", 0, 0, "line ends are mixed, %u "
		    "CRLF and %u LF; all become CRLF",
		    (unsigned)l->m->lines_crlf, (unsigned)l->m->lines_lf);
}

static const struct {
	enum lint_grade grade;
	const char *rule, *text;
} defects[] = {
	[MIME_BAD_FIELD] = { LINT_MUST, "R84",
	    "a header line that is no field (RFC 5322 section 2.2)" },
	[MIME_BAD_TYPE] = { LINT_MUST, "R90",
	    "Content-Type cannot be read (RFC 2045 section 5.1)" },
	[MIME_BAD_DISPOSITION] = { LINT_SHOULD, "R89",
	    "Content-Disposition cannot be read (RFC 2183)" },
	[MIME_BAD_CTE] = { LINT_MUST, "R90",
	    "a Content-Transfer-Encoding that is unknown or not allowed on a "
	    "multipart (RFC 2045 section 6.4)" },
	[MIME_BOUNDARY_MISSING] = { LINT_MUST, "S101",
	    "a multipart without a boundary parameter" },
	[MIME_BOUNDARY_BAD] = { LINT_MUST, "R90",
	    "a boundary with octets it must not have, or more than 70 (RFC "
	    "2046 section 5.1.1)" },
	[MIME_BOUNDARY_UNUSED] = { LINT_MUST, "S101",
	    "the multipart's boundary begins no part" },
	[MIME_BOUNDARY_UNCLOSED] = { LINT_MUST, "S101",
	    "the multipart is not closed: its last boundary line with \"--\" "
	    "at its end is missing" },
	[MIME_BOUNDARY_UNCLEAR] = { LINT_SHOULD, "S101",
	    "a line that begins like the boundary and goes on; readers "
	    "differ about it" },
	[MIME_BOUNDARY_REUSED] = { LINT_MUST, "R90",
	    "the boundary is the one of a multipart around it" },
};

static void
check_defects(struct lint *l)
{
	for (unsigned i = 0; i < l->m->defects; i++) {
		const struct mime_defect *d = &l->m->defect[i];

		lint_add(l, defects[d->kind].grade, defects[d->kind].rule,
		    d->part, d->line, "%s", defects[d->kind].text);
	}
}

static int
compare_lines(const void *a, const void *b)
{
	const struct lint_finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->grade != y->grade)
		return x->grade < y->grade ? -1 : 1;
	return strcmp(x->text, y->text);
}

void
lint_parsed(const struct mime_message *m, struct lint_report *report)
{
	struct lint l = { m, report };

	memset(report, 0, sizeof(*report));
	check_lines(&l);
	check_defects(&l);
	lint_header(&l);
	lint_mailboxes(&l);
	lint_parts(&l);
	qsort(report->finding, report->findings, sizeof(report->finding[0]),
	    compare_lines);
}

void
lint_message(const uint8_t *data, size_t len, struct lint_report *report)
{
	struct err e = ERR_INIT;
	struct mime_message *m = mime_parse(data, len, &e);

	if (m != NULL) {
		lint_parsed(m, report);
	} else {
		struct lint l = { NULL, report };

		memset(report, 0, sizeof(*report));
		lint_add(&l, LINT_MUST, e.code == ERR_INPUT ? "T30" : "R90",
		    0, 0, "%s", e.text);
	}
	mime_free(m);
}
