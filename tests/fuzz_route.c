/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_route.c - paths of requests: an argument is printable, without a slash,
 * and only where the route has one.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const char *path, const char *prefix)
{
	struct route r;

	memset(&r, 0xaa, sizeof(r));
	route_parse(path, prefix, &r);
	if (r.route >= ROUTES || memchr(r.argument, '\0',
	    sizeof(r.argument)) == NULL ||
	    (r.argument[0] != '\0') != (r.route >= ROUTE_LIST) ||
	    memchr(r.log, '\0', sizeof(r.log)) == NULL)
		abort();
	for (const char *p = r.argument; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' ||
		    (*p == '/' && r.route != ROUTE_TILE))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = malloc(size + 1);

	if (path == NULL)
		return 0;
	memcpy(path, data, size);
	path[size] = '\0';
	check(path, "");
	check(path, "/lists");
	free(path);
	return 0;
}
