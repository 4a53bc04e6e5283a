/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_session_private.h - shared by the parts of a session:
 *
 *	smtp_session.c		its life: events, time, the end
 *	smtp_connect.c		where to: hosts and their addresses
 *	smtp_greeting.c		until mail may be sent: EHLO, STARTTLS, AUTH
 *	smtp_handshake.c	how TLS went, for reports
 *	smtp_transaction.c	what is said about each delivery
 *	smtp_item.c		what becomes of each delivery
 *	smtp_refusal.c		what a refusal means
 */
#ifndef LISTD_SMTP_SESSION_PRIVATE_H
#define LISTD_SMTP_SESSION_PRIVATE_H

#include <sys/queue.h>

#include "lib/reply_rules.h"
#include "lib/smtp_login.h"
#include "lib/smtp_reply.h"
#include "lib/strbuf.h"
#include "lib/sys/timers.h"
#include "lib/tlsa.h"
#include "lib/tlsrpt.h"
#include "listd/smtp_conn.h"
#include "listd/smtp_session.h"

#define EXPECT_MAX	16	/* replies awaited at once: RSET and two groups */
#define COMMAND_MAX	4096	/* octets of the commands of one write */
#define BLOCK_MIN	4096	/* octets to leave in one timeout_block */
#define ADDRESSES_MAX	32	/* addresses tried for one session */
#define REFUSALS_MAX	2	/* hosts that may say no, in words, to one */
/* Why it ends when a reply cannot answer what was said (F23). */
#define SESSION_EARLY	"it answered before it was asked"
#define DEAD_MS		300000	/* an address without an answer is tried last */

/* Where the connection stands. */
enum session_state {
	SESSION_RESOLVE, SESSION_CONNECT, SESSION_BANNER, SESSION_EHLO,
	SESSION_STARTTLS, SESSION_TLS, SESSION_AUTH, SESSION_OPEN,
	SESSION_QUIT, SESSION_OVER,
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
	/* Looked at in all items at once: kept together. */
	TAILQ_ENTRY(item)	 entry;
	enum item_step		 step;
	bool			 answered;	/* any reply to its commands */
	bool			 refused;	/* verdict stands; see outcome */
	struct copy		*copy;		/* NULL: not made yet */
	unsigned		 slot;		/* of the ring, owner's */
	struct ipc_delivery	 d;
	struct ipc_outcome	 outcome;
	struct reply_verdict	 verdict;	/* of the refusal */
	int64_t			 begun_ms, body_ms;	/* monotonic */
	uint64_t		 end;	/* of its content: smtp_conn_gone() */
};

/* A reply that ends the connection. */
struct refusal {
	enum ipc_stage		 stage;
	uint16_t		 code;		/* 0: there is none */
	struct enhanced		 enhanced;
	uint32_t		 campaign;	/* whose delivery it answered */
	bool			 told;		/* by that one's outcome */
	struct reply_verdict	 verdict;
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
	bool			 bdat;		/* the next content goes so */
	bool			 broken;	/* ... and it does not know how */
	bool			 in_pump;

	/* where to connect */
	uint16_t		 host;		/* of grant.host */
	struct resolver_lookup	*lookup;
	struct resolver_host	 found;		/* the host's addresses */
	size_t			 at;		/* of those */
	struct tlsa_set		 tlsa;		/* the host's, validated */
	bool			 by_alias;	/* and they are its alias's */
	bool			 for_domain;	/* proved for grant.domain alone */
	unsigned		 tried;
	unsigned		 connects;	/* made, those again too */
	unsigned		 told;		/* of them, one by the grant */
	unsigned		 refusals;	/* hosts that said no, in words */
	/* Addresses that are tried when all others were. */
	struct {
		uint16_t	 host;		/* of grant.host */
		struct resolver_address address;
	}			 late[ADDRESSES_MAX];
	unsigned		 nlate;		/* not tried yet */
	bool			 late_now;	/* it is their turn */
	bool			 avoid_tls;	/* it failed at this address */
	char			 why[IPC_TEXT_MAX + 1];	/* last failure */
	char			 why_peer[256];
	struct refusal		 refusal;	/* what a host said last */
	char			 peer[256];	/* host [address] */

	struct smtp_conn	*conn;
	unsigned		 serial;	/* connections given up */
	struct smtp_reply_parser *parser;
	struct smtp_ehlo	 ehlo;
	bool			 helo;		/* EHLO was not understood */
	unsigned		 auth_step;	/* lines of AUTH LOGIN said */
	uint8_t			 tls;		/* as in struct ipc_outcome */
	struct timer		 timer;
	int64_t			 progress_ms;	/* something was begun last */
	bool			 suspect;	/* not since the look before */
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
	struct strbuf		 envelope;	/* a MAIL and what goes with it */
	struct item		*chunk;		/* its content goes with envelope */
	size_t			 queued;	/* octets, when last looked at */
	bool			 ahead;	/* it said more than was asked */
};

/* smtp_session.c */
/* The host as its route names it. */
const char *session_host(const struct smtp_session *s);
/* How to log in at it, which is a smarthost; NULL: not at all. */
const struct smtp_login *session_login(const struct smtp_session *s);
void session_fail(struct smtp_session *s, const char *why);
/* The same by a reply; why is its text, naming no person. */
void session_end(struct smtp_session *s, const struct refusal *by,
    const char *why);
void session_arm(struct smtp_session *s, int64_t wait_ms);
void session_quit(struct smtp_session *s);
int64_t session_now(const struct smtp_session *s);
/*
 * What is told when the session ends without success.  What a host said is
 * told rather than why the next could not be asked.
 */
void session_why(struct smtp_session *s, const char *why);
/*
 * Octets came while no reply is awaited.  Nothing is said any more: they would
 * be taken to answer it.  When they are a reply, or time is up, it ends.
 */
bool session_is_ahead(struct smtp_session *s);
/* Write one command outside of transactions and wait for its reply. */
void session_say(struct smtp_session *s, const char *text, int64_t wait_ms);
void session_over(struct smtp_session *s, enum ipc_session_event event);
/* Close what there is of a connection; the session goes on or ends. */
void session_drop(struct smtp_session *s);
/* The greeting is done: mail may be sent. */
void session_open(struct smtp_session *s);
extern const struct smtp_conn_ops session_conn_ops;

/* smtp_connect.c */
/* The host of a route's name, which may carry its port. */
uint16_t connect_split_port(const char *name, char host[static 256],
    uint16_t port);
/* Begin. */
void connect_first_host(struct smtp_session *s);
/* Try the host at s->host, or end when there is none. */
void connect_next_host(struct smtp_session *s);
/* Try the address at s->at, or the next host. */
void connect_next_address(struct smtp_session *s);
/* Try the address before s->at once more. */
void connect_again(struct smtp_session *s);
/* The address before s->at takes connections. */
void connect_answered(struct smtp_session *s);
/*
 * The connection failed before mail may be sent, for s->why; code is of the
 * reply that refused it, 0 when there was none.  Go on elsewhere, or end.
 */
void connect_failed(struct smtp_session *s, uint16_t code);
/* Connections made that queue has not heard of. */
uint8_t connect_untold(struct smtp_session *s);

/* smtp_greeting.c */
/* The least there must be between this host and us, whoever's mail it is. */
enum ipc_tls greeting_tls_needed(const struct smtp_session *s);
/* The banner is to come; or TLS, which a smarthost may ask for before it. */
void greeting_await(struct smtp_session *s);
void greeting_tls(struct smtp_session *s);
void greeting_ehlo(struct smtp_session *s);
/* A reply before the session is open; more: octets came behind it. */
void greeting_reply(struct smtp_session *s, const struct smtp_reply *r,
    bool more);
/* TLS stands. */
void greeting_secured(struct smtp_session *s);
/* The connection broke in the greeting. */
void greeting_broken(struct smtp_session *s, const char *why);

/* smtp_handshake.c */
/*
 * Count one attempt at TLS for the domain whose mail made it.  of_certificate:
 * TLS stands, so that result matters to a policy alone.
 */
void handshake_count(struct smtp_session *s, enum tlsrpt_result result,
    bool of_certificate, const char *why);
/* TLS stands; what its certificate is worth.  A resumed one was counted. */
void handshake_secured(struct smtp_session *s, bool good);

/* smtp_transaction.c */
/* Write all that may be written now, then make the next copy ready. */
void transaction_pump(struct smtp_session *s);
/* All that was written has left. */
void transaction_drained(struct smtp_session *s);
/* Start the time of what is waited for: room to write, or a reply. */
void transaction_await(struct smtp_session *s);
/* One reply while the session is open; more: octets came behind it. */
void transaction_reply(struct smtp_session *s, const struct smtp_reply *r,
    bool more);

/* smtp_refusal.c */
/* Where a reply of this kind stands. */
enum ipc_stage expect_stage(enum expect_kind kind);
/* A reply other than the hoped-for one is the item's verdict. */
void item_refuse(struct smtp_session *s, struct item *item,
    enum ipc_stage stage, const struct smtp_reply *r);
/*
 * Nothing more is to be said about the item: tell its end, or, when the reply
 * spoke of us and not of the person, that it goes back unharmed.  False: the
 * session ended with it, for the site is to rest.
 */
bool item_settle(struct smtp_session *s, struct item *item);
/* The connection ends by this reply, to no delivery's command. */
void session_refused(struct smtp_session *s, enum ipc_stage stage,
    const struct smtp_reply *r);
/* The same by 421 in answer to a command about the item. */
void item_hung_up(struct smtp_session *s, struct item *item,
    enum ipc_stage stage, const struct smtp_reply *r);

/* The content's refusal says that BDAT is none: then the session ended. */
bool item_bdat_unknown(struct smtp_session *s, struct item *item,
    const struct smtp_reply *r);

/* smtp_item.c */
struct item *item_find(struct smtp_session *s, uint64_t delivery);
/* Forget it, telling nobody. */
void item_free(struct smtp_session *s, struct item *item);
/* Nothing was said about it: give it back. */
void item_return(struct smtp_session *s, struct item *item);
/* Give back all that was not begun. */
void items_return_waiting(struct smtp_session *s);
/* The connection is lost: end or return every delivery held. */
void items_lost(struct smtp_session *s, uint16_t code, const char *why);
/* Write the verdict into the item; the first one stays. */
void item_verdict(struct smtp_session *s, struct item *item,
    enum ipc_result_kind result, enum ipc_stage stage, uint16_t code,
    const char *text);
void item_enhanced(struct item *item, const struct enhanced *e);
/* Tell its verdict and forget it. */
void item_done(struct smtp_session *s, struct item *item);
/* Make the copy, or end the item.  False when it is gone. */
bool item_prepare(struct smtp_session *s, struct item *item);
/*
 * The next waiting item that may be begun now: rendered, acceptable to this
 * host, and its gate open at this moment.  Others end here.
 */
struct item *item_next_ready(struct smtp_session *s);
/* A reply's text without address and token, which it may repeat. */
void item_text(const struct item *item, const char *text,
    char out[static IPC_TEXT_MAX + 1]);

#endif
