/* SPDX-License-Identifier: Apache-2.0 */
/*
 * charset.c - mail's character sets to UTF-8 and back, strictly.
 */
#include "config.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"
#include "lib/xmalloc.h"

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

/* One of from and to is name, the other one UTF-8. */
static int
translate(const char *name, const char *from, const char *to, const char *text,
    size_t len, struct strbuf *out, struct err *e)
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
		if (convert_all(to, from, text, len, out) == -1)
			return fail(out, name, e);
		return 0;
	}
}

int
charset_to_utf8(const char *name, const char *text, size_t len,
    struct strbuf *out, struct err *e)
{
	return translate(name, name, "UTF-8", text, len, out, e);
}

int
charset_from_utf8(const char *name, const char *text, size_t len,
    struct strbuf *out, struct err *e)
{
	return translate(name, "UTF-8", name, text, len, out, e);
}

/* ---- tables kept */

static const char *const mail_charsets[] = {
	"ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5",
	"ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9", "ISO-8859-10",
	"ISO-8859-11", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15",
	"ISO-8859-16", "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252",
	"WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256",
	"WINDOWS-1257", "WINDOWS-1258", "KOI8-R", "KOI8-U", "ISO-2022-JP",
	"SHIFT_JIS", "CP932", "EUC-JP", "EUC-KR", "ISO-2022-KR", "GB2312",
	"GBK", "GB18030", "BIG5", "TIS-620", "UTF-16", "UTF-16BE", "UTF-16LE",
	"UTF-7",
};

#define MAIL_CHARSETS	(sizeof(mail_charsets) / sizeof(mail_charsets[0]))

/* A converter that is open keeps its tables in memory. */
struct charset_tables {
	iconv_t	to[MAIL_CHARSETS], from[MAIL_CHARSETS];
};

struct charset_tables *
charset_preload(void)
{
	struct charset_tables *t = xcalloc(1, sizeof(*t));

	for (size_t i = 0; i < MAIL_CHARSETS; i++) {
		t->to[i] = iconv_open("UTF-8", mail_charsets[i]);
		t->from[i] = iconv_open(mail_charsets[i], "UTF-8");
	}
	return t;
}

void
charset_unload(struct charset_tables *t)
{
	for (size_t i = 0; t != NULL && i < MAIL_CHARSETS; i++) {
		if (t->to[i] != (iconv_t)-1)
			iconv_close(t->to[i]);
		if (t->from[i] != (iconv_t)-1)
			iconv_close(t->from[i]);
	}
	free(t);
}
