/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base32.c - five bits a character, case-fold-proof.
 */
#include "config.h"

#include <string.h>

#include "lib/base32.h"
#include "lib/strbuf.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

void
base32_encode(const void *data, size_t len, char *out)
{
	const uint8_t *p = data;
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | p[i];
		for (held += 8; held >= 5; held -= 5)
			*out++ = alphabet[bits >> (held - 5) & 31];
		bits &= 31;
	}
	if (held > 0)
		*out++ = alphabet[bits << (5 - held) & 31];
	*out = '\0';
}

void
base32_append(struct strbuf *out, const void *data, size_t len)
{
	char *p;

	if (len == 0 || (p = strbuf_reserve(out, BASE32_LEN(len))) == NULL)
		return;
	base32_encode(data, len, p);
	strbuf_commit(out, BASE32_LEN(len));
}

static int
base32_value(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

bool
base32_is_digit(char c)
{
	return base32_value(c) != -1;
}

bool
base32_decode(const char *text, size_t len, void *out, size_t size)
{
	uint8_t *p = out;
	uint32_t bits = 0;
	unsigned held = 0;
	int v;

	if (len != BASE32_LEN(size))
		goto refuse;
	for (size_t i = 0; i < len; i++) {
		if ((v = base32_value(text[i])) == -1)
			goto refuse;
		bits = (bits << 5 | (uint32_t)v) & 0xfff;
		held += 5;
		if (held >= 8) {
			held -= 8;
			*p++ = (uint8_t)(bits >> held);
		}
	}
	if ((bits & ((1u << held) - 1)) != 0)
		goto refuse;
	return true;
refuse:
	memset(out, 0, size);
	return false;
}
