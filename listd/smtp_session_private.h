/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_session_private.h - shared by smtp_session.c (the connection's life) and
 * smtp_transaction.c (what is said about each delivery).
 */
#ifndef LISTD_SMTP_SESSION_PRIVATE_H
#define LISTD_SMTP_SESSION_PRIVATE_H

#include <sys/queue.h>

#include "lib/reply_class.h"
#include "lib/smtp_reply.h"
#include "lib/strbuf.h"
#include "lib/sys/timers.h"
#include "listd/smtp_conn.h"
#include "listd/smtp_session.h"

#define EXPECT_MAX	16	/* replies awaited at once: RSET and two groups */
#define COMMAND_MAX	4096	/* octets of the commands of one write */
#define BLOCK_MIN	4096	/* octets to leave in one timeout_block */
#define ADDRESSES_MAX	32	/* addresses tried for one session */

/* Where the connection stands. */
enum session_state {
	SESSION_RESOLVE, SESSION_CONNECT, SESSION_BANNER, SESSION_EHLO,
	SESSION_STARTTLS, SESSION_TLS, SESSION_OPEN, SESSION_QUIT,
	SESSION_OVER,
};

/* What has been written about a delivery. */
enum item_step {
	ITEM_WAITING,		/* nothing */
	ITEM_MAIL,		/* MAIL, and what travels with it */
	ITEM_RCPT,
	ITEM_DATA,
	ITEM_BODY,		/* content and final dot */
};

struct item {
	TAILQ_ENTRY(item)	 entry;
	struct ipc_delivery	 d;
	struct copy		*copy;		/* NULL: not made yet */
	unsigned		 slot;		/* of the ring, owner's */
	enum item_step		 step;
	bool			 answered;	/* any reply to its commands */
	bool			 refused;	/* verdict stands; see outcome */
	struct ipc_outcome	 outcome;
	enum reply_scheduler	 scheduler;	/* of the refusal */
	int64_t			 begun_ms, body_ms;	/* monotonic */
};

enum expect_kind {
	EXPECT_MAIL, EXPECT_RCPT, EXPECT_DATA, EXPECT_DOT, EXPECT_LONE_DOT,
	EXPECT_RSET,
};

struct expect {
	enum expect_kind kind;
	struct item	*item;		/* NULL for RSET */
};

struct smtp_session {
	const struct smtp_session_env *env;
	struct ipc_session_open	 grant;
	enum session_state	 state;
	bool			 closing;	/* QUIT when nothing is held */
	bool			 winding_down;	/* and do not wait for its answer */
	bool			 in_pump;

	/* where to connect */
	uint16_t		 host;		/* of grant.host */
	struct resolver_lookup	*lookup;
	struct resolver_address	 address[RESOLVER_ADDRESSES_MAX];
	size_t			 addresses, at;
	unsigned		 tried;
	bool			 avoid_tls;	/* it failed at this address */
	char			 why[IPC_TEXT_MAX + 1];	/* last failure */
	uint16_t		 why_code;
	char			 peer[256];	/* host [address] */

	struct smtp_conn	*conn;
	struct smtp_reply_parser *parser;
	struct smtp_ehlo	 ehlo;
	bool			 helo;		/* EHLO was not understood */
	uint8_t			 tls;		/* as in struct ipc_outcome */
	struct timer		 timer;
	int64_t			 opened_ms;	/* when connecting began */
	uint32_t		 connect_ms;

	/* what is said */
	TAILQ_HEAD(, item)	 items;		/* in the order of sending */
	size_t			 held;
	unsigned		 begun;		/* transactions on this connection */
	unsigned		 ended;		/* final replies to transactions */
	bool			 need_rset;
	bool			 site_trouble;	/* a reply spoke of us, not a person */
	struct expect		 expect[EXPECT_MAX];
	unsigned		 expect_first, expects;
	struct strbuf		 command;
	size_t			 queued;	/* octets, when last looked at */
};

/* smtp_session.c */
void session_fail(struct smtp_session *s, uint16_t code, const char *why);
void session_arm(struct smtp_session *s, int64_t wait_ms);
void session_quit(struct smtp_session *s);
int64_t session_now(const struct smtp_session *s);

/* smtp_transaction.c */
/* Write all that may be written now, then make the next copy ready. */
void transaction_pump(struct smtp_session *s);
/* Start the time of what is waited for: room to write, or a reply. */
void transaction_await(struct smtp_session *s);
/* One reply while the session is open.  False: the session has ended. */
bool transaction_reply(struct smtp_session *s, const struct smtp_reply *r);
/* The connection is lost: end or return every delivery held. */
void transaction_lost(struct smtp_session *s, uint16_t code, const char *why);
/* Give back what was not begun. */
void transaction_return_waiting(struct smtp_session *s);

#endif
