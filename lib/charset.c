/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset.c - mail's character sets to UTF-8 and back, strictly.
 */
#include "config.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define CHUNK	4096	/* octets of output asked for at a time */

/* iconv reads options after "//", and paths are no names. */
static bool
is_plain_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= CHARSET_NAME_MAX &&
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_.:+") == len;
}

/* Feed in[len] (NULL: the closing shift sequence) through cd to out. */
static int
convert(iconv_t cd, const char *in, size_t len, struct strbuf *out)
{
	char *src = (char *)(uintptr_t)in, *dst, *start;
	size_t left = len, room, rc;

	do {
		room = out->max - out->len < CHUNK ? out->max - out->len :
		    CHUNK;
		if ((start = strbuf_reserve(out, room)) == NULL)
			return -1;
		dst = start;
		rc = in != NULL ? iconv(cd, &src, &left, &dst, &room) :
		    iconv(cd, NULL, NULL, &dst, &room);
		strbuf_commit(out, (size_t)(dst - start));
		if (rc == (size_t)-1 && errno == E2BIG && dst == start) {
			out->overflow = true;
			return -1;
		}
	} while (rc == (size_t)-1 && errno == E2BIG);
	if (rc == (size_t)-1)
		return -1;
	/* A positive count: characters replaced by something alike. */
	if (rc > 0) {
		errno = EILSEQ;
		return -1;
	}
	return 0;
}

static int
convert_all(const char *to, const char *from, const char *text, size_t len,
    struct strbuf *out)
{
	iconv_t cd = iconv_open(to, from);
	int rc, saved;

	if (cd == (iconv_t)-1)
		return -1;
	rc = convert(cd, text, len, out);
	if (rc == 0)
		rc = convert(cd, NULL, 0, out);
	saved = errno;
	iconv_close(cd);
	errno = saved;
	return rc;
}

enum charset_kind
charset_kind(const char *name)
{
	static const char sample[] = "AZaz09 {}<>\"'&=%/:\r\n";
	struct strbuf got = STRBUF_INIT(256);
	enum charset_kind kind = CHARSET_WIDE;

	if (name == NULL || *name == '\0' ||
	    strcasecmp(name, "us-ascii") == 0 || strcasecmp(name, "ascii") == 0)
		return CHARSET_ASCII;
	if (strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0)
		return CHARSET_UTF8;
	if (!is_plain_name(name))
		return CHARSET_UNKNOWN;
	if (convert_all(name, "UTF-8", sample, sizeof(sample) - 1, &got) == -1)
		kind = errno == EINVAL ? CHARSET_UNKNOWN : CHARSET_WIDE;
	else if (got.len == sizeof(sample) - 1 &&
	    memcmp(got.s, sample, got.len) == 0)
		kind = CHARSET_OTHER;
	strbuf_free(&got);
	return kind;
}

static int
fail(struct strbuf *out, const char *name, struct err *e)
{
	if (out->overflow)
		err_set(e, ERR_LIMIT, "converted text is longer than %zu "
		    "octets", out->max);
	else
		err_set(e, ERR_INPUT, "text is not valid in charset %s", name);
	return -1;
}

static int
copy_utf8(const char *text, size_t len, struct strbuf *out, struct err *e)
{
	if (!utf8_valid(text, len))
		return fail(out, "utf-8", e);
	strbuf_add(out, text, len);
	return out->overflow ? fail(out, "utf-8", e) : 0;
}

static int
copy_ascii(const char *text, size_t len, struct strbuf *out, struct err *e)
{
	if (!utf8_is_ascii(text, len))
		return fail(out, "us-ascii", e);
	strbuf_add(out, text, len);
	return out->overflow ? fail(out, "us-ascii", e) : 0;
}

int
charset_to_utf8(const char *name, const char *text, size_t len,
    struct strbuf *out, struct err *e)
{
	switch (charset_kind(name)) {
	case CHARSET_ASCII:
		return copy_ascii(text, len, out, e);
	case CHARSET_UTF8:
		return copy_utf8(text, len, out, e);
	case CHARSET_UNKNOWN:
		err_set(e, ERR_INPUT, "unknown charset \"%.60s\"", name);
		return -1;
	default:
		if (convert_all("UTF-8", name, text, len, out) == -1)
			return fail(out, name, e);
		return 0;
	}
}

int
charset_from_utf8(const char *name, const char *text, size_t len,
    struct strbuf *out, struct err *e)
{
	switch (charset_kind(name)) {
	case CHARSET_ASCII:
		return copy_ascii(text, len, out, e);
	case CHARSET_UTF8:
		return copy_utf8(text, len, out, e);
	case CHARSET_UNKNOWN:
		err_set(e, ERR_INPUT, "unknown charset \"%.60s\"", name);
		return -1;
	default:
		if (convert_all(name, "UTF-8", text, len, out) == -1)
			return fail(out, name, e);
		return 0;
	}
}
