/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_phrases.c - the search finds what a plain one finds.
 *
 * The first line is the text, the others are phrases.  Blanks apart, which the
 * plain search knows nothing of: they become dots.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/err.h"
#include "lib/phrases.h"
#include "lib/xmalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES	64

static bool
plain_find(const char *text, const char *phrase)
{
	size_t n = strlen(phrase);

	for (; *text != '\0'; text++)
		if (strncasecmp(text, phrase, n) == 0)
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct phrases *p;
	struct phrases_found f;
	char *copy, *line, *rest, *lines[LINES];
	uint16_t number[LINES];
	int n = 0;

	if (size > 4096)
		return 0;
	copy = rest = xmalloc(size + 1);
	memcpy(copy, data, size);
	copy[size] = '\0';
	for (size_t i = 0; i < size; i++)
		if (copy[i] == ' ' || copy[i] == '\t')
			copy[i] = '.';
	p = phrases_new();
	line = strsep(&rest, "\n");
	while (n < LINES && (lines[n] = strsep(&rest, "\n")) != NULL)
		if (phrases_add(p, lines[n], &number[n], NULL) == 0)
			n++;
	phrases_ready(p);
	phrases_find(p, line, strlen(line), &f);
	for (int i = 0; i < n; i++)
		if (phrases_has(&f, number[i]) != plain_find(line, lines[i]))
			abort();
	phrases_free(p);
	free(copy);
	return 0;
}
