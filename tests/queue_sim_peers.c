/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_sim_peers.c - the deliver roles of a simulated scheduler: what it sends
 * them, and what they do and answer.
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
#include "lib/strbuf.h"
#include "tests/queue_sim_private.h"

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

void
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

/* ---- deliver roles */

void
sim_drop_out(struct sim_peer *p, size_t i)
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
	sim_drop_out(p, i);
	if (p->epoch == sim->epoch)
		send_kept(sim, peer, p->nkept - 1);
}

void
sim_answer_lookup(struct sim *sim, unsigned peer)
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
	case SIM_DNS_OWN:
		r.status = IPC_DNS_OK;
		r.tls = sim->domain_tls[domain];
		r.n = 2;
		for (int i = 0; i < 2; i++) {
			r.host[i].preference = (uint16_t)(10 + i);
			snprintf(r.host[i].name, 256, "m%c%u.example",
			    (i == 0) == (sim->dns[domain] == SIM_DNS_SWAPPED) ?
			    'y' : 'x', sim->domain_site[domain]);
		}
		if (sim->dns[domain] == SIM_DNS_OWN)
			snprintf(r.host[1].name, 256, "my%u-%u.example",
			    sim->domain_site[domain], domain);
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
			sim_drop_out(p, i);
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
				sim_drop_out(p, i);
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
		sim_answer_lookup(sim, peer);
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
