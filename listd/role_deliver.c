/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_deliver.c - resolve, render, sign, and speak SMTP as a client.
 *
 * There is one such role per core.  It does what queue grants: sessions, and
 * deliveries within them.  It decides nothing about rates.  What became of
 * each delivery is reported in frames that are kept until queue says that they
 * are durable (IPC_OUTCOME_ACK), so that a queue role that was started again
 * learns what its forerunner may not have written down:
 *
 *	queue dies	waiting deliveries are dropped, begun ones go on
 *	HELLO (new)	begun ones get DELIVER_GRACE_MS to end, or are dropped,
 *			those past the final dot as not answered; all
 *			unacknowledged outcomes are sent again; READY
 */
#include "config.h"

#include <unistd.h>

#include <event2/event.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "lib/charset.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/datafile.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "listd/bdat.h"
#include "listd/copier.h"
#include "listd/deliver_link.h"
#include "listd/deliver_private.h"
#include "listd/deliver_setup.h"
#include "listd/memo.h"
#include "listd/resolver.h"
#include "listd/policy.h"
#include "listd/role.h"
#include "listd/tls_sessions.h"
#include "listd/tls_tally.h"
#include "spool/store.h"

#define LAST_WORDS_MS		20	/* between looks if they are read */
#define DELIVER_GRACE_MS	2000
#define DELIVER_LONELY_MS	90000	/* past the slowest restart */
#define WATCH_MS		30000	/* between looks at sessions */

/* ---- frames to queue */

static int
to_queue(void *arg, uint16_t type, const struct strbuf *b, struct err *e)
{
	struct deliver *dl = arg;

	if (dl->queue != NULL)
		return channel_send_buf(dl->queue, type, b, e);
	err_set(e, ERR_REFUSED, "no queue role");
	return -1;
}

static void check_idle(struct deliver *dl);

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct deliver *dl = arg;

	(void)fd;
	(void)what;
	dl->flush_set = false;
	deliver_link_flush(dl->link);
	sessions_reap(dl);
	check_idle(dl);
}

/* ---- campaigns */

static void
frame_prepare(struct deliver *dl, struct unpack *u)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct strbuf findings = STRBUF_INIT(256u << 10);
	struct ipc_prepared v = { .request = unpack_u32(u) };
	uint32_t campaign = unpack_u32(u);

	if (!unpack_done(u))
		return;
	copier_prepare(dl->copier, campaign, &v, &findings);
	v.campaign = campaign;
	ipc_put_prepared(&b, &v);
	deliver_link_send(dl->link, IPC_PREPARED, &b);
	strbuf_free(&findings);
	strbuf_free(&b);
}

/* Queue wonders whether this loop still turns. */
static void
frame_ping(struct deliver *dl)
{
	struct strbuf none = STRBUF_INIT(1);

	deliver_link_send(dl->link, IPC_PONG, &none);
	strbuf_free(&none);
}

/* ---- epochs */

/* All old work is told or dropped: the new queue role may hand out. */
static void
become_ready(struct deliver *dl)
{
	struct strbuf b = STRBUF_INIT(64);

	timer_cancel(&dl->grace);
	deliver_link_ready(dl->link);
	dl->epoch = dl->next_epoch;
	dl->next_epoch = 0;
	deliver_link_epoch(dl->link, dl->epoch);
	pack_u64(&b, dl->epoch);
	deliver_link_send(dl->link, IPC_READY, &b);
	strbuf_free(&b);
}

static void
on_grace(void *arg)
{
	struct deliver *dl = arg;

	sessions_drop(dl);
	check_idle(dl);		/* ready, and a drain may wait for it too */
}

/* The peer that said HELLO is gone: nobody waits for READY any more. */
static void
forget_hello(struct deliver *dl)
{
	timer_cancel(&dl->grace);
	dl->next_epoch = 0;
	deliver_link_down(dl->link);
}

static int
open_store(struct deliver *dl)
{
	struct err e = ERR_INIT;

	if (dl->store != NULL)
		return 0;
	if (deliver_setup_store(dl->env, dl->keys, &dl->store, &dl->copier,
	    &e) == 0)
		return 0;
	log_failure(LEVEL_ERROR, "store", &e);
	role_stop(dl->env, STATUS_CONFIG);
	return -1;
}

static void
frame_hello(struct deliver *dl, struct unpack *u)
{
	struct ipc_hello hello;

	ipc_get_hello(u, &hello);
	if (!unpack_done(u) || open_store(dl) == -1)
		return;
	if (dl->epoch == 0)	/* queue has read what a former life left */
		sessions_clear_ring(dl);
	dl->next_epoch = hello.epoch;
	sessions_wind_down(dl);
	if (dl->sessions == 0)
		become_ready(dl);
	else
		timer_start(&dl->grace, DELIVER_GRACE_MS);
}

/* End when queue has read our last words; the parent sets the limit. */
static void
end_drain(struct deliver *dl)
{
	deliver_link_flush(dl->link);
	tls_tally_flush(dl->tally);
	if (dl->queue != NULL)
		channel_flush(dl->queue);
	if (dl->queue != NULL && (deliver_link_backlog(dl->link) > 0 ||
	    channel_queued(dl->queue) > 0))
		timer_start(&dl->last_words, LAST_WORDS_MS);
	else
		role_drained(dl->env);
}

static void
on_last_words(void *arg)
{
	check_idle(arg);
}

/* Nothing is in hand any more: what waits for that goes on. */
static void
check_idle(struct deliver *dl)
{
	if (dl->sessions > 0)
		return;
	if (dl->next_epoch != 0)
		become_ready(dl);
	if (dl->draining)
		end_drain(dl);
}

/* ---- the peer */

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct deliver *dl = arg;
	struct err e = ERR_INIT;
	struct unpack u;

	unpack_init(&u, f->data, f->len);
	switch (f->type) {
	case IPC_HELLO: frame_hello(dl, &u); break;
	case IPC_RESOLVE: frame_resolve(dl, &u); break;
	case IPC_LOOKUP_TXT: frame_lookup_txt(dl, &u); break;
	case IPC_PROVE: frame_prove(dl, &u); break;
	case IPC_PREPARE: frame_prepare(dl, &u); break;
	case IPC_RULES: frame_rules(dl, &u); break;
	case IPC_SESSION_OPEN: frame_session_open(dl, &u); break;
	case IPC_SESSION_CLOSE: frame_session_close(dl, &u); break;
	case IPC_PING: frame_ping(dl); break;
	case IPC_DELIVER: frame_deliver(dl, &u); break;
	case IPC_RECALL: frame_recall(dl, &u); break;
	case IPC_OUTCOME_ACK:
		deliver_link_acknowledged(dl->link, unpack_u64(&u));
		break;
	case IPC_CAMPAIGN_FORGET:
		copier_forget(dl->copier, unpack_u32(&u));
		break;
	default: u.bad = true;
	}
	if (!unpack_done(&u)) {
		err_set(&e, ERR_INPUT, "frame %#x does not decode", f->type);
		channel_fail(ch, &e);
	}
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct deliver *dl = arg;

	if (why != NULL)
		log_failure(LEVEL_WARNING, "queue-peer", why);
	dl->queue = NULL;
	forget_hello(dl);
	channel_free(ch);
	sessions_wind_down(dl);
	/*
	 * A queue role that died is started again and its socket comes.  One
	 * that lives and hung up, or was hung up on, sends none: then only a
	 * new start of this role brings the two together again.
	 */
	timer_start(&dl->lonely, why != NULL ? 0 : DELIVER_LONELY_MS);
}

static void
on_lonely(void *arg)
{
	struct deliver *dl = arg;

	if (dl->queue == NULL && !dl->draining)
		role_stop(dl->env, STATUS_UNAVAILABLE);
}

static void
on_watch(void *arg)
{
	struct deliver *dl = arg;

	sessions_watch(dl);
	timer_start(&dl->watch, WATCH_MS);
}

static void
on_room(struct channel *ch, void *arg)
{
	struct deliver *dl = arg;

	(void)ch;
	deliver_link_room(dl->link);
}

static const struct channel_ops queue_ops = {
	.frame = on_frame, .closed = on_closed, .drained = on_room,
};

static void
on_peer(struct role_env *env, enum role_kind kind, unsigned index, int fd)
{
	struct deliver *dl = env->arg;

	(void)index;
	if (kind != ROLE_QUEUE) {
		close(fd);
		return;
	}
	timer_cancel(&dl->lonely);
	channel_free(dl->queue);
	forget_hello(dl);
	dl->queue = channel_new(env->base, fd, &queue_ops, dl);
	deliver_link_up(dl->link);
	sessions_wind_down(dl);
}

/* ---- life */

/* What smarthost_auth says; one that cannot be read changes nothing. */
static int
take_login(struct deliver *dl, struct err *e)
{
	struct smtp_logins fresh;
	int rc = deliver_setup_login(dl->env, &fresh, e);

	if (rc == -1)
		return -1;
	if (rc == 1)
		dl->logins = fresh;
	dl->session_env.logins = rc == 1 ? &dl->logins : NULL;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return 0;
}

static void
on_reload(struct role_env *env, const struct conf *old)
{
	struct deliver *dl = env->arg;
	struct err e = ERR_INIT;
	SSL_CTX *tls;

	(void)old;
	dl->session_env.conf = env->conf;
	if (dl->copier != NULL) {
		copier_set_conf(dl->copier, env->conf);
		deliver_setup_keys(env, dl->copier);
	}
	if (take_login(dl, &e) == -1)
		log_failure(LEVEL_ERROR, "reload-login", &e);
	if (resolver_reload(dl->resolver, env->conf, role_fd(env, FD_RESOLV),
	    role_fd(env, FD_ANCHOR), &e) == -1)
		log_failure(LEVEL_ERROR, "reload-resolver", &e);
	if ((tls = deliver_setup_tls(env, &e)) == NULL) {
		log_failure(LEVEL_ERROR, "reload-tls", &e);
		policies_reload(dl->policies, env->conf, dl->tls);
		return;			/* the old one stays in use (F28) */
	}
	policies_reload(dl->policies, env->conf, tls);
	SSL_CTX_free(dl->tls);
	dl->tls = dl->session_env.tls = tls;
	tls_sessions_clear(dl->tls_sessions);	/* others vouched for them */
}

static void
on_drain(struct role_env *env)
{
	struct deliver *dl = env->arg;

	dl->draining = true;
	log_text(LEVEL_DEBUG, "drain", "%zu sessions", dl->sessions);
	sessions_wind_down(dl);
	check_idle(dl);
}

static int
deliver_open(struct deliver *dl, struct role_env *env, struct err *e)
{
	dl->env = env;
	strbuf_init(&dl->shipped_rules, DATAFILE_MAX + 1);
	sessions_init(dl);
	dl->link = deliver_link_new(to_queue, dl);
	timer_init(&dl->last_words, env->timers, on_last_words, dl);
	timer_init(&dl->grace, env->timers, on_grace, dl);
	timer_init(&dl->lonely, env->timers, on_lonely, dl);
	timer_init(&dl->watch, env->timers, on_watch, dl);
	timer_start(&dl->watch, WATCH_MS);
	if ((dl->flush = event_new(env->base, -1, 0, on_flush, dl)) == NULL) {
		err_set(e, ERR_SYSTEM, "no memory for an event");
		return -1;
	}
	if ((dl->keys = deliver_setup_keyring(env, e)) == NULL ||
	    (dl->tls = deliver_setup_tls(env, e)) == NULL)
		return -1;
	dl->resolver = resolver_new(env->base, env->conf,
	    role_fd(env, FD_RESOLV), role_fd(env, FD_ANCHOR), e);
	if (dl->resolver == NULL)
		return -1;
	dl->policies = policies_new(&(const struct policy_env){ env->base,
		env->clock, env->conf, dl->resolver, dl->tls,
		deliver_policy_recall, deliver_policy_keep,
		deliver_policy_fault, dl }, e);
	if (dl->policies == NULL)
		return -1;
	dl->tally = tls_tally_new(env->timers, &deliver_tally_ops, dl);
	dl->ring = deliver_setup_ring(env);
	dl->tls_sessions = tls_sessions_new(TLS_SESSIONS_MAX);
	dl->tls_broken = memo_new();
	dl->dead = memo_new();
	dl->bdat = bdat_hosts_new();
	dl->session_env = (struct smtp_session_env){ .base = env->base,
		.timers = env->timers, .conf = env->conf,
		.resolver = dl->resolver, .tls = dl->tls,
		.tls_sessions = dl->tls_sessions,
		.tls_broken = dl->tls_broken, .dead = dl->dead,
		.tally = dl->tally,
		.ops = &deliver_session_ops, .arg = dl, .bdat = dl->bdat };
	return take_login(dl, e);
}

int
role_deliver(struct role_env *env)
{
	static struct deliver dl;	/* large: the ring's free places */
	static const struct role_path paths[] = {
		{ "subscribers", ROLE_PATH_LMDB_READ },
		{ "queue", ROLE_PATH_LMDB_READ },
		{ "content", ROLE_PATH_READ },
	};
	struct charset_tables *tables;
	struct err e = ERR_INIT;
	int status;

	if (deliver_open(&dl, env, &e) == -1)
		return role_refuse(env, &e);
	/* No table can be read after this. */
	tables = charset_preload();
	if (role_confine(env, paths, sizeof(paths) / sizeof(paths[0]),
	    &e) == -1) {
		status = role_refuse(env, &e);
		goto out;
	}
	env->arg = &dl;
	env->on_peer = on_peer;
	env->on_reload = on_reload;
	env->on_drain = on_drain;
	role_ready(env);
	status = role_run(env);
out:
	charset_unload(tables);
	return status;
}
