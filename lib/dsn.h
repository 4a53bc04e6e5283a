/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn.h - what came back: is it a bounce, whose, and what does it say.
 *
 * Delivery reports by RFC 3464 in their container of RFC 6522, with the
 * internationalized forms of RFC 6533, and the older bounces that only people
 * were meant to read, known by their shape: qmail's (QSBMF), Exim's,
 * Sendmail's, OpenSMTPD's and the like.  Feedback reports (RFC 5965) and
 * answers of machines (RFC 3834) are told apart, because each of the three is
 * counted elsewhere or nowhere.
 *
 * All of it is forgeable: what a report says may count only if it came to a
 * bounce address of ours whose MAC is right (R128), and then that address says
 * who is meant, before anything in here (R129).
 */
#ifndef LIB_DSN_H
#define LIB_DSN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/enhanced.h"
#include "lib/reply_class.h"

struct err;
struct strbuf;

/*
 * Octets of a message that are looked at: the report comes first, and what
 * follows is our own message, which may be large.
 */
#define DSN_LOOK_MAX		(1u << 20)
#define DSN_MULTIPARTS_MAX	200	/* "boundary" in them, see dsn_mime.c */
#define DSN_PARTS_MAX		1000	/* parts looked at, R123 */
#define DSN_DEPTH_MAX		8	/* multiparts inside multiparts */
#define DSN_TEXT_MAX		65536	/* octets of the text for people */
#define DSN_STATUS_MAX		(1u << 18)	/* octets of the report part */
#define DSN_RECIPIENTS_MAX	100	/* recipients told; more are dropped */
#define DSN_ADDRESS_MAX		320	/* octets of an address */
#define DSN_SAID_MAX		512	/* octets of a reply that are kept */

enum dsn_kind {
	DSN_ORDINARY,		/* none of these: a message for people */
	DSN_REPORT,		/* RFC 3464 */
	DSN_SHAPE,		/* no standard report; low weight (R131) */
	DSN_COMPLAINT,		/* RFC 5965 or a vendor's form of it */
	DSN_AUTOREPLY		/* vacation notice and the like (R137) */
};

enum dsn_action {		/* RFC 3464 section 2.3.3 */
	DSN_ACTION_NONE,	/* absent or unknown */
	DSN_FAILED,		/* the only one that counts (R124) */
	DSN_DELAYED,
	DSN_DELIVERED,
	DSN_RELAYED,
	DSN_EXPANDED
};

/* For people and labels; what counts is dsn_recipient.class.recipient. */
enum dsn_verdict {
	DSN_VERDICT_NONE,
	DSN_VERDICT_HARD,	/* the address is dead */
	DSN_VERDICT_SOFT,	/* not delivered; the address may be alive */
	DSN_VERDICT_DELAYED,	/* still being tried */
	DSN_VERDICT_COMPLAINT,
	DSN_VERDICT_AUTOREPLY
};

/* Strings hold no control characters and are "" for what was not said. */
struct dsn_recipient {
	enum dsn_verdict	verdict;
	enum dsn_action		action;
	struct reply_class	class;
	struct enhanced		status;		/* see below */
	struct enhanced		status_field;
	int			code;		/* of the reply; 0 = none */
	char			address[DSN_ADDRESS_MAX + 1];	/* see below */
	char			final[DSN_ADDRESS_MAX + 1];
	char			original[DSN_ADDRESS_MAX + 1];
	char			remote_mta[256];
	char			said[DSN_SAID_MAX + 1];
};
/*
 * status is the code that the refusing server gave, if it is quoted, else the
 * Status field: mail systems on the way often put a code of their own there.
 * address is the one that was written to: the original recipient where it is
 * known, else the final one.
 */

struct dsn_report {
	enum dsn_kind		 kind;
	unsigned		 recipients;
	struct dsn_recipient	*recipient;
	char			 reporting_mta[256];
	char			 arrival[64];		/* Arrival-Date */
	char			 envelope_id[256];	/* RFC 3461 ENVID */
	char			 feedback_type[32];	/* complaints */
	/* Message-ID of the returned message, without brackets. */
	char			 message_id[256];
};

/* Set up the MIME parser, once in a process before the first dsn_parse(). */
void dsn_setup(void);

/*
 * Read a message as received (CRLF or LF line ends).
 *
 * null_sender	the envelope had no return path; where only the message is
 *		known, false: a Return-Path field of "<>" is then believed
 *
 * An ordinary message is no error.  NULL with e set: ERR_LIMIT when the header
 * section or the multiparts pass their limits.
 */
struct dsn_report *dsn_parse(const void *message, size_t len,
    bool null_sender, struct err *e);
void dsn_report_free(struct dsn_report *r);	/* NULL is fine */

/*
 * The worst of what is said of any recipient: hard before soft before
 * delayed; recipient_r (may be NULL) gets its index.
 */
enum dsn_verdict dsn_report_verdict(const struct dsn_report *r,
    unsigned *recipient_r);

const char *dsn_verdict_name(enum dsn_verdict verdict);	/* "hard" */
const char *dsn_action_name(enum dsn_action action);	/* "failed" */
const char *dsn_kind_name(enum dsn_kind kind);		/* "report" */

/*
 * Append one line of JSON, without its line end: "verdict", "recipient",
 * "status" and "class" of the recipient that dsn_report_verdict() names
 * ("-" for none), "kind", and "recipients", an array with all of them.
 * -1 when there is no memory.
 */
int dsn_report_to_json(const struct dsn_report *r, struct strbuf *out);

#endif
