/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xmalloc.c - memory of a size we chose ourselves.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"

static void *
xcheck(void *p)
{
	if (p == NULL) {
		fputs("listd: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
xmalloc(size_t size)
{
	return xcheck(malloc(size != 0 ? size : 1));
}

void *
xcalloc(size_t n, size_t size)
{
	return xcheck(calloc(n != 0 ? n : 1, size != 0 ? size : 1));
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	return xcheck(reallocarray(p, n != 0 ? n : 1, size != 0 ? size : 1));
}

char *
xstrdup(const char *s)
{
	return xcheck(strdup(s));
}
