/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_sim.c - a scheduler with all that surrounds it.
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

#include "lib/reply_class.h"
#include "lib/reply_rules.h"
#include "lib/shaping.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "listd/batch.h"
#include "spool/outcome.h"
#include "spool/qmeta.h"
#include "tests/queue_sim.h"

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

/* ---- what the scheduler sends */

static struct sim_session *
find_session(struct sim_peer *p, uint32_t id)
{
	for (size_t i = 0; i < p->sessions; i++)
		if (p->session[i].id == id)
			return &p->session[i];
	return NULL;
}

unsigned
sim_sessions_at(const struct sim *sim, unsigned site)
{
	unsigned n = 0;

	for (unsigned p = 0; p < sim->peers; p++)
		for (size_t i = 0; i < sim->peer[p].sessions; i++)
			n += sim->peer[p].session[i].site == site;
	return n;
}

static void
sim_note(struct sim *sim, const struct sim_session *se, bool connect,
    const struct ipc_delivery *d)
{
	struct sim_event *v;

	if (sim->nevents == sim->events_cap) {
		sim->events_cap = sim->events_cap * 2 + 256;
		sim->events = realloc(sim->events, sim->events_cap *
		    sizeof(*sim->events));
	}
	v = &sim->events[sim->nevents++];
	memset(v, 0, sizeof(*v));
	v->at_ms = sim->mono_ms;
	v->site = se->site;
	v->source = se->source;
	v->connect = connect;
	if (d != NULL) {
		v->who = d->subscriber;
		v->campaign = d->campaign;
		v->kind = d->kind;
	}
}

unsigned
sim_most(const struct sim *sim, unsigned site, bool connect, int64_t ms)
{
	unsigned n = 0, most = 0;
	size_t from = 0;

	for (size_t i = 0; i < sim->nevents; i++) {
		const struct sim_event *v = &sim->events[i];

		if (v->site != site || v->connect != connect)
			continue;
		n++;
		while (sim->events[from].at_ms <= v->at_ms - ms) {
			n -= sim->events[from].site == site &&
			    sim->events[from].connect == connect;
			from++;
		}
		if (n > most)
			most = n;
	}
	return most;
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

static void
got_session(struct sim *sim, struct sim_peer *p, struct unpack *u)
{
	static struct ipc_session_open o;
	struct sim_session *se = &p->session[p->sessions++];
	unsigned all = 0;

	ipc_get_session_open(u, &o);
	assert_true(unpack_done(u) && p->sessions <= SIM_SESSIONS);
	assert_true(o.n >= 1 && o.depth == SCHEDULER_DEPTH);
	memset(se, 0, sizeof(*se));
	se->id = o.session;
	se->site = (unsigned)strtoul(o.host[0].name + 2, NULL, 10);
	se->source = o.source_ip[3];
	se->swapped = o.host[0].name[1] == 'y';
	se->provider = o.provider;
	sim->last_open = o;
	sim_note(sim, se, true, NULL);
	sim->session_opens++;
	for (unsigned i = 0; i < sim->peers; i++)
		all += (unsigned)sim->peer[i].sessions;
	/* The caps hold at every moment, whatever happened before. */
	if (all > sim->limits.connections_total ||
	    sim_sessions_at(sim, se->site) > sim->limits.connections_per_site)
		fail_msg("%u sessions, %u at site %u", all,
		    sim_sessions_at(sim, se->site), se->site);
	if (all > sim->most_sessions)
		sim->most_sessions = all;
	if (sim_sessions_at(sim, se->site) > sim->most_at_site)
		sim->most_at_site = sim_sessions_at(sim, se->site);
}

static void
got_deliver(struct sim *sim, struct sim_peer *p, struct unpack *u)
{
	uint32_t session = unpack_u32(u);
	uint16_t n = unpack_u16(u);
	const struct sim_session *se = find_session(p, session);

	assert_non_null(se);
	for (; n > 0; n--) {
		struct sim_out *o = &p->out[p->n++];

		assert_true(p->n < SIM_OUT);
		sim->attempts++;
		ipc_get_delivery(u, &o->d);
		o->session = session;
		o->begun = false;
		/* Its own hosts first (RFC 5321 section 5.1). */
		assert_int_equal(se->swapped, sim->dns[strtoul(o->d.domain + 1,
		    NULL, 10)] == SIM_DNS_SWAPPED);
	}
	assert_true(unpack_done(u));
}

static void drop_out(struct sim_peer *p, size_t i);

static void
got_ack(struct sim_peer *p, uint64_t seq)
{
	uint64_t first = p->seq - p->nkept + 1;
	size_t n = seq >= first ? (size_t)(seq - first + 1) : 0;

	assert_true(seq <= p->seq);
	p->nkept -= n;
	memmove(p->kept, p->kept + n, p->nkept * sizeof(*p->kept));
	memmove(p->kept_epoch, p->kept_epoch + n,
	    p->nkept * sizeof(*p->kept_epoch));
}

static void
sim_send(void *arg, unsigned peer, uint16_t type, const struct strbuf *b)
{
	struct sim *sim = arg;
	struct sim_peer *p = &sim->peer[peer];
	struct sim_session *se;
	struct sim_asked *a;
	struct ipc_hello hello;
	struct unpack u;

	unpack_init(&u, b->s, b->len);
	switch (type) {
	case IPC_HELLO:
		ipc_get_hello(&u, &hello);
		p->hello = hello.epoch;
		break;
	case IPC_RESOLVE:
		a = &p->asked[p->nasked++];
		assert_true(p->nasked < SIM_ASKED);
		a->request = unpack_u32(&u);
		unpack_u8(&u);		/* any_tls */
		unpack_str(&u, a->name, sizeof(a->name));
		sim->lookups++;
		break;
	case IPC_LOOKUP_TXT:
	case IPC_PROVE:
		p->question = type;
		p->what.request = unpack_u32(&u);
		unpack_str(&u, p->what.name, sizeof(p->what.name));
		assert_true(unpack_done(&u));
		break;
	case IPC_SESSION_OPEN:
		got_session(sim, p, &u);
		break;
	case IPC_SESSION_CLOSE:
		if ((se = find_session(p, unpack_u32(&u))) != NULL)
			se->closing = true;
		break;
	case IPC_DELIVER:
		got_deliver(sim, p, &u);
		break;
	case IPC_RECALL:
		p->recall[p->nrecalls++] = unpack_u64(&u);
		assert_true(p->nrecalls < SIM_OUT);
		break;
	case IPC_OUTCOME_ACK:
		got_ack(p, unpack_u64(&u));
		break;
	}
}

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
    struct err *e)
{
	struct sim *sim = effects_of;
	struct outcome_head h;
	struct outcome o;
	struct unpack u;

	(void)t;
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
				drop_out(p, k);
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

/* ---- deliver roles */

static void
drop_out(struct sim_peer *p, size_t i)
{
	p->out[i] = p->out[--p->n];
}

static void
send_kept(struct sim *sim, unsigned peer, size_t from)
{
	struct sim_peer *p = &sim->peer[peer];
	struct strbuf b = STRBUF_INIT(1 << 20);

	for (size_t i = from; i < p->nkept; i++) {
		strbuf_reset(&b);
		pack_u64(&b, p->seq - p->nkept + 1 + i);
		pack_u64(&b, p->kept_epoch[i]);
		pack_u16(&b, 1);
		ipc_put_outcome(&b, &p->kept[i]);
		assert_int_equal(scheduler_frame(sim->s, peer, IPC_OUTCOME,
		    SLICE(b.s, b.len), &sim->w->e), 0);
	}
	strbuf_free(&b);
}

static uint8_t gate_of(const struct ipc_delivery *d);

/* As a deliver role does; the text begins with its enhanced code, if any. */
static void
judge(const struct sim *sim, const struct sim_session *se,
    enum reply_stage stage, unsigned code, const char *text,
    uint16_t enhanced[static 3], struct reply_verdict *v)
{
	struct enhanced e;

	enhanced_parse(text, strlen(text), &e);
	enhanced[0] = e.class;
	enhanced[1] = e.subject;
	enhanced[2] = e.detail;
	reply_rules_classify_text(sim->rules, se != NULL ? se->provider : 0,
	    stage, (int)code, &e, text, strlen(text), v);
}

void
sim_answer(struct sim *sim, unsigned peer, size_t i,
    enum ipc_result_kind result)
{
	struct sim_peer *p = &sim->peer[peer];
	const struct sim_session *of = find_session(p, p->out[i].session);
	struct reply_verdict v;
	struct ipc_outcome *o;

	if (p->nkept == p->cap) {
		p->cap = p->cap == 0 ? 16 : p->cap * 2;
		p->kept = realloc(p->kept, p->cap * sizeof(*p->kept));
		p->kept_epoch = realloc(p->kept_epoch,
		    p->cap * sizeof(*p->kept_epoch));
	}
	o = &p->kept[p->nkept];
	memset(o, 0, sizeof(*o));
	o->what = p->out[i].d;
	o->result = result;
	o->stage = IPC_STAGE_RCPT;
	o->when_ms = sim->utc_ms;
	if (result == IPC_DELIVERED) {
		struct sim_session *se = find_session(p, p->out[i].session);

		if (se != NULL) {
			sim_note(sim, se, false, &o->what);
			se->sent++;
		}
		o->code = 250;
		if (o->what.kind == IPC_KIND_NOTICE)
			sim->notices_sent[o->what.notice]++;
		else
			sim->delivered[o->what.subscriber]++;
	} else if (result == IPC_UNANSWERED) {
		o->stage = IPC_STAGE_DOT;
		sim->delivered[o->what.subscriber]++;
	} else if (result == IPC_SKIPPED) {
		o->gate = gate_of(&o->what);
	} else if (result == IPC_DEFERRED) {
		o->code = sim->unmade == NULL ? 450 : 0;
		if (sim->unmade != NULL) {
			o->stage = IPC_STAGE_RENDER;
			snprintf(o->text, sizeof(o->text), "%s", sim->unmade);
		}
	} else if (result == IPC_REFUSED) {
		o->code = 451;
	} else if (result == IPC_FAILED) {
		o->code = 550;
		o->recipient = REPLY_RECIPIENT_HARD;
	}
	if (o->code >= 400) {
		judge(sim, of, REPLY_AT_RCPT, o->code, o->text, o->enhanced,
		    &v);
		o->rule = v.rule;
		o->category = (uint8_t)v.class.category;
	}
	p->kept_epoch[p->nkept++] = p->epoch;
	p->seq++;
	drop_out(p, i);
	if (p->epoch == sim->epoch)
		send_kept(sim, peer, p->nkept - 1);
}

static void
answer_lookup(struct sim *sim, unsigned peer)
{
	static struct ipc_route r;
	struct sim_peer *p = &sim->peer[peer];
	struct strbuf b = STRBUF_INIT(1 << 16);
	struct sim_asked a = p->asked[0];
	unsigned domain = (unsigned)strtoul(a.name + 1, NULL, 10);

	memmove(p->asked, p->asked + 1, --p->nasked * sizeof(p->asked[0]));
	memset(&r, 0, sizeof(r));
	r.request = a.request;
	r.ttl_s = 3600;
	switch (sim->dns[domain]) {
	case SIM_DNS_SITE:
	case SIM_DNS_SWAPPED:
		r.status = IPC_DNS_OK;
		r.tls = sim->domain_tls[domain];
		r.n = 2;
		for (int i = 0; i < 2; i++) {
			r.host[i].preference = (uint16_t)(10 + i);
			snprintf(r.host[i].name, 256, "m%c%u.example",
			    (i == 1) == (sim->dns[domain] == SIM_DNS_SITE) ?
			    'y' : 'x', sim->domain_site[domain]);
		}
		break;
	case SIM_DNS_TEMPORARY:
		r.status = IPC_DNS_TEMPORARY;
		break;
	case SIM_DNS_NXDOMAIN:
		r.status = IPC_DNS_NXDOMAIN;
		break;
	case SIM_DNS_NULL_MX:
		r.status = IPC_DNS_NULL_MX;
		break;
	}
	ipc_put_route(&b, &r);
	assert_int_equal(scheduler_frame(sim->s, peer, IPC_RESOLVED,
	    SLICE(b.s, b.len), &sim->w->e), 0);
	strbuf_free(&b);
}

static void
session_event(struct sim *sim, unsigned peer, uint32_t id,
    enum ipc_session_event event, uint16_t code)
{
	struct ipc_session_state st = { .session = id, .event = event,
		.spoken = event == IPC_SESSION_REFUSED,
		.stage = sim->blamed != 0 ? IPC_STAGE_DOT : IPC_STAGE_BANNER,
		.campaign = sim->blamed,
		.connects = event == IPC_SESSION_UP ? sim->connects : 0 };
	struct strbuf b = STRBUF_INIT(4096);
	struct reply_verdict v;

	strcpy(st.host, "mx");
	strcpy(st.text, sim->refusal != NULL ? sim->refusal : "not now");
	st.code = code;
	judge(sim, find_session(&sim->peer[peer], id), REPLY_AT_BANNER,
	    st.code, st.text, st.enhanced, &v);
	st.rule = v.rule;
	st.category = (uint8_t)v.class.category;
	ipc_put_session_state(&b, &st);
	assert_int_equal(scheduler_frame(sim->s, peer, IPC_SESSION_STATE,
	    SLICE(b.s, b.len), &sim->w->e), 0);
	strbuf_free(&b);
}

/* Everything of a session that MAIL was not written for goes back. */
static void
return_session(struct sim *sim, unsigned peer, uint32_t id)
{
	struct sim_peer *p = &sim->peer[peer];
	struct strbuf b = STRBUF_INIT(1 << 16), ids = STRBUF_INIT(1 << 16);
	uint16_t n = 0;

	for (size_t i = p->n; i-- > 0;)
		if (p->out[i].session == id && p->epoch == sim->epoch) {
			pack_u64(&ids, p->out[i].d.delivery);
			n++;
			drop_out(p, i);
		}
	pack_u32(&b, id);
	pack_u16(&b, n);
	pack_raw(&b, ids.s, ids.len);
	if (n > 0)
		assert_int_equal(scheduler_frame(sim->s, peer, IPC_RETURNED,
		    SLICE(b.s, b.len), &sim->w->e), 0);
	strbuf_free(&b);
	strbuf_free(&ids);
}

static bool
session_step(struct sim *sim, unsigned peer, size_t i)
{
	struct sim_peer *p = &sim->peer[peer];
	struct sim_session se = p->session[i];
	bool holds = false, deaf = sim->source_down != 0 &&
	    se.source == sim->source_down;

	for (size_t k = 0; k < p->n; k++)
		holds |= p->out[k].session == se.id;
	if ((!se.up && (deaf || sim->site_down[se.site])) || (se.up &&
	    sim->enough && se.sent >= sim->enough_after)) {
		return_session(sim, peer, se.id);
		p->session[i] = p->session[--p->sessions];
		session_event(sim, peer, se.id, IPC_SESSION_REFUSED,
		    deaf ? 0 : 421);
		return true;
	}
	if (!se.up) {
		p->session[i].up = true;
		session_event(sim, peer, se.id, IPC_SESSION_UP, 0);
		return true;
	}
	if (se.closing && !holds) {
		p->session[i] = p->session[--p->sessions];
		session_event(sim, peer, se.id, IPC_SESSION_CLOSED, 0);
		return true;
	}
	return false;
}

static void
answer_recall(struct sim *sim, unsigned peer)
{
	struct sim_peer *p = &sim->peer[peer];
	struct strbuf b = STRBUF_INIT(64);
	uint64_t id = p->recall[--p->nrecalls];
	uint8_t how = IPC_RECALL_UNKNOWN;

	if (sim->ignore_recalls)
		return;
	for (size_t i = 0; i < p->n; i++)
		if (p->out[i].d.delivery == id && p->epoch == sim->epoch) {
			how = p->out[i].begun ? IPC_RECALL_BEGUN :
			    IPC_RECALL_DROPPED;
			if (!p->out[i].begun)
				drop_out(p, i);
			break;
		}
	pack_u64(&b, id);
	pack_u8(&b, how);
	assert_int_equal(scheduler_frame(sim->s, peer, IPC_RECALLED,
	    SLICE(b.s, b.len), &sim->w->e), 0);
	strbuf_free(&b);
}

static bool
become_ready(struct sim *sim, unsigned peer)
{
	struct sim_peer *p = &sim->peer[peer];
	struct strbuf b = STRBUF_INIT(64);

	if (p->hello == 0)
		return false;
	/* Begun work of the old epoch ends first, then all is reported. */
	if (p->epoch != p->hello && p->n > 0) {
		sim_answer(sim, peer, 0, sim_chance(sim) % 3 == 0 ?
		    IPC_DEFERRED : IPC_DELIVERED);
		return true;
	}
	send_kept(sim, peer, 0);
	p->epoch = p->hello;
	p->hello = 0;
	pack_u64(&b, p->epoch);
	assert_int_equal(scheduler_frame(sim->s, peer, IPC_READY,
	    SLICE(b.s, b.len), &sim->w->e), 0);
	strbuf_free(&b);
	return true;
}

static bool
is_refused(const struct sim *sim, struct sim_peer *p,
    const struct sim_out *out)
{
	const struct sim_session *se = find_session(p, out->session);
	const struct ipc_delivery *d = &out->d;

	if (se != NULL && sim->source_refused != 0 &&
	    se->source == sim->source_refused)
		return true;
	return sim->refused == SIM_EVERYBODY || (d->kind == IPC_KIND_NOTICE ?
	    sim->refused == SIM_NOTICES : sim->refused == d->subscriber &&
	    sim->refused != 0);
}

/* By words about us; that session ends with it. */
static void
refuse(struct sim *sim, unsigned peer, size_t i)
{
	struct sim_peer *p = &sim->peer[peer];
	uint32_t id = p->out[i].session;
	size_t k = 0;

	sim_answer(sim, peer, i, IPC_REFUSED);
	return_session(sim, peer, id);
	while (k < p->sessions && p->session[k].id != id)
		k++;
	if (k == p->sessions)
		return;
	p->session[k] = p->session[--p->sessions];
	session_event(sim, peer, id, IPC_SESSION_REFUSED, 451);
}

static uint8_t
gate_of(const struct ipc_delivery *d)
{
	const struct fake_member *m = audience_find(d->subscriber);

	if (d->kind != IPC_KIND_CAMPAIGN)
		return GATE_OPEN;
	if (audience.held)
		return GATE_HELD;
	if (m == NULL || m->gone)
		return GATE_LEFT;
	return m->state == MEMBER_ACTIVE ? GATE_OPEN : GATE_SUSPENDED;
}

bool
sim_peer_step(struct sim *sim, unsigned peer)
{
	struct sim_peer *p = &sim->peer[peer];
	size_t i;

	if (p->hello != 0)
		return become_ready(sim, peer);
	if (p->nrecalls > 0) {
		answer_recall(sim, peer);
		return true;
	}
	if (p->nasked > 0) {
		answer_lookup(sim, peer);
		return true;
	}
	for (i = 0; i < p->sessions; i++)
		if (session_step(sim, peer, i))
			return true;
	if (p->n == 0 || sim->no_answers)
		return false;
	i = sim_chance(sim) % p->n;
	if (!p->out[i].begun && gate_of(&p->out[i].d) != GATE_OPEN) {
		sim_answer(sim, peer, i, IPC_SKIPPED);
		return true;
	}
	p->out[i].begun = true;
	if (is_refused(sim, p, &p->out[i]))
		refuse(sim, peer, i);
	else
		sim_answer(sim, peer, i, IPC_DELIVERED);
	return true;
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

uint32_t
sim_release(struct sim *sim, int64_t send_by_ms)
{
	uint32_t list = sim->list != 0 ? sim->list : 1;
	struct campaign c = {
		.list = list, .org = 1, .as_of = audience.sequence,
		.count = audience_active(list), .left_base = audience.left,
		.start = sim_chance(sim), .released_ms = sim->utc_ms,
		.send_by_ms = send_by_ms,
	};

	for (size_t i = 0; i < sizeof(c.content); i++)
		c.content[i] = (uint8_t)sim_chance(sim);
	world_must(sim->w, STORE_Q, create, &c);
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
	c_r->params = c_r->findings = SLICE("", 0);
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
			answer_lookup(sim, p);
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
