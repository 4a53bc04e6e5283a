/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_dns_sign.c - sign answers while they are asked for (RFC 4034, 4035).
 *
 * A zone has one ECDSA key (algorithm 13, RFC 6605) that signs all of it, and
 * what does not exist is denied by an NSEC record at the very name (RFC 9824):
 * so the answer to a name that does not exist is NOERROR without data.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "tests/fake_dns.h"
#include "tests/fake_dns_zone.h"

#define ALGORITHM	13		/* ECDSAP256SHA256 */
#define KEY_OCTETS	64
#define HALF		32		/* octets of r and of s */
#define HOUR		3600
#define RECORDS_MAX	64		/* of one set */

struct signer {
	struct signer	*next;
	char		*apex;
	EVP_PKEY	*key;
	uint16_t	 tag;
};

static void
put_u8(struct strbuf *out, unsigned v)
{
	strbuf_addc(out, (char)(v & 255));
}

/* RFC 4034 appendix B. */
static uint16_t
key_tag(const uint8_t *rdata, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (i & 1) != 0 ? rdata[i] : (uint32_t)rdata[i] << 8;
	return (uint16_t)(sum + (sum >> 16));
}

int
zone_sign(struct zone *z, const char *apex, const char *path, struct err *e)
{
	struct strbuf rdata = STRBUF_INIT(512);
	struct signer *s = xcalloc(1, sizeof(*s));
	unsigned char point[KEY_OCTETS + 1];
	FILE *f = fopen(path, "re");
	size_t len = 0;

	s->next = z->signers;
	z->signers = s;
	s->apex = xstrdup(apex);
	if (f != NULL) {
		s->key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		fclose(f);
	}
	if (s->key == NULL || EVP_PKEY_get_octet_string_param(s->key, "pub",
	    point, sizeof(point), &len) != 1 || len != sizeof(point)) {
		err_set(e, ERR_INPUT, "%s: no key on P-256", path);
		return -1;
	}
	dns_put_u16(&rdata, 257);	/* a zone's key, its entry point */
	put_u8(&rdata, 3);
	put_u8(&rdata, ALGORITHM);
	strbuf_add(&rdata, point + 1, KEY_OCTETS);
	s->tag = key_tag((const uint8_t *)rdata.s, rdata.len);
	zone_add(z, apex, DNS_DNSKEY, &rdata);
	strbuf_reset(&rdata);
	dns_put_u16(&rdata, 0);		/* both names the root */
	for (int i = 0; i < 5; i++)
		dns_put_u32(&rdata, 1);
	zone_add(z, apex, DNS_SOA, &rdata);
	strbuf_free(&rdata);
	return 0;
}

void
zone_free_signers(struct zone *z)
{
	struct signer *s;

	while ((s = z->signers) != NULL) {
		z->signers = s->next;
		EVP_PKEY_free(s->key);
		free(s->apex);
		free(s);
	}
}

const struct signer *
zone_signer(const struct zone *z, const char *name)
{
	size_t len = strlen(name), best = 0;
	const struct signer *s, *found = NULL;

	for (s = z->signers; s != NULL; s = s->next) {
		size_t n = strlen(s->apex);

		if (n > len || n < best ||
		    strcasecmp(name + len - n, s->apex) != 0 ||
		    (n < len && name[len - n - 1] != '.'))
			continue;
		best = n;
		found = s;
	}
	return found;
}

const char *
signer_apex(const struct signer *s)
{
	return s->apex;
}

static unsigned
labels(const char *name)
{
	unsigned n = strcmp(name, ".") != 0;

	for (; *name != '\0'; name++)
		n += *name == '.' && name[1] != '\0';
	return n;
}

static int
by_data(const void *va, const void *vb)
{
	const struct record *a = *(const struct record *const *)va;
	const struct record *b = *(const struct record *const *)vb;
	size_t n = a->data_len < b->data_len ? a->data_len : b->data_len;
	int rc = memcmp(a->data, b->data, n);

	return rc != 0 ? rc : (int)a->data_len - (int)b->data_len;
}

/* The signature over text, as the two numbers it is. */
static bool
put_signature(const struct signer *s, const struct strbuf *text,
    struct strbuf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[256], raw[2 * HALF];
	const unsigned char *p = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig = NULL;
	bool good;

	good = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s->key) == 1 &&
	    EVP_DigestSign(ctx, der, &len, (unsigned char *)text->s,
	    text->len) == 1 &&
	    (sig = d2i_ECDSA_SIG(NULL, &p, (long)len)) != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, HALF) == HALF &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + HALF, HALF) == HALF;
	if (good)
		strbuf_add(out, raw, sizeof(raw));
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
	return good;
}

/* RFC 4034 section 3.1.8.1: the set in its canonical form. */
static void
put_canonical(const char *owner, const struct record *const *set, size_t n,
    struct strbuf *text)
{
	const struct record *sorted[RECORDS_MAX];

	memcpy(sorted, set, n * sizeof(set[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_data);
	for (size_t i = 0; i < n; i++) {
		(void)dns_put_name(text, owner);
		dns_put_u16(text, sorted[i]->type);
		dns_put_u16(text, 1);
		dns_put_u32(text, set[0]->ttl);
		dns_put_u16(text, sorted[i]->data_len);
		strbuf_add(text, sorted[i]->data, sorted[i]->data_len);
	}
}

bool
signer_sign(const struct signer *s, const char *owner,
    const struct record *const *set, size_t n, bool bogus, struct strbuf *out)
{
	struct strbuf rdata = STRBUF_INIT(1024);
	struct strbuf text = STRBUF_INIT(DNS_MESSAGE_MAX);
	uint32_t now = (uint32_t)time(NULL);
	bool good = n > 0 && n <= RECORDS_MAX;

	if (!good)
		return false;
	dns_put_u16(&rdata, set[0]->type);
	put_u8(&rdata, ALGORITHM);
	put_u8(&rdata, labels(owner));
	dns_put_u32(&rdata, set[0]->ttl);
	dns_put_u32(&rdata, now + 24 * HOUR);
	dns_put_u32(&rdata, now - HOUR);
	dns_put_u16(&rdata, s->tag);
	(void)dns_put_name(&rdata, s->apex);
	strbuf_add(&text, rdata.s, rdata.len);
	put_canonical(owner, set, n, &text);
	good = put_signature(s, &text, &rdata);
	if (good && bogus)
		rdata.s[rdata.len - 1] ^= 1;
	if (good) {
		(void)dns_put_name(out, owner);
		dns_put_u16(out, DNS_RRSIG);
		dns_put_u16(out, 1);
		dns_put_u32(out, set[0]->ttl);
		dns_put_u16(out, (unsigned)rdata.len);
		strbuf_add(out, rdata.s, rdata.len);
	}
	strbuf_free(&rdata);
	strbuf_free(&text);
	return good;
}

/* One window of the bitmap: all types here are below 256. */
static void
put_bitmap(const bool has[static 256], struct strbuf *out)
{
	uint8_t map[32] = { 0 };
	unsigned octets = 0;

	for (unsigned i = 0; i < 256; i++)
		if (has[i]) {
			map[i / 8] |= (uint8_t)(0x80 >> i % 8);
			octets = i / 8 + 1;
		}
	put_u8(out, 0);
	put_u8(out, octets);
	strbuf_add(out, map, octets);
}

bool
signer_deny(const struct signer *s, const char *name,
    const struct record *const *set, size_t n, uint32_t ttl, bool bogus,
    struct strbuf *out)
{
	struct strbuf rdata = STRBUF_INIT(1024);
	struct record nsec = { .type = DNS_NSEC, .ttl = ttl };
	const struct record *one = &nsec;
	bool has[256] = { false }, good;

	has[DNS_RRSIG] = has[DNS_NSEC] = true;
	for (size_t i = 0; i < n; i++)
		if (set[i]->type > 0 && set[i]->type < 256)
			has[set[i]->type] = true;
	put_u8(&rdata, 1);		/* the label \000 in front of it */
	put_u8(&rdata, 0);
	(void)dns_put_name(&rdata, name);
	put_bitmap(has, &rdata);
	nsec.data = (uint8_t *)rdata.s;
	nsec.data_len = (uint16_t)rdata.len;
	(void)dns_put_name(out, name);
	dns_put_u16(out, DNS_NSEC);
	dns_put_u16(out, 1);
	dns_put_u32(out, ttl);
	dns_put_u16(out, nsec.data_len);
	strbuf_add(out, nsec.data, nsec.data_len);
	good = signer_sign(s, name, &one, 1, bogus, out);
	strbuf_free(&rdata);
	return good;
}
