/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strbuf.h - a growing byte string with a limit given at its start.
 *
 * Appending never fails one by one: passing the limit, or running out of
 * memory, sets a sticky overflow flag, later appends do nothing, and the
 * caller looks once at the end.  The content is always followed by a NUL that
 * is not counted, so a strbuf of text can be read as a C string.
 */
#ifndef LIB_STRBUF_H
#define LIB_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char	*s;		/* content, NUL after it; "" while empty */
	size_t	 len;		/* octets, without the NUL */
	size_t	 cap;		/* octets allocated; 0 = s is the static "" */
	size_t	 max;		/* len never passes this */
	bool	 overflow;	/* sticky: something was not appended */
};

extern char strbuf_empty[1];

/* For definitions: an empty strbuf that may grow to MAX octets. */
#define STRBUF_INIT(MAX)	{ strbuf_empty, 0, 0, (MAX), false }

void strbuf_init(struct strbuf *b, size_t max);
/* Release the memory; b is empty and usable again, with the same limit. */
void strbuf_free(struct strbuf *b);
/* Empty b and clear its overflow flag; keeps the memory. */
void strbuf_reset(struct strbuf *b);
/* Cut to len octets (no longer than it is). */
void strbuf_truncate(struct strbuf *b, size_t len);

void strbuf_add(struct strbuf *b, const void *data, size_t len);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addf(struct strbuf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Remove the first n octets (n <= len). */
void strbuf_consume(struct strbuf *b, size_t n);
/*
 * Make room for n more octets and return where they go, or NULL after setting
 * overflow; strbuf_commit() then counts what was written there.
 */
char *strbuf_reserve(struct strbuf *b, size_t n);
void strbuf_commit(struct strbuf *b, size_t n);
/* Hand the memory (malloc'd, NUL-terminated) to the caller; b is empty. */
char *strbuf_steal(struct strbuf *b);

#endif
