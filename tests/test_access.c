/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_access.c - a person sees, corrects, moves and ends what is held of
 * their address, by a token that only its mailbox got (R185, S31, T5, T12).
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

#include "spool/access.h"
#include "spool/change.h"
#include "spool/check.h"
#include "spool/consent.h"
#include "spool/correct.h"
#include "spool/effect.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/retention.h"
#include "spool/suppression.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

#define ANN	"Ann.Smith@b.example"
#define NEW	"annie@c.example"

/* ---- what people do */

struct asking {
	struct ipc_subscribe in;
	int64_t		 now_ms;
	struct optin_asked out;
};

static int
do_ask(struct txn *t, void *arg, struct err *e)
{
	struct asking *a = arg;
	const struct optin_ask ask = { .in = &a->in,
	    .limits = &people_limits, .now_ms = a->now_ms };

	return job_answer(access_ask(t, &ask, &a->out, e), e);
}

static struct optin_asked
ask(struct world *w, const char *address, int64_t now_ms)
{
	struct asking a = { .now_ms = now_ms };

	snprintf(a.in.address, sizeof(a.in.address), "%s", address);
	a.in.evidence.when_ms = now_ms;
	snprintf(a.in.evidence.channel, sizeof(a.in.evidence.channel),
	    "form");
	world_must(w, STORE_S, do_ask, &a);
	return a.out;
}

struct acting {
	struct ipc_data	 in;
	int64_t		 now_ms;
	enum optin_result result;
	size_t		 gone, kept;
	char		 kept_in[ACCESS_KEPT_MAX];
};

static int
do_act(struct txn *t, void *arg, struct err *e)
{
	struct acting *a = arg;
	const struct access ac = { .in = &a->in, .limits = &people_limits,
	    .now_ms = a->now_ms };
	struct access_done done = { .gone = { .n = 0 } };
	int rc = access_do(t, &ac, &done, e);

	a->result = done.result;
	a->gone = done.gone.n;
	a->kept = done.kept;
	memcpy(a->kept_in, done.kept_in, sizeof(a->kept_in));
	leave_result_free(&done.gone);
	return job_answer(rc, e);
}

static struct acting
acting(const char *token, enum ipc_data_act act, int64_t now_ms)
{
	struct acting a = { .in.act = act, .now_ms = now_ms };

	snprintf(a.in.token, sizeof(a.in.token), "%s", token);
	a.in.evidence.when_ms = now_ms;
	snprintf(a.in.evidence.channel, sizeof(a.in.evidence.channel),
	    "page");
	return a;
}

static enum optin_result
act(struct world *w, struct acting *a)
{
	world_must(w, STORE_S, do_act, a);
	return a->result;
}

/* A token that was used for the first time. */
static void
open_page(struct world *w, const char *address, int64_t now_ms,
    char token[static TOKEN_CONFIRM_LEN + 1])
{
	struct optin_asked a = ask(w, address, now_ms);
	struct acting o;

	assert_int_equal(a.result, OPTIN_ACCEPTED);
	people_token(w, a.notice, token);
	o = acting(token, IPC_DATA_OPEN, now_ms);
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
}

static json_t *
shown(struct world *w, const char *token, int64_t now_ms)
{
	struct txn *t = world_read(w, STORE_S);
	json_t *j;
	int rc = access_json(t, token, now_ms, &j, &w->e);

	txn_end(t);
	assert_int_not_equal(rc, -1);
	assert_int_equal(rc, j != NULL);
	return j;
}

/* ---- what is in the store */

static unsigned
kinds(struct world *w, const char *address, enum consent_kind kind)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct consent c;
	uint64_t index = 0;
	unsigned n = 0;

	while (consent_next_of(t, who.hash, index + 1, &index, &w->e) == 1) {
		assert_int_equal(consent_get(t, index, &c, &w->e), 1);
		n += kind == 0 || c.kind == kind;
	}
	txn_end(t);
	return n;
}

static uint64_t
consent_of(struct world *w, uint32_t list, const char *address)
{
	struct identity who = people_identity(w, address);
	struct txn *t = world_read(w, STORE_S);
	struct member m;

	assert_int_equal(subscriber_find(t, list, who.hash, &m, &w->e), 1);
	txn_end(t);
	return m.consent;
}

/* ---- the link */

/* T7: strangers, members, the suppressed: the same; but who gets a mail? */
static void
who_asks_is_told_nothing(void **state)
{
	struct world *w = *state;
	uint64_t notices, entries;

	people_join(w, "news", ANN, NOW);
	people_join(w, "news", "gone@b.example", NOW);
	people_leave(w, 1, "gone@b.example", IPC_LEAVE_LIST, NOW + HOUR);
	notices = people_rows(w, TABLE_NOTICES);
	assert_int_equal(ask(w, ANN, NOW + DAY).result, OPTIN_ACCEPTED);
	/* One mail at a time, and one a day (T6). */
	assert_int_equal(ask(w, "ann.smith@B.example", NOW + DAY).result,
	    OPTIN_PENDING);
	/* Who left has a right to it too; erased ones as well. */
	assert_int_equal(ask(w, "gone@b.example", NOW + DAY).result,
	    OPTIN_ACCEPTED);
	assert_int_equal(people_rows(w, TABLE_NOTICES), notices + 2);
	assert_int_equal(kinds(w, ANN, CONSENT_ACCESS_ASKED), 2);

	/* Nothing is held of a stranger, before and after. */
	entries = people_rows(w, TABLE_CONSENT);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask(w, "stranger@b.example",
		    NOW + DAY).result, OPTIN_UNKNOWN);
	assert_int_equal(people_rows(w, TABLE_CONSENT), entries);
	assert_int_equal(kinds(w, "stranger@b.example", 0), 0);
	assert_int_equal(ask(w, "no address", NOW + DAY).result,
	    OPTIN_MALFORMED);
	assert_int_equal(optin_answer(OPTIN_PENDING),
	    optin_answer(OPTIN_ACCEPTED));
	people_are_sound(w);
}

/* T6: the mails count with confirmations, for the mailbox is the same. */
static void
it_is_limited_as_confirmations_are(void **state)
{
	struct world *w = *state;

	people_join(w, "news", ANN, NOW);
	people_join(w, "club", ANN, NOW + MINUTE);
	people_join(w, "other", ANN, NOW + 2 * MINUTE);
	assert_int_equal(ask(w, ANN, NOW + HOUR).result, OPTIN_THROTTLED);
	assert_int_equal(ask(w, ANN, NOW + 2 * DAY).result, OPTIN_ACCEPTED);
}

/* R185: once, within 24 hours, and by no token of another use (T5). */
static void
the_token_is_good_once(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1], other[TOKEN_CONFIRM_LEN + 1];
	struct optin_asked a;
	struct acting o;

	people_join(w, "news", ANN, NOW);
	a = people_ask(w, "club", ANN, NULL, NOW);
	people_token(w, a.notice, other);
	o = acting(other, IPC_DATA_OPEN, NOW + HOUR);
	assert_int_equal(act(w, &o), OPTIN_UNKNOWN);
	assert_null(shown(w, other, NOW + HOUR));

	a = ask(w, ANN, NOW + HOUR);
	people_token(w, a.notice, token);
	/* Nor does it confirm anything, or show anything before its use. */
	assert_int_equal(people_confirm(w, token, NULL, NOW + HOUR).result,
	    OPTIN_UNKNOWN);
	assert_null(shown(w, token, NOW + HOUR));
	o = acting(token, IPC_DATA_ERASE, NOW + HOUR);
	assert_int_equal(act(w, &o), OPTIN_UNKNOWN);
	assert_int_equal(people_state(w, 1, ANN), MEMBER_ACTIVE);

	o = acting(token, IPC_DATA_OPEN, NOW + 2 * HOUR);
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(kinds(w, ANN, CONSENT_EXPORTED), 1);
	o = acting(token, IPC_DATA_OPEN, NOW + 2 * HOUR);
	assert_int_equal(act(w, &o), OPTIN_EXPIRED);
	assert_int_equal(kinds(w, ANN, CONSENT_EXPORTED), 1);
	/* What it opened ends with it. */
	assert_null(shown(w, token, NOW + HOUR + ACCESS_LIFETIME_MS));
	o = acting(token, IPC_DATA_LEAVE, NOW + HOUR + ACCESS_LIFETIME_MS);
	o.in.list = 1;
	assert_int_equal(act(w, &o), OPTIN_EXPIRED);
	assert_int_equal(people_state(w, 1, ANN), MEMBER_ACTIVE);
	people_are_sound(w);
}

static void
too_late_it_opens_nothing(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];
	struct acting o;

	people_join(w, "news", ANN, NOW);
	people_token(w, ask(w, ANN, NOW).notice, token);
	o = acting(token, IPC_DATA_OPEN, NOW + ACCESS_LIFETIME_MS);
	assert_int_equal(act(w, &o), OPTIN_EXPIRED);
	assert_null(shown(w, token, NOW + HOUR));
}

/* R184, R185: memberships, attributes, requests, entries, suppressions. */
static void
everything_is_shown(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];
	json_t *j, *m;

	people_join(w, "news", ANN, NOW);
	people_join(w, "club", ANN, NOW + HOUR);
	people_leave(w, 2, ANN, IPC_LEAVE_LIST, NOW + 2 * HOUR);
	/* Of another person nothing. */
	people_join(w, "news", "bob@b.example", NOW);
	open_page(w, ANN, NOW + 2 * DAY, token);
	j = shown(w, token, NOW + 2 * DAY);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "address")),
	    ANN);
	assert_int_equal(json_array_size(json_object_get(j, "memberships")),
	    1);
	m = json_array_get(json_object_get(j, "memberships"), 0);
	assert_string_equal(json_string_value(json_object_get(m, "list")),
	    "news");
	assert_string_equal(json_string_value(json_object_get(m,
	    "organization")), "acme");
	assert_int_equal(json_array_size(json_object_get(j,
	    "suppressions")), 1);
	/* Two subscriptions, and this. */
	assert_int_equal(json_array_size(json_object_get(j, "requests")), 3);
	assert_int_equal(json_array_size(json_object_get(j, "entries")),
	    kinds(w, ANN, 0));
	assert_true(json_is_false(json_object_get(j, "more_entries")));
	json_decref(j);
}

/* ---- what the page offers */

static void
leaving_by_the_page(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];
	struct acting o;

	people_join(w, "news", ANN, NOW);
	people_join(w, "club", ANN, NOW);
	open_page(w, ANN, NOW + DAY, token);
	o = acting(token, IPC_DATA_LEAVE, NOW + DAY);
	o.in.list = 1;
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(o.gone, 1);
	assert_int_equal(people_state(w, 1, ANN), 0);
	assert_int_equal(people_state(w, 2, ANN), MEMBER_ACTIVE);
	assert_int_equal(kinds(w, ANN, CONSENT_UNSUBSCRIBED), 1);
	/* Twice is once (R31). */
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(kinds(w, ANN, CONSENT_UNSUBSCRIBED), 1);
	people_are_sound(w);
}

/* Only what the page offers can be left: else nothing is written. */
static void
only_lists_of_the_person_are_left(void **state)
{
	static const struct {
		const char	*why;
		uint32_t	 list;
		enum optin_result want;
	} rows[] = {
		{ "none was named", 0, OPTIN_UNKNOWN },
		{ "there is no such list", 999, OPTIN_UNKNOWN },
		{ "never was on it", 2, OPTIN_CONFIRMED },
	};
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];
	uint64_t entries, suppressions;
	struct acting o;

	people_join(w, "news", ANN, NOW);
	people_join(w, "club", "bob@b.example", NOW);
	open_page(w, ANN, NOW + DAY, token);
	entries = people_rows(w, TABLE_CONSENT);
	suppressions = people_rows(w, TABLE_SUPPRESSIONS);
	o = acting(token, IPC_DATA_LEAVE, NOW + DAY);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		o.in.list = rows[i].list;
		if (act(w, &o) != rows[i].want || o.gone != 0 ||
		    people_rows(w, TABLE_CONSENT) != entries ||
		    people_rows(w, TABLE_SUPPRESSIONS) != suppressions)
			fail_msg("left: %s", rows[i].why);
	}
	/* What was asked for and not confirmed can be. */
	people_ask(w, "club", ANN, NULL, NOW + DAY);
	o.in.list = 2;
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS),
	    suppressions + 1);
	people_are_sound(w);
}

/* S31: nothing is left but keyed hashes, and the token is gone too. */
static void
erasing_by_the_page(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];
	struct acting o;

	people_join(w, "news", ANN, NOW);
	open_page(w, ANN, NOW + DAY, token);
	o = acting(token, IPC_DATA_ERASE, NOW + DAY);
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(o.gone, 1);
	assert_int_equal(people_state(w, 1, ANN), 0);
	assert_int_equal(kinds(w, ANN, 0), 0);
	assert_int_equal(people_rows(w, TABLE_REQUESTS), 0);
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS), 1);
	assert_null(shown(w, token, NOW + DAY));
	assert_int_equal(act(w, &o), OPTIN_UNKNOWN);
	people_are_sound(w);
}

struct knowing {
	struct identity	 who;
	const char	*name, *value;
};

static int
do_know(struct txn *t, void *arg, struct err *e)
{
	const struct knowing *k = arg;
	const struct correction c = { .list = 1, .hash = k->who.hash,
	    .name = SLICE(k->name, strlen(k->name)),
	    .value = SLICE(k->value, strlen(k->value)), .who = "root",
	    .now_ms = NOW };

	return job_answer(correct_attribute(t, &c, e), e);
}

/* What the operator knows of a member of list 1. */
static void
know(struct world *w, const char *address, const char *name,
    const char *value)
{
	struct knowing k = { people_identity(w, address), name, value };

	world_must(w, STORE_S, do_know, &k);
}

static void
correct(struct world *w, const char *token, const char *name,
    const char *value)
{
	struct acting o = acting(token, IPC_DATA_CORRECT, NOW + DAY);

	o.in.list = 1;
	o.in.name = SLICE(name, strlen(name));
	o.in.value = SLICE(value, strlen(value));
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
}

static char *
attributes(struct world *w, uint64_t subscriber)
{
	struct txn *t = world_read(w, STORE_S);
	struct slice json;
	char *text = NULL;

	if (attributes_get(t, subscriber, &json, &w->e) == 1)
		text = strndup((const char *)json.p, json.len);
	txn_end(t);
	return text;
}

/* S31, R184: a correction is an entry with the old value and the new one. */
static void
correcting_leaves_an_entry(void **state)
{
	struct world *w = *state;
	uint64_t ann = people_join(w, "news", ANN, NOW), last;
	char token[TOKEN_CONFIRM_LEN + 1], *text;
	struct consent c;
	struct txn *t;

	know(w, ANN, "name", "An");
	open_page(w, ANN, NOW + DAY, token);
	correct(w, token, "name", "Ann \"A\"");
	text = attributes(w, ann);
	assert_string_equal(text, "{\"name\":\"Ann \\\"A\\\"\"}");
	free(text);
	assert_int_equal(kinds(w, ANN, CONSENT_PREFERENCE), 2);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_last(t, &last, &w->e), 0);
	assert_int_equal(consent_get(t, last, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_PREFERENCE);
	assert_memory_equal(c.attribute.p, "name", 4);
	assert_memory_equal(c.before.p, "An", 2);
	assert_memory_equal(c.after.p, "Ann \"A\"", 7);
	assert_int_equal(c.subscriber, ann);
	txn_end(t);
	/* The same again changes nothing; an empty value drops it. */
	correct(w, token, "name", "Ann \"A\"");
	assert_int_equal(kinds(w, ANN, CONSENT_PREFERENCE), 2);
	correct(w, token, "name", "");
	assert_null(attributes(w, ann));
	assert_int_equal(kinds(w, ANN, CONSENT_PREFERENCE), 3);
	people_are_sound(w);
}

/* One token writes so many entries, and can still end all. */
static void
acts_are_limited(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1], value[16];
	struct acting o;

	people_join(w, "news", ANN, NOW);
	know(w, ANN, "name", "An");
	open_page(w, ANN, NOW + DAY, token);
	/* Its use was the first. */
	for (int i = 1; i < ACCESS_ACTS_MAX; i++) {
		snprintf(value, sizeof(value), "%d", i);
		correct(w, token, "name", value);
	}
	o = acting(token, IPC_DATA_CORRECT, NOW + DAY);
	o.in.list = 1;
	o.in.name = SLICE("name", 4);
	o.in.value = SLICE("x", 1);
	assert_int_not_equal(world_write(w, STORE_S, do_act, &o), 0);
	o.in.act = IPC_DATA_CHANGE;
	snprintf(o.in.address, sizeof(o.in.address), NEW);
	assert_int_not_equal(world_write(w, STORE_S, do_act, &o), 0);
	o.in.act = IPC_DATA_LEAVE;
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(o.gone, 1);
	o.in.act = IPC_DATA_ERASE;
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	people_are_sound(w);
}

static void
what_is_no_attribute_is_refused(void **state)
{
	static char longest[CONSENT_TEXT_MAX + 1];
	static const struct {
		const char *why, *name, *value;
	} rows[] = {
		{ "no name", "", "x" },
		{ "a line end in it", "a\nb", "x" },
		{ "a control in the value", "a", "x\1" },
		{ "no UTF-8", "a", "\xff" },
		{ "too long", "a", longest },
		{ "a name that nobody gave it", "b", "x" },
	};
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];

	memset(longest, 'x', sizeof(longest));
	people_join(w, "news", ANN, NOW);
	know(w, ANN, "a", "1");
	open_page(w, ANN, NOW + DAY, token);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct acting o = acting(token, IPC_DATA_CORRECT, NOW + DAY);

		o.in.list = 1;
		o.in.name = SLICE(rows[i].name, strlen(rows[i].name));
		o.in.value = SLICE(rows[i].value, rows[i].value == longest ?
		    sizeof(longest) : strlen(rows[i].value));
		if (world_write(w, STORE_S, do_act, &o) == 0)
			fail_msg("taken: %s", rows[i].why);
	}
	assert_int_equal(kinds(w, ANN, CONSENT_PREFERENCE), 1);
}

/* ---- another address */

struct changing {
	struct identity	 from;
	const char	*to;
	uint32_t	 list;
	int64_t		 now_ms;
	struct optin_asked out;
};

static int
do_change(struct txn *t, void *arg, struct err *e)
{
	struct changing *c = arg;
	const struct change_ask a = { .from = &c->from, .to = c->to,
	    .list = c->list, .who = "root", .limits = &people_limits,
	    .now_ms = c->now_ms };

	return job_answer(change_ask(t, &a, &c->out, e), e);
}

static struct optin_asked
change(struct world *w, const char *from, const char *to, uint32_t list,
    int64_t now_ms)
{
	struct changing c = { .from = people_identity(w, from), .to = to,
	    .list = list, .now_ms = now_ms };

	world_must(w, STORE_S, do_change, &c);
	return c.out;
}

/* The token in the mail to the new address. */
static void
changing(struct world *w, const char *from, const char *to, uint32_t list,
    int64_t now_ms, char token[static TOKEN_CONFIRM_LEN + 1])
{
	struct optin_asked a = change(w, from, to, list, now_ms);

	assert_int_equal(a.result, OPTIN_ACCEPTED);
	people_token(w, a.notice, token);
}

/* The last notice: to whom, and what. */
static struct notice
last_notice(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct notice n, last = { .id = 0 };

	for (uint64_t id = 1; notice_next(t, id, &n, &w->e) == 1;
	    id = n.id + 1)
		last = n;
	txn_end(t);
	return last;
}

/* T12: confirmed at the new, told to the old, and the evidence chained. */
static void
mail_goes_to_a_new_address(void **state)
{
	struct world *w = *state;
	uint64_t ann = people_join(w, "news", ANN, NOW), old;
	char token[TOKEN_CONFIRM_LEN + 1], *text;
	struct optin_confirmed done;
	struct consent c;
	struct member m;
	struct notice n;
	struct txn *t;

	people_join(w, "club", ANN, NOW);
	old = consent_of(w, 1, ANN);
	open_page(w, ANN, NOW + DAY, token);
	know(w, ANN, "name", "Ann");
	changing(w, ANN, NEW, 0, NOW + DAY, token);
	n = last_notice(w);
	assert_int_equal(n.kind, NOTICE_CHANGE);
	assert_string_equal(n.address, NEW);
	/* Nothing changes before it is confirmed. */
	assert_int_equal(people_state(w, 1, ANN), MEMBER_ACTIVE);
	assert_int_equal(people_state(w, 1, NEW), 0);
	done = people_confirm(w, token, NULL, NOW + DAY + HOUR);
	assert_int_equal(done.result, OPTIN_CONFIRMED);
	assert_int_equal(done.purpose, TOKEN_CONFIRM_CHANGE);
	for (uint32_t list = 1; list <= 2; list++) {
		assert_int_equal(people_state(w, list, ANN), 0);
		assert_int_equal(people_state(w, list, NEW), MEMBER_ACTIVE);
	}
	n = last_notice(w);
	assert_int_equal(n.kind, NOTICE_CHANGED);
	assert_string_equal(n.address, ANN);

	t = world_read(w, STORE_S);
	assert_int_equal(subscriber_find(t, 1, people_identity(w, NEW).hash,
	    &m, &w->e), 1);
	assert_int_equal(m.consent, done.consent);
	assert_int_equal(consent_get(t, done.consent, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_ADDRESS_CHANGED);
	assert_int_equal(c.follows, old);
	assert_int_equal(c.list, 1);
	assert_int_equal(c.grade, CONSENT_GRADE_PRESSED);
	assert_int_equal(consent_get(t, done.consent + 1, &c, &w->e), 1);
	assert_int_equal(c.kind, CONSENT_REMOVED);
	assert_int_equal(c.follows, done.consent);
	txn_end(t);
	assert_int_equal(people_gate(w, m.subscriber), GATE_OPEN);
	assert_int_not_equal(people_gate(w, ann), GATE_OPEN);
	text = attributes(w, m.subscriber);
	assert_string_equal(text, "{\"name\":\"Ann\"}");
	free(text);
	/* The old one is not suppressed: it may join again. */
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS), 0);
	assert_int_equal(people_confirm(w, token, NULL, NOW + 2 * DAY).result,
	    OPTIN_AGAIN);
	people_are_sound(w);
}

/* No entry of one address names the other: each can be erased alone. */
static void
neither_address_is_with_the_other(void **state)
{
	static const char *const both[] = { ANN, NEW };
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];
	struct slice salt, entry;

	people_join(w, "news", ANN, NOW);
	changing(w, ANN, NEW, 1, NOW + DAY, token);
	people_confirm(w, token, NULL, NOW + DAY + HOUR);
	for (int i = 0; i < 2; i++) {
		struct identity who = people_identity(w, both[i]);
		struct txn *t = world_read(w, STORE_S);
		uint64_t index = 0;

		while (consent_next_of(t, who.hash, index + 1, &index,
		    &w->e) == 1) {
			assert_int_equal(consent_get_row(t, index, &salt,
			    &entry, &w->e), 1);
			assert_null(memmem(entry.p, entry.len, both[1 - i],
			    strlen(both[1 - i])));
		}
		txn_end(t);
	}
	/* With the old one erased the new one still stands on its own. */
	open_page(w, ANN, NOW + 2 * DAY, token);
	{
		struct acting o = acting(token, IPC_DATA_ERASE,
		    NOW + 2 * DAY);

		assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	}
	assert_int_equal(people_state(w, 1, NEW), MEMBER_ACTIVE);
	people_are_sound(w);
}

/* T11: what happened since then counts; an old token resurrects nothing. */
static void
a_later_event_wins(void **state)
{
	static const struct {
		const char	*why;
		bool		 back;	/* the person joined again */
		const char	*left;	/* who left list 1 */
	} rows[] = {
		{ "the old one left", false, ANN },
		{ "the old one left and came back", true, ANN },
		{ "the new one wants no mail of the list", false, NEW },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char token[TOKEN_CONFIRM_LEN + 1];
		int64_t now = NOW + (int64_t)i * 30 * DAY;
		struct optin_confirmed done;

		if (people_state(w, 1, ANN) == 0)
			people_join(w, "news", ANN, now);
		changing(w, ANN, NEW, 1, now + DAY, token);
		people_leave(w, 1, rows[i].left, IPC_LEAVE_LIST,
		    now + DAY + HOUR);
		if (rows[i].back)
			people_join(w, "news", ANN, now + DAY + 2 * HOUR);
		done = people_confirm(w, token, NULL, now + 2 * DAY);
		if (done.result != OPTIN_VOID ||
		    people_state(w, 1, NEW) != 0)
			fail_msg("moved: %s", rows[i].why);
	}
	assert_int_equal(people_state(w, 1, ANN), MEMBER_ACTIVE);
	people_are_sound(w);
}

/* Who may not: each with a result of its own, for the operator alone. */
static void
not_everybody_moves(void **state)
{
	struct world *w = *state;
	const struct leave desk = { .reason = SUPPRESSION_DESK,
	    .setter = SUPPRESSION_BY_DESK, .scope = SUPPRESSION_HOST,
	    .now_ms = NOW };

	people_join(w, "news", ANN, NOW);
	assert_int_equal(change(w, "nobody@b.example", NEW, 0, NOW).result,
	    OPTIN_UNKNOWN);
	assert_int_equal(change(w, ANN, "ann.smith@B.EXAMPLE", 0, NOW).result,
	    OPTIN_MALFORMED);
	assert_int_equal(change(w, ANN, "no address", 0, NOW).result,
	    OPTIN_MALFORMED);
	assert_int_equal(change(w, ANN, "abuse@c.example", 0, NOW).result,
	    OPTIN_ROLE);
	assert_int_equal(change(w, ANN, NEW, 2, NOW).result, OPTIN_UNKNOWN);
	people_remove(w, desk, NEW);
	assert_int_equal(change(w, ANN, NEW, 1, NOW).result,
	    OPTIN_SUPPRESSED);
	assert_int_equal(change(w, ANN, "x@c.example", 1, NOW).result,
	    OPTIN_ACCEPTED);
	assert_int_equal(change(w, ANN, "x@c.example", 1, NOW).result,
	    OPTIN_PENDING);
	/* Each was wanted, and that is on record (S20). */
	assert_int_equal(kinds(w, ANN, CONSENT_ADDRESS_ASKED), 7);
	people_are_sound(w);
}

struct suspending {
	uint64_t	 subscriber;
	enum member_why	 why;
};

static int
do_suspend(struct txn *t, void *arg, struct err *e)
{
	const struct suspending *s = arg;
	struct member m;

	if (subscriber_get(t, s->subscriber, &m, e) != 1)
		return -1;
	return subscriber_set_state(t, &m, MEMBER_SUSPENDED, s->why, 0, e);
}

/* A dead mailbox is a reason to go; what the desk holds stays where it is. */
static void
who_is_suspended_for_a_dead_mailbox_moves(void **state)
{
	struct world *w = *state;
	struct suspending s = { .why = MEMBER_WHY_UNKNOWN };
	char token[TOKEN_CONFIRM_LEN + 1];

	s.subscriber = people_join(w, "news", ANN, NOW);
	world_must(w, STORE_S, do_suspend, &s);
	changing(w, ANN, NEW, 1, NOW + DAY, token);
	/* Held by the desk: it can not be asked for. */
	s.why = MEMBER_WHY_DESK;
	s.subscriber = people_join(w, "club", ANN, NOW);
	world_must(w, STORE_S, do_suspend, &s);
	assert_int_equal(change(w, ANN, "x@c.example", 2, NOW + DAY).result,
	    OPTIN_UNKNOWN);
	assert_int_equal(people_confirm(w, token, NULL, NOW + 2 * DAY).result,
	    OPTIN_CONFIRMED);
	assert_int_equal(people_state(w, 1, NEW), MEMBER_ACTIVE);
	assert_int_equal(people_state(w, 1, ANN), 0);
	assert_int_equal(people_state(w, 2, ANN), MEMBER_SUSPENDED);
	people_are_sound(w);
}

static int
do_prune(struct txn *t, void *arg, struct err *e)
{
	struct retention_pass pass = { .at = 0 };

	return retention_prune(t, &pass, 10000, *(int64_t *)arg, e) == -1 ?
	    -1 : 0;
}

static int
do_hash(struct txn *t, void *arg, struct err *e)
{
	return retention_hash(t, 10000, *(int64_t *)arg, e) == -1 ? -1 : 0;
}

/* The old address's confirmation is needed as long as the new one's. */
static void
the_chain_is_kept_whole(void **state)
{
	struct world *w = *state;
	int64_t late = NOW + 40 * DAY, latest = NOW + 5000 * DAY;
	char token[TOKEN_CONFIRM_LEN + 1];
	unsigned n;

	people_join(w, "news", ANN, NOW);
	changing(w, ANN, NEW, 1, NOW + DAY, token);
	people_confirm(w, token, NULL, NOW + DAY + HOUR);
	n = kinds(w, ANN, 0) + kinds(w, NEW, 0);
	/* It was confirmed: nothing of it gives way to hashes. */
	world_must(w, STORE_S, do_hash, &late);
	assert_int_equal(kinds(w, ANN, CONSENT_HASHED) +
	    kinds(w, NEW, CONSENT_HASHED), 0);
	world_must(w, STORE_S, do_prune, &latest);
	assert_int_equal(kinds(w, ANN, CONSENT_CONFIRMED), 1);
	assert_int_equal(kinds(w, NEW, CONSENT_ADDRESS_CHANGED), 1);
	/* What speaks of no list goes by its own time. */
	assert_true(kinds(w, ANN, 0) + kinds(w, NEW, 0) <= n);
	people_leave(w, 1, NEW, IPC_LEAVE_LIST, latest);
	latest += 1096 * DAY;
	world_must(w, STORE_S, do_prune, &latest);
	assert_int_equal(kinds(w, ANN, 0) + kinds(w, NEW, 0), 0);
	people_are_sound(w);
}

/* What nobody confirmed is hashed like any request (T53). */
static void
asking_alone_leaves_hashes(void **state)
{
	struct world *w = *state;
	int64_t late = NOW + 40 * DAY;
	struct notice n;

	people_join(w, "news", ANN, NOW);
	assert_int_equal(change(w, ANN, NEW, 1, NOW + DAY).result,
	    OPTIN_ACCEPTED);
	assert_int_equal(ask(w, ANN, NOW + DAY).result, OPTIN_ACCEPTED);
	n = last_notice(w);
	assert_int_equal(n.kind, NOTICE_ACCESS);
	world_must(w, STORE_S, do_hash, &late);
	assert_int_equal(kinds(w, ANN, CONSENT_ADDRESS_ASKED), 0);
	assert_int_equal(kinds(w, ANN, CONSENT_ACCESS_ASKED), 0);
	assert_int_equal(kinds(w, ANN, CONSENT_HASHED), 2);
	assert_int_equal(kinds(w, NEW, CONSENT_HASHED), 1);
	assert_int_equal(people_state(w, 1, ANN), MEMBER_ACTIVE);
}

/* ---- their mail */

static enum gate_verdict
notice_gate(struct world *w, uint64_t notice, int64_t now_ms)
{
	struct txn *t = world_read(w, STORE_S);
	enum gate_verdict v;

	assert_int_equal(gate_check_notice(t, notice, now_ms, &v, NULL,
	    &w->e), 0);
	txn_end(t);
	return v;
}

struct effects {
	struct effect	 v;
	uint64_t	 batch;
};

static int
do_effect(struct txn *t, void *arg, struct err *e)
{
	struct effects *f = arg;

	return effect_apply(t, f->batch, &f->v, 1, e) == -1 ? -1 : 0;
}

static void
their_mail_passes_the_gate(void **state)
{
	struct world *w = *state;
	const struct leave ban = { .reason = SUPPRESSION_BAN,
	    .setter = SUPPRESSION_BY_DESK, .scope = SUPPRESSION_HOST,
	    .now_ms = NOW };
	struct effects f = { .batch = 7, .v = { .kind = EFFECT_NOTICE_SENT,
	    .when_ms = NOW + 2 * DAY, .host = "mx", .text = "250 ok",
	    .message_id = "<x@y>" } };
	char token[TOKEN_CONFIRM_LEN + 1];
	uint64_t access, to_new;
	struct notice n;

	people_join(w, "news", ANN, NOW);
	people_leave(w, 1, ANN, IPC_LEAVE_ORGANIZATION, NOW + HOUR);
	access = ask(w, ANN, NOW + DAY).notice;
	/* Who left all lists asked for this one. */
	assert_int_equal(notice_gate(w, access, NOW + DAY), GATE_OPEN);
	assert_int_equal(notice_gate(w, access, NOW + 3 * DAY), GATE_LEFT);

	people_join(w, "news", "bob@b.example", NOW);
	changing(w, "bob@b.example", NEW, 0, NOW + DAY, token);
	to_new = last_notice(w).id;
	assert_int_equal(notice_gate(w, to_new, NOW + DAY), GATE_OPEN);
	f.v.notice = to_new;
	world_must(w, STORE_S, do_effect, &f);
	assert_int_equal(kinds(w, NEW, CONSENT_MAIL_SENT), 1);
	people_confirm(w, token, NULL, NOW + 2 * DAY);
	n = last_notice(w);
	assert_int_equal(n.kind, NOTICE_CHANGED);
	assert_int_equal(notice_gate(w, n.id, NOW + 2 * DAY), GATE_OPEN);
	f.batch++;
	f.v.notice = n.id;
	world_must(w, STORE_S, do_effect, &f);
	assert_int_equal(kinds(w, "bob@b.example", CONSENT_MAIL_SENT), 1);

	people_remove(w, ban, ANN);
	assert_int_equal(notice_gate(w, access, NOW + DAY),
	    GATE_SUPPRESSED_HOST);
	people_are_sound(w);
}

/* Killed at any step, it is done whole or not at all. */
static void
an_erasure_is_whole(void **state)
{
	struct world *w = *state;
	struct acting o;
	char token[TOKEN_CONFIRM_LEN + 1];

	people_join(w, "news", ANN, NOW);
	open_page(w, ANN, NOW + DAY, token);
	o = acting(token, IPC_DATA_ERASE, NOW + DAY);
	for (unsigned i = 1; world_killed_at(w, STORE_S, do_act, &o, i); i++) {
		assert_int_equal(people_state(w, 1, ANN) == 0,
		    kinds(w, ANN, 0) == 0);
		if (people_state(w, 1, ANN) == 0)
			break;
	}
	people_are_sound(w);
}

/* What is not theirs alone stays, and the operator is told where. */
static void
what_stays_of_the_erased_is_named(void **state)
{
	static const char owner[] = "owner@acme.example";
	struct world *w = *state;
	struct acting o;
	char token[TOKEN_CONFIRM_LEN + 1];

	people_join(w, "news", ANN, NOW);
	open_page(w, ANN, NOW + DAY, token);
	o = acting(token, IPC_DATA_ERASE, NOW + DAY);
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(o.kept, 0);
	assert_string_equal(o.kept_in, "");
	people_join(w, "news", owner, NOW);
	open_page(w, owner, NOW + DAY, token);
	o = acting(token, IPC_DATA_ERASE, NOW + DAY);
	assert_int_equal(act(w, &o), OPTIN_CONFIRMED);
	assert_int_equal(o.kept, 6);
	assert_memory_equal(o.kept_in, "list news owner, list news ", 27);
	assert_null(strstr(o.kept_in, "acme"));
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(who_asks_is_told_nothing),
		TEST(it_is_limited_as_confirmations_are),
		TEST(the_token_is_good_once),
		TEST(too_late_it_opens_nothing),
		TEST(everything_is_shown),
		TEST(leaving_by_the_page),
		TEST(only_lists_of_the_person_are_left),
		TEST(erasing_by_the_page),
		TEST(correcting_leaves_an_entry),
		TEST(acts_are_limited),
		TEST(what_is_no_attribute_is_refused),
		TEST(mail_goes_to_a_new_address),
		TEST(neither_address_is_with_the_other),
		TEST(a_later_event_wins),
		TEST(not_everybody_moves),
		TEST(who_is_suspended_for_a_dead_mailbox_moves),
		TEST(the_chain_is_kept_whole),
		TEST(asking_alone_leaves_hashes),
		TEST(their_mail_passes_the_gate),
		TEST(an_erasure_is_whole),
		TEST(what_stays_of_the_erased_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
