/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate.h - the certificate of the HTTPS listeners, which a reload may
 * replace while clients are connected.
 *
 * libmicrohttpd takes a certificate once, at its start; but it also takes a
 * function that GnuTLS asks at each handshake, and that function has no
 * argument.  So there is one certificate in the process.
 */
#ifndef WEB_CERTIFICATE_H
#define WEB_CERTIFICATE_H

#include <stddef.h>

#include <gnutls/gnutls.h>
#include <gnutls/abstract.h>

struct err;

#define CERTIFICATE_CHAIN_MAX	16	/* certificates of a chain */
#define CERTIFICATE_FILE_MAX	(256u << 10)	/* octets of a PEM file */

/*
 * Use this chain and key, PEM, from the next handshake on.  -1 with e set
 * when they are not a certificate and its key; what was in use stays (F28).
 */
int certificate_use(const char *chain, size_t chain_len, const char *key,
    size_t key_len, struct err *e);

/* True when there is one. */
int certificate_present(void);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
int certificate_retrieve(gnutls_session_t session,
    const gnutls_datum_t *authorities, int nauthorities,
    const gnutls_pk_algorithm_t *algorithms, int nalgorithms,
    gnutls_pcert_st **chain_r, unsigned *length_r, gnutls_privkey_t *key_r);

/* Release all; no handshake may run. */
void certificate_free(void);

#endif
