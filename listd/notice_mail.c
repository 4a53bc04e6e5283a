/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice_mail.c - the mails that a person's or operator's own act causes.
 *
 * Fixed texts, text/plain, nothing in them but the question, a link and "or
 * just reply" (S43): no owner's words but the list's title, which is short and
 * may hold no advertisement.  They go through the same renderer, signer and
 * sender as campaigns (S106), from the host's own bounce domain, so that a
 * list's reputation and theirs stay apart (R15).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/address.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/tlsrpt.h"
#include "lib/token.h"
#include "lib/utf8.h"
#include "lib/verp.h"
#include "listd/copier_private.h"
#include "spool/content.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/optin.h"
#include "spool/store.h"
#include "spool/subscriber.h"

#define CONFIRM_BODY_MAX	2048	/* octets, S43 */
#define FORWARD_MAX		(64u << 10)	/* octets quoted of role mail */
#define FORWARD_LINES_MAX	2000

static const char confirm_text[] =
    "Somebody, probably you, asked that this address gets the mail of\n"
    "\n"
    "    {{list}}\n"
    "\n"
    "If you want it, open this page and press its button:\n"
    "\n"
    "    {{link}}\n"
    "\n"
    "or just reply to this mail.  The page says what is kept of you and what\n"
    "you will get.  Each mail has a link that ends them, and you can take your\n"
    "yes back at any time.\n"
    "\n"
    "If you do not want it, do nothing: you will not be subscribed and not be\n"
    "asked again.\n";

/*
 * To who was imported and asked for nothing here.  It says so, and that there
 * will be no other: what was given to the owner, and when, only they know.
 */
static const char invite_text[] =
    "This address is among contacts that were handed to the mailing list\n"
    "\n"
    "    {{list}}\n"
    "\n"
    "Nothing is sent to it unless you want that.  If you do, open this page\n"
    "and press its button:\n"
    "\n"
    "    {{link}}\n"
    "\n"
    "or just reply to this mail.  If you do not, do nothing: you will not be\n"
    "subscribed, and this list will not ask you again.\n";

static const char owner_text[] =
    "This address was named as the owner of the mailing list\n"
    "\n"
    "    {{list}}\n"
    "\n"
    "If that is right, open this page and press its button:\n"
    "\n"
    "    {{link}}\n"
    "\n"
    "or just reply to this mail.  The list sends nothing before that.\n";

static const char already_text[] =
    "Somebody, probably you, asked that this address gets the mail of\n"
    "\n"
    "    {{list}}\n"
    "\n"
    "It gets it already; nothing was changed.  To leave, use the link at\n"
    "the end of any of its mails.\n";

static const char help_text[] =
    "You wrote to the mailing list\n"
    "\n"
    "    {{list}}\n"
    "\n"
    "{{^member}}\n"
    "The address that this mail goes to is not on it.\n"
    "\n"
    "{{/member}}\n"
    "To leave it, use the link at the end of any of its mails: it removes the\n"
    "address which that mail was sent to.  Or write from that address to\n"
    "\n"
    "    {{request}}\n"
    "\n"
    "with the subject \"unsubscribe\".  The subject \"subscribe\" asks for\n"
    "the list's mail.  What is sent to\n"
    "\n"
    "    {{owner}}\n"
    "\n"
    "is read by a person.\n";

/*
 * Neither of these names the other address: each mail is kept with the entries
 * of the one it went to, and goes with them.
 */
static const char change_text[] =
    "Somebody who gets the mail of\n"
    "\n"
    "    {{what}}\n"
    "\n"
    "asked that it goes to this address from now on.  If that is right, open\n"
    "this page and press its button:\n"
    "\n"
    "    {{link}}\n"
    "\n"
    "or just reply to this mail.  If you do not want it, do nothing: nothing\n"
    "will be changed.\n";

static const char changed_text[] =
    "This address gets no more mail of\n"
    "\n"
    "    {{what}}\n"
    "\n"
    "It goes to another address now, as was asked for here and confirmed\n"
    "there.  If you did not want that, please write to\n"
    "\n"
    "    {{postmaster}}\n";

static const char access_text[] =
    "Somebody, probably you, asked what this host keeps of this address.\n"
    "\n"
    "Open this page and press its button to see it, to put it right, or to\n"
    "have it deleted:\n"
    "\n"
    "    {{link}}\n"
    "\n"
    "The link works once, within 24 hours.  Whoever has it can see what is\n"
    "kept: do not pass it on.  If you did not ask, do nothing.\n";

static const char forward_text[] =
    "This came for a role address of this host:\n"
    "\n"
    "{{#lines}}\n"
    "> {{.}}\n"
    "{{/lines}}\n";

static const char report_subject[] = "Report Domain: {{domain}} "
    "Submitter: {{submitter}} Report-ID: <{{id}}@{{submitter}}>";

struct kind {
	const char	*subject;
	const char	*text;
	size_t		 max;
	bool		 token;		/* carries a link and a reply address */
	bool		 form;		/* caused by a form (R40) */
};

static const struct kind kinds[] = {
	[NOTICE_CONFIRM] = { "Please confirm: {{list}}", confirm_text,
		CONFIRM_BODY_MAX, true, true },
	[NOTICE_ALREADY] = { "You are subscribed: {{list}}", already_text,
		CONFIRM_BODY_MAX, false, true },
	[NOTICE_OWNER] = { "Please confirm that you own {{list}}", owner_text,
		CONFIRM_BODY_MAX, true, false },
	[NOTICE_FORWARD] = { "Mail to a role address of this host",
		forward_text, 0, false, false },
	[NOTICE_HELP] = { "About {{list}}", help_text, CONFIRM_BODY_MAX,
		false, false },
	[NOTICE_INVITE] = { "Do you want the mail of {{list}}?", invite_text,
		CONFIRM_BODY_MAX, true, false },
	[NOTICE_CHANGE] = { "Please confirm your new address", change_text,
		CONFIRM_BODY_MAX, true, true },
	[NOTICE_CHANGED] = { "Your address was changed", changed_text,
		CONFIRM_BODY_MAX, false, false },
	[NOTICE_ACCESS] = { "What is kept of your address", access_text,
		CONFIRM_BODY_MAX, true, true },
	[NOTICE_TLS_REPORT] = { report_subject, "", 0, false, false },
};

/* What a notice is made from, read from the store. */
struct facts {
	struct list	list;
	char		token[TOKEN_CONFIRM_LEN + 1];
	char		link[CONF_PATH_MAX + 64];
	char		reply_to[320];
	char		from[320];
	char		owner[320];
	char		what[LIST_TITLE_OCTETS + 1];	/* one list, or all */
	bool		member;
	char		message_token[TOKEN_DELIVERY_LEN + 1];
	/* A report about TLS. */
	struct tlsrpt_about about;
	struct strbuf	body;
};

/* Is the address, whatever it was when the notice was made, a member now? */
static int
look_for_member(struct copier *c, struct txn *t, const struct notice *n,
    struct facts *f, struct err *e)
{
	uint8_t hash[ADDRESS_HASH_OCTETS];
	struct address typed, folded;
	struct member m;
	int rc;

	if (address_parse(n->address, strlen(n->address), ADDRESS_UTF8,
	    &typed, e) == -1 || address_fold(&typed, &folded, e) == -1 ||
	    address_hash(c->p.keys, &folded, hash, e) == -1)
		return -1;
	rc = subscriber_find(t, n->list, hash, &m, e);
	f->member = rc == 1 && m.state == MEMBER_ACTIVE;
	return rc == -1 ? -1 : 1;
}

static int
read_facts(struct copier *c, const struct notice *n, const struct kind *kind,
    struct facts *f, struct err *e)
{
	struct txn *t;
	int ret = 1;

	memset(f, 0, sizeof(*f));
	if (txn_read(c->p.store, STORE_S, &t, e) == -1)
		return -1;
	if (n->list != 0)
		ret = list_get(t, n->list, &f->list, e);
	if (ret == 1 && kind->token && optin_token(t, n->request, f->token,
	    e) == -1)
		ret = -1;
	if (ret == 1 && n->kind == NOTICE_HELP)
		ret = look_for_member(c, t, n, f, e);
	txn_end(t);
	if (ret == 0)
		err_set(e, ERR_NOTFOUND, "the list is gone");
	return ret == 1 ? 0 : -1;
}

static int
make_addresses(struct copier *c, const struct notice *n,
    const struct kind *kind, struct made *m, struct facts *f, struct err *e)
{
	const struct conf *conf = c->p.conf;
	struct token_delivery td = { IPC_NOTICE_BIT | n->id, 0 };
	struct strbuf path = STRBUF_INIT(sizeof(m->copy.return_path) - 1);
	struct strbuf reply = STRBUF_INIT(sizeof(f->reply_to) - 1);
	int ret = -1;

	if (token_delivery_format(c->p.keys, KEY_CURRENT, TOKEN_MESSAGE_ID,
	    &td, f->message_token, e) == -1 ||
	    verp_bounce_format(&path, c->p.keys, KEY_CURRENT, &td,
	    conf->bounce_domain, e) == -1 ||
	    (kind->token && n->kind != NOTICE_ACCESS &&
	    verp_confirm_format(&reply, f->token,
	    conf->bounce_domain, e) == -1))
		goto out;
	snprintf(m->copy.return_path, sizeof(m->copy.return_path), "%s",
	    path.s);
	snprintf(m->copy.message_id, sizeof(m->copy.message_id), "<%s@%.200s>",
	    f->message_token, conf->hostname);
	snprintf(f->reply_to, sizeof(f->reply_to), "%s", reply.s);
	snprintf(f->link, sizeof(f->link), "%s/%s/%s", conf->url_base,
	    n->kind == NOTICE_ACCESS ? "data" : "c", f->token);
	snprintf(f->what, sizeof(f->what), "%s", n->list == 0 ?
	    "the mailing lists of this host" : f->list.title);
	snprintf(f->from, sizeof(f->from), "%s%s@%.240s", f->list.name,
	    n->list != 0 ? "-request" : "postmaster", conf->bounce_domain);
	snprintf(f->owner, sizeof(f->owner), "%s-owner@%.240s", f->list.name,
	    conf->bounce_domain);
	ret = 0;
out:
	strbuf_free(&reply);
	strbuf_free(&path);
	return ret;
}

/* Mail to a role address, line by line: shown as text, never as a message. */
static json_t *
quote_mail(struct copier *c, const struct notice *n, struct err *e)
{
	struct strbuf raw = STRBUF_INIT(FORWARD_MAX);
	struct strbuf line = STRBUF_INIT(FORWARD_MAX * 3);
	json_t *lines = NULL;

	if (copier_read_content(c, n->content, FORWARD_MAX, &raw, e) == -1)
		goto out;
	lines = json_array();
	for (size_t at = 0; at < raw.len &&
	    json_array_size(lines) < FORWARD_LINES_MAX;) {
		const char *end = memchr(raw.s + at, '\n', raw.len - at);
		size_t len = end != NULL ? (size_t)(end - raw.s) - at :
		    raw.len - at;

		strbuf_reset(&line);
		utf8_append_repaired(&line, raw.s + at, len);
		json_array_append_new(lines, json_stringn(line.s, line.len));
		at += len + 1;
	}
out:
	strbuf_free(&line);
	strbuf_free(&raw);
	return lines;
}

/* The report that queue has written, as the body of a mail. */
static int
read_report(struct copier *c, const struct notice *n, struct facts *f,
    struct err *e)
{
	const struct tlsrpt_sender who = { .submitter =
		c->p.conf->bounce_domain };
	struct strbuf file = STRBUF_INIT(TLSRPT_REPORT_MAX);
	size_t at;
	int ret = -1;

	strbuf_init(&f->body, 2 * TLSRPT_REPORT_MAX);
	if (copier_read_content(c, n->content, TLSRPT_REPORT_MAX, &file,
	    e) == 0 && tlsrpt_about_get(file.s, file.len, &f->about, &at,
	    e) == 0)
		ret = tlsrpt_body(&who, &f->about, file.s + at, file.len - at,
		    &f->body, e);
	strbuf_free(&file);
	return ret;
}

static struct template *
compile(struct copier *c, const struct kind *kind, const struct facts *f,
    struct err *e)
{
	struct template_notice tn = {
		.from_name = f->list.id != 0 ? f->list.title : "",
		.from = f->from,
		.reply_to = f->reply_to[0] != '\0' ? f->reply_to : NULL,
		.subject = kind->subject, .text = kind->text,
		/* R159: an answer, and not what we thought of. */
		.auto_submitted = kind->text == help_text ? "auto-replied" :
		    "auto-generated",
		.list_title = f->list.id != 0 ? f->list.title : "",
		.id_domain = c->p.conf->hostname,
		.extra = { kind->form ? "Form-Sub" : NULL },
		.text_max = kind->max,
	};

	if (f->body.len > 0) {
		tn.media_type = TLSRPT_MEDIA_TYPE;
		tn.body = SLICE(f->body.s, f->body.len);
		tn.extra[0] = "TLS-Report-Domain";
		tn.extra[1] = "TLS-Report-Submitter";
	}

	return template_compile_notice(&tn, e);
}

int
notice_make(struct copier *c, struct made *m, const struct notice *n,
    struct err *e)
{
	const struct kind *kind = &kinds[n->kind];
	struct signing_key *key;
	struct facts f;
	struct template_values v = { .address = n->address,
		.message_token = f.message_token,
		.date_ms = n->created_ms, .bdat = m->copy.bdat };
	json_t *values = json_object();
	int ret = -1;

	if (read_facts(c, n, kind, &f, e) == -1 ||
	    (n->kind == NOTICE_TLS_REPORT && read_report(c, n, &f, e) == -1) ||
	    make_addresses(c, n, kind, m, &f, e) == -1 ||
	    (key = copier_key_for(c, c->p.conf->bounce_domain, e)) == NULL ||
	    (m->notice = compile(c, kind, &f, e)) == NULL)
		goto out;
	json_object_set_new(values, "link", json_string(f.link));
	json_object_set_new(values, "request", json_string(f.from));
	json_object_set_new(values, "owner", json_string(f.owner));
	json_object_set_new(values, "member", json_boolean(f.member));
	json_object_set_new(values, "what", json_string(f.what));
	json_object_set_new(values, "postmaster",
	    json_string(c->p.conf->postmaster));
	if (n->kind == NOTICE_FORWARD &&
	    json_object_set_new(values, "lines",
	    quote_mail(c, n, e)) == -1)
		goto out;
	v.attributes = values;
	v.extra[0] = kind->form ? "v=1" : NULL;
	if (n->kind == NOTICE_TLS_REPORT) {
		json_object_set_new(values, "domain",
		    json_string(f.about.domain));
		json_object_set_new(values, "id", json_string(f.about.id));
		json_object_set_new(values, "submitter",
		    json_string(c->p.conf->bounce_domain));
		v.extra[0] = f.about.domain;
		v.extra[1] = c->p.conf->bounce_domain;
	}
	memcpy(m->copy.token, f.token, sizeof(m->copy.token));
	ret = made_finish(c, m, m->notice, &v, key, e);
out:
	json_decref(values);
	strbuf_free(&f.body);
	return ret;
}
