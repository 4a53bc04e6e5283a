/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cte.c - content transfer encodings, both ways.
 */
#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/cte.h"
#include "lib/err.h"
#include "lib/hex.h"
#include "lib/strbuf.h"

static const char hex_digits[] = "0123456789ABCDEF";

static const char *const names[] = {
	[CTE_7BIT] = "7bit", [CTE_8BIT] = "8bit", [CTE_BINARY] = "binary",
	[CTE_QP] = "quoted-printable", [CTE_BASE64] = "base64",
	[CTE_UNKNOWN] = "unknown",
};

enum cte
cte_parse(const char *name, size_t len)
{
	for (int i = 0; i < CTE_UNKNOWN; i++)
		if (strlen(names[i]) == len &&
		    strncasecmp(names[i], name, len) == 0)
			return (enum cte)i;
	return CTE_UNKNOWN;
}

const char *
cte_name(enum cte cte)
{
	return names[cte];
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- decoding */

/*
 * Decode one line text[len] without its CRLF.  *soft_r tells whether it ends
 * in a soft break.
 */
static int
qp_decode_line(const char *text, size_t len, struct strbuf *out, bool *soft_r)
{
	int hi, lo;

	*soft_r = false;
	/* Blanks at a line's end were added on the way (section 6.7, rule 3). */
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80)
			return -1;
		if (text[i] != '=') {
			strbuf_addc(out, text[i]);
			continue;
		}
		if (i + 1 == len) {
			*soft_r = true;
			return 0;
		}
		if (i + 2 >= len || (hi = hex_digit(text[i + 1])) == -1 ||
		    (lo = hex_digit(text[i + 2])) == -1)
			return -1;
		strbuf_addc(out, (char)(hi << 4 | lo));
		i += 2;
	}
	return 0;
}

static int
qp_decode(const char *text, size_t len, unsigned line, struct strbuf *out,
    struct err *e)
{
	const char *end = text + len, *eol;
	bool soft;

	for (; text < end; line++) {
		eol = memmem(text, (size_t)(end - text), "\r\n", 2);
		if (qp_decode_line(text, (size_t)((eol != NULL ? eol : end) -
		    text), out, &soft) == -1) {
			err_set(e, ERR_INPUT, "line %u: not quoted-printable "
			    "(RFC 2045 section 6.7)", line);
			return -1;
		}
		if (eol == NULL)
			break;
		if (!soft)
			strbuf_add(out, "\r\n", 2);
		text = eol + 2;
	}
	return 0;
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int
base64_decode(const char *text, size_t len, unsigned line, struct strbuf *out,
    struct err *e)
{
	uint32_t bits = 0;
	unsigned have = 0, pad = 0;

	for (size_t i = 0; i < len; i++) {
		int v = base64_value(text[i]);

		if (text[i] == '\n')
			line++;
		if (text[i] == '\r' || text[i] == '\n' || is_blank(text[i]))
			continue;
		if (text[i] == '=' && have + pad < 4 && have >= 2) {
			pad++;
			continue;
		}
		if (v == -1 || pad > 0) {
			err_set(e, ERR_INPUT, "line %u: not base64 (RFC 2045 "
			    "section 6.8)", line);
			return -1;
		}
		bits = bits << 6 | (uint32_t)v;
		if (++have == 4) {
			strbuf_addc(out, (char)(bits >> 16));
			strbuf_addc(out, (char)(bits >> 8));
			strbuf_addc(out, (char)bits);
			have = 0;
		}
	}
	if (have != 0 && have + pad != 4) {
		err_set(e, ERR_INPUT, "line %u: base64 ends in the middle of "
		    "a group", line);
		return -1;
	}
	if (have >= 2)
		strbuf_addc(out, (char)(have == 2 ? bits >> 4 : bits >> 10));
	if (have == 3)
		strbuf_addc(out, (char)(bits >> 2));
	return 0;
}

int
cte_decode(enum cte cte, const char *text, size_t len, unsigned line,
    struct strbuf *out, struct err *e)
{
	int rc = 0;

	switch (cte) {
	case CTE_QP:
		rc = qp_decode(text, len, line, out, e);
		break;
	case CTE_BASE64:
		rc = base64_decode(text, len, line, out, e);
		break;
	case CTE_UNKNOWN:
		err_set(e, ERR_INPUT, "line %u: unknown content transfer "
		    "encoding", line);
		return -1;
	default:
		strbuf_add(out, text, len);
	}
	if (rc == 0 && out->overflow) {
		err_set(e, ERR_LIMIT, "line %u: decoded content is longer "
		    "than %zu octets", line, out->max);
		rc = -1;
	}
	return rc;
}

/* ---- encoding */

size_t
qp_encoded_max(size_t len)
{
	/* Three octets each, and one soft break of three in 73 of those. */
	return len * 3 + (len * 3 / (CTE_LINE_MAX - 3) + 1) * 3;
}

static char *
put_escape(char *o, unsigned char c)
{
	*o++ = '=';
	*o++ = hex_digits[c >> 4];
	*o++ = hex_digits[c & 15];
	return o;
}

/* Can the octet at text[i] not stand as it is, wherever on the line? */
static bool
must_escape(const char *text, size_t i, size_t len)
{
	unsigned char c = (unsigned char)text[i];

	if (c == ' ')
		return i + 1 == len || is_blank(text[i + 1]) ||
		    text[i + 1] == '\r' || text[i + 1] == '\n';
	return c < 0x21 || c > 0x7e || c == '=';
}

/*
 * ... and at the start of a line: dot-stuffing, mailbox files, and what could
 * be a boundary, for a value must not begin a part of its own.
 */
static bool
must_escape_first(const char *text, size_t i, size_t len)
{
	return text[i] == '.' ||
	    (text[i] == '-' && (i + 1 == len || text[i + 1] == '-')) ||
	    (text[i] == 'F' && len - i >= 5 &&
	    memcmp(text + i, "From ", 5) == 0);
}

void
qp_encode(struct strbuf *out, const char *text, size_t len, unsigned *col)
{
	char *start = strbuf_reserve(out, qp_encoded_max(len)), *o = start;
	unsigned at = *col;
	bool escape;

	if (start == NULL)
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\r' || text[i] == '\n') {
			i += text[i] == '\r' && i + 1 < len &&
			    text[i + 1] == '\n';
			*o++ = '\r';
			*o++ = '\n';
			at = 0;
			continue;
		}
		escape = must_escape(text, i, len);
		if (at + (escape ? 3 : 1) > CTE_LINE_MAX - 1) {
			memcpy(o, "=\r\n", 3);
			o += 3;
			at = 0;
		}
		if (at == 0 && must_escape_first(text, i, len))
			escape = true;
		if (escape) {
			o = put_escape(o, (unsigned char)text[i]);
			at += 3;
		} else {
			*o++ = text[i];
			at++;
		}
	}
	strbuf_commit(out, (size_t)(o - start));
	*col = at;
}

void
qp_soft_break(struct strbuf *out, unsigned *col)
{
	if (*col != 0)
		strbuf_add(out, "=\r\n", 3);
	*col = 0;
}

void
base64_encode(struct strbuf *out, const void *data, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;
	unsigned col = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16 |
		    (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
		    (n > 2 ? p[i + 2] : 0);
		char q[4];

		for (size_t k = 0; k < 4; k++)
			q[k] = k <= n ? digits[bits >> (18 - 6 * k) & 63] :
			    '=';
		strbuf_add(out, q, 4);
		if ((col += 4) == CTE_LINE_MAX) {
			strbuf_add(out, "\r\n", 2);
			col = 0;
		}
	}
	if (col != 0)
		strbuf_add(out, "\r\n", 2);
}
