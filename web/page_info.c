/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_info.c - pages that can only be read.
 */
#include "config.h"

#include "lib/err.h"
#include "lib/exposition.h"
#include "web/html.h"
#include "web/metrics.h"
#include "web/page.h"
#include "web/view.h"

void
page_home(struct exchange *x)
{
	struct strbuf *out = answer_html(&x->answer, 200);

	html_begin(out, TEXT_HOME_TITLE, x->site->hostname);
	html_paragraph(out, TEXT_HOME_WHAT, NULL);
	html_paragraph_mailto(out, TEXT_HOME_WHO, x->site->postmaster);
	html_heading(out, TEXT_HOME_LEAVE_HEAD);
	html_paragraph(out, TEXT_HOME_LEAVE, NULL);
	html_heading(out, TEXT_HOME_ABUSE_HEAD);
	html_paragraph(out, TEXT_HOME_ABUSE, NULL);
	html_link(out, TEXT_FOOT_ABUSE, x->site->prefix, "/abuse", "");
	html_end(out, x->site);
}

/* Robots that stop when told (S29). */
void
page_robots(struct exchange *x)
{
	strbuf_adds(answer_text(&x->answer, 200),
	    "User-agent: *\nDisallow: /\n");
}

void
page_health(struct exchange *x)
{
	bool store = x->env->view->ready(x->env->view_arg, NULL) == 1;
	bool queue = atomic_load(&x->env->queue_up);
	struct strbuf *out = answer_text(&x->answer,
	    store && queue ? 200 : 503);

	if (store && queue)
		strbuf_adds(out, "ok\n");
	if (!store)
		strbuf_adds(out, "the store cannot be read\n");
	if (!queue)
		strbuf_adds(out, "the queue role is not there\n");
}

/*
 * What a proxy passes on is for somebody else, even when the proxy may ask: one
 * that happens to run on this host must not open this page to the world.
 */
static bool
may_see_metrics(const struct exchange *x)
{
	const struct conf_cidrs *allow = &x->site->metrics_allow;

	if (x->has_for || x->has_forwarded)
		return false;
	return allow->n == 0 ? client_ip_loopback(x->from.ip) :
	    conf_cidrs_match(allow, 6, x->from.ip);
}

enum exchange_step
page_metrics(struct exchange *x)
{
	uint64_t id;

	if (!may_see_metrics(x)) {
		answer_plain(x, 403, TEXT_403_TITLE, TEXT_403);
		return EXCHANGE_ANSWERED;
	}
	/* That queue is gone is a figure too, and told without waiting. */
	if (!atomic_load(&x->env->queue_up)) {
		page_metrics_reply(x, IPC_TRY_AGAIN);
		return EXCHANGE_ANSWERED;
	}
	id = exchange_ask(x, IPC_FIGURES, true);
	pack_u64(&x->ask.frame, id);
	answer_text(&x->answer, 200);
	x->ask.into = &x->answer.body;
	return exchange_asked(x);
}

/* Queue's figures are in the body, or nothing of them. */
void
page_metrics_reply(struct exchange *x, enum ipc_result result)
{
	struct strbuf *out = &x->answer.body;

	if (result != IPC_OK)
		answer_text(&x->answer, 200);
	x->answer.type = ANSWER_FIGURES;
	exposition_one(out, "listd_queue_up", "gauge",
	    "1: the queue role answered.", result == IPC_OK);
	metrics_format(x->env->metrics, out);
}

static void
item(struct strbuf *out, enum text id)
{
	strbuf_adds(out, "<li>");
	html_text(out, id, NULL);
	strbuf_adds(out, "</li>\n");
}

/* What a report should contain (S64). */
void
page_abuse(struct exchange *x)
{
	struct strbuf *out = answer_html(&x->answer, 200);

	html_begin(out, TEXT_ABUSE_TITLE, NULL);
	html_paragraph_mailto(out, TEXT_ABUSE_WHERE, x->site->abuse);
	html_heading(out, TEXT_ABUSE_NEEDS_HEAD);
	strbuf_adds(out, "<ul>\n");
	item(out, TEXT_ABUSE_NEEDS_MESSAGE);
	item(out, TEXT_ABUSE_NEEDS_TIME);
	item(out, TEXT_ABUSE_NEEDS_ASKED);
	item(out, TEXT_ABUSE_NEEDS_NAME);
	strbuf_adds(out, "</ul>\n");
	html_heading(out, TEXT_ABUSE_HOW_HEAD);
	html_paragraph(out, TEXT_ABUSE_HOW, NULL);
	html_paragraph(out, TEXT_ABUSE_MACHINE, NULL);
	html_heading(out, TEXT_ABUSE_THEN_HEAD);
	html_paragraph(out, TEXT_ABUSE_THEN, NULL);
	html_end(out, x->site);
}

static void
list_page(struct exchange *x, const struct view_list *l)
{
	struct strbuf *out = answer_html(&x->answer, 200);

	html_begin(out, TEXT_LIST_TITLE, l->title);
	html_paragraph(out, TEXT_LIST_WHAT, x->site->hostname);
	html_paragraph(out, TEXT_LIST_FROM, l->from);
	html_heading(out, TEXT_LIST_JOIN_HEAD);
	html_paragraph(out, l->open ? TEXT_LIST_JOIN : TEXT_LIST_CLOSED, NULL);
	if (l->open)
		html_link(out, TEXT_LIST_JOIN_LINK, x->site->prefix, "/join/",
		    l->name);
	html_heading(out, TEXT_LIST_LEAVE_HEAD);
	html_paragraph(out, TEXT_LIST_LEAVE, NULL);
	html_paragraph_mailto(out, TEXT_LIST_LEAVE_HELP, x->site->postmaster);
	if (l->postal[0] != '\0') {
		html_heading(out, TEXT_LIST_POSTAL_HEAD);
		html_lines(out, l->postal);
	}
	html_end(out, x->site);
}

/* Where List-Help of each message leads. */
void
page_list(struct exchange *x)
{
	struct view_list l;
	int rc = x->env->view->list(x->env->view_arg, x->route.argument, &l,
	    NULL);

	if (rc == -1)
		answer_try_again(x);
	else if (rc == 0 || l.gone)
		answer_no_list(x);
	else
		list_page(x, &l);
}
