/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound.h - the inbound role's sessions and what they share.
 *
 * A session owns its connection and the protocol's state; the role owns the
 * store, the keys, the limits and the channel to queue.  A message that has
 * come whole becomes one request per recipient; the session answers its sender
 * when the last of them was answered by queue, or with 451 when one could not
 * be made durable in INBOUND_WAIT_MS.
 */
#ifndef LISTD_INBOUND_H
#define LISTD_INBOUND_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "lib/ipc.h"
#include "lib/sys/timers.h"
#include "listd/inbound_message.h"

struct channel;
struct content;
struct role_env;
struct store;
struct inbound_session;

#define INBOUND_WAIT_MS		20000	/* for queue's answer, then 451 */
#define INBOUND_LINGER_MS	3000	/* reading after the last reply */

/* One question to queue that is not answered yet. */
struct inbound_request {
	TAILQ_ENTRY(inbound_request) entry;
	uint64_t		id;
	struct inbound_session	*session;	/* NULL: it has gone */
	unsigned		 rcpt;		/* index among its recipients */
};

struct inbound {
	struct role_env		*env;
	struct keyring		*keys;
	struct store		*store;		/* NULL until queue is up */
	struct content		*content;
	struct channel		*queue;		/* NULL while it is down */
	SSL_CTX			*tls;		/* NULL: no certificate */
	TAILQ_HEAD(, inbound_request) requests;
	uint64_t		 last_request;
	TAILQ_HEAD(inbound_sessions, inbound_session) sessions;
	size_t			 nsessions;
	bool			 draining;
};

/* A connection was accepted; fd is the session's from here on. */
void inbound_session_start(struct inbound *in, int fd, bool lmtp,
    const struct sockaddr *peer);
/* Queue answered, or will not: result for recipient rcpt of this session. */
void inbound_session_answer(struct inbound_session *s, unsigned rcpt,
    enum ipc_result result);
/* Say 421 and end once what is open is answered. */
void inbound_session_drain(struct inbound_session *s);
/* For walking in->sessions. */
struct inbound_session *inbound_session_next(struct inbound_session *s);

/*
 * Send a frame to queue for this session.  The answer comes by
 * inbound_session_answer(), also when there is no queue now.
 */
void inbound_ask(struct inbound *in, struct inbound_session *s, unsigned rcpt,
    uint16_t type, const struct strbuf *frame, uint64_t request);
uint64_t inbound_request_id(struct inbound *in);
/* The session goes: its answers concern nobody. */
void inbound_forget(struct inbound *in, const struct inbound_session *s);
/* Its last connection may let the drain end. */
void inbound_session_gone(struct inbound *in);

#endif
