/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_setup.c - from the descriptors a deliver role is given to the things
 * it works with.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/dkim_key.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/smtp_login.h"
#include "lib/strbuf.h"
#include "lib/sys/file.h"
#include "lib/sys/log.h"
#include "lib/sys/ring.h"
#include "listd/copier.h"
#include "listd/deliver_setup.h"
#include "listd/role.h"
#include "listd/smtp_conn.h"
#include "listd/smtp_session.h"
#include "spool/store.h"

struct keyring *
deliver_setup_keyring(struct role_env *env, struct err *e)
{
	struct strbuf text = STRBUF_INIT(KEY_FILE_MAX);
	struct keyring *kr = keyring_new();
	const char *name;
	size_t iter = 0;
	int fd;

	while (role_fd_next(env, FD_SECRET, &iter, &name, &fd)) {
		char purpose[32];
		enum key_purpose p;

		snprintf(purpose, sizeof(purpose), "%s",
		    name + strlen(FD_SECRET));
		purpose[strcspn(purpose, ".")] = '\0';
		if ((p = key_purpose_find(purpose)) == KEY_PURPOSES)
			continue;
		strbuf_reset(&text);
		if (strbuf_reserve(&text, KEY_FILE_MAX) == NULL ||
		    file_read(fd, name, &text, e) == -1 ||
		    keyring_parse(kr, p, text.s, text.len, e) == -1) {
			keyring_free(kr);
			kr = NULL;
			break;
		}
	}
	keyring_wipe(&text);
	return kr;
}

SSL_CTX *
deliver_setup_tls(struct role_env *env, struct err *e)
{
	SSL_CTX *ctx = smtp_conn_context(e);
	int fd = role_fd(env, FD_CA);

	if (ctx == NULL)
		return NULL;
	if (fd != -1 && smtp_conn_trust(ctx, fd, e) == -1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int
deliver_setup_login(struct role_env *env, struct smtp_logins *logins,
    struct err *e)
{
	struct strbuf text = STRBUF_INIT(SMTP_LOGIN_FILE_MAX);
	int fd = role_fd(env, FD_SMARTHOST_AUTH), ret = -1;
	struct err why = ERR_INIT;

	memset(logins, 0, sizeof(*logins));
	if (fd == -1 || env->conf->smarthost_auth[0] == '\0')
		return 0;
	if (strbuf_reserve(&text, SMTP_LOGIN_FILE_MAX) == NULL ||
	    file_read(fd, "smarthost_auth", &text, e) == -1)
		goto out;
	if (smtp_logins_parse(text.len > 0 ? text.s : "", text.len, logins,
	    &why) == -1) {
		err_set(e, why.code, "smarthost_auth: %s", why.text);
		goto out;
	}
	ret = 1;
out:
	keyring_wipe(&text);
	return ret;
}

struct ring *
deliver_setup_ring(struct role_env *env)
{
	struct err e = ERR_INIT;
	int fd = role_fd(env, FD_RING);
	struct ring *ring = fd != -1 ? ring_map(fd, &e) : NULL;

	if (fd != -1 && ring == NULL)
		log_failure(LEVEL_WARNING, "ring", &e);
	return ring;
}

int
deliver_setup_store(struct role_env *env, struct keyring *keys,
    struct store **store, struct copier **copier, struct err *e)
{
	struct store_params sp = { .dir = env->conf->data_dir, .keys = keys,
		.map_size = (uint64_t)env->conf->map_size,
		.map_size_queue = (uint64_t)env->conf->map_size_queue };
	struct copier_params cp = { .keys = keys, .conf = env->conf,
		.clock = env->clock };
	struct strbuf path = STRBUF_INIT(CONF_PATH_MAX + 16);
	int ret = -1;

	strbuf_addf(&path, "%s/content", env->conf->data_dir);
	cp.content_fd = open(path.s, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cp.content_fd == -1) {
		err_sys(e, "%s", path.s);
		goto out;
	}
	if ((*store = store_open(&sp, e)) == NULL)
		goto out;
	cp.store = *store;
	if ((*copier = copier_new(&cp, e)) == NULL)
		goto out;
	deliver_setup_keys(env, *copier);
	ret = 0;
out:
	if (ret == -1) {
		store_close(*store);
		*store = NULL;
	}
	strbuf_free(&path);
	return ret;
}

/* FD_DKIM names are dkim/DOMAIN/SELECTOR.pem. */
static bool
split_key_name(const char *name, char domain[256], char selector[256])
{
	const char *slash = strrchr(name, '/'), *dot;

	name += strlen(FD_DKIM);
	if (slash == NULL || slash < name ||
	    (dot = strrchr(slash, '.')) == NULL)
		return false;
	return snprintf(domain, 256, "%.*s", (int)(slash - name), name) < 256 &&
	    snprintf(selector, 256, "%.*s", (int)(dot - slash - 1),
	    slash + 1) < 256;
}

void
deliver_setup_keys(struct role_env *env, struct copier *copier)
{
	struct strbuf pem = STRBUF_INIT(DKIM_PEM_MAX);
	const char *name;
	size_t iter = 0;
	int fd;

	while (role_fd_next(env, FD_DKIM, &iter, &name, &fd)) {
		char domain[256], selector[256];
		struct err e = ERR_INIT;
		struct log_line l;

		strbuf_reset(&pem);
		if (split_key_name(name, domain, selector) &&
		    strbuf_reserve(&pem, DKIM_PEM_MAX) != NULL &&
		    file_read(fd, name, &pem, &e) == 0 &&
		    copier_key(copier, domain, selector, pem.s, pem.len,
		    &e) == 0)
			continue;
		log_begin(&l, LEVEL_ERROR, "dkim-key");
		log_str(&l, "file", name);
		log_err(&l, &e);
		log_end(&l);
	}
	copier_keys_done(copier);
	keyring_wipe(&pem);
}
