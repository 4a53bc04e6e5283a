/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strbuf.c - a growing byte string with a limit given at its start.
 */
#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"

#define STRBUF_FIRST	64	/* octets of the first allocation */

char strbuf_empty[1] = "";

void
strbuf_init(struct strbuf *b, size_t max)
{
	*b = (struct strbuf)STRBUF_INIT(max);
}

void
strbuf_free(struct strbuf *b)
{
	if (b->cap != 0)
		free(b->s);
	strbuf_init(b, b->max);
}

void
strbuf_reset(struct strbuf *b)
{
	b->len = 0;
	b->overflow = false;
	if (b->cap != 0)
		b->s[0] = '\0';
}

void
strbuf_truncate(struct strbuf *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
	if (b->cap != 0)
		b->s[len] = '\0';
}

char *
strbuf_reserve(struct strbuf *b, size_t n)
{
	size_t cap = b->cap != 0 ? b->cap : STRBUF_FIRST;
	char *s;

	if (b->overflow || n > b->max || b->len > b->max - n) {
		b->overflow = true;
		return NULL;
	}
	if (b->cap != 0 && b->len + n < b->cap)
		return b->s + b->len;
	while (cap <= b->len + n)
		cap *= 2;
	s = realloc(b->cap != 0 ? b->s : NULL, cap);
	if (s == NULL) {
		b->overflow = true;
		return NULL;
	}
	b->s = s;
	b->cap = cap;
	b->s[b->len] = '\0';
	return b->s + b->len;
}

void
strbuf_commit(struct strbuf *b, size_t n)
{
	assert(b->cap != 0 && b->len + n < b->cap);
	b->len += n;
	b->s[b->len] = '\0';
}

void
strbuf_add(struct strbuf *b, const void *data, size_t len)
{
	char *p;

	if (len == 0)
		return;
	if ((p = strbuf_reserve(b, len)) == NULL)
		return;
	memcpy(p, data, len);
	strbuf_commit(b, len);
}

void
strbuf_addc(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void
strbuf_adds(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void
strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0 || (p = strbuf_reserve(b, (size_t)n)) == NULL) {
		b->overflow = b->overflow || n < 0;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	strbuf_commit(b, (size_t)n);
}

void
strbuf_consume(struct strbuf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->s, b->s + n, b->len - n);
	strbuf_truncate(b, b->len - n);
}

char *
strbuf_steal(struct strbuf *b)
{
	char *s = b->cap != 0 ? b->s : calloc(1, 1);

	strbuf_init(b, b->max);
	return s;
}
