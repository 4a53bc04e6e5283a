/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_confirm.c - the link of a confirmation mail.
 *
 * Scanners follow every link of a mail within seconds (T1), so the link shows
 * a page with one button, and only the button's post confirms.  The page
 * says what is known of the token; a guessed one is not known, and a guess
 * has 128 bits to find.
 */
#include "config.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/formdata.h"
#include "lib/token.h"
#include "web/html.h"
#include "web/looks.h"
#include "web/page.h"
#include "web/shown.h"
#include "web/view.h"

/* Has the argument the shape of a token?  Then hash is its hash. */
static bool
shape(const struct exchange *x, uint8_t hash[static TOKEN_HASH_OCTETS])
{
	return token_hash(x->route.argument, strlen(x->route.argument), hash);
}

/* 1, 0 not known, -1: not to be told now; the post will tell. */
static int
look(const struct exchange *x, struct view_request *r_r)
{
	return x->env->view->request(x->env->view_arg, x->route.argument,
	    clock_utc_ms(x->env->clock), r_r, NULL);
}

/*
 * What the page says to who confirms a subscription, the address left out.
 * False: it is not known what.
 */
static bool
page_shown(const struct exchange *x, const struct view_request *r,
    struct shown *s)
{
	shown_begin(s, x->site->hostname, "/c/");
	if (r->purpose != TOKEN_CONFIRM_SUBSCRIPTION || r->title[0] == '\0')
		return false;
	shown_line(s, TEXT_CONFIRM_TITLE, NULL);
	shown_line(s, TEXT_CONFIRM_ASK_LIST, r->title);
	shown_line(s, TEXT_CONFIRM_ADDRESS, "...");
	shown_words(s, r->statement);
	shown_line(s, TEXT_CONFIRM_BUTTON, NULL);
	shown_line(s, TEXT_CONFIRM_NOT_YOU, NULL);
	return shown_end(s);
}

/* The page says by its hash what it showed, for the post to say it again. */
static void
hide_shown(struct exchange *x, struct strbuf *out,
    const struct view_request *r)
{
	struct shown s;

	if (page_shown(x, r, &s))
		html_hidden(out, "shown", s.hex);
	shown_free(&s);
}

/*
 * The post came from this very page: then its text is what was agreed to.
 * *s has the text, which is to be freed.
 */
static void
tell_shown(struct exchange *x, struct shown *s, struct ipc_confirm *c)
{
	char hex[SHOWN_HEX + 1] = "";
	struct formdata fields;
	struct view_request r;

	formdata_init(&fields);
	formdata_parse(&fields, exchange_type(x), x->body.s, x->body.len,
	    NULL);
	formdata_text(&fields, "shown", hex, sizeof(hex));
	formdata_free(&fields);
	strbuf_init(&s->text, 0);
	if (hex[0] != '\0' && look(x, &r) == 1 && page_shown(x, &r, s) &&
	    strcmp(s->hex, hex) == 0)
		shown_tell(s, &c->evidence, &c->shown);
}

static void
ask_page(struct exchange *x, const struct view_request *r)
{
	struct strbuf *out = answer_html(&x->answer, 200);
	bool owner = r != NULL && r->purpose == TOKEN_CONFIRM_OWNER;

	html_begin(out, owner ? TEXT_CONFIRM_OWNER_TITLE :
	    TEXT_CONFIRM_TITLE, NULL);
	if (r != NULL && r->purpose == TOKEN_CONFIRM_CHANGE)
		html_paragraph(out, TEXT_CONFIRM_CHANGE_ASK, NULL);
	else if (owner && r->title[0] != '\0')
		html_paragraph(out, TEXT_CONFIRM_OWNER_ASK, r->title);
	else if (r != NULL && r->purpose == TOKEN_CONFIRM_SUBSCRIPTION &&
	    r->title[0] != '\0')
		html_paragraph(out, TEXT_CONFIRM_ASK_LIST, r->title);
	else
		html_paragraph(out, TEXT_CONFIRM_ASK, NULL);
	if (r != NULL)
		html_paragraph(out, TEXT_CONFIRM_ADDRESS, r->address);
	if (r != NULL && r->purpose == TOKEN_CONFIRM_SUBSCRIPTION)
		html_statement(out, r->statement);
	html_form_begin(out);
	if (r != NULL)
		hide_shown(x, out, r);
	html_button(out, TEXT_CONFIRM_BUTTON, "");
	html_form_end(out);
	strbuf_adds(out, "<div class=\"soft apart\">");
	html_paragraph(out, TEXT_CONFIRM_NOT_YOU, NULL);
	strbuf_adds(out, "</div>\n");
	html_end(out, x->site);
}

void
page_confirm_get(struct exchange *x)
{
	uint8_t hash[TOKEN_HASH_OCTETS];
	struct view_request r;
	int rc = shape(x, hash) ? look(x, &r) : 0;

	if (rc == 0 || (rc == 1 && r.purpose == TOKEN_CONFIRM_EXPORT)) {
		answer_plain(x, 404, TEXT_UNKNOWN_TITLE, TEXT_UNKNOWN);
		return;
	}
	if (rc == -1) {
		ask_page(x, NULL);
		return;
	}
	switch (r.state) {
	case VIEW_PENDING:
		looks_note(x->env->looks, hash, x->began_ms, x->from.ip,
		    x->agent);
		ask_page(x, &r);
		break;
	case VIEW_CONFIRMED:
		answer_plain(x, 200, TEXT_AGAIN_TITLE, TEXT_AGAIN);
		break;
	case VIEW_EXPIRED:
		answer_plain(x, 410, TEXT_EXPIRED_TITLE, TEXT_EXPIRED);
		break;
	case VIEW_VOID:
		answer_plain(x, 410, TEXT_VOID_TITLE, TEXT_VOID);
		break;
	}
}

enum exchange_step
page_confirm_post(struct exchange *x)
{
	uint8_t hash[TOKEN_HASH_OCTETS];
	struct ipc_confirm c;
	struct shown shown;
	struct look first;

	if (!shape(x, hash)) {
		answer_plain(x, 404, TEXT_UNKNOWN_TITLE, TEXT_UNKNOWN);
		return EXCHANGE_ANSWERED;
	}
	memset(&c, 0, sizeof(c));
	c.request = exchange_ask(x, IPC_CONFIRM, true);
	exchange_evidence(x, "page", &c.evidence);
	memcpy(c.token, x->route.argument, TOKEN_CONFIRM_LEN);
	first = looks_of(x->env->looks, hash);
	c.looks = first.n;
	c.look_ms = first.first_ms;
	memcpy(c.look_ip, first.ip, sizeof(c.look_ip));
	memcpy(c.look_agent, first.agent, sizeof(c.look_agent));
	tell_shown(x, &shown, &c);
	ipc_put_confirm(&x->ask.frame, &c);
	shown_free(&shown);
	return exchange_asked(x);
}

static void
confirmed_page(struct exchange *x)
{
	struct strbuf *out = answer_html(&x->answer, 200);
	struct view_request r;
	int rc = look(x, &r);

	html_begin(out, TEXT_CONFIRMED_TITLE, NULL);
	if (rc == 1 && r.purpose == TOKEN_CONFIRM_SUBSCRIPTION &&
	    r.title[0] != '\0') {
		html_paragraph(out, TEXT_CONFIRMED_LIST, r.title);
		html_paragraph(out, TEXT_CONFIRMED_LEAVE, NULL);
	} else {
		html_paragraph(out, TEXT_CONFIRMED, NULL);
	}
	html_end(out, x->site);
}

void
page_confirm_reply(struct exchange *x, enum ipc_result result,
    const char *text)
{
	if (result == IPC_OK && strcmp(text, IPC_TEXT_AGAIN) == 0)
		answer_plain(x, 200, TEXT_AGAIN_TITLE, TEXT_AGAIN);
	else if (result == IPC_OK)
		confirmed_page(x);
	else if (result == IPC_NO && strcmp(text, IPC_TEXT_VOID) == 0)
		answer_plain(x, 410, TEXT_VOID_TITLE, TEXT_VOID);
	else if (result == IPC_NO && text[0] != '\0')
		answer_plain(x, 410, TEXT_EXPIRED_TITLE, TEXT_EXPIRED);
	else if (result == IPC_NO)	/* it could not be looked at */
		answer_try_again(x);
	else
		answer_plain(x, 404, TEXT_UNKNOWN_TITLE, TEXT_UNKNOWN);
}
