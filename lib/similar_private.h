/* SPDX-License-Identifier: Apache-2.0 */
/*
 * similar_private.h - between the steps of a fingerprint: the text of a
 * message (similar_text.c), its words (similar_words.c), its runs
 * (similar.c).
 *
 * Between the first two a text is UTF-8 whose paragraphs are parted by
 * SIMILAR_PARAGRAPH; SIMILAR_FRAME in one says that it belongs to the frame.
 */
#ifndef LIB_SIMILAR_PRIVATE_H
#define LIB_SIMILAR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/similar.h"
#include "lib/strbuf.h"

#define SIMILAR_PARAGRAPH	'\x1e'
#define SIMILAR_FRAME		'\x1a'
#define SIMILAR_RUNS_MAX	65536	/* of a message; then it is cut */
#define SIMILAR_WORDS_MAX	8192	/* of a paragraph; the same */

/* What a message says, and what counts if that is little. */
struct similar_text {
	struct strbuf	text;
	struct strbuf	other;		/* likewise text */
};

/* Hashes of runs. */
struct similar_runs {
	uint32_t	*v;
	size_t		 n, cap;
};

uint64_t similar_hash(uint64_t seed, const void *p, size_t len);
void similar_runs_add(struct similar_runs *r, uint64_t hash);

/* As similar_of(). */
int similar_text(const uint8_t *data, size_t len, struct similar_text *out,
    struct err *e);
/* Add the runs of a text to r. */
void similar_words(const struct strbuf *text, struct similar_runs *r);

/* Append one paragraph's plain text or a whole HTML text, UTF-8. */
void similar_plain(struct similar_text *out, const char *text, size_t len);
void similar_html(struct similar_text *out, const char *text, size_t len);

#endif
