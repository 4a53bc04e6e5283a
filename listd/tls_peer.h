/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_peer.h - who must be at the other end of TLS, and who is.
 *
 * By the authorities of ca_file for the host's name, or by its TLSA records
 * (RFC 7672).  Nothing here ends a handshake: what was found is told, and the
 * owner of the connection decides what it is worth.
 */
#ifndef LISTD_TLS_PEER_H
#define LISTD_TLS_PEER_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "lib/ipc.h"
#include "lib/tlsrpt.h"

struct smtp_conn_tls;

/* Before the handshake, with SNI; false when OpenSSL refuses. */
bool tls_peer_by_name(SSL *ssl, const char *host);
/*
 * The host's records instead of all authorities.  A certificate that DANE-EE
 * names is good whatever name and dates it has (RFC 7672 section 3.1.1); under
 * DANE-TA it must bear the host's name or one of tls->names (section 3.2.2).
 */
bool tls_peer_by_records(SSL *ssl, const struct smtp_conn_tls *tls);

/* After it: what the certificate is worth by what was asked for. */
enum ipc_tls tls_peer_level(SSL *ssl, bool by_records);
/* Why it was not good; a static text.  ssl may be NULL. */
const char *tls_peer_fault(SSL *ssl);
/* The same as it is reported. */
enum tlsrpt_result tls_peer_result(SSL *ssl);
/* Does the certificate name this host? */
bool tls_peer_names(SSL *ssl, const char *host);
/* Was it for its name that it was found good, and not as DANE-EE? */
bool tls_peer_needs_name(SSL *ssl);
/* Is it good by the authorities too, for this host? */
bool tls_peer_by_authorities(SSL *ssl, const char *host);

#endif
