/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xmalloc.h - memory of a size we chose ourselves.
 *
 * These end the process when there is none: the store survives that, and no
 * peer can ask for a size through them.  A size that a peer, a file or a user
 * chooses goes through a strbuf with a limit instead.
 */
#ifndef LIB_XMALLOC_H
#define LIB_XMALLOC_H

#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
/* n elements of size octets each; the product is checked. */
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);

#endif
