/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_copy.c - copies of the store made beside everything else: to be
 * compacted into, and for backups.
 *
 * A thread of low rank copies, a slice at a time, and rests as long as it
 * worked.  A backup is whole when it has caught up.  A compaction then asks
 * the parent for a restart of all roles and goes on catching up; when the
 * writers have ended the last rows are taken over, and the parent swaps while
 * nobody has the store open (spool/DESIGN section 14).
 */
#include "config.h"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/queue_private.h"
#include "spool/content.h"
#include "spool/outbox.h"
#include "spool/outcome.h"
#include "spool/store_copy.h"
#include "spool/store_swap.h"
#include "spool/sweep.h"

#define DAY_MS		(24ll * 3600 * 1000)
#define LOOK_MS		(3600ll * 1000)	/* is compaction due? */
#define FIRST_LOOK_MS	60000
#define BACKUP_MS	DAY_MS		/* for listctl to take it away */
#define LEAD_MS		DAY_MS		/* begun so long before it must end */
#define REST_MIN_MS	1
#define REST_MAX_MS	200
#define NEAR_REST_MS	100		/* between rounds of catching up */
#define OUTBOX_TRIES	100	/* looks, NEAR_REST_MS apart */
#define YOUNG_MS	(3600ll * 1000)	/* content files that are left */
#define NICE		10

enum stage { IDLE, COPYING, NEAR, DONE, FAILED };

struct queue_copy {
	struct queue	*q;
	bool		 backup;
	bool		 asked;		/* the parent, for a restart */
	bool		 by_call;	/* who asked says when to go on */
	char		 dir[CONF_PATH_MAX + 32];
	struct store	*store;
	struct sweep	*sweep;
	pthread_t	 thread;
	bool		 runs;		/* the thread is to be joined */
	struct event	*event;
	int		 fd;
	struct timer	 due;
	_Atomic bool	 stop;
	_Atomic int	 stage;
	_Atomic uint64_t rows, of;
	int64_t		 begun_ms, now_ms;
	/* Of the thread until it ended. */
	struct store_copy *copy;
	struct store_copy_info info;
	struct err	 e;
};

/* ---- the thread */

static int64_t
mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

static void
rest(int64_t ms)
{
	struct timespec ts = { 0, 0 };

	ms = ms < REST_MIN_MS ? REST_MIN_MS : ms > REST_MAX_MS ?
	    REST_MAX_MS : ms;
	ts.tv_nsec = ms * 1000000;
	nanosleep(&ts, NULL);
}

static void
tell(struct queue_copy *k, enum stage stage)
{
	uint64_t one = 1;

	k->stage = stage;
	while (write(k->fd, &one, sizeof(one)) == -1 && errno == EINTR)
		;
}

/* 0 when it has caught up, or is told to stop. */
static int
copy_rows(struct queue_copy *k)
{
	uint64_t rows, of;
	int rc = 1;

	while (rc == 1 && !k->stop) {
		int64_t began = mono_ms();

		rc = store_copy_step(k->copy, &k->e);
		store_copy_progress(k->copy, &rows, &of);
		k->rows = rows;
		k->of = of;
		if (rc == 1)
			rest(mono_ms() - began);
	}
	return rc == -1 ? -1 : 0;
}

static int
sweep_content(struct queue_copy *k)
{
	int rc = 1;

	while (k->sweep != NULL && rc == 1 && !k->stop) {
		rc = sweep_step(k->sweep, &k->e);
		rest(0);
	}
	return rc == -1 ? -1 : 0;
}

/* The first batch in the outbox above *batch: 1, 0, -1. */
static int
next_batch(struct queue_copy *k, uint64_t *batch)
{
	struct strbuf outcomes = STRBUF_INIT(OUTCOME_BATCH_MAX);
	struct txn *t;
	int rc;

	if (txn_read(k->store, STORE_Q, &t, NULL) == -1)
		return -1;
	rc = outbox_next(t, batch, &outcomes, NULL);
	txn_end(t);
	strbuf_free(&outcomes);
	return rc;
}

/*
 * The outbox has mails to people for a second or two, and who was erased may
 * be one of them.  A row that is copied and goes behind the copy leaves its
 * octets in free pages, so what lies there is let go first.  A row that can not
 * be read is for `listctl check`, and nothing to wait for.
 */
static void
let_mails_go(struct queue_copy *k)
{
	uint64_t last = 0, first;
	int rc;

	while ((rc = next_batch(k, &last)) == 1 && !k->stop)
		;
	for (int i = 0; rc != -1 && i < OUTBOX_TRIES && !k->stop; i++) {
		first = 0;
		rc = next_batch(k, &first);
		if (rc != 1 || first > last)
			break;
		rest(NEAR_REST_MS);
	}
}

static int
copy_all(struct queue_copy *k)
{
	if (sweep_content(k) == -1)
		return -1;
	if (!k->backup)
		let_mails_go(k);
	k->copy = store_copy_begin(k->store, k->dir, k->begun_ms, &k->e);
	if (k->copy == NULL || copy_rows(k) == -1)
		return -1;
	if (k->stop)
		return 0;
	if (k->backup)
		return store_copy_finish(k->copy, false, k->begun_ms,
		    &k->info, &k->e);
	tell(k, NEAR);
	while (!k->stop) {
		rest(NEAR_REST_MS);
		if (copy_rows(k) == -1)
			return -1;
	}
	return 0;
}

static void *
copy_main(void *arg)
{
	struct queue_copy *k = arg;

	/* On Linux of this thread alone. */
	setpriority(PRIO_PROCESS, 0, NICE);
	if (copy_all(k) == -1)
		tell(k, FAILED);
	else if (k->backup && !k->stop)
		tell(k, DONE);
	return NULL;
}

static int
start_thread(struct queue_copy *k, struct err *e)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	errno = pthread_create(&k->thread, NULL, copy_main, k);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (errno != 0) {
		err_sys(e, "a thread to copy the store");
		return -1;
	}
	k->runs = true;
	return 0;
}

static void
end_thread(struct queue_copy *k)
{
	k->stop = true;
	if (k->runs)
		pthread_join(k->thread, NULL);
	k->runs = false;
}

/* ---- in the loop */

static const char *
what(const struct queue_copy *k)
{
	return k->backup ? "backup" : "compact";
}

/* The thread is past its work; its copy is let go of, whole or not. */
static void
drop(struct queue_copy *k)
{
	end_thread(k);
	store_copy_free(k->copy);
	k->copy = NULL;
	sweep_free(k->sweep);
	k->sweep = NULL;
}

static void
ask_for_restart(struct queue_copy *k)
{
	if (k->stage != NEAR || k->asked || k->q->draining)
		return;
	k->asked = true;
	log_text(LEVEL_NOTICE, "compact", "%llu rows copied; all roles "
	    "restart", (unsigned long long)k->rows);
	role_restart_all(k->q->env);
}

static void
on_told(evutil_socket_t fd, short event, void *arg)
{
	struct queue_copy *k = arg;
	uint64_t n;

	(void)event;
	while (read(fd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
	if (k->stage == NEAR && !k->by_call)
		ask_for_restart(k);
	if (k->stage == DONE)
		log_text(LEVEL_NOTICE, "backup", "%llu rows copied",
		    (unsigned long long)k->rows);
	if (k->stage == FAILED)
		log_failure(LEVEL_WARNING, what(k), &k->e);
	if (k->stage == DONE || k->stage == FAILED)
		drop(k);
}

static int
begin(struct queue_copy *k, bool backup, bool by_call, struct err *e)
{
	struct queue *q = k->q;
	const struct conf *c = q->env->conf;

	if (q->draining || k->stage == COPYING || k->stage == NEAR ||
	    k->stage == DONE) {
		err_set(e, ERR_EXISTS, "a copy of the store for a %s is under "
		    "way", k->backup ? "backup" : "compaction");
		return -1;
	}
	k->backup = backup;
	k->by_call = by_call;
	k->asked = k->stop = false;
	k->rows = k->of = 0;
	k->e = (struct err)ERR_INIT;
	k->begun_ms = clock_utc_ms(q->env->clock);
	k->store = q->store;
	snprintf(k->dir, sizeof(k->dir), "%s/%s", c->data_dir, backup ?
	    STORE_BACKUP_DIR : STORE_COMPACT_DIR);
	if (!backup && q->sweeping == NULL) {
		k->sweep = sweep_new(q->store, q->content, c->keep_content,
		    k->begun_ms);
		sweep_young(k->sweep, YOUNG_MS);
	}
	k->stage = COPYING;
	if (start_thread(k, e) == 0)
		return 0;
	k->stage = FAILED;
	drop(k);
	return -1;
}

static int
read_due(struct queue *q, int64_t *first_r, int64_t *compacted_r,
    struct err *e)
{
	struct txn *t;
	int rc;

	*first_r = *compacted_r = 0;
	if (txn_read(q->store, STORE_S, &t, e) == -1)
		return -1;
	rc = store_compact_due(t, first_r, compacted_r, e);
	txn_end(t);
	return rc;
}

/* What was deleted must be gone so many days after the first of it. */
static void
on_due(void *arg)
{
	struct queue_copy *k = arg;
	int64_t first, compacted, wait;
	struct err e = ERR_INIT;

	timer_start(&k->due, LOOK_MS);
	/* Of a listctl that died; the sweeper waits for it. */
	if (k->stage == DONE && clock_utc_ms(k->q->env->clock) >
	    k->begun_ms + BACKUP_MS)
		queue_copy_end(k->q);
	if (read_due(k->q, &first, &compacted, &e) == -1) {
		log_failure(LEVEL_ERROR, "compact", &e);
		return;
	}
	wait = k->q->env->conf->compact_days * DAY_MS - LEAD_MS;
	if (first == 0 || clock_utc_ms(k->q->env->clock) < first + wait ||
	    k->stage == COPYING || k->stage == NEAR || k->stage == DONE)
		return;
	if (begin(k, false, false, &e) == -1)
		log_failure(LEVEL_WARNING, "compact", &e);
	else
		log_text(LEVEL_NOTICE, "compact", "begun");
}

/* ---- queue_api.h */

int
queue_copy_begin(struct queue *q, bool backup, struct err *e)
{
	return begin(q->copy, backup, true, e);
}

void
queue_copy_go(struct queue *q)
{
	ask_for_restart(q->copy);
}

void
queue_copy_end(struct queue *q)
{
	struct queue_copy *k = q->copy;
	struct err e = ERR_INIT;

	if (k->stage == IDLE || (k->stage == NEAR && k->asked))
		return;
	drop(k);
	k->stage = IDLE;
	if (store_copy_remove(k->dir, &e) == -1)
		log_failure(LEVEL_WARNING, what(k), &e);
}

void
queue_copy_look(struct queue *q, struct queue_copy_state *s_r)
{
	struct queue_copy *k = q->copy;

	*s_r = (struct queue_copy_state){ .backup = k->backup,
		.runs = k->stage == COPYING || k->stage == NEAR,
		.near = k->stage == NEAR, .done = k->stage == DONE,
		.rows = k->rows, .of = k->of, .begun_ms = k->begun_ms };
	if (k->stage == FAILED)
		s_r->why = k->e;
	if (k->stage == DONE)
		s_r->consent = k->info.consent;
	read_due(q, &s_r->erased_ms, &s_r->compacted_ms, NULL);
}

/* ---- life */

int
queue_copy_open(struct queue *q, struct err *e)
{
	static const char *const dirs[] = { STORE_COMPACT_DIR,
		STORE_BACKUP_DIR };
	struct queue_copy *k = xcalloc(1, sizeof(*k));

	k->q = q;
	q->copy = k;
	/* Of an earlier life: half a copy, or the store before this one. */
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		struct err le = ERR_INIT;

		snprintf(k->dir, sizeof(k->dir), "%s/%s",
		    q->env->conf->data_dir, dirs[i]);
		if (store_copy_remove(k->dir, &le) == -1)
			log_failure(LEVEL_WARNING, "copy", &le);
	}
	k->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->event = k->fd == -1 ? NULL : event_new(q->env->base, k->fd,
	    EV_READ | EV_PERSIST, on_told, k);
	if (k->event == NULL || event_add(k->event, NULL) == -1) {
		err_set(e, ERR_SYSTEM, "no event for copies of the store");
		return -1;
	}
	timer_init(&k->due, q->env->timers, on_due, k);
	timer_start(&k->due, FIRST_LOOK_MS);
	return 0;
}

void
queue_copy_stop(struct queue *q)
{
	struct queue_copy *k = q->copy;

	if (k == NULL)
		return;
	timer_cancel(&k->due);
	if (k->stage != NEAR || !k->asked)
		drop(k);
}

void
queue_copy_close(struct queue *q)
{
	struct queue_copy *k = q->copy;

	if (k == NULL)
		return;
	timer_cancel(&k->due);
	end_thread(k);
	if (k->copy != NULL && k->stage == NEAR && k->asked &&
	    store_copy_finish(k->copy, true, clock_utc_ms(q->env->clock),
	    &k->info, &k->e) == -1)
		log_failure(LEVEL_WARNING, "compact", &k->e);
	drop(k);
	if (k->event != NULL)
		event_free(k->event);
	if (k->fd != -1)
		close(k->fd);
	free(k);
	q->copy = NULL;
}
