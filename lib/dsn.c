/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn.c - what came back: is it a bounce, whose, and what does it say.
 *
 * The order of the questions is the policy: a feedback report is a complaint
 * even where it quotes a bounce; a delivery report is one by its fields; the
 * shapes are believed only from a mail system; and what is left may still be
 * the answer of a machine.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/address.h"
#include "lib/autoreply.h"
#include "lib/dsn_private.h"
#include "lib/err.h"
#include "lib/mailhead.h"
#include "lib/pack.h"
#include "lib/xmalloc.h"

void
dsn_report_free(struct dsn_report *r)
{
	if (r == NULL)
		return;
	free(r->recipient);
	free(r);
}

struct dsn_recipient *
dsn_report_add(struct dsn_report *r)
{
	struct dsn_recipient *rcpt;

	if (r->recipients == DSN_RECIPIENTS_MAX)
		return NULL;
	/* Room doubles, so that a copy is made seldom. */
	if ((r->recipients & (r->recipients - 1)) == 0)
		r->recipient = xreallocarray(r->recipient,
		    r->recipients != 0 ? 2 * r->recipients : 1,
		    sizeof(*r->recipient));
	rcpt = &r->recipient[r->recipients++];
	memset(rcpt, 0, sizeof(*rcpt));
	return rcpt;
}

/*
 * A mail system that got "550 words", or "550 5.0.0 words", writes a Status of
 * its own, by rules that know no words: 5.1.1 for whatever 550 meant.  So the
 * reply is judged first, and such a Status makes nobody dead.
 */
static void
judge_bare_reply(struct dsn_recipient *rcpt, const struct dsn_said *said,
    enum reply_stage stage)
{
	reply_classify_text(stage, said->code, &said->enhanced, said->text,
	    said->len, &rcpt->class);
	if (rcpt->class.category != REPLY_CAT_UNKNOWN)
		return;
	reply_classify_text(stage, said->code, &rcpt->status_field,
	    said->text, said->len, &rcpt->class);
	if (rcpt->class.recipient == REPLY_RECIPIENT_HARD)
		rcpt->class.recipient = REPLY_RECIPIENT_SOFT;
}

void
dsn_judge(struct dsn_recipient *rcpt, const char *text, size_t len,
    enum reply_stage stage)
{
	struct dsn_said said;

	dsn_said_find(text, len, &said);
	rcpt->code = said.code;
	/* "5.0.0" says less than any field. */
	rcpt->status = said.enhanced.class != 0 &&
	    (said.enhanced.subject != 0 || rcpt->status_field.class == 0) ?
	    said.enhanced : rcpt->status_field;
	dsn_copy(rcpt->said, sizeof(rcpt->said), text, len);
	if (said.code != 0 && said.enhanced.subject == 0)
		judge_bare_reply(rcpt, &said, stage);
	else
		reply_classify_text(stage, said.code, &rcpt->status,
		    said.text, said.len, &rcpt->class);
	/* The reason may stand before the codes: "over quota. 550 failed". */
	if (rcpt->class.category == REPLY_CAT_UNKNOWN && said.len < len)
		reply_classify_text(stage, said.code, &rcpt->status, text,
		    len, &rcpt->class);
}

/* Is a Status field so general that the text may know more? */
static bool
is_vague(const struct enhanced *e)
{
	return e->class == 0 || e->subject == 0 || e->detail == 0 ||
	    (e->subject == 4 && e->detail == 7);
}

/* Believe the text where it says more than the fields did. */
static void
judge_again(struct dsn_recipient *rcpt, const struct dsn_block *block)
{
	struct dsn_recipient was = *rcpt;

	dsn_judge(rcpt, block->text, block->len,
	    dsn_stage_find(block->text, block->len));
	if (rcpt->class.category == REPLY_CAT_UNKNOWN &&
	    was.class.category != REPLY_CAT_UNKNOWN)
		*rcpt = was;
}

static bool
lacks_words(const struct dsn_recipient *rcpt)
{
	return rcpt->code == 0 && is_vague(&rcpt->status);
}

static bool
lacks_address(const struct dsn_recipient *rcpt)
{
	return rcpt->final[0] == '\0' && rcpt->original[0] == '\0';
}

/* Fill from the text for people what the fields of a report leave open. */
static void
consult_text(struct dsn_report *r, const struct strbuf *human)
{
	struct dsn_block *block = xcalloc(DSN_RECIPIENTS_MAX, sizeof(*block));
	enum dsn_action action;
	size_t from = 0;
	unsigned n;

	(void)dsn_shape_find(human, &action, &from);
	n = dsn_blocks_find(human, from, block, DSN_RECIPIENTS_MAX);
	for (unsigned i = 0; i < r->recipients; i++) {
		struct dsn_recipient *rcpt = &r->recipient[i];
		unsigned k = 0;

		while (k < n && strcasecmp(block[k].address, rcpt->final) !=
		    0 && strcasecmp(block[k].address, rcpt->original) != 0)
			k++;
		if (k == n && n == 1 && r->recipients == 1)
			k = 0;
		if (k == n)
			continue;
		if (lacks_address(rcpt))
			memcpy(rcpt->final, block[k].address,
			    sizeof(rcpt->final));
		if (lacks_words(rcpt))
			judge_again(rcpt, &block[k]);
	}
	free(block);
}

static void
settle(struct dsn_report *r)
{
	for (unsigned i = 0; i < r->recipients; i++) {
		struct dsn_recipient *rcpt = &r->recipient[i];

		memcpy(rcpt->address, rcpt->original[0] != '\0' ?
		    rcpt->original : rcpt->final, sizeof(rcpt->address));
		switch (rcpt->action) {
		case DSN_FAILED:
			rcpt->verdict = rcpt->class.recipient ==
			    REPLY_RECIPIENT_HARD ? DSN_VERDICT_HARD :
			    DSN_VERDICT_SOFT;
			break;
		case DSN_DELAYED:
			rcpt->verdict = DSN_VERDICT_DELAYED;
			break;
		default:
			rcpt->verdict = DSN_VERDICT_NONE;
			break;
		}
		/* R124: delays and successes count for nothing. */
		if (rcpt->action != DSN_FAILED)
			rcpt->class.recipient = REPLY_RECIPIENT_NONE;
	}
}

static void
add_shape(struct dsn_report *r, enum dsn_action action, const char *address,
    const char *text, size_t len)
{
	struct dsn_recipient *rcpt = dsn_report_add(r);

	if (rcpt == NULL)
		return;
	rcpt->action = action;
	dsn_copy(rcpt->final, sizeof(rcpt->final), address, strlen(address));
	dsn_judge(rcpt, text, len, dsn_stage_find(text, len));
}

struct failed {
	struct dsn_report	*r;
	enum dsn_action		 action;
	const char		*text;
	size_t			 len;
};

static void
add_failed(void *arg, const struct address *a, struct slice display)
{
	struct failed *f = arg;
	struct strbuf address = STRBUF_INIT(2 * sizeof(a->local) + 1);

	(void)display;
	address_format(&address, a);
	add_shape(f->r, f->action, address.s, f->text, f->len);
	strbuf_free(&address);
}

/* A bounce without fields: its list, else Exim's header field, else nobody. */
static bool
read_shape(struct dsn_report *r, const struct mailhead *h,
    const struct strbuf *human)
{
	struct dsn_block *block;
	const char *listed = mailhead_get(h, "X-Failed-Recipients", 0);
	struct failed f = { r, DSN_FAILED, NULL, 0 };
	size_t from = 0;
	unsigned n;

	if (!dsn_shape_find(human, &f.action, &from))
		return false;
	block = xcalloc(DSN_RECIPIENTS_MAX, sizeof(*block));
	n = dsn_blocks_find(human, from, block, DSN_RECIPIENTS_MAX);
	for (unsigned i = 0; i < n; i++)
		add_shape(r, f.action, block[i].address, block[i].text,
		    block[i].len);
	free(block);
	f.text = human->s + from;
	f.len = human->len - from;
	if (r->recipients == 0 && listed != NULL)
		mailbox_list_parse(listed, strlen(listed), add_failed, &f,
		    NULL, NULL);
	if (r->recipients == 0)
		add_shape(r, f.action, "", f.text, f.len);
	r->kind = DSN_SHAPE;
	return true;
}

/* Written by a mail system, as far as the header can tell. */
static bool
is_from_daemon(const struct mailhead *h, bool null_sender)
{
	static const char *const names[] = {
		"mailer-daemon", "postmaster", "mail-daemon",
	};
	const char *path = mailhead_get(h, "Return-Path", 0);
	const char *from = mailhead_get(h, "From", 0);
	size_t n;

	if (null_sender || (path != NULL && strcmp(path, "<>") == 0))
		return true;
	/* The address may lack its domain: find the name where one begins. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (const char *s = from; s != NULL && *s != '\0'; s++) {
			n = strlen(names[i]);
			if ((s == from || strchr("< ", s[-1]) != NULL) &&
			    strncasecmp(s, names[i], n) == 0 &&
			    strchr("@> ", s[n]) != NULL)
				return true;
		}
	return false;
}

static bool
is_type(const struct mailhead *h, const char *type, const char *report)
{
	struct strbuf value = STRBUF_INIT(256);
	bool is = mailhead_token_is(mailhead_get(h, "Content-Type", 0), type);

	if (is && report != NULL)
		is = mailhead_param(h, "Content-Type", "report-type",
		    &value) == 1 && strcasecmp(value.s, report) == 0;
	strbuf_free(&value);
	return is;
}

static bool
is_list_mail(const struct mailhead *h)
{
	return mailhead_count(h, "List-Id") > 0 ||
	    mailhead_count(h, "List-Post") > 0 ||
	    mailhead_token_is(mailhead_get(h, "Precedence", 0), "list");
}

/* One large provider returns complaints as a message with this field. */
static bool
read_vendor_complaint(struct dsn_report *r, const struct mailhead *original)
{
	const char *to = mailhead_get(original, "X-HmXmrOriginalRecipient",
	    0);
	struct dsn_recipient *rcpt;

	if (to == NULL || (rcpt = dsn_report_add(r)) == NULL)
		return false;
	r->kind = DSN_COMPLAINT;
	rcpt->verdict = DSN_VERDICT_COMPLAINT;
	if (dsn_copy_address(rcpt->original, to, strlen(to)))
		memcpy(rcpt->address, rcpt->original, sizeof(rcpt->address));
	return true;
}

static void
read_original(struct dsn_report *r, const struct mailhead *original)
{
	struct slice id;

	if (mailhead_msgid(original, "Message-ID", 0, &id))
		dsn_copy(r->message_id, sizeof(r->message_id),
		    (const char *)id.p, id.len);
}

/*
 * Fields of a delivery report: as a part of their own, or, where a boundary
 * was damaged on the way, in the middle of the text.
 */
static bool
read_status(struct dsn_report *r, struct dsn_parts *parts, bool daemon,
    bool report)
{
	struct strbuf found = STRBUF_INIT(DSN_STATUS_MAX);
	bool ok = false;

	if (!daemon && !report)
		return false;
	if (parts->status.len > 0)
		ok = dsn_status_read(r, &parts->status);
	else if (dsn_status_locate(&parts->human, &found))
		ok = dsn_status_read(r, &found);
	strbuf_free(&found);
	if (!ok)
		return false;
	r->kind = DSN_REPORT;
	dsn_text_cut(&parts->human, &parts->original);
	for (unsigned i = 0; i < r->recipients; i++)
		if (lacks_words(&r->recipient[i]) ||
		    lacks_address(&r->recipient[i])) {
			consult_text(r, &parts->human);
			break;
		}
	settle(r);
	return true;
}

static void
read_message(struct dsn_report *r, const struct mailhead *h,
    struct dsn_parts *parts, bool null_sender)
{
	const char *path = mailhead_get(h, "Return-Path", 0);
	bool daemon = is_from_daemon(h, null_sender);
	struct mailhead *original = NULL;

	null_sender = null_sender || (path != NULL && strcmp(path, "<>") == 0);
	if (parts->feedback.len > 0 && is_type(h, "multipart/report", NULL)) {
		dsn_feedback_read(r, parts);
	} else if (read_status(r, parts, daemon && !is_list_mail(h),
	    is_type(h, "multipart/report", "delivery-status"))) {
		;
	} else if (daemon && !is_list_mail(h)) {
		dsn_text_cut(&parts->human, &parts->original);
		if (read_shape(r, h, &parts->human))
			settle(r);
	}
	if (r->kind != DSN_ORDINARY || is_type(h, "multipart/mixed", NULL))
		original = mailhead_parse(parts->original.s,
		    parts->original.len, NULL);
	if (original != NULL && (r->kind != DSN_ORDINARY ||
	    read_vendor_complaint(r, original)))
		read_original(r, original);
	if (r->kind == DSN_ORDINARY && autoreply_is_reply(h, null_sender))
		r->kind = DSN_AUTOREPLY;
	mailhead_free(original);
}

struct dsn_report *
dsn_parse(const void *message, size_t len, bool null_sender, struct err *e)
{
	const char *s = message, *lf;
	struct dsn_report *r = NULL;
	struct dsn_parts parts;
	struct mailhead *h;

	if (len > DSN_LOOK_MAX)
		len = DSN_LOOK_MAX;
	/* An mbox line, which our parser of parts would take for a field. */
	if (len > 5 && memcmp(s, "From ", 5) == 0 &&
	    (lf = memchr(s, '\n', len)) != NULL) {
		len -= (size_t)(lf + 1 - s);
		s = lf + 1;
	}
	if ((h = mailhead_parse(s, len, e)) == NULL)
		return NULL;
	dsn_parts_init(&parts);
	if (dsn_mime_split(s, len, mailhead_body_at(h), &parts, e) == -1)
		goto out;
	r = xcalloc(1, sizeof(*r));
	read_message(r, h, &parts, null_sender);
out:
	dsn_parts_free(&parts);
	mailhead_free(h);
	return r;
}

enum dsn_verdict
dsn_report_verdict(const struct dsn_report *r, unsigned *recipient_r)
{
	/* The worse, the larger. */
	static const int rank[] = {
		[DSN_VERDICT_NONE] = 0, [DSN_VERDICT_HARD] = 5,
		[DSN_VERDICT_SOFT] = 4, [DSN_VERDICT_DELAYED] = 3,
		[DSN_VERDICT_COMPLAINT] = 2, [DSN_VERDICT_AUTOREPLY] = 1,
	};
	enum dsn_verdict worst = r->kind == DSN_AUTOREPLY ?
	    DSN_VERDICT_AUTOREPLY : DSN_VERDICT_NONE;
	unsigned at = 0;

	for (unsigned i = 0; i < r->recipients; i++)
		if (rank[r->recipient[i].verdict] > rank[worst]) {
			worst = r->recipient[i].verdict;
			at = i;
		}
	if (recipient_r != NULL)
		*recipient_r = at;
	return worst;
}
