/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_queue.c - the one process that writes the store and decides what is
 * sent when.
 *
 * It opens no network socket.  At start, before any other role may have
 * anything: a new epoch, the outbox redone, the ring read.  After that the
 * loop only passes things on: frames to the scheduler or to requests, jobs to
 * the two writers, their results back.  A commit that fails ends the process,
 * for then only the disk knows what is true (P6); the parent starts another.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/rand.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/sys/ring.h"
#include "listd/batch.h"
#include "listd/control.h"
#include "listd/effects.h"
#include "listd/figures.h"
#include "listd/queue_private.h"
#include "listd/queue_requests.h"
#include "listd/scheduler.h"
#include "listd/source.h"
#include "spool/org.h"
#include "spool/content.h"
#include "spool/departures.h"
#include "spool/effect.h"
#include "spool/outcome.h"
#include "spool/qmeta.h"
#include "spool/secrets.h"
#include "spool/store_swap.h"

#define STATUS_SOFTWARE	70	/* EX_SOFTWARE: start another */

static struct queue queue;

/* ---- queue_api.h */

struct role_env *
queue_env(struct queue *q)
{
	return q->env;
}

struct store *
queue_store(struct queue *q)
{
	return q->store;
}

struct content *
queue_content(struct queue *q)
{
	return q->content;
}

struct scheduler *
queue_scheduler(struct queue *q)
{
	return q->sched;
}

struct figures *
queue_figures(struct queue *q)
{
	return q->figures;
}

const struct reply_rules *
queue_rules(struct queue *q)
{
	return q->steering.rules;
}

void
queue_commit(struct queue *q, enum store_env env, const struct job *job)
{
	const struct err e = { ERR_AGAIN, "the store is closing" };

	if (q->writer[env] != NULL)
		writer_submit(q->writer[env], job);
	else if (job->done != NULL)	/* the process ends */
		job->done(job->arg, JOB_TRY_AGAIN, &e);
}

size_t
queue_backlog(struct queue *q, enum store_env env)
{
	return q->writer[env] == NULL ? 0 : writer_backlog(q->writer[env]);
}

uint64_t
queue_commits(struct queue *q, enum store_env env)
{
	return q->writer[env] == NULL ? 0 : writer_commits(q->writer[env]);
}

const struct clock_watch *
queue_clock(struct queue *q)
{
	return &q->clock;
}

bool
queue_clock_unsure(struct queue *q)
{
	return q->clock.unsure;
}

/* ---- the loop's events */

void
queue_fatal(const struct err *why)
{
	log_failure(LEVEL_ERROR, "queue-ends", why);
	log_close();
	_exit(STATUS_SOFTWARE);
}

void
queue_turn_soon(struct queue *q)
{
	static const struct timeval now = { 0, 0 };

	/* By time and not at once: what came meanwhile is read before it. */
	if (q->turn != NULL)
		event_add(q->turn, &now);
}

void
queue_look_drained(struct queue *q)
{
	if (q->draining && !q->chore_runs &&
	    queue_requests_open(q->requests) == 0 &&
	    scheduler_drained(q->sched) &&
	    queue_backlog(q, STORE_S) == 0 && queue_backlog(q, STORE_Q) == 0)
		role_drained(q->env);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct queue *q = arg;
	int64_t wait;

	(void)fd, (void)what;
	wait = scheduler_run(q->sched);
	if (wait == 0)
		queue_turn_soon(q);
	else if (wait > 0)
		timer_start(&q->wait, wait);
	else
		timer_cancel(&q->wait);
	queue_look_drained(q);
}

static void
on_wait(void *arg)
{
	queue_turn_soon(arg);
}

static void
on_commits(evutil_socket_t fd, short what, void *arg)
{
	struct writer *w = arg;
	struct err e = ERR_INIT;

	(void)fd, (void)what;
	if (writer_collect(w, &e) == -1)
		queue_fatal(&e);
	if (w == queue.writer[STORE_S])
		queue_ledger_look(&queue);
	queue_look_drained(&queue);
}

static void
sched_commit(void *arg, enum store_env env, const struct job *job)
{
	queue_commit(arg, env, job);
}

static void
sched_wake(void *arg)
{
	queue_turn_soon(arg);
}

static void
sched_fatal(void *arg, const struct err *why)
{
	(void)arg;
	queue_fatal(why);
}

/* ---- life */

static void
limits_of(const struct conf *c, struct scheduler_limits *l)
{
	l->connections_total = (unsigned)c->connections_total;
	l->connections_per_site = (unsigned)c->connections_per_site;
	l->messages_per_connection = (unsigned)c->messages_per_connection;
	l->queue_lifetime_ms = c->queue_lifetime;
	l->recipient_per_day = (unsigned)c->recipient_per_day;
	l->similar_per_day = (unsigned)c->similar_per_day;
}

static void
set_relays(struct scheduler *sched, const struct conf *c)
{
	struct scheduler_relay relays[CONF_SMARTHOST_MAX];

	memset(relays, 0, sizeof(relays));
	for (size_t i = 0; i < c->smarthost.n; i++) {
		const struct conf_smarthost *h = &c->smarthost.v[i];
		struct scheduler_relay *r = &relays[i];

		conf_smarthost_name(h, r->name);
		strcpy(r->host, h->host);
		r->preference = h->preference;
		r->weight = h->weight;
		r->connections = h->connections != 0 ? h->connections :
		    (unsigned)c->smarthost_connections;
		r->messages_per_connection = h->messages_per_connection != 0 ?
		    h->messages_per_connection :
		    (unsigned)c->smarthost_messages;
		r->messages_per_minute = h->messages_per_minute;
		r->connects_per_minute = h->connects_per_minute;
		r->messages_per_hour = h->messages_per_hour;
		r->messages_per_day = h->messages_per_day;
		r->implicit_tls = h->implicit_tls != 0;
	}
	scheduler_set_relays(sched, relays, c->smarthost.n);
}

static void
on_reload(struct role_env *env, const struct conf *old)
{
	struct queue *q = env->arg;
	struct scheduler_limits limits;
	struct err e = ERR_INIT;

	(void)old;
	limits_of(env->conf, &limits);
	scheduler_set_limits(q->sched, &limits);
	set_relays(q->sched, env->conf);
	if (queue_steering_load(q, &e) == -1)
		log_failure(LEVEL_ERROR, "steering-kept", &e);
	queue_ledger_name(q);
}

static void
on_peer(struct role_env *env, enum role_kind kind, unsigned index, int fd)
{
	struct queue *q = env->arg;

	if (kind == ROLE_DELIVER)
		queue_peers_take(q, index, fd);
	else
		queue_requests_peer(q->requests, kind, fd);
}

/* The daemon stops: nothing new goes out while the others end. */
static void
on_stopping(struct role_env *env)
{
	struct queue *q = env->arg;

	scheduler_drain(q->sched);
}

/* The others have ended; what they said last is being written. */
static void
on_drain(struct role_env *env)
{
	struct queue *q = env->arg;

	scheduler_drain(q->sched);
	q->draining = true;
	queue_ledger_end(q);
	queue_chores_stop(q);
	queue_copy_stop(q);
	queue_tls_reports_stop(q);
	queue_requests_close(q->requests);
	control_stop(q->control);
	queue_turn_soon(q);
}

static int
load_keys(struct queue *q, struct err *e)
{
	char name[64];
	int fd;

	q->keys = keyring_new();
	for (enum key_purpose p = 0; p < KEY_PURPOSES; p++) {
		snprintf(name, sizeof(name), FD_SECRET "%s",
		    key_purpose_name(p));
		if ((fd = role_fd(q->env, name)) == -1) {
			err_set(e, ERR_NOTFOUND, "secret %s was not passed",
			    key_purpose_name(p));
			return -1;
		}
		if (secrets_read(q->keys, p, fd, e) == -1)
			return -1;
	}
	return 0;
}

static int
open_store(struct queue *q, struct err *e)
{
	const struct conf *c = q->env->conf;
	const struct store_params p = {
		.dir = c->data_dir, .keys = q->keys,
		.map_size = (uint64_t)c->map_size,
		.map_size_queue = (uint64_t)c->map_size_queue,
		.write = true, .create = q->env->first_run,
	};

	if ((q->store = store_open(&p, e)) == NULL)
		return -1;
	store_clear_readers(q->store);
	queue_ledger_begin(q);
	if (org_make_default(q->store, clock_utc_ms(q->env->clock), e) == -1)
		return -1;
	q->content = content_open(c->data_dir, true, e);
	return q->content == NULL ? -1 : 0;
}

static int
epoch_apply(struct txn *t, void *arg, struct err *e)
{
	return qmeta_next(t, QMETA_EPOCH, arg, e);
}

static int
new_epoch(struct queue *q, struct err *e)
{
	const struct job job = {
		.apply = epoch_apply, .arg = &q->epoch,
		.lane = WRITER_URGENT, .reserve = true,
	};

	return writer_run(q->store, STORE_Q, &job, e) == JOB_DONE ? 0 : -1;
}

/* What S has applied, and up to where L was synced. */
static int
read_marks(struct queue *q, uint64_t *applied_r, uint64_t *logged_r,
    struct err *e)
{
	struct txn *t;
	int rc;

	if (txn_read(q->store, STORE_S, &t, e) == -1)
		return -1;
	rc = effect_last(t, applied_r, e);
	txn_end(t);
	if (rc == -1 || txn_read(q->store, STORE_Q, &t, e) == -1)
		return -1;
	rc = qmeta_get(t, QMETA_LOGGED, logged_r, e);
	txn_end(t);
	return rc;
}

/* Redo what an earlier life committed and did not pass on. */
static int
recover(struct queue *q, uint64_t *last_r, struct err *e)
{
	struct batch_params bp = {
		.node = SCHEDULER_NODE, .effects = effects_apply,
	};
	struct err damage = ERR_INIT;
	uint64_t applied = 0, logged = 0;
	unsigned redone;

	if (read_marks(q, &applied, &logged, e) == -1)
		return -1;
	snprintf(q->outcomes, sizeof(q->outcomes), "%s/outcomes",
	    q->env->conf->data_dir);
	q->log = outcome_log_open(q->outcomes, logged, &damage, e);
	if (q->log == NULL)
		return -1;
	if (damage.code != ERR_NONE)
		log_failure(LEVEL_ERROR, "outcomes-damaged", &damage);
	bp.log = q->log;
	if (batch_recover(q->store, &bp, applied, last_r, &redone, e) == -1)
		return -1;
	if (redone > 0)
		log_text(LEVEL_NOTICE, "outbox", "%u batches redone", redone);
	return 0;
}

static int
make_scheduler(struct queue *q, uint64_t last_batch, struct err *e)
{
	struct source sources[SOURCES_MAX];
	struct scheduler_params p = {
		.store = q->store, .log = q->log, .figures = q->figures,
		.outcomes = q->outcomes, .clock = q->env->clock,
		.epoch = q->epoch, .last_batch = last_batch,
		.peers = q->env->delivers, .arg = q, .send = queue_send,
		.commit = sched_commit, .effects = effects_apply,
		.wake = sched_wake, .fatal = sched_fatal,
	};

	limits_of(q->env->conf, &p.limits);
	p.nsources = queue_sources(q->env->conf, sources);
	p.sources = sources;
	if (RAND_bytes((uint8_t *)&p.seed, sizeof(p.seed)) != 1) {
		err_set(e, ERR_CRYPTO, "no random octets");
		return -1;
	}
	if ((q->sched = scheduler_new(&p, e)) == NULL)
		return -1;
	scheduler_set_shaping(q->sched, q->steering.shaping,
	    q->steering.rules);
	set_relays(q->sched, q->env->conf);
	return 0;
}

/* Whose copies were where when an earlier queue role ended. */
static void
read_ring(struct queue *q)
{
	int fd = role_fd(q->env, FD_RING);
	struct err e = ERR_INIT;

	if (fd == -1 || (q->ring = ring_map(fd, &e)) == NULL) {
		if (fd != -1)
			log_failure(LEVEL_WARNING, "ring", &e);
		return;
	}
	for (unsigned i = 0; i < RING_ROLES; i++)
		queue_report_ring(q, i);
}

static int
start_writer(struct queue *q, enum store_env env, struct err *e)
{
	q->writer[env] = writer_start(q->store, env, 0, e);
	if (q->writer[env] == NULL)
		return -1;
	q->commits[env] = event_new(q->env->base, writer_fd(q->writer[env]),
	    EV_READ | EV_PERSIST, on_commits, q->writer[env]);
	if (q->commits[env] == NULL ||
	    event_add(q->commits[env], NULL) == -1) {
		err_set(e, ERR_SYSTEM, "no event for a writer");
		return -1;
	}
	return 0;
}

static int
start_control(struct queue *q, struct err *e)
{
	int fd = role_fd(q->env, FD_CONTROL);

	if (fd == -1)
		return 0;
	q->control = control_start(q, fd, e);
	return q->control == NULL ? -1 : 0;
}

static int
open_all(struct queue *q, struct err *e)
{
	uint64_t last_batch = 0;

	if (open_store(q, e) == -1 || queue_departures_open(q, e) == -1 ||
	    new_epoch(q, e) == -1 ||
	    recover(q, &last_batch, e) == -1 ||
	    queue_steering_load(q, e) == -1 ||
	    make_scheduler(q, last_batch, e) == -1)
		return -1;
	read_ring(q);
	q->turn = event_new(q->env->base, -1, 0, on_turn, q);
	if (q->turn == NULL) {
		err_set(e, ERR_SYSTEM, "no event for the scheduler");
		return -1;
	}
	timer_init(&q->wait, q->env->timers, on_wait, q);
	queue_ledger_opened(q);
	if (queue_restored_look(q, e) == -1 || queue_copy_open(q, e) == -1 ||
	    start_writer(q, STORE_S, e) == -1 ||
	    start_writer(q, STORE_Q, e) == -1 || start_control(q, e) == -1)
		return -1;
	return 0;
}

/* What waits is committed; what that leads to is answered "try again". */
static void
stop_writer(struct queue *q, enum store_env env)
{
	struct writer *w = q->writer[env];

	if (q->commits[env] != NULL)
		event_free(q->commits[env]);
	q->commits[env] = NULL;
	q->writer[env] = NULL;
	writer_stop(w);
}

static void
close_all(struct queue *q)
{
	control_stop(q->control);
	queue_requests_close(q->requests);
	queue_peers_close(q);
	stop_writer(q, STORE_Q);
	stop_writer(q, STORE_S);
	queue_ledger_last(q);
	queue_copy_close(q);
	timer_cancel(&q->wait);
	queue_ledger_end(q);
	queue_chores_stop(q);
	queue_tls_reports_stop(q);
	if (q->turn != NULL)
		event_free(q->turn);
	q->turn = NULL;
	queue_requests_free(q->requests);
	scheduler_free(q->sched);
	queue_tls_reports_free(q);
	queue_steering_free(q);
	figures_free(q->figures);
	control_free(q->control);
	outcome_log_close(q->log);
	ring_unmap(q->ring);
	content_close(q->content);
	queue_departures_close(q);
	store_close(q->store);
	keyring_free(q->keys);
}

int
role_queue(struct role_env *env)
{
	static const struct role_path paths[] = {
		{ "subscribers", ROLE_PATH_WRITE },
		{ "queue", ROLE_PATH_WRITE },
		{ "outcomes", ROLE_PATH_WRITE },
		{ "content", ROLE_PATH_WRITE },
		{ STORE_COPY_DIR, ROLE_PATH_WRITE },
		{ DEPARTURES_DIR, ROLE_PATH_WRITE },
		{ "incoming", ROLE_PATH_WRITE },
		{ "/etc/passwd", ROLE_PATH_READ },
		{ "/etc/group", ROLE_PATH_READ },
	};
	struct queue *q = &queue;
	struct err e = ERR_INIT;
	int status;

	*q = (struct queue){ .env = env };
	env->arg = q;
	queue_peers_init(q);
	q->requests = queue_requests_new(q);
	q->figures = figures_new();
	if (load_keys(q, &e) == -1 ||
	    role_confine(env, paths, sizeof(paths) / sizeof(paths[0]),
	    &e) == -1 || open_all(q, &e) == -1)
		return role_refuse(env, &e);
	env->on_peer = on_peer;
	env->on_reload = on_reload;
	env->on_stopping = on_stopping;
	env->on_drain = on_drain;
	queue_chores_start(q);
	queue_tls_reports_start(q);
	queue_turn_soon(q);
	log_text(LEVEL_NOTICE, "queue", "epoch %llu",
	    (unsigned long long)q->epoch);
	role_ready(env);
	status = role_run(env);
	close_all(q);
	return status;
}
