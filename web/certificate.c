/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.c - the certificate of the HTTPS listeners.
 */
#include "config.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/err.h"
#include "lib/xmalloc.h"
#include "web/certificate.h"

struct certificate {
	gnutls_pcert_st		 chain[CERTIFICATE_CHAIN_MAX];
	unsigned		 n;
	gnutls_privkey_t	 key;
	struct certificate	*older;
};

/*
 * Handshakes borrow what they are given and do not say when they are done, so
 * an older certificate is kept: some kilobytes for each renewal.
 */
static struct certificate *_Atomic current;

static void
release(struct certificate *c)
{
	for (unsigned i = 0; i < c->n; i++)
		gnutls_pcert_deinit(&c->chain[i]);
	if (c->key != NULL)
		gnutls_privkey_deinit(c->key);
	free(c);
}

static gnutls_datum_t
datum(const char *p, size_t len)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)p,
	    (unsigned)len };
}

/* GnuTLS's own reader checks that key and certificate belong together. */
static int
check_pair(const gnutls_datum_t *chain, const gnutls_datum_t *key)
{
	gnutls_certificate_credentials_t cred;
	int rc = gnutls_certificate_allocate_credentials(&cred);

	if (rc < 0)
		return rc;
	rc = gnutls_certificate_set_x509_key_mem(cred, chain, key,
	    GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(cred);
	return rc < 0 ? rc : 0;
}

static int
load(struct certificate *c, const gnutls_datum_t *chain,
    const gnutls_datum_t *key)
{
	unsigned n = CERTIFICATE_CHAIN_MAX;
	int rc;

	if ((rc = check_pair(chain, key)) < 0 ||
	    (rc = gnutls_pcert_list_import_x509_raw(c->chain, &n, chain,
	    GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED)) <
	    0)
		return rc;
	c->n = n;
	if ((rc = gnutls_privkey_init(&c->key)) < 0)
		return rc;
	return gnutls_privkey_import_x509_raw(c->key, key,
	    GNUTLS_X509_FMT_PEM, NULL, 0);
}

int
certificate_use(const char *chain, size_t chain_len, const char *key,
    size_t key_len, struct err *e)
{
	struct certificate *c = xcalloc(1, sizeof(*c));
	gnutls_datum_t chain_d = datum(chain, chain_len);
	gnutls_datum_t key_d = datum(key, key_len);
	int rc = load(c, &chain_d, &key_d);

	if (rc < 0) {
		err_set(e, ERR_CRYPTO, "web_tls_cert and web_tls_key: %s",
		    gnutls_strerror(rc));
		release(c);
		return -1;
	}
	c->older = atomic_load(&current);
	atomic_store(&current, c);
	return 0;
}

int
certificate_present(void)
{
	return atomic_load(&current) != NULL;
}

int
certificate_retrieve(gnutls_session_t session,
    const gnutls_datum_t *authorities, int nauthorities,
    const gnutls_pk_algorithm_t *algorithms, int nalgorithms,
    gnutls_pcert_st **chain_r, unsigned *length_r, gnutls_privkey_t *key_r)
{
	struct certificate *c = atomic_load(&current);

	(void)session;
	(void)authorities;
	(void)nauthorities;
	(void)algorithms;
	(void)nalgorithms;
	if (c == NULL)
		return -1;
	*chain_r = c->chain;
	*length_r = c->n;
	*key_r = c->key;
	return 0;
}

void
certificate_free(void)
{
	struct certificate *c = atomic_exchange(&current, NULL), *older;

	for (; c != NULL; c = older) {
		older = c->older;
		release(c);
	}
}
