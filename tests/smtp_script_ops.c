/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_script_ops.c - what a session asks and tells while a script is played.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/copy.h"
#include "listd/smtp_session_private.h"
#include "tests/smtp_script.h"

static uint8_t
op_gate(void *arg, const struct ipc_delivery *d)
{
	struct world *w = arg;

	w->passed[d->delivery] = d->delivery != w->closed_gate;
	return d->delivery == w->closed_gate ? 2 : 0;
}

static enum ipc_tls
op_tls(void *arg, const struct ipc_delivery *d)
{
	struct world *w = arg;

	(void)d;
	return w->list_tls;
}

static struct copy *
op_make(void *arg, const struct ipc_delivery *d, bool bdat, struct err *e)
{
	struct copy *c = xcalloc(1, sizeof(*c));
	struct world *w = arg;
	size_t large = d->delivery == 1 ? w->large : 0;
	char *p;

	(void)e;
	c->iov = (struct iovec *)xcalloc(1 + 2 * COPY_SPARE,
	    sizeof(*c->iov)) + COPY_SPARE;
	c->n = 1;
	c->bdat = bdat;
	c->iov[0].iov_base = p = xmalloc(large + 64);
	p += sprintf(p, "Subject: %u\r\n\r\n", (unsigned)d->delivery);
	memset(p, 'x', large);
	p += large;
	p += sprintf(p, "%u\r\n%s", (unsigned)d->delivery,
	    bdat ? "" : ".\r\n");
	c->octets = c->iov[0].iov_len = (size_t)(p -
	    (char *)c->iov[0].iov_base);
	snprintf(c->return_path, sizeof(c->return_path), "b-%u@b.example",
	    (unsigned)d->delivery);
	return c;
}

static int
op_sign(void *arg, struct copy *copy, struct err *e)
{
	struct world *w = arg;

	if (strtoul(copy->return_path + 2, NULL, 10) != w->unsignable)
		return 0;
	err_set(e, ERR_CRYPTO, "no signature");
	return -1;
}

static void
op_release(void *arg, struct copy *c)
{
	char *end;

	(void)arg;
	/* writev moved the piece; its memory began where it ends. */
	end = (char *)c->iov[0].iov_base + c->iov[0].iov_len;
	free(end - c->octets);
	free(c->iov - COPY_SPARE);
	free(c);
}

static void
op_mark(void *arg, const struct ipc_delivery *d, unsigned *slot,
    enum smtp_mark mark)
{
	struct world *w = arg;

	(void)slot;
	if (d->delivery < GATES)
		w->mark[d->delivery] = mark;
	if (mark != SMTP_MARK_DOT)
		return;
	w->content_begun = true;
	event_active(w->play, EV_TIMEOUT, 0);	/* once it is written */
}

/* The class of a refusal, and what it says. */
static void
note_class(struct world *w, uint32_t rule, uint8_t category)
{
	struct reply_rule_origin o = { .name = "-" };

	if (rule != 0)
		assert_true(reply_rules_class(w->rules, rule, &o));
	strbuf_addf(&w->events, " %s %s", o.name,
	    reply_category_name(category));
}

static void
op_outcome(void *arg, const struct ipc_outcome *o)
{
	static const char *const results[] = { "?", "delivered", "deferred",
		"failed", "skipped", "dropped", "unanswered", "refused" };
	struct world *w = arg;

	strbuf_addf(&w->events, "%u %s %u%s", (unsigned)o->what.delivery,
	    results[o->result], o->code, o->stage == IPC_STAGE_EHLO &&
	    o->enhanced[1] == 6 && o->enhanced[2] == 7 ? " 5.6.7" : "");
	if (w->rules != NULL && o->code >= 400) {
		note_class(w, o->rule, o->category);
		strbuf_addf(&w->events, " %s",
		    reply_recipient_name(o->recipient));
	}
	strbuf_adds(&w->events, "\n");
	/* What is about us or the host never counts against the person. */
	if (o->code == 0)
		assert_int_equal(o->recipient, 0);
	/* What is kept of a reply never names the person. */
	assert_null(strcasestr(o->text, "@one."));
}

static void
op_returned(void *arg, uint32_t session, uint64_t delivery)
{
	struct world *w = arg;

	(void)session;
	strbuf_addf(&w->events, "%u returned\n", (unsigned)delivery);
}

static void
op_state(void *arg, const struct ipc_session_state *s)
{
	static const char *const events[] = { "?", "up", "refused", "closed" };
	struct world *w = arg;

	strbuf_addf(&w->events, "%s %u", events[s->event], s->code);
	if (w->rules != NULL && s->spoken) {
		note_class(w, s->rule, s->category);
		strbuf_addf(&w->events, " stage %d x.%u.%u campaign %u",
		    s->stage, s->enhanced[1], s->enhanced[2], s->campaign);
	}
	strbuf_adds(&w->events, "\n");
	assert_null(strcasestr(s->text, "@one."));
	snprintf(w->why, sizeof(w->why), "%s", s->text);
	if (s->event != IPC_SESSION_UP)
		event_base_loopbreak(w->base);
}

const struct smtp_session_ops script_ops = {
	.gate = op_gate, .tls = op_tls, .make = op_make, .sign = op_sign,
	.release = op_release,
	.mark = op_mark, .outcome = op_outcome, .returned = op_returned,
	.state = op_state,
};
