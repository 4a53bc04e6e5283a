/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_reply_class.c - what a refusal means, row by row.
 *
 * Requirements: R4 and R133 (codes), R103 (4yz keeps, 5yz ends), R106 (null
 * MX), R108 (too many recipients), R125 (4.x.x is soft), R127 (what removes
 * promptly), R132 (what never counts), R134 (5.2.1 and 5.2.2), R138 (one engine
 * for sessions and reports).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/reply_class.h"
#include "lib/smtp_reply.h"
#include "lib/strbuf.h"

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

/* Short names for the table. */
#define CONNECT	REPLY_AT_CONNECT
#define BANNER	REPLY_AT_BANNER
#define EHLO	REPLY_AT_EHLO
#define TLS	REPLY_AT_TLS
#define MAIL	REPLY_AT_MAIL
#define RCPT	REPLY_AT_RCPT
#define DATA	REPLY_AT_DATA
#define DOT	REPLY_AT_DOT
#define REPORT	REPLY_AT_REPORT
#define CAT(x)	REPLY_CAT_##x
#define NONE	REPLY_RECIPIENT_NONE
#define SOFT	REPLY_RECIPIENT_SOFT
#define HARD	REPLY_RECIPIENT_HARD
#define DONE	REPLY_SCHED_DELIVERED
#define RETRY	REPLY_SCHED_RETRY_RECIPIENT
#define FAIL	REPLY_SCHED_FAIL_RECIPIENT
#define SITE	REPLY_SCHED_SITE
#define STOP	REPLY_SCHED_STOP_CAMPAIGN
#define OK	REPLY_SITE_OK
#define SLOW	REPLY_SITE_SLOW
#define SUSPEND	REPLY_SITE_SUSPEND

struct row {
	const char		*why;
	enum reply_stage	 stage;
	const char		*reply;	/* "550 5.1.1 text", "- text" */
	enum reply_category	 category;
	enum reply_recipient	 recipient;
	enum reply_scheduler	 scheduler;
	enum reply_site		 site;
};

static const struct row rows[] = {
	{ "delivered", DOT, "250 2.0.0 Ok", CAT(NONE), NONE, DONE, OK },
	{ "go on", DATA, "354 go on", CAT(NONE), NONE, DONE, OK },

	/* R127, R133: the codes that say the address is dead, and why each */
	{ "X.1.1 no such mailbox", RCPT, "550 5.1.1 x", CAT(MAILBOX_UNKNOWN),
	    HARD, FAIL, OK },
	{ "X.1.2 no such system: no user of it can exist", RCPT,
	    "550 5.1.2 x", CAT(HOST_UNKNOWN), HARD, FAIL, OK },
	{ "X.1.3 no mailbox can be spelt so there", RCPT, "501 5.1.3 x",
	    CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "X.1.4 ambiguous: it may exist", RCPT, "550 5.1.4 x",
	    CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK },
	{ "X.1.6 moved away, no forwarding", RCPT, "551 5.1.6 x",
	    CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "X.1.10 null MX, RFC 7505", RCPT, "556 5.1.10 x",
	    CAT(HOST_UNKNOWN), HARD, FAIL, OK },
	{ "R106: null MX found in the DNS", CONNECT, "556 5.1.10 null MX",
	    CAT(HOST_UNKNOWN), HARD, FAIL, OK },
	{ "no such domain in the DNS", CONNECT, "550 5.1.2 no such domain",
	    CAT(HOST_UNKNOWN), HARD, FAIL, OK },
	{ "X.7.17 the owner changed, RFC 7293", RCPT, "550 5.7.17 x",
	    CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "556 by itself, RFC 7504", RCPT, "556 no mail here",
	    CAT(HOST_UNKNOWN), HARD, FAIL, OK },
	{ "no enhanced code, words clear, users asked for", RCPT,
	    "550 No such user here", CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "551, words of RFC 5321", RCPT, "551 not our user",
	    CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "551 alone is not clear", RCPT, "551 try elsewhere",
	    CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK },
	{ "553 and words", RCPT, "553 user unknown", CAT(MAILBOX_UNKNOWN),
	    HARD, FAIL, OK },
	{ "vague enhanced code and words", RCPT, "550 5.0.0 User unknown",
	    CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "the same words after the dot prove less", DOT,
	    "550 user unknown", CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK },
	{ "an enhanced code after the dot is clear", DOT,
	    "550 5.1.1 user unknown", CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "at MAIL they are about us", MAIL, "550 5.1.1 user unknown",
	    CAT(MAILBOX_UNKNOWN), NONE, SITE, SUSPEND },
	{ "550 of RFC 5321 names three causes", RCPT,
	    "550 Requested action not taken: mailbox unavailable",
	    CAT(UNKNOWN), SOFT, FAIL, OK },

	{ "words about us save whom a code calls dead", RCPT, "550 5.1.1 "
	    "192.0.2.1 has sent to too many recipients this hour", CAT(RATE),
	    NONE, FAIL, OK },
	{ "a refusal without a reason does not", RCPT,
	    "550 5.1.1 Recipient rejected", CAT(MAILBOX_UNKNOWN), HARD, FAIL,
	    OK },
	{ "a name server that has no answer now", REPORT,
	    "- Host not found, try again", CAT(NETWORK), SOFT, FAIL, OK },

	/* R125, R103: temporary is never dead, and is tried again */
	{ "450 and X.1.1", RCPT, "450 4.1.1 User unknown",
	    CAT(MAILBOX_UNKNOWN), SOFT, RETRY, OK },
	{ "basic code keeps, enhanced one says dead", RCPT,
	    "450 5.1.1 User unknown", CAT(MAILBOX_UNKNOWN), SOFT, RETRY, OK },
	{ "basic code ends, enhanced one is temporary", RCPT,
	    "550 4.1.1 User unknown", CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK },
	{ "451 by itself", RCPT, "451 local error", CAT(UNKNOWN), SOFT,
	    RETRY, OK },
	{ "450 by itself", RCPT, "450 mailbox busy", CAT(UNKNOWN), SOFT,
	    RETRY, OK },
	{ "greylisting is per recipient", RCPT,
	    "451 4.7.1 Greylisted, please come back", CAT(GREYLISTED), NONE,
	    RETRY, OK },
	{ "X.4.1 behind the server", DOT, "451 4.4.1 no answer",
	    CAT(NETWORK), SOFT, RETRY, OK },

	/* R134 */
	{ "X.2.1 disabled", RCPT, "550 5.2.1 account disabled",
	    CAT(MAILBOX_DISABLED), SOFT, FAIL, OK },
	{ "X.2.1 said of too much mail", RCPT, "550 5.2.1 The user you are "
	    "trying to contact is receiving mail at a rate that", CAT(RATE),
	    NONE, FAIL, OK },
	{ "4.2.1 the same, for now", RCPT, "450 4.2.1 The user you are "
	    "trying to contact is receiving mail too quickly", CAT(RATE),
	    NONE, RETRY, OK },
	{ "X.2.1 said of nobody", RCPT, "550 5.2.1 <a@b.example>... User "
	    "Unknown", CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "4.2.2 full", RCPT, "452 4.2.2 full", CAT(MAILBOX_FULL), SOFT,
	    RETRY, OK },
	{ "5.2.2 full and inactive", RCPT, "552 5.2.2 over quota and "
	    "inactive", CAT(MAILBOX_FULL), SOFT, FAIL, OK },
	{ "full in words", RCPT, "550 mailbox for a@b.example is full",
	    CAT(MAILBOX_FULL), SOFT, FAIL, OK },
	{ "X.7.13 is about an account, RFC 5248", RCPT, "525 5.7.13 disabled",
	    CAT(MAILBOX_DISABLED), NONE, FAIL, OK },

	/* R108 */
	{ "452 on RCPT", RCPT, "452 too many", CAT(RATE), NONE, RETRY, OK },
	{ "552 on RCPT", RCPT, "552 too many", CAT(RATE), NONE, RETRY, OK },
	{ "4.5.3", RCPT, "452 4.5.3 too many", CAT(RATE), NONE, RETRY, OK },
	{ "5.5.3 with 552", RCPT, "552 5.5.3 too many", CAT(RATE), NONE,
	    RETRY, OK },
	{ "552 on RCPT about a full mailbox", RCPT,
	    "552 Requested mail action aborted: exceeded storage allocation",
	    CAT(MAILBOX_FULL), SOFT, FAIL, OK },
	{ "552 after the dot is size", DOT, "552 exceeded", CAT(SIZE), NONE,
	    FAIL, OK },
	{ "452 on MAIL is the host's disk", MAIL, "452 insufficient storage",
	    CAT(UNKNOWN), NONE, SITE, SLOW },

	/* R132: what is about us counts against nobody */
	{ "X.7.1", RCPT, "550 5.7.1 no", CAT(POLICY), NONE, FAIL, OK },
	{ "X.7.1, whatever its words claim", RCPT,
	    "550 5.7.1 user unknown", CAT(MAILBOX_UNKNOWN), NONE, FAIL, OK },
	{ "X.7.0", DOT, "554 5.7.0 policy", CAT(POLICY), NONE, FAIL, OK },
	{ "4.7.x at RCPT may be greylisting", RCPT, "451 4.7.1 later",
	    CAT(POLICY), NONE, RETRY, OK },
	{ "DMARC, RFC 7372", DOT, "550 5.7.26 x", CAT(AUTH), NONE, STOP,
	    OK },
	{ "DMARC in words (T9, R74)", DOT, "550 5.7.1 rejected per DMARC "
	    "policy of b.example", CAT(AUTH), NONE, STOP, OK },
	{ "DKIM", DOT, "550 5.7.20 x", CAT(AUTH), NONE, STOP, OK },
	{ "SPF at MAIL: nobody was named who could fail", MAIL,
	    "550 5.7.23 x", CAT(AUTH), NONE, SITE, SUSPEND },
	{ "SPF in words", MAIL, "550 Bad SPF records", CAT(AUTH), NONE, SITE,
	    SUSPEND },
	{ "reverse DNS is the host's", RCPT, "550 5.7.25 x", CAT(AUTH), NONE,
	    FAIL, SUSPEND },
	{ "bulk rules of R13", DOT, "550 5.7.515 x", CAT(AUTH), NONE, STOP,
	    OK },
	{ "block list in words", RCPT, "550 5.7.1 [192.0.2.1] is "
	    "blacklisted", CAT(POLICY), NONE, FAIL, SUSPEND },
	{ "block list without codes", RCPT, "550 blocked, see "
	    "https://x.example/user-unknown", CAT(POLICY), NONE, FAIL,
	    SUSPEND },
	{ "blocked, or no such user: no proof", RCPT,
	    "550 user unknown or you are blocked", CAT(POLICY), NONE, FAIL,
	    SUSPEND },
	{ "R4, R5: flood", RCPT, "421 4.7.28 x", CAT(RATE), NONE, SITE,
	    SLOW },
	{ "flood with 450", RCPT, "450 4.7.28 x", CAT(RATE), NONE, SITE,
	    SLOW },
	{ "flood, for good", DOT, "550 5.7.28 x", CAT(RATE), NONE, FAIL,
	    SUSPEND },
	{ "Microsoft's rate", RCPT, "451 4.7.650 x", CAT(RATE), NONE, SITE,
	    SLOW },
	{ "reputation", MAIL, "451 4.7.0 bad reputation", CAT(POLICY), NONE,
	    SITE, SLOW },
	{ "spam", DOT, "554 5.7.1 this looks like spam", CAT(CONTENT), NONE,
	    FAIL, OK },
	{ "a block list with spam in its name is no content", RCPT,
	    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked "
	    "using zen.spamhaus.org; https://www.spamhaus.org/query/ip/"
	    "192.0.2.1", CAT(POLICY), NONE, FAIL, SUSPEND },
	{ "the same at MAIL", MAIL, "554 5.7.1 Client host [192.0.2.1] "
	    "blocked using zen.spamhaus.org", CAT(POLICY), NONE, SITE,
	    SUSPEND },
	{ "and for now", RCPT, "450 4.7.1 Client host blocked using "
	    "bl.spamcop.net", CAT(POLICY), NONE, SITE, SLOW },
	{ "listed", RCPT, "550 5.7.1 Your IP is listed at spamhaus",
	    CAT(POLICY), NONE, FAIL, SUSPEND },
	{ "listed, the reason is spam", RCPT, "550 5.7.1 mx [192.0.2.1] "
	    "listed by rbl.b.example for spam", CAT(POLICY), NONE, FAIL,
	    SUSPEND },
	{ "client host", RCPT, "554 5.7.1 <mx[192.0.2.1]>: Client host "
	    "rejected: sent spam", CAT(POLICY), NONE, FAIL, SUSPEND },
	{ "a link on a list is content", DOT, "550 5.7.1 URL in the body is "
	    "listed by dbl.spamhaus.org", CAT(CONTENT), NONE, FAIL, OK },
	{ "and so is what only names who says so", DOT, "550 5.7.1 Message "
	    "rejected as spam by SpamAssassin", CAT(CONTENT), NONE, FAIL,
	    OK },
	{ "at MAIL nobody has seen the message", MAIL, "550 5.7.1 spam",
	    CAT(POLICY), NONE, SITE, SUSPEND },
	{ "but for its form, RFC 6531", MAIL, "550 5.6.7 x", CAT(CONTENT),
	    NONE, FAIL, OK },
	{ "relaying, of one domain perhaps", RCPT, "554 5.7.1 Relay access "
	    "denied", CAT(POLICY), NONE, FAIL, OK },
	{ "X.6.0", DOT, "554 5.6.0 x", CAT(CONTENT), NONE, FAIL, OK },
	{ "X.6.7, RFC 6531", RCPT, "553 5.6.7 x", CAT(CONTENT), NONE, FAIL,
	    OK },
	{ "X.3.4", MAIL, "552 5.3.4 x", CAT(SIZE), NONE, FAIL, OK },
	{ "X.2.3", DOT, "552 5.2.3 x", CAT(SIZE), NONE, FAIL, OK },
	{ "X.1.8: our sender", MAIL, "553 5.1.8 x", CAT(POLICY), NONE, SITE,
	    SUSPEND },
	{ "X.1.8, for now", MAIL, "451 4.1.8 x", CAT(POLICY), NONE, SITE,
	    SLOW },
	{ "X.1.8 at RCPT", RCPT, "550 5.1.8 x", CAT(POLICY), NONE, STOP, OK },
	{ "X.1.7 at RCPT", RCPT, "553 5.1.7 x", CAT(POLICY), NONE, STOP, OK },
	{ "X.1.0, the sender in words", MAIL, "553 5.1.0 sender domain x "
	    "does not exist", CAT(POLICY), NONE, SITE, SUSPEND },
	{ "530", MAIL, "530 5.7.0 login first", CAT(POLICY), NONE, SITE,
	    SUSPEND },
	{ "530 alone", MAIL, "530 login first", CAT(AUTH), NONE, SITE,
	    SUSPEND },
	{ "555 is between the programs", RCPT, "555 parameters",
	    CAT(UNKNOWN), NONE, FAIL, OK },

	/* The site, before anybody is named (queue: no row is written) */
	{ "no connection", CONNECT, "- Connection refused", CAT(NETWORK),
	    NONE, SITE, SLOW },
	{ "421 banner", BANNER, "421 too busy", CAT(NETWORK), NONE, SITE,
	    SLOW },
	{ "554 banner", BANNER, "554 no service", CAT(POLICY), NONE, SITE,
	    SUSPEND },
	{ "521 banner, RFC 7504", BANNER, "521 no mail here", CAT(POLICY),
	    NONE, SITE, SUSPEND },
	{ "556 banner names no domain", BANNER, "556 no mail here",
	    CAT(HOST_UNKNOWN), NONE, SITE, SUSPEND },
	{ "550 EHLO", EHLO, "550 Rejected", CAT(POLICY), NONE, SITE,
	    SUSPEND },
	{ "550 MAIL and nothing", MAIL, "553 no", CAT(POLICY), NONE, SITE,
	    SUSPEND },
	{ "454 STARTTLS", TLS, "454 TLS not available", CAT(NETWORK), NONE,
	    SITE, SLOW },
	{ "421 anywhere", RCPT, "421 4.3.2 shutting down", CAT(NETWORK),
	    NONE, SITE, SLOW },
	{ "421 that speaks of a mailbox", RCPT, "421 4.2.1 is busy",
	    CAT(MAILBOX_DISABLED), SOFT, RETRY, OK },
	{ "421 that speaks of us all the same", RCPT,
	    "421 4.2.1 too many connections", CAT(RATE), NONE, SITE, SLOW },
	{ "421 after the dot", DOT, "421 try again", CAT(NETWORK), NONE,
	    SITE, SLOW },
	{ "4.3.2 with another code", RCPT, "450 4.3.2 busy", CAT(NETWORK),
	    NONE, SITE, SLOW },

	/* Unknown: a soft sign, this recipient failed, nothing else */
	{ "550 and nothing", RCPT, "550 no", CAT(UNKNOWN), SOFT, FAIL, OK },
	{ "554 and nothing", DOT, "554 Transaction failed", CAT(UNKNOWN),
	    SOFT, FAIL, OK },
	{ "a code nobody defined", RCPT, "599 x", CAT(UNKNOWN), SOFT, FAIL,
	    OK },
	{ "X.9.9 is none of ours", RCPT, "550 5.9.9 x", CAT(UNKNOWN), SOFT,
	    FAIL, OK },
	{ "500s between the programs", RCPT, "504 parameter not implemented",
	    CAT(UNKNOWN), SOFT, FAIL, OK },

	/* R138: the same words in a report; the step is not known there */
	{ "report of X.1.1", REPORT, "550 5.1.1 x", CAT(MAILBOX_UNKNOWN),
	    HARD, FAIL, OK },
	{ "report in words", REPORT, "550 Unknown user a@b.example",
	    CAT(MAILBOX_UNKNOWN), HARD, FAIL, OK },
	{ "report without a number", REPORT, "- Domain does not exist",
	    CAT(HOST_UNKNOWN), HARD, FAIL, OK },
	{ "report of expiry", REPORT, "- 4.4.7 x", CAT(EXPIRED), SOFT, FAIL,
	    OK },
	{ "expiry and its cause", REPORT, "- 4.4.7 message expired: "
	    "connection timed out", CAT(NETWORK), SOFT, FAIL, OK },
	{ "report of 4.1.1 (R125)", REPORT, "450 4.1.1 x",
	    CAT(MAILBOX_UNKNOWN), SOFT, FAIL, OK },
	{ "report of nothing", REPORT, "- ", CAT(UNKNOWN), SOFT, FAIL, OK },
};

static void
parts_of(const char *s, int *code, struct enhanced *e, const char **text)
{
	size_t n;

	*code = s[0] == '-' ? 0 : atoi(s);
	s += s[0] == '-' ? 2 : 4;
	n = enhanced_parse(s, strlen(s), e);
	*text = s + n + (n != 0 && s[n] == ' ');
}

static void
every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *r = &rows[i];
		struct reply_class c;
		struct enhanced e;
		const char *text;
		int code;

		parts_of(r->reply, &code, &e, &text);
		reply_classify_text(r->stage, code, &e, text, strlen(text),
		    &c);
		if (c.category != r->category ||
		    c.recipient != r->recipient ||
		    c.scheduler != r->scheduler || c.site != r->site)
			fail_msg("%s: %s, %s, %s, site %d", r->why,
			    reply_category_name(c.category),
			    reply_recipient_name(c.recipient),
			    reply_scheduler_name(c.scheduler), c.site);
	}
}

/* What must hold for any reply at all, over all codes and steps. */
static void
laws(void **state)
{
	static const char *const texts[] = { "", "user unknown", "blocked",
	    "no such domain", "mailbox full", "dmarc", "greylisted" };
	struct reply_class c;

	(void)state;
	for (int stage = CONNECT; stage <= REPORT; stage++)
	for (int code = 400; code < 600; code++)
	for (int class = 0; class <= 5; class++)
	for (int subject = 0; subject < 9; subject++)
	for (int detail = 0; detail < 30; detail += detail < 3 ? 1 : 4) {
		const char *text = texts[(unsigned)(code + subject + detail) %
		    LENGTH(texts)];
		struct enhanced e = { (uint8_t)class, (uint16_t)subject,
		    (uint16_t)detail };

		if (class != 4 && class != 5)
			e = (struct enhanced){ 0, 0, 0 };
		reply_classify_text((enum reply_stage)stage, code, &e, text,
		    strlen(text), &c);
		/* R103: never a second attempt after 5yz, but for R108. */
		if (code >= 500 && stage >= RCPT && code != 552)
			assert_true(reply_is_final(&c));
		/* At MAIL one fails for the message's form alone. */
		if (stage == MAIL && reply_is_final(&c) &&
		    c.category != CAT(SIZE) && c.category != CAT(CONTENT))
			fail_msg("%d %d.%d.%d at MAIL", code, class, subject,
			    detail);
		/* And always one after 4yz. */
		if (code < 500 && stage != REPORT && reply_is_final(&c))
			fail_msg("%d %d.%d.%d final", code, class, subject,
			    detail);
		/* R125: nobody dies of a temporary code. */
		if (code < 500 || class == 4)
			assert_int_not_equal(c.recipient, HARD);
		/* R132, but for the owners that RFC 7293 tells of. */
		if (e.class != 0 && subject == 7 && detail != 17 &&
		    detail != 18 && detail != 27)
			assert_int_equal(c.recipient, NONE);
		/* Before RCPT nobody was named. */
		if (stage >= BANNER && stage <= MAIL)
			assert_int_equal(c.recipient, NONE);
		assert_int_not_equal(c.category, CAT(NONE));
	}
}

/* Words that stand in addresses and links prove nothing. */
static void
words_that_are_names(void **state)
{
	static const char *const neutral[] = {
		"no <user.unknown@b.example> here",
		"see https://b.example/?reason=user%20unknown-user",
		"see http://b.example/dmarc",
		"<spam@virus.example>: sorry",
		"counterspamming", "antivirused",
	};
	const struct enhanced none = { 0, 0, 0 };
	struct reply_class c;

	(void)state;
	for (size_t i = 0; i < LENGTH(neutral); i++) {
		reply_classify_text(RCPT, 550, &none, neutral[i],
		    strlen(neutral[i]), &c);
		if (c.category != CAT(UNKNOWN))
			fail_msg("%s: %s", neutral[i],
			    reply_category_name(c.category));
	}
	/* Blanks, line ends and case do not matter; a gap has its limit. */
	reply_classify_text(RCPT, 550, &none, "USER\r\n\t  Unknown", 16, &c);
	assert_int_equal(c.category, CAT(MAILBOX_UNKNOWN));
	reply_classify_text(RCPT, 550, &none, "mailbox jane.doe does not exist",
	    31, &c);
	assert_int_equal(c.category, CAT(MAILBOX_UNKNOWN));
	reply_classify_text(RCPT, 550, &none, "mailbox 01234567890123456789"
	    "012345678901234567890123456789012345 does not exist", 79, &c);
	assert_int_equal(c.category, CAT(UNKNOWN));
}

/* X12: text of any size is looked at up to its limit only. */
static void
long_text_is_cut(void **state)
{
	const struct enhanced none = { 0, 0, 0 };
	struct strbuf b = STRBUF_INIT(1 << 20);
	struct reply_class c;

	(void)state;
	for (size_t i = 0; i < REPLY_TEXT_MAX - 12; i++)
		strbuf_addc(&b, i % 2 ? ' ' : 'x');
	strbuf_adds(&b, "user unknown");
	reply_classify_text(RCPT, 550, &none, b.s, b.len, &c);
	assert_int_equal(c.category, CAT(MAILBOX_UNKNOWN));
	strbuf_reset(&b);
	for (size_t i = 0; i < REPLY_TEXT_MAX - 12; i++)
		strbuf_addc(&b, i % 2 ? ' ' : 'x');
	strbuf_adds(&b, " user unknown");
	reply_classify_text(RCPT, 550, &none, b.s, b.len, &c);
	assert_int_equal(c.category, CAT(UNKNOWN));
	strbuf_free(&b);
}

static void
a_parsed_reply(void **state)
{
	static const char in[] = "550-5.1.1 The email account that you tried "
	    "to\r\n550 5.1.1 reach does not exist.\r\n";
	struct smtp_reply_parser *p = smtp_reply_new();
	struct reply_class c;
	size_t taken;

	(void)state;
	assert_int_equal(smtp_reply_feed(p, in, sizeof(in) - 1, &taken),
	    SMTP_REPLY_DONE);
	reply_classify(RCPT, smtp_reply_get(p), &c);
	assert_int_equal(c.recipient, HARD);
	assert_int_equal(c.scheduler, FAIL);
	smtp_reply_free(p);
}

static void
names_are_complete(void **state)
{
	(void)state;
	for (int i = 0; i < REPLY_CATEGORIES; i++)
		assert_non_null(reply_category_name((enum reply_category)i));
	assert_string_equal(reply_category_name(CAT(UNKNOWN)), "unknown");
	assert_string_equal(reply_category_name(REPLY_CATEGORIES), "-");
	assert_string_equal(reply_recipient_name(HARD), "hard");
	assert_string_equal(reply_scheduler_name(STOP), "stop-campaign");
	assert_string_equal(reply_scheduler_name((enum reply_scheduler)99),
	    "-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(laws),
		cmocka_unit_test(words_that_are_names),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(a_parsed_reply),
		cmocka_unit_test(names_are_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
