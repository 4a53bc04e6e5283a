/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_inbound.c - the SMTP and LMTP server: accept mail for our own addresses
 * and nobody else's, and say what it means.
 *
 * It connects to nobody, writes no store, and holds no key but that of its own
 * certificate and those its tokens are checked with.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "lib/conf.h"
#include "lib/dsn.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/inbound.h"
#include "listd/role.h"
#include "spool/content.h"
#include "spool/secrets.h"
#include "spool/store.h"

#define LISTENERS_MAX	(2 * CONF_LISTEN_MAX)
#define ACCEPT_PAUSE_MS	1000	/* when descriptors run out (F14) */
#define STORE_RETRY_MS	200	/* until queue has made the store */

static struct inbound in;
static struct evconnlistener *listeners[LISTENERS_MAX];
static size_t nlisteners;
static struct timer accept_pause, store_retry;

/* ---- questions to queue */

uint64_t
inbound_request_id(struct inbound *i)
{
	return ++i->last_request;
}

void
inbound_ask(struct inbound *i, struct inbound_session *s, unsigned rcpt,
    uint16_t type, const struct strbuf *frame, uint64_t request)
{
	struct inbound_request *r;
	struct err e = ERR_INIT;

	if (i->queue == NULL ||
	    channel_send_buf(i->queue, type, frame, &e) == -1) {
		inbound_session_answer(s, rcpt, IPC_TRY_AGAIN);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	r->id = request;
	r->session = s;
	r->rcpt = rcpt;
	TAILQ_INSERT_TAIL(&i->requests, r, entry);
}

void
inbound_forget(struct inbound *i, const struct inbound_session *s)
{
	struct inbound_request *r;

	TAILQ_FOREACH(r, &i->requests, entry)
		if (r->session == s)
			r->session = NULL;
}

static void
answer_request(struct inbound_request *r, enum ipc_result result)
{
	struct inbound_session *s = r->session;
	unsigned rcpt = r->rcpt;

	TAILQ_REMOVE(&in.requests, r, entry);
	free(r);
	if (s != NULL)
		inbound_session_answer(s, rcpt, result);
}

static void
frame_reply(struct unpack *u)
{
	uint64_t id = unpack_u64(u);
	uint8_t result = unpack_u8(u);
	struct inbound_request *r;

	unpack_bytes(u);
	if (!unpack_done(u) || result > IPC_TRY_AGAIN) {
		u->bad = true;
		return;
	}
	TAILQ_FOREACH(r, &in.requests, entry)
		if (r->id == id) {
			answer_request(r, result);
			return;
		}
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct err e = ERR_INIT;
	struct unpack u;

	(void)arg;
	unpack_init(&u, f->data, f->len);
	if (f->type == IPC_REPLY)
		frame_reply(&u);
	else
		u.bad = true;
	if (!unpack_done(&u)) {
		err_set(&e, ERR_INPUT, "frame %#x does not decode", f->type);
		channel_fail(ch, &e);
	}
}

/* Whoever was asked is gone and answers no more. */
static void
answer_all(void)
{
	struct inbound_request *r;

	while ((r = TAILQ_FIRST(&in.requests)) != NULL)
		answer_request(r, IPC_TRY_AGAIN);
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	(void)arg;
	if (why != NULL)
		log_failure(LEVEL_WARNING, "queue-peer", why);
	in.queue = NULL;
	channel_free(ch);
	answer_all();
}

static const struct channel_ops queue_ops = {
	.frame = on_frame, .closed = on_closed,
};

static void
on_peer(struct role_env *env, enum role_kind kind, unsigned index, int fd)
{
	(void)index;
	if (kind != ROLE_QUEUE) {
		close(fd);
		return;
	}
	channel_free(in.queue);
	in.queue = NULL;
	answer_all();
	in.queue = channel_new(env->base, fd, &queue_ops, NULL);
}

/* ---- the store */

/* Queue makes the store at the first start, so it may not be there yet. */
static void
on_store_retry(void *arg)
{
	const struct conf *conf = in.env->conf;
	struct store_params sp = { .dir = conf->data_dir, .keys = in.keys,
		.map_size = (uint64_t)conf->map_size,
		.map_size_queue = (uint64_t)conf->map_size_queue };
	struct err e = ERR_INIT;

	(void)arg;
	if ((in.store = store_open(&sp, &e)) != NULL)
		return;
	if (e.code == ERR_DAMAGED) {
		log_failure(LEVEL_ERROR, "store", &e);
		role_stop(in.env, STATUS_CONFIG);
		return;
	}
	timer_start(&store_retry, STORE_RETRY_MS);
}

/* ---- listeners */

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	(void)l;
	(void)len;
	inbound_session_start(&in, fd, arg != NULL, sa);
}

static void
set_listening(bool on)
{
	for (size_t i = 0; i < nlisteners; i++)
		if (on)
			evconnlistener_enable(listeners[i]);
		else
			evconnlistener_disable(listeners[i]);
}

static void
on_accept_pause(void *arg)
{
	(void)arg;
	if (!in.draining)
		set_listening(true);
}

/* No descriptors left: stop asking for a while instead of spinning. */
static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	(void)l;
	(void)arg;
	log_text(LEVEL_WARNING, "accept", "%s", strerror(errno));
	set_listening(false);
	timer_start(&accept_pause, ACCEPT_PAUSE_MS);
}

static int
listen_on(struct role_env *env, const char *prefix, bool lmtp, struct err *e)
{
	const char *name;
	size_t iter = 0;
	int fd;

	while (role_fd_next(env, prefix, &iter, &name, &fd)) {
		struct evconnlistener *l;

		/* smtp.cert and smtp.key share the prefix. */
		if (name[strlen(prefix)] < '0' || name[strlen(prefix)] > '9' ||
		    nlisteners == LISTENERS_MAX)
			continue;
		evutil_make_socket_nonblocking(fd);
		l = evconnlistener_new(env->base, on_accept,
		    lmtp ? &in : NULL, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
		if (l == NULL) {
			err_set(e, ERR_SYSTEM, "%s: no listener", name);
			return -1;
		}
		evconnlistener_set_error_cb(l, on_accept_error);
		listeners[nlisteners++] = l;
	}
	return 0;
}

/* ---- TLS */

static int
read_chain(SSL_CTX *ctx, BIO *bio)
{
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int ok = cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		ok = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
	ERR_clear_error();
	return ok;
}

static BIO *
bio_of(int fd)
{
	int copy = dup(fd);

	if (copy == -1 || lseek(copy, 0, SEEK_SET) == -1)
		return NULL;
	return BIO_new_fd(copy, BIO_CLOSE);
}

/* A server context of our certificate; NULL with e. */
static SSL_CTX *
make_tls(struct role_env *env, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *cert = bio_of(role_fd(env, FD_SMTP_CERT));
	BIO *keyfile = bio_of(role_fd(env, FD_SMTP_KEY));
	EVP_PKEY *key = keyfile == NULL ? NULL :
	    PEM_read_bio_PrivateKey(keyfile, NULL, NULL, NULL);
	bool ok = ctx != NULL && cert != NULL && key != NULL &&
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    read_chain(ctx, cert) && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
	    SSL_CTX_check_private_key(ctx) == 1;

	if (ok)
		SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF |
		    SSL_OP_NO_RENEGOTIATION);
	else {
		err_set(e, ERR_CRYPTO, "smtp_tls_cert and smtp_tls_key do not "
		    "make a certificate");
		SSL_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_PKEY_free(key);
	BIO_free(cert);
	BIO_free(keyfile);
	return ctx;
}

static int
load_tls(struct role_env *env, struct err *e)
{
	SSL_CTX *ctx;

	if (role_fd(env, FD_SMTP_CERT) == -1)
		return 0;
	if ((ctx = make_tls(env, e)) == NULL)
		return -1;
	SSL_CTX_free(in.tls);
	in.tls = ctx;
	return 0;
}

/* ---- life */

static void
on_reload(struct role_env *env, const struct conf *old)
{
	struct err e = ERR_INIT;

	(void)old;
	if (load_tls(env, &e) == -1)
		log_failure(LEVEL_ERROR, "reload-tls", &e);
}

void
inbound_session_gone(struct inbound *i)
{
	if (i->draining && i->nsessions == 0)
		role_drained(i->env);
}

static void
on_drain(struct role_env *env)
{
	struct inbound_session *s, *next;

	in.draining = true;
	set_listening(false);
	for (s = TAILQ_FIRST(&in.sessions); s != NULL; s = next) {
		next = inbound_session_next(s);
		inbound_session_drain(s);
	}
	if (in.nsessions == 0)
		role_drained(env);
}

static int
load_keys(struct role_env *env, struct err *e)
{
	static const enum key_purpose purposes[] = {
		KEY_H8, KEY_ADDRESS, KEY_VERP, KEY_URL, KEY_CONFIRM,
	};

	in.keys = keyring_new();
	for (size_t i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++) {
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "%s%s", FD_SECRET,
		    key_purpose_name(purposes[i]));
		if ((fd = role_fd(env, name)) == -1) {
			err_set(e, ERR_NOTFOUND, "secret %s was not passed",
			    key_purpose_name(purposes[i]));
			return -1;
		}
		if (secrets_read(in.keys, purposes[i], fd, e) == -1)
			return -1;
	}
	return 0;
}

int
role_inbound(struct role_env *env)
{
	static const struct role_path paths[] = {
		{ "subscribers", ROLE_PATH_LMDB_READ },
		{ "queue", ROLE_PATH_LMDB_READ },
		{ "incoming/inbound", ROLE_PATH_WRITE },
	};
	struct err e = ERR_INIT;

	in.env = env;
	TAILQ_INIT(&in.requests);
	TAILQ_INIT(&in.sessions);
	timer_init(&accept_pause, env->timers, on_accept_pause, NULL);
	timer_init(&store_retry, env->timers, on_store_retry, NULL);
	dsn_setup();
	if (load_keys(env, &e) == -1 || load_tls(env, &e) == -1 ||
	    listen_on(env, FD_SMTP, false, &e) == -1 ||
	    listen_on(env, FD_LMTP, true, &e) == -1 ||
	    (in.content = content_open(env->conf->data_dir, false,
	    &e)) == NULL ||
	    role_confine(env, paths, sizeof(paths) / sizeof(paths[0]),
	    &e) == -1)
		return role_refuse(env, &e);
	env->on_peer = on_peer;
	env->on_reload = on_reload;
	env->on_drain = on_drain;
	timer_start(&store_retry, 0);
	role_ready(env);
	return role_run(env);
}
