/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_consent_walk.c - a random walk over all that may happen to a person and
 * a list, beside a model that is a few arrays (S19, S36, S42).
 *
 * After each step the gate must say of each person and list what the model
 * says, and it may be open only where a confirmed entry bears the membership
 * out: no path leads from anywhere else to the queue.  LISTD_WALK_SEED and
 * LISTD_WALK_STEPS set what a run prints.
 */
#include "config.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spool/consent.h"
#include "spool/notice.h"
#include "spool/store_private.h"
#include "tests/consent_walk.h"

#define SEED		20260921
#ifdef __SANITIZE_ADDRESS__
#define STEPS		30000	/* they take five times as long */
#else
#define STEPS		100000
#endif
#define COMMIT_EVERY	1000	/* steps in one transaction */

static const char *const people[MODEL_PEOPLE] = {
	"ann@b.example", "Bob@b.example", "eve@c.example",
	"dan+x@c.example", "kim@d.example",
};
static const char *const lists[MODEL_LISTS + 1] = {
	"", "news", "club", "other",
};

uint64_t
walk_chance(struct walk *k, uint64_t n)
{
	k->seed = k->seed * 6364136223846793005u + 1442695040888963407u;
	return (k->seed >> 33) % n;
}

/* The store is put down before the test is left. */
void
walk_must(struct walk *k, bool ok, const char *what)
{
	if (ok)
		return;
	txn_abort(k->t);
	store_release_writer(k->w->st, STORE_S);
	fail_msg("step %" PRIu64 ": %s: %s", k->step, what, k->e.text);
}

uint64_t
walk_last_entry(struct walk *k)
{
	uint64_t last;

	walk_must(k, consent_last(k->t, &last, &k->e) == 0, "last entry");
	return last;
}

static struct ipc_evidence
evidence_of(struct walk *k, const char *channel)
{
	struct ipc_evidence ev = { .when_ms = k->now, .port = 4711,
	    .agent = "walk", .raw = { (const uint8_t *)"raw", 3 } };

	snprintf(ev.channel, sizeof(ev.channel), "%s", channel);
	ev.ip[10] = ev.ip[11] = 0xff;
	ev.ip[12] = (uint8_t)walk_chance(k, 4);
	return ev;
}

int
walk_row(struct walk *k, unsigned who, uint32_t list, struct member *m)
{
	int rc = subscriber_find(k->t, list, k->who[who].hash, m, &k->e);

	walk_must(k, rc != -1, "member");
	return rc;
}

/* ---- asking and confirming */

static void
ask(struct walk *k, unsigned who, uint32_t list)
{
	static const struct optin_limits limits = { 1000000, 1000000, 1000000,
	    1000000, 1000000, 1000000, 1000000, OPTIN_LIFETIME_MS };
	struct ipc_subscribe in = { .evidence = evidence_of(k, "form") };
	const struct optin_ask a = { .in = &in, .limits = &limits,
	    .now_ms = k->now };
	struct mailed *t = &k->mailed[k->nmailed % TOKENS];
	struct optin_asked r;
	enum gate_verdict v;
	struct notice n;

	snprintf(in.list, sizeof(in.list), "%s", lists[list]);
	snprintf(in.address, sizeof(in.address), "%s", people[who]);
	walk_must(k, optin_request(k->t, &a, &r, &k->e) == 0, "request");
	walk_must(k, r.consent == walk_last_entry(k), "a request without its entry");
	if (r.result != OPTIN_ACCEPTED)
		return;
	walk_must(k, model_may_ask(&k->m, who, list) &&
	    k->m.p[who].row[list] != ROW_ACTIVE &&
	    k->m.list[list] == LIST_ACTIVE &&
	    k->m.org[model_org(list)] == ORG_ACTIVE, "asked in vain");
	walk_must(k, gate_check_notice(k->t, r.notice, k->now, &v, &n,
	    &k->e) == 0 && v == GATE_OPEN, "a mail that may not go");
	walk_must(k, notice_get(k->t, r.notice, &n, &k->e) == 1 &&
	    optin_token(k->t, n.request, t->text, &k->e) == 0, "token");
	/* It was mailed. */
	walk_must(k, notice_del(k->t, r.notice, &k->e) != -1, "notice");
	t->who = who;
	t->list = list;
	t->expires_ms = k->now + OPTIN_LIFETIME_MS;
	t->pending = true;
	k->nmailed++;
}

/* Whether a token that is used now makes a member. */
static bool
counts(const struct walk *k, const struct mailed *t)
{
	enum list_state l = k->m.list[t->list];
	enum org_state o = k->m.org[model_org(t->list)];

	return t->pending && k->now < t->expires_ms &&
	    l != LIST_SUSPENDED && o != ORG_SUSPENDED &&
	    model_may_ask(&k->m, t->who, t->list);
}

static void
confirmed(struct walk *k, const struct mailed *t, uint64_t index)
{
	struct model_person *p = &k->m.p[t->who];

	model_yes(&k->m, index, t->who, t->list);
	/* Their own unsubscribe of it is over. */
	p->list[t->list].reason = 0;
	if (p->row[t->list] == ROW_ACTIVE)
		return;
	p->row[t->list] = ROW_ACTIVE;
	p->rests[t->list] = index;
}

static void
confirm(struct walk *k)
{
	size_t n = k->nmailed < TOKENS ? k->nmailed : TOKENS;
	struct mailed *t = &k->mailed[walk_chance(k, TOKENS)];
	struct ipc_confirm in = { .evidence = evidence_of(k, "page") };
	const struct optin_confirm c = { .in = &in, .now_ms = k->now };
	bool wrong = walk_chance(k, 8) == 0, machine = walk_chance(k, 8) == 0;
	struct optin_confirmed r;
	bool yes;

	if (n == 0)
		return;
	if (t >= k->mailed + n)
		t = &k->mailed[(k->nmailed - 1) % TOKENS];
	memcpy(in.token, t->text, sizeof(t->text));
	if (wrong)
		in.token[5] = in.token[5] == 'a' ? 'b' : 'a';
	if (machine)
		in.automation = consent_text("auto-replied");
	yes = !wrong && counts(k, t);
	walk_must(k, optin_confirm(k->t, &c, &r, &k->e) == 0, "confirm");
	walk_must(k, (r.result == OPTIN_CONFIRMED) == (yes && !machine),
	    optin_result_name(r.result));
	walk_must(k, !wrong || r.result == OPTIN_UNKNOWN, "a wrong token");
	if (r.result == OPTIN_CONFIRMED)
		confirmed(k, t, r.consent);
	/* A machine's answer uses up nothing, nor does one that came too late:
	 * not if the clock is set back. */
	if (!wrong && !(yes && machine) && r.result != OPTIN_EXPIRED)
		t->pending = false;
}

/* ---- leaving, by whomever */

static void
void_tokens(struct walk *k, unsigned who, enum suppression_scope scope,
    uint32_t list)
{
	for (size_t i = 0; i < TOKENS; i++) {
		struct mailed *t = &k->mailed[i];

		if (t->who == who && (scope == SUPPRESSION_HOST ||
		    t->list == list || (scope == SUPPRESSION_ORG &&
		    model_org(t->list) == model_org(list))))
			t->pending = false;
	}
}

static void
leave(struct walk *k, unsigned who, uint32_t list)
{
	static const struct {
		enum suppression_reason	reason;
		enum suppression_setter	setter;
		enum suppression_scope	scope;
		bool			keep_open;
	} ways[] = {
		{ SUPPRESSION_UNSUBSCRIBE, SUPPRESSION_BY_PERSON,
		    SUPPRESSION_LIST, false },
		{ SUPPRESSION_UNSUBSCRIBE, SUPPRESSION_BY_PERSON,
		    SUPPRESSION_LIST, false },
		{ SUPPRESSION_UNSUBSCRIBE, SUPPRESSION_BY_PERSON,
		    SUPPRESSION_ORG, false },
		{ SUPPRESSION_COMPLAINT, SUPPRESSION_BY_SYSTEM,
		    SUPPRESSION_ORG, false },
		{ SUPPRESSION_BOUNCE, SUPPRESSION_BY_SYSTEM,
		    SUPPRESSION_LIST, false },
		{ SUPPRESSION_OWNER, SUPPRESSION_BY_OWNER,
		    SUPPRESSION_LIST, false },
		{ SUPPRESSION_OWNER, SUPPRESSION_BY_OWNER,
		    SUPPRESSION_LIST, true },
		{ SUPPRESSION_DESK, SUPPRESSION_BY_DESK,
		    SUPPRESSION_ORG, false },
		{ SUPPRESSION_BAN, SUPPRESSION_BY_DESK,
		    SUPPRESSION_HOST, false },
	};
	size_t way = walk_chance(k, sizeof(ways) / sizeof(ways[0]));
	struct leave l = { .reason = ways[way].reason,
	    .setter = ways[way].setter, .scope = ways[way].scope,
	    .list = list, .keep_open = ways[way].keep_open, .now_ms = k->now };
	struct model_block b = { l.reason, l.setter, 0 };
	struct leave_result r = { .n = 0 };

	memcpy(l.hash, k->who[who].hash, sizeof(l.hash));
	walk_must(k, leave_apply(k->t, &l, &r, &k->e) == 0, "leave");
	if (r.changed) {
		b.at = r.consent;
		walk_must(k, b.at == walk_last_entry(k), "left without an entry");
		model_leave(&k->m, who, l.scope, list, &b, l.keep_open);
		void_tokens(k, who, l.scope, list);
	}
	/* Else nothing was there to end, which the gates say in a moment. */
	leave_result_free(&r);
}

static void
lift(struct walk *k, unsigned who, uint32_t list)
{
	enum suppression_scope scope = k->m.p[who].host.reason != 0 ?
	    SUPPRESSION_HOST : SUPPRESSION_LIST +
	    (enum suppression_scope)walk_chance(k, 3);
	enum suppression_setter by = SUPPRESSION_BY_PERSON +
	    (enum suppression_setter)walk_chance(k, 4);
	uint32_t id = scope == SUPPRESSION_LIST ? list :
	    scope == SUPPRESSION_ORG ? model_org(list) : 0;
	struct model_block *b = model_block(&k->m, who, scope, id);
	int rc = suppression_lift(k->t, k->who[who].hash, scope, id, by,
	    &k->e);

	walk_must(k, rc == (b->reason == 0 ? 0 : model_may_lift(b, scope, by) ? 1 :
	    -1), "lift");
	if (rc == 1)
		b->reason = 0;
}

/* By entries and requests, which retention may have taken, as they lie. */
static void
read_orgs(struct walk *k, unsigned who, bool has[MODEL_ORGS + 1])
{
	struct request_walk w = { .n = 0 };
	struct request req;
	uint64_t index = 0;
	struct consent c;

	for (size_t i = 0; i < LEAVE_ERASE_MAX && consent_next_of(k->t,
	    k->who[who].hash, index + 1, &index, &k->e) == 1; i++) {
		walk_must(k, consent_get(k->t, index, &c, &k->e) == 1, "entry");
		if (c.list != 0)
			has[model_org(c.list)] = true;
		if (c.org != 0)
			has[c.org] = true;
	}
	while (request_next_of(k->t, k->who[who].hash, &w, &req, &k->e) == 1)
		if (req.list != 0)
			has[model_org(req.list)] = true;
}

/* Which organizations know who: none of them may bring them back. */
static void
orgs_of(struct walk *k, unsigned who, bool has[MODEL_ORGS + 1])
{
	const struct model_person *p = &k->m.p[who];

	memset(has, 0, (MODEL_ORGS + 1) * sizeof(*has));
	for (uint32_t l = 1; l <= MODEL_LISTS; l++)
		if (p->row[l] != ROW_NONE || p->list[l].reason != 0)
			has[model_org(l)] = true;
	for (uint32_t o = 1; o <= MODEL_ORGS; o++)
		if (p->org[o].reason != 0)
			has[o] = true;
	read_orgs(k, who, has);
}

static void
erase(struct walk *k, unsigned who)
{
	struct model_person *p = &k->m.p[who];
	struct leave_result r = { .n = 0 };
	struct model_block b = { SUPPRESSION_ERASURE, SUPPRESSION_BY_PERSON,
	    0 };
	bool has[MODEL_ORGS + 1];

	do {
		orgs_of(k, who, has);
		walk_must(k, leave_erase(k->t, k->who[who].hash, "root", k->now,
		    &r, &k->e) == 0, "erase");
		b.at = r.consent;
		for (uint32_t o = 1; o <= MODEL_ORGS && r.changed; o++)
			if (has[o])
				model_suppress(&p->org[o], &b);
		for (uint32_t l = 1; l <= MODEL_LISTS; l++)
			p->row[l] = ROW_NONE;
	} while (r.changed);
	leave_result_free(&r);
	model_forget(&k->m, who, walk_last_entry(k));
	void_tokens(k, who, SUPPRESSION_HOST, 0);
}

/* ---- after each step */

static void
look(struct walk *k, unsigned who, uint32_t list, uint64_t forged)
{
	char text[128];
	enum gate_verdict want = model_verdict(&k->m, who, list), v;
	struct gate_question q = { .list = list, .as_of = UINT64_MAX };
	struct member m;

	v = GATE_LEFT;
	if (walk_row(k, who, list, &m) == 1) {
		q.domain = m.domain;
		q.h8 = m.h8;
		q.subscriber = m.subscriber;
		walk_must(k, gate_check(k->t, &q, &v, NULL, &k->e) == 0, "gate");
	}
	if (forged != 0 && want == GATE_OPEN && v == GATE_NO_CONSENT)
		return;
	if (v != want) {
		snprintf(text, sizeof(text), "%s and list %u: the gate says "
		    "%s, the model %s", people[who], list,
		    gate_verdict_name(v), gate_verdict_name(want));
		walk_must(k, false, text);
	}
	k->opened += v == GATE_OPEN;
	k->refused += v == GATE_NO_CONSENT;
	if (v == GATE_OPEN)
		walk_must(k, m.consent != forged && model_said_yes(&k->m,
		    m.consent, who, list), "open without a yes");
	/* What hides it changes nothing of what the entries say. */
	else if (v != GATE_LEFT && v != GATE_NO_CONSENT && forged == 0)
		walk_must(k, gate_consent(k->t, &m, k->who[who].hash, &k->e) ==
		    model_holds(&k->m, who, list), "consent");
}

void
walk_look(struct walk *k, uint64_t forged)
{
	for (unsigned who = 0; who < MODEL_PEOPLE; who++)
		for (uint32_t l = 1; l <= MODEL_LISTS; l++)
			look(k, who, l, forged);
}

static void
one_step(struct walk *k)
{
	/* How often of 100, at least once each. */
	static const uint8_t often[] = { 22, 22, 6, 14, 1, 2, 2, 6, 3, 3, 2,
	    2, 3, 3, 1, 2, 6 };
	unsigned who = (unsigned)walk_chance(k, MODEL_PEOPLE), op = 0;
	uint32_t list = 1 + (uint32_t)walk_chance(k, MODEL_LISTS);
	uint64_t roll = walk_chance(k, 100);

	while (roll >= often[op])
		roll -= often[op++];
	k->did[op]++;
	switch (op) {
	case 0: ask(k, who, list); break;
	case 1: confirm(k); break;
	case 2: leave(k, who, list); break;
	case 3: lift(k, who, list); break;
	case 4: erase(k, who); break;
	case 5: walk_bounce(k, who, list); break;
	case 6: walk_set_state(k, who, list, false); break;
	case 7: walk_set_state(k, who, list, true); break;
	case 8: walk_import(k, list); break;
	case 9: walk_force_member(k, who, list); break;
	case 10: walk_force_state(k, who, list); break;
	case 11: walk_force_unblock(k, who, list); break;
	case 12: walk_set_states(k, list); break;
	case 13: walk_tidy(k); break;
	case 14: walk_force_unrevoked(k, who); break;
	case 15: walk_force_entry(k, who, list); break;
	default: walk_pass_time(k); break;
	}
}

static void
walk(struct walk *k, uint64_t steps)
{
	for (uint64_t i = 0; i < steps; i++) {
		if (i % COMMIT_EVERY == 0)
			walk_must(k, txn_write(k->w->st, STORE_S, &k->t,
			    &k->e) == 0, "begin");
		k->step = i;
		one_step(k);
		walk_look(k, 0);
		if ((i + 1) % COMMIT_EVERY == 0 || i + 1 == steps)
			walk_must(k, txn_commit(k->t, &k->e) == 0, "commit");
	}
}

static uint64_t
from_environment(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);

	return v != NULL ? strtoull(v, NULL, 10) : otherwise;
}

static void
no_path_leads_past_consent(void **state)
{
	static struct walk k;
	uint64_t steps = from_environment("LISTD_WALK_STEPS", STEPS);

	k.w = *state;
	world_close(k.w);
	k.w->map_size = 1u << 30;
	world_reopen(k.w);
	k.seed = from_environment("LISTD_WALK_SEED", SEED);
	k.now = NOW;
	print_message("seed %" PRIu64 ", %" PRIu64 " steps\n", k.seed, steps);
	k.m.yes = calloc(MODEL_ENTRIES, 1);
	assert_non_null(k.m.yes);
	for (uint32_t l = 1; l <= MODEL_LISTS; l++)
		k.m.list[l] = LIST_ACTIVE;
	for (uint32_t o = 1; o <= MODEL_ORGS; o++)
		k.m.org[o] = ORG_ACTIVE;
	for (unsigned i = 0; i < MODEL_PEOPLE; i++)
		k.who[i] = people_identity(k.w, people[i]);
	assert_true(store_claim_writer(k.w->st, STORE_S));
	walk(&k, steps);
	store_release_writer(k.w->st, STORE_S);
	print_message("%" PRIu64 " times open, %" PRIu64 " times refused for "
	    "want of consent\n", k.opened, k.refused);
	/* A walk that finds no door, or breaks none, shows nothing. */
	assert_true(k.opened > steps / 5 && k.refused > steps / 10);
	free(k.m.yes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_path_leads_past_consent,
		    people_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
