/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mustache_private.h - what mustache.c and mustache_render.c share.
 */
#ifndef LIB_MUSTACHE_PRIVATE_H
#define LIB_MUSTACHE_PRIVATE_H

#include "lib/mustache.h"
#include "lib/strbuf.h"

struct mustache {
	struct mustache_op	*op;
	size_t			 ops;
	struct strbuf		 bytes;	/* literals and names, end to end */
};

#endif
