/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.c - strict UTF-8 and normalization form C.
 *
 * The tables of the normalization are libunistring's, which libidn2 brings
 * along anyway; plain ASCII, the usual case, never gets there.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <uninorm.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

/* The table of RFC 3629 section 4: lead octets, and what may come second. */
static const struct {
	uint8_t from, to, octets, second_from, second_to;
} leads[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },	/* no overlong forms */
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },	/* no surrogates */
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },	/* nothing above U+10FFFF */
};

/*
 * Match as much of one character as there is.  *octets_r is what the lead
 * octet announces; the answer is how many octets fit (1 for a bad lead).
 */
static size_t
utf8_match(const uint8_t *p, size_t len, size_t *octets_r)
{
	size_t n = 1;

	*octets_r = 0;
	if (p[0] < 0x80) {
		*octets_r = 1;
		return 1;
	}
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if (p[0] < leads[i].from || p[0] > leads[i].to)
			continue;
		*octets_r = leads[i].octets;
		if (len < 2 || p[1] < leads[i].second_from ||
		    p[1] > leads[i].second_to)
			return 1;
		for (n = 2; n < leads[i].octets && n < len; n++)
			if ((p[n] & 0xc0) != 0x80)
				break;
		return n;
	}
	return 1;
}

size_t
utf8_next(const char *text, size_t len, uint32_t *c_r)
{
	static const uint8_t lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const uint8_t *p = (const uint8_t *)text;
	size_t octets;
	uint32_t c;

	if (len == 0 || utf8_match(p, len, &octets) != octets)
		return 0;
	c = p[0] & lead_bits[octets];
	for (size_t i = 1; i < octets; i++)
		c = c << 6 | (p[i] & 0x3f);
	if (c_r != NULL)
		*c_r = c;
	return octets;
}

bool
utf8_valid(const char *text, size_t len)
{
	size_t n;

	for (; len > 0; text += n, len -= n)
		if ((n = utf8_next(text, len, NULL)) == 0)
			return false;
	return true;
}

bool
utf8_is_ascii(const char *text, size_t len)
{
	uint8_t seen = 0;

	for (size_t i = 0; i < len; i++)
		seen |= (uint8_t)text[i];
	return seen < 0x80;
}

/* In one piece, so that a full out never ends in half a character. */
void
utf8_append(struct strbuf *out, uint32_t c)
{
	char p[UTF8_OCTETS_MAX];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		p[i] = (char)(0x80 | (c & 0x3f));
	p[0] = (char)(lead[n] | c);
	strbuf_add(out, p, n);
}

void
utf8_append_repaired(struct strbuf *out, const char *text, size_t len)
{
	size_t n, octets;

	for (; len > 0; text += n, len -= n) {
		n = utf8_match((const uint8_t *)text, len, &octets);
		if (n == octets)
			strbuf_add(out, text, n);
		else
			utf8_append(out, 0xfffd);
	}
}

int
utf8_nfc(struct strbuf *out, const char *text, size_t len, struct err *e)
{
	uint8_t *nfc = NULL;
	size_t nfc_len;
	int ret = -1;

	if (utf8_is_ascii(text, len)) {
		strbuf_add(out, text, len);
	} else if (!utf8_valid(text, len)) {
		err_set(e, ERR_INPUT, "text is not UTF-8 (RFC 3629)");
		goto out;
	} else if ((nfc = u8_normalize(UNINORM_NFC, (const uint8_t *)text, len,
	    NULL, &nfc_len)) == NULL) {
		err_sys(e, "normalization");
		goto out;
	} else {
		strbuf_add(out, nfc, nfc_len);
	}
	if (out->overflow) {
		err_set(e, ERR_LIMIT, "normalized text is too long");
		goto out;
	}
	ret = 0;
out:
	free(nfc);
	return ret;
}
