/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_leave.c - leaving a list: the link of each message, and the one-click
 * post of mail programs (RFC 8058).
 *
 * The token alone says who leaves what, so the post works when list, campaign
 * and member are long gone, and it needs no cookie, no login, no Referer and
 * no body (R27, R29, R32).  Two things are read from the body: all=1, which
 * only the second button of our own page posts, and which a body that has the
 * field of RFC 8058 can not widen itself by (T17); and whether the post came
 * from our page at all, which goes into the evidence.
 */
#include "config.h"

#include <string.h>

#include "lib/err.h"
#include "lib/formdata.h"
#include "lib/token.h"
#include "web/html.h"
#include "web/page.h"
#include "web/view.h"

#define ONE_CLICK	"List-Unsubscribe"	/* the field of RFC 8058 */

static bool
read_token(const struct exchange *x, struct token_unsubscribe *t_r)
{
	return token_url_parse(x->env->keys, x->route.argument,
	    strlen(x->route.argument), t_r);
}

static void
all_form(struct strbuf *out)
{
	strbuf_adds(out, "<div class=\"apart\">\n");
	html_form_begin(out);
	html_paragraph(out, TEXT_LEAVE_ALL_ASK, NULL);
	html_hidden(out, "page", "1");
	html_hidden(out, "all", "1");
	html_button(out, TEXT_LEAVE_ALL_BUTTON, " class=\"second\"");
	html_form_end(out);
	strbuf_adds(out, "</div>\n");
}

void
page_leave_get(struct exchange *x)
{
	struct token_unsubscribe t;
	struct view_list l;
	struct strbuf *out;

	if (!read_token(x, &t)) {
		out = answer_html(&x->answer, 404);
		html_begin(out, TEXT_LEAVE_CUT_TITLE, NULL);
		html_paragraph_mailto(out, TEXT_LEAVE_CUT,
		    x->site->postmaster);
		html_end(out, x->site);
		return;
	}
	out = answer_html(&x->answer, 200);
	html_begin(out, TEXT_LEAVE_TITLE, NULL);
	/* The list may be gone, or the store closed: leaving works (T15). */
	if (x->env->view->list_by_id(x->env->view_arg, t.list, &l, NULL) == 1)
		html_paragraph(out, TEXT_LEAVE_ASK_LIST, l.title);
	else
		html_paragraph(out, TEXT_LEAVE_ASK, NULL);
	html_form_begin(out);
	html_hidden(out, "page", "1");
	html_button(out, TEXT_LEAVE_BUTTON, "");
	html_form_end(out);
	all_form(out);
	html_end(out, x->site);
}

static bool
field_is_one(const struct formdata *f, const char *name)
{
	struct slice v;

	return formdata_get(f, name, &v) && v.len == 1 && v.p[0] == '1';
}

/* *page_r: the post is of our own page. */
static enum ipc_leave
read_scope(const struct exchange *x, bool *page_r)
{
	enum ipc_leave scope = IPC_LEAVE_LIST;
	struct formdata f;
	struct slice v;

	formdata_init(&f);
	/* A body that makes no sense takes nothing from the token (R29). */
	formdata_parse(&f, exchange_type(x), x->body.s, x->body.len, NULL);
	*page_r = !formdata_get(&f, ONE_CLICK, &v) && field_is_one(&f, "page");
	if (*page_r && field_is_one(&f, "all"))
		scope = IPC_LEAVE_ORGANIZATION;
	formdata_free(&f);
	return scope;
}

/* Its page is there ready-made; who has none calls exchange_fixed(). */
static void
left(struct exchange *x)
{
	answer_html(&x->answer, 200);
	x->answer.fixed = x->scope == IPC_LEAVE_ORGANIZATION ?
	    ANSWER_FIXED_LEFT_ALL : ANSWER_FIXED_LEFT;
}

void
page_left(struct strbuf *out, const struct site *site, bool all)
{
	html_begin(out, TEXT_LEFT_TITLE, NULL);
	html_paragraph(out, all ? TEXT_LEFT_ALL : TEXT_LEFT, NULL);
	html_paragraph(out, TEXT_LEFT_MISTAKE, NULL);
	if (!all)
		all_form(out);
	html_end(out, site);
}

enum exchange_step
page_leave_post(struct exchange *x)
{
	struct token_unsubscribe t;
	struct ipc_unsubscribe u;
	bool page;

	x->scope = read_scope(x, &page);
	if (!read_token(x, &t)) {
		left(x);
		return EXCHANGE_ANSWERED;
	}
	memset(&u, 0, sizeof(u));
	u.request = exchange_ask(x, IPC_UNSUBSCRIBE, true);
	exchange_evidence(x, page ? "page" : "one-click", &u.evidence);
	u.list = t.list;
	u.campaign = t.campaign;
	memcpy(u.hash, t.address, sizeof(u.hash));
	u.scope = x->scope;
	ipc_put_unsubscribe(&x->ask.frame, &u);
	return exchange_asked(x);
}

/*
 * A list that is not known is an end too: nothing is left that could be
 * mailed.  IPC_NO is a change that could not be made, and is not called done.
 */
void
page_leave_reply(struct exchange *x, enum ipc_result result)
{
	if (result == IPC_NO)
		answer_try_again(x);
	else
		left(x);
}
