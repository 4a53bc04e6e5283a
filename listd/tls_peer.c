/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_peer.c - who must be at the other end of TLS, and who is.
 */
#include "config.h"

#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/tlsa.h"
#include "listd/smtp_conn.h"
#include "listd/tls_peer.h"

/* SNI knows names alone (RFC 6066). */
bool
tls_peer_by_name(SSL *ssl, const char *host)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, host, ip) == 1 ||
	    inet_pton(AF_INET6, host, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
		    host) == 1;
	return SSL_set_tlsext_host_name(ssl, host) == 1 &&
	    SSL_set1_host(ssl, host) == 1;
}

bool
tls_peer_by_records(SSL *ssl, const struct smtp_conn_tls *tls)
{
	const struct tlsa_set *set = tls->tlsa;
	unsigned usable = 0;

	if (SSL_dane_enable(ssl, tls->host) != 1)
		return false;
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < SMTP_CONN_NAMES_MAX; i++)
		if (tls->names[i] != NULL && tls->names[i][0] != '\0' &&
		    SSL_add1_host(ssl, tls->names[i]) != 1)
			return false;
	for (unsigned i = 0; i < set->n; i++) {
		const struct tlsa *t = &set->v[i];
		int rc = SSL_dane_tlsa_add(ssl, t->usage, t->selector,
		    t->matching, t->data, t->len);

		if (rc < 0)
			return false;
		usable += rc == 1;
	}
	/* None that OpenSSL could use: it would verify by authorities. */
	return usable > 0;
}

enum ipc_tls
tls_peer_level(SSL *ssl, bool by_records)
{
	if (SSL_get0_peer_certificate(ssl) == NULL ||
	    SSL_get_verify_result(ssl) != X509_V_OK)
		return IPC_TLS_UNVERIFIED;
	return by_records ? IPC_TLS_DANE : IPC_TLS_VERIFIED;
}

const char *
tls_peer_fault(SSL *ssl)
{
	if (ssl == NULL || SSL_get0_peer_certificate(ssl) == NULL)
		return "no certificate";
	return X509_verify_cert_error_string(SSL_get_verify_result(ssl));
}

enum tlsrpt_result
tls_peer_result(SSL *ssl)
{
	if (SSL_get0_peer_certificate(ssl) == NULL)
		return TLSRPT_VALIDATION;
	switch (SSL_get_verify_result(ssl)) {
	case X509_V_OK:
		return TLSRPT_SUCCESS;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLSRPT_HOST_MISMATCH;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLSRPT_EXPIRED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
		return TLSRPT_NOT_TRUSTED;
	default:
		return TLSRPT_VALIDATION;
	}
}

bool
tls_peer_names(SSL *ssl, const char *host)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	return cert != NULL && host[0] != '\0' &&
	    X509_check_host(cert, host, 0, 0, NULL) == 1;
}

bool
tls_peer_needs_name(SSL *ssl)
{
	uint8_t usage;

	/* A resumed session does not know any more: then it does. */
	return SSL_get0_dane_tlsa(ssl, &usage, NULL, NULL, NULL, NULL) == -1 ||
	    usage != TLSA_DANE_EE;
}

bool
tls_peer_by_authorities(SSL *ssl, const char *host)
{
	X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	X509 *cert = SSL_get0_peer_certificate(ssl);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool good = false;

	if (ctx != NULL && cert != NULL && X509_STORE_CTX_init(ctx, store,
	    cert, SSL_get_peer_cert_chain(ssl)) == 1 &&
	    X509_STORE_CTX_set_default(ctx, "ssl_server") == 1 &&
	    X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(ctx), host,
	    0) == 1)
		good = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return good;
}
