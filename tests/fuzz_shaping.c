/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_shaping.c - any two files are read or refused, and what is read can be
 * asked everything.
 *
 * A NUL ends the shipped file; what follows is the overlay.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/shaping.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(const struct shaping *s, uint16_t p)
{
	struct strbuf b = STRBUF_INIT(1 << 16);
	struct shaping_origin o;
	bool found;
	int64_t until;

	for (int w = 0; w < SHAPING_WHATS; w++)
		shaping_explain(s, p, (enum shaping_what)w, &b);
	for (int64_t t = 0; t < 86400; t += 977)
		if (shaping_quiet(s, p, t, &until) ? until <= t ||
		    until > t + 86400 : until != t)
			abort();
	for (uint32_t day = 0; day < 40; day += 3)
		if (shaping_warmup(s, p, "a", day, &o) < -1)
			abort();
	if (shaping_find(s, shaping_name(s, p), &found) != p || !found)
		abort();
	if (shaping_get(s, p, SHAPING_CONNECTIONS_MAX) != 0 &&
	    shaping_get(s, p, SHAPING_CONNECTIONS) >
	    shaping_get(s, p, SHAPING_CONNECTIONS_MAX))
		abort();
	strbuf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf said = STRBUF_INIT(1 << 18);
	const uint8_t *end = size != 0 ? memchr(data, 0, size) : NULL;
	size_t first = end != NULL ? (size_t)(end - data) : size;
	struct datafile_text text = { "f", data, first };
	struct datafile_text overlay = { "o", data + first + 1,
		end != NULL ? size - first - 1 : 0 };
	const char *hosts[] = { "mx.google.com", "a.b.example" };
	struct shaping *s;

	s = shaping_parse(&text, end != NULL ? &overlay : NULL, &said);
	if ((s == NULL) != (said.len != 0))
		abort();
	if (s != NULL) {
		for (size_t p = 0; p < shaping_providers(s); p++)
			ask(s, (uint16_t)p);
		if (shaping_site(s, hosts, 2, "example.org") >=
		    shaping_providers(s))
			abort();
	}
	shaping_free(s);
	strbuf_free(&said);
	return 0;
}
