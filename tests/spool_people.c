/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool_people.c - people who join and leave.
 */
#include "config.h"

#include <arpa/inet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spool/check.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/org.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

struct optin_limits people_limits = {
	.mailbox_day = 3, .network_hour = 30, .domain_hour = 1000,
	.list_hour = 2000, .host_hour = 10000, .singly_minute = 20,
	.singly_day = 100000, .lifetime_ms = OPTIN_LIFETIME_MS,
};

static int
make_lists(struct txn *t, void *arg, struct err *e)
{
	static const char *const names[] = { "news", "club", "other" };
	uint32_t org[2], id;

	(void)arg;
	if (org_create(t, "acme", "root", NOW - DAY, &org[0], e) == -1 ||
	    org_create(t, "rival", "root", NOW - DAY, &org[1], e) == -1)
		return -1;
	for (size_t i = 0; i < 3; i++) {
		const struct list_new n = { .org = org[i / 2],
		    .name = names[i], .from = "owner@acme.example",
		    .postal = "1 Street" };

		if (list_create(t, &n, "root", NOW - DAY, &id, e) == -1 ||
		    id != i + 1)
			return -1;
	}
	return 0;
}

int
people_setup(void **state)
{
	struct world *w;

	if (world_setup(state) == -1)
		return -1;
	w = *state;
	return world_write(w, STORE_S, make_lists, NULL);
}

struct identity
people_identity(struct world *w, const char *address)
{
	struct identity who;

	if (identity_parse(w->keys, address, strlen(address), 0, &who,
	    &w->e) == -1)
		fail_msg("%s: %s", address, w->e.text);
	return who;
}

static struct ipc_evidence
evidence(const char *channel, const char *ip, int64_t now_ms)
{
	struct ipc_evidence ev = { .when_ms = now_ms, .port = 4711,
	    .agent = "test", .raw = { (const uint8_t *)"raw", 3 } };

	snprintf(ev.channel, sizeof(ev.channel), "%s", channel);
	if (ip != NULL) {
		ev.ip[10] = ev.ip[11] = 0xff;
		assert_int_equal(inet_pton(AF_INET, ip, ev.ip + 12), 1);
	}
	return ev;
}

/* ---- asking */

struct asking_job {
	struct ipc_subscribe	in;
	struct optin_asked	out;
	int64_t			now_ms;
};

static int
do_ask(struct txn *t, void *arg, struct err *e)
{
	struct asking_job *j = arg;
	const struct optin_ask ask = { .in = &j->in,
	    .limits = &people_limits, .now_ms = j->now_ms };

	return job_answer(optin_request(t, &ask, &j->out, e), e);
}

struct optin_asked
people_ask(struct world *w, const char *list, const char *address,
    const char *ip, int64_t now_ms)
{
	struct asking_job j = { .in.evidence = evidence("form", ip, now_ms),
	    .now_ms = now_ms };

	snprintf(j.in.list, sizeof(j.in.list), "%s", list);
	snprintf(j.in.address, sizeof(j.in.address), "%s", address);
	world_must(w, STORE_S, do_ask, &j);
	return j.out;
}

void
people_token(struct world *w, uint64_t notice,
    char out[static TOKEN_CONFIRM_LEN + 1])
{
	struct txn *t = world_read(w, STORE_S);
	struct notice n;

	assert_int_equal(notice_get(t, notice, &n, &w->e), 1);
	out[0] = '\0';
	if (optin_token(t, n.request, out, &w->e) == -1 &&
	    n.kind != NOTICE_ALREADY)
		fail_msg("token: %s", w->e.text);
	txn_end(t);
}

/* ---- confirming */

struct confirm_job {
	struct ipc_confirm	in;
	struct optin_confirmed	out;
	int64_t			now_ms;
};

static int
do_confirm(struct txn *t, void *arg, struct err *e)
{
	struct confirm_job *j = arg;
	const struct optin_confirm c = { .in = &j->in, .now_ms = j->now_ms };

	return job_answer(optin_confirm(t, &c, &j->out, e), e);
}

struct optin_confirmed
people_confirm(struct world *w, const char *token, const char *ip,
    int64_t now_ms)
{
	struct confirm_job j = { .in.evidence = evidence("page", ip, now_ms),
	    .now_ms = now_ms };

	snprintf(j.in.token, sizeof(j.in.token), "%s", token);
	world_must(w, STORE_S, do_confirm, &j);
	return j.out;
}

uint64_t
people_join(struct world *w, const char *list, const char *address,
    int64_t now_ms)
{
	struct optin_asked asked = people_ask(w, list, address, NULL, now_ms);
	struct optin_confirmed done;
	char token[TOKEN_CONFIRM_LEN + 1];

	if (asked.result != OPTIN_ACCEPTED)
		fail_msg("%s: %s", address, optin_result_name(asked.result));
	people_token(w, asked.notice, token);
	done = people_confirm(w, token, NULL, now_ms + MINUTE);
	if (done.result != OPTIN_CONFIRMED)
		fail_msg("%s: %s", address, optin_result_name(done.result));
	return done.subscriber;
}

/* ---- leaving */

struct leave_job {
	struct leave		l;
	struct leave_result	out;
};

static int
do_leave(struct txn *t, void *arg, struct err *e)
{
	struct leave_job *j = arg;

	return job_answer(leave_apply(t, &j->l, &j->out, e), e);
}

bool
people_remove(struct world *w, struct leave l, const char *address)
{
	struct leave_job j = { .l = l };
	struct identity who = people_identity(w, address);
	bool changed;

	memcpy(j.l.hash, who.hash, sizeof(j.l.hash));
	world_must(w, STORE_S, do_leave, &j);
	changed = j.out.changed;
	leave_result_free(&j.out);
	return changed;
}

bool
people_leave(struct world *w, uint32_t list, const char *address,
    enum ipc_leave scope, int64_t now_ms)
{
	const struct leave l = { .reason = SUPPRESSION_UNSUBSCRIBE,
	    .setter = SUPPRESSION_BY_PERSON,
	    .scope = scope == IPC_LEAVE_LIST ? SUPPRESSION_LIST :
	    SUPPRESSION_ORG, .list = list, .now_ms = now_ms };

	return people_remove(w, l, address);
}

/* ---- looking */

enum member_state
people_state(struct world *w, uint32_t list, const char *address)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct member m;
	int rc = subscriber_find(t, list, who.hash, &m, &w->e);

	txn_end(t);
	assert_int_not_equal(rc, -1);
	return rc == 1 ? m.state : 0;
}

enum gate_verdict
people_gate(struct world *w, uint64_t subscriber)
{
	struct txn *t = world_read(w, STORE_S);
	enum gate_verdict v = GATE_LEFT;
	struct gate_question q = { .as_of = UINT64_MAX };
	struct member m;

	if (subscriber_get(t, subscriber, &m, &w->e) == 1) {
		q.list = m.list;
		q.domain = m.domain;
		q.h8 = m.h8;
		q.subscriber = subscriber;
		assert_int_equal(gate_check(t, &q, &v, NULL, &w->e), 0);
	}
	txn_end(t);
	return v;
}

uint64_t
people_rows(struct world *w, enum store_table table)
{
	struct txn *t = world_read(w, STORE_S);
	uint64_t n;

	assert_int_equal(txn_count(t, table, &n, &w->e), 0);
	txn_end(t);
	return n;
}

uint64_t
people_entries(struct world *w)
{
	return people_rows(w, TABLE_CONSENT) - people_rows(w, TABLE_ACTS);
}

static bool
tell(void *arg, const struct check_finding *f)
{
	(void)arg;
	print_error("%s %s: %s\n", f->table, f->key, f->text);
	return true;
}

void
people_are_sound(struct world *w)
{
	const struct check_params p = { .st = w->st, .finding = tell };
	struct check_result r;

	assert_int_equal(check_store(&p, &r, &w->e), 0);
	assert_int_equal(r.findings, 0);
}
