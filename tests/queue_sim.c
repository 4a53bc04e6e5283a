/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_sim.c - a scheduler with all that surrounds it but its deliver roles,
 * which are in queue_sim_peers.c.
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

#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/similar.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "listd/batch.h"
#include "spool/outcome.h"
#include "spool/qmeta.h"
#include "tests/queue_sim_private.h"

uint64_t
sim_chance(struct sim *sim)
{
	uint64_t z = sim->seed += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* ---- the clock */

static struct sim *
of_clock(const struct clock *c)
{
	return (struct sim *)(void *)((char *)(uintptr_t)c -
	    offsetof(struct sim, clock));
}

static int64_t
sim_mono(const struct clock *c)
{
	return of_clock(c)->mono_ms;
}

static int64_t
sim_utc(const struct clock *c)
{
	return of_clock(c)->utc_ms;
}

/* ---- what the scheduler asks of its process */

static void
sim_commit_later(void *arg, enum store_env env, const struct job *job)
{
	struct sim *sim = arg;

	assert_true(sim->njobs < SIM_JOBS);
	sim->jobs[sim->njobs].env = env;
	sim->jobs[sim->njobs++].job = *job;
}

static struct sim *effects_of;	/* the effects call has no argument */

static int
sim_effects(struct txn *t, uint64_t batch, struct slice sealed,
    struct slice mails, struct err *e)
{
	struct sim *sim = effects_of;
	struct outcome_head h;
	struct outcome o;
	struct unpack u;

	(void)t;
	(void)mails;
	if (outcome_open(&u, sealed, &h, e) == -1)
		return -1;
	assert_true(h.batch == batch);
	if (batch <= sim->effects_batch)
		return 0;	/* S has it */
	sim->effects_batch = batch;
	for (uint32_t i = 0; i < h.n; i++) {
		outcome_get(&u, &o);
		assert_false(u.bad);
		sim->effects++;
		if (o.kind != IPC_KIND_NOTICE)
			continue;
		if (o.state == OUTCOME_DEFERRED) {
			audience.notice[o.notice - 1].attempts++;
			audience.notice[o.notice - 1].due_ms = o.due_ms;
		} else {
			audience.notice_there[o.notice - 1] = false;
		}
	}
	return 0;
}

static void
sim_wake(void *arg)
{
	((struct sim *)arg)->woken = true;
}

static void
sim_fatal(void *arg, const struct err *why)
{
	(void)arg;
	fail_msg("fatal: %s", why->text);
}

/* ---- life */

struct sim *
sim_new(struct world *w, uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	sim->w = w;
	sim->seed = seed;
	sim->clock.mono_ms = sim_mono;
	sim->clock.utc_ms = sim_utc;
	sim->mono_ms = 1000000;
	sim->utc_ms = 1800000000000;
	sim->peers = SIM_PEERS;
	sim->peer = calloc(SIM_PEERS, sizeof(*sim->peer));
	sim->limits.connections_total = 20;
	sim->limits.connections_per_site = 5;
	sim->limits.messages_per_connection = 100;
	sim->limits.queue_lifetime_ms = 48 * 3600000ll;
	sim->auto_commit = true;
	effects_of = sim;
	return sim;
}

static void
log_path(struct sim *sim, char out[300])
{
	snprintf(out, 300, "%s/outcomes", sim->w->dir);
}

void
sim_free(struct sim *sim)
{
	if (sim->s != NULL)
		sim_crash(sim, false);
	for (unsigned i = 0; i < SIM_PEERS; i++) {
		free(sim->peer[i].kept);
		free(sim->peer[i].kept_epoch);
	}
	free(sim->peer);
	free(sim->events);
	shaping_free(sim->shaping);
	reply_rules_free(sim->rules);
	free(sim);
}

static int
next_epoch(struct txn *t, void *arg, struct err *e)
{
	return qmeta_next(t, QMETA_EPOCH, arg, e);
}

void
sim_start(struct sim *sim)
{
	const struct batch_params bp = {
		.node = SCHEDULER_NODE, .effects = sim_effects,
	};
	struct batch_params redo = bp;
	struct scheduler_params p = {
		.store = sim->w->st, .clock = &sim->clock,
		.seed = sim_chance(sim), .peers = sim->peers,
		.limits = sim->limits, .sources = sim->sources,
		.nsources = sim->nsources, .part_members = sim->part_members,
		.arg = sim, .send = sim_send,
		.commit = sim_commit_later, .effects = sim_effects,
		.wake = sim_wake, .fatal = sim_fatal,
	};
	struct err damage = ERR_INIT;
	struct txn *t;
	uint64_t logged;
	unsigned redone;
	static char dir[300];

	world_must(sim->w, STORE_Q, next_epoch, &sim->epoch);
	t = world_read(sim->w, STORE_Q);
	assert_int_equal(qmeta_get(t, QMETA_LOGGED, &logged, &sim->w->e), 0);
	txn_end(t);
	log_path(sim, dir);
	p.outcomes = dir;
	sim->log = outcome_log_open(dir, logged, &damage, &sim->w->e);
	assert_non_null(sim->log);
	assert_int_equal(damage.code, ERR_NONE);
	redo.log = sim->log;
	if (batch_recover(sim->w->st, &redo, sim->effects_batch,
	    &p.last_batch, &redone, &sim->w->e) == -1)
		fail_msg("recover: %s", sim->w->e.text);
	p.log = sim->log;
	p.epoch = sim->epoch;
	sim->s = scheduler_new(&p, &sim->w->e);
	if (sim->s == NULL)
		fail_msg("start: %s", sim->w->e.text);
	if (sim->shaping != NULL)
		scheduler_set_shaping(sim->s, sim->shaping, sim->rules);
	scheduler_set_relays(sim->s, sim->relays, sim->nrelays);
	for (unsigned i = 0; i < sim->peers; i++)
		scheduler_peer_up(sim->s, i);
}

/* Deliveries whose outcome is in no synced commit may come again. */
static void
allow_open(struct sim *sim, unsigned peer)
{
	struct sim_peer *p = &sim->peer[peer];

	for (size_t i = 0; i < p->n; i++)
		if (p->out[i].d.kind == IPC_KIND_CAMPAIGN)
			sim->allowed[p->out[i].d.subscriber]++;
	for (size_t i = 0; i < p->nkept; i++)
		if (p->kept[i].what.kind == IPC_KIND_CAMPAIGN)
			sim->allowed[p->kept[i].what.subscriber]++;
}

void
sim_crash(struct sim *sim, bool commit)
{
	const struct err why = { ERR_AGAIN, "crash" };

	log_text(LEVEL_INFO, "sim", "crash, %zu jobs %s", sim->njobs,
	    commit ? "durable" : "lost");

	for (unsigned i = 0; i < sim->peers; i++)
		allow_open(sim, i);
	for (size_t i = 0; i < sim->njobs; i++) {
		struct job job = sim->jobs[i].job;

		if (commit && sim->jobs[i].env == STORE_Q)
			assert_true(writer_run(sim->w->st, STORE_Q, &job,
			    &sim->w->e) != JOB_TRY_AGAIN);
		else if (commit)
			assert_int_equal(job.apply(NULL, job.arg,
			    &sim->w->e), 0);
		/* The memory is given back, what it says is forgotten. */
		job.done(job.arg, JOB_TRY_AGAIN, &why);
	}
	sim->njobs = 0;
	scheduler_free(sim->s);
	sim->s = NULL;
	sim->njobs = 0;
	outcome_log_close(sim->log);
	sim->log = NULL;
	world_reopen(sim->w);
	/* Waiting deliveries are dropped, begun ones go on. */
	for (unsigned i = 0; i < sim->peers; i++) {
		struct sim_peer *p = &sim->peer[i];

		for (size_t k = p->n; k-- > 0;)
			if (!p->out[k].begun)
				sim_drop_out(p, k);
		p->sessions = p->nasked = p->nrecalls = 0;
	}
}

void
sim_kill_peer(struct sim *sim, unsigned peer)
{
	struct sim_peer *p = &sim->peer[peer];

	log_text(LEVEL_INFO, "sim", "deliver role %u dies", peer);
	allow_open(sim, peer);
	p->n = p->sessions = p->nasked = p->nkept = p->nrecalls = 0;
	p->seq = 0;
	p->epoch = 0;
	scheduler_peer_down(sim->s, peer);
	scheduler_peer_up(sim->s, peer);
}

void
sim_turn(struct sim *sim)
{
	sim->woken = false;
	sim->wait_ms = scheduler_run(sim->s);
}

bool
sim_commit(struct sim *sim)
{
	struct job job;
	enum store_env env;
	enum job_result r = JOB_DONE;

	if (sim->njobs == 0)
		return false;
	job = sim->jobs[0].job;
	env = sim->jobs[0].env;
	sim->njobs--;
	memmove(&sim->jobs[0], &sim->jobs[1],
	    sim->njobs * sizeof(sim->jobs[0]));
	sim->w->e = (struct err)ERR_INIT;
	if (env == STORE_Q)
		r = writer_run(sim->w->st, STORE_Q, &job, &sim->w->e);
	else if (job.apply(NULL, job.arg, &sim->w->e) != 0)
		r = JOB_REFUSED;
	job.done(job.arg, r, &sim->w->e);
	return true;
}

void
sim_shape(struct sim *sim, const char *overlay, const char *replies)
{
	static const char head[] = "format = 1\nversion = 2026-11-22\n";
	const struct datafile_text none = { "f", head, sizeof(head) - 1 };
	const struct datafile_text text = { "overlay", overlay,
		strlen(overlay) };
	struct shaping *old = sim->shaping;
	struct reply_rules *old_rules = sim->rules;
	struct strbuf mistakes = STRBUF_INIT(4096);

	sim->shaping = shaping_parse(&none, &text, &mistakes);
	if (sim->shaping == NULL)
		fail_msg("%.*s", (int)mistakes.len, (char *)mistakes.s);
	sim->rules = NULL;
	if (replies != NULL) {
		const struct datafile_text r = { "replies", replies,
			strlen(replies) };

		sim->rules = reply_rules_parse(&none, &r, sim->shaping,
		    &mistakes);
		if (sim->rules == NULL)
			fail_msg("%.*s", (int)mistakes.len,
			    (char *)mistakes.s);
	}
	strbuf_free(&mistakes);
	if (sim->s != NULL)
		scheduler_set_shaping(sim->s, sim->shaping, sim->rules);
	shaping_free(old);
	reply_rules_free(old_rules);
}

/* ---- driving */

void
sim_settle(struct sim *sim)
{
	for (unsigned i = 0; i < 1000000; i++) {
		bool moved = false;

		sim_turn(sim);
		while (sim->auto_commit && sim_commit(sim))
			moved = true;
		for (unsigned p = 0; p < sim->peers; p++)
			moved |= sim_peer_step(sim, p);
		if (moved || sim->wait_ms == 0)
			continue;
		if (sim->wait_ms < 0 || sim->wait_ms > 50)
			return;
		sim_pass(sim, sim->wait_ms);	/* a batch's time */
	}
	fail_msg("it does not settle");
}

void
sim_pass(struct sim *sim, int64_t ms)
{
	sim->mono_ms += ms;
	sim->utc_ms += ms;
}

void
sim_wait(struct sim *sim, int64_t max_ms)
{
	int64_t ms = sim->wait_ms;

	if (ms < 0 || ms > max_ms)
		ms = max_ms;
	sim_pass(sim, ms);
}

void
sim_until(struct sim *sim, uint32_t campaign, enum campaign_state state)
{
	struct campaign c;

	for (unsigned i = 0; i < 20000; i++) {
		sim_settle(sim);
		sim_tally(sim, campaign, &c);
		if (c.state == state)
			return;
		sim_wait(sim, 3600000);
	}
	fail_msg("campaign %u is still %s", campaign,
	    campaign_state_name(c.state));
}

/* ---- campaigns */

static int
create(struct txn *t, void *arg, struct err *e)
{
	struct campaign *c = arg;
	bool existed;

	if (campaign_create(t, c, &existed, e) != 0)
		return -1;
	c->state = CAMPAIGN_RUNNING;
	return campaign_change(t, c, e);
}

uint32_t
sim_resend(struct sim *sim, uint32_t failed_of)
{
	struct campaign c;
	struct tally v = sim_tally(sim, failed_of, &c);

	c.failed_of = failed_of;
	c.count = v.failed;
	c.send_by_ms = 0;
	world_must(sim->w, STORE_Q, create, &c);
	scheduler_campaign_changed(sim->s, c.id);
	return c.id;
}

static void
set_print(struct sim *sim, struct campaign *c, struct strbuf *b)
{
	struct similar print;
	char m[4096];

	snprintf(m, sizeof(m), "Subject: x\r\n\r\n%s\r\n", sim->text);
	assert_int_equal(similar_of((const uint8_t *)m, strlen(m), &print,
	    &sim->w->e), 0);
	similar_pack(b, &print);
	c->fingerprint = SLICE(b->s, b->len);
}

uint32_t
sim_release(struct sim *sim, int64_t send_by_ms)
{
	struct strbuf print = STRBUF_INIT(SIMILAR_PACKED_MAX);
	uint32_t list = sim->list != 0 ? sim->list : 1;
	struct campaign c = {
		.list = list, .org = 1, .as_of = audience.sequence,
		.count = audience_active(list), .left_base = audience.left,
		.start = sim_chance(sim), .released_ms = sim->utc_ms,
		.send_by_ms = send_by_ms,
	};

	for (size_t i = 0; i < sizeof(c.content); i++)
		c.content[i] = (uint8_t)sim_chance(sim);
	if (sim->text != NULL)
		set_print(sim, &c, &print);
	world_must(sim->w, STORE_Q, create, &c);
	strbuf_free(&print);
	scheduler_campaign_changed(sim->s, c.id);
	return c.id;
}

static int
change(struct txn *t, void *arg, struct err *e)
{
	return campaign_change(t, arg, e);
}

void
sim_set_state(struct sim *sim, uint32_t id, enum campaign_state state)
{
	struct campaign c;

	sim_tally(sim, id, &c);
	c.state = state;
	/* One that has finished meanwhile stays as it is. */
	if (world_write(sim->w, STORE_Q, change, &c) == 0)
		scheduler_campaign_changed(sim->s, id);
}

void
sim_set_after(struct sim *sim, uint32_t id, enum campaign_after after)
{
	struct campaign c;

	sim_tally(sim, id, &c);
	c.after = after;
	assert_int_equal(world_write(sim->w, STORE_Q, change, &c), 0);
	scheduler_campaign_changed(sim->s, id);
}

struct tally
sim_tally(struct sim *sim, uint32_t id, struct campaign *c_r)
{
	struct txn *t = world_read(sim->w, STORE_Q);
	struct tally v;

	assert_int_equal(campaign_get(t, id, c_r, &sim->w->e), 1);
	assert_int_equal(tally_get(t, id, &v, &sim->w->e), 0);
	campaign_detach(c_r);
	txn_end(t);
	return v;
}

static void
explained(void *arg, const struct scheduler_domain *r, const struct err *e)
{
	struct scheduler_domain *told = arg;

	(void)e;
	assert_non_null(r);
	*told = *r;
}

struct scheduler_domain
sim_explain(struct sim *sim, const char *domain)
{
	struct scheduler_domain told = { 0 };

	scheduler_explain(sim->s, domain, explained, &told);
	for (unsigned p = 0; p < sim->peers; p++)
		while (told.bind.what == NULL && sim->peer[p].nasked > 0)
			sim_answer_lookup(sim, p);
	assert_non_null(told.bind.what);
	return told;
}

size_t
sim_out(const struct sim *sim)
{
	size_t n = 0;

	for (unsigned i = 0; i < sim->peers; i++)
		n += sim->peer[i].n;
	return n;
}
