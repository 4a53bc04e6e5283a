/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsa.c - the TLSA records of a mail host, and which of them count.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "lib/err.h"
#include "lib/tlsa.h"
#include "lib/xmalloc.h"

#define FIXED	3	/* octets before the data: usage, selector, matching */

/* Is data, all of it, what a full association must be? */
static bool
is_der(const struct tlsa *t)
{
	const unsigned char *p = t->data;
	bool whole;

	if (t->selector == TLSA_CERT) {
		X509 *cert = d2i_X509(NULL, &p, (long)t->len);

		whole = cert != NULL && p == t->data + t->len &&
		    X509_get0_pubkey(cert) != NULL;
		X509_free(cert);
	} else {
		EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)t->len);

		whole = key != NULL && p == t->data + t->len;
		EVP_PKEY_free(key);
	}
	ERR_clear_error();
	return whole;
}

/* What is against a record; NULL: nothing. */
static const char *
fault_of(const struct tlsa *t)
{
	if (t->usage <= TLSA_PKIX_EE)
		return "usage 0 and 1 say nothing in SMTP (RFC 7672)";
	if (t->usage > TLSA_DANE_EE)
		return "unknown usage";
	if (t->selector > TLSA_SPKI)
		return "unknown selector";
	switch (t->matching) {
	case TLSA_FULL:
		return is_der(t) ? NULL : "no certificate or key can be read";
	case TLSA_SHA256:
		return t->len == 32 ? NULL : "a digest of the wrong length";
	case TLSA_SHA512:
		return t->len == 64 ? NULL : "a digest of the wrong length";
	default:
		return "unknown matching type";
	}
}

bool
tlsa_add(struct tlsa_set *set, const uint8_t *rdata, size_t len,
    struct err *e)
{
	const char *fault = NULL;
	struct tlsa t;

	set->unusable++;
	if (set->n == TLSA_RECORDS_MAX || len > FIXED + TLSA_DATA_MAX) {
		err_set(e, ERR_LIMIT, "TLSA: too %s",
		    len > FIXED + TLSA_DATA_MAX ? "long" : "many records");
		return false;
	}
	if (len <= FIXED) {
		err_set(e, ERR_INPUT, "TLSA: too short");
		return false;
	}
	t = (struct tlsa){ rdata[0], rdata[1], rdata[2], len - FIXED, NULL };
	t.data = xmalloc(t.len);
	memcpy(t.data, rdata + FIXED, t.len);
	if ((fault = fault_of(&t)) != NULL) {
		err_set(e, ERR_INPUT, "TLSA %u %u %u: %s", t.usage, t.selector,
		    t.matching, fault);
		free(t.data);
		return false;
	}
	set->unusable--;
	set->v[set->n++] = t;
	return true;
}

/* Another record makes this one superfluous. */
static bool
is_weaker(const struct tlsa_set *set, const struct tlsa *t)
{
	if (t->matching != TLSA_SHA256)
		return false;
	for (unsigned i = 0; i < set->n; i++)
		if (set->v[i].matching == TLSA_SHA512 &&
		    set->v[i].usage == t->usage &&
		    set->v[i].selector == t->selector)
			return true;
	return false;
}

void
tlsa_prefer(struct tlsa_set *set)
{
	unsigned i = 0;

	while (i < set->n) {
		if (!is_weaker(set, &set->v[i])) {
			i++;
			continue;
		}
		free(set->v[i].data);
		set->n--;
		memmove(&set->v[i], &set->v[i + 1],
		    (set->n - i) * sizeof(set->v[0]));
	}
}

enum tlsa_verdict
tlsa_verdict(const struct tlsa_set *set)
{
	return set->n > 0 ? TLSA_USABLE :
	    set->unusable > 0 ? TLSA_UNUSABLE : TLSA_NONE;
}

void
tlsa_clear(struct tlsa_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		free(set->v[i].data);
	set->n = set->unusable = 0;
}

void
tlsa_copy(struct tlsa_set *to, const struct tlsa_set *from)
{
	*to = *from;
	for (unsigned i = 0; i < from->n; i++) {
		to->v[i].data = xmalloc(from->v[i].len);
		memcpy(to->v[i].data, from->v[i].data, from->v[i].len);
	}
}

bool
tlsa_name(char out[static TLSA_NAME_MAX], uint16_t port, const char *host)
{
	size_t len = strlen(host);
	int n;

	if (len > 0 && host[len - 1] == '.')
		len--;
	n = snprintf(out, TLSA_NAME_MAX, "_%u._tcp.%.*s", port,
	    len < TLSA_NAME_MAX ? (int)len : TLSA_NAME_MAX, host);
	/* 253 characters are the longest name (RFC 1035 section 2.3.4). */
	return len > 0 && n <= 253;
}
