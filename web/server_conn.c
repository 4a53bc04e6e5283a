/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_conn.c - connections: how many, and how long each may take.
 *
 * libmicrohttpd's own timeout counts inactivity, so one octet a second keeps
 * a head open for ever, and its limit by address would count all of a proxy's
 * clients as one.  Both are done here.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/clock.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "web/crowd.h"
#include "web/metrics.h"
#include "web/server_private.h"

/* A proxy of ours brings many clients; it counts for the total only. */
static bool
is_alone(const struct server *s, const uint8_t ip[static 16])
{
	const struct generation *gen = atomic_load(&s->gen);

	return conf_cidrs_match(&gen->site.trusted_proxies, 6, ip);
}

/* Asked before a connection costs anything; what counts is at its start. */
enum MHD_Result
server_conn_accept(void *cls, const struct sockaddr *sa, socklen_t len)
{
	struct server *s = ((struct worker *)cls)->listener->server;
	struct client_ip peer;
	bool room;

	(void)len;
	client_ip_peer(sa, &peer);
	pthread_mutex_lock(&s->conns_lock);
	room = crowd_has_room(s->crowd, peer.ip, is_alone(s, peer.ip));
	pthread_mutex_unlock(&s->conns_lock);
	if (!room)
		metrics_refused(s->p.env->metrics);
	return room ? MHD_YES : MHD_NO;
}

static void
opened(struct server *s, struct MHD_Connection *mhd, void **context)
{
	struct connection *c = xcalloc(1, sizeof(*c));
	const union MHD_ConnectionInfo *info;
	struct client_ip peer;

	info = MHD_get_connection_info(mhd,
	    MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	client_ip_peer(info != NULL ? info->client_addr : NULL, &peer);
	memcpy(c->ip, peer.ip, sizeof(c->ip));
	c->alone = is_alone(s, c->ip);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	c->fd = info != NULL ? info->connect_fd : -1;
	atomic_store(&c->deadline_ms, server_now(s) + s->timeout_ms);
	*context = c;

	pthread_mutex_lock(&s->conns_lock);
	c->entered = crowd_enter(s->crowd, c->ip, c->alone);
	TAILQ_INSERT_TAIL(&s->conns, c, entry);
	if (!c->entered && c->fd != -1)
		shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->conns_lock);
	metrics_connection(s->p.env->metrics, 1);
	if (!c->entered)
		metrics_refused(s->p.env->metrics);
}

/* Called before the descriptor is closed, so that no sweep meets another. */
static void
closed(struct server *s, struct connection *c)
{
	pthread_mutex_lock(&s->conns_lock);
	TAILQ_REMOVE(&s->conns, c, entry);
	if (c->entered)
		crowd_leave(s->crowd, c->ip, c->alone);
	pthread_mutex_unlock(&s->conns_lock);
	metrics_connection(s->p.env->metrics, -1);
	free(c);
}

void
server_conn_notify(void *cls, struct MHD_Connection *mhd, void **context,
    enum MHD_ConnectionNotificationCode what)
{
	struct server *s = ((struct worker *)cls)->listener->server;

	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		opened(s, mhd, context);
	else if (*context != NULL) {
		closed(s, *context);
		*context = NULL;
	}
}

struct connection *
server_conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd,
	    MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

void
server_conn_wait(struct server *s, struct connection *c, int64_t ms)
{
	if (c != NULL)
		atomic_store(&c->deadline_ms,
		    ms == NEVER ? NEVER : server_now(s) + ms);
}

/* Cut off who takes too long; libmicrohttpd then finds the connection shut. */
void
server_conn_sweep(void *arg)
{
	struct server *s = arg;
	int64_t now = server_now(s);
	struct connection *c;

	pthread_mutex_lock(&s->conns_lock);
	TAILQ_FOREACH(c, &s->conns, entry) {
		if (atomic_load(&c->deadline_ms) > now || c->fd == -1)
			continue;
		atomic_store(&c->deadline_ms, NEVER);
		shutdown(c->fd, SHUT_RDWR);
		metrics_slow(s->p.env->metrics);
	}
	pthread_mutex_unlock(&s->conns_lock);
	if (atomic_exchange(&s->starved, false))
		log_text(LEVEL_WARNING, "accept", "no descriptor is left");
	timer_start(&s->sweep, SWEEP_MS);
}
