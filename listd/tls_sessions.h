/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_sessions.h - TLS sessions of hosts we have spoken to, to be resumed.
 *
 * A resumed handshake costs no signature and no certificate, but it inherits
 * what the full one found out about the peer.  So a session is kept only where
 * the certificate was good, and resumed only where all that was asked is the
 * same: host, name in SNI, what the certificate must be, and the address we
 * come from (RFC 8446 section C.4 wants a ticket of TLS 1.3 used once, so that
 * nobody can tell two connections belong together; taking one removes it).
 */
#ifndef LISTD_TLS_SESSIONS_H
#define LISTD_TLS_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#define TLS_SESSIONS_MAX	4096	/* of a deliver role */
#define TLS_SESSIONS_AGE_S	7200	/* none older, whatever tickets say */
#define TLS_SESSION_KEY_MAX	640	/* octets, with its NUL */

struct tls_sessions;

/* What must be the same.  Names are compared in any case. */
struct tls_session_key {
	const char	*host;		/* and its port, as in a route */
	const char	*sni;		/* "" for none */
	unsigned	 level;		/* what was asked of the peer */
	uint64_t	 policy;	/* more: a hash of TLSA records; 0 */
	unsigned	 family;	/* 4 or 6 */
	const char	*source;	/* address we come from; "" for any */
};

/*
 * The key as text.  One that is too long becomes "": nothing is kept or found
 * under that.
 */
void tls_session_key(char out[static TLS_SESSION_KEY_MAX],
    const struct tls_session_key *k);

/* At most max (> 0) sessions; the one used least lately goes first. */
struct tls_sessions *tls_sessions_new(size_t max);
/* NULL is fine. */
void tls_sessions_free(struct tls_sessions *c);
/* Forget all: the authorities changed, so nobody was verified by them. */
void tls_sessions_clear(struct tls_sessions *c);

/*
 * The session of this key, to be released with SSL_SESSION_free(); NULL when
 * there is none that is resumable at now_s (UTC seconds).  One of TLS 1.3 is
 * taken out.
 */
SSL_SESSION *tls_sessions_take(struct tls_sessions *c, const char *key,
    int64_t now_s);
/* Keep it instead of what was there; the caller's reference is taken over. */
void tls_sessions_put(struct tls_sessions *c, const char *key,
    SSL_SESSION *session);
size_t tls_sessions_count(const struct tls_sessions *c);

#endif
