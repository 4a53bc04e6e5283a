/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset.h - mail's character sets to UTF-8 and back, strictly.
 *
 * A wrapper of the C library's iconv that never guesses: an octet or a
 * character without a counterpart is an error, and a name can switch on
 * nothing.  The library reads its tables from files when a name is first used:
 * a process that gives up its file system calls charset_preload() before, or
 * has US-ASCII and UTF-8 alone.
 */
#ifndef LIB_CHARSET_H
#define LIB_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

struct charset_tables;
struct err;
struct strbuf;

#define CHARSET_NAME_MAX	40	/* octets of a name */

enum charset_kind {
	CHARSET_ASCII,		/* US-ASCII, or no name at all */
	CHARSET_UTF8,
	CHARSET_OTHER,		/* known, and ASCII text in it is ASCII */
	CHARSET_WIDE,		/* known; ASCII text looks different in it */
	CHARSET_UNKNOWN,
};

/* What name (NULL or "": none given) is, in any case. */
enum charset_kind charset_kind(const char *name);

/*
 * Append text[len], which is in charset name, as UTF-8.  -1 with e set:
 * ERR_INPUT when the text is not valid in it or the name is unknown, ERR_LIMIT
 * when out is full.
 */
int charset_to_utf8(const char *name, const char *text, size_t len,
    struct strbuf *out, struct err *e);
/*
 * Append UTF-8 text[len] in charset name, ending in its first shift state.
 * -1 with e set as above; ERR_INPUT also when a character is not in it.
 */
int charset_from_utf8(const char *name, const char *text, size_t len,
    struct strbuf *out, struct err *e);

/*
 * Load the tables of the charsets that mail is written in and keep them until
 * charset_unload(), which takes NULL too.  What the system lacks is left out.
 */
struct charset_tables *charset_preload(void);
void charset_unload(struct charset_tables *tables);

#endif
