/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_proto.h - the server's side of an SMTP or LMTP connection.
 *
 * A state machine without sockets or clock: bytes in, events and reply bytes
 * out.  RFC 5321, with SIZE (1870), PIPELINING (2920), 8BITMIME (6152),
 * STARTTLS (3207), ENHANCEDSTATUSCODES (2034), SMTPUTF8 (6531), LIMITS (9422),
 * and LMTP (2033).  Not done, and so not offered: AUTH, CHUNKING, DSN.
 *
 * The caller feeds what it read and looks at each event:
 *
 *	while (len > 0 && waiting is over) {
 *		ev = smtp_proto_feed(p, data, len, &taken);
 *		data += taken, len -= taken;
 *		... act on ev, send what smtp_proto_output() holds ...
 *	}
 *
 * Some events are questions; the machine takes no input until
 * smtp_proto_answer() has said what to reply, which may be much later.  After
 * an answer, feed again, if only nothing: it may have ended the session.
 *
 * What ends a session at once: a CR or LF that is not part of CRLF, in
 * commands or data (R173, X01), words of another protocol, a message of more
 * than twice its limit, and too many of anything counted below.  A session
 * that ended takes and drops all input.
 * Lines of data longer than 998 octets are taken, because a bounce that is
 * refused is a bounce that is lost (RFC 5321 section 4.5.3.1 asks for no limit
 * where one can be avoided); who wants them refused looks at
 * smtp_proto_facts().  The clock is the caller's: 5 minutes between commands
 * and 10 for a block of data, RFC 5321 section 4.5.3.2.
 */
#ifndef LIB_SMTP_PROTO_H
#define LIB_SMTP_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/smtp_command.h"
#include "lib/smtp_data.h"

struct strbuf;

#define SMTP_PROTO_RCPT_MAX	100	/* recipients a message, at most */
#define SMTP_PROTO_RCPT_TRIES	1000	/* RCPT a message; then 421 */
#define SMTP_PROTO_HOPS_MAX	100	/* Received fields; more: 554, R163 */
/*
 * Since the last accepted message: the tenth refusal, or the fiftieth command
 * that brings no message nearer, is answered with 421 and the end.
 */
#define SMTP_PROTO_ERRORS_MAX	10
#define SMTP_PROTO_JUNK_MAX	50
#define SMTP_PROTO_OUTPUT_HIGH	8192	/* octets of replies: send them first */

struct smtp_proto_params {
	const char	*hostname;	/* ours, A-labels; copied */
	uint64_t	 size_max;	/* octets of a message, over 0 */
	/* 0: as defined above, which rcpt_max cannot pass. */
	unsigned	 rcpt_max, errors_max, junk_max;
	bool		 starttls;	/* there is a certificate */
	bool		 smtputf8;
	bool		 lmtp;
};

enum smtp_proto_event {
	SMTP_PROTO_MORE,	/* nothing to report; feed what is left */
	SMTP_PROTO_FLUSH,	/* as MORE, but send the output first */
	SMTP_PROTO_WAIT,	/* a question is open; nothing was taken */
	SMTP_PROTO_HELO,	/* smtp_proto_helo(); no transaction is open */
	SMTP_PROTO_MAIL,	/* question: smtp_proto_mail() begins one */
	SMTP_PROTO_RCPT,	/* question: smtp_proto_rcpt() too? */
	SMTP_PROTO_DATA,	/* question: 354 lets the message come */
	SMTP_PROTO_CHUNK,	/* smtp_proto_chunk() of it */
	/*
	 * Question: the message is complete, with smtp_proto_facts().  LMTP:
	 * one answer for each accepted recipient, in their order.
	 */
	SMTP_PROTO_END,
	SMTP_PROTO_ABORT,	/* the transaction is over: drop what came */
	/*
	 * Send the output, drop what was read and not fed, shake hands, then
	 * smtp_proto_tls_started().
	 */
	SMTP_PROTO_STARTTLS,
	/*
	 * Send the output, close for writing, read and drop for a few seconds
	 * so that the reply is not lost, close.  Given for ever.
	 */
	SMTP_PROTO_CLOSE
};

struct smtp_proto;

/* A session that has said nothing yet. */
struct smtp_proto *smtp_proto_new(const struct smtp_proto_params *params);
void smtp_proto_free(struct smtp_proto *p);	/* NULL is fine */

/* Greet with 220.  What was fed before it would wait. */
void smtp_proto_greet(struct smtp_proto *p);

/*
 * Take input up to the next event.
 *
 * taken_r	octets of data used; the rest is to be fed again
 */
enum smtp_proto_event smtp_proto_feed(struct smtp_proto *p, const void *data,
    size_t len, size_t *taken_r);

/*
 * Answer the open question.  2xx is yes (354 for DATA), anything else no; 421
 * ends the session.  Nothing happens if the session ended meanwhile.
 *
 * text		with its enhanced code: "2.1.5 Ok".  Cut at 400 octets; control
 *		characters become '?'.
 */
void smtp_proto_answer(struct smtp_proto *p, int code, const char *text);

/*
 * End the session with 421 and text ("4.4.2 Timeout", "4.3.2 Shutting down"),
 * or with another code instead of a greeting (554, 521 of RFC 7504).
 */
void smtp_proto_close(struct smtp_proto *p, int code, const char *text);

/* The handshake is done: the session begins anew, RFC 3207 section 4.2. */
void smtp_proto_tls_started(struct smtp_proto *p);

/* Reply bytes to send; the caller consumes them. */
struct strbuf *smtp_proto_output(struct smtp_proto *p);

/* All borrowed from p: the strings until the next feed. */
const char *smtp_proto_helo(const struct smtp_proto *p);	/* "" = none */
const struct smtp_mail *smtp_proto_mail(const struct smtp_proto *p);
const struct address *smtp_proto_rcpt(const struct smtp_proto *p);
struct slice smtp_proto_chunk(const struct smtp_proto *p);
const struct smtp_data *smtp_proto_facts(const struct smtp_proto *p);
unsigned smtp_proto_rcpts(const struct smtp_proto *p);	/* accepted */
/* What is open after WAIT: MAIL, RCPT, DATA, END; or MORE when nothing is. */
enum smtp_proto_event smtp_proto_asked(const struct smtp_proto *p);
/* For the WITH clause of Received, RFC 3848 and 6531: "ESMTPS". */
const char *smtp_proto_with(const struct smtp_proto *p);
/* Why the session ended, for the log; "" while it lasts or after QUIT. */
const char *smtp_proto_why(const struct smtp_proto *p);

#endif
