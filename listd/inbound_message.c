/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound_message.c - a message that was accepted, turned into what queue is
 * asked to make durable.
 *
 * The recipient says who is meant; the message only says what happened
 * (R128, R129).  A machine's answer never subscribes or confirms (R162), but it
 * may unsubscribe, for the token in the address is the authority (T18).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/autoreply.h"
#include "lib/dsn.h"
#include "lib/err.h"
#include "lib/hide.h"
#include "lib/keyring.h"
#include "lib/mailhead.h"
#include "listd/inbound_message.h"
#include "spool/store.h"

bool
inbound_message_is_forward(const struct inbound_target *t)
{
	return t->kind == INBOUND_ROLE || t->kind == INBOUND_OWNER;
}

/* ---- bounces */

static uint8_t
action_of(enum dsn_verdict v)
{
	switch (v) {
	case DSN_VERDICT_HARD:
	case DSN_VERDICT_SOFT:
		return 1;
	case DSN_VERDICT_DELAYED:
		return 2;
	default:
		return 3;
	}
}

static void
put_enhanced(uint16_t out[3], const struct enhanced *e)
{
	out[0] = e->class;
	out[1] = e->subject;
	out[2] = e->detail;
}

/* What the person's server said, without the person's address. */
static void
put_said(struct ipc_bounce *b, const struct dsn_recipient *r)
{
	hide_address(r->said, r->address, b->text, sizeof(b->text));
}

static uint16_t
bounce_frame(const struct inbound_message *m, const struct inbound_target *t,
    uint64_t request, struct strbuf *frame, const char **why)
{
	struct ipc_bounce b = { .request = request,
		.campaign = t->delivery.campaign,
		.subscriber = t->delivery.subscriber, .action = 4,
		.when_ms = m->evidence.when_ms };
	struct err e = ERR_INIT;
	struct dsn_report *r = dsn_parse(m->head.s, m->head.len,
	    m->null_sender, &e);
	enum dsn_verdict v;
	unsigned i;

	*why = "not-a-report";
	if (r == NULL || (r->kind != DSN_REPORT && r->kind != DSN_SHAPE) ||
	    r->recipients == 0) {
		if (r != NULL)
			*why = dsn_kind_name(r->kind);
		dsn_report_free(r);
		return 0;
	}
	v = dsn_report_verdict(r, &i);
	b.action = action_of(v);
	b.recipient = (uint8_t)r->recipient[i].class.recipient;
	b.category = (uint8_t)r->recipient[i].class.category;
	b.code = (uint16_t)r->recipient[i].code;
	put_enhanced(b.enhanced, &r->recipient[i].status);
	put_said(&b, &r->recipient[i]);
	*why = dsn_verdict_name(v);
	dsn_report_free(r);
	ipc_put_bounce(frame, &b);
	return IPC_BOUNCE;
}

/* ---- leaving, confirming, asking */

static struct ipc_evidence
evidence_of(const struct inbound_message *m, const char *channel)
{
	struct ipc_evidence ev = m->evidence;

	snprintf(ev.channel, sizeof(ev.channel), "%s", channel);
	ev.raw = SLICE(m->head.s, m->head.len < IPC_RAW_MAX ? m->head.len :
	    IPC_RAW_MAX);
	return ev;
}

static uint16_t
leave_frame(const struct inbound_message *m,
    const struct token_unsubscribe *leave, uint64_t request,
    struct strbuf *frame, const char *channel, const struct address *author)
{
	struct strbuf text = STRBUF_INIT(ADDRESS_TEXT_MAX);
	struct ipc_unsubscribe u = { .request = request,
		.evidence = evidence_of(m, channel), .list = leave->list,
		.campaign = leave->campaign, .scope = IPC_LEAVE_LIST };

	memcpy(u.hash, leave->address, sizeof(u.hash));
	if (author != NULL) {
		address_format(&text, author);
		snprintf(u.address, sizeof(u.address), "%s", text.s);
	}
	strbuf_free(&text);
	ipc_put_unsubscribe(frame, &u);
	return IPC_UNSUBSCRIBE;
}

/* The author as hash, for an unsubscribe without a token (T18). */
static uint16_t
leave_by_author(const struct keyring *keys, const struct inbound_message *m,
    const struct mailhead *h, const struct inbound_target *t,
    uint64_t request, struct strbuf *frame, const char **why)
{
	struct token_unsubscribe leave = { .list = t->list };
	struct address author, folded;
	struct err e = ERR_INIT;

	*why = "no-author";
	if (mailhead_author(h, &author, NULL, &e) != 1 ||
	    address_fold(&author, &folded, &e) == -1 ||
	    address_hash(keys, &folded, leave.address, &e) == -1)
		return 0;
	*why = "unsubscribe";
	/* "Not found" is told to a person, never to a machine (R157). */
	if (autoreply_find(h, m->null_sender) != AUTOREPLY_NONE)
		return leave_frame(m, &leave, request, frame, "mail", NULL);
	return leave_frame(m, &leave, request, frame, "mail", &author);
}

static uint16_t
confirm_frame(const struct inbound_message *m, const struct mailhead *h,
    const struct inbound_target *t, uint64_t request, struct strbuf *frame)
{
	const char *sign = autoreply_name(autoreply_find(h, m->null_sender));
	struct ipc_confirm c = { .request = request,
		.evidence = evidence_of(m, "mail"),
		.automation = SLICE(sign, strlen(sign)) };

	snprintf(c.token, sizeof(c.token), "%s", t->token);
	ipc_put_confirm(frame, &c);
	return IPC_CONFIRM;
}

/*
 * To join, and also what a machine sent or nobody signed: that it was asked is
 * kept (S20).  The same frame asks for help.
 */
static uint16_t
subscribe_frame(const struct inbound_message *m, const struct mailhead *h,
    const struct inbound_target *t, enum inbound_kind kind, uint64_t request,
    struct strbuf *frame, const char **why)
{
	enum autoreply_sign found = autoreply_find(h, m->null_sender);
	const char *sign = autoreply_name(found);
	struct ipc_subscribe s = { .request = request,
		.evidence = evidence_of(m, "mail"),
		.automation = SLICE(sign, strlen(sign)) };
	struct strbuf text = STRBUF_INIT(sizeof(s.address) - 1);
	struct address author;
	struct err e = ERR_INIT;

	*why = found != AUTOREPLY_NONE ? sign : kind == INBOUND_HELP ? "help" :
	    "subscribe";
	if (mailhead_author(h, &author, NULL, &e) == 1)
		address_format(&text, &author);
	else
		*why = "no-author";
	snprintf(s.address, sizeof(s.address), "%s", text.s != NULL ? text.s :
	    "");
	snprintf(s.list, sizeof(s.list), "%s", t->name);
	strbuf_free(&text);
	ipc_put_subscribe(frame, &s);
	return kind == INBOUND_HELP ? IPC_HELP : IPC_SUBSCRIBE;
}

/* ---- commands: the first word of the subject, or else of the body */

static bool
is_word(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && strncasecmp(text, word, n) == 0 &&
	    (len == n || strchr(" \t\r\n.!", text[n]) != NULL);
}

static enum inbound_kind
command_in(const char *text, size_t len)
{
	size_t skip;

	/*
	 * Mail programs put "Re:" before a subject they were given.  A loop,
	 * for a body of nothing else is as deep as its sender likes.
	 */
	do {
		while (len > 0 && strchr(" \t\r\n", *text) != NULL) {
			text++;
			len--;
		}
		skip = len > 3 && strncasecmp(text, "re:", 3) == 0 ? 3 : 0;
		text += skip;
		len -= skip;
	} while (skip > 0);
	if (is_word(text, len, "unsubscribe") || is_word(text, len, "leave") ||
	    is_word(text, len, "signoff"))
		return INBOUND_UNSUBSCRIBE;
	if (is_word(text, len, "subscribe") || is_word(text, len, "join"))
		return INBOUND_SUBSCRIBE;
	if (is_word(text, len, "help") || is_word(text, len, "info"))
		return INBOUND_HELP;
	return INBOUND_NONE;
}

static enum inbound_kind
command_of(const struct inbound_message *m, const struct mailhead *h)
{
	const char *subject = mailhead_get(h, "Subject", 0);
	size_t body = mailhead_body_at(h);
	enum inbound_kind kind = INBOUND_NONE;

	if (subject != NULL)
		kind = command_in(subject, strlen(subject));
	if (kind == INBOUND_NONE && body < m->head.len)
		kind = command_in(m->head.s + body, m->head.len - body);
	return kind;
}

static uint16_t
by_header(const struct keyring *keys, const struct inbound_message *m,
    const struct inbound_target *t, const struct mailhead *h,
    uint64_t request, struct strbuf *frame, const char **why)
{
	enum inbound_kind kind = t->kind;

	if (kind == INBOUND_REQUEST)
		kind = command_of(m, h);
	switch (kind) {
	case INBOUND_CONFIRM:
		*why = "confirm";
		return confirm_frame(m, h, t, request, frame);
	case INBOUND_SUBSCRIBE:
	case INBOUND_HELP:
		return subscribe_frame(m, h, t, kind, request, frame, why);
	case INBOUND_UNSUBSCRIBE:
		return leave_by_author(keys, m, h, t, request, frame, why);
	default:
		*why = "no-command";
		return 0;
	}
}

uint16_t
inbound_message_frame(const struct keyring *keys,
    const struct inbound_message *m, const struct inbound_target *t,
    uint64_t request, struct strbuf *frame, const char **why)
{
	struct err e = ERR_INIT;
	struct mailhead *h;
	uint16_t type;

	if (t->kind == INBOUND_BOUNCE)
		return bounce_frame(m, t, request, frame, why);
	if (t->kind == INBOUND_LEAVE) {
		*why = "unsubscribe";
		return leave_frame(m, &t->leave, request, frame, "mailto",
		    NULL);
	}
	*why = "header-too-large";
	if ((h = mailhead_parse(m->head.s, m->head.len, &e)) == NULL)
		return 0;
	type = by_header(keys, m, t, h, request, frame, why);
	mailhead_free(h);
	return type;
}
