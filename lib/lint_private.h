/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint_private.h - between the linter's parts.
 */
#ifndef LIB_LINT_PRIVATE_H
#define LIB_LINT_PRIVATE_H

#include <stdbool.h>

#include "lib/lint.h"
#include "lib/mime_out.h"

struct lint {
	const struct mime_message	*m;
	struct lint_report		*report;
};

void lint_add(struct lint *l, enum lint_grade grade, const char *rule,
    uint32_t part, uint32_t line, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* lint_header.c: the fields of the message and of all parts. */
void lint_header(struct lint *l);
/* lint_word.c: the encoded words of one field. */
void lint_encoded_words(struct lint *l, uint32_t part,
    const struct mime_field *f);
/* lint_mailbox.c: From and its kin, display names. */
void lint_mailboxes(struct lint *l);
/* lint_part.c: structure, encodings and texts of the parts. */
void lint_parts(struct lint *l);
/* lint_html.c: one HTML text in UTF-8. */
void lint_html(struct lint *l, uint32_t part, const char *text, size_t len);

#endif
