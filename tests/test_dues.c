/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dues.c - the heap of due times and the table of ids against a plain
 * array that does the same slowly.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "listd/dues.h"
#include "listd/hash.h"

#define IDS	500

static uint32_t
chance(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

static int64_t model[IDS];	/* -1: not there */

static int64_t
model_next(void)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < IDS; i++)
		if (model[i] != -1 && model[i] < best)
			best = model[i];
	return best;
}

static void
dues_step(struct dues *d, uint64_t *seed)
{
	uint32_t id = chance(seed) % IDS;
	int64_t at = chance(seed) % 1000, got;
	uint64_t popped;

	switch (chance(seed) % 5) {
	case 0:
	case 1:
		dues_set(d, id, at);
		model[id] = at;
		break;
	case 2:
		dues_earlier(d, id, at);
		if (model[id] == -1 || at < model[id])
			model[id] = at;
		break;
	case 3:
		dues_del(d, id);
		model[id] = -1;
		break;
	default:
		if (dues_pop(d, at, &popped)) {
			assert_true(model[popped] == model_next() &&
			    model[popped] <= at);
			model[popped] = -1;
		} else {
			assert_true(model_next() > at);
		}
	}
	if (dues_get(d, id, &got))
		assert_true(got == model[id]);
	else
		assert_true(model[id] == -1);
}

static void
dues_are_a_heap(void **state)
{
	struct dues *d = dues_new();
	uint64_t seed = 1;
	size_t n = 0;
	int64_t at;

	(void)state;
	memset(model, 0xff, sizeof(model));
	assert_true(dues_next(d) == INT64_MAX);
	for (int i = 0; i < 20000; i++) {
		dues_step(d, &seed);
		assert_true(dues_next(d) == model_next());
	}
	for (int i = 0; i < IDS; i++)
		n += model[i] != -1;
	assert_int_equal(dues_count(d), n);
	for (size_t i = 0; i < n; i++)
		assert_true(model[dues_at(d, i, &at)] == at);
	dues_free(d);
}

struct thing {
	int			v;
	struct hash_link	link;
};

static void
things_are_found(void **state)
{
	static struct thing t[1000];
	struct hash h;
	struct hash_link *l, *next = NULL;
	size_t at = 0, n = 0;

	(void)state;
	hash_init(&h);
	assert_null(hash_find(&h, 5));
	for (int i = 0; i < 1000; i++) {
		t[i].v = i;
		hash_add(&h, &t[i].link, (uint64_t)(i / 2) << 20);
	}
	for (int i = 0; i < 1000; i += 3)
		hash_del(&h, &t[i].link);
	for (int i = 0; i < 1000; i++) {
		int found = 0;

		for (l = hash_find(&h, (uint64_t)(i / 2) << 20); l != NULL;
		    l = hash_next(l))
			if (HASH_OF(l, struct thing, link)->v == i)
				found++;
		assert_int_equal(found, i % 3 != 0);
	}
	while ((l = hash_each(&h, &at, &next)) != NULL) {
		n++;
		hash_del(&h, l);
	}
	assert_int_equal(n, 666);
	assert_int_equal(h.n, 0);
	hash_free(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dues_are_a_heap),
		cmocka_unit_test(things_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
