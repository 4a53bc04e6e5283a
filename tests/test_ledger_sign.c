/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_ledger_sign.c - checkpoints: signed by our key under the log's name, of
 * nothing that a crash could take back, and never of a second history (S19,
 * S59, P5).
 */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/checkpoint.h"
#include "lib/keyring.h"
#include "lib/strbuf.h"
#include "spool/consent.h"
#include "spool/ledger_private.h"
#include "spool/ledger_sign.h"
#include "spool/store_private.h"
#include "tests/spool_world.h"

#define URL	"https://lists.example.org"
#define ORIGIN	"lists.example.org/ledger"
#define NOW	1790000000000

static int
append_some(struct txn *t, void *arg, struct err *e)
{
	for (unsigned i = 0; i < *(unsigned *)arg; i++) {
		struct consent c = { .kind = CONSENT_ACT, .when_ms = NOW };

		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
	}
	return 0;
}

static int
keep(struct txn *t, void *arg, struct err *e)
{
	return ledger_signed(t, arg, e);
}

static int
sign(struct world *w, const char *url, struct ledger_checkpoint *c)
{
	const struct ledger_signing s = { url, NOW, true };

	w->e = (struct err)ERR_INIT;
	return ledger_sign(w->st, &s, c, &w->e);
}

/* The note is the checkpoint of this size in the store's own tree. */
static void
holds(struct world *w, const char *note, size_t len, struct checkpoint *cp)
{
	struct txn *t = world_read(w, STORE_S);
	struct ledger_view view = { .t = t };
	struct note_key key[KEY_MAX];
	uint8_t root[32];
	struct note n;
	size_t keys;

	keys = ledger_keys(w->keys, ORIGIN, key, &w->e);
	assert_true(keys > 0);
	if (checkpoint_open(cp, &n, note, len, key, keys, &w->e) == -1)
		fail_msg("%s", w->e.text);
	assert_string_equal(cp->origin, ORIGIN);
	assert_int_equal(merkle_root_at(ledger_subtree, &view, cp->size,
	    root), 0);
	assert_memory_equal(root, cp->root, 32);
	txn_end(t);
}

static void
sign_and_keep(struct world *w, struct ledger_checkpoint *c)
{
	assert_int_equal(sign(w, URL, c), 1);
	world_must(w, STORE_S, keep, c);
}

static void
the_first_names_the_log(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c, got;
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct checkpoint cp;
	struct slice vkeys;
	struct note_key key;
	struct txn *t;

	sign_and_keep(w, &c);
	holds(w, c.text, c.len, &cp);
	assert_true(cp.size == 0);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_checkpoint(t, &got, &w->e), 1);
	assert_string_equal(got.text, c.text);
	assert_true(got.size == 0 && got.when_ms == NOW && got.clock_unsure);
	assert_int_equal(ledger_origin(t, origin, &w->e), 1);
	assert_string_equal(origin, ORIGIN);
	assert_int_equal(ledger_vkeys(t, &vkeys, &w->e), 1);
	assert_int_equal(note_key_parse(&key, (const char *)vkeys.p,
	    vkeys.len - 1, &w->e), 0);
	assert_string_equal(key.name, ORIGIN);
	txn_end(t);
	/* Nothing new; another url_base changes neither name nor that. */
	assert_int_equal(sign(w, "https://other.example", &c), 0);
}

static void
each_goes_on_from_the_last(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c[4];
	struct checkpoint cp;
	unsigned n = 100;

	for (int i = 0; i < 4; i++) {
		world_must(w, STORE_S, append_some, &n);
		sign_and_keep(w, &c[i]);
		world_reopen(w);
	}
	for (int i = 0; i < 4; i++) {
		holds(w, c[i].text, c[i].len, &cp);
		assert_true(cp.size == 100u * (unsigned)(i + 1));
	}
	/* A late job of an earlier one takes nothing back. */
	world_must(w, STORE_S, keep, &c[1]);
	assert_int_equal(sign(w, URL, &c[0]), 0);
}

static void
names(void **state)
{
	static const struct { const char *url, *origin; } rows[] = {
		{ "https://lists.example.org", ORIGIN },
		{ "http://127.0.0.1:8080", "127.0.0.1:8080/ledger" },
		{ "https://example.org/lists", "example.org/lists/ledger" },
		/* 60 octets fit, 61 do not */
		{ "https://abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvw"
		  "xyz.example",
		  "listd.61626364656667686162636465666768/ledger" },
		{ "https://abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrst"
		  "u.example",
		  "abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrst"
		  "u.example/ledger" },
		/* a plus can be in no key's name */
		{ "https://a.example/x+y",
		  "listd.61626364656667686162636465666768/ledger" },
	};
	char origin[LEDGER_ORIGIN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ledger_origin_of(rows[i].url, (const uint8_t *)
		    "abcdefghabcdefgh", origin);
		assert_string_equal(origin, rows[i].origin);
	}
}

/* A header of 400 octets holds the longest there can be. */
static void
the_longest_fits(void **state)
{
	struct world *w = *state;
	const char *url = "https://abcdefghijklmnopqrstuvwxyz."
	    "abcdefghijklmnopqrstuvwxyzab.exam";
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct ledger_checkpoint c;

	ledger_origin_of(url, store_instance(w->st), origin);
	assert_true(strlen(origin) >= LEDGER_ORIGIN_MAX - 4);
	assert_int_equal(sign(w, url, &c), 1);
	/* 18 digits more, and the octets that this one lacks, twice. */
	assert_true(c.len + 18 + 2 * (LEDGER_ORIGIN_MAX - strlen(origin)) <=
	    LEDGER_NOTE_MAX);
}

static void
a_new_key_signs_and_the_old_verifies(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint was, is;
	struct checkpoint cp;
	struct slice vkeys;
	struct txn *t;
	unsigned n = 3;

	world_must(w, STORE_S, append_some, &n);
	sign_and_keep(w, &was);
	assert_int_equal(keyring_rotate(w->keys, KEY_LEDGER,
	    (const uint8_t *)"abcdefghijklmnopqrstuvwxyzabcdef", NULL,
	    &w->e), 0);
	sign_and_keep(w, &is);
	assert_string_not_equal(was.text, is.text);
	holds(w, was.text, was.len, &cp);
	holds(w, is.text, is.len, &cp);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_vkeys(t, &vkeys, &w->e), 1);
	n = 0;
	for (size_t i = 0; i < vkeys.len; i++)
		n += vkeys.p[i] == '\n';
	assert_int_equal(n, keyring_count(w->keys, KEY_LEDGER));
	txn_end(t);
}

/* ---- no second history */

struct other {
	uint64_t	size;
	bool		root;		/* another one */
};

/* As if a checkpoint of that had been signed. */
static int
forge_last(struct txn *t, void *arg, struct err *e)
{
	const struct other *o = arg;
	struct ledger_checkpoint c;

	if (ledger_checkpoint(t, &c, e) != 1)
		return -1;
	c.size = o->size;
	if (o->root)
		c.root[7] ^= 1;
	return ledger_checkpoint_put(t, &c, e);
}

static void
another_history_is_not_signed(void **state)
{
	static const struct other rows[] = {
		{ 12, false }, { 10, true }, { 9, false },
	};
	struct world *w = *state;
	struct ledger_checkpoint c, next;
	unsigned n = 10;

	world_must(w, STORE_S, append_some, &n);
	sign_and_keep(w, &c);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_must(w, STORE_S, forge_last, (void *)(uintptr_t)&rows[i]);
		assert_int_equal(sign(w, URL, &next), -1);
		assert_int_equal(w->e.code, ERR_DAMAGED);
		world_must(w, STORE_S, forge_last, &(struct other){ 10,
		    rows[i].root });
	}
	assert_int_equal(sign(w, URL, &next), 0);
}

/* Rows of meta as whoever can write to the disk has them. */
static int
drop(struct txn *t, void *arg, struct err *e)
{
	const char *name = arg;

	return txn_del(t, TABLE_META, SLICE(name, strlen(name)), e) == -1 ?
	    -1 : 0;
}

/* The row says what the tree is, its note what it was. */
static int
fit_last(struct txn *t, void *arg, struct err *e)
{
	struct ledger_checkpoint c;
	struct ledger_head head;

	if (ledger_checkpoint(t, &c, e) != 1 || ledger_head(t, &head,
	    e) == -1)
		return -1;
	c.size = head.size;
	memcpy(c.root, head.root, sizeof(c.root));
	if (arg != NULL) {
		memcpy(c.text, arg, strlen(arg) + 1);
		c.len = strlen(arg);
	}
	return ledger_checkpoint_put(t, &c, e);
}

static int
put_first(struct txn *t, void *arg, struct err *e)
{
	(void)arg;
	return ledger_first_put(t, e);
}

/* Turn a bit of the root, and seal it; twice is not at all. */
static int
forge_first(struct txn *t, void *arg, struct err *e)
{
	struct slice key = SLICE("first", 5), v;
	struct strbuf b = STRBUF_INIT(256);
	int ret;

	(void)arg;
	if (txn_get(t, TABLE_META, key, &v, e) != 1)
		return -1;
	strbuf_add(&b, v.p, v.len - LEDGER_SEAL);
	b.s[12] ^= 1;
	ret = row_put(t, TABLE_META, key, &b, e);
	strbuf_free(&b);
	return ret;
}

static void
a_root_made_to_fit_is_not_signed(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c, next;
	char text[LEDGER_NOTE_MAX + 1];
	unsigned n = 10;

	world_must(w, STORE_S, append_some, &n);
	sign_and_keep(w, &c);
	world_must(w, STORE_S, append_some, &n);
	/* The note of then, or one with another size. */
	world_must(w, STORE_S, fit_last, NULL);
	assert_int_equal(sign(w, URL, &next), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	memcpy(text, c.text, sizeof(text));
	text[strcspn(text, "\n") + 1] = '2';
	world_must(w, STORE_S, fit_last, text);
	assert_int_equal(sign(w, URL, &next), -1);
	assert_non_null(strstr(w->e.text, "did not sign"));
}

static void
a_checkpoint_that_is_gone_is_not_made_anew(void **state)
{
	static const char *const rows[] = { "checkpoint", "origin", "vkeys" };
	struct world *w = *state;
	struct ledger_checkpoint c, next;
	unsigned n = 10;

	world_must(w, STORE_S, append_some, &n);
	sign_and_keep(w, &c);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_must(w, STORE_S, drop, (void *)(uintptr_t)rows[i]);
		assert_int_equal(sign(w, URL, &next), -1);
		assert_int_equal(w->e.code, ERR_DAMAGED);
		assert_non_null(strstr(w->e.text, "is gone"));
		world_reopen(w);
	}
}

/* A store that was restored before it was signed; "first" is such a row. */
static void
the_first_goes_on_from_what_the_key_says(void **state)
{
	struct world *w = *state;
	struct ledger_checkpoint c;
	struct ledger_head first;
	unsigned n = 10;
	struct txn *t;

	world_must(w, STORE_S, append_some, &n);
	world_must(w, STORE_S, put_first, NULL);
	world_must(w, STORE_S, append_some, &n);
	world_must(w, STORE_S, forge_first, NULL);
	assert_int_equal(sign(w, URL, &c), -1);
	assert_int_equal(w->e.code, ERR_DAMAGED);
	world_must(w, STORE_S, forge_first, NULL);
	sign_and_keep(w, &c);
	assert_true(c.size == 20);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_first(t, &first, &w->e), 0);
	txn_end(t);
}

/* ---- nothing that a crash takes back */

static struct world *signer;
static unsigned steps_left;
static int notes = -1;

/* Whatever the writer is at: sign now, say so, and perhaps die. */
static void
sign_at_step(const char *what)
{
	struct ledger_checkpoint c;

	(void)what;
	if (sign(signer, URL, &c) == -1)
		_exit(5);
	if (write(notes, c.text, c.len) != (ssize_t)c.len ||
	    write(notes, "", 1) != 1)
		_exit(6);
	if (--steps_left == 0)
		kill(getpid(), SIGKILL);
}

static void
write_and_sign(struct world *w, unsigned steps)
{
	struct ledger_checkpoint c;
	unsigned n = 3;

	if ((w->st = world_open(w, true, false)) == NULL)
		_exit(3);
	signer = w;
	steps_left = steps;
	store_step_hook = sign_at_step;
	for (int i = 0; i < 3; i++) {
		if (world_write(w, STORE_S, append_some, &n) != 0)
			_exit(4);
		if (sign(w, URL, &c) == 1 &&
		    world_write(w, STORE_S, keep, &c) != 0)
			_exit(4);
	}
	_exit(0);
}

/* All notes in the pipe are of what the store has now.  How many. */
static unsigned
read_notes(struct world *w, int fd, uint64_t *largest)
{
	static char all[1u << 20];
	size_t len = 0;
	ssize_t got;
	unsigned n = 0;
	struct checkpoint cp;

	while ((got = read(fd, all + len, sizeof(all) - len)) > 0)
		len += (size_t)got;
	for (char *p = all; p < all + len; p += strlen(p) + 1, n++) {
		holds(w, p, strlen(p), &cp);
		if (cp.size > *largest)
			*largest = cp.size;
	}
	return n;
}

static void
what_is_signed_outlives_the_writer(void **state)
{
	struct world *w = *state;
	uint64_t largest = 0;
	unsigned n = 0, steps = 1;
	bool killed = true;

	for (; killed; steps++) {
		int fds[2], status;
		pid_t pid;

		world_close(w);
		assert_int_equal(pipe(fds), 0);
		if ((pid = fork()) == 0) {
			close(fds[0]);
			notes = fds[1];
			write_and_sign(w, steps);
		}
		close(fds[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		world_reopen(w);
		n += read_notes(w, fds[0], &largest);
		close(fds[0]);
		killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		if (!killed)
			assert_int_equal(status, 0);
	}
	assert_true(n > steps && largest > 9);
}

#define TEST(F) cmocka_unit_test_setup_teardown(F, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_names_the_log),
		TEST(each_goes_on_from_the_last),
		TEST(names),
		TEST(the_longest_fits),
		TEST(a_new_key_signs_and_the_old_verifies),
		TEST(another_history_is_not_signed),
		TEST(a_root_made_to_fit_is_not_signed),
		TEST(a_checkpoint_that_is_gone_is_not_made_anew),
		TEST(the_first_goes_on_from_what_the_key_says),
		TEST(what_is_signed_outlives_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
