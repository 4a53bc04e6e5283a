/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shown.h - what a page says, as it is kept to prove what was agreed to.
 *
 * The words in their order, a line each, below the version of our texts and
 * the page's place.  It names nobody, so that all who saw the same page share
 * one text, which is known by its SHA-256 (T10).
 */
#ifndef WEB_SHOWN_H
#define WEB_SHOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "web/text.h"

#define SHOWN_HASH	32	/* octets of SHA-256 */
#define SHOWN_HEX	(2 * SHOWN_HASH)

struct shown {
	struct strbuf	text;
	uint8_t		hash[SHOWN_HASH];
	char		hex[SHOWN_HEX + 1];
};

/* place: host and path, without what names a person. */
void shown_begin(struct shown *s, const char *host, const char *path);
/* value, or NULL, stands for {} in the text. */
void shown_line(struct shown *s, enum text id, const char *value);
/* Lines of a list's own. */
void shown_words(struct shown *s, const char *lines);
/* Hash it; false when it is over IPC_SHOWN_MAX. */
bool shown_end(struct shown *s);
/* Say so in the evidence; the text goes with the frame, see lib/ipc.h. */
void shown_tell(const struct shown *s, struct ipc_evidence *ev,
    struct slice *text_r);
void shown_free(struct shown *s);

#endif
