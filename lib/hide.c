/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hide.c - a text of another server without the address it speaks of.
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "lib/hide.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* What goes on as one word in local parts and host names alike. */
static bool
is_part(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' ||
	    c >= 0x80;
}

/* Does a word end before p?  A dot belongs to it when a part follows. */
static bool
ends(const char *p)
{
	return !is_part((unsigned char)p[0]) &&
	    !(p[0] == '.' && is_part((unsigned char)p[1]));
}

/* Does one begin at p, behind what stands before it? */
static bool
begins(const char *text, const char *p)
{
	if (p == text)
		return true;
	return !is_part((unsigned char)p[-1]) && p[-1] != '.' &&
	    p[-1] != '@';
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Octets of the character c at p, bare or as %2E or =2E has it; or 0. */
static size_t
spelled(const char *p, char c)
{
	int high, low;

	if (*p != '\0' && lower(*p) == lower(c))
		return 1;
	if ((*p != '%' && *p != '=') || (high = hex(p[1])) == -1 ||
	    (low = hex(p[2])) == -1)
		return 0;
	return lower((char)(high << 4 | low)) == lower(c) ? 3 : 0;
}

/* Octets of want[len] at p, its dots there or not; or 0. */
static size_t
match(const char *p, const char *want, size_t len)
{
	size_t n, all = 0;

	for (size_t i = 0; i < len; i++) {
		n = spelled(p + all, want[i]);
		if (n == 0 && want[i] != '.')
			return 0;
		all += n;
	}
	return all;
}

/*
 * Octets of the address, or of its local part as a word, with its tag or
 * without, at p; or 0.
 */
static size_t
found(const char *text, const char *p, const char *address, size_t local)
{
	const char *plus = memchr(address, '+', local);
	size_t n = match(p, address, strlen(address));

	if (n > 0 || !begins(text, p))
		return n;
	n = match(p, address, local);
	if ((n == 0 || !ends(p + n)) && plus != NULL)
		n = match(p, address, (size_t)(plus - address));
	return n > 0 && ends(p + n) ? n : 0;
}

void
hide_address(const char *text, const char *address, char *out, size_t size)
{
	const char *at = strrchr(address, '@'), *p = text;
	size_t local = at != NULL ? (size_t)(at - address) : 0;
	size_t len, used = 0;

	while (*p != '\0' && used + 1 < size) {
		len = local > 0 ? found(text, p, address, local) : 0;
		if (len == 0) {
			out[used++] = *p++;
			continue;
		}
		p += len;
		if (used > 0 && out[used - 1] == '<' && *p == '>') {
			used--;
			p++;
		}
		for (const char *s = HIDE_SHOWN; *s != '\0' &&
		    used + 1 < size; s++)
			out[used++] = *s;
	}
	out[used] = '\0';
}
