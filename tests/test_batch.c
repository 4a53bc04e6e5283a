/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_batch.c - outcomes in groups: Q first, then L, then S, then the outbox
 * row goes; a crash between any two of these changes nothing in the end
 * (spool/DESIGN section 10, P2, P7).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "listd/batch.h"
#include "spool/outbox.h"
#include "spool/qmeta.h"
#include "tests/spool_world.h"

#define JOBS	16

static struct {
	struct world	*w;
	struct outcome_log *log;
	struct batcher	*b;
	struct {
		enum store_env	env;
		struct job	job;
	}		jobs[JOBS];
	size_t		njobs;
	unsigned	durable, stuck, flowing;
	uint64_t	applied;	/* S: the last batch */
	unsigned	effects;	/* S: outcomes that had an effect */
	unsigned	mails;		/* S: that came with them */
	size_t		mail_octets;
	int64_t		now;
} b;

static void
commit(void *arg, enum store_env env, const struct job *job)
{
	(void)arg;
	assert_true(b.njobs < JOBS);
	b.jobs[b.njobs].env = env;
	b.jobs[b.njobs++].job = *job;
}

static void
durable(void *arg)
{
	(void)arg;
	b.durable++;
}

static int
effects(struct txn *t, uint64_t batch, struct slice sealed,
    struct slice mails, struct err *e)
{
	struct outcome_head h;
	struct mailed m;
	struct unpack u;

	(void)t;
	if (outcome_open(&u, sealed, &h, e) == -1)
		return -1;
	assert_true(h.batch == batch);
	if (batch <= b.applied)
		return 0;
	b.applied = batch;
	b.effects += h.n;
	unpack_init(&u, mails.p, mails.len);
	while (mailed_next(&u, &m)) {
		assert_int_equal(m.hash[0], m.notice);
		b.mails++;
		b.mail_octets += m.mail.len;
	}
	assert_true(unpack_done(&u));
	return 0;
}

static void
stuck(void *arg, const struct err *why)
{
	(void)arg;
	if (why != NULL)
		b.stuck++;
	else
		b.flowing++;
}

static void
fatal(void *arg, const struct err *why)
{
	(void)arg;
	fail_msg("fatal: %s", why->text);
}

static const struct batch_params params = {
	.node = 1, .commit = commit, .durable = durable, .effects = effects,
	.stuck = stuck, .fatal = fatal,
};

static void
start(void)
{
	struct batch_params p = params;
	struct err damage = ERR_INIT;
	uint64_t last, logged;
	unsigned redone;
	struct txn *t;
	char dir[300];

	t = world_read(b.w, STORE_Q);
	assert_int_equal(qmeta_get(t, QMETA_LOGGED, &logged, &b.w->e), 0);
	txn_end(t);
	snprintf(dir, sizeof(dir), "%s/outcomes", b.w->dir);
	b.log = outcome_log_open(dir, logged, &damage, &b.w->e);
	assert_non_null(b.log);
	assert_int_equal(damage.code, ERR_NONE);
	p.log = b.log;
	assert_int_equal(batch_recover(b.w->st, &p, b.applied, &last, &redone,
	    &b.w->e), 0);
	b.b = batcher_new(&p, last);
}

/* The memory goes, the disk stays. */
static void
crash(void)
{
	const struct err why = { ERR_AGAIN, "crash" };

	while (b.njobs > 0) {
		struct job job = b.jobs[--b.njobs].job;

		job.done(job.arg, JOB_TRY_AGAIN, &why);
	}
	b.njobs = 0;
	batcher_free(b.b);
	outcome_log_close(b.log);
	world_reopen(b.w);
}

static int
setup(void **state)
{
	int rc = world_setup(state);

	memset(&b, 0, sizeof(b));
	b.w = *state;
	b.now = 1000;
	if (rc == 0)
		start();
	return rc;
}

static int
teardown(void **state)
{
	crash();
	return world_teardown(state);
}

/* The next job: applied or not, answered or not. */
static void
step(bool apply, bool answer, enum job_result r)
{
	const struct err why = { ERR_AGAIN, "no room" };
	struct job job = b.jobs[0].job;
	enum store_env env = b.jobs[0].env;

	assert_true(b.njobs > 0);
	if (apply && env == STORE_Q)
		assert_int_equal(writer_run(b.w->st, STORE_Q, &job, &b.w->e),
		    JOB_DONE);
	else if (apply)
		assert_int_equal(job.apply(NULL, job.arg, &b.w->e), 0);
	if (!answer)
		return;
	b.njobs--;
	memmove(&b.jobs[0], &b.jobs[1], b.njobs * sizeof(b.jobs[0]));
	job.done(job.arg, r, &why);
}

static void
add(uint64_t subscriber, enum outcome_state s, bool effect)
{
	struct outcome o = {
		.state = s, .kind = 1, .campaign = 5,
		.subscriber = subscriber, .attempt = 1,
	};

	batch_outcome(b.b, &o, effect, b.now);
}

static unsigned
logged(void)
{
	struct outcome_reader *r;
	struct outcome o;
	uint64_t batch;
	char dir[300];
	unsigned n = 0;

	snprintf(dir, sizeof(dir), "%s/outcomes", b.w->dir);
	r = outcome_reader_new(dir, 0, 0, &b.w->e);
	while (outcome_reader_next(r, &o, &batch, &b.w->e) == 1)
		n++;
	outcome_reader_free(r);
	return n;
}

static bool
outbox_holds(void)
{
	struct strbuf out = STRBUF_INIT(1 << 20);
	struct txn *t = world_read(b.w, STORE_Q);
	uint64_t batch = 0;
	int rc = outbox_next(t, &batch, &out, &b.w->e);

	txn_end(t);
	strbuf_free(&out);
	return rc == 1;
}

static struct tally
tally(void)
{
	struct txn *t = world_read(b.w, STORE_Q);
	struct tally v;

	assert_int_equal(tally_get(t, 5, &v, &b.w->e), 0);
	txn_end(t);
	return v;
}

/* ---- by hand */

static void
a_batch_goes_its_way(void **state)
{
	(void)state;
	assert_int_equal(batch_wait_ms(b.b, b.now), -1);
	add(1, OUTCOME_DELIVERED, false);
	add(2, OUTCOME_FAILED, true);
	batch_deferred(b.b, 5, 3);
	assert_int_equal(batch_wait_ms(b.b, b.now), BATCH_WAIT_MS);
	assert_false(batch_due(b.b, b.now));
	b.now += BATCH_WAIT_MS;
	assert_true(batch_due(b.b, b.now));
	batch_flush(b.b, b.now);
	assert_int_equal(batch_open(b.b), 2);
	assert_int_equal(logged(), 0);	/* Q comes first */
	step(true, true, JOB_DONE);
	assert_int_equal(b.durable, 1);
	assert_int_equal(logged(), 2);
	assert_int_equal(b.effects, 0);
	step(true, true, JOB_DONE);	/* S */
	assert_int_equal(b.effects, 2);
	assert_true(outbox_holds());
	assert_false(batch_settled(b.b));
	b.now += BATCH_SETTLE_MS;
	batch_tick(b.b, b.now);
	step(true, true, JOB_DONE);
	assert_false(outbox_holds());
	assert_true(batch_settled(b.b));
	assert_int_equal(tally().delivered, 1);
	assert_int_equal(tally().failed, 1);
	assert_int_equal(tally().deferred, 3);
	assert_int_equal(tally().attempts, 2);
}

static void
many_outcomes_go_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BATCH_OUTCOMES; i++) {
		assert_false(batch_due(b.b, b.now));
		add(i, OUTCOME_DELIVERED, false);
	}
	assert_true(batch_due(b.b, b.now));
	batch_flush(b.b, b.now);
	/* So many a crash may send again: no more until the disk has them. */
	assert_int_equal(batch_open(b.b), BATCH_OPEN_MAX);
	assert_true(batch_behind(b.b));
	add(1, OUTCOME_DELIVERED, false);
	/* One at a time is under way. */
	b.now += BATCH_WAIT_MS;
	assert_false(batch_due(b.b, b.now));
	step(true, true, JOB_DONE);
	assert_int_equal(batch_open(b.b), 1);
	assert_false(batch_behind(b.b));
	assert_true(batch_due(b.b, b.now));
	assert_int_equal(tally().delivered, BATCH_OUTCOMES);
}

/* P7: a full store holds things up, and it goes on by itself. */
static void
a_full_store_is_waited_for(void **state)
{
	(void)state;
	add(1, OUTCOME_FAILED, true);
	batch_flush(b.b, b.now);
	step(false, true, JOB_TRY_AGAIN);
	assert_int_equal(b.stuck, 1);
	assert_true(batch_behind(b.b));
	batch_tick(b.b, b.now);
	assert_int_equal(b.njobs, 1);
	step(false, true, JOB_TRY_AGAIN);
	batch_tick(b.b, b.now + BATCH_RETRY_MS - 1);
	assert_int_equal(b.njobs, 0);
	assert_int_equal(b.stuck, 1);	/* said once */
	b.now += BATCH_RETRY_MS;
	batch_tick(b.b, b.now);
	step(true, true, JOB_DONE);
	assert_false(batch_behind(b.b));
	step(false, true, JOB_TRY_AGAIN);	/* S is full too */
	b.now += BATCH_RETRY_MS;
	batch_tick(b.b, b.now);
	step(true, true, JOB_DONE);
	batch_tick(b.b, b.now);
	assert_int_equal(b.flowing, 1);
	assert_int_equal(b.effects, 1);
	assert_int_equal(tally().failed, 1);
}

/* Rows without an outcome need no outbox. */
static void
rows_alone(void **state)
{
	const struct progress_key key = { 5, 9, 0 };
	const struct progress p = { .last = UINT64_MAX, .lo = 1, .hi = 2 };
	const struct deferral d = { .domain = 9, .due_ms = 77, .campaign = 5 };
	const struct suspension s = { .attempts = 1, .host = "mx" };
	uint64_t done[PROGRESS_DONE_MAX];
	struct progress got;
	struct deferral row = d;
	struct suspension sus;
	struct txn *t;

	(void)state;
	batch_progress(b.b, &key, &p);
	batch_defer(b.b, &d);
	batch_suspend(b.b, &s);
	batch_want(b.b, b.now);
	assert_true(batch_due(b.b, b.now));
	batch_flush(b.b, b.now);
	step(true, true, JOB_DONE);
	assert_false(outbox_holds());
	t = world_read(b.w, STORE_Q);
	assert_int_equal(progress_get(t, &key, &got, done, &b.w->e), 1);
	assert_int_equal(deferral_get(t, &row, &b.w->e), 1);
	assert_int_equal(suspension_get(t, s.site, &sus, &b.w->e), 1);
	txn_end(t);
	batch_finish(b.b, &key);
	batch_undefer(b.b, &d);
	batch_unsuspend(b.b, s.site);
	batch_want(b.b, b.now);
	batch_flush(b.b, b.now);
	step(true, true, JOB_DONE);
	t = world_read(b.w, STORE_Q);
	assert_int_equal(progress_finished(t, 5, 9, &b.w->e), 1);
	assert_int_equal(deferral_get(t, &row, &b.w->e), 0);
	assert_int_equal(suspension_get(t, s.site, &sus, &b.w->e), 0);
	txn_end(t);
}

/* ---- crashes between any two steps */

/*
 * One batch, cut short after `stop` of its steps: 0 before the commit, 1 the
 * commit without an answer, 2 with L, 3 S without an answer, 4 with, 5 the
 * outbox row gone without an answer.
 */
static void
cut_short(unsigned stop)
{
	add(1, OUTCOME_FAILED, true);
	batch_flush(b.b, b.now);
	if (stop == 0)
		return;
	step(true, stop > 1, JOB_DONE);
	if (stop <= 2)
		return;
	step(true, stop > 3, JOB_DONE);
	if (stop <= 4)
		return;
	b.now += BATCH_SETTLE_MS;
	batch_tick(b.b, b.now);
	step(true, false, JOB_DONE);
}

static void
a_crash_anywhere_changes_nothing(void **state)
{
	unsigned sure = 0;

	(void)state;
	for (unsigned round = 0; round < 4; round++)
		for (unsigned stop = 0; stop <= 5; stop++) {
			cut_short(stop);
			crash();
			start();
			/* Before the commit it never happened, after it did. */
			sure += stop > 0;
			assert_int_equal(tally().failed, sure);
			assert_int_equal(logged(), sure);
			assert_int_equal(b.effects, sure);
			assert_false(outbox_holds());
		}
}

#define T(F)	cmocka_unit_test_setup_teardown(F, setup, teardown)

static void
mailed(uint64_t notice, size_t octets)
{
	static uint8_t text[1 << 20];
	struct outcome o = { .state = OUTCOME_DELIVERED, .kind = 2,
		.notice = notice, .attempt = 1 };
	struct mailed m = { .notice = notice, .hash = { (uint8_t)notice },
		.mail = { text, octets } };

	batch_outcome(b.b, &o, true, b.now);
	batch_mailed(b.b, &m);
}

/* What a confirmation said reaches S with its outcome, also after a crash. */
static void
mails_come_with_their_outcomes(void **state)
{
	(void)state;
	mailed(1, 100);
	mailed(2, 200);
	batch_flush(b.b, b.now);
	step(true, true, JOB_DONE);	/* Q */
	assert_int_equal(b.mails, 0);
	step(true, true, JOB_DONE);	/* S */
	assert_int_equal(b.mails, 2);
	assert_int_equal(b.mail_octets, 300);
	mailed(3, OUTBOX_PART + 1);
	batch_flush(b.b, b.now);
	step(true, false, JOB_DONE);	/* Q has it, and nobody heard */
	crash();
	start();
	assert_int_equal(b.mails, 3);
	assert_int_equal(b.mail_octets, 300 + OUTBOX_PART + 1);
}

/* Past the limit of a batch the hash goes alone. */
static void
too_many_mails_go_by_hash(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 40; n++)
		mailed(n, 1 << 20);
	batch_flush(b.b, b.now);
	step(true, true, JOB_DONE);
	step(true, true, JOB_DONE);
	assert_int_equal(b.mails, 40);
	assert_true(b.mail_octets <= BATCH_MAILS_MAX);
	assert_true(b.mail_octets >= BATCH_MAILS_MAX - (2 << 20));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_batch_goes_its_way),
		T(many_outcomes_go_at_once),
		T(a_full_store_is_waited_for),
		T(rows_alone),
		T(a_crash_anywhere_changes_nothing),
		T(mails_come_with_their_outcomes),
		T(too_many_mails_go_by_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
