/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dkim_canon.c - a message in the form that DKIM hashes (RFC 6376 section
 * 3.4).
 */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/dkim_canon.h"
#include "lib/err.h"

#define BODY_BUFFER	1024	/* octets gathered before they are hashed */

struct dkim_body_hash {
	EVP_MD_CTX	*ctx;
	EVP_MD		*sha256;
	size_t		 line_ends;	/* seen, not hashed: perhaps the last */
	bool		 blank;		/* blanks seen, not hashed, likewise */
	bool		 cr;		/* a CR that may begin a line end */
	bool		 any;		/* something was hashed */
	bool		 failed;	/* OpenSSL did, sticky */
	size_t		 len;
	uint8_t		 buf[BODY_BUFFER];
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/*
 * The length of the field that begins at p, its CRLF included: up to a line
 * end that no blank follows.  0 when there is no such line end, or a bare CR,
 * LF or a NUL before it.
 */
static size_t
field_length(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\0' || p[i] == '\n')
			return 0;
		if (p[i] != '\r')
			continue;
		if (++i == len || p[i] != '\n')
			return 0;
		if (i + 1 == len || !is_blank(p[i + 1]))
			return i + 1;
	}
	return 0;
}

/* The length of the name before the colon, blanks cut; 0 = not a field. */
static size_t
name_length(const uint8_t *p, size_t len)
{
	const uint8_t *colon = memchr(p, ':', len);
	size_t n = colon != NULL ? (size_t)(colon - p) : 0;

	while (n > 0 && is_blank(p[n - 1]))
		n--;
	/* RFC 5322 section 2.2; and ';' would end the tag h= of a signature. */
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x21 || p[i] > 0x7e || p[i] == ';')
			return 0;
	return n;
}

int
dkim_message_split(struct slice msg, struct dkim_field field[], size_t max,
    size_t *n_r, struct slice *body_r, struct err *e)
{
	const uint8_t *p = msg.p;
	size_t left = msg.len, n = 0;

	while (left > 0 && (left < 2 || p[0] != '\r' || p[1] != '\n')) {
		size_t len = field_length(p, left);
		size_t name = len != 0 ? name_length(p, len) : 0;

		if (name == 0) {
			err_set(e, ERR_INPUT, "header field %zu is malformed",
			    n + 1);
			return -1;
		}
		if (n == max || len > DKIM_FIELD_MAX) {
			err_set(e, ERR_LIMIT, n == max ?
			    "more than %zu header fields" :
			    "header field %zu is too long",
			    n == max ? max : n + 1);
			return -1;
		}
		field[n++] = (struct dkim_field){ { p, name }, { p, len } };
		p += len;
		left -= len;
	}
	*n_r = n;
	*body_r = (struct slice){ p, 0 };
	if (left > 0)
		*body_r = (struct slice){ p + 2, left - 2 };
	return 0;
}

/* Lower case for ASCII letters, whatever the locale. */
static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* Write the name and its colon; returns the octets of raw used, or 0. */
static size_t
relax_name(struct slice raw, uint8_t *out, size_t *len_r)
{
	size_t i, n = 0;

	for (i = 0; i < raw.len && raw.p[i] != ':'; i++)
		if (raw.p[i] < 0x20 && raw.p[i] != '\t')
			return 0;
		else
			out[n++] = lower(raw.p[i]);
	while (n > 0 && is_blank(out[n - 1]))
		n--;
	if (i == raw.len || n == 0)
		return 0;
	out[n++] = ':';
	*len_r = n;
	return i + 1;
}

size_t
dkim_canon_relax(struct slice raw, uint8_t *out)
{
	size_t n, i = relax_name(raw, out, &n);
	bool blank = false, any = false;

	if (i == 0)
		return 0;
	for (; i < raw.len; i++) {
		uint8_t c = raw.p[i];

		if (c <= ' ') {
			if (is_blank(c)) {
				blank = true;
				continue;
			}
			if (c == '\r' && i + 1 < raw.len &&
			    raw.p[i + 1] == '\n' && (i + 2 == raw.len ||
			    is_blank(raw.p[i + 2]))) {
				i++;
				continue;
			}
			if (c == '\0' || c == '\r' || c == '\n')
				return 0;
		}
		if (blank && any)
			out[n++] = ' ';
		out[n++] = c;
		blank = false;
		any = true;
	}
	out[n++] = '\r';
	out[n++] = '\n';
	return n;
}

void
dkim_body_hash_free(struct dkim_body_hash *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->sha256);
	free(h);
}

struct dkim_body_hash *
dkim_body_hash_new(struct err *e)
{
	struct dkim_body_hash *h = calloc(1, sizeof(*h));

	if (h != NULL) {
		h->ctx = EVP_MD_CTX_new();
		/* Fetched once: an implicit fetch costs more than the hash. */
		h->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	}
	if (h == NULL || h->ctx == NULL || h->sha256 == NULL) {
		err_set(e, ERR_CRYPTO, "no SHA-256 context");
		dkim_body_hash_free(h);
		return NULL;
	}
	dkim_body_hash_reset(h);
	return h;
}

void
dkim_body_hash_reset(struct dkim_body_hash *h)
{
	h->line_ends = h->len = 0;
	h->blank = h->cr = h->any = false;
	h->failed = EVP_DigestInit_ex2(h->ctx, h->sha256, NULL) != 1;
}

void
dkim_body_hash_copy(struct dkim_body_hash *to,
    const struct dkim_body_hash *from)
{
	to->line_ends = from->line_ends;
	to->blank = from->blank;
	to->cr = from->cr;
	to->any = from->any;
	to->len = from->len;
	memcpy(to->buf, from->buf, from->len);
	to->failed = from->failed ||
	    EVP_MD_CTX_copy_ex(to->ctx, from->ctx) != 1;
}

static void
body_flush(struct dkim_body_hash *h)
{
	if (EVP_DigestUpdate(h->ctx, h->buf, h->len) != 1)
		h->failed = true;
	h->len = 0;
}

static inline void
body_put(struct dkim_body_hash *h, uint8_t c)
{
	if (h->len == sizeof(h->buf))
		body_flush(h);
	h->buf[h->len++] = c;
}

/* An octet that is no white space: what was held back comes before it. */
static inline void
body_octet(struct dkim_body_hash *h, uint8_t c)
{
	for (; h->line_ends > 0; h->line_ends--) {
		body_put(h, '\r');
		body_put(h, '\n');
	}
	if (h->blank)
		body_put(h, ' ');
	h->blank = false;
	h->any = true;
	body_put(h, c);
}

void
dkim_body_hash_update(struct dkim_body_hash *h, const void *data, size_t len)
{
	const uint8_t *p = data, *end = p + len;

	for (; p < end; p++) {
		if (h->cr) {
			h->cr = false;
			if (*p == '\n') {
				h->line_ends++;
				h->blank = false;
				continue;
			}
			body_octet(h, '\r');
		}
		if (*p == '\r')
			h->cr = true;
		else if (is_blank(*p))
			h->blank = true;
		else
			body_octet(h, *p);
	}
}

int
dkim_body_hash_final(struct dkim_body_hash *h,
    uint8_t hash_r[static DKIM_HASH_LEN], struct err *e)
{
	unsigned len = 0;

	if (h->cr)
		body_octet(h, '\r');
	h->cr = false;
	h->blank = false;
	if (h->any) {
		body_put(h, '\r');
		body_put(h, '\n');
	}
	body_flush(h);
	if (h->failed || EVP_DigestFinal_ex(h->ctx, hash_r, &len) != 1 ||
	    len != DKIM_HASH_LEN) {
		err_set(e, ERR_CRYPTO, "SHA-256 of a body failed");
		return -1;
	}
	return 0;
}
