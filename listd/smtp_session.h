/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_session.h - one granted connection to a site, spoken as RFC 5321.
 *
 * Queue grants a session and gives it deliveries; the session finds a host
 * that answers, greets, goes to TLS when that is offered, and sends one copy
 * per transaction.  Where PIPELINING is offered a copy's content travels in
 * one group with the next transaction's MAIL, RCPT and DATA (RFC 2920 section
 * 3.1): one write and one read per message.  Where CHUNKING is offered too, and
 * the grant allows it, all of a message is one group: MAIL, RCPT, BDAT and the
 * content (RFC 3030); see bdat.h for when it pays.
 *
 *	CONNECT -> BANNER -> EHLO [-> STARTTLS -> TLS -> EHLO [-> AUTH]]
 *	    -> OPEN -> QUIT
 *
 * A smarthost may speak TLS from the first octet on (RFC 8314 section 3.3);
 * then its banner comes inside.
 *
 * TLS that fails before mail may be sent is left out at a new connection to
 * the same address, where nothing was promised (S88).  It is promised by the
 * grant, for its domains have a policy (MTA-STS), by the host's validated TLSA
 * records (DANE), or, towards a smarthost, by the configuration: then there is
 * no mail and no AUTH without.  A fault of the DNS that hides such a promise is
 * a fault of the host, never leave to do without.  A list may ask for more;
 * its deliveries wait while a connection does not have it.
 *
 * Each delivery ends in exactly one call: outcome (it was tried, or its gate
 * was closed) or returned (nothing was said about it; give it again).  A reply
 * that speaks of us and not of the person says nothing about it either: the
 * session ends as refused, with that reply, and queue lets the site rest.  Who
 * drew it is told by an outcome, for it may be the person after all.  The
 * gate is asked immediately before the write that carries MAIL.
 */
#ifndef LISTD_SMTP_SESSION_H
#define LISTD_SMTP_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "lib/ipc.h"

struct bdat_hosts;
struct reply_rules;
struct conf;
struct copy;
struct err;
struct event_base;
struct memo;
struct resolver;
struct smtp_logins;
struct smtp_session;
struct timers;
struct tls_sessions;
struct tls_tally;

#define SMTP_SESSION_DEPTH_MAX	64	/* deliveries held at once */
#define SMTP_SESSION_WEDGED_MS	60000	/* past the longest limit of time */

/* How far a delivery has come, for the ring of open deliveries. */
enum smtp_mark {
	SMTP_MARK_NONE,
	SMTP_MARK_HELD,
	SMTP_MARK_BODY,
	SMTP_MARK_DOT
};

struct smtp_session_ops {
	/* GATE_OPEN (0), or why not.  Asked right before MAIL is written. */
	uint8_t	(*gate)(void *arg, const struct ipc_delivery *d);
	/* The least that its list wants to be sent over. */
	enum ipc_tls (*tls)(void *arg, const struct ipc_delivery *d);
	/* A copy to go by BDAT, or by DATA. */
	struct copy *(*make)(void *arg, const struct ipc_delivery *d,
	    bool bdat, struct err *e);
	/* Before its first octet is written; -1: it must not be. */
	int	(*sign)(void *arg, struct copy *copy, struct err *e);
	void	(*release)(void *arg, struct copy *copy);
	/*
	 * *slot is the owner's own note of where; 0 at first.  HELD comes
	 * again for content that was to be written and was not.
	 */
	void	(*mark)(void *arg, const struct ipc_delivery *d,
	    unsigned *slot, enum smtp_mark mark);
	void	(*outcome)(void *arg, const struct ipc_outcome *o);
	void	(*returned)(void *arg, uint32_t session, uint64_t delivery);
	/*
	 * Up, refused or closed.  After the last two the session holds no
	 * delivery and will do nothing more: free it later, from the loop and
	 * not from inside a callback of its.
	 */
	void	(*state)(void *arg, const struct ipc_session_state *s);
};

/*
 * What every session of a role shares.  Borrowed for the life of them all, and
 * read anew at every use: a reload changes conf, tls and logins in place.
 */
struct smtp_session_env {
	struct event_base	*base;
	struct timers		*timers;
	const struct conf	*conf;
	struct resolver		*resolver;
	SSL_CTX			*tls;	/* NULL: never STARTTLS */
	struct tls_sessions	*tls_sessions;	/* NULL: nothing is resumed */
	/* What is remembered of hosts (memo.h); NULL: nothing is. */
	struct memo		*tls_broken;	/* they cannot speak it */
	struct memo		*dead;		/* addresses without an answer */
	const struct smtp_logins *logins;	/* NULL: no AUTH */
	const struct smtp_session_ops *ops;
	void			*arg;
	struct tls_tally	*tally;	/* of handshakes; NULL: uncounted */
	struct bdat_hosts	*bdat;	/* what is known of hosts; NULL: nothing */
	const struct reply_rules *rules;	/* of refusals; NULL: the codes alone */
};

struct smtp_session *smtp_session_start(const struct smtp_session_env *env,
    const struct ipc_session_open *grant);
/*
 * The queue role that gave the work has died, and the next one cannot wait
 * longer: tell of what may have arrived.  smtp_session_free() follows, and the
 * rest is given out again.
 */
void smtp_session_give_up(struct smtp_session *s);
/* Nothing is told or returned; for the end of the role.  NULL is fine. */
void smtp_session_free(struct smtp_session *s);

/*
 * Take one more delivery.  False when SMTP_SESSION_DEPTH_MAX are held or the
 * session is ending: it was returned already.
 */
bool smtp_session_give(struct smtp_session *s, const struct ipc_delivery *d);
/* Finish what is held, then QUIT. */
void smtp_session_close(struct smtp_session *s);
/*
 * Finish what was begun, return the rest at once, say QUIT without waiting for
 * its answer.
 */
void smtp_session_wind_down(struct smtp_session *s);
/*
 * Someone left: take the delivery back if MAIL was not written.  No outcome
 * follows after IPC_RECALL_DROPPED.
 */
enum ipc_recall smtp_session_recall(struct smtp_session *s,
    uint64_t delivery);
/*
 * End it when it has stood still for longer than any limit of time allows, at
 * this call and the one before: its deliveries have their ends as if the
 * connection was lost.  True when it was ended now.
 */
bool smtp_session_watch(struct smtp_session *s);

#endif
