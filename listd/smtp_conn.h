/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_conn.h - one outgoing connection: bytes out, bytes in, TLS in between.
 *
 * A plain non-blocking socket with OpenSSL on it after STARTTLS.  Not a
 * bufferevent: a copy leaves by writev straight from the compiled campaign,
 * and only what the socket does not take is ever copied.
 *
 * STARTTLS: bytes that came with the 220 and before the handshake are refused,
 * for they were sent by nobody we know (RFC 3207 section 6; X04).
 */
#ifndef LISTD_SMTP_CONN_H
#define LISTD_SMTP_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <openssl/ssl.h>

#include "lib/ipc.h"
#include "listd/resolver.h"

struct err;
struct event_base;
struct smtp_conn;
struct tls_sessions;
struct tlsa_set;

#define SMTP_CONN_READ		(32u << 10)	/* octets read at once */
#define SMTP_CONN_NAMES_MAX	2	/* beside the host's */
#define SMTP_CONN_QUEUE_MAX	(32u << 20)	/* octets waiting to leave */
#define SMTP_CONN_BUNDLE_MAX	(16u << 20)	/* octets of a CA file */

struct smtp_conn_ops {
	/* The connection stands (TCP); nothing is read before this. */
	void	(*connected)(void *arg);
	/* TLS stands; read at what level with smtp_conn_level(). */
	void	(*secured)(void *arg);
	/* Bytes came.  The connection may be freed inside. */
	void	(*data)(void *arg, const uint8_t *p, size_t len);
	/* All that was queued has left, and what was not taken finds room. */
	void	(*drained)(void *arg);
	/* Over: refused, reset, TLS failed, or the peer's end (eof). */
	void	(*closed)(void *arg, const char *why, bool eof);
};

/*
 * Begin to connect, from an address of ours of the same family (NULL: the
 * system's choice).  ops is borrowed for the life of the connection.  NULL
 * with e when the socket cannot even be made (ERR_SYSTEM).
 */
struct smtp_conn *smtp_conn_open(struct event_base *base,
    const struct resolver_address *from, const struct resolver_address *to,
    uint16_t port,
    const struct smtp_conn_ops *ops, void *arg, struct err *e);
/* Close at once; allowed inside a callback.  NULL is fine. */
void smtp_conn_free(struct smtp_conn *c);

/*
 * Send n pieces in order.  What the socket does not take now is copied and
 * follows by itself.  -1: the connection is broken or SMTP_CONN_QUEUE_MAX is
 * passed; the owner closes it (closed is not called for this).
 */
int smtp_conn_writev(struct smtp_conn *c, struct iovec *iov, size_t n);
/*
 * The same, but the last pieces, from 1 to n, must not wait: they go if all
 * before them went and the socket takes at least their first octet now (with
 * TLS: has room).  Else they are forgotten and as they were, *taken_r is
 * false, and `drained` tells when to try again.  For the MAIL whose gate was
 * just asked, and what belongs to it.
 */
int smtp_conn_writev_last(struct smtp_conn *c, struct iovec *iov, size_t n,
    size_t last, bool *taken_r);

/* How to speak TLS; all of it is borrowed for the call, sessions for longer. */
struct smtp_conn_tls {
	SSL_CTX		*ctx;		/* from smtp_conn_context() */
	/*
	 * A name or an address: what the certificate is compared with (the
	 * result is told, not enforced); a name goes into SNI.
	 */
	const char	*host;
	const struct tlsa_set *tlsa;	/* usable ones to match; or NULL */
	/* With tlsa: other names a certificate may bear; NULL, "": none. */
	const char	*names[SMTP_CONN_NAMES_MAX];
	struct tls_sessions *sessions;	/* to resume from; or NULL */
	const char	*key;		/* of the session there */
	int64_t		 now_s;		/* UTC */
};

/*
 * A client's context: TLS 1.2 or better (R171), ready for DANE, and new
 * sessions go to where smtp_conn_starttls() was told.  NULL with e.
 */
SSL_CTX *smtp_conn_context(struct err *e);
/*
 * Trust the authorities of a PEM bundle too.  Where fd stands in its file
 * neither matters nor changes: other processes read it at the same time.  -1
 * with e when it cannot be read or is longer than SMTP_CONN_BUNDLE_MAX.
 */
int smtp_conn_trust(SSL_CTX *ctx, int fd, struct err *e);
/*
 * Speak TLS from here on.  -1 when input waits that was sent before the
 * handshake, or OpenSSL refuses.
 */
int smtp_conn_starttls(struct smtp_conn *c, const struct smtp_conn_tls *tls,
    struct err *e);
bool smtp_conn_is_tls(const struct smtp_conn *c);
/* How well the connection is protected now. */
enum ipc_tls smtp_conn_level(const struct smtp_conn *c);
/* Why the certificate was not good; a static text. */
const char *smtp_conn_fault(const struct smtp_conn *c);
/* To be asked more by tls_peer.h; borrowed, NULL before TLS. */
SSL *smtp_conn_ssl(const struct smtp_conn *c);
/* Octets that wait to leave. */
size_t smtp_conn_queued(const struct smtp_conn *c);
/* Octets have come that `data` has not told of; an end is none. */
bool smtp_conn_has_input(struct smtp_conn *c);
/*
 * Octets that left, in all: the socket took them, so the peer may have them.
 * It is right after a write that failed, too.
 */
uint64_t smtp_conn_gone(const struct smtp_conn *c);

#endif
