/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cte.c - encodings: decoding bounded, encoding exact and reversible.
 *
 * The first octet chooses what the rest is taken for.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/charset.h"
#include "lib/cte.h"
#include "lib/err.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int cond)
{
	if (!cond)
		abort();
}

static void
decode(enum cte cte, const char *text, size_t len)
{
	struct strbuf out = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;

	if (cte_decode(cte, text, len, 1, &out, &e) == 0)
		require(out.len <= len);
	else
		require(e.code == ERR_INPUT);
	strbuf_free(&out);
}

/* The rules of cte.h, on what two runs made. */
static void
encode_quoted(const char *text, size_t len, size_t cut)
{
	struct strbuf out = STRBUF_INIT(8 << 20), back = STRBUF_INIT(1 << 20);
	unsigned col = 0;
	size_t line = 0;

	qp_encode(&out, text, cut, &col);
	require(out.len <= qp_encoded_max(cut));
	qp_encode(&out, text + cut, len - cut, &col);
	for (size_t i = 0; i < out.len; i++) {
		char c = out.s[i], prev = i > 0 ? out.s[i - 1] : '\n';

		require((c == '\n') == (prev == '\r'));
		require(c == '\r' || c == '\n' || (c >= ' ' && c <= '~'));
		require(!(prev == '\n' && c == '.'));
		require(!(prev == '-' && c == '-' &&
		    (i == 1 || out.s[i - 2] == '\n')));
		require(!(prev == ' ' && (c == ' ' || c == '\r')));
		line = c == '\n' ? 0 : line + 1;
		require(line <= CTE_LINE_MAX + 1);
	}
	require(out.len == 0 || out.s[out.len - 1] != ' ');
	require(cte_decode(CTE_QP, out.s, out.len, 1, &back, NULL) == 0);
	strbuf_free(&out);
	strbuf_free(&back);
}

static void
encode_base64(const char *text, size_t len)
{
	struct strbuf out = STRBUF_INIT(8 << 20), back = STRBUF_INIT(1 << 20);

	base64_encode(&out, text, len);
	require(cte_decode(CTE_BASE64, out.s, out.len, 1, &back, NULL) == 0);
	require(back.len == len && memcmp(back.s, text, len) == 0);
	strbuf_free(&out);
	strbuf_free(&back);
}

static void
through_charset(const char *name, const char *text, size_t len)
{
	struct strbuf out = STRBUF_INIT(1 << 20), back = STRBUF_INIT(1 << 20);

	if (charset_to_utf8(name, text, len, &out, NULL) == 0)
		charset_from_utf8(name, out.s, out.len, &back, NULL);
	strbuf_free(&out);
	strbuf_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const sets[] = { "iso-2022-jp", "windows-1252",
	    "utf-8", "shift_jis" };
	const char *text = (const char *)data + 1;

	if (size-- == 0)
		return 0;
	switch (data[0] % 5) {
	case 0:
		decode(CTE_QP, text, size);
		break;
	case 1:
		decode(CTE_BASE64, text, size);
		break;
	case 2:
		encode_quoted(text, size, size / 2);
		break;
	case 3:
		encode_base64(text, size);
		break;
	default:
		through_charset(sets[data[0] / 5 % 4], text, size);
	}
	return 0;
}
