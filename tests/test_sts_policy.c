/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sts_policy.c - promises about TLS over restarts: kept, replaced, and
 * forgotten when their time is over (R167, T56).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/err.h"
#include "spool/row.h"
#include "spool/sts_policy.h"
#include "tests/spool_world.h"

#define T0	INT64_C(1700000000000)
#define ROWS	25

static struct mta_sts_kept got;

struct told {
	const char	*domain;
	struct mta_sts_kept kept;
};

static int
put(struct txn *t, void *arg, struct err *e)
{
	const struct told *told = arg;

	return sts_policy_put(t, told->domain, &told->kept, e) == 1 ? 0 : 1;
}

static void
keep(struct world *w, const char *domain, const char *id, int64_t expires_ms)
{
	struct told told = { domain, { .fetched_ms = T0,
		.expires_ms = expires_ms, .policy = { MTA_STS_ENFORCE, 600, 1,
		{ "mx.example" } } } };

	snprintf(told.kept.id, sizeof(told.kept.id), "%s", id);
	world_must(w, STORE_Q, put, &told);
}

static int
get(struct world *w, const char *domain)
{
	struct txn *t = world_read(w, STORE_Q);
	int rc = sts_policy_get(t, domain, &got, &w->e);

	txn_end(t);
	return rc;
}

static void
a_policy_is_there_again(void **state)
{
	struct world *w = *state;
	char name[STS_POLICY_DOMAIN_MAX + 2];

	keep(w, "One.Example", "1", T0 + 600000);
	world_reopen(w);
	assert_int_equal(get(w, "oNE.example"), 1);
	assert_string_equal(got.id, "1");
	assert_int_equal(got.expires_ms, T0 + 600000);
	assert_string_equal(got.policy.mx[0], "mx.example");
	keep(w, "one.example", "2", T0 + 600000);
	assert_int_equal(get(w, "one.example"), 1);
	assert_string_equal(got.id, "2");
	assert_int_equal(get(w, "two.example"), 0);
	assert_int_equal(get(w, ""), 0);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(get(w, name), 0);	/* and no key is that long */
}

static int
fill(struct txn *t, void *arg, struct err *e)
{
	static const struct mta_sts_kept none = { .fetched_ms = T0,
		.expires_ms = T0 };
	struct told *told = arg;
	char name[32];

	for (int i = 0; i < STS_POLICIES_MAX; i++) {
		snprintf(name, sizeof(name), "d%d.example", i);
		if (sts_policy_put(t, name, &none, e) != 1)
			return 1;
	}
	/* One more domain has no room, and a newer policy has. */
	if (sts_policy_put(t, "more.example", &none, e) != 0)
		return 1;
	return sts_policy_put(t, "d7.example", &told->kept, e) == 1 ? 0 : 1;
}

static void
domains_have_a_limit(void **state)
{
	struct told told = { "", { .id = "new", .fetched_ms = T0,
		.expires_ms = T0 + 1 } };
	struct world *w = *state;
	struct txn *t;
	uint64_t n;

	world_must(w, STORE_Q, fill, &told);
	t = world_read(w, STORE_Q);
	assert_int_equal(txn_count(t, TABLE_POLICIES, &n, &w->e), 0);
	assert_int_equal(n, STS_POLICIES_MAX);
	txn_end(t);
	assert_int_equal(get(w, "more.example"), 0);
	assert_int_equal(get(w, "d7.example"), 1);
	assert_string_equal(got.id, "new");
}

struct sweep {
	struct key	at;
	int64_t		now_ms;
	int		more;
};

static int
sweep(struct txn *t, void *arg, struct err *e)
{
	struct sweep *s = arg;

	s->more = sts_policy_sweep(t, &s->at, 10, s->now_ms, e);
	return s->more == -1 ? 1 : 0;
}

static void
what_is_over_is_forgotten(void **state)
{
	struct sweep s = { KEY_INIT, T0 + 13, 1 };
	struct world *w = *state;
	char name[32];
	int rounds = 0;

	for (int i = 0; i < ROWS; i++) {
		snprintf(name, sizeof(name), "d%02d.example", i);
		keep(w, name, "1", T0 + i);
	}
	for (; s.more == 1; rounds++)
		world_must(w, STORE_Q, sweep, &s);
	assert_int_equal(s.more, 0);
	assert_int_equal(s.at.len, 0);		/* the next begins anew */
	assert_int_equal(rounds, ROWS / 10 + 1);
	for (int i = 0; i < ROWS; i++) {
		snprintf(name, sizeof(name), "d%02d.example", i);
		assert_int_equal(get(w, name), i > 13);
	}
}

static int
damage(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return txn_put(t, TABLE_POLICIES, SLICE("bad.example", 11),
	    SLICE("what is this", 12), e);
}

static void
damage_is_of_one_row(void **state)
{
	struct sweep s = { KEY_INIT, T0, 1 };
	struct world *w = *state;

	keep(w, "a.example", "1", T0);
	world_must(w, STORE_Q, damage, NULL);
	keep(w, "c.example", "1", T0);
	assert_int_equal(get(w, "bad.example"), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	assert_int_equal(world_write(w, STORE_Q, sweep, &s), 1);
	world_must(w, STORE_Q, sweep, &s);
	assert_int_equal(s.more, 0);
	assert_int_equal(get(w, "c.example"), 0);
	/* The next policy of that domain mends it. */
	keep(w, "bad.example", "1", T0 + 1);
	assert_int_equal(get(w, "bad.example"), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_policy_is_there_again,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(domains_have_a_limit,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_is_over_is_forgotten,
		    world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(damage_is_of_one_row,
		    world_setup, world_teardown),
	};

	return cmocka_run_group_tests_name("sts_policy", tests, NULL, NULL);
}
