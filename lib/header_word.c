/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_word.c - encoded words (RFC 2047), written and read.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/err.h"
#include "lib/header.h"
#include "lib/header_private.h"
#include "lib/hex.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- writing */

#define WRAPPING	12	/* octets of =?utf-8?B? and ?= */

/*
 * What Q leaves as it is.  The set for phrases (RFC 2047 section 5 (3)), used
 * everywhere: it is the one that is safe everywhere.
 */
static bool
q_is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!*+-/", c) != NULL);
}

/* Octets that Q makes of one character of n octets. */
static size_t
q_len(const char *p, size_t n)
{
	return n > 1 ? 3 * n : q_is_plain(*p) || *p == ' ' ? 1 : 3;
}

bool
encoded_word_prefers_b(const char *p, size_t len)
{
	size_t q = 0;

	for (size_t i = 0; i < len; i++)
		q += q_len(p + i, 1);
	return (len + 2) / 3 * 4 < q;
}

static size_t
q_write(char *out, const char *p, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t octet = (uint8_t)p[i];

		if (q_is_plain(p[i]) || octet == ' ') {
			out[n++] = octet == ' ' ? '_' : p[i];
		} else {
			out[n++] = '=';
			out[n++] = hex[octet >> 4];
			out[n++] = hex[octet & 15];
		}
	}
	return n;
}

static size_t
b_write(char *out, const char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)(uint8_t)p[i] << 16;

		if (left > 1)
			v |= (uint32_t)(uint8_t)p[i + 1] << 8;
		if (left > 2)
			v |= (uint8_t)p[i + 2];
		out[n++] = base64_digits[v >> 18];
		out[n++] = base64_digits[v >> 12 & 63];
		out[n++] = left > 1 ? base64_digits[v >> 6 & 63] : '=';
		out[n++] = left > 2 ? base64_digits[v & 63] : '=';
	}
	return n;
}

/*
 * How much of p[len] fits in room octets of Q or base64, in whole characters.
 * *aligned_r is the most of it that base64 holds without padding.
 */
static size_t
count_fitting(size_t room, bool base64, const char *p, size_t len,
    size_t *aligned_r)
{
	size_t taken = 0, q = 0, n;

	*aligned_r = 0;
	while (taken < len) {
		/* What is not UTF-8 was refused before, but never stall. */
		if ((n = utf8_next(p + taken, len - taken, NULL)) == 0)
			n = 1;
		q += q_len(p + taken, n);
		if (base64 ? (taken + n + 2) / 3 * 4 > room : q > room)
			break;
		taken += n;
		if (taken % 3 == 0)
			*aligned_r = taken;
	}
	return taken;
}

/*
 * Padding comes in the last word alone: some readers (GMime 3.2) run the
 * base64 of neighbouring words together and stop at the first '='.  Where the
 * text has no fitting place to cut, its first character goes ahead in Q;
 * after two such words there always is one.
 */
size_t
encoded_word_write(char *word, size_t room, bool base64, const char *p,
    size_t len, size_t *taken_r)
{
	size_t taken, aligned, n;

	taken = count_fitting(room - WRAPPING, base64, p, len, &aligned);
	if (base64 && taken < len) {
		if ((taken = aligned) == 0) {
			base64 = false;
			taken = utf8_next(p, len, NULL);
			taken = taken != 0 ? taken : 1;
		}
	}
	memcpy(word, base64 ? "=?utf-8?B?" : "=?utf-8?Q?", 10);
	n = 10 + (base64 ? b_write : q_write)(word + 10, p, taken);
	memcpy(word + n, "?=", 2);
	*taken_r = taken;
	return n + 2;
}

/* ---- reading */

enum charset { UNKNOWN, UTF_8, LATIN_1, LATIN_9, WINDOWS_1252 };

static const struct {
	const char	*name;
	enum charset	 charset;
} charsets[] = {
	{ "utf-8", UTF_8 },
	{ "utf8", UTF_8 },
	{ "us-ascii", UTF_8 },		/* of which it is a part */
	{ "ascii", UTF_8 },
	{ "iso-8859-1", LATIN_1 },
	{ "latin1", LATIN_1 },
	{ "iso-8859-15", LATIN_9 },
	{ "windows-1252", WINDOWS_1252 },
	{ "cp1252", WINDOWS_1252 },
};

static enum charset
charset_find(const char *name, size_t len)
{
	const char *star = memchr(name, '*', len);	/* RFC 2231 5 */

	if (star != NULL)
		len = (size_t)(star - name);
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++)
		if (strlen(charsets[i].name) == len &&
		    strncasecmp(charsets[i].name, name, len) == 0)
			return charsets[i].charset;
	return UNKNOWN;
}

/* The code point of an octet from 0x80 on. */
static uint32_t
single_octet(enum charset charset, uint8_t octet)
{
	/* 0x80 to 0x9f; 0 where nothing is assigned. */
	static const uint16_t windows[32] = {
		0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
		0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
		0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
		0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
	};
	/* Where iso-8859-15 is not iso-8859-1. */
	static const struct {
		uint8_t octet;
		uint16_t c;
	} latin9[] = {
		{ 0xa4, 0x20ac }, { 0xa6, 0x0160 }, { 0xa8, 0x0161 },
		{ 0xb4, 0x017d }, { 0xb8, 0x017e }, { 0xbc, 0x0152 },
		{ 0xbd, 0x0153 }, { 0xbe, 0x0178 },
	};

	if (charset == WINDOWS_1252 && octet < 0xa0)
		return windows[octet - 0x80] != 0 ? windows[octet - 0x80] :
		    0xfffd;
	for (size_t i = 0; charset == LATIN_9 &&
	    i < sizeof(latin9) / sizeof(latin9[0]); i++)
		if (latin9[i].octet == octet)
			return latin9[i].c;
	return octet;
}

/*
 * Decoding gathers octets of one charset, for a character may be spread over
 * neighbouring words, and turns them into text when the charset changes.
 */
struct decoder {
	struct strbuf	*out;
	struct strbuf	 octets;
	enum charset	 charset;
};

/* Append repaired text without control characters (see header_decode()). */
static void
append_harmless(struct strbuf *out, const char *p, size_t len)
{
	uint32_t c;
	size_t n;

	for (; len > 0 && (n = utf8_next(p, len, &c)) > 0; p += n, len -= n) {
		if (c == '\t' || c == '\r' || c == '\n')
			strbuf_addc(out, ' ');
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			utf8_append(out, 0xfffd);
		else
			strbuf_add(out, p, n);
	}
}

static void
decoder_flush(struct decoder *d)
{
	struct strbuf text = STRBUF_INIT(3 * HEADER_DECODE_MAX);

	if (d->charset == UTF_8) {
		utf8_append_repaired(&text, d->octets.s, d->octets.len);
	} else {
		for (size_t i = 0; i < d->octets.len; i++) {
			uint8_t octet = (uint8_t)d->octets.s[i];

			utf8_append(&text, octet < 0x80 ? octet :
			    single_octet(d->charset, octet));
		}
	}
	append_harmless(d->out, text.s, text.len);
	d->out->overflow |= text.overflow;
	strbuf_reset(&d->octets);
	strbuf_free(&text);
}

static void
decoder_add(struct decoder *d, enum charset charset, const char *p, size_t len)
{
	if (d->charset != charset)
		decoder_flush(d);
	d->charset = charset;
	strbuf_add(&d->octets, p, len);
}

static bool
q_read(struct strbuf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != '=') {
			strbuf_addc(out, p[i] == '_' ? ' ' : p[i]);
			continue;
		}
		if (len - i < 3 || hex_digit(p[i + 1]) == -1 ||
		    hex_digit(p[i + 2]) == -1)
			return false;
		strbuf_addc(out, (char)(hex_digit(p[i + 1]) << 4 |
		    hex_digit(p[i + 2])));
		i += 2;
	}
	return true;
}

/* Padding may be missing or doubled, but nothing comes after it. */
static bool
b_read(struct strbuf *out, const char *p, size_t len)
{
	uint32_t bits = 0;
	unsigned held = 0;
	const char *digit;

	while (len > 0 && p[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\0' ||
		    (digit = strchr(base64_digits, p[i])) == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(digit - base64_digits);
		if ((held += 6) >= 8) {
			held -= 8;
			strbuf_addc(out, (char)(bits >> held));
			bits &= (1u << held) - 1;
		}
	}
	return len % 4 != 1;
}

/*
 * Decode the encoded word at p into octets.  Returns its length, or 0 when
 * there is none that we can decode.
 */
static size_t
word_read(const char *p, size_t len, struct strbuf *octets,
    enum charset *charset_r)
{
	size_t at[3], n = 2;	/* the question marks after "=?" */
	bool ok;

	strbuf_reset(octets);
	if (len < 2 || p[0] != '=' || p[1] != '?')
		return 0;
	for (int i = 0; i < 3; i++, n++) {
		while (n < len && p[n] > ' ' && p[n] != 0x7f && p[n] != '?')
			n++;
		if (n == len || p[n] != '?')
			return 0;
		at[i] = n;
	}
	if (n == len || p[n] != '=' || at[1] != at[0] + 2 ||
	    (*charset_r = charset_find(p + 2, at[0] - 2)) == UNKNOWN)
		return 0;
	switch (p[at[0] + 1]) {
	case 'q':
	case 'Q':
		ok = q_read(octets, p + at[1] + 1, at[2] - at[1] - 1);
		break;
	case 'b':
	case 'B':
		ok = b_read(octets, p + at[1] + 1, at[2] - at[1] - 1);
		break;
	default:
		ok = false;
	}
	return ok ? n + 1 : 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Take out the CR LF of folds; others stay and become blanks later. */
static void
unfold(struct strbuf *out, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		size_t n = p[i] == '\r' && i + 1 < len && p[i + 1] == '\n' ?
		    2 : p[i] == '\n' ? 1 : 0;

		if (n > 0 && (i + n == len || p[i + n] == ' ' ||
		    p[i + n] == '\t'))
			i += n - 1;
		else
			strbuf_addc(out, p[i]);
	}
}

/* Decode unfolded text. */
static void
decode(struct decoder *d, const char *p, size_t len)
{
	struct strbuf octets = STRBUF_INIT(HEADER_DECODE_MAX);
	enum charset charset;
	bool word, after_word = false;
	size_t gap, n;

	while (len > 0) {
		for (gap = 0; gap < len && is_blank(p[gap]); gap++)
			;
		n = word_read(p + gap, len - gap, &octets, &charset);
		word = n > 0;
		if (word) {
			/* Blanks between encoded words are no text (6.2). */
			if (!after_word)
				decoder_add(d, UTF_8, p, gap);
			decoder_add(d, charset, octets.s, octets.len);
			n += gap;
		} else {
			n = gap < len ? gap + 1 : gap;
			decoder_add(d, UTF_8, p, n);
		}
		after_word = word;
		p += n;
		len -= n;
	}
	d->out->overflow |= octets.overflow;
	strbuf_free(&octets);
}

int
header_decode(struct strbuf *out, const char *value, size_t len,
    struct err *e)
{
	struct strbuf flat = STRBUF_INIT(HEADER_DECODE_MAX);
	struct decoder d = { out, STRBUF_INIT(HEADER_DECODE_MAX), UTF_8 };
	int ret = -1;

	if (len > HEADER_DECODE_MAX) {
		err_set(e, ERR_LIMIT, "header value longer than %d octets",
		    HEADER_DECODE_MAX);
		return -1;
	}
	unfold(&flat, value, len);
	decode(&d, flat.s, flat.len);
	decoder_flush(&d);
	if (flat.overflow || d.octets.overflow || out->overflow)
		err_set(e, ERR_LIMIT, "no room for a decoded header value");
	else
		ret = 0;
	strbuf_free(&flat);
	strbuf_free(&d.octets);
	return ret;
}
