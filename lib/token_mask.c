/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_mask.c - a mail that asks for confirmation, without its secret.
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "lib/ascii.h"
#include "lib/base32.h"
#include "lib/token_mask.h"

/* Octets of a soft line break at p, or 0. */
static size_t
soft_break(const char *p, size_t len)
{
	return len >= 3 && memcmp(p, "=\r\n", 3) == 0 ? 3 : 0;
}

/*
 * Walk n characters from p on, over soft line breaks: each is token's, or
 * masked ones when masked is set.  The octets walked, or 0.
 */
static size_t
walk(const char *p, size_t len, const char *token, size_t n, bool masked)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			at += soft_break(p + at, len - at);
		if (at == len || (masked ? p[at] != TOKEN_MASK :
		    ascii_lower(p[at]) != ascii_lower(token[i])))
			return 0;
		at++;
	}
	return at;
}

static void
write_over(char *p, size_t len, size_t n, const char *token, bool mask)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			at += soft_break(p + at, len - at);
		p[at++] = mask ? TOKEN_MASK : token[i];
	}
}

static size_t
replace(char *p, size_t len, const char *token, bool mask)
{
	size_t n = strlen(token), count = 0, found;

	for (size_t at = 0; n > 0 && at < len;) {
		found = walk(p + at, len - at, token, n, !mask);
		if (found == 0) {
			at++;
			continue;
		}
		write_over(p + at, found, n, token, mask);
		at += found;
		count++;
	}
	return count;
}

bool
token_look(const char *p, size_t len, char out[static TOKEN_CONFIRM_LEN + 1])
{
	size_t at = 0;

	for (size_t i = 0; i < TOKEN_CONFIRM_LEN; i++, at++) {
		if (i > 0)
			at += soft_break(p + at, len - at);
		if (at == len || !base32_is_digit(p[at]))
			return false;
		out[i] = ascii_lower(p[at]);
	}
	out[TOKEN_CONFIRM_LEN] = '\0';
	return true;
}

size_t
token_mask(char *p, size_t len, const char *token)
{
	return replace(p, len, token, true);
}

size_t
token_unmask(char *p, size_t len, const char *token)
{
	return replace(p, len, token, false);
}
