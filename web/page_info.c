/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_info.c - pages that can only be read.
 */
#include "config.h"

#include "lib/err.h"
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
 * Only for who asks from near by, and not through a proxy that happens to be
 * near: that one would have said for whom.
 */
void
page_metrics(struct exchange *x)
{
	if (x->has_for || x->has_forwarded ||
	    (!client_ip_loopback(x->from.ip) &&
	    !conf_cidrs_match(&x->site->trusted_proxies, 6, x->from.ip))) {
		answer_plain(x, 404, TEXT_404_TITLE, TEXT_404);
		return;
	}
	metrics_format(x->env->metrics, answer_text(&x->answer, 200));
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
