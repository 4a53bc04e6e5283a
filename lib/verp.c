/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verp.c - the local parts that are ours.
 */
#include "config.h"

#include <string.h>

#include "lib/base32.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/verp.h"

static int
path_append(struct strbuf *out, char letter, const char *token,
    const char *domain, struct err *e)
{
	size_t len = 2 + strlen(token) + 1 + strlen(domain);

	if (len <= VERP_PATH_MAX) {
		strbuf_addf(out, "%c-%s@%s", letter, token, domain);
		if (!out->overflow)
			return 0;
	}
	err_set(e, ERR_LIMIT, "return path of %zu octets (RFC 5321 section "
	    "4.5.3.1.3)", len);
	return -1;
}

int
verp_bounce_format(struct strbuf *out, const struct keyring *kr,
    uint8_t key_id, const struct token_delivery *t, const char *domain,
    struct err *e)
{
	char token[TOKEN_DELIVERY_LEN + 1];

	if (token_delivery_format(kr, key_id, TOKEN_VERP, t, token, e) == -1)
		return -1;
	return path_append(out, 'b', token, domain, e);
}

int
verp_unsubscribe_format(struct strbuf *out, const struct keyring *kr,
    uint8_t key_id, const struct token_unsubscribe *t, const char *domain,
    struct err *e)
{
	char token[TOKEN_MAILTO_LEN + 1];

	if (token_mailto_format(kr, key_id, t, token, e) == -1)
		return -1;
	return path_append(out, 'u', token, domain, e);
}

int
verp_confirm_format(struct strbuf *out, const char *token, const char *domain,
    struct err *e)
{
	return path_append(out, 'c', token, domain, e);
}

/* What may stand before and after our part of a local part. */
static bool
is_border(char c)
{
	return c == '=' || c == '/' || c == '+' || c == '"';
}

/* Read one candidate, which begins with its letter and '-'. */
static bool
candidate_open(const struct keyring *kr, const char *p, size_t len,
    struct verp *v)
{
	size_t run = 0;

	if (len < 2 || p[1] != '-')
		return false;
	while (2 + run < len && base32_is_digit(p[2 + run]))
		run++;
	if (2 + run < len && !is_border(p[2 + run]))
		return false;
	switch (p[0]) {
	case 'b':
	case 'B':
		v->kind = VERP_BOUNCE;
		return token_delivery_parse(kr, TOKEN_VERP, p + 2, run,
		    &v->u.delivery);
	case 'u':
	case 'U':
		v->kind = VERP_UNSUBSCRIBE;
		return token_mailto_parse(kr, p + 2, run, &v->u.unsubscribe);
	case 'c':
	case 'C':
		v->kind = VERP_CONFIRM;
		return token_hash(p + 2, run, v->u.confirm);
	}
	return false;
}

enum verp_kind
verp_classify(const struct keyring *kr, const char *local, size_t len,
    struct verp *v_r)
{
	struct verp v = { .kind = VERP_NONE };

	*v_r = v;
	if (len > VERP_LOCAL_MAX)
		return VERP_NONE;
	for (size_t i = 0; i < len; i++) {
		if (i > 0 && !is_border(local[i - 1]))
			continue;
		if (candidate_open(kr, local + i, len - i, &v)) {
			*v_r = v;
			return v.kind;
		}
	}
	return VERP_NONE;
}

enum verp_kind
verp_classify_address(const struct keyring *kr, const char *address,
    size_t len, struct verp *v_r)
{
	size_t at = len;

	if (len > 0 && address[0] == '<') {
		address++;
		len--;
	}
	for (at = len; at > 0 && address[at - 1] != '@'; at--)
		;
	if (at == 0) {
		*v_r = (struct verp){ .kind = VERP_NONE };
		return VERP_NONE;
	}
	return verp_classify(kr, address, at - 1, v_r);
}
