/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlog_private.h - what the readers of a log's texts share.
 */
#ifndef LIB_TLOG_PRIVATE_H
#define LIB_TLOG_PRIVATE_H

#include <stdbool.h>
#include <string.h>

#include "lib/pack.h"

/* Cut the first line off text, without its end; false when there is none. */
static inline bool
tlog_line(struct slice *text, struct slice *line)
{
	const uint8_t *end = text->len == 0 ? NULL :
	    memchr(text->p, '\n', text->len);

	if (end == NULL)
		return false;
	*line = (struct slice){ text->p, (size_t)(end - text->p) };
	text->p += line->len + 1;
	text->len -= line->len + 1;
	return true;
}

#endif
