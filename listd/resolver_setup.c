/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver_setup.c - which servers are asked, and what is believed of them.
 *
 * libunbound takes no other servers once it was asked a question.  So a reload
 * that names others puts a new one in its place, and the old one stays until
 * its last lookup has ended.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <unbound.h>
#include <unbound-event.h>

#include "lib/err.h"
#include "lib/sys/file.h"
#include "lib/xmalloc.h"
#include "listd/resolver_private.h"

#define RESOLV_CONF_MAX	(64u << 10)

static int
ub_try(int rc, const char *what, struct err *e)
{
	if (rc == 0)
		return 0;
	err_set(e, ERR_SYSTEM, "resolver: %s: %s", what, ub_strerror(rc));
	return -1;
}

/* The settings are lines: S and a server, or A and a trust anchor. */
static int
apply_settings(struct upstream *up, struct err *e)
{
	char *text = xstrdup(up->settings.len > 0 ? up->settings.s : "");
	char *line, *save = NULL;
	int ret = 0;

	for (line = strtok_r(text, "\n", &save); line != NULL && ret == 0;
	    line = strtok_r(NULL, "\n", &save))
		ret = line[0] == 'S' ?
		    ub_try(ub_ctx_set_fwd(up->ub, line + 1), line + 1, e) :
		    ub_try(ub_ctx_add_ta(up->ub, line + 1), "trust anchor", e);
	free(text);
	return ret;
}

/* The nameserver lines of resolv.conf(5). */
static int
add_resolv_conf(struct strbuf *settings, int fd, struct err *e)
{
	struct strbuf b = STRBUF_INIT(RESOLV_CONF_MAX);
	char *line, *save = NULL;
	int n = 0, ret = -1;

	if (fd == -1 || file_read(fd, "resolver: resolv.conf", &b, e) == -1)
		goto out;
	for (line = b.len > 0 ? strtok_r(b.s, "\n", &save) : NULL;
	    line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char word[16], server[64];

		if (sscanf(line, " %15s %63s", word, server) != 2 ||
		    strcmp(word, "nameserver") != 0)
			continue;
		server[strcspn(server, "%")] = '\0';	/* scope ids */
		strbuf_addf(settings, "S%s\n", server);
		n++;
	}
	if (n > 0)
		ret = 0;
out:
	if (ret == -1 && (e->code == ERR_NONE))
		err_set(e, ERR_INPUT, "resolver: resolv.conf names no server");
	strbuf_free(&b);
	return ret;
}

static int
add_anchor(struct strbuf *settings, int fd, struct err *e)
{
	struct strbuf b = STRBUF_INIT(RESOLV_CONF_MAX);
	char *line, *save = NULL;
	int ret = -1;

	if (file_read(fd, "resolver: dnssec_anchor", &b, e) == -1)
		goto out;
	for (line = b.len > 0 ? strtok_r(b.s, "\n", &save) : NULL;
	    line != NULL; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, ";")] = '\0';
		if (line[strspn(line, " \t\r")] != '\0')
			strbuf_addf(settings, "A%s\n", line);
	}
	ret = 0;
out:
	strbuf_free(&b);
	return ret;
}

/* All that makes a new libunbound necessary when it changes. */
static int
read_settings(struct strbuf *settings, const struct conf *conf, int resolv_fd,
    int anchor_fd, struct err *e)
{
	const struct conf_server *s = &conf->resolver;
	char ip[INET6_ADDRSTRLEN];

	if (s->family == 0) {
		if (add_resolv_conf(settings, resolv_fd, e) == -1)
			return -1;
	} else {
		inet_ntop(s->family == 4 ? AF_INET : AF_INET6, s->ip, ip,
		    sizeof(ip));
		strbuf_addf(settings, "S%s@%u\n", ip,
		    s->port != 0 ? s->port : 53);
	}
	if (anchor_fd != -1 && add_anchor(settings, anchor_fd, e) == -1)
		return -1;
	if (!settings->overflow)
		return 0;
	err_set(e, ERR_LIMIT, "resolver: too many servers and anchors");
	return -1;
}

static void
upstream_free(struct resolver *r, struct upstream *up)
{
	if (up->ub != NULL)
		ub_ctx_delete(up->ub);
	TAILQ_REMOVE(&r->upstreams, up, entry);
	strbuf_free(&up->settings);
	free(up);
}

/* Ask these servers from now on; takes the settings over. */
static int
use_settings(struct resolver *r, struct strbuf *settings, struct err *e)
{
	struct upstream *up = xcalloc(1, sizeof(*up));

	up->settings = *settings;
	TAILQ_INSERT_TAIL(&r->upstreams, up, entry);
	if ((up->ub = ub_ctx_create_event(r->base)) == NULL)
		err_set(e, ERR_SYSTEM, "resolver: libunbound did not start");
	/* A local resolver, as most hosts have, counts as loopback. */
	if (up->ub == NULL ||
	    ub_try(ub_ctx_set_option(up->ub, "do-not-query-localhost:", "no"),
	    "do-not-query-localhost", e) == -1 ||
	    apply_settings(up, e) == -1) {
		upstream_free(r, up);
		return -1;
	}
	r->now = up;
	return 0;
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct upstream *up, *next;

	(void)fd;
	(void)what;
	for (up = TAILQ_FIRST(&r->upstreams); up != NULL; up = next) {
		next = TAILQ_NEXT(up, entry);
		if (up != r->now && up->lookups == 0)
			upstream_free(r, up);
	}
}

static void
add_own_name(struct resolver *r, const char *name)
{
	if (name[0] != '\0')
		snprintf(r->own[r->nown++], sizeof(r->own[0]), "%s", name);
}

int
resolver_reload(struct resolver *r, const struct conf *conf, int resolv_fd,
    int anchor_fd, struct err *e)
{
	struct strbuf settings = STRBUF_INIT(2 * RESOLV_CONF_MAX);

	r->nown = 0;
	add_own_name(r, conf->hostname);
	for (size_t i = 0; i < conf->source_address.n; i++)
		add_own_name(r, conf->source_address.v[i].ehlo);
	if (read_settings(&settings, conf, resolv_fd, anchor_fd, e) == -1) {
		strbuf_free(&settings);
		return -1;
	}
	if (r->now != NULL && settings.len == r->now->settings.len &&
	    memcmp(settings.s, r->now->settings.s, settings.len) == 0) {
		strbuf_free(&settings);		/* and keep what it knows */
		return 0;
	}
	if (use_settings(r, &settings, e) == -1)
		return -1;
	event_active(r->sweep, EV_TIMEOUT, 0);
	return 0;
}

struct resolver *
resolver_new(struct event_base *base, const struct conf *conf, int resolv_fd,
    int anchor_fd, struct err *e)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	TAILQ_INIT(&r->lookups);
	TAILQ_INIT(&r->upstreams);
	r->base = base;
	if ((r->sweep = event_new(base, -1, 0, on_sweep, r)) == NULL)
		err_set(e, ERR_SYSTEM, "no memory for an event");
	else if (resolver_reload(r, conf, resolv_fd, anchor_fd, e) == 0)
		return r;
	resolver_free(r);
	return NULL;
}

void
resolver_free(struct resolver *r)
{
	struct upstream *up;

	if (r == NULL)
		return;
	/* Without their servers lookups call nobody back any more. */
	TAILQ_FOREACH(up, &r->upstreams, entry) {
		ub_ctx_delete(up->ub);
		up->ub = NULL;
	}
	resolver_drop_lookups(r);
	while ((up = TAILQ_FIRST(&r->upstreams)) != NULL)
		upstream_free(r, up);
	if (r->sweep != NULL)
		event_free(r->sweep);
	free(r);
}
