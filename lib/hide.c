/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hide.c - a text of another server without the address it speaks of.
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lib/hide.h"

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

/* Octets of the address, or of its local part as a word, at p; or 0. */
static size_t
found(const char *text, const char *p, const char *address, size_t local)
{
	size_t len = strlen(address);

	if (strncasecmp(p, address, len) == 0)
		return len;
	if (strncasecmp(p, address, local) == 0 && begins(text, p) &&
	    ends(p + local))
		return local;
	return 0;
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
