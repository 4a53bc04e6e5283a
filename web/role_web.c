/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_web.c - the web server's process: keys, certificate, store and peers.
 *
 * It reads the store and asks queue for every change.  Of the secrets it holds
 * the two that its links are checked with, and the key of its certificate.
 * Threads are started after the rights are given up, so that none has more.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "lib/sys/log.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/role.h"
#include "spool/secrets.h"
#include "spool/store.h"
#include "web/certificate.h"
#include "web/exchange.h"
#include "web/looks.h"
#include "web/metrics.h"
#include "web/role_web.h"
#include "web/server.h"
#include "web/view.h"

#define STORE_RETRY_MS	200	/* until queue has made the store */
#define DRAIN_MAX_MS	10000	/* for what waits for queue */

/* A ring of keys; older ones are kept, as threads may be reading them. */
struct ring {
	struct ring	*older;
	struct keyring	*keys;
};

struct web {
	struct role_env		*env;
	struct exchange_env	 x;
	struct ring		*rings;
	struct view		*view;
	struct store		*store;
	struct server		*server;
	struct timer		 store_retry;
	enum err_code		 store_said;	/* told in the log */
};

/* ---- keys and certificate */

static int
read_keys(struct role_env *env, struct keyring *keys, struct err *e)
{
	static const enum key_purpose purposes[] = { KEY_URL, KEY_CONFIRM };

	for (size_t i = 0; i < sizeof(purposes) / sizeof(purposes[0]); i++) {
		const char *purpose = key_purpose_name(purposes[i]);
		char name[64];
		int fd;

		snprintf(name, sizeof(name), FD_SECRET "%s", purpose);
		if ((fd = role_fd(env, name)) == -1) {
			err_set(e, ERR_NOTFOUND, "secret %s was not passed",
			    purpose);
			return -1;
		}
		if (secrets_read(keys, purposes[i], fd, e) == -1)
			return -1;
	}
	return 0;
}

static int
load_keys(struct web *web, struct err *e)
{
	struct ring *ring = xcalloc(1, sizeof(*ring));

	ring->keys = keyring_new();
	if (read_keys(web->env, ring->keys, e) == -1) {
		keyring_free(ring->keys);
		free(ring);
		return -1;
	}
	ring->older = web->rings;
	web->rings = ring;
	web->x.keys = ring->keys;
	return 0;
}

/* No certificate is none needed; the configuration was checked for that. */
static int
load_certificate(struct role_env *env, struct err *e)
{
	struct strbuf chain = STRBUF_INIT(CERTIFICATE_FILE_MAX);
	struct strbuf key = STRBUF_INIT(CERTIFICATE_FILE_MAX);
	int cert_fd = role_fd(env, FD_WEB_CERT);
	int key_fd = role_fd(env, FD_WEB_KEY);
	int ret = -1;

	if (cert_fd == -1 || key_fd == -1)
		return 0;
	if (file_read(cert_fd, env->conf->web_tls_cert, &chain, e) == 0 &&
	    file_read(key_fd, env->conf->web_tls_key, &key, e) == 0)
		ret = certificate_use(chain.s, chain.len, key.s, key.len, e);
	strbuf_free(&chain);
	keyring_wipe(&key);
	return ret;
}

/* ---- the store */

/* A new store may lie where the old one was: look at it afresh. */
static void
close_store(struct web *web)
{
	view_set(web->view, NULL);
	store_close(web->store);
	web->store = NULL;
}

/* Queue makes the store, so it may not be there yet. */
static void
on_store_retry(void *arg)
{
	struct web *web = arg;
	const struct conf *conf = web->env->conf;
	struct store_params p = { .dir = conf->data_dir,
		.keys = web->rings->keys,
		.map_size = (uint64_t)conf->map_size,
		.map_size_queue = (uint64_t)conf->map_size_queue };
	struct err e = ERR_INIT;

	if (web->store != NULL)
		return;
	if ((web->store = store_open(&p, &e)) != NULL) {
		view_set(web->view, web->store);
		web->store_said = ERR_NONE;
		return;
	}
	/* Leaving works without it, so this role goes on whatever it is. */
	if (e.code != ERR_NOTFOUND && e.code != web->store_said)
		log_failure(LEVEL_ERROR, "store", &e);
	web->store_said = e.code;
	timer_start(&web->store_retry, STORE_RETRY_MS);
}

/* ---- what the parent says */

static void
on_peer(struct role_env *env, enum role_kind kind, unsigned index, int fd)
{
	struct web *web = env->arg;

	(void)index;
	if (kind != ROLE_QUEUE) {
		close(fd);
		return;
	}
	close_store(web);
	timer_start(&web->store_retry, 0);
	server_connect_queue(web->server, fd);
}

static void
on_reload(struct role_env *env, const struct conf *old)
{
	struct web *web = env->arg;
	struct err e = ERR_INIT;

	(void)old;
	/* What cannot be read leaves in use what was (F28). */
	if (load_keys(web, &e) == -1)
		log_failure(LEVEL_ERROR, "reload_keys", &e);
	if (load_certificate(env, &e) == -1)
		log_failure(LEVEL_ERROR, "reload_certificate", &e);
	server_reload(web->server, env->conf);
}

static void
on_drained(void *arg)
{
	struct web *web = arg;

	role_drained(web->env);
}

static void
on_drain(struct role_env *env)
{
	struct web *web = env->arg;
	int64_t wait_ms = env->conf->drain_timeout / 2;

	server_drain(web->server,
	    wait_ms < DRAIN_MAX_MS ? wait_ms : DRAIN_MAX_MS, on_drained, web);
}

/* ---- life */

static int
listen_on(struct web *web, const char *prefix, bool tls, struct err *e)
{
	const char *name;
	size_t iter = 0;
	int fd;

	while (role_fd_next(web->env, prefix, &iter, &name, &fd))
		if (server_listen(web->server, fd, tls, e) == -1)
			return -1;
	return 0;
}

static int
start(struct web *web, struct err *e)
{
	static const struct role_path paths[] = {
		{ "subscribers", ROLE_PATH_LMDB_READ },
		{ "queue", ROLE_PATH_LMDB_READ },
	};
	struct role_env *env = web->env;
	struct server_params p = { .base = env->base, .timers = env->timers,
		.env = &web->x, .conf = env->conf };

	web->view = view_new();
	web->x.clock = env->clock;
	web->x.metrics = metrics_new();
	web->x.looks = looks_new();
	web->x.view = &view_ops;
	web->x.view_arg = web->view;
	if (load_keys(web, e) == -1 || load_certificate(env, e) == -1 ||
	    role_confine(env, paths, sizeof(paths) / sizeof(paths[0]), e) ==
	    -1 || (web->server = server_new(&p, e)) == NULL ||
	    listen_on(web, FD_HTTP, false, e) == -1 ||
	    listen_on(web, FD_HTTPS, true, e) == -1)
		return -1;
	return 0;
}

static void
release(struct web *web)
{
	struct ring *ring;

	server_free(web->server);
	timer_cancel(&web->store_retry);
	close_store(web);
	view_free(web->view);
	metrics_free(web->x.metrics);
	looks_free(web->x.looks);
	certificate_free();
	while ((ring = web->rings) != NULL) {
		web->rings = ring->older;
		keyring_free(ring->keys);
		free(ring);
	}
	free(web);
}

int
role_web(struct role_env *env)
{
	struct web *web = xcalloc(1, sizeof(*web));
	struct err e = ERR_INIT;
	int status;

	web->env = env;
	timer_init(&web->store_retry, env->timers, on_store_retry, web);
	if (start(web, &e) == -1) {
		status = role_refuse(env, &e);
	} else {
		env->arg = web;
		env->on_peer = on_peer;
		env->on_reload = on_reload;
		env->on_drain = on_drain;
		timer_start(&web->store_retry, 0);
		role_ready(env);
		status = role_run(env);
		env->on_peer = NULL;
		env->on_reload = NULL;
		env->on_drain = NULL;
	}
	release(web);
	return status;
}
