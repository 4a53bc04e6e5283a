/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_control_members.c - the verbs over members and imports.
 */
#include "config.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/import_reader.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/import.h"
#include "spool/list.h"
#include "spool/statement.h"
#include "spool/subscriber.h"
#include "tests/control_world.h"

static uint64_t
active(struct queue *q, uint32_t list)
{
	struct list_counters n;
	struct txn *t = world_read(q->w, STORE_S);

	assert_int_equal(list_counters(t, list, &n, NULL), 0);
	txn_end(t);
	return n.active;
}

static json_int_t
count_of(const json_t *o, const char *name)
{
	return number_of(json_object_get(o, "counts"), name);
}

/* ---- one by one */

static void
test_add(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o = cw_must(q, &a, "subscriber add", "LIST", "news", "ADDR",
	    "bob@example.com", NULL);

	assert_string_equal(text_of(o, "result"), "accepted");
	answer_free(a);
	assert_int_equal(q->notices, 1);
	/* S19: to be asked is not to be a member. */
	assert_int_equal(active(q, list), 0);
	o = cw_must(q, &a, "subscriber add", "LIST", "news", "ADDR",
	    "bob@example.com", NULL);
	assert_string_equal(text_of(o, "result"), "pending");
	answer_free(a);
	/* S20: what is refused is recorded as well. */
	EXPECT(STATUS_NO, q, "subscriber add", "LIST", "news", "ADDR",
	    "abuse@example.com", NULL);
	o = cw_must(q, &a, "subscriber history", "ADDR", "abuse@example.com",
	    NULL);
	assert_string_equal(text_of(o, "kind"), "request-refused");
	answer_free(a);
	EXPECT(STATUS_NO, q, "subscriber add", "LIST", "none", "ADDR",
	    "bob@example.com", NULL);
}

static void
test_show_and_remove(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o, *m;

	cw_member(q, list, "Alice@example.com");
	o = cw_must(q, &a, "subscriber show", "ADDR", "alice@example.com",
	    NULL);
	m = json_array_get(json_object_get(o, "memberships"), 0);
	assert_string_equal(text_of(m, "address"), "Alice@example.com");
	assert_string_equal(text_of(m, "list"), "news");
	assert_string_equal(text_of(m, "state"), "active");
	answer_free(a);
	EXPECT(0, q, "subscriber remove", "LIST", "news", "ADDR",
	    "alice@example.com", NULL);
	assert_int_equal(q->recalled_members, 1);
	assert_int_equal(active(q, list), 0);
	EXPECT(STATUS_NO, q, "subscriber remove", "LIST", "news", "ADDR",
	    "alice@example.com", NULL);
	o = cw_must(q, &a, "subscriber show", "ADDR", "alice@example.com",
	    NULL);
	assert_int_equal(json_array_size(json_object_get(o, "memberships")),
	    0);
	m = json_array_get(json_object_get(o, "suppressions"), 0);
	assert_string_equal(text_of(m, "reason"), "owner");
	answer_free(a);
	EXPECT(STATUS_USAGE, q, "subscriber show", "ADDR", "nobody", NULL);
}

static unsigned nfiles;

static int
count_file(const char *path, const struct stat *sb, int type, struct FTW *f)
{
	(void)path, (void)sb, (void)f;
	nfiles += type == FTW_F;
	return 0;
}

static unsigned
files_in(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	nfiles = 0;
	assert_int_equal(nftw(path, count_file, 8, FTW_PHYS), 0);
	return nfiles;
}

/* S31: nothing that names a person is left, and who left stays left. */
static void
test_erase(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	char hex[CONTENT_HEX], shown[CONTENT_HEX];
	struct consent c;
	struct import im;
	struct answer *a;
	struct txn *t;
	json_t *o;

	cw_member(q, list, "alice@example.com");
	o = cw_must(q, &a, "subscriber erase", "ADDR", "alice@example.com",
	    NULL);
	assert_int_equal(number_of(o, "memberships"), 1);
	answer_free(a);
	assert_int_equal(q->recalled_members, 1);
	/* The entry of the erasure names its indexes and no person. */
	a = cw_call(q, "subscriber history", "ADDR", "alice@example.com",
	    NULL);
	assert_int_equal(a->status, 0);
	assert_int_equal(json_array_size(a->out), 0);
	answer_free(a);
	cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    "email\nalice@example.com\n", "--source", "shop", "--evidence",
	    "confirmed", NULL);
	assert_int_equal(count_of(last_of(a), "suppressed"), 1);
	answer_free(a);
	/*
	 * Nor did the file that was imported stay anywhere.  What the list
	 * tells did, which the import's entry names: kept again, it is there.
	 */
	assert_int_equal(files_in(q->w->dir, "incoming"), 0);
	assert_int_equal(files_in(q->w->dir, "content"), 1);
	assert_int_equal(statement_keep(q->w->st, queue_content(q), "news",
	    hex, NULL), 0);
	assert_int_equal(files_in(q->w->dir, "content"), 1);
	t = world_read(q->w, STORE_S);
	assert_int_equal(import_get(t, 1, &im, NULL), 1);
	assert_int_equal(consent_get(t, im.consent, &c, NULL), 1);
	content_hex(c.shown, shown);
	assert_string_equal(shown, hex);
	txn_end(t);
}

/* More members than one slice holds. */
static void
test_export(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct consent c;
	struct answer *a;
	char address[64];
	struct txn *t;
	uint64_t last;

	for (int i = 0; i < 600; i++) {
		snprintf(address, sizeof(address), "m%d@d%d.example.com", i,
		    i % 7);
		cw_member(q, list, address);
	}
	a = cw_call(q, "subscriber export", "LIST", "news", NULL);
	assert_int_equal(a->status, 0);
	assert_int_equal(json_array_size(a->out), 600);
	answer_free(a);
	/* S21: that somebody took it away is on record. */
	t = world_read(q->w, STORE_S);
	assert_int_equal(consent_last(t, &last, NULL), 0);
	assert_int_equal(consent_get(t, last - 1, &c, NULL), 1);
	assert_int_equal(c.kind, CONSENT_EXPORTED);
	assert_int_equal(c.list, list);
	assert_true(c.setter.len > 0);
	txn_end(t);
}

/* ---- imports */

static void
foretold(struct queue *q, const char *file, bool vouched)
{
	static const char *const names[] = { "rows", "added", "confirmed",
	    "updated", "duplicate", "suppressed", "role", "bad" };
	struct answer *dry, *done;
	json_t *d, *o;

	d = cw_must(q, &dry, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--dry-run", "", vouched ?
	    "--evidence" : NULL, "confirmed", NULL);
	o = cw_must(q, &done, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", vouched ? "--evidence" : NULL,
	    "confirmed", NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (count_of(d, names[i]) != count_of(o, names[i]))
			fail_msg("%s: %lld was told, %lld came", names[i],
			    (long long)count_of(d, names[i]),
			    (long long)count_of(o, names[i]));
	answer_free(dry);
	answer_free(done);
}

static void
test_import(void **state)
{
	static const char file[] = "Email,Name,Date\r\n"
	    "alice@example.com,\"Alice \"\"A\"\" B\",2025-01-02\r\n"
	    "not an address,x,\r\n"
	    "bob@example.net,,\r\n"
	    "carol@example.net,,last week\r\n"
	    "abuse@example.net,,\r\n"
	    "alice@example.com,,\r\n";
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o;

	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--dry-run", "", NULL);
	assert_int_equal(count_of(o, "rows"), 6);
	assert_int_equal(count_of(o, "bad"), 2);
	assert_int_equal(active(q, list), 0);
	answer_free(a);

	/* What is foretold is what comes: no member, one unconfirmed, all. */
	for (int i = 0; i < 3; i++)
		foretold(q, file, i > 0);

	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--evidence", "confirmed", NULL);
	assert_int_equal(count_of(o, "rows"), 6);
	assert_int_equal(count_of(o, "updated"), 1);
	assert_int_equal(count_of(o, "duplicate"), 2);
	assert_int_equal(count_of(o, "bad"), 2);
	assert_int_equal(count_of(o, "role"), 1);
	/* Bad rows are told by their line. */
	assert_int_equal(json_array_size(a->out), 3);
	assert_int_equal(number_of(json_array_get(a->out, 0), "line"), 3);
	assert_int_equal(number_of(json_array_get(a->out, 1), "line"), 5);
	answer_free(a);
	assert_int_equal(active(q, list), 2);

	o = cw_must(q, &a, "subscriber show", "ADDR", "alice@example.com",
	    NULL);
	o = json_array_get(json_object_get(o, "memberships"), 0);
	assert_string_equal(text_of(json_object_get(o, "attributes"),
	    "name"), "Alice \"A\" B");
	answer_free(a);
}

/* S36, S45: without evidence a row is no permission. */
static void
test_import_unconfirmed(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o = cw_must(q, &a, "subscriber import", "LIST", "news",
	    "<FILE", "email\nalice@example.com\n", "--source", "shop", NULL);

	assert_int_equal(count_of(o, "added"), 1);
	answer_free(a);
	assert_int_equal(active(q, list), 0);
}

static void
test_import_refused(void **state)
{
	static const char file[] = "email\nalice@example.com\n";
	struct queue *q = *state;

	cw_ready_list(q, "news");
	/* S35 */
	EXPECT(STATUS_NO, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "scraped", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--evidence", "hearsay", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--date", "once", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--date", "2099-01-01", NULL);
	EXPECT(STATUS_NO, q, "subscriber import", "LIST", "none", "<FILE",
	    file, "--source", "shop", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    "name\nalice@example.com\n", "--source", "shop", NULL);
	q->conf.import_max_size = 8;
	EXPECT(STATUS_NO, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", NULL);
}

/* Rows for more than one run. */
static char *
many_rows(size_t n)
{
	struct strbuf b = STRBUF_INIT(16u << 20);

	strbuf_adds(&b, "email\n");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, "m%zu@d%zu.example.com\n", i, i % 50);
	return strbuf_steal(&b);
}

static void
test_import_long(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	char *file = many_rows(IMPORT_RUN + 3000);
	struct answer *a;
	json_t *o;

	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--evidence", "confirmed", NULL);
	assert_int_equal(count_of(o, "added"), IMPORT_RUN + 3000);
	assert_int_equal(active(q, list), IMPORT_RUN + 3000);
	answer_free(a);
	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--evidence", "confirmed", NULL);
	assert_int_equal(count_of(o, "duplicate"), IMPORT_RUN + 3000);
	assert_int_equal(count_of(o, "added"), 0);
	answer_free(a);
	free(file);
}

struct part {
	struct import	 im;
	struct import_slice slice;
	size_t		 done;
};

static int
write_part(struct txn *t, void *arg, struct err *e)
{
	struct part *p = arg;
	struct import begun;

	if (import_begin(t, &p->im, 1, &begun, e) == -1)
		return -1;
	p->slice.id = begun.id;
	return import_rows(t, &p->slice, &p->done, e);
}

/* What an import wrote that was cut short in the middle of its first run. */
static void
write_first(struct queue *q, uint32_t list, const char *file, size_t rows)
{
	static const _Atomic bool stop;
	struct part p = { .im = { .list = list, .vouched = true,
		.source = "shop", .who = "before" } };
	struct import_run *run = import_run_new(IMPORT_RUN);
	struct import_row *row = xcalloc(rows, sizeof(*row));
	struct import_reader *r;
	uint64_t size;
	int fd;

	assert_int_equal(content_put(q->content, file, strlen(file),
	    p.im.file, &q->w->e), 0);
	fd = content_read(q->content, p.im.file, &size, &q->w->e);
	r = import_reader_new(fd, q->w->keys, &stop);
	assert_int_equal(import_reader_next(r, run, &q->w->e), 0);
	assert_int_equal(run->n, IMPORT_RUN);
	p.slice.rows = row;
	p.slice.n = import_run_rows(run, 0, row, rows);
	world_must(q->w, STORE_S, write_part, &p);
	assert_int_equal(p.done, rows);
	import_reader_free(r);
	import_run_free(run);
	free(row);
}

/*
 * F03: the same command takes up what was cut short in the middle of a run, and
 * no row is done twice.
 */
static void
test_import_resumed(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	char *file = many_rows(IMPORT_RUN + 500);
	struct answer *a;
	json_t *o;

	write_first(q, list, file, 77);
	assert_int_equal(active(q, list), 77);
	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--evidence", "confirmed", NULL);
	assert_int_equal(number_of(o, "id"), 1);
	assert_int_equal(count_of(o, "rows"), IMPORT_RUN + 500);
	assert_int_equal(count_of(o, "added"), IMPORT_RUN + 500);
	assert_int_equal(count_of(o, "duplicate"), 0);
	answer_free(a);
	assert_int_equal(active(q, list), IMPORT_RUN + 500);
	free(file);
}

/* Who goes away stops it; what was written stays, to be taken up again. */
static void
test_import_gone(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	char *file = many_rows(3 * IMPORT_RUN);
	struct import im = { .id = 0 };
	struct cw_client *cl;
	struct answer *a;
	struct txn *t;

	cl = cw_begin(q, "subscriber import", "LIST", "news", "<FILE", file,
	    "--source", "shop", "--evidence", "confirmed", NULL);
	for (int i = 0; i < 20000 && active(q, list) == 0; i++)
		cw_turn(q);
	cw_disconnect(cl);
	for (int i = 0; i < 200; i++)
		cw_turn(q);
	t = world_read(q->w, STORE_S);
	assert_int_equal(import_next(t, 1, &im, NULL), 1);
	txn_end(t);
	assert_int_equal(im.state, IMPORT_RUNNING);
	assert_in_range(im.counts.rows, 1, 3 * IMPORT_RUN - 1);
	cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE", file,
	    "--source", "shop", "--evidence", "confirmed", NULL);
	assert_int_equal(count_of(last_of(a), "added"), 3 * IMPORT_RUN);
	answer_free(a);
	free(file);
}

static void
test_import_undo(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	char *file = many_rows(1500), id[16];
	struct answer *a;
	json_t *o = cw_must(q, &a, "subscriber import", "LIST", "news",
	    "<FILE", file, "--source", "shop", "--evidence", "confirmed",
	    NULL);

	snprintf(id, sizeof(id), "%lld", (long long)number_of(o, "id"));
	answer_free(a);
	cw_member(q, list, "stays@example.com");
	o = cw_must(q, &a, "subscriber import undo", "ID", id, NULL);
	assert_int_equal(number_of(o, "removed"), 1500);
	answer_free(a);
	assert_int_equal(active(q, list), 1);
	EXPECT(STATUS_NO, q, "subscriber import undo", "ID", "77", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber import undo", "ID", "x", NULL);
	free(file);
}

int
main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, control_world_setup, \
	control_world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_add),
		TEST(test_show_and_remove),
		TEST(test_erase),
		TEST(test_export),
		TEST(test_import),
		TEST(test_import_unconfirmed),
		TEST(test_import_refused),
		TEST(test_import_long),
		TEST(test_import_resumed),
		TEST(test_import_gone),
		TEST(test_import_undo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
