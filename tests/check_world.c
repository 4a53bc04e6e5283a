/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_world.c - a sound store with something of everything.
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

#include "lib/reactions.h"
#include "lib/strbuf.h"
#include "spool/campaign.h"
#include "spool/check.h"
#include "spool/consent.h"
#include "spool/deferral.h"
#include "spool/import.h"
#include "spool/ledger_sign.h"
#include "spool/invite.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/outbox.h"
#include "spool/outcome.h"
#include "spool/progress.h"
#include "spool/qmeta.h"
#include "spool/slot.h"
#include "spool/steering.h"
#include "spool/sts_policy.h"
#include "spool/tls_count.h"
#include "spool/suspension.h"
#include "spool/writer.h"
#include "tests/check_world.h"
#include "tests/ledger_world.h"

#define BATCHES	4	/* the last two are still in the outbox */

/* ---- S */

struct import_job {
	struct check_world *cw;
	struct import_row *rows;
	unsigned	from, to;
};

static int
do_import(struct txn *t, void *arg, struct err *e)
{
	const struct import_job *j = arg;
	struct import im = { .list = 1, .vouched = true, .source = "shop",
	    .who = "root" };
	struct import_slice s = { .rows = j->rows, .n = j->to - j->from,
	    .now_ms = NOW };
	size_t done;

	memcpy(im.evidence, j->cw->evidence, sizeof(im.evidence));
	im.file[0] = (uint8_t)(j->from & 255);
	im.file[1] = (uint8_t)(j->from >> 8);
	if (import_begin(t, &im, NOW, &im, e) == -1)
		return -1;
	s.id = im.id;
	if (import_rows(t, &s, &done, e) == -1)
		return -1;
	assert_int_equal(done, s.n);
	return import_end(t, im.id, IMPORT_DONE, NOW, e);
}

void
check_world_import(struct check_world *cw, unsigned from, unsigned to)
{
	struct import_job j = { cw, calloc(to - from, sizeof(*j.rows)), from,
	    to };
	struct identity *who = calloc(to - from, sizeof(*who));
	char address[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(address, sizeof(address), "Member.%u@d%u.example", i,
		    i % 7);
		who[i - from] = people_identity(cw->w, address);
		import_row_of(&j.rows[i - from], &who[i - from], 0,
		    i % 3 == 0 ? "{\"name\":\"x\"}" : NULL);
	}
	world_must(cw->w, STORE_S, do_import, &j);
	free(j.rows);
	free(who);
}

/* What no life of a subscriber leads to. */
static int
do_more(struct txn *t, void *arg, struct err *e)
{
	const struct check_world *cw = arg;
	const struct consent act = { .kind = CONSENT_ACT, .when_ms = NOW,
	    .content = SLICE(cw->evidence, CONTENT_HASH) };
	struct identity who = people_identity(cw->w, "plain@d1.example");
	const struct subscriber_new n = { .list = 2, .who = &who,
	    .state = MEMBER_UNCONFIRMED, .now_ms = NOW };
	const struct invite v = { .list = 2, .org = 1, .who = "root",
	    .limits = &people_limits, .now_ms = NOW };
	struct invite_counts asked = { .invited = 0 };
	struct org_domain d;
	struct member m;
	size_t done;

	if (org_domain_claim(t, 1, "acme.example", "root", NOW, &d, e) == -1 ||
	    org_domain_checked(t, 1, "acme.example", ORG_PROOF_DNS, NOW,
	    e) == -1 || subscriber_add(t, &n, &m, e) == -1 ||
	    invite_members(t, &v, &m, 1, &asked, &done, e) == -1 ||
	    consent_append(t, &act, NULL, e) == -1 ||
	    list_set(t, 3, "title", "Other", "root", NOW, e) == -1)
		return -1;
	/* One that a bounce suspended. */
	if (subscriber_get(t, 5, &m, e) != 1)
		return -1;
	return subscriber_set_state(t, &m, MEMBER_SUSPENDED,
	    MEMBER_WHY_UNKNOWN, 0, e);
}

static int
do_cosign(struct txn *t, void *arg, struct err *e)
{
	const struct strbuf *note = arg;
	const struct note_key key = ledger_witness(0);
	const struct cosign_witnesses w = { &key, 1 };
	enum cosign_verdict v;

	if (cosign_keep(t, &w, SLICE(note->s, note->len), &v, e) == -1)
		return -1;
	assert_int_equal(v, COSIGN_GOOD);
	return 0;
}

/* A checkpoint, and a witness of it. */
void
check_world_sign(struct check_world *cw)
{
	struct ledger_checkpoint c;
	struct strbuf note;

	ledger_sign_now(cw->w, &c);
	note = ledger_cosigned_note(&c, 0, NOW / 1000);
	world_must(cw->w, STORE_S, do_cosign, &note);
	strbuf_free(&note);
}

struct erase_job {
	struct identity		who;
	struct leave_result	out;
};

static int
do_erase(struct txn *t, void *arg, struct err *e)
{
	struct erase_job *j = arg;

	return job_answer(leave_erase(t, j->who.hash, "root", NOW, &j->out,
	    e), e);
}

static void
people(struct check_world *cw)
{
	struct world *w = cw->w;
	struct erase_job j = { .out.n = 0 };

	people_join(w, "news", "ann@b.example", NOW);
	people_join(w, "club", "ann@b.example", NOW);
	people_join(w, "news", "Bo+a@b.example", NOW);
	people_join(w, "other", "bo+b@b.example", NOW);
	people_ask(w, "other", "carol@c.example", NULL, NOW);
	people_ask(w, "club", "carol@c.example", NULL, NOW);
	people_ask(w, "news", "ann@b.example", NULL, NOW + HOUR);
	people_leave(w, 1, "dave@b.example", IPC_LEAVE_LIST, NOW);
	people_leave(w, 1, "member.7@d0.example", IPC_LEAVE_ORGANIZATION, NOW);
	people_join(w, "news", "erwin@b.example", NOW);
	people_join(w, "club", "erwin@b.example", NOW);
	j.who = people_identity(w, "erwin@b.example");
	world_must(w, STORE_S, do_erase, &j);
	leave_result_free(&j.out);
	/* Requests that are counted and not written down. */
	people_limits.singly_minute = 1;
	people_ask(w, "other", "carol@c.example", "192.0.2.1", NOW + 1);
	people_ask(w, "other", "carol@c.example", "192.0.2.1", NOW + 2);
	people_limits.singly_minute = 20;
}

/* ---- Q */

static int
change(struct txn *t, struct campaign *c, enum campaign_state to,
    struct err *e)
{
	c->state = to;
	return campaign_change(t, c, e) == 0 ? 0 : -1;
}

/* One that runs, one that is over, one refused, one over those who failed. */
static int
add_campaigns(struct txn *t, const struct check_world *cw, struct err *e)
{
	static const enum campaign_state last[] = { CAMPAIGN_RUNNING,
	    CAMPAIGN_FINISHED, CAMPAIGN_REFUSED, CAMPAIGN_PAUSED };
	bool existed;

	for (uint32_t i = 0; i < 4; i++) {
		struct campaign c = { .list = i % 2 + 1, .org = 1,
		    .count = 302, .created_ms = NOW, .as_of = 302 };

		memcpy(c.content, i == 2 ? cw->evidence : cw->message, 32);
		if (i == 3)
			c.failed_of = 2;
		if (campaign_create(t, &c, &existed, e) != 0 || existed ||
		    c.id != i + 1)
			return -1;
		if (last[i] == CAMPAIGN_REFUSED) {
			if (change(t, &c, last[i], e) == -1)
				return -1;
			continue;
		}
		c.released_ms = NOW;
		if (change(t, &c, CAMPAIGN_RUNNING, e) == -1 ||
		    (last[i] != CAMPAIGN_RUNNING &&
		    change(t, &c, last[i], e) == -1))
			return -1;
	}
	return 0;
}

static int
add_progress(struct txn *t, struct err *e)
{
	const uint64_t done[] = { 9, 4, 7 };
	const struct progress p = { .last = UINT64_MAX, .lo = 10, .hi = 99,
	    .ndone = 3, .done = done };
	const struct deferral d = { .domain = 1, .due_ms = NOW, .campaign = 1,
	    .h8 = 5, .subscriber = 6, .join = 1, .attempts = 1,
	    .first_ms = NOW, .code = 452 };
	const struct reaction_action a = { .id = 7, .reaction = 1,
		.kind = REACTION_SUSPEND, .until_ms = NOW, .name = "rests",
		.host = "mx.example", .reply = "421 later" };
	const struct source_share share = { .source = "192.0.2.1",
		.day = 20000, .count = 5 };
	const struct slots slots = { 1, { { 1, 6, NOW } } };
	const struct suspension s = { .site = { 1, 2 }, .until_ms = NOW,
	    .host = "mx.example", .reason = "busy" };
	static const struct mta_sts_kept policy = { .id = "1",
		.fetched_ms = NOW, .expires_ms = NOW + 1000,
		.policy = { MTA_STS_ENFORCE, 1, 1, { "mx.example" } } };
	const struct tlsrpt_event went = { .when_ms = NOW,
		.domain = "one.example", .policy = "", .mx = "mx.example",
		.ip = "192.0.2.7", .reason = "", .count = 1 };
	struct strbuf b = STRBUF_INIT(REACTION_RECORD_MAX);
	int rc;

	progress_encode(&b, &p);
	rc = progress_put(t, &(struct progress_key){ 1, 1, 0 }, SLICE(b.s,
	    b.len), e);
	strbuf_free(&b);
	if (rc == -1 ||
	    progress_finish(t, &(struct progress_key){ 1, 2, 0 }, e) == -1 ||
	    progress_finish(t, &(struct progress_key){ 2, 1, 0 }, e) == -1)
		return -1;
	reaction_action_pack(&b, &a);
	rc = action_put(t, a.id, SLICE(b.s, b.len), e);
	strbuf_free(&b);
	return rc == -1 || source_share_put(t, &share, e) == -1 ||
	    sts_policy_put(t, "one.example", &policy, e) == -1 ||
	    tls_count_add(t, &went, NOW, e) == -1 ||
	    slots_put(t, (const uint8_t *)"a mailbox's hash", &slots,
	    e) == -1 ||
	    deferral_put(t, &d, e) == -1 || suspension_put(t, &s, e) == -1 ?
	    -1 : 0;
}

static void
seal(struct strbuf *out, uint64_t batch)
{
	struct outcome_set s;

	outcome_set_init(&s);
	for (uint64_t i = 0; i < 3; i++) {
		const struct outcome o = { .state = OUTCOME_DELIVERED,
		    .kind = 1, .campaign = 1, .subscriber = 10 * batch + i,
		    .list = 1, .domain = 1, .attempt = 1, .code = 250,
		    .when_ms = NOW, .host = "mx.example", .text = "ok" };

		outcome_set_add(&s, &o);
	}
	outcome_set_seal(&s, batch, 1, 0, UINT64_MAX, out);
	outcome_set_free(&s);
}

static int
do_queue(struct txn *t, void *arg, struct err *e)
{
	const struct tally running = { .delivered = 12, .failed = 1,
	    .deferred = 1, .attempts = 14 };
	const struct tally over = { .delivered = 300, .failed = 1, .left = 1 };
	struct strbuf b = STRBUF_INIT(OUTCOME_BATCH_MAX);
	int rc = 0;

	if (add_campaigns(t, arg, e) == -1 || add_progress(t, e) == -1 ||
	    tally_put(t, 1, &running, e) == -1 ||
	    tally_put(t, 2, &over, e) == -1 ||
	    qmeta_put(t, QMETA_EPOCH, 3, e) == -1 ||
	    qmeta_put(t, QMETA_BATCH, BATCHES, e) == -1 ||
	    qmeta_put(t, QMETA_LOGGED, BATCHES - 2, e) == -1)
		return -1;
	for (uint64_t n = BATCHES - 1; n <= BATCHES && rc == 0; n++) {
		seal(&b, n);
		rc = outbox_put(t, n, SLICE(b.s, b.len),
		    SLICE("", 0), e);
	}
	strbuf_free(&b);
	return rc;
}

static void
write_log(struct check_world *cw)
{
	struct strbuf b = STRBUF_INIT(OUTCOME_BATCH_MAX);
	struct err e = ERR_INIT, damage = ERR_INIT;
	struct outcome_log *log;

	snprintf(cw->outcomes, sizeof(cw->outcomes), "%s/outcomes",
	    cw->w->dir);
	log = outcome_log_open(cw->outcomes, 0, &damage, &e);
	assert_non_null(log);
	for (uint64_t n = 1; n < BATCHES; n++) {
		seal(&b, n);
		assert_int_equal(outcome_log_append(log, n, SLICE(b.s, b.len),
		    &e), 0);
	}
	outcome_log_close(log);
	strbuf_free(&b);
}

int
check_world_setup(void **state)
{
	struct check_world *cw = calloc(1, sizeof(*cw));
	void *world;

	if (cw == NULL || people_setup(&world) == -1)
		return -1;
	cw->w = world;
	*state = cw;
	cw->content = content_open(cw->w->dir, true, &cw->w->e);
	if (cw->content == NULL || content_put(cw->content, "proof", 5,
	    cw->evidence, &cw->w->e) == -1 || content_put(cw->content,
	    "message", 7, cw->message, &cw->w->e) == -1)
		return -1;
	check_world_import(cw, 0, CHECK_IMPORTED);
	people(cw);
	world_must(cw->w, STORE_S, do_more, cw);
	check_world_sign(cw);
	world_must(cw->w, STORE_Q, do_queue, cw);
	write_log(cw);
	return 0;
}

int
check_world_teardown(void **state)
{
	struct check_world *cw = *state;
	void *world = cw->w;

	content_close(cw->content);
	free(cw);
	return world_teardown(&world);
}

/* ---- looking */

static bool
note(void *arg, const struct check_finding *f)
{
	strbuf_addf(arg, "%s %s: %s\n", f->table, f->key, f->text);
	return true;
}

int
check_world_run(struct check_world *cw, struct strbuf *out,
    struct check_result *r)
{
	const struct check_params p = { .st = cw->w->st,
	    .content = cw->content, .outcomes = cw->outcomes,
	    .finding = note, .arg = out };

	strbuf_reset(out);
	return check_store(&p, r, &cw->w->e);
}

uint64_t
check_world_check(struct check_world *cw, struct strbuf *out)
{
	struct check_result r;

	if (check_world_run(cw, out, &r) == -1)
		fail_msg("%s", cw->w->e.text);
	assert_true(r.rows > CHECK_IMPORTED);
	return r.findings;
}

bool
check_world_names(const struct strbuf *findings, const char *table,
    const char *words)
{
	const char *line = findings->s;
	size_t len = strlen(table);

	while (line != NULL && *line != '\0') {
		const char *end = strchr(line, '\n');
		const char *at = strstr(line, words);

		if (strncmp(line, table, len) == 0 && line[len] == ' ' &&
		    at != NULL && at < end)
			return true;
		line = end + 1;
	}
	return false;
}
