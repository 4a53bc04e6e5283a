/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64.c - base64 on one line.
 */
#include "config.h"

#include "lib/base64.h"
#include "lib/strbuf.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

void
base64_put(struct strbuf *out, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len > 0; p += 3) {
		size_t n = len < 3 ? len : 3;
		uint32_t v = (uint32_t)p[0] << 16;
		char four[4];

		if (n > 1)
			v |= (uint32_t)p[1] << 8;
		if (n > 2)
			v |= p[2];
		for (size_t i = 0; i < 4; i++)
			four[i] = i > n ? '=' :
			    alphabet[v >> (18 - 6 * i) & 63];
		strbuf_add(out, four, 4);
		len -= n;
	}
}

/* Octets in the quartet at p, into three; 0 when it is none. */
static size_t
quartet(const char *p, uint8_t three[3])
{
	size_t n = p[3] != '=' ? 3 : p[2] != '=' ? 2 : 1;
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = i > n ? 0 : value_of(p[i]);

		if (digit == -1)
			return 0;
		v = v << 6 | (uint32_t)digit;
	}
	for (size_t i = 0; i < 3; i++)
		three[i] = (uint8_t)(v >> (16 - 8 * i));
	/* bits that no octet takes up are another spelling of the same */
	for (size_t i = n; i < 3; i++)
		if (three[i] != 0)
			return 0;
	return n;
}

/* Decode into out, unless NULL, which ends at room. */
static bool
decode(const char *text, size_t len, uint8_t *out, size_t room, size_t *n_r)
{
	size_t have = 0;

	if (len % 4 != 0)
		return false;
	for (; len > 0; text += 4, len -= 4) {
		uint8_t three[3];
		size_t n = quartet(text, three);

		if (n == 0 || n > room - have || (n < 3 && len > 4))
			return false;
		for (size_t i = 0; i < n && out != NULL; i++)
			out[have + i] = three[i];
		have += n;
	}
	*n_r = have;
	return true;
}

bool
base64_get(const char *text, size_t len, uint8_t *out, size_t room,
    size_t *n_r)
{
	return decode(text, len, out, room, n_r);
}

bool
base64_valid(const char *text, size_t len, size_t *n_r)
{
	return decode(text, len, NULL, SIZE_MAX, n_r);
}

bool
base64_get_exact(const char *text, size_t len, uint8_t *out, size_t n)
{
	size_t got;

	return decode(text, len, out, n, &got) && got == n;
}
