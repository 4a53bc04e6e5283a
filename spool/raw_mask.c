/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_mask.c - what came in, without the secrets in it that still work.
 */
#include "config.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/token_mask.h"
#include "spool/consent.h"
#include "spool/raw_mask.h"
#include "spool/request.h"
#include "spool/row.h"

/* The request that the entry fulfils: its own secret is used up with it. */
static bool
is_fulfilled(const struct consent *c, const struct request *r)
{
	return (c->kind == CONSENT_CONFIRMED ||
	    c->kind == CONSENT_OWNER_CONFIRMED ||
	    c->kind == CONSENT_ADDRESS_CHANGED) &&
	    c->request.len == REQUEST_ID &&
	    memcmp(c->request.p, r->id, REQUEST_ID) == 0;
}

/* Mask what works in p[len]; how many places there were, or -1. */
static int
mask(struct txn *t, const struct consent *c, char *p, size_t len,
    struct err *e)
{
	char token[TOKEN_CONFIRM_LEN + 1];
	struct request r;
	int n = 0, rc;

	for (size_t at = 0; at < len; at++) {
		if (!token_look(p + at, len - at, token))
			continue;
		if ((rc = request_by_token(t, token, &r, e)) == -1)
			return -1;
		if (rc == 1 && !is_fulfilled(c, &r) &&
		    !request_is_used_up(&r, c->when_ms))
			n += (int)token_mask(p + at, len - at, token);
	}
	return n;
}

/* ---- base64, where a secret cannot be seen */

/* The value of a digit; -1: none, 64: of the padding. */
static int
digit(char ch)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/=";
	const char *at = ch == '\0' ? NULL : strchr(digits, ch);

	return at == NULL ? -1 : (int)(at - digits);
}

/*
 * Append what a line of base64 says, going on from *bits.  False when it is
 * none.  NULs are left out, so that UTF-16 reads like the rest.
 */
static bool
decode_line(struct strbuf *out, const char *p, size_t len, uint32_t *bits)
{
	for (size_t i = 0; i < len; i++)
		if (digit(p[i]) == -1)
			return false;
	for (size_t i = 0; i < len && digit(p[i]) < 64; i++) {
		*bits = *bits << 6 | (uint32_t)digit(p[i]);
		/* A 1 above four digits of six bits says that they are. */
		if ((*bits & 1u << 24) == 0)
			continue;
		for (int shift = 16; shift >= 0; shift -= 8)
			if ((*bits >> shift & 0xff) != 0)
				strbuf_addc(out, (char)(*bits >> shift));
		*bits = 1;
	}
	return len > 0;
}

/* The last digits, fewer than four. */
static void
decode_end(struct strbuf *out, uint32_t *bits)
{
	if (*bits >> 18 == 1)
		strbuf_addc(out, (char)(*bits >> 10));
	if (*bits >> 18 == 1)
		strbuf_addc(out, (char)(*bits >> 2));
	if (*bits >> 12 == 1)
		strbuf_addc(out, (char)(*bits >> 4));
	*bits = 1;
}

/* Does what stands in base64 have a secret that works?  1, 0, -1. */
static int
hides(struct txn *t, const struct consent *c, const char *p, size_t len,
    struct err *e)
{
	struct strbuf text = STRBUF_INIT(len + 1);
	uint32_t bits = 1;
	const char *end;
	int n = 0;

	for (size_t at = 0, line; at < len && n == 0; at += line + 1) {
		end = memchr(p + at, '\n', len - at);
		line = end == NULL ? len - at : (size_t)(end - (p + at));
		if (decode_line(&text, p + at, line > 0 && end != NULL &&
		    end[-1] == '\r' ? line - 1 : line, &bits) && end != NULL &&
		    at + line + 1 < len)
			continue;
		decode_end(&text, &bits);
		n = mask(t, c, text.s, text.len, e);
		strbuf_reset(&text);
	}
	strbuf_free(&text);
	return n == -1 ? -1 : n > 0;
}

/* ---- both */

static size_t
head(struct slice raw)
{
	const char *end = memmem(raw.p, raw.len, "\r\n\r\n", 4);

	return end == NULL ? 0 : (size_t)(end + 2 - (const char *)raw.p);
}

int
raw_mask(struct txn *t, struct consent *c, struct strbuf *kept,
    uint8_t hash[static 32], struct err *e)
{
	int hidden, n;

	if (c->raw.len == 0)
		return 0;
	if ((hidden = hides(t, c, (const char *)c->raw.p, c->raw.len,
	    e)) == -1)
		return -1;
	strbuf_add(kept, c->raw.p, hidden == 1 ? head(c->raw) : c->raw.len);
	if ((n = mask(t, c, kept->s, kept->len, e)) == -1)
		return -1;
	if (hidden == 0 && n == 0)
		return 0;
	if (c->raw_hash.len == 0) {
		if (EVP_Digest(c->raw.p, c->raw.len, hash, NULL, EVP_sha256(),
		    NULL) != 1) {
			err_set(e, ERR_CRYPTO, "no SHA-256");
			return -1;
		}
		c->raw_hash = SLICE(hash, 32);
	}
	c->raw = SLICE(kept->s, kept->len);
	return 0;
}
