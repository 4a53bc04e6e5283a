/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_session.c - the life of one granted connection: its events, what is
 * waited for, and when it ends.
 *
 * What fails before mail may be sent is trouble of the site and of no
 * recipient: everything goes back untried.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/xmalloc.h"
#include "listd/smtp_session_private.h"

int64_t
session_now(const struct smtp_session *s)
{
	return clock_mono_ms(timers_clock(s->env->timers));
}

const char *
session_host(const struct smtp_session *s)
{
	return s->grant.host[s->host].name;
}

const struct smtp_login *
session_login(const struct smtp_session *s)
{
	char host[256];

	if (!s->grant.relay || s->env->logins == NULL)
		return NULL;
	connect_split_port(session_host(s), host, 0);
	return smtp_logins_find(s->env->logins, host);
}

void
session_arm(struct smtp_session *s, int64_t wait_ms)
{
	timer_start(&s->timer, wait_ms);
	s->progress_ms = session_now(s);
}

static void
put_why(struct smtp_session *s, const char *why)
{
	snprintf(s->why_peer, sizeof(s->why_peer), "%s", s->peer);
	snprintf(s->why, sizeof(s->why), "%s", why);
}

void
session_why(struct smtp_session *s, const char *why)
{
	if (s->refusal.code == 0)
		put_why(s, why);
}

void
session_drop(struct smtp_session *s)
{
	smtp_conn_free(s->conn);
	s->conn = NULL;
	s->serial++;
	timer_cancel(&s->timer);
	if (s->lookup != NULL)
		resolver_cancel(s->lookup);
	s->lookup = NULL;
	s->expects = 0;
	s->need_rset = s->ahead = false;
}

bool
session_is_ahead(struct smtp_session *s)
{
	if (!s->ahead && s->expects == 0)
		s->ahead = smtp_conn_has_input(s->conn);
	return s->ahead;
}

static void
put_refusal(struct ipc_session_state *state, const struct refusal *f)
{
	if (f->code < 400)
		return;
	state->site = (uint8_t)f->verdict.class.site;
	if (f->told)
		return;
	state->spoken = true;
	state->stage = f->stage;
	state->enhanced[0] = f->enhanced.class;
	state->enhanced[1] = f->enhanced.subject;
	state->enhanced[2] = f->enhanced.detail;
	state->campaign = f->campaign;
	state->rule = f->verdict.rule;
	state->category = (uint8_t)f->verdict.class.category;
}

/* The session is over; say so once, holding nothing. */
void
session_over(struct smtp_session *s, enum ipc_session_event event)
{
	struct ipc_session_state state = { .session = s->grant.session,
		.event = event, .code = s->refusal.code,
		.connects = connect_untold(s) };

	session_drop(s);
	s->state = SESSION_OVER;
	items_return_waiting(s);
	snprintf(state.host, sizeof(state.host), "%s", s->why_peer);
	snprintf(state.text, sizeof(state.text), "%s", s->why);
	put_refusal(&state, &s->refusal);
	s->env->ops->state(s->env->arg, &state);
}

void
session_say(struct smtp_session *s, const char *text, int64_t wait_ms)
{
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };

	session_arm(s, wait_ms);
	if (smtp_conn_writev(s->conn, &iov, 1) == -1)
		session_fail(s, "connection lost while writing");
}

void
session_open(struct smtp_session *s)
{
	struct ipc_session_state state = { .session = s->grant.session,
		.event = IPC_SESSION_UP, .connects = connect_untold(s) };

	s->state = SESSION_OPEN;
	s->refusal.code = 0;
	s->connect_ms = (uint32_t)(session_now(s) - s->opened_ms);
	snprintf(state.host, sizeof(state.host), "%s", s->peer);
	s->env->ops->state(s->env->arg, &state);
	transaction_pump(s);
}

/* ---- events of the connection */

static void
session_reply(struct smtp_session *s, const struct smtp_reply *r, bool more)
{
	if (s->state == SESSION_OPEN)
		transaction_reply(s, r, more);
	else if (s->state == SESSION_QUIT)
		session_over(s, IPC_SESSION_CLOSED);
	else
		greeting_reply(s, r, more);
}

static void
on_connected(void *arg)
{
	struct smtp_session *s = arg;

	connect_answered(s);
	if (s->grant.relay == IPC_RELAY_TLS)
		greeting_tls(s);
	else
		greeting_await(s);
}

static void
on_secured(void *arg)
{
	greeting_secured(arg);
}

static void
on_data(void *arg, const uint8_t *p, size_t len)
{
	struct smtp_session *s = arg;
	unsigned serial = s->serial;
	size_t taken;

	while (len > 0) {
		if (s->state == SESSION_OPEN && s->expects == 0)
			s->ahead = true;
		switch (smtp_reply_feed(s->parser, p, len, &taken)) {
		case SMTP_REPLY_MORE:
			return;
		case SMTP_REPLY_MALFORMED:
			session_fail(s, smtp_reply_why(s->parser));
			return;
		case SMTP_REPLY_DONE:
			break;
		}
		p += taken;
		len -= taken;
		session_reply(s, smtp_reply_get(s->parser), len > 0);
		/* What else came was for a connection that is no more. */
		if (s->serial != serial)
			return;
	}
}

static void
on_drained(void *arg)
{
	struct smtp_session *s = arg;

	if (s->state == SESSION_OPEN)
		transaction_drained(s);
}

static void
on_closed(void *arg, const char *why, bool eof)
{
	struct smtp_session *s = arg;

	(void)eof;
	if (s->state == SESSION_QUIT)
		session_over(s, IPC_SESSION_CLOSED);
	else if (s->state < SESSION_OPEN)
		greeting_broken(s, why);
	else
		session_fail(s, why);
}

const struct smtp_conn_ops session_conn_ops = {
	.connected = on_connected, .secured = on_secured, .data = on_data,
	.drained = on_drained, .closed = on_closed,
};

/* A long copy may take more than one block's time to leave. */
static bool
is_leaving(const struct smtp_session *s)
{
	size_t queued = s->state == SESSION_OPEN ?
	    smtp_conn_queued(s->conn) : 0;

	return queued > 0 && queued + BLOCK_MIN <= s->queued;
}

static void
on_timeout(void *arg)
{
	struct smtp_session *s = arg;

	if (is_leaving(s))
		transaction_await(s);
	else if (s->state == SESSION_OPEN && s->held == 0)
		session_quit(s);	/* nothing to do for long enough */
	else
		on_closed(s, s->state == SESSION_TLS ?
		    "TLS handshake timed out" : "timed out", false);
}

/* ---- the watch */

/* More than anything is ever waited for. */
static int64_t
longest_wait(const struct conf *c)
{
	const int64_t waits[] = {
		c->timeout_connect, c->timeout_banner, c->timeout_command,
		c->timeout_mail, c->timeout_rcpt, c->timeout_data,
		c->timeout_block, c->timeout_dot, c->timeout_quit,
		c->idle_connection,
	};
	int64_t longest = 0;

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (waits[i] > longest)
			longest = waits[i];
	return longest + SMTP_SESSION_WEDGED_MS;
}

bool
smtp_session_watch(struct smtp_session *s)
{
	static const char why[] = "no progress past all limits of time";

	if (s->state == SESSION_OVER || session_now(s) - s->progress_ms <
	    longest_wait(s->env->conf)) {
		s->suspect = false;
		return false;
	}
	/* When the clock has jumped its own timer is about to speak. */
	if (!s->suspect) {
		s->suspect = true;
		return false;
	}
	session_why(s, why);
	if (s->state == SESSION_OPEN)
		items_lost(s, 0, why);
	session_over(s, IPC_SESSION_REFUSED);
	return true;
}

/* ---- the end */

/*
 * Something broke.  Before the first greeting another address may do better;
 * after it, deliveries have begun and the site's state is news for queue.
 */
static void
broken(struct smtp_session *s, uint16_t code)
{
	bool orderly = s->state == SESSION_QUIT;

	if (s->state != SESSION_OPEN && !orderly) {
		connect_failed(s, code);
		return;
	}
	/* A peer that hangs up after some messages just wants a new call. */
	if ((s->ended > 0 && code == 0 && !s->site_trouble) || s->broken)
		orderly = true;
	items_lost(s, code, s->why);
	session_over(s, orderly ? IPC_SESSION_CLOSED : IPC_SESSION_REFUSED);
}

void
session_fail(struct smtp_session *s, const char *why)
{
	session_why(s, why);
	broken(s, 0);
}

void
session_end(struct smtp_session *s, const struct refusal *by, const char *why)
{
	s->refusal = *by;
	put_why(s, why);
	broken(s, by->code);
}

void
session_quit(struct smtp_session *s)
{
	items_return_waiting(s);
	s->state = SESSION_QUIT;
	session_why(s, "");
	session_say(s, "QUIT\r\n", s->env->conf->timeout_quit);
	if (s->winding_down && s->state == SESSION_QUIT)
		session_over(s, IPC_SESSION_CLOSED);
}

/* ---- life */

struct smtp_session *
smtp_session_start(const struct smtp_session_env *env,
    const struct ipc_session_open *grant)
{
	struct smtp_session *s = xcalloc(1, sizeof(*s));

	s->env = env;
	s->grant = *grant;
	TAILQ_INIT(&s->items);
	strbuf_init(&s->command, COMMAND_MAX);
	strbuf_init(&s->envelope, COMMAND_MAX);
	timer_init(&s->timer, env->timers, on_timeout, s);
	if ((s->parser = smtp_reply_new()) == NULL)
		abort();		/* no memory for a fixed size */
	s->told = 1;			/* the grant counted one */
	session_why(s, "no host to try");
	connect_first_host(s);
	return s;
}

void
smtp_session_free(struct smtp_session *s)
{
	struct item *item;

	if (s == NULL)
		return;
	session_drop(s);
	while ((item = TAILQ_FIRST(&s->items)) != NULL) {
		TAILQ_REMOVE(&s->items, item, entry);
		s->env->ops->mark(s->env->arg, &item->d, &item->slot,
		    SMTP_MARK_NONE);
		if (item->copy != NULL)
			s->env->ops->release(s->env->arg, item->copy);
		free(item);
	}
	tlsa_clear(&s->tlsa);
	smtp_reply_free(s->parser);
	strbuf_free(&s->command);
	strbuf_free(&s->envelope);
	free(s);
}

void
smtp_session_close(struct smtp_session *s)
{
	s->closing = true;
	if (s->state == SESSION_OPEN && s->held == 0)
		session_quit(s);
}

void
smtp_session_wind_down(struct smtp_session *s)
{
	s->closing = s->winding_down = true;
	items_return_waiting(s);
	if (s->state < SESSION_OPEN || s->state == SESSION_QUIT)
		session_over(s, IPC_SESSION_CLOSED);
	else if (s->state == SESSION_OPEN && s->held == 0)
		session_quit(s);
}
