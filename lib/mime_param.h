/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime_param.h - read Content-Type and its kin: a value and its parameters.
 *
 *	Content-Type: text/plain; charset=utf-8; format="flowed"
 *
 * Syntax of RFC 2045 section 5.1, with the comments of RFC 5322 and the
 * continued and extended parameters of RFC 2231.  Input is an unfolded field
 * body (CRLF removed); a folded one works too.  Names compare without case.
 */
#ifndef LIB_MIME_PARAM_H
#define LIB_MIME_PARAM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/pack.h"

struct strbuf;

#define MIME_PARAM_MAX		1024	/* octets of one value */
#define MIME_PARAM_PIECES_MAX	100	/* continuations of one value */

struct mime_param_iter {
	const char	*p, *end;
};

struct mime_param {
	struct slice	 name;	/* as written */
	struct slice	 raw;	/* the value as written, with its quotes */
};

/*
 * Begin with text[len].  *main_r gets what stands in front of the parameters
 * ("text/plain"), without the blanks and comments around it; borrowed, as
 * everything here, from text.  False when that is empty or malformed.
 */
bool mime_param_begin(struct mime_param_iter *it, const char *text,
    size_t len, struct slice *main_r);
/* The next parameter: 1, 0 at the end, -1 when the rest is malformed. */
int mime_param_next(struct mime_param_iter *it, struct mime_param *param_r);
/* Append a raw value to out without its quotes. */
void mime_param_unquote(struct slice raw, struct strbuf *out);

/*
 * Append to out the value of the parameter called name in text[len], joined
 * when it is continued and percent-decoded when it is extended (its charset is
 * not converted).  1 when it is there, 0 when not, -1 when text is malformed
 * or the value longer than MIME_PARAM_MAX.
 */
int mime_param_find(const char *text, size_t len, const char *name,
    struct strbuf *out);

#endif
