/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_samples.h - what the tests of templates share: one set of
 * parameters and values, and the checks every copy must pass.
 */
#ifndef TESTS_TEMPLATE_SAMPLES_H
#define TESTS_TEMPLATE_SAMPLES_H

#include <stdbool.h>

#include "lib/lint.h"
#include "lib/strbuf.h"
#include "lib/template.h"

#define SAMPLE_URL	"https://lists.example.org/u/url0token"
#define SAMPLE_HEAD \
	"From: =?utf-8?q?J=C3=B6rg?= <joerg@lists.example.org>\n" \
	"Subject: News\nMIME-Version: 1.0\n"

extern const struct template_params sample_params;
/* address anna@mail.example, tokens "url0token", "mail0token", "id0token" */
extern const struct template_values sample_values;

/* Compile text with params; fails the test when that fails. */
struct template *sample_compile(const char *text,
    const struct template_params *params);
/* Compile text, which must be refused with code and a text that has say. */
void sample_refused(const char *text, const struct template_params *params,
    int code, const char *say);

/*
 * Render t with the sample values and JSON attributes (NULL: none) and check
 * the copy; whole gets header, empty line and body, not dot-stuffed.
 */
void sample_render(const struct template *t, const char *json,
    struct strbuf *whole);
/* Compile, render, release. */
void sample_copy(const char *text, const char *json, struct strbuf *whole);

/*
 * Every rule of the wire, and the hash against an independent one; fails the
 * test.  whole as above, may be NULL.
 */
void sample_check(const struct rendered *r, struct strbuf *whole);

/* The i-th text part of a message, decoded by GMime to UTF-8 with LF. */
bool sample_decode(const struct strbuf *whole, unsigned i, bool html,
    struct strbuf *out);
/* The value of a header field in whole, unfolded; how many there are. */
unsigned sample_field(const struct strbuf *whole, const char *name,
    struct strbuf *value);

/* Read a file; false when it is not there. */
bool sample_load(const char *path, struct strbuf *out);

#endif
