/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_script.h - a session against scripted servers on loopback: what is said
 * in which order, and what becomes of each delivery.
 *
 * A script is played by a server inside the test:
 *
 *	S text	send the text and CRLF		C text	a line that begins so
 *	D	content up to its final dot	X	close the connection
 *	K	reset it, once all was sent	E	the session is given up
 *	B n	content of n octets
 *	N	wait for the next connection	Z	nothing more may come
 *	W	wind the session down, and give it delivery 9
 *	T	speak TLS from here on		G	close the gate of delivery 2
 *	P	read nothing			R	read again
 *	H	wait until the session has begun to write content
 *	L	the session's timer is lost, and it is looked at twice
 *	M	delivery 2 is not marked as having content under way
 *	A text	the same as S, there at once, and a record of its own in TLS
 *	Y	send what is hostile	F	wait until all has been sent
 *
 * What the session tells is written down as one line per event and compared.
 * Whatever the script, each MAIL that comes must have had its gate asked, and
 * found open, for itself (S106).
 */
#ifndef TESTS_SMTP_SCRIPT_H
#define TESTS_SMTP_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "lib/conf.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "listd/smtp_session.h"

#define GATES		10	/* deliveries of a scenario */
#define NONE		99	/* connections, see there */
#define BEYOND_ASCII	0x100	/* with deliveries: one more, number 8 */
#define SECOND_BY_DATA	0x200	/* with deliveries: what it says */
#define LARGE		(10u << 20)	/* more than the sockets hold */

#define HELLO_PIPE	"S 220 mx", "C EHLO", "S 250-mx", "S 250 PIPELINING"
#define HELLO_PLAIN	"S 220 mx", "C EHLO", "S 250 mx"
#define HELLO_TLS	"S 220 mx", "C EHLO", "S 250-mx", "S 250-STARTTLS", \
	"S 250 PIPELINING", "C STARTTLS"
#define INSIDE_TLS	"S 220 go", "T", "C EHLO"
#define HELLO_CHUNK	"S 220 mx", "C EHLO", "S 250-mx", "S 250-PIPELINING", \
	"S 250 CHUNKING"
#define FLIGHT	"C MAIL", "C RCPT", "C BDAT 17 LAST", "B 17"
#define ENVELOPE	"C MAIL", "C RCPT", "C DATA"
#define ACCEPTED	"S 250 ok", "S 250 ok", "S 354 go", "D", "S 250 ok"
#define BYE		"C QUIT", "S 221 bye"
#define LONG_FIFTY "a reply that goes on and on until it has been cut. "
#define LONG	LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY \
	LONG_FIFTY LONG_FIFTY LONG_FIFTY LONG_FIFTY "and then so on, "
#define SCRIPT(...)	(const char *const[]){ __VA_ARGS__, NULL }

enum {
	TLS_FREE = 1,		/* to a recipient's own server */
	TLS_ENCRYPT,		/* smarthost_tls = encrypt */
	TLS_VERIFY,		/* and a certificate that is not trusted */
	TLS_TRUSTED,		/* and one that is */
	TLS_LOGIN,		/* the same with smarthost_auth */
	TLS_POLICY,		/* its domain promises verified TLS: it is */
	TLS_POLICY_BROKEN,	/* and here it is not trusted */
	TLS_LIST,		/* the delivery's list requires TLS */
	TLS_LIST_VERIFIED,	/* and a certificate that is trusted; it is not */
	BDAT_NO,		/* no TLS, and the grant says DATA */
	NO_LEAVE,		/* a smarthost that did not let us */
	UNSIGNED,		/* no TLS, and delivery 1 gets no signature */
	KEPT,			/* no TLS, and nobody closes it */
};

struct scenario {
	const char *why;
	const char *const *script;
	unsigned deliveries;
	unsigned closed_gate;
	const char *events;	/* NULL: the caller looks at them */
	unsigned tls;		/* 0 not spoken, or TLS_* */
	size_t large;
	unsigned connections;	/* 0: one, NONE: none */
};

struct reply_rules;

struct world {
	struct event_base	*base;
	struct timers		*timers;
	struct resolver		*resolver;
	struct conf		 conf;
	struct evconnlistener	*listener;
	struct bufferevent	*peer;
	const char *const	*script;
	const char		*wrong;		/* line of the script not met */
	struct strbuf		 events;
	char			 why[IPC_TEXT_MAX + 1];	/* of the end */
	struct smtp_session	*session;
	unsigned		 closed_gate;	/* delivery whose gate is shut */
	unsigned		 unsignable;	/* delivery without signature */
	enum ipc_tls		 list_tls;	/* of every list */
	bool			 passed[GATES];	/* gate open, no MAIL seen yet */
	unsigned		 connections;
	bool			 content_begun;
	uint16_t		 broken_tls_hours;	/* of the grant */
	struct memo		*tls_broken;	/* what is remembered; or NULL */
	enum smtp_mark		 mark[GATES];
	size_t			 large;		/* octets of delivery 1 */
	struct slice		 hostile;	/* what Y sends */
	struct tls_sessions	*sessions;	/* to resume; or NULL */
	uint8_t			 source;	/* 127.0.0.n; 0: the system's */
	size_t			 looked_at;	/* octets of content */
	struct event		*play;
	SSL_CTX			*server_tls, *client_tls[2];	/* [trusts] */
	/*
	 * NULL, or: the session is granted for provider "p" and deliveries are
	 * of campaign 7, and of refusals it is written down which class they
	 * have.
	 */
	const struct reply_rules *rules;
};

/* Run one and compare; a difference ends the test. */
void script_run(const struct scenario *sc);

/* For tests that begin a session on their own. */
extern struct world script_world;
extern const struct smtp_session_ops script_ops;
/* Deliveries 1 to n. */
void script_give(struct world *w, unsigned n);
/* What the enum above says of configuration and lists; 0: nothing. */
void script_set_policy(struct world *w, unsigned tls);

/* Of a group of tests. */
int script_set_up(void **state);
int script_tear_down(void **state);

#endif
