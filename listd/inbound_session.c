/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inbound_session.c - one incoming SMTP or LMTP connection.
 *
 * lib/smtp_proto.h speaks; this feeds it what came, answers its questions from
 * the store, gathers the message, and waits for queue before the last answer.
 * Input is read only while no question is open, so a peer that pipelines more
 * than it may waits in its own socket.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/smtp_proto.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/inbound.h"
#include "listd/role.h"
#include "spool/content.h"

struct recipient {
	struct inbound_target	 target;
	bool			 waiting;
	enum ipc_result		 result;
};

struct inbound_session {
	TAILQ_ENTRY(inbound_session) entry;
	struct inbound		*in;
	struct bufferevent	*bev;
	struct smtp_proto	*proto;
	bool			 lmtp, closing, tls;
	bool			 running;	/* inside session_run() */
	struct timer		 timer;
	char			 ip_text[INET6_ADDRSTRLEN];
	uint8_t			 ip[16];
	uint16_t		 port;
	uint64_t		 id;

	/* the transaction */
	struct recipient	 rcpt[SMTP_PROTO_RCPT_MAX];
	unsigned		 nrcpt;
	struct inbound_message	 message;
	struct content_file	*file;		/* for role mail */
	bool			 file_failed;
};

static void session_run(struct inbound_session *s);

struct inbound_session *
inbound_session_next(struct inbound_session *s)
{
	return TAILQ_NEXT(s, entry);
}

/* ---- the log */

static void
log_event(const struct inbound_session *s, enum log_level level,
    const char *event, const char *key, const char *value)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_hex(&l, "session", s->id);
	log_str(&l, "ip", s->ip_text);
	log_int(&l, "port", s->port);
	if (key != NULL)
		log_str(&l, key, value);
	log_end(&l);
}

/* ---- the end of a connection */

static void
reset_message(struct inbound_session *s)
{
	content_abandon(s->file);
	s->file = NULL;
	s->file_failed = false;
	s->nrcpt = 0;
	strbuf_reset(&s->message.head);
}

static void
session_free(struct inbound_session *s)
{
	struct inbound *in = s->in;

	log_event(s, LEVEL_INFO, "disconnect", "why",
	    smtp_proto_why(s->proto));
	timer_cancel(&s->timer);
	inbound_forget(in, s);
	reset_message(s);
	strbuf_free(&s->message.head);
	smtp_proto_free(s->proto);
	bufferevent_free(s->bev);
	TAILQ_REMOVE(&in->sessions, s, entry);
	in->nsessions--;
	free(s);
	inbound_session_gone(in);
}

static void
flush_output(struct inbound_session *s)
{
	struct strbuf *out = smtp_proto_output(s->proto);

	if (out->len > 0)
		bufferevent_write(s->bev, out->s, out->len);
	strbuf_consume(out, out->len);
}

/* Less time under load (section 4: 60 s instead of 5 min). */
static void
arm_idle(struct inbound_session *s)
{
	const struct conf *conf = s->in->env->conf;
	bool load = (int64_t)s->in->nsessions * 5 >
	    conf->inbound_connections * 4;

	timer_start(&s->timer, load ? conf->inbound_idle_load :
	    conf->inbound_idle);
}

/*
 * Say that no more will come, once all replies have left.  Under TLS that is a
 * close_notify, which goes the way of the replies; the socket is not to be
 * shut beneath it, where they may still lie.
 */
static void
end_writing(struct inbound_session *s)
{
	SSL *ssl;

	if (evbuffer_get_length(bufferevent_get_output(s->bev)) > 0)
		return;
	if (!s->tls) {
		shutdown(bufferevent_getfd(s->bev), SHUT_WR);
		return;
	}
	ssl = bufferevent_openssl_get_ssl(s->bev);
	if (SSL_is_init_finished(ssl) &&
	    (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN) == 0)
		SSL_shutdown(ssl);
	ERR_clear_error();
}

/* The last reply is on its way; read and drop so that it is not lost. */
static void
session_close(struct inbound_session *s)
{
	flush_output(s);
	if (s->closing)
		return;
	s->closing = true;
	bufferevent_enable(s->bev, EV_READ);
	timer_start(&s->timer, INBOUND_LINGER_MS);
	end_writing(s);
}

static void
on_timer(void *arg)
{
	struct inbound_session *s = arg;

	if (s->closing) {
		session_free(s);
		return;
	}
	smtp_proto_close(s->proto, 421, "4.4.2 Timeout");
	session_close(s);
}

/* ---- questions of the protocol */

static void
answer_mail(struct inbound_session *s)
{
	reset_message(s);
	s->message.null_sender =
	    smtp_path_is_null(&smtp_proto_mail(s->proto)->from);
	smtp_proto_answer(s->proto, 250, "2.1.0 Ok");
}

static void
answer_rcpt(struct inbound_session *s)
{
	struct inbound *in = s->in;
	struct recipient *r = &s->rcpt[s->nrcpt];
	struct err e = ERR_INIT;

	if (in->store == NULL || in->queue == NULL) {
		smtp_proto_answer(s->proto, 451, "4.3.0 Try again later");
		return;
	}
	if (s->nrcpt == SMTP_PROTO_RCPT_MAX) {
		smtp_proto_answer(s->proto, 452, "4.5.3 Too many recipients");
		return;
	}
	memset(r, 0, sizeof(*r));
	if (inbound_address(in->env->conf, in->keys, in->store,
	    smtp_proto_rcpt(s->proto), &r->target, &e) == -1) {
		log_failure(LEVEL_ERROR, "rcpt", &e);
		smtp_proto_answer(s->proto, 451, "4.3.0 Try again later");
		return;
	}
	if (r->target.kind == INBOUND_NONE ||
	    r->target.kind == INBOUND_FOREIGN) {
		log_event(s, LEVEL_INFO, "rcpt", "result", "not-ours");
		smtp_proto_answer(s->proto, 550,
		    r->target.kind == INBOUND_FOREIGN ?
		    "5.7.1 Not an address of this host" :
		    "5.1.1 No such address here");
		return;
	}
	s->nrcpt++;
	smtp_proto_answer(s->proto, 250, "2.1.5 Ok");
}

/* Received: as RFC 5321 section 4.4 has it; the HELO is not believed (S58). */
static void
put_received(struct inbound_session *s, struct strbuf *b)
{
	char date[DATE_RFC5322_LEN + 1];
	const char *helo = smtp_proto_helo(s->proto);

	date_rfc5322(clock_utc_ms(s->in->env->clock), date);
	strbuf_addf(b, "Received: from %s ([%s%s])\r\n\tby %s with %s\r\n"
	    "\tid %llx; %s\r\n", helo[0] != '\0' ? helo : "unknown",
	    strchr(s->ip_text, ':') != NULL ? "IPv6:" : "", s->ip_text,
	    s->in->env->conf->hostname, smtp_proto_with(s->proto),
	    (unsigned long long)s->id, date);
}

static void
begin_file(struct inbound_session *s)
{
	struct strbuf received = STRBUF_INIT(2048);
	struct err e = ERR_INIT;
	bool wanted = false;

	for (unsigned i = 0; i < s->nrcpt; i++)
		wanted = wanted ||
		    inbound_message_is_forward(&s->rcpt[i].target);
	if (!wanted)
		return;
	s->file = s->in->content == NULL ? NULL :
	    content_begin(s->in->content, "inbound", &e);
	put_received(s, &received);
	if (s->file == NULL ||
	    content_add(s->file, received.s, received.len, &e) == -1) {
		log_failure(LEVEL_ERROR, "incoming", &e);
		s->file_failed = true;
	}
	strbuf_free(&received);
}

static void
take_chunk(struct inbound_session *s)
{
	struct slice c = smtp_proto_chunk(s->proto);
	struct strbuf *head = &s->message.head;
	struct err e = ERR_INIT;
	size_t room = INBOUND_LOOK_MAX - head->len;

	strbuf_add(head, c.p, c.len < room ? c.len : room);
	if (s->file != NULL && !s->file_failed &&
	    content_add(s->file, c.p, c.len, &e) == -1) {
		log_failure(LEVEL_ERROR, "incoming", &e);
		s->file_failed = true;
	}
}

/* ---- the whole message */

static void
put_evidence(struct inbound_session *s)
{
	struct ipc_evidence *ev = &s->message.evidence;

	memset(ev, 0, sizeof(*ev));
	ev->when_ms = clock_utc_ms(s->in->env->clock);
	memcpy(ev->ip, s->ip, sizeof(ev->ip));
	ev->port = s->port;
	snprintf(ev->agent, sizeof(ev->agent), "%.255s",
	    smtp_proto_helo(s->proto));
}

static void
ask_forward(struct inbound_session *s, unsigned i, const char *file,
    uint64_t length, const uint8_t *hash)
{
	const struct inbound_target *t = &s->rcpt[i].target;
	struct strbuf frame = STRBUF_INIT(IPC_FRAME_MAX);
	struct ipc_forward f = { .request = inbound_request_id(s->in),
		.evidence = s->message.evidence, .length = length };

	snprintf(f.evidence.channel, sizeof(f.evidence.channel), "mail");
	if (t->kind == INBOUND_OWNER) {
		snprintf(f.role, sizeof(f.role), "owner");
		snprintf(f.list, sizeof(f.list), "%s", t->name);
	} else
		snprintf(f.role, sizeof(f.role), "%.31s", t->name);
	snprintf(f.file, sizeof(f.file), "%s", file);
	memcpy(f.hash, hash, sizeof(f.hash));
	ipc_put_forward(&frame, &f);
	inbound_ask(s->in, s, i, IPC_FORWARD, &frame, f.request);
	strbuf_free(&frame);
}

/* Role mail: the file is synced, then queue adopts it for each of them. */
static void
ask_forwards(struct inbound_session *s)
{
	char name[CONTENT_NAME_MAX + 1];
	uint8_t hash[CONTENT_HASH];
	uint64_t length;
	struct err e = ERR_INIT;
	bool failed = s->file == NULL || s->file_failed;

	if (!failed) {
		failed = content_finish(s->file, name, &length, hash, &e) ==
		    -1;
		s->file = NULL;
		if (failed)
			log_failure(LEVEL_ERROR, "incoming", &e);
	}
	for (unsigned i = 0; i < s->nrcpt; i++) {
		if (!inbound_message_is_forward(&s->rcpt[i].target))
			continue;
		if (failed)
			inbound_session_answer(s, i, IPC_TRY_AGAIN);
		else
			ask_forward(s, i, name, length, hash);
	}
}

static void
ask_queue(struct inbound_session *s, unsigned i)
{
	struct strbuf frame = STRBUF_INIT(IPC_FRAME_MAX);
	uint64_t request = inbound_request_id(s->in);
	const char *why = "";
	uint16_t type = inbound_message_frame(s->in->keys, &s->message,
	    &s->rcpt[i].target, request, &frame, &why);

	log_event(s, LEVEL_INFO, "message", "as", why);
	if (type == 0)
		inbound_session_answer(s, i, IPC_OK);
	else
		inbound_ask(s->in, s, i, type, &frame, request);
	strbuf_free(&frame);
}

static bool
is_waiting(const struct inbound_session *s)
{
	for (unsigned i = 0; i < s->nrcpt; i++)
		if (s->rcpt[i].waiting)
			return true;
	return false;
}

static void
answer_end(struct inbound_session *s)
{
	bool forward = false;
	unsigned n = s->nrcpt;

	if (smtp_proto_facts(s->proto)->hops > SMTP_PROTO_HOPS_MAX) {
		for (unsigned i = 0; i < (s->lmtp ? n : 1); i++)
			smtp_proto_answer(s->proto, 554, "5.4.6 Mail loop");
		return;
	}
	put_evidence(s);
	for (unsigned i = 0; i < n; i++)
		s->rcpt[i].waiting = true;
	timer_start(&s->timer, INBOUND_WAIT_MS);
	/* An answer may come at once and end the message: count on nothing. */
	for (unsigned i = 0; i < n && s->nrcpt == n; i++) {
		if (inbound_message_is_forward(&s->rcpt[i].target))
			forward = true;
		else
			ask_queue(s, i);
	}
	if (forward && s->nrcpt == n)
		ask_forwards(s);
}

static void
reply_for(struct inbound_session *s, enum ipc_result r)
{
	if (r == IPC_TRY_AGAIN)
		smtp_proto_answer(s->proto, 451, "4.3.0 Try again later");
	else
		smtp_proto_answer(s->proto, 250, "2.0.0 Ok");
}

/* Everything is durable, or something is not: say so. */
static void
finish_message(struct inbound_session *s)
{
	enum ipc_result worst = IPC_OK;

	for (unsigned i = 0; i < s->nrcpt; i++) {
		if (s->rcpt[i].result == IPC_TRY_AGAIN)
			worst = IPC_TRY_AGAIN;
		if (s->lmtp)
			reply_for(s, s->rcpt[i].result);
	}
	if (!s->lmtp)
		reply_for(s, worst);
	reset_message(s);
}

void
inbound_session_answer(struct inbound_session *s, unsigned rcpt,
    enum ipc_result result)
{
	if (rcpt >= s->nrcpt || !s->rcpt[rcpt].waiting)
		return;
	s->rcpt[rcpt].waiting = false;
	s->rcpt[rcpt].result = result;
	if (is_waiting(s))
		return;
	finish_message(s);
	/* The answer was all that a drain still waited for. */
	if (s->in->draining)
		inbound_session_drain(s);
	else if (!s->running)
		session_run(s);
}

/* ---- bytes */

static void on_read(struct bufferevent *bev, void *arg);
static void on_write(struct bufferevent *bev, void *arg);
static void on_event(struct bufferevent *bev, short what, void *arg);

/*
 * The 220 still lies in the plain bufferevent, under the new one: it leaves
 * before the handshake does.  What came with STARTTLS was not sent by who will
 * be there after it, and goes (X03).
 *
 * Its callbacks are deferred: a filter calls them from within enable and
 * write, and the end of a connection must not come inside session_run().
 */
static int
start_tls(struct inbound_session *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	struct bufferevent *bev = NULL;
	SSL *ssl = SSL_new(s->in->tls);

	evbuffer_drain(in, evbuffer_get_length(in));
	if (ssl != NULL)
		bev = bufferevent_openssl_filter_new(s->in->env->base, s->bev,
		    ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE |
		    BEV_OPT_DEFER_CALLBACKS);
	if (bev == NULL) {
		SSL_free(ssl);
		return -1;
	}
	s->bev = bev;
	s->tls = true;
	bufferevent_setcb(bev, on_read, on_write, on_event, s);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	return 0;
}

/* The message is whole: nothing more is read until queue has answered. */
static bool
run_end(struct inbound_session *s)
{
	answer_end(s);
	if (s->nrcpt > 0 && is_waiting(s)) {
		bufferevent_disable(s->bev, EV_READ);
		return false;
	}
	return true;
}

/* Act on one event; false when there is nothing to go on with now. */
static bool
run_event(struct inbound_session *s, enum smtp_proto_event ev, bool more)
{
	switch (ev) {
	case SMTP_PROTO_MORE:
		return more;
	case SMTP_PROTO_FLUSH:
	case SMTP_PROTO_HELO:
		return true;
	case SMTP_PROTO_WAIT:
		return false;
	case SMTP_PROTO_MAIL:
		answer_mail(s);
		return true;
	case SMTP_PROTO_RCPT:
		answer_rcpt(s);
		return true;
	case SMTP_PROTO_DATA:
		begin_file(s);
		smtp_proto_answer(s->proto, 354, "Go ahead");
		return true;
	case SMTP_PROTO_CHUNK:		/* session_run() took it */
		return true;
	case SMTP_PROTO_END:
		return run_end(s);
	case SMTP_PROTO_ABORT:
		reset_message(s);
		return true;
	case SMTP_PROTO_STARTTLS:
		flush_output(s);
		if (start_tls(s) == -1)
			smtp_proto_close(s->proto, 421, "4.7.0 TLS failed");
		return false;
	case SMTP_PROTO_CLOSE:
		session_close(s);
		return false;
	}
	return false;
}

static void
session_run(struct inbound_session *s)
{
	bool go_on = true;

	if (s->closing)
		return;
	s->running = true;
	bufferevent_enable(s->bev, EV_READ);
	arm_idle(s);
	while (go_on) {
		struct evbuffer *in = bufferevent_get_input(s->bev);
		size_t len = evbuffer_get_contiguous_space(in), taken = 0;
		enum smtp_proto_event ev;

		ev = smtp_proto_feed(s->proto, len > 0 ?
		    evbuffer_pullup(in, (ev_ssize_t)len) : NULL, len, &taken);
		if (ev == SMTP_PROTO_CHUNK)	/* it lies in the input */
			take_chunk(s);
		evbuffer_drain(in, taken);
		go_on = run_event(s, ev, evbuffer_get_length(in) > 0 &&
		    taken > 0);
		flush_output(s);
	}
	s->running = false;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct inbound_session *s = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (s->closing)
		evbuffer_drain(in, evbuffer_get_length(in));
	else
		session_run(s);
}

/* All replies have left. */
static void
on_write(struct bufferevent *bev, void *arg)
{
	struct inbound_session *s = arg;

	(void)bev;
	if (s->closing)
		end_writing(s);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct inbound_session *s = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED) {
		smtp_proto_tls_started(s->proto);
		log_event(s, LEVEL_DEBUG, "starttls", NULL, NULL);
		return;
	}
	/* What was asked of queue still happens; the peer will try again. */
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		session_free(s);
}

/* ---- the beginning */

static void
read_peer(struct inbound_session *s, const struct sockaddr *sa)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)sa;
	const struct sockaddr_in *four = (const struct sockaddr_in *)sa;

	snprintf(s->ip_text, sizeof(s->ip_text), "local");
	if (sa->sa_family == AF_INET) {
		s->ip[10] = s->ip[11] = 0xff;
		memcpy(s->ip + 12, &four->sin_addr, 4);
		s->port = ntohs(four->sin_port);
		inet_ntop(AF_INET, &four->sin_addr, s->ip_text,
		    sizeof(s->ip_text));
	} else if (sa->sa_family == AF_INET6) {
		memcpy(s->ip, &six->sin6_addr, 16);
		s->port = ntohs(six->sin6_port);
		inet_ntop(AF_INET6, &six->sin6_addr, s->ip_text,
		    sizeof(s->ip_text));
	}
}

/* Why this connection may not stay, or NULL. */
static const char *
over_limit(const struct inbound_session *s)
{
	const struct conf *conf = s->in->env->conf;
	const struct inbound_session *o;
	int64_t same = 0;

	if ((int64_t)s->in->nsessions > conf->inbound_connections)
		return "4.3.2 Too many connections";
	TAILQ_FOREACH(o, &s->in->sessions, entry)
		same += memcmp(o->ip, s->ip, sizeof(s->ip)) == 0;
	if (same > conf->inbound_per_address)
		return "4.7.0 Too many connections from your address";
	return NULL;
}

void
inbound_session_start(struct inbound *in, int fd, bool lmtp,
    const struct sockaddr *peer)
{
	const struct conf *conf = in->env->conf;
	struct smtp_proto_params params = { .hostname = conf->hostname,
		.size_max = (uint64_t)conf->max_message_size,
		.rcpt_max = (unsigned)conf->inbound_recipients,
		.errors_max = (unsigned)conf->inbound_errors,
		.junk_max = (unsigned)conf->inbound_junk_commands,
		.starttls = in->tls != NULL && !lmtp, .smtputf8 = true,
		.lmtp = lmtp };
	struct inbound_session *s = xcalloc(1, sizeof(*s));
	const char *why;

	s->in = in;
	s->lmtp = lmtp;
	s->id = ++in->last_request;
	read_peer(s, peer);
	strbuf_init(&s->message.head, INBOUND_LOOK_MAX);
	s->proto = smtp_proto_new(&params);
	s->bev = bufferevent_socket_new(in->env->base, fd,
	    BEV_OPT_CLOSE_ON_FREE);
	if (s->proto == NULL || s->bev == NULL)
		abort();		/* no memory for a fixed size */
	timer_init(&s->timer, in->env->timers, on_timer, s);
	TAILQ_INSERT_TAIL(&in->sessions, s, entry);
	in->nsessions++;
	bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	log_event(s, LEVEL_INFO, "connect", NULL, NULL);
	if ((why = over_limit(s)) != NULL) {
		smtp_proto_close(s->proto, 421, why);
		session_close(s);
		return;
	}
	smtp_proto_greet(s->proto);
	session_run(s);
}

void
inbound_session_drain(struct inbound_session *s)
{
	if (s->closing || (s->nrcpt > 0 && is_waiting(s)))
		return;
	smtp_proto_close(s->proto, 421, "4.3.2 Shutting down");
	session_close(s);
}
