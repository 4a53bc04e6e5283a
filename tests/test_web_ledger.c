/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_web_ledger.c - the ledger as web serves it, over a real store: tiles,
 * bundles and checkpoint make one tree, nothing is shown that no checkpoint
 * covers, and a witness's post ends in the store.
 */
#include "config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/tlog_tile.h"
#include "spool/restored.h"
#include "tests/ledger_world.h"
#include "web/exchange.h"
#include "web/view.h"

#define T0	1790000000u

struct here {
	struct world		*w;
	struct view		*view;
	struct exchange_env	 env;
	struct site		 site;
	struct ledger_checkpoint signed_at;
};

static int64_t
now_ms(const struct clock *c)
{
	(void)c;
	return LEDGER_NOW;
}

static const struct clock a_clock = { .mono_ms = now_ms, .utc_ms = now_ms };

/* 1,000 entries are signed, 7 more are not. */
static int
set_up(void **state)
{
	struct here *h = calloc(1, sizeof(*h));
	void *w;

	assert_non_null(h);
	world_setup(&w);
	h->w = w;
	ledger_grow(h->w, 1000);
	ledger_sign_now(h->w, &h->signed_at);
	ledger_grow(h->w, 7);
	h->view = view_new();
	view_set(h->view, h->w->st);
	h->env.clock = &a_clock;
	h->env.view = &view_ops;
	h->env.view_arg = h->view;
	h->site.max_head = h->site.max_body = 65536;
	h->site.witnesses.v[0] = ledger_witness(0);
	h->site.witnesses.n = 1;
	*state = h;
	return 0;
}

static int
tear_down(void **state)
{
	struct here *h = *state;
	void *w = h->w;

	view_free(h->view);
	world_teardown(&w);
	free(h);
	return 0;
}

/* Begin a request and bring it to its answer, or to a question for queue. */
static struct exchange *
ask(struct here *h, const char *method, const char *path, const void *body,
    size_t len, enum exchange_step *step_r)
{
	const struct sockaddr_in from = { .sin_family = AF_INET };
	struct exchange *x = exchange_new(&h->env, &h->site, method, path,
	    "HTTP/1.1");

	assert_int_equal(exchange_head(x, 100,
	    (const struct sockaddr *)&from), EXCHANGE_MORE);
	if (len > 0)
		assert_true(exchange_body(x, body, len));
	*step_r = exchange_run(x);
	return x;
}

/* What a GET brings; its body in out. */
static unsigned
get(struct here *h, const char *path, struct strbuf *out)
{
	enum exchange_step step;
	struct exchange *x = ask(h, "GET", path, NULL, 0, &step);
	unsigned status = x->answer.status;

	assert_int_equal(step, EXCHANGE_ANSWERED);
	strbuf_reset(out);
	strbuf_add(out, x->answer.body.s, x->answer.body.len);
	exchange_free(x);
	return status;
}

/* ---- the tree */

struct got {
	struct here	*h;
	uint64_t	 size;
};

/* A subtree's root, of nothing but the tiles of level 0. */
static int
subtree_of_tiles(void *arg, unsigned level, uint64_t n,
    uint8_t out[MERKLE_HASH])
{
	struct got *g = arg;
	struct strbuf b = STRBUF_INIT(65536);
	struct tlog_tile t = { .n = n / TLOG_TILE_WIDTH };
	char path[TLOG_TILE_PATH_MAX + 8] = "/ledger/";
	uint8_t r[MERKLE_HASH];

	if (level > 0) {
		if (subtree_of_tiles(arg, level - 1, 2 * n, out) == -1 ||
		    subtree_of_tiles(arg, level - 1, 2 * n + 1, r) == -1)
			return -1;
		merkle_node(out, r, out);
		return 0;
	}
	t.width = tlog_tile_width(0, t.n, g->size);
	tlog_tile_path(&t, path + 8);
	assert_int_equal(get(g->h, path, &b), 200);
	assert_int_equal(b.len, t.width * MERKLE_HASH);
	memcpy(out, b.s + n % TLOG_TILE_WIDTH * MERKLE_HASH, MERKLE_HASH);
	strbuf_free(&b);
	return 0;
}

static void
tiles_make_the_signed_tree(void **state)
{
	struct here *h = *state;
	struct strbuf b = STRBUF_INIT(65536);
	struct got g = { h, 0 };
	uint8_t root[MERKLE_HASH];
	struct note_key key;
	struct checkpoint c;
	struct note n;

	/* the key, and what it signed */
	assert_int_equal(get(h, "/ledger/key", &b), 200);
	assert_int_equal(note_key_parse(&key, b.s, b.len - 1, NULL), 0);
	assert_string_equal(key.name, LEDGER_ORIGIN);
	assert_int_equal(get(h, "/ledger/checkpoint", &b), 200);
	assert_int_equal(checkpoint_open(&c, &n, b.s, b.len, &key, 1, NULL),
	    0);
	assert_true(c.size == 1000);

	g.size = c.size;
	assert_int_equal(merkle_root_at(subtree_of_tiles, &g, c.size, root),
	    0);
	assert_memory_equal(root, c.root, MERKLE_HASH);
	strbuf_free(&b);
}

/* Each entry hashes to its place in level 0, each tile of it to level 1. */
static void
bundles_and_levels_agree(void **state)
{
	struct here *h = *state;
	struct strbuf bundle = STRBUF_INIT(65536), tile = STRBUF_INIT(65536);
	struct strbuf up = STRBUF_INIT(65536);
	struct got g = { h, 1000 };
	uint8_t hash[MERKLE_HASH];

	assert_int_equal(get(h, "/ledger/tile/1/000.p/3", &up), 200);
	assert_int_equal(up.len, 3 * MERKLE_HASH);
	for (unsigned i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/ledger/tile/entries/%03u", i);
		assert_int_equal(get(h, path, &bundle), 200);
		assert_int_equal(bundle.len, 256 * 34);
		snprintf(path, sizeof(path), "/ledger/tile/0/%03u", i);
		assert_int_equal(get(h, path, &tile), 200);
		for (size_t k = 0; k < 256; k++) {
			assert_memory_equal(bundle.s + 34 * k, "\0\x20", 2);
			merkle_leaf(bundle.s + 34 * k + 2, 32, hash);
			assert_memory_equal(hash, tile.s + 32 * k, 32);
		}
		assert_int_equal(subtree_of_tiles(&g, 8, i, hash), 0);
		assert_memory_equal(hash, up.s + 32 * i, 32);
	}
	assert_int_equal(get(h, "/ledger/tile/entries/003.p/232", &bundle),
	    200);
	assert_int_equal(bundle.len, 232 * 34);
	strbuf_free(&bundle);
	strbuf_free(&tile);
	strbuf_free(&up);
}

static const struct {
	const char	*why, *path;
	unsigned	 status;
} covered[] = {
	{ "all that is signed", "/ledger/tile/0/003.p/232", 200 },
	{ "of an earlier size", "/ledger/tile/0/003.p/1", 200 },
	{ "of an earlier size, and full now", "/ledger/tile/0/002.p/7", 200 },
	{ "one entry that is not signed", "/ledger/tile/0/003.p/233", 404 },
	{ "all that is there", "/ledger/tile/0/003.p/239", 404 },
	{ "as if it were full", "/ledger/tile/0/003", 404 },
	{ "a bundle of it", "/ledger/tile/entries/003.p/233", 404 },
	{ "behind the end", "/ledger/tile/0/004.p/1", 404 },
	{ "far behind", "/ledger/tile/0/x999/x999/x999/x999/x999/999", 404 },
	{ "one node too many above", "/ledger/tile/1/000.p/4", 404 },
	{ "full above", "/ledger/tile/1/000", 404 },
	{ "a level that is not there", "/ledger/tile/2/000.p/1", 404 },
	{ "the highest", "/ledger/tile/63/000.p/1", 404 },
};

static void
only_what_is_signed_is_served(void **state)
{
	struct here *h = *state;
	struct strbuf b = STRBUF_INIT(65536);

	for (size_t i = 0; i < sizeof(covered) / sizeof(*covered); i++)
		if (get(h, covered[i].path, &b) != covered[i].status)
			fail_msg("%s: %s", covered[i].why, b.s);
	/* the next checkpoint covers them */
	ledger_sign_now(h->w, &h->signed_at);
	assert_int_equal(get(h, "/ledger/tile/0/003.p/239", &b), 200);
	strbuf_free(&b);
}

/* ---- a restored one */

static int
restore(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return restored_begin(t, LEDGER_NOW, LEDGER_ORIGIN, "root",
	    LEDGER_NOW, e);
}

/* A GET of a path of one of its names. */
static unsigned
get_of(struct here *h, const char *log, const char *path, struct strbuf *out)
{
	char full[256];

	snprintf(full, sizeof(full), "/ledger%s/%s", log, path);
	return get(h, full, out);
}

static const struct {
	const char	*path;
	unsigned	 old, new;	/* status */
} restored[] = {
	{ "tile/0/002", 200, 200 },
	{ "tile/0/003.p/239", 200, 200 },	/* all that came back */
	{ "tile/0/003.p/240", 404, 200 },
	{ "tile/entries/003.p/240", 404, 200 },
	{ "tile/0/003", 404, 200 },
	{ "tile/1/000.p/4", 404, 200 },
	{ "tile/1/000.p/3", 200, 200 },
	{ "tile/0/004.p/200", 404, 404 },
	{ "cosignature", 404, 404 },
	{ "key", 200, 200 },
	{ "checkpoint", 200, 200 },
};

/* What a cache keeps for ever under one path is never of two histories. */
static void
a_restored_log_has_its_own_paths(void **state)
{
	struct here *h = *state;
	struct strbuf b = STRBUF_INIT(65536), was = STRBUF_INIT(65536);
	char origin[LEDGER_ORIGIN_MAX + 1], *log;
	struct ledger_checkpoint c;
	struct txn *t;

	assert_int_equal(get(h, "/ledger/checkpoint", &was), 200);
	world_must(h->w, STORE_S, restore, NULL);
	ledger_grow(h->w, 50);
	ledger_sign_now(h->w, &c);
	t = world_read(h->w, STORE_S);
	assert_int_equal(ledger_origin(t, origin, &h->w->e), 1);
	txn_end(t);
	log = origin + strlen(LEDGER_ORIGIN);
	assert_memory_equal(log, "/r", 2);
	for (size_t i = 0; i < sizeof(restored) / sizeof(*restored); i++) {
		unsigned old = get_of(h, "", restored[i].path, &b);
		unsigned new = get_of(h, log, restored[i].path, &b);

		if (old != restored[i].old || new != restored[i].new)
			fail_msg("%s: %u, %u", restored[i].path, old, new);
		assert_int_equal(get_of(h, "/r7", restored[i].path, &b),
		    404);
	}
	assert_int_equal(get_of(h, "", "checkpoint", &b), 200);
	assert_true(b.len == was.len &&
	    memcmp(b.s, was.s, b.len) == 0);
	assert_int_equal(get_of(h, log, "checkpoint", &b), 200);
	assert_true(b.len == c.len &&
	    memcmp(b.s, c.text, b.len) == 0);
	assert_int_equal(get_of(h, "", "key", &was), 200);
	assert_int_equal(get_of(h, log, "key", &b), 200);
	assert_true(b.len == was.len &&
	    memcmp(b.s, was.s, b.len) == 0);
	assert_memory_equal(b.s, origin, strlen(origin));
	assert_non_null(strstr(b.s, "\n" LEDGER_ORIGIN "+"));
	strbuf_free(&b);
	strbuf_free(&was);
}

/* ---- witnesses */

static int
queue_keeps(struct txn *t, void *arg, struct err *e)
{
	struct here *h = ((void **)arg)[0];
	struct exchange *x = ((void **)arg)[1];
	const struct cosign_witnesses w = { h->site.witnesses.v, 1 };
	enum cosign_verdict v;
	struct ipc_cosign in;
	struct unpack u;

	unpack_init(&u, x->ask.frame.s, x->ask.frame.len);
	ipc_get_cosign(&u, &in);
	assert_true(unpack_done(&u) && in.request == x->ask.id);
	if (cosign_keep(t, &w, in.note, &v, e) == -1)
		return -1;
	assert_int_equal(v, COSIGN_GOOD);
	return 0;
}

static unsigned
post(struct here *h, const struct strbuf *note)
{
	enum exchange_step step;
	struct exchange *x = ask(h, "POST", "/ledger/cosignature", note->s,
	    note->len, &step);
	unsigned status;

	if (step == EXCHANGE_ASKS) {
		assert_int_equal(x->ask.type, IPC_COSIGN);
		world_must(h->w, STORE_S, queue_keeps, (void *[]){ h, x });
		exchange_reply(x, IPC_OK, "");
	}
	status = x->answer.status;
	exchange_free(x);
	return status;
}

static void
a_cosignature_is_shown_afterwards(void **state)
{
	struct here *h = *state;
	struct strbuf b = STRBUF_INIT(65536), note, stranger;
	struct note_key key = ledger_witness(0);
	uint64_t time;
	struct note n;

	assert_int_equal(get(h, "/ledger/cosignature", &b), 404);
	stranger = ledger_cosigned_note(&h->signed_at, 1, T0);
	assert_int_equal(post(h, &stranger), 403);
	strbuf_adds(&b, "and no note");
	assert_int_equal(post(h, &b), 400);
	assert_int_equal(get(h, "/ledger/cosignature", &b), 404);

	note = ledger_cosigned_note(&h->signed_at, 0, T0);
	assert_int_equal(post(h, &note), 200);
	assert_int_equal(post(h, &note), 200);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(get(h, i == 0 ? "/ledger/cosignature" :
		    "/ledger/checkpoint", &b), 200);
		assert_int_equal(note_open(&n, b.s, b.len, &key, 1, NULL),
		    0);
		assert_int_equal(note_verify(&n, &key, &time), NOTE_SIGNED);
		assert_true(time == T0);
	}

	/* another digit: nobody signed that */
	*strstr(note.s, "1000") = '2';
	assert_int_equal(post(h, &note), 403);
	strbuf_free(&note);
	strbuf_free(&stranger);
	strbuf_free(&b);
}

static void
without_a_store(void **state)
{
	static const char *const paths[] = { "/ledger/checkpoint",
	    "/ledger/key", "/ledger/cosignature", "/ledger/tile/0/000" };
	struct here *h = *state;
	struct strbuf b = STRBUF_INIT(65536), note;

	note = ledger_cosigned_note(&h->signed_at, 0, T0);
	view_set(h->view, NULL);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(get(h, paths[i], &b), 503);
	assert_int_equal(post(h, &note), 503);
	strbuf_free(&note);
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(tiles_make_the_signed_tree),
		TEST(bundles_and_levels_agree),
		TEST(only_what_is_signed_is_served),
		TEST(a_restored_log_has_its_own_paths),
		TEST(a_cosignature_is_shown_afterwards),
		TEST(without_a_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
