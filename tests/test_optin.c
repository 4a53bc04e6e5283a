/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_optin.c - every door to a list, what it answers, and what it leaves
 * behind.
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
#include <openssl/evp.h>

#include "lib/cte.h"
#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/org.h"
#include "spool/row.h"
#include "spool/suppression.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

static struct consent
entry(struct world *w, struct txn *t, uint64_t index)
{
	struct consent c;

	if (consent_get(t, index, &c, &w->e) != 1)
		fail_msg("entry %llu: %s", (unsigned long long)index,
		    w->e.text);
	return c;
}

static bool
says(struct slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/* ---- asking */

static void
a_request_leaves_all_that_was_seen(void **state)
{
	struct world *w = *state;
	struct optin_asked a = people_ask(w, "news", "Ann@Example.org",
	    "192.0.2.7", NOW);
	struct consent c;
	struct notice n;
	struct request r;
	struct txn *t;

	assert_int_equal(a.result, OPTIN_ACCEPTED);
	t = world_read(w, STORE_S);
	c = entry(w, t, a.consent);		/* S38 */
	assert_int_equal(c.kind, CONSENT_REQUEST);
	assert_true(c.when_ms == NOW);
	assert_int_equal(c.list, 1);
	assert_int_equal(c.org, 1);
	assert_true(says(c.address, "Ann@Example.org"));
	assert_true(says(c.channel, "form"));
	assert_int_equal(c.port, 4711);
	assert_memory_equal(c.ip.p + 12, "\xc0\0\2\7", 4);
	assert_true(says(c.raw, "raw"));
	assert_int_equal(notice_get(t, a.notice, &n, &w->e), 1);
	assert_int_equal(n.kind, NOTICE_CONFIRM);
	assert_string_equal(n.address, "Ann@example.org");
	assert_memory_equal(c.request.p, n.request, REQUEST_ID);
	assert_int_equal(request_get(t, n.request, &r, &w->e), 1);
	assert_int_equal(r.state, REQUEST_PENDING);
	assert_true(r.expires_ms == NOW + 72 * HOUR);
	assert_int_equal(r.consent, a.consent);
	txn_end(t);
	/* S39: the token is not in the store, and not from address + list. */
	assert_int_equal(people_state(w, 1, "ann@example.org"), 0);
}

static int
list_state(struct txn *t, void *arg, struct err *e)
{
	return list_set_state(t, 1, (enum list_state)*(int *)arg, "root", NOW,
	    e);
}

static int
org_state(struct txn *t, void *arg, struct err *e)
{
	return org_set_state(t, 1, (enum org_state)*(int *)arg, "root", NOW,
	    e);
}

static int
list_close(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return list_set(t, 1, "open", "no", "root", NOW, e);
}

static const struct {
	const char	*why, *list, *address;
	enum optin_result result;
	enum ipc_result	answer;
} doors[] = {
	{ "fine", "news", "a@b.example", OPTIN_ACCEPTED, IPC_OK },
	{ "again while pending (T6)", "news", "a@b.example", OPTIN_PENDING,
	    IPC_OK },
	{ "the same in other case (T33)", "news", "A@B.example",
	    OPTIN_PENDING, IPC_OK },
	{ "no such list", "nothing", "a@b.example", OPTIN_NO_LIST,
	    IPC_UNKNOWN },
	{ "no address", "news", "", OPTIN_MALFORMED, IPC_NO },
	{ "two addresses", "news", "a@b.example, c@d.example",
	    OPTIN_MALFORMED, IPC_NO },
	{ "CR LF (T36)", "news", "a@b.example\r\nBcc: c@d.example",
	    OPTIN_MALFORMED, IPC_NO },
	{ "source route (T36)", "news", "@x.example:a@b.example",
	    OPTIN_MALFORMED, IPC_NO },
	{ "literal (T36)", "news", "a@[192.0.2.1]", OPTIN_MALFORMED, IPC_NO },
	{ "role address (S37)", "news", "abuse@b.example", OPTIN_ROLE,
	    IPC_OK },
	{ "role address, tagged", "news", "Postmaster+x@b.example",
	    OPTIN_ROLE, IPC_OK },
	{ "role by name alone", "news", "info@b.example", OPTIN_ACCEPTED,
	    IPC_OK },
};

static void
every_door_has_its_answer(void **state)
{
	struct world *w = *state;
	uint64_t before, notices;

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		struct optin_asked a;

		before = people_entries(w);
		notices = people_rows(w, TABLE_NOTICES);
		a = people_ask(w, doors[i].list, doors[i].address, NULL,
		    NOW + (int64_t)i);
		if (a.result != doors[i].result)
			fail_msg("%s: %s", doors[i].why,
			    optin_result_name(a.result));
		assert_int_equal(optin_answer(a.result), doors[i].answer);
		/* S20: each leaves an entry, only accepted ones a mail. */
		assert_int_equal(people_entries(w), before + 1);
		assert_int_equal(people_rows(w, TABLE_NOTICES), notices +
		    (a.result == OPTIN_ACCEPTED));
	}
}

/* S20: one accepted and five throttled are six, with time, IP and result. */
static void
throttled_ones_are_recorded_too(void **state)
{
	struct world *w = *state;
	struct optin_asked a[6];
	uint64_t before = people_entries(w);
	char address[64];
	struct consent c;
	struct txn *t;

	people_limits.network_hour = 1;
	for (int i = 0; i < 6; i++) {
		snprintf(address, sizeof(address), "p%d@b%d.example", i, i);
		a[i] = people_ask(w, "news", address, "192.0.2.9", NOW + i);
	}
	people_limits.network_hour = 30;
	assert_int_equal(people_entries(w), before + 6);
	t = world_read(w, STORE_S);
	for (int i = 0; i < 6; i++) {
		c = entry(w, t, a[i].consent);
		assert_int_equal(c.kind, i == 0 ? CONSENT_REQUEST :
		    CONSENT_REQUEST_THROTTLED);
		assert_int_equal(c.result, i == 0 ? OPTIN_ACCEPTED :
		    OPTIN_THROTTLED);
		assert_true(c.when_ms == NOW + i);
		assert_int_equal(c.ip.len, 16);
		assert_memory_equal(c.ip.p + 12, "\xc0\0\2\x09", 4);
		assert_int_equal(c.port, 4711);
		assert_int_equal(c.raw.len, 3);
	}
	txn_end(t);
}

static void
closed_lists_take_nobody(void **state)
{
	static const int held = LIST_HELD, active = LIST_ACTIVE,
	    suspended = ORG_SUSPENDED, fine = ORG_ACTIVE,
	    removed = LIST_REMOVED;
	struct world *w = *state;

	world_must(w, STORE_S, list_state, (void *)(uintptr_t)&held);
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW).result, OPTIN_CLOSED);
	world_must(w, STORE_S, list_state, (void *)(uintptr_t)&active);
	world_must(w, STORE_S, org_state, (void *)(uintptr_t)&suspended);
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW).result, OPTIN_CLOSED);
	world_must(w, STORE_S, org_state, (void *)(uintptr_t)&fine);
	world_must(w, STORE_S, list_close, NULL);
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW).result, OPTIN_CLOSED);
	world_must(w, STORE_S, list_state, (void *)(uintptr_t)&removed);
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW).result, OPTIN_NO_LIST);
}

/* T7: new, pending, member, suppressed and banned get one answer. */
static void
answers_do_not_tell_who_is_known(void **state)
{
	struct world *w = *state;
	const struct leave ban = { .reason = SUPPRESSION_BAN,
	    .setter = SUPPRESSION_BY_DESK, .scope = SUPPRESSION_HOST,
	    .now_ms = NOW };
	const enum optin_result seen[] = {
		people_ask(w, "news", "new@b.example", NULL, NOW).result,
		people_ask(w, "news", "new@b.example", NULL, NOW).result,
		(people_join(w, "news", "member@b.example", NOW),
		    people_ask(w, "news", "member@b.example", NULL,
		    NOW).result),
		(people_remove(w, ban, "banned@b.example"),
		    people_ask(w, "news", "banned@b.example", NULL,
		    NOW).result),
	};

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(optin_answer(seen[i]), IPC_OK);
	assert_int_equal(seen[2], OPTIN_MEMBER);
	assert_int_equal(seen[3], OPTIN_SUPPRESSED);
}

static void
a_member_is_told_by_mail_once_a_day(void **state)
{
	struct world *w = *state;
	struct optin_asked a;
	struct notice n;
	struct txn *t;

	people_join(w, "news", "ann@b.example", NOW);
	a = people_ask(w, "news", "ann@b.example", "192.0.2.1", NOW + HOUR);
	assert_int_equal(a.result, OPTIN_MEMBER);
	assert_int_not_equal(a.notice, 0);
	t = world_read(w, STORE_S);
	assert_int_equal(notice_get(t, a.notice, &n, &w->e), 1);
	assert_int_equal(n.kind, NOTICE_ALREADY);
	txn_end(t);
	a = people_ask(w, "news", "ann@b.example", "192.0.2.1", NOW + 2 * HOUR);
	assert_int_equal(a.result, OPTIN_MEMBER);
	assert_int_equal(a.notice, 0);
	a = people_ask(w, "news", "ann@b.example", NULL, NOW + 26 * HOUR);
	assert_int_not_equal(a.notice, 0);
}

static int
do_help(struct txn *t, void *arg, struct err *e)
{
	struct optin_ask *ask = arg;
	uint64_t notice;
	int ret = optin_help(t, ask, &notice, e);

	ask->clock_unsure = notice != 0;	/* out by the same way */
	return job_answer(ret, e);
}

static bool
is_helped(struct world *w, const char *list, const char *address,
    const char *sign, int64_t now_ms)
{
	struct ipc_subscribe in = { .automation = SLICE(sign,
	    strlen(sign)) };
	struct optin_ask ask = { .in = &in, .limits = &people_limits,
	    .now_ms = now_ms };

	snprintf(in.list, sizeof(in.list), "%s", list);
	snprintf(in.address, sizeof(in.address), "%s", address);
	world_must(w, STORE_S, do_help, &ask);
	return ask.clock_unsure;
}

/* R36, R157: never a machine, a role, a stranger's list; and within limits. */
static void
help_is_for_people(void **state)
{
	uint32_t saved = people_limits.mailbox_day;
	struct world *w = *state;
	enum optin_result result;

	assert_true(is_helped(w, "news", "ann@b.example", "", NOW));
	assert_false(is_helped(w, "news", "Ann@b.example", "", NOW + HOUR));
	assert_true(is_helped(w, "news", "ann@b.example", "", NOW + 25 * HOUR));
	assert_false(is_helped(w, "news", "bob@b.example", "list", NOW));
	assert_false(is_helped(w, "news", "abuse@b.example", "", NOW));
	assert_false(is_helped(w, "nosuch", "bob@b.example", "", NOW));
	assert_false(is_helped(w, "news", "", "", NOW));
	/* It counts as a mail to that mailbox (X38). */
	people_limits.mailbox_day = 1;
	assert_true(is_helped(w, "news", "bob@b.example", "", NOW));
	result = people_ask(w, "news", "bob@b.example", NULL, NOW + 1).result;
	people_limits.mailbox_day = saved;
	assert_int_equal(result, OPTIN_THROTTLED);
}

/* ---- limits */

static void
one_mail_for_an_address_and_list_in_seven_days(void **state)
{
	struct world *w = *state;

	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW).result, OPTIN_ACCEPTED);
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW + 71 * HOUR).result, OPTIN_PENDING);
	/* Expired, and still too soon for another mail. */
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW + 73 * HOUR).result, OPTIN_THROTTLED);
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW + 7 * DAY).result, OPTIN_ACCEPTED);
}

static void
three_mails_a_day_to_a_mailbox_over_all_lists(void **state)
{
	struct world *w = *state;

	assert_int_equal(people_ask(w, "news", "ann.b@gmail.com", NULL,
	    NOW).result, OPTIN_ACCEPTED);
	/* One mailbox to its provider, three addresses to us (T34). */
	assert_int_equal(people_ask(w, "news", "annb+1@googlemail.com", NULL,
	    NOW).result, OPTIN_ACCEPTED);
	assert_int_equal(people_ask(w, "other", "AnnB@gmail.com", NULL,
	    NOW).result, OPTIN_ACCEPTED);
	assert_int_equal(people_ask(w, "club", "annb@gmail.com", NULL,
	    NOW + HOUR).result, OPTIN_THROTTLED);
	assert_int_equal(people_ask(w, "club", "bob@gmail.com", NULL,
	    NOW + HOUR).result, OPTIN_ACCEPTED);
	world_reopen(w);	/* the limits outlive a restart */
	assert_int_equal(people_ask(w, "club", "annb@gmail.com", NULL,
	    NOW + 23 * HOUR).result, OPTIN_THROTTLED);
	assert_int_equal(people_ask(w, "club", "annb@gmail.com", NULL,
	    NOW + DAY + 1).result, OPTIN_ACCEPTED);
}

static unsigned
accepted_of(struct world *w, unsigned n, const char *list, const char *form,
    const char *ip, int64_t now_ms)
{
	unsigned accepted = 0;
	char address[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(address, sizeof(address), "p%u@%s", i, form);
		accepted += people_ask(w, list, address, ip, now_ms).result ==
		    OPTIN_ACCEPTED;
	}
	return accepted;
}

static void
networks_domains_lists_and_the_host_have_limits(void **state)
{
	struct world *w = *state;
	struct optin_limits saved = people_limits;

	people_limits.network_hour = 3;
	assert_int_equal(accepted_of(w, 5, "news", "a.example",
	    "192.0.2.7", NOW), 3);
	assert_int_equal(accepted_of(w, 5, "news", "b.example",
	    "192.0.2.200", NOW), 0);	/* the same /24 */
	assert_int_equal(accepted_of(w, 2, "news", "c.example",
	    "192.0.3.7", NOW), 2);
	assert_int_equal(accepted_of(w, 2, "news", "d.example",
	    "192.0.2.7", NOW + HOUR), 2);
	people_limits.domain_hour = 4;
	assert_int_equal(accepted_of(w, 6, "news", "e.example", NULL,
	    NOW + 5 * HOUR), 4);
	assert_int_equal(accepted_of(w, 6, "club", "e.example", NULL,
	    NOW + 5 * HOUR), 0);
	people_limits.domain_hour = 100;
	people_limits.list_hour = 2;
	assert_int_equal(accepted_of(w, 6, "news", "f.example", NULL,
	    NOW + 10 * HOUR), 2);
	assert_int_equal(accepted_of(w, 6, "club", "f.example", NULL,
	    NOW + 10 * HOUR), 2);
	people_limits.host_hour = 5;
	assert_int_equal(accepted_of(w, 6, "other", "g.example", NULL,
	    NOW + 10 * HOUR), 1);
	people_limits = saved;
}

static int
close_minutes(struct txn *t, void *arg, struct err *e)
{
	int rc = optin_close_minutes(t, *(int64_t *)arg, 100, e);

	return rc == -1 ? -1 : 0;
}

/* DESIGN.md section 5: singly up to 20 a minute, then counted, exactly. */
static void
a_flood_is_counted_and_not_listed(void **state)
{
	struct world *w = *state;
	int64_t now = NOW - NOW % MINUTE + 1000, then = now + MINUTE;
	struct consent c;
	uint64_t last;
	struct txn *t;

	people_limits.network_hour = 1;
	people_ask(w, "news", "p@b.example", "192.0.2.1", now);
	assert_int_equal(accepted_of(w, 60, "news", "b.example", "192.0.2.1",
	    now), 0);
	people_limits.network_hour = 30;
	assert_int_equal(people_entries(w), 20);
	assert_int_equal(people_rows(w, TABLE_AGGREGATES), 1);
	world_must(w, STORE_S, close_minutes, &now);	/* not over yet */
	assert_int_equal(people_entries(w), 20);
	world_must(w, STORE_S, close_minutes, &then);
	assert_int_equal(people_rows(w, TABLE_AGGREGATES), 0);
	t = world_read(w, STORE_S);
	assert_int_equal(consent_last(t, &last, &w->e), 0);
	c = entry(w, t, last);
	assert_int_equal(c.kind, CONSENT_REQUESTS);
	assert_int_equal(c.count, 41);
	assert_true(c.when_ms == NOW - NOW % MINUTE);
	assert_memory_equal(c.ip.p + 12, "\xc0\0\2\0", 4);
	txn_end(t);
}

static void
the_host_has_a_limit_for_entries_too(void **state)
{
	struct world *w = *state;
	struct optin_limits saved = people_limits;

	people_limits.singly_day = 5;
	people_limits.mailbox_day = 1;
	for (int i = 0; i < 8; i++)
		people_ask(w, i % 2 != 0 ? "news" : "club", "a@b.example",
		    NULL, NOW + i * MINUTE);
	people_limits = saved;
	assert_int_equal(people_entries(w), 5);
	assert_int_equal(people_rows(w, TABLE_AGGREGATES), 3);
}

/* ---- confirming */

struct mailed {
	uint64_t	notice;
	int64_t		when_ms;
};

static int
set_mailed(struct txn *t, void *arg, struct err *e)
{
	const struct mailed *m = arg;
	struct request r;
	struct notice n;

	if (notice_get(t, m->notice, &n, e) != 1 ||
	    request_get(t, n.request, &r, e) != 1)
		return -1;
	r.mailed_ms = m->when_ms;
	return request_save(t, &r, e);
}

static void
a_confirmation_makes_a_member(void **state)
{
	struct world *w = *state;
	struct optin_asked a = people_ask(w, "news", "Ann@b.example",
	    "192.0.2.7", NOW);
	struct mailed taken = { a.notice, NOW + MINUTE };
	struct optin_confirmed d;
	char token[TOKEN_CONFIRM_LEN + 1];
	struct consent c;
	struct member m;
	struct txn *t;

	people_token(w, a.notice, token);
	world_must(w, STORE_S, set_mailed, &taken);
	d = people_confirm(w, token, "198.51.100.3", NOW + HOUR);
	assert_int_equal(d.result, OPTIN_CONFIRMED);
	assert_int_equal(d.list, 1);
	t = world_read(w, STORE_S);
	assert_int_equal(subscriber_get(t, d.subscriber, &m, &w->e), 1);
	assert_int_equal(m.state, MEMBER_ACTIVE);
	assert_string_equal(m.local, "Ann");
	assert_string_equal(m.folded, "ann");
	assert_int_equal(m.consent, d.consent);
	assert_true(m.join > 0);
	c = entry(w, t, d.consent);
	assert_int_equal(c.kind, CONSENT_CONFIRMED);
	assert_int_equal(c.follows, a.consent);
	assert_int_equal(c.network, CONSENT_NETWORK_OTHER);
	assert_int_equal(c.grade, CONSENT_GRADE_PRESSED);
	assert_true(says(c.channel, "page"));
	txn_end(t);
	assert_int_equal(people_gate(w, d.subscriber), GATE_OPEN);
	/* Single use: the second press says so and changes nothing. */
	assert_int_equal(people_confirm(w, token, NULL, NOW + 2 * HOUR).result,
	    OPTIN_AGAIN);
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 1);
}

struct looked {
	struct ipc_confirm	in;
	struct optin_confirmed	out;
};

static int
do_looked(struct txn *t, void *arg, struct err *e)
{
	struct looked *l = arg;
	const struct optin_confirm c = { .in = &l->in, .now_ms = NOW + HOUR };

	return job_answer(optin_confirm(t, &c, &l->out, e), e);
}

/* T1, T2: a scanner was there before; what it did lies with the yes. */
static void
who_opened_the_link_first_is_told(void **state)
{
	struct world *w = *state;
	struct looked l = { .in = { .looks = 3, .look_ms = NOW + MINUTE,
	    .look_agent = "LinkScanner/2" } };
	struct optin_asked a = people_ask(w, "news", "ann@b.example",
	    "192.0.2.7", NOW);
	struct consent c;
	struct txn *t;

	people_token(w, a.notice, l.in.token);
	snprintf(l.in.evidence.channel, sizeof(l.in.evidence.channel),
	    "page");
	memcpy(l.in.evidence.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\x63",
	    16);
	memcpy(l.in.look_ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\5", 16);
	world_must(w, STORE_S, do_looked, &l);
	assert_int_equal(l.out.result, OPTIN_CONFIRMED);
	t = world_read(w, STORE_S);
	c = entry(w, t, l.out.consent);
	assert_int_equal(c.network, CONSENT_NETWORK_SAME);
	assert_int_equal(c.looks, 3);
	assert_true(says(c.look_agent, "LinkScanner/2"));
	assert_memory_equal(c.look_ip.p, l.in.look_ip, 16);
	assert_int_equal(c.look_network, CONSENT_NETWORK_OTHER);
	/* What cannot be known, before any reply came, is not made up. */
	assert_int_equal(c.look_ms, 0);
	txn_end(t);
}

static void
tokens_that_confirm_nothing(void **state)
{
	static const char *const bad[] = { "", "aaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "short", "aaaaaaaaaaaaaaaaaaaaaaaaa!", "aaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];
	struct optin_asked a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(people_confirm(w, bad[i], NULL, NOW).result,
		    OPTIN_UNKNOWN);
	assert_int_equal(people_entries(w), 0);
	a = people_ask(w, "news", "a@b.example", NULL, NOW);
	people_token(w, a.notice, token);
	token[0] = token[0] == 'a' ? 'b' : 'a';
	assert_int_equal(people_confirm(w, token, NULL, NOW).result,
	    OPTIN_UNKNOWN);
	people_token(w, a.notice, token);
	assert_int_equal(people_confirm(w, token, NULL,
	    NOW + 72 * HOUR).result, OPTIN_EXPIRED);
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 0);
	/* Upper case is the same token (T28). */
	for (char *p = token; *p != '\0'; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
	assert_int_equal(people_confirm(w, token, NULL,
	    NOW + 72 * HOUR - 1).result, OPTIN_CONFIRMED);
}

struct reply {
	char		 raw[512];
	char		token[TOKEN_CONFIRM_LEN + 1];
	const char	*automation;
	const char	*channel;
	int64_t		late_ms;
	struct optin_confirmed out;
};

static int
do_reply(struct txn *t, void *arg, struct err *e)
{
	struct reply *r = arg;
	struct ipc_confirm in = { .automation = { (const uint8_t *)
	    r->automation, strlen(r->automation) } };
	const struct optin_confirm c = { .in = &in, .now_ms = NOW + HOUR +
	    r->late_ms };

	snprintf(in.evidence.channel, sizeof(in.evidence.channel), "%s",
	    r->channel);
	memcpy(in.token, r->token, sizeof(r->token));
	in.evidence.raw = SLICE(r->raw, strlen(r->raw));
	return job_answer(optin_confirm(t, &c, &r->out, e), e);
}

static void
a_reply_confirms_and_a_robot_does_not(void **state)
{
	struct world *w = *state;
	struct reply r = { .automation = "Auto-Submitted: auto-replied",
	    .channel = "mail" };
	struct consent c;
	struct txn *t;
	uint8_t hash[32];

	people_token(w, people_ask(w, "news", "a@b.example", NULL,
	    NOW).notice, r.token);
	snprintf(r.raw, sizeof(r.raw), "To: C-%s@x\r\nSubject: out\r\n\r\n"
	    "> /c/%s\r\n", r.token, r.token);
	world_must(w, STORE_S, do_reply, &r);
	assert_int_equal(r.out.result, OPTIN_AUTOMATIC);	/* T3 */
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 0);
	t = world_read(w, STORE_S);
	c = entry(w, t, r.out.consent);
	assert_int_equal(c.kind, CONSENT_CONFIRM_REFUSED);
	assert_true(says(c.note, r.automation));
	/* The token still confirms, so none of it is kept (S39). */
	assert_true(says(c.raw, "To: C-**************************@x\r\n"
	    "Subject: out\r\n"));
	EVP_Digest(r.raw, strlen(r.raw), hash, NULL, EVP_sha256(), NULL);
	assert_int_equal(c.raw_hash.len, sizeof(hash));
	assert_memory_equal(c.raw_hash.p, hash, sizeof(hash));
	txn_end(t);
	r.automation = "";
	world_must(w, STORE_S, do_reply, &r);	/* S40: hit reply */
	assert_int_equal(r.out.result, OPTIN_CONFIRMED);
	t = world_read(w, STORE_S);
	c = entry(w, t, r.out.consent);
	assert_int_equal(c.grade, CONSENT_GRADE_REPLIED);
	assert_true(says(c.raw, r.raw));	/* S70: octet by octet */
	assert_int_equal(c.raw_hash.len, 0);
	txn_end(t);
}

/* ---- a reply that quotes another mail of ours (S39, S70) */

static void
quote_plainly(char *out, size_t size, const char *token)
{
	snprintf(out, size, "\r\n> https://x/c/%s\r\n", token);
}

static void
quote_in_capitals(char *out, size_t size, const char *token)
{
	char *p = out + snprintf(out, size, "X: C-%s@x\r\n\r\n", token);

	while (p-- > out)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
}

static void
quote_printably(char *out, size_t size, const char *token)
{
	snprintf(out, size, "\r\n=2Fc=2F%.9s=\r\n%s\r\n", token,
	    token + 9);
}

static void
quote_in_base64(char *out, size_t size, const char *token)
{
	struct strbuf b = STRBUF_INIT(512);
	char text[128];

	/* Over a line's end, and with less than four digits at the last. */
	snprintf(text, sizeof(text), "Yes, I do want to get that mail of "
	    "yours, really.\r\n> /c/%s", token);
	base64_encode(&b, text, strlen(text));
	snprintf(out, size, "\r\n%s", b.s);
	strbuf_free(&b);
}

static void
quote_in_utf16(char *out, size_t size, const char *token)
{
	struct strbuf b = STRBUF_INIT(512);
	char text[2 * TOKEN_CONFIRM_LEN];

	for (size_t i = 0; i < TOKEN_CONFIRM_LEN; i++) {
		text[2 * i] = '\0';
		text[2 * i + 1] = token[i];
	}
	base64_encode(&b, text, sizeof(text));
	snprintf(out, size, "\r\n%s\r\n--", b.s);
	strbuf_free(&b);
}

#define STARS	"**************************"

static const struct {
	void		(*quote)(char *, size_t, const char *);
	const char	*kept;		/* behind the head */
} quotes[] = {
	{ quote_plainly, "\r\n> https://x/c/" STARS "\r\n" },
	{ quote_in_capitals, "X: C-" STARS "@X\r\n\r\n" },
	{ quote_printably, "\r\n=2Fc=2F*********=\r\n*****************\r\n" },
	{ quote_in_base64, "" },
	{ quote_in_utf16, "" },
};

/* A reply to the mail of "news" that quotes the one of "club". */
static void
reply_quoting(struct world *w, size_t i, int64_t late_ms, bool kept_whole)
{
	struct reply r = { .automation = "", .channel = "mail",
	    .late_ms = late_ms };
	char address[32], other[TOKEN_CONFIRM_LEN + 1], kept[512];
	uint8_t hash[32];
	struct consent c;
	struct txn *t;
	int n;

	snprintf(address, sizeof(address), "a%zu@b%d.example", i, kept_whole);
	people_token(w, people_ask(w, "club", address, NULL, NOW).notice,
	    other);
	people_token(w, people_ask(w, "news", address, NULL,
	    NOW + late_ms).notice, r.token);
	n = snprintf(r.raw, sizeof(r.raw), "To: c-%s@x\r\n", r.token);
	snprintf(kept, sizeof(kept), "%s%s", r.raw, quotes[i].kept);
	quotes[i].quote(r.raw + n, sizeof(r.raw) - (size_t)n, other);
	world_must(w, STORE_S, do_reply, &r);
	assert_int_equal(r.out.result, OPTIN_CONFIRMED);
	t = world_read(w, STORE_S);
	c = entry(w, t, r.out.consent);
	if (!says(c.raw, kept_whole ? r.raw : kept))
		fail_msg("%zu: %.*s", i, (int)c.raw.len, c.raw.p);
	assert_int_equal(c.raw_hash.len, kept_whole ? 0 : sizeof(hash));
	EVP_Digest(r.raw, strlen(r.raw), hash, NULL, EVP_sha256(), NULL);
	if (!kept_whole)
		assert_memory_equal(c.raw_hash.p, hash, sizeof(hash));
	txn_end(t);
}

static void
a_reply_keeps_no_other_secret(void **state)
{
	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		reply_quoting(*state, i, 0, false);
		/* Its time is over: nothing is taken from the reply. */
		reply_quoting(*state, i, 73 * HOUR, true);
	}
}

static const struct {
	const char	*why, *asked, *pressed;
	int64_t		 after_ms;	/* 0: its reply is not known yet */
	enum consent_grade grade;
	enum consent_network network;
} grades[] = {
	{ "a scanner's press (T2)", "192.0.2.1", "198.51.100.9", 2999,
	    CONSENT_GRADE_SUSPECT, CONSENT_NETWORK_OTHER },
	{ "late enough", "192.0.2.1", "198.51.100.9", 3000,
	    CONSENT_GRADE_PRESSED, CONSENT_NETWORK_OTHER },
	{ "hasty, from the same network", "192.0.2.1", "192.0.2.99", 1000,
	    CONSENT_GRADE_PRESSED, CONSENT_NETWORK_SAME },
	{ "before its mail was known to be taken", "192.0.2.1",
	    "198.51.100.9", 0, CONSENT_GRADE_SUSPECT,
	    CONSENT_NETWORK_OTHER },
	{ "the same, by who asked", "192.0.2.1", "192.0.2.99", 0,
	    CONSENT_GRADE_PRESSED, CONSENT_NETWORK_SAME },
	{ "who asked is not known", NULL, "198.51.100.9", 1000,
	    CONSENT_GRADE_PRESSED, CONSENT_NETWORK_UNKNOWN },
};

static void
presses_are_graded(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(grades) / sizeof(grades[0]); i++) {
		char address[32], token[TOKEN_CONFIRM_LEN + 1];
		struct optin_confirmed d;
		struct mailed m;
		struct consent c;
		struct txn *t;

		snprintf(address, sizeof(address), "g%zu@b.example", i);
		m.notice = people_ask(w, "news", address, grades[i].asked,
		    NOW).notice;
		m.when_ms = NOW + MINUTE;
		people_token(w, m.notice, token);
		if (grades[i].after_ms != 0)
			world_must(w, STORE_S, set_mailed, &m);
		d = people_confirm(w, token, grades[i].pressed, m.when_ms +
		    grades[i].after_ms);
		assert_int_equal(d.result, OPTIN_CONFIRMED);
		t = world_read(w, STORE_S);
		c = entry(w, t, d.consent);
		if (c.grade != grades[i].grade)
			fail_msg("%s: %d", grades[i].why, (int)c.grade);
		assert_int_equal(c.network, grades[i].network);
		assert_true(c.token_ms == grades[i].after_ms);
		txn_end(t);
	}
}

/* T11: what happened after the request decides. */
static void
an_old_link_does_not_resurrect(void **state)
{
	struct world *w = *state;
	const struct leave complaint = { .reason = SUPPRESSION_COMPLAINT,
	    .setter = SUPPRESSION_BY_DESK, .scope = SUPPRESSION_ORG,
	    .list = 2, .now_ms = NOW + HOUR };
	char token[TOKEN_CONFIRM_LEN + 1];

	people_token(w, people_ask(w, "news", "a@b.example", NULL,
	    NOW).notice, token);
	assert_true(people_leave(w, 1, "a@b.example", IPC_LEAVE_LIST,
	    NOW + MINUTE));
	assert_int_equal(people_confirm(w, token, NULL, NOW + HOUR).result,
	    OPTIN_VOID);
	people_token(w, people_ask(w, "news", "b@b.example", NULL,
	    NOW).notice, token);
	assert_true(people_remove(w, complaint, "b@b.example"));
	assert_int_equal(people_confirm(w, token, NULL,
	    NOW + 2 * HOUR).result, OPTIN_VOID);
	/* A used one stays used, also after leaving. */
	people_token(w, people_ask(w, "news", "c@b.example", NULL,
	    NOW).notice, token);
	assert_int_equal(people_confirm(w, token, NULL, NOW + HOUR).result,
	    OPTIN_CONFIRMED);
	assert_true(people_leave(w, 1, "c@b.example", IPC_LEAVE_LIST,
	    NOW + 2 * HOUR));
	assert_int_equal(people_confirm(w, token, NULL,
	    NOW + 3 * HOUR).result, OPTIN_AGAIN);
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 0);
}

static void
a_fresh_request_brings_a_leaver_back(void **state)
{
	struct world *w = *state;
	uint64_t first, second, last;
	struct consent c;
	struct txn *t;

	first = people_join(w, "news", "a@b.example", NOW);
	assert_true(people_leave(w, 1, "a@b.example", IPC_LEAVE_LIST,
	    NOW + HOUR));
	assert_int_equal(people_gate(w, first), GATE_LEFT);
	second = people_join(w, "news", "a@b.example", NOW + 2 * HOUR);
	assert_int_not_equal(second, first);
	assert_int_equal(people_gate(w, second), GATE_OPEN);
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS), 0);
	/* That the suppression went is an entry, which says by what. */
	t = world_read(w, STORE_S);
	assert_int_equal(consent_last(t, &last, &w->e), 0);
	c = entry(w, t, last);
	assert_int_equal(c.kind, CONSENT_LIFTED);
	assert_int_equal(c.reason, SUPPRESSION_UNSUBSCRIBE);
	assert_int_equal(c.scope, SUPPRESSION_LIST);
	assert_int_equal(entry(w, t, c.follows).kind, CONSENT_CONFIRMED);
	txn_end(t);
	/* "All lists" stays for the others when one is asked for again. */
	people_leave(w, 1, "a@b.example", IPC_LEAVE_ORGANIZATION,
	    NOW + 2 * DAY);
	second = people_join(w, "news", "a@b.example", NOW + 3 * DAY);
	assert_int_equal(people_gate(w, second), GATE_OPEN);
	assert_int_equal(people_rows(w, TABLE_SUPPRESSIONS), 1);
}

static int
suspend(struct txn *t, void *arg, struct err *e)
{
	struct member m;

	if (subscriber_get(t, 1, &m, e) != 1)
		return -1;
	return subscriber_set_state(t, &m, MEMBER_SUSPENDED,
	    (enum member_why)*(int *)arg, 0, e);
}

static void
the_suspended_come_back_unless_by_the_desk(void **state)
{
	static const int unknown = MEMBER_WHY_UNKNOWN, desk = MEMBER_WHY_DESK;
	struct world *w = *state;

	assert_int_equal(people_join(w, "news", "a@b.example", NOW), 1);
	world_must(w, STORE_S, suspend, (void *)(uintptr_t)&unknown);
	assert_int_equal(people_state(w, 1, "a@b.example"), MEMBER_SUSPENDED);
	assert_int_equal(people_join(w, "news", "a@b.example", NOW + HOUR), 1);
	assert_int_equal(people_state(w, 1, "a@b.example"), MEMBER_ACTIVE);
	world_must(w, STORE_S, suspend, (void *)(uintptr_t)&desk);
	assert_int_equal(people_ask(w, "news", "a@b.example", NULL,
	    NOW + 2 * HOUR).result, OPTIN_SUPPRESSED);
}

/* ---- owners */

struct owner_job {
	int64_t		now_ms;
	uint64_t	notice;
};

static int
ask_owner(struct txn *t, void *arg, struct err *e)
{
	struct owner_job *j = arg;

	return job_answer(optin_owner(t, 1, &people_limits, j->now_ms,
	    &j->notice, e), e);
}

static int
other_owner(struct txn *t, void *arg, struct err *e)
{
	return list_set(t, 1, "owner", arg, "root", NOW, e);
}

static bool
owner_is_confirmed(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	struct list l;

	assert_int_equal(list_get(t, 1, &l, &w->e), 1);
	txn_end(t);
	return l.owner_ms != 0;
}

static void
an_owner_confirms_by_token(void **state)
{
	struct world *w = *state;
	struct owner_job j = { .now_ms = NOW };
	char token[TOKEN_CONFIRM_LEN + 1];
	struct optin_confirmed d;

	world_must(w, STORE_S, ask_owner, &j);
	people_token(w, j.notice, token);
	assert_int_equal(world_write(w, STORE_S, ask_owner, &j), 1);
	assert_int_equal(w->e.code, ERR_EXISTS);	/* pending */
	d = people_confirm(w, token, NULL, NOW + MINUTE);
	assert_int_equal(d.result, OPTIN_CONFIRMED);
	assert_int_equal(d.purpose, TOKEN_CONFIRM_OWNER);
	assert_true(owner_is_confirmed(w));
	assert_int_equal(people_rows(w, TABLE_MEMBERS), 0);	/* T5 */
	assert_int_equal(world_write(w, STORE_S, ask_owner, &j), 1);
	/* Another owner: the old token says nothing of them. */
	world_must(w, STORE_S, other_owner, (void *)(uintptr_t)
	    "boss@acme.example");
	assert_false(owner_is_confirmed(w));
	j.now_ms = NOW + 2 * MINUTE;
	world_must(w, STORE_S, ask_owner, &j);
	people_token(w, j.notice, token);
	world_must(w, STORE_S, other_owner, (void *)(uintptr_t)
	    "chief@acme.example");
	assert_int_equal(people_confirm(w, token, NULL, NOW + HOUR).result,
	    OPTIN_VOID);
	assert_false(owner_is_confirmed(w));
}

/* ---- sweeping */

struct sweep_job {
	uint8_t		at[REQUEST_ID];
	int64_t		now_ms;
	int		rc;
};

static int
do_sweep(struct txn *t, void *arg, struct err *e)
{
	struct sweep_job *j = arg;

	j->rc = request_sweep(t, j->at, 2, j->now_ms, e);
	return j->rc == -1 ? -1 : 0;
}

static void
sweep_all(struct world *w, int64_t now_ms)
{
	struct sweep_job j = { .now_ms = now_ms };

	do {
		world_must(w, STORE_S, do_sweep, &j);
	} while (j.rc == 1);
}

static void
requests_expire_and_go(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1];

	people_join(w, "news", "m@b.example", NOW);
	people_token(w, people_ask(w, "news", "a@b.example", NULL,
	    NOW).notice, token);
	sweep_all(w, NOW + 72 * HOUR);
	assert_int_equal(people_confirm(w, token, NULL, NOW).result,
	    OPTIN_EXPIRED);
	assert_int_equal(people_rows(w, TABLE_REQUESTS), 2);
	sweep_all(w, NOW + 72 * HOUR + REQUEST_KEEP_MS);
	assert_int_equal(people_rows(w, TABLE_REQUESTS), 0);
	assert_int_equal(people_rows(w, TABLE_TOKENS), 0);
	assert_int_equal(people_rows(w, TABLE_REQUEST_OF), 0);
	assert_int_equal(people_confirm(w, token, NULL, NOW).result,
	    OPTIN_UNKNOWN);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, people_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_request_leaves_all_that_was_seen),
		TEST(every_door_has_its_answer),
		TEST(throttled_ones_are_recorded_too),
		TEST(closed_lists_take_nobody),
		TEST(answers_do_not_tell_who_is_known),
		TEST(a_member_is_told_by_mail_once_a_day),
		TEST(help_is_for_people),
		TEST(one_mail_for_an_address_and_list_in_seven_days),
		TEST(three_mails_a_day_to_a_mailbox_over_all_lists),
		TEST(networks_domains_lists_and_the_host_have_limits),
		TEST(a_flood_is_counted_and_not_listed),
		TEST(the_host_has_a_limit_for_entries_too),
		TEST(a_confirmation_makes_a_member),
		TEST(who_opened_the_link_first_is_told),
		TEST(tokens_that_confirm_nothing),
		TEST(a_reply_confirms_and_a_robot_does_not),
		TEST(a_reply_keeps_no_other_secret),
		TEST(presses_are_graded),
		TEST(an_old_link_does_not_resurrect),
		TEST(a_fresh_request_brings_a_leaver_back),
		TEST(the_suspended_come_back_unless_by_the_desk),
		TEST(an_owner_confirms_by_token),
		TEST(requests_expire_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
