/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - group commit.
 *
 * The thread takes what waits, applies it, commits with one sync, and hands
 * the results back.  One commit costs two flushes of the disk whatever is in
 * it, so sharing it is worth about forty times.
 *
 * When an apply fails, for want of room or because a call on the store did,
 * the transaction is given up whole, readers that died are cleared, and the
 * jobs run again one to a transaction: a job that can not be done harms no
 * other.
 */
#include "config.h"

#include <sys/eventfd.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/xmalloc.h"
#include "spool/store_private.h"
#include "spool/writer.h"

#define NS_PER_MS	1000000ll

struct entry {
	struct entry	*next;
	struct job	 job;
	enum job_result	 result;
	struct err	 err;
};

struct entry_list {
	struct entry	*first, **last;
};

struct writer {
	struct store	*st;
	enum store_env	 env;
	unsigned	 group_ms;
	int		 fd;
	pthread_t	 thread;

	pthread_mutex_t	 lock;		/* of all below */
	pthread_cond_t	 wake;
	struct entry_list lane[2];
	struct entry_list finished;
	bool		 stopping;
	bool		 failed;	/* err says why; nothing more is done */
	struct err	 err;

	int64_t		 urgent_ns;	/* when the last urgent job was taken */
	int64_t		 idle_share_ns;	/* of bulk work, when none comes */
	atomic_size_t	 backlog;
	_Atomic uint64_t commits;
};

/* Only the writer's own thread sees it; for writer_slice_over(). */
static _Thread_local struct writer *current_writer;

/* ---- small things */

static void
list_init(struct entry_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void
list_add(struct entry_list *l, struct entry *n)
{
	n->next = NULL;
	*l->last = n;
	l->last = &n->next;
}

static struct entry *
list_take(struct entry_list *l)
{
	struct entry *n = l->first;

	if (n == NULL)
		return NULL;
	if ((l->first = n->next) == NULL)
		l->last = &l->first;
	return n;
}

/* Put all of from behind to. */
static void
list_move(struct entry_list *to, struct entry_list *from)
{
	if (from->first == NULL)
		return;
	*to->last = from->first;
	to->last = from->last;
	list_init(from);
}

static void
free_entries(struct entry_list *l)
{
	struct entry *n;

	while ((n = list_take(l)) != NULL)
		free(n);
}

static int64_t
mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void
answer(struct entry *n, enum job_result r, enum err_code code,
    const char *text)
{
	n->result = r;
	if (code != ERR_NONE)
		err_set(&n->err, code, "%s", text);
}

int
job_answer(int rc, const struct err *e)
{
	if (rc >= 0)
		return 0;
	switch (e->code) {
	case ERR_INPUT:
	case ERR_LIMIT:
	case ERR_NOTFOUND:
	case ERR_EXISTS:
	case ERR_REFUSED:
		return 1;
	default:
		return -1;
	}
}

/* ---- the jobs of one transaction */

/* True when room is left for this job; else it is answered. */
static bool
admit(struct txn *t, struct entry *n)
{
	enum store_room room;

	if (n->job.reserve)
		return true;
	room = txn_room(t);
	if (room == STORE_ROOM_PLENTY ||
	    (room == STORE_ROOM_SHORT && n->job.lane == WRITER_URGENT))
		return true;
	answer(n, JOB_TRY_AGAIN, ERR_AGAIN, "the store is nearly full");
	return false;
}

/* 0, or -1 when the transaction must be given up. */
static int
apply(struct txn *t, struct entry *n)
{
	int rc;

	n->err = (struct err)ERR_INIT;
	if (!admit(t, n))
		return 0;
	rc = n->job.apply(t, n->job.arg, &n->err);
	if (rc == -1 || txn_is_full(t))
		return -1;
	n->result = rc == 0 ? JOB_DONE : JOB_REFUSED;
	return 0;
}

/*
 * One job in a transaction of its own, a bulk one for budget ns unless 0.  0
 * with its result set, 1 when the map was full for it, or -1 when the commit
 * failed for good.
 */
static int
try_alone(struct store *st, enum store_env env, struct entry *n,
    int64_t budget, struct err *e)
{
	struct txn *t;
	bool full;

	if (txn_write(st, env, &t, e) == -1)
		return -1;
	if (n->job.lane == WRITER_BULK && budget != 0)
		txn_set_deadline(t, mono_ns() + budget);
	if (apply(t, n) == -1) {
		full = txn_is_full(t);
		txn_abort(t);
		n->result = JOB_REFUSED;
		return full;
	}
	if (n->result != JOB_DONE) {
		txn_abort(t);
		return 0;
	}
	if (txn_commit(t, &n->err) == 0)
		return 0;
	n->result = JOB_TRY_AGAIN;
	if (n->err.code == ERR_AGAIN)
		return 0;
	*e = n->err;
	return -1;
}

/* The same, where what may not be put off gets all the room there is. */
static int
run_alone(struct store *st, enum store_env env, struct entry *n,
    int64_t budget, struct err *e)
{
	int rc = try_alone(st, env, n, budget, e);

	if (rc == 1 && n->job.reserve && store_free_pages(st, env))
		rc = try_alone(st, env, n, budget, e);
	if (rc == 1)
		answer(n, JOB_TRY_AGAIN, ERR_AGAIN, "the store is full");
	return rc == -1 ? -1 : 0;
}

/* After a transaction was given up: each job alone. */
static int
run_each(struct writer *w, struct entry_list *batch, struct err *e)
{
	store_clear_readers(w->st);
	for (struct entry *n = batch->first; n != NULL; n = n->next)
		if (run_alone(w->st, w->env, n, WRITER_BULK_MS * NS_PER_MS,
		    e) == -1)
			return -1;
	return 0;
}

static struct entry *
take_bulk(struct writer *w)
{
	struct entry *n = NULL;

	pthread_mutex_lock(&w->lock);
	if (w->lane[WRITER_URGENT].first == NULL)
		n = list_take(&w->lane[WRITER_BULK]);
	pthread_mutex_unlock(&w->lock);
	return n;
}

/*
 * Each commit writes whole pages, so bulk work is the cheaper the more of it
 * is in one; as long as nobody waits for it.
 */
static int64_t
bulk_share(const struct writer *w)
{
	return mono_ns() - w->urgent_ns > WRITER_IDLE_MS * NS_PER_MS ?
	    w->idle_share_ns : WRITER_BULK_MS * NS_PER_MS;
}

/*
 * Where rows lie far apart each is a page or more, and who comes while they
 * are written waits for all of them: so the next share is what can be written
 * in time.  It also bounds the pages in memory, which LMDB keeps for reuse.
 */
static void
learn_share(struct writer *w, int64_t commit_ns)
{
	int64_t most = WRITER_COMMIT_MS * NS_PER_MS;
	int64_t share = w->idle_share_ns * 2;

	if (commit_ns > most)
		share = w->idle_share_ns / (commit_ns / most + 1);
	if (share > WRITER_IDLE_BULK_MS * NS_PER_MS)
		share = WRITER_IDLE_BULK_MS * NS_PER_MS;
	if (share < WRITER_BULK_MS * NS_PER_MS)
		share = WRITER_BULK_MS * NS_PER_MS;
	w->idle_share_ns = share;
}

/*
 * Apply the urgent jobs in batch, then bulk ones, moved to batch, until
 * their time is over or an urgent one comes.  -1: give the transaction up.
 */
static int
fill(struct writer *w, struct txn *t, struct entry_list *batch, bool bulk)
{
	struct entry *n;
	int64_t deadline;

	for (n = batch->first; n != NULL; n = n->next)
		if (apply(t, n) == -1)
			return -1;
	if (!bulk)
		return 0;
	deadline = mono_ns() + bulk_share(w);
	txn_set_deadline(t, deadline);
	while (mono_ns() < deadline && (n = take_bulk(w)) != NULL) {
		list_add(batch, n);
		if (apply(t, n) == -1)
			return -1;
	}
	return 0;
}

static bool
anything_done(const struct entry_list *batch)
{
	for (const struct entry *n = batch->first; n != NULL; n = n->next)
		if (n->result == JOB_DONE)
			return true;
	return false;
}

/* Apply and commit a batch; its jobs have their results, or -1. */
static int
run_batch(struct writer *w, struct entry_list *batch, bool bulk, struct err *e)
{
	struct txn *t;
	int64_t began_ns;

	if (txn_write(w->st, w->env, &t, e) == -1)
		return -1;
	if (fill(w, t, batch, bulk) == -1) {
		txn_abort(t);
		return run_each(w, batch, e);
	}
	if (!anything_done(batch)) {
		txn_abort(t);
		return 0;
	}
	began_ns = mono_ns();
	if (txn_commit(t, e) == 0) {
		if (bulk)
			learn_share(w, mono_ns() - began_ns);
		return 0;
	}
	return e->code == ERR_AGAIN ? run_each(w, batch, e) : -1;
}

/* ---- the thread */

/* Wait for work, then up to group_ms for company.  False: the end. */
static bool
wait_for_work(struct writer *w)
{
	struct timespec ts;
	int64_t until;

	while (w->lane[0].first == NULL && w->lane[1].first == NULL) {
		if (w->stopping)
			return false;
		pthread_cond_wait(&w->wake, &w->lock);
	}
	until = mono_ns() + w->group_ms * NS_PER_MS;
	ts.tv_sec = until / 1000000000;
	ts.tv_nsec = until % 1000000000;
	while (w->group_ms != 0 && !w->stopping &&
	    pthread_cond_timedwait(&w->wake, &w->lock, &ts) != ETIMEDOUT)
		;
	return true;
}

/* Hand a batch's results over; e when its commit failed for good. */
static void
publish(struct writer *w, struct entry_list *batch, const struct err *e)
{
	uint64_t one = 1;

	if (e == NULL)
		w->commits += anything_done(batch);
	else
		free_entries(batch);	/* nobody knows: never answered */
	pthread_mutex_lock(&w->lock);
	list_move(&w->finished, batch);
	if (e != NULL) {
		w->failed = true;
		w->err = *e;
	}
	pthread_mutex_unlock(&w->lock);
	while (write(w->fd, &one, sizeof(one)) == -1 && errno == EINTR)
		;
}

static void *
writer_main(void *arg)
{
	struct writer *w = arg;
	struct entry_list batch;
	struct err e = ERR_INIT;
	bool bulk;

	current_writer = w;
	list_init(&batch);
	for (;;) {
		pthread_mutex_lock(&w->lock);
		if (!wait_for_work(w)) {
			pthread_mutex_unlock(&w->lock);
			return NULL;
		}
		for (unsigned n = 0; n < WRITER_BATCH_MAX &&
		    w->lane[WRITER_URGENT].first != NULL; n++)
			list_add(&batch, list_take(&w->lane[WRITER_URGENT]));
		bulk = w->lane[WRITER_BULK].first != NULL;
		pthread_mutex_unlock(&w->lock);
		if (batch.first != NULL)
			w->urgent_ns = mono_ns();
		if (run_batch(w, &batch, bulk, &e) == -1) {
			publish(w, &batch, &e);
			return NULL;
		}
		publish(w, &batch, NULL);
	}
}

bool
writer_slice_over(struct txn *t)
{
	struct writer *w = current_writer;
	bool urgent = false;

	if (txn_deadline(t) != 0 && mono_ns() >= txn_deadline(t))
		return true;
	if (w == NULL)
		return false;
	pthread_mutex_lock(&w->lock);
	urgent = w->lane[WRITER_URGENT].first != NULL;
	pthread_mutex_unlock(&w->lock);
	return urgent;
}

int64_t
writer_slice_left_ms(struct txn *t)
{
	int64_t end = txn_deadline(t);

	return end == 0 ? INT64_MAX : (end - mono_ns()) / NS_PER_MS;
}

/* ---- the owner's side */

static struct writer *
writer_new(struct store *st, enum store_env env, unsigned group_ms)
{
	struct writer *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;

	w->st = st;
	w->env = env;
	w->group_ms = group_ms;
	w->idle_share_ns = WRITER_IDLE_BULK_MS * NS_PER_MS;
	w->fd = -1;
	list_init(&w->lane[0]);
	list_init(&w->lane[1]);
	list_init(&w->finished);
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

static void
writer_free(struct writer *w)
{
	if (w->fd != -1)
		close(w->fd);
	free_entries(&w->lane[0]);
	free_entries(&w->lane[1]);
	free_entries(&w->finished);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Signals are for the thread with the event loop. */
static int
start_thread(struct writer *w)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&w->thread, NULL, writer_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

struct writer *
writer_start(struct store *st, enum store_env env, unsigned group_ms,
    struct err *e)
{
	struct writer *w;

	if (!store_claim_writer(st, env)) {
		err_set(e, ERR_EXISTS, "the store has a writer, or is open "
		    "for reading only");
		return NULL;
	}
	w = writer_new(st, env, group_ms);
	if ((w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1) {
		err_sys(e, "eventfd");
		goto fail;
	}
	if ((errno = start_thread(w)) != 0) {
		err_sys(e, "the writer's thread");
		goto fail;
	}
	return w;
fail:
	writer_free(w);
	store_release_writer(st, env);
	return NULL;
}

void
writer_submit(struct writer *w, const struct job *job)
{
	struct entry *n = xcalloc(1, sizeof(*n));

	n->job = *job;
	w->backlog++;
	pthread_mutex_lock(&w->lock);
	list_add(&w->lane[job->lane], n);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

int
writer_fd(const struct writer *w)
{
	return w->fd;
}

static void
finish(struct writer *w, struct entry_list *list)
{
	struct entry *n;

	while ((n = list_take(list)) != NULL) {
		w->backlog--;
		if (n->job.done != NULL)
			n->job.done(n->job.arg, n->result, &n->err);
		free(n);
	}
}

int
writer_collect(struct writer *w, struct err *e)
{
	struct entry_list list;
	uint64_t count;
	bool failed;

	list_init(&list);
	while (read(w->fd, &count, sizeof(count)) == -1 && errno == EINTR)
		;
	pthread_mutex_lock(&w->lock);
	failed = w->failed;
	if (failed && e != NULL)
		*e = w->err;
	list_move(&list, &w->finished);
	pthread_mutex_unlock(&w->lock);
	finish(w, &list);
	return failed ? -1 : 0;
}

void
writer_stop(struct writer *w)
{
	struct entry *n;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	while (!w->failed && w->backlog > 0) {
		for (int lane = 0; lane < 2; lane++) {
			while ((n = list_take(&w->lane[lane])) != NULL) {
				answer(n, JOB_TRY_AGAIN, ERR_AGAIN,
				    "the store is closing");
				list_add(&w->finished, n);
			}
		}
		writer_collect(w, NULL);
	}
	store_release_writer(w->st, w->env);
	writer_free(w);
}

size_t
writer_backlog(const struct writer *w)
{
	return w->backlog;
}

uint64_t
writer_commits(const struct writer *w)
{
	return w->commits;
}

enum job_result
writer_run(struct store *st, enum store_env env, const struct job *job,
    struct err *e)
{
	struct entry n = { .job = *job, .err = ERR_INIT };
	struct err fatal = ERR_INIT;

	if (!store_claim_writer(st, env)) {
		err_set(e, ERR_EXISTS, "the store has a writer, or is open "
		    "for reading only");
		return JOB_REFUSED;
	}
	if (run_alone(st, env, &n, 0, &fatal) == -1) {
		n.result = JOB_REFUSED;
		n.err = fatal;
	}
	store_release_writer(st, env);
	if (e != NULL && n.result != JOB_DONE)
		*e = n.err;
	return n.result;
}
