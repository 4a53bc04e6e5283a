/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_refusal.c - what a refusal means for the delivery, and for the session.
 *
 * Every reply that is not the hoped-for one is judged here, once, by the rules
 * that queue has read (lib/reply_rules.h) and the provider that it granted the
 * session for.  What comes of it is told with the verdict: queue judges no
 * reply again, it counts.  So a reload falls between two replies and never
 * between a reply and its consequence.
 *
 * What the site needs is done at once, for by the time queue knew of it more
 * mail would have gone: the session ends, and what was not refused itself goes
 * back unharmed.
 */
#include "config.h"

#include <string.h>

#include "listd/bdat.h"
#include "listd/copy.h"
#include "listd/smtp_session_private.h"

enum ipc_stage
expect_stage(enum expect_kind kind)
{
	switch (kind) {
	case EXPECT_MAIL:
	case EXPECT_RSET:
		return IPC_STAGE_MAIL;
	case EXPECT_RCPT:
		return IPC_STAGE_RCPT;
	case EXPECT_DATA:
		return IPC_STAGE_DATA;
	case EXPECT_DOT:
	case EXPECT_LONE_DOT:
		return IPC_STAGE_DOT;
	}
	return IPC_STAGE_MAIL;
}

static enum reply_stage
step_of(enum ipc_stage stage)
{
	switch (stage) {
	case IPC_STAGE_BANNER:
		return REPLY_AT_BANNER;
	case IPC_STAGE_EHLO:
		return REPLY_AT_EHLO;
	case IPC_STAGE_TLS:
		return REPLY_AT_TLS;
	case IPC_STAGE_MAIL:
		return REPLY_AT_MAIL;
	case IPC_STAGE_RCPT:
		return REPLY_AT_RCPT;
	case IPC_STAGE_DATA:
		return REPLY_AT_DATA;
	case IPC_STAGE_DOT:
		return REPLY_AT_DOT;
	default:
		return REPLY_AT_CONNECT;
	}
}

static void
judge(const struct smtp_session *s, enum ipc_stage stage,
    const struct smtp_reply *r, struct reply_verdict *verdict_r)
{
	reply_rules_classify(s->env->rules, s->grant.provider, step_of(stage),
	    r, verdict_r);
}

void
item_refuse(struct smtp_session *s, struct item *item, enum ipc_stage stage,
    const struct smtp_reply *r)
{
	struct reply_verdict *v = &item->verdict;

	if (item->refused)
		return;
	judge(s, stage, r, v);
	item_verdict(s, item, reply_is_final(&v->class) ? IPC_FAILED :
	    IPC_DEFERRED, stage, (uint16_t)r->code, r->text);
	item_enhanced(item, &r->enhanced);
	item->outcome.recipient = (uint8_t)v->class.recipient;
	item->outcome.category = (uint8_t)v->class.category;
	item->outcome.rule = v->rule;
}

/* A reply as news of the site. */
static void
refusal_by(const struct smtp_session *s, enum ipc_stage stage,
    const struct smtp_reply *r, struct refusal *f)
{
	*f = (struct refusal){ .stage = stage, .code = (uint16_t)r->code,
		.enhanced = r->enhanced };
	judge(s, stage, r, &f->verdict);
}

static uint32_t
campaign_of(const struct item *item)
{
	return item->d.kind == IPC_KIND_CAMPAIGN ? item->d.campaign : 0;
}

/* The one that refused the item. */
static void
refusal_of(const struct item *item, struct refusal *f)
{
	const struct ipc_outcome *o = &item->outcome;

	*f = (struct refusal){ .stage = o->stage, .code = o->code,
		.campaign = campaign_of(item),
		.told = item->verdict.class.scheduler != REPLY_SCHED_SITE,
		.verdict = item->verdict };
	f->enhanced.class = (uint8_t)o->enhanced[0];
	f->enhanced.subject = o->enhanced[1];
	f->enhanced.detail = o->enhanced[2];
}

/*
 * Queue is told who drew a refusal that speaks of us, lest the same one draws
 * it for ever; but at MAIL nobody has been named.
 */
static void
tell_end(struct smtp_session *s, struct item *item)
{
	bool site = item->verdict.class.scheduler == REPLY_SCHED_SITE;

	s->ended++;
	if (site && item->outcome.stage <= IPC_STAGE_MAIL) {
		item_return(s, item);
		return;
	}
	if (site)
		item->outcome.result = IPC_REFUSED;
	item_done(s, item);
}

bool
item_settle(struct smtp_session *s, struct item *item)
{
	char text[IPC_TEXT_MAX + 1];
	struct refusal f;

	if (item->verdict.class.site == REPLY_SITE_OK) {
		tell_end(s, item);
		return true;
	}
	refusal_of(item, &f);
	strcpy(text, item->outcome.text);
	tell_end(s, item);
	s->site_trouble = true;
	session_end(s, &f, text);
	return false;
}

void
session_refused(struct smtp_session *s, enum ipc_stage stage,
    const struct smtp_reply *r)
{
	struct refusal f;

	refusal_by(s, stage, r, &f);
	session_end(s, &f, s->state == SESSION_OPEN && r->code < 400 ?
	    SESSION_EARLY : r->text);
}

void
item_hung_up(struct smtp_session *s, struct item *item, enum ipc_stage stage,
    const struct smtp_reply *r)
{
	char text[IPC_TEXT_MAX + 1];
	struct refusal f;

	if (item->refused) {	/* by what was said before */
		refusal_by(s, stage, r, &f);
		f.campaign = campaign_of(item);
	} else {
		item_refuse(s, item, stage, r);
		refusal_of(item, &f);
	}
	item_text(item, r->text, text);
	if (item_settle(s, item))
		session_end(s, &f, text);
}

/*
 * It took the envelope and calls BDAT unknown: the content was read as
 * commands, and nothing on this connection means what it should.
 */
bool
item_bdat_unknown(struct smtp_session *s, struct item *item,
    const struct smtp_reply *r)
{
	if (!item->copy->bdat || item->refused || r->code < 500 ||
	    r->code > 504)
		return false;
	if (s->env->bdat != NULL)
		bdat_broken(s->env->bdat, session_host(s), session_now(s));
	item_verdict(s, item, IPC_DEFERRED, IPC_STAGE_DOT, (uint16_t)r->code,
	    "it offers CHUNKING and does not know BDAT");
	s->ended++;
	item_done(s, item);
	s->broken = true;
	session_fail(s, "it offers CHUNKING and does not know BDAT");
	return true;
}
