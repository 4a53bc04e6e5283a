/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_class.h - what a refusal means.
 *
 * One place turns a server's reply, in our own session or quoted in a report,
 * into three separate answers, because they are three questions:
 *
 *	category	what to tell people
 *	recipient	does it count against this subscriber
 *	scheduler	what to do with the delivery, and with the site
 *
 * The enhanced code (RFC 3463, 5248, 6710, 7293, 7372, 7504, 7505) outranks
 * the basic one (RFC 5321 section 4.2); words decide only where codes leave it
 * open.  Two rules stand above all others.  A refusal that speaks about us -
 * policy, authentication, content, size, rate - never counts against the
 * subscriber (R132).  And the basic code alone decides whether there is a
 * second attempt (R103): 4yz keeps the delivery ours, 5yz does not.
 */
#ifndef LIB_REPLY_CLASS_H
#define LIB_REPLY_CLASS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/enhanced.h"

struct smtp_reply;

/* The step that the reply answers. */
enum reply_stage {
	REPLY_AT_CONNECT,	/* no reply: refused, timed out, no route */
	REPLY_AT_BANNER,
	REPLY_AT_EHLO,
	REPLY_AT_TLS,		/* STARTTLS, the handshake, AUTH */
	REPLY_AT_MAIL,
	REPLY_AT_RCPT,
	REPLY_AT_DATA,
	REPLY_AT_DOT,		/* the end of data */
	REPLY_AT_REPORT		/* told by a report, the step not known */
};

enum reply_category {
	REPLY_CAT_NONE,			/* no refusal */
	REPLY_CAT_MAILBOX_UNKNOWN,
	REPLY_CAT_HOST_UNKNOWN,
	REPLY_CAT_MAILBOX_FULL,
	REPLY_CAT_MAILBOX_DISABLED,
	REPLY_CAT_POLICY,		/* blocked, not authorized */
	REPLY_CAT_AUTH,			/* SPF, DKIM, DMARC, PTR, login */
	REPLY_CAT_CONTENT,
	REPLY_CAT_SIZE,
	REPLY_CAT_RATE,
	REPLY_CAT_GREYLISTED,
	REPLY_CAT_NETWORK,
	REPLY_CAT_EXPIRED,
	REPLY_CAT_UNKNOWN,
	REPLY_CATEGORIES
};

/*
 * What it says about the address, if the delivery ends with it; a deferral
 * that is tried again counts for nothing yet.
 */
enum reply_recipient {
	REPLY_RECIPIENT_NONE,	/* nothing: it is about us, or passing */
	REPLY_RECIPIENT_SOFT,	/* it may be alive: count days */
	REPLY_RECIPIENT_HARD	/* no such user or domain (R127) */
};

enum reply_scheduler {
	REPLY_SCHED_DELIVERED,
	REPLY_SCHED_RETRY_RECIPIENT,
	REPLY_SCHED_FAIL_RECIPIENT,
	/*
	 * The site refuses us, not the person: the delivery goes back unharmed
	 * and the site rests, see reply_class.site.
	 */
	REPLY_SCHED_SITE,
	/*
	 * The sender or the message is at fault and every other copy is too:
	 * this delivery failed.  Whether the campaign stops when several say
	 * so is for a reaction to decide (lib/reply_rules.h): anybody can say
	 * it of their own mailboxes.
	 */
	REPLY_SCHED_STOP_CAMPAIGN
};

/*
 * What the site needs, besides what becomes of the delivery.  Unless it is OK
 * the connection ends, what it had left goes back, and the window of the site
 * shrinks; the last one that is refused so makes it rest.  For how long there
 * is silence beyond that is for a reaction to say.
 */
enum reply_site {
	REPLY_SITE_OK,
	REPLY_SITE_SLOW,	/* less would be taken */
	REPLY_SITE_SUSPEND	/* nothing is, on a next connection either */
};

struct reply_class {
	enum reply_category	category;
	enum reply_recipient	recipient;
	enum reply_scheduler	scheduler;
	enum reply_site		site;
};

/* Classify a reply to one of our commands. */
void reply_classify(enum reply_stage stage, const struct smtp_reply *reply,
    struct reply_class *class_r);

/*
 * As above, from its parts.
 *
 * code		200-599, or 0 when there was none
 * enhanced	class 0 when there was none
 * text[len]	without codes; the first REPLY_TEXT_MAX octets are looked at
 */
#define REPLY_TEXT_MAX	4096

void reply_classify_text(enum reply_stage stage, int code,
    const struct enhanced *enhanced, const char *text, size_t len,
    struct reply_class *class_r);

/* True when there must be no further attempt (R103). */
static inline bool
reply_is_final(const struct reply_class *class)
{
	return class->scheduler == REPLY_SCHED_FAIL_RECIPIENT ||
	    class->scheduler == REPLY_SCHED_STOP_CAMPAIGN;
}

/* Names for logs, JSON and people; "-" for none or an unknown number. */
const char *reply_category_name(enum reply_category category);
const char *reply_recipient_name(enum reply_recipient recipient);
const char *reply_scheduler_name(enum reply_scheduler scheduler);

#endif
