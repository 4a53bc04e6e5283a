/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_class.c - what a refusal means.
 *
 * The two tables are the policy; the functions below only look things up in
 * them and settle what each step of a session allows.
 */
#include "config.h"

#include <string.h>

#include "lib/reply_class.h"
#include "lib/reply_class_private.h"
#include "lib/smtp_reply.h"

#define ANY	1000		/* any detail */
#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

#define TEXT	FIND_TEXT
#define NEVER	FIND_NEVER
#define US	FIND_US
#define MESSAGE	FIND_MESSAGE
#define DEAD	FIND_DEAD

struct code_rule {
	uint8_t		class;		/* 4, 5, or 0 for both */
	uint16_t	subject, detail;
	struct finding	find;
};

/* The first row that fits counts. */
static const struct code_rule code_rules[] = {
	/* RFC 3463 section 3.2, addresses */
	{ 0, 1, 1, { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ 0, 1, 2, { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ 0, 1, 3, { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ 0, 1, 4, { REPLY_CAT_MAILBOX_UNKNOWN, 0 } },
	{ 0, 1, 6, { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ 0, 1, 7, { REPLY_CAT_POLICY, NEVER | MESSAGE } },
	{ 0, 1, 8, { REPLY_CAT_POLICY, NEVER | MESSAGE } },
	/* RFC 7505 section 6: the domain says that it takes no mail. */
	{ 0, 1, 10, { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ 0, 1, ANY, { REPLY_CAT_UNKNOWN, TEXT } },
	/*
	 * RFC 3463 section 3.3, mailboxes.  5.2.1 is "disabled", but some say
	 * it of mailboxes that get mail too fast, some of unknown users: R134.
	 */
	{ 0, 2, 1, { REPLY_CAT_MAILBOX_DISABLED, TEXT } },
	{ 0, 2, 2, { REPLY_CAT_MAILBOX_FULL, 0 } },
	{ 0, 2, 3, { REPLY_CAT_SIZE, NEVER } },
	{ 0, 2, ANY, { REPLY_CAT_UNKNOWN, TEXT } },
	/* RFC 3463 section 3.4, mail systems */
	{ 4, 3, 1, { REPLY_CAT_UNKNOWN, TEXT | US } },
	{ 4, 3, 2, { REPLY_CAT_NETWORK, TEXT | US } },
	{ 0, 3, 4, { REPLY_CAT_SIZE, NEVER } },
	{ 0, 3, ANY, { REPLY_CAT_UNKNOWN, TEXT } },
	/* RFC 3463 section 3.5, network and routing; expiry hides a cause. */
	{ 0, 4, 5, { REPLY_CAT_UNKNOWN, TEXT } },
	{ 0, 4, 7, { REPLY_CAT_EXPIRED, TEXT } },
	{ 0, 4, ANY, { REPLY_CAT_NETWORK, TEXT } },
	/* RFC 3463 section 3.6, protocol */
	{ 0, 5, 3, { REPLY_CAT_RATE, NEVER } },
	{ 0, 5, ANY, { REPLY_CAT_UNKNOWN, TEXT } },
	/* RFC 3463 section 3.7, content; the whole campaign has the same. */
	{ 0, 6, ANY, { REPLY_CAT_CONTENT, NEVER } },
	/* RFC 7293: the address has a new owner, who asked for nothing. */
	{ 0, 7, 17, { REPLY_CAT_MAILBOX_UNKNOWN, DEAD } },
	{ 0, 7, 18, { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	/* RFC 3463 section 3.8, RFC 4954 section 6: we did not log in. */
	{ 0, 7, 8, { REPLY_CAT_AUTH, NEVER | US } },
	{ 0, 7, 13, { REPLY_CAT_MAILBOX_DISABLED, NEVER } },
	/* RFC 6710: too big for its priority. */
	{ 0, 7, 16, { REPLY_CAT_SIZE, NEVER } },
	/* RFC 7372: DKIM, SPF, reverse DNS, several of them */
	{ 0, 7, 20, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ 0, 7, 21, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ 0, 7, 22, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ 0, 7, 23, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ 0, 7, 24, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ 0, 7, 25, { REPLY_CAT_AUTH, NEVER | US } },
	{ 0, 7, 26, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	/*
	 * RFC 7505 section 6: the sender's domain takes no mail.  Some say it
	 * of the recipient's, in words.
	 */
	{ 0, 7, 27, { REPLY_CAT_AUTH, MESSAGE | TEXT } },
	/* Registered since (RFC 5248): flood detected; ARC failed */
	{ 0, 7, 28, { REPLY_CAT_RATE, NEVER | US } },
	{ 0, 7, 29, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	/* Microsoft's own, see shaping-facts: DMARC; bulk rules; rates */
	{ 5, 7, 509, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ 5, 7, 515, { REPLY_CAT_AUTH, NEVER | MESSAGE } },
	{ 4, 7, 500, { REPLY_CAT_RATE, NEVER | US } },
	{ 4, 7, 650, { REPLY_CAT_RATE, NEVER | US } },
	{ 4, 7, 652, { REPLY_CAT_RATE, NEVER | US } },
	{ 0, 7, ANY, { REPLY_CAT_POLICY, NEVER | TEXT } },
	{ 0, ANY, ANY, { REPLY_CAT_UNKNOWN, TEXT } },
};

#define AT(stage)	(1u << (stage))
#define AT_START	(AT(REPLY_AT_CONNECT) | AT(REPLY_AT_BANNER) | \
    AT(REPLY_AT_EHLO) | AT(REPLY_AT_TLS))
#define AT_RCPT		(AT(REPLY_AT_RCPT) | AT(REPLY_AT_REPORT))
#define AT_ALL		(~0u)

/* Basic codes, for replies without an enhanced one; first fit again. */
static const struct basic_rule {
	int		code;
	unsigned	stages;
	struct finding	find;
} basic_rules[] = {
	/* RFC 5321 sections 3.8 and 4.2.3 */
	{ 421, AT_ALL, { REPLY_CAT_NETWORK, TEXT | US } },
	/* RFC 5321 section 4.5.3.1.10, where 552 is said for 452 too (R108) */
	{ 452, AT_RCPT, { REPLY_CAT_RATE, TEXT } },
	{ 552, AT_RCPT, { REPLY_CAT_RATE, TEXT } },
	{ 452, AT_ALL, { REPLY_CAT_UNKNOWN, TEXT | US } },
	{ 552, AT_ALL, { REPLY_CAT_SIZE, TEXT } },
	/* RFC 4954 section 6 and RFC 3207 section 4: TLS or login wanted */
	{ 454, AT_ALL, { REPLY_CAT_NETWORK, TEXT } },
	{ 530, AT_ALL, { REPLY_CAT_AUTH, NEVER | US } },
	{ 534, AT_ALL, { REPLY_CAT_AUTH, NEVER | US } },
	{ 535, AT_ALL, { REPLY_CAT_AUTH, NEVER | US } },
	{ 538, AT_ALL, { REPLY_CAT_AUTH, NEVER | US } },
	/* RFC 7504: this host takes no mail; this domain takes none */
	{ 521, AT_ALL, { REPLY_CAT_POLICY, NEVER | US } },
	{ 556, AT_ALL, { REPLY_CAT_HOST_UNKNOWN, DEAD } },
	{ 551, AT_RCPT, { REPLY_CAT_MAILBOX_UNKNOWN, TEXT } },
	/* RFC 5321 section 3.1: no service for us */
	{ 554, AT_START, { REPLY_CAT_POLICY, TEXT | NEVER | US } },
	{ 555, AT_ALL, { REPLY_CAT_UNKNOWN, NEVER } },
	{ 0, AT_START, { REPLY_CAT_NETWORK, TEXT } },
	{ -1, AT_ALL, { REPLY_CAT_UNKNOWN, TEXT } },
};

static struct finding
code_find(const struct enhanced *e)
{
	const struct code_rule *r = code_rules;

	while ((r->class != 0 && r->class != e->class) ||
	    (r->subject != ANY && r->subject != e->subject) ||
	    (r->detail != ANY && r->detail != e->detail))
		r++;
	return r->find;
}

static struct finding
basic_find(int code, enum reply_stage stage)
{
	const struct basic_rule *r = basic_rules;

	while ((r->code != -1 && r->code != code) ||
	    (r->stages & AT(stage)) == 0)
		r++;
	return r->find;
}

/*
 * Words refine a vague code.  "No such user" in words alone is believed where
 * users are asked for; elsewhere it may be said of the sender.  And words
 * about us save whom a code calls dead: "5.1.1 you sent too much" was seen.
 */
static struct finding
refine(struct finding f, enum reply_stage stage, const char *text, size_t len)
{
	struct finding t;

	if ((f.flags & (FIND_TEXT | FIND_DEAD)) == 0)
		return f;
	t = reply_text_find(text, len);
	if (t.category == REPLY_CAT_NONE)
		return f;
	if ((f.flags & FIND_TEXT) == 0)
		return (t.flags & FIND_NEVER) != 0 &&
		    (t.flags & FIND_WEAK) == 0 ? t : f;
	if ((AT_RCPT & AT(stage)) == 0)
		t.flags &= ~FIND_DEAD;
	if ((t.flags & FIND_DEAD) == 0)
		t.flags |= f.flags & (FIND_US | FIND_MESSAGE);
	t.flags |= f.flags & FIND_NEVER;
	return t;
}

/*
 * Before RCPT nobody has been named, so nobody is to blame, with one
 * exception: that the domain has no host at all is known before connecting.
 */
static bool
blames_nobody(const struct finding *f, enum reply_stage stage)
{
	if (stage == REPLY_AT_CONNECT)
		return f->category != REPLY_CAT_HOST_UNKNOWN;
	return (AT_START & AT(stage)) != 0 || stage == REPLY_AT_MAIL;
}

static enum reply_recipient
judge_recipient(const struct finding *f, enum reply_stage stage, bool final)
{
	if ((f->flags & (FIND_NEVER | FIND_US)) != 0 ||
	    blames_nobody(f, stage))
		return REPLY_RECIPIENT_NONE;
	switch (f->category) {
	case REPLY_CAT_MAILBOX_UNKNOWN:
	case REPLY_CAT_HOST_UNKNOWN:
		/* R125: 4.x.x is a giving up, not a death. */
		return final && (f->flags & FIND_DEAD) != 0 ?
		    REPLY_RECIPIENT_HARD : REPLY_RECIPIENT_SOFT;
	case REPLY_CAT_NONE:
	case REPLY_CAT_POLICY:
	case REPLY_CAT_AUTH:
	case REPLY_CAT_CONTENT:
	case REPLY_CAT_SIZE:
	case REPLY_CAT_RATE:
	case REPLY_CAT_GREYLISTED:
		return REPLY_RECIPIENT_NONE;
	default:
		return REPLY_RECIPIENT_SOFT;
	}
}

static void
decide(struct reply_class *c, enum reply_scheduler scheduler,
    enum reply_site site)
{
	c->scheduler = scheduler;
	c->site = site;
}

/* Refusals of RCPT, DATA and the dot. */
static void
schedule_transaction(struct reply_class *c, const struct finding *f,
    enum reply_stage stage, int code, bool final)
{
	bool us = (f->flags & FIND_US) != 0;

	if (!final && us && f->category != REPLY_CAT_GREYLISTED)
		decide(c, REPLY_SCHED_SITE, REPLY_SITE_SLOW);
	else if (!final || (code == 552 && stage == REPLY_AT_RCPT &&
	    f->category == REPLY_CAT_RATE))
		decide(c, REPLY_SCHED_RETRY_RECIPIENT, REPLY_SITE_OK);
	else if ((f->flags & FIND_MESSAGE) != 0)
		decide(c, REPLY_SCHED_STOP_CAMPAIGN, REPLY_SITE_OK);
	else
		decide(c, REPLY_SCHED_FAIL_RECIPIENT, us ?
		    REPLY_SITE_SUSPEND : REPLY_SITE_OK);
}

static void
schedule(struct reply_class *c, const struct finding *f,
    enum reply_stage stage, int code, bool final)
{
	if (stage == REPLY_AT_REPORT || (final && !blames_nobody(f, stage) &&
	    f->category == REPLY_CAT_HOST_UNKNOWN &&
	    (f->flags & FIND_DEAD) != 0))
		decide(c, REPLY_SCHED_FAIL_RECIPIENT, REPLY_SITE_OK);
	else if ((AT_START & AT(stage)) != 0 || code == 421)
		decide(c, REPLY_SCHED_SITE, final ? REPLY_SITE_SUSPEND :
		    REPLY_SITE_SLOW);
	else if (stage != REPLY_AT_MAIL)
		schedule_transaction(c, f, stage, code, final);
	else if (final && (f->category == REPLY_CAT_SIZE ||
	    f->category == REPLY_CAT_CONTENT))
		/* R111: this message will never fit here. */
		decide(c, REPLY_SCHED_FAIL_RECIPIENT, REPLY_SITE_OK);
	else
		/* Of the sender too: nobody was named who could fail. */
		decide(c, REPLY_SCHED_SITE, final ? REPLY_SITE_SUSPEND :
		    REPLY_SITE_SLOW);
}

void
reply_classify_text(enum reply_stage stage, int code,
    const struct enhanced *enhanced, const char *text, size_t len,
    struct reply_class *class_r)
{
	int digit = code != 0 ? code / 100 : enhanced->class;
	/* A report without any number is still one of a failure. */
	bool final = digit == 5 || (digit == 0 && stage == REPLY_AT_REPORT);
	/* Both must say so: 550 4.1.1 and 450 5.1.1 leave a doubt. */
	bool hard = final && (enhanced->class == 0 || enhanced->class == 5);
	struct finding f;

	memset(class_r, 0, sizeof(*class_r));
	if (digit == 2 || digit == 3) {
		decide(class_r, REPLY_SCHED_DELIVERED, REPLY_SITE_OK);
		return;
	}
	if (enhanced->class == 4 || enhanced->class == 5)
		f = code_find(enhanced);
	else
		f = basic_find(code, stage);
	if (len > REPLY_TEXT_MAX)
		len = REPLY_TEXT_MAX;
	f = refine(f, stage, text, len);
	/* Nobody has seen the message yet: "spam" is said of who sends. */
	if (stage == REPLY_AT_MAIL && f.category == REPLY_CAT_CONTENT &&
	    enhanced->subject != 6)
		f.category = REPLY_CAT_POLICY;
	/* A refusal before anybody was named is one of us. */
	if (final && f.category == REPLY_CAT_UNKNOWN &&
	    blames_nobody(&f, stage))
		f.category = REPLY_CAT_POLICY;
	/* The connection ends, but it is a person that it speaks of. */
	if (code == 421 && (enhanced->subject == 1 || enhanced->subject == 2))
		code = 450;
	class_r->category = f.category;
	class_r->recipient = judge_recipient(&f, stage, hard);
	schedule(class_r, &f, stage, code, final);
}

void
reply_classify(enum reply_stage stage, const struct smtp_reply *reply,
    struct reply_class *class_r)
{
	reply_classify_text(stage, reply->code, &reply->enhanced, reply->text,
	    reply->text_len, class_r);
}

const char *
reply_category_name(enum reply_category category)
{
	static const char *const names[REPLY_CATEGORIES] = {
		[REPLY_CAT_NONE] = "-",
		[REPLY_CAT_MAILBOX_UNKNOWN] = "mailbox-unknown",
		[REPLY_CAT_HOST_UNKNOWN] = "host-unknown",
		[REPLY_CAT_MAILBOX_FULL] = "mailbox-full",
		[REPLY_CAT_MAILBOX_DISABLED] = "mailbox-disabled",
		[REPLY_CAT_POLICY] = "policy",
		[REPLY_CAT_AUTH] = "auth",
		[REPLY_CAT_CONTENT] = "content",
		[REPLY_CAT_SIZE] = "size",
		[REPLY_CAT_RATE] = "rate",
		[REPLY_CAT_GREYLISTED] = "greylisted",
		[REPLY_CAT_NETWORK] = "network",
		[REPLY_CAT_EXPIRED] = "expired",
		[REPLY_CAT_UNKNOWN] = "unknown",
	};

	return (unsigned)category < LENGTH(names) ? names[category] : "-";
}

const char *
reply_recipient_name(enum reply_recipient recipient)
{
	static const char *const names[] = { "none", "soft", "hard" };

	return (unsigned)recipient < LENGTH(names) ? names[recipient] : "-";
}

const char *
reply_scheduler_name(enum reply_scheduler scheduler)
{
	static const char *const names[] = {
		[REPLY_SCHED_DELIVERED] = "delivered",
		[REPLY_SCHED_RETRY_RECIPIENT] = "retry-recipient",
		[REPLY_SCHED_FAIL_RECIPIENT] = "fail-recipient",
		[REPLY_SCHED_SITE] = "site",
		[REPLY_SCHED_STOP_CAMPAIGN] = "stop-campaign",
	};

	return (unsigned)scheduler < LENGTH(names) ? names[scheduler] : "-";
}
