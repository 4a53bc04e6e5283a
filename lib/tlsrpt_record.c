/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsrpt_record.c - who wants to be told: the record of RFC 8460 section 3.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/tlsrpt.h"

#define RECORD_VERSION	"v=TLSRPTv1"

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_wanted(const char *uri, size_t n)
{
	static const char *const scheme[] = { "mailto:", "https:" };

	if (n == 0 || n > TLSRPT_URI_MAX)
		return false;
	/* Those that separate, and blanks, come percent-encoded. */
	for (size_t i = 0; i < n; i++)
		if (uri[i] <= ' ' || uri[i] > '~' || uri[i] == '!')
			return false;
	for (size_t i = 0; i < 2; i++)
		if (n > strlen(scheme[i]) &&
		    strncasecmp(uri, scheme[i], strlen(scheme[i])) == 0)
			return true;
	return false;
}

static void
read_uris(const char *s, size_t len, struct tlsrpt_rua *rua)
{
	while (len > 0) {
		const char *comma = memchr(s, ',', len);
		size_t all = comma != NULL ? (size_t)(comma - s) : len;
		size_t from = 0, to = all;

		while (from < to && is_wsp(s[from]))
			from++;
		while (to > from && is_wsp(s[to - 1]))
			to--;
		if (is_wanted(s + from, to - from) && rua->n < TLSRPT_RUA_MAX)
			snprintf(rua->uri[rua->n++], TLSRPT_URI_MAX + 1,
			    "%.*s", (int)(to - from), s + from);
		all += comma != NULL;
		s += all;
		len -= all;
	}
}

/* True when it begins as a record; rua gets what it asks for. */
static bool
record_read(const char *s, struct tlsrpt_rua *rua)
{
	const char *p = s + strlen(RECORD_VERSION);
	bool seen = false;

	rua->n = 0;
	if (strncmp(s, RECORD_VERSION, strlen(RECORD_VERSION)) != 0)
		return false;
	for (; is_wsp(*p); p++)
		;
	if (*p != ';')
		return false;
	while (*p == ';') {
		size_t n;

		for (p++; is_wsp(*p); p++)
			;
		n = strcspn(p, ";");
		if (strncmp(p, "rua=", 4) == 0 && n >= 4 && !seen) {
			read_uris(p + 4, n - 4, rua);
			seen = true;
		}
		p += n;
	}
	return true;
}

bool
tlsrpt_record(const char *const *text, size_t n, struct tlsrpt_rua *rua)
{
	size_t records = 0, which = 0;

	for (size_t i = 0; i < n; i++)
		if (record_read(text[i], rua)) {
			records++;
			which = i;
		}
	rua->n = 0;
	if (records == 1)
		record_read(text[which], rua);
	return rua->n > 0;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ?
	    c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
tlsrpt_mailto(const char *uri, char out[static TLSRPT_NAME_MAX + 1],
    struct err *e)
{
	struct strbuf text = STRBUF_INIT(TLSRPT_NAME_MAX);
	struct address a;
	size_t n;
	int ret = -1;

	if (strncasecmp(uri, "mailto:", 7) != 0) {
		err_set(e, ERR_INPUT, "not a mailto: URI");
		return -1;
	}
	uri += 7;
	n = strcspn(uri, "?");
	for (size_t i = 0; i < n; i++) {
		int hi, lo;

		if (uri[i] != '%') {
			strbuf_addc(&text, uri[i]);
			continue;
		}
		hi = i + 2 < n ? hex_digit(uri[i + 1]) : -1;
		lo = i + 2 < n ? hex_digit(uri[i + 2]) : -1;
		if (hi == -1 || lo == -1) {
			err_set(e, ERR_INPUT, "mailto: a broken escape");
			goto out;
		}
		strbuf_addc(&text, (char)(hi << 4 | lo));
		i += 2;
	}
	if (text.overflow) {
		err_set(e, ERR_INPUT, "mailto: too long");
		goto out;
	}
	if (address_parse(text.s, text.len, 0, &a, e) == -1)
		goto out;
	strbuf_reset(&text);
	address_format(&text, &a);
	if (text.overflow) {
		err_set(e, ERR_INPUT, "mailto: too long");
		goto out;
	}
	snprintf(out, TLSRPT_NAME_MAX + 1, "%s", text.s);
	ret = 0;
out:
	strbuf_free(&text);
	return ret;
}
