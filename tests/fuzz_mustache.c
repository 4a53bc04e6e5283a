/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mustache.c - any template with any data: an answer within the limits.
 *
 * The input is a template, and after its first NUL (if any) JSON data.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/mustache.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run(const char *text, size_t len, const json_t *root,
    enum mustache_context context)
{
	static const char *const names[] = { "address" };
	static const struct slice builtin = { (const uint8_t *)"a@b", 3 };
	struct mustache_params p = { .context = context, .builtin = names,
	    .builtins = 1 };
	struct mustache_data d = { root, &builtin };
	struct strbuf out = STRBUF_INIT(1 << 16);
	struct err e = ERR_INIT;
	struct mustache *m;

	m = mustache_compile(text, len, &p, &e);
	if (m == NULL) {
		if (e.code == ERR_NONE || strncmp(e.text, "line ", 5) != 0)
			abort();
	} else if (mustache_render(m, &d, &out, &e) == -1 &&
	    e.code != ERR_LIMIT) {
		abort();
	}
	mustache_free(m);
	strbuf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *nul = size != 0 ? memchr(text, 0, size) : NULL;
	size_t len = nul != NULL ? (size_t)(nul - text) : size;
	json_t *root = NULL;

	if (nul != NULL)
		root = json_loadb(nul + 1, size - len - 1, JSON_DECODE_ANY,
		    NULL);
	for (int c = MUSTACHE_TEXT; c <= MUSTACHE_HEADER; c++)
		run(text, len, root, (enum mustache_context)c);
	json_decref(root);
	return 0;
}
