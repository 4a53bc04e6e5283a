/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enhanced.c - enhanced mail system status codes, RFC 3463.
 */
#include "config.h"

#include <stdio.h>

#include "lib/enhanced.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One to three digits, no leading zero but "0" itself; octets taken or 0. */
static size_t
number(const char *s, size_t len, uint16_t *n_r)
{
	size_t i = 0;
	unsigned n = 0;

	while (i < len && is_digit(s[i])) {
		if (i == 3 || (i == 1 && n == 0))
			return 0;
		n = n * 10 + (unsigned)(s[i++] - '0');
	}
	*n_r = (uint16_t)n;
	return i;
}

/* "5.1.1.2" is a version or an IP address, "5.1.1x" a word. */
static bool
continues(const char *s, size_t len)
{
	if (len == 0)
		return false;
	if (s[0] == '.')
		return len > 1 && is_digit(s[1]);
	return s[0] == '-' || s[0] == '_' || (s[0] >= 'A' && s[0] <= 'Z') ||
	    (s[0] >= 'a' && s[0] <= 'z');
}

size_t
enhanced_parse(const char *s, size_t len, struct enhanced *e_r)
{
	struct enhanced e = { 0, 0, 0 };
	size_t at = 2, n;

	*e_r = e;
	if (len < 5 || (s[0] != '2' && s[0] != '4' && s[0] != '5') ||
	    s[1] != '.')
		return 0;
	e.class = (uint8_t)(s[0] - '0');
	if ((n = number(s + at, len - at, &e.subject)) == 0)
		return 0;
	at += n;
	if (at == len || s[at++] != '.')
		return 0;
	if ((n = number(s + at, len - at, &e.detail)) == 0)
		return 0;
	at += n;
	if (continues(s + at, len - at))
		return 0;
	*e_r = e;
	return at;
}

void
enhanced_format(const struct enhanced *e, char out[ENHANCED_TEXT_MAX])
{
	if (e->class == 0) {
		out[0] = '\0';
		return;
	}
	snprintf(out, ENHANCED_TEXT_MAX, "%u.%u.%u", e->class % 10u,
	    e->subject % 1000u, e->detail % 1000u);
}
