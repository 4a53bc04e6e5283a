/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_join.c - asking to join a list.
 *
 * A request counts when it follows a form that was shown: the form's token
 * proves the text and the time (form_token.h).  Whoever posts without one -
 * a form on another site, a program, a page kept open over night - gets the
 * form once more with the address filled in, and has only to press again.
 *
 * The answer to a request is the same page whatever the address is to the
 * store (T7, S29).  Only that it is no address at all is told, because the
 * text shows that by itself.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/formdata.h"
#include "web/form_token.h"
#include "web/html.h"
#include "web/page.h"
#include "web/shown.h"
#include "web/view.h"

/* A form as it is shown: its text, and the hash that stands for it. */
struct form {
	struct view_list list;
	struct shown	 shown;
};

/* The words of the form in their order, which is what is consented to. */
static bool
form_shown(struct form *f, const struct site *site)
{
	char path[VIEW_NAME_MAX + 16];

	snprintf(path, sizeof(path), "/join/%s", f->list.name);
	shown_begin(&f->shown, site->hostname, path);
	shown_line(&f->shown, TEXT_JOIN_TITLE, f->list.title);
	shown_line(&f->shown, TEXT_JOIN_ASK, f->list.title);
	shown_line(&f->shown, TEXT_JOIN_THEN, NULL);
	shown_line(&f->shown, TEXT_JOIN_ADDRESS, NULL);
	shown_line(&f->shown, TEXT_JOIN_BUTTON, NULL);
	shown_words(&f->shown, f->list.statement);
	return shown_end(&f->shown);
}

/* False with the answer made: no such list, or it cannot be looked up. */
static bool
form_find(struct exchange *x, struct form *f)
{
	int rc = x->env->view->list(x->env->view_arg, x->route.argument,
	    &f->list, NULL);

	strbuf_init(&f->shown.text, 0);
	if (rc == 1 && !f->list.gone && f->list.open &&
	    form_shown(f, x->site))
		return true;
	if (rc == 0 || (rc == 1 && (f->list.gone || !f->list.open)))
		answer_no_list(x);
	else
		answer_try_again(x);
	shown_free(&f->shown);
	return false;
}

static void
form_page(struct exchange *x, const struct form *f, enum text note,
    const char *address)
{
	struct strbuf *out = answer_html(&x->answer, 200);
	char token[FORM_TOKEN_LEN + 1];

	form_token_make(x->env->keys, f->list.id, f->shown.hash,
	    clock_utc_ms(x->env->clock), token);
	html_begin(out, TEXT_JOIN_TITLE, f->list.title);
	if (note != TEXT_NONE)
		html_note(out, note);
	html_paragraph(out, TEXT_JOIN_ASK, f->list.title);
	html_paragraph(out, TEXT_JOIN_THEN, NULL);
	html_form_begin(out);
	html_hidden(out, "form", token);
	html_address_field(out, TEXT_JOIN_ADDRESS, address);
	html_button(out, TEXT_JOIN_BUTTON, "");
	html_form_end(out);
	strbuf_adds(out, "<div class=\"soft apart\">");
	html_statement(out, f->list.statement);
	strbuf_adds(out, "</div>\n");
	html_end(out, x->site);
}

void
page_join_get(struct exchange *x)
{
	struct form f;

	if (!form_find(x, &f))
		return;
	form_page(x, &f, TEXT_NONE, "");
	shown_free(&f.shown);
}

static bool
is_address(const char *text)
{
	struct address a;

	return address_parse(text, strlen(text), ADDRESS_UTF8, &a, NULL) == 0;
}

static enum exchange_step
ask_queue(struct exchange *x, const struct form *f, const char *address)
{
	struct ipc_subscribe s;

	memset(&s, 0, sizeof(s));
	x->malformed = !is_address(address);
	s.request = exchange_ask(x, IPC_SUBSCRIBE, false);
	exchange_evidence(x, "form", &s.evidence);
	shown_tell(&f->shown, &s.evidence, &s.shown);
	memcpy(s.list, f->list.name, sizeof(f->list.name));
	memcpy(s.address, address, strlen(address) + 1);
	ipc_put_subscribe(&x->ask.frame, &s);
	return exchange_asked(x);
}

/* The fields of the form; what was posted but is no form at all has none. */
static void
read_fields(const struct exchange *x, char *address, size_t address_size,
    char *token, size_t token_size)
{
	struct formdata fields;

	formdata_init(&fields);
	formdata_parse(&fields, exchange_type(x), x->body.s, x->body.len,
	    NULL);
	/* Forms of other sites, written for other programs, say email. */
	if (!formdata_text(&fields, "address", address, address_size))
		formdata_text(&fields, "email", address, address_size);
	formdata_text(&fields, "form", token, token_size);
	formdata_free(&fields);
}

enum exchange_step
page_join_post(struct exchange *x)
{
	char address[sizeof(((struct ipc_subscribe *)0)->address)];
	char token[FORM_TOKEN_LEN + 1];
	enum exchange_step step = EXCHANGE_ANSWERED;
	struct form f;

	if (!form_find(x, &f))
		return EXCHANGE_ANSWERED;
	read_fields(x, address, sizeof(address), token, sizeof(token));
	if (address[0] == '\0')
		form_page(x, &f, TEXT_JOIN_MALFORMED, "");
	else if (form_token_check(x->env->keys, token, f.list.id, f.shown.hash,
	    clock_utc_ms(x->env->clock)) != FORM_TOKEN_GOOD)
		form_page(x, &f, TEXT_JOIN_AGAIN, address);
	else
		step = ask_queue(x, &f, address);
	shown_free(&f.shown);
	return step;
}

static void
joined_page(struct exchange *x)
{
	struct strbuf *out = answer_html(&x->answer, 200);

	html_begin(out, TEXT_JOINED_TITLE, NULL);
	html_paragraph(out, TEXT_JOINED_LOOK, NULL);
	html_paragraph(out, TEXT_JOINED_NOTHING, NULL);
	html_end(out, x->site);
}

/*
 * IPC_NO never speaks of what is known of an address: it is none, or the list
 * closed meanwhile, or the request could not be recorded.
 */
void
page_join_reply(struct exchange *x, enum ipc_result result)
{
	struct form f;

	if (result == IPC_OK) {
		joined_page(x);
	} else if (result == IPC_UNKNOWN) {
		answer_no_list(x);
	} else if (form_find(x, &f)) {
		if (x->malformed)
			form_page(x, &f, TEXT_JOIN_MALFORMED, "");
		else
			answer_try_again(x);
		shown_free(&f.shown);
	}
}
