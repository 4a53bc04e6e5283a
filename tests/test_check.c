/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_check.c - a sound store has no findings, and every kind of damage has
 * one that names its table (P12).
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "spool/check.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/import.h"
#include "spool/org.h"
#include "spool/row.h"
#include "spool/store_private.h"
#include "spool/writer.h"
#include "tests/spool_people.h"

static bool
note(void *arg, const struct check_finding *f)
{
	strbuf_addf(arg, "%s %s: %s\n", f->table, f->key, f->text);
	return true;
}

static uint64_t
check(struct world *w, const struct content *content, struct strbuf *out)
{
	const struct check_params p = { .st = w->st, .content = content,
	    .finding = note, .arg = out };
	struct check_result r;

	strbuf_reset(out);
	assert_int_equal(check_store(&p, &r, &w->e), 0);
	assert_true(r.rows > 0);
	return r.findings;
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

static struct import imported;
static uint8_t evidence[CONTENT_HASH];

static int
do_import(struct txn *t, void *arg, struct err *e)
{
	struct world *w = arg;
	struct import im = { .list = 1, .vouched = true, .source = "shop",
	    .who = "root" };
	struct import_row row = { .attributes = "{\"a\":1}" };
	const struct import_slice s = { .id = 1, .rows = &row, .n = 1,
	    .now_ms = NOW };
	struct org_domain d;
	size_t done;

	memcpy(im.evidence, evidence, sizeof(im.evidence));
	row.who = people_identity(w, "imported@c.example");
	if (import_begin(t, &im, NOW, &imported, e) == -1 ||
	    org_domain_claim(t, 1, "acme.example", "root", NOW, &d, e) == -1)
		return -1;
	return import_rows(t, &s, &done, e);
}

/* A store with a row in every table of S. */
static int
setup(void **state)
{
	struct world *w;
	struct erase_job j;
	struct content *c;

	if (people_setup(state) == -1)
		return -1;
	w = *state;
	c = content_open(w->dir, true, &w->e);
	if (c == NULL || content_put(c, "proof", 5, evidence, &w->e) == -1)
		return -1;
	content_close(c);
	world_must(w, STORE_S, do_import, w);
	people_join(w, "news", "ann@b.example", NOW);
	people_join(w, "club", "ann@b.example", NOW);
	people_join(w, "news", "Bob@b.example", NOW);
	people_ask(w, "other", "carol@c.example", NULL, NOW);
	people_leave(w, 1, "dave@b.example", IPC_LEAVE_LIST, NOW);
	people_join(w, "news", "erwin@b.example", NOW);
	j.who = people_identity(w, "erwin@b.example");
	j.out = (struct leave_result){ .n = 0 };
	world_must(w, STORE_S, do_erase, &j);
	leave_result_free(&j.out);
	people_limits.singly_minute = 1;
	people_ask(w, "other", "carol@c.example", NULL, NOW + 1);
	people_ask(w, "other", "carol@c.example", NULL, NOW + 2);
	people_limits.singly_minute = 20;
	return 0;
}

static void
a_sound_store_has_no_findings(void **state)
{
	struct world *w = *state;
	struct strbuf out = STRBUF_INIT(65536);
	struct content *c = content_open(w->dir, false, &w->e);

	for (enum store_table i = 0; i < TABLE_QMETA; i++)
		if (people_rows(w, i) == 0)
			fail_msg("%s is empty", store_table_name(i));
	if (check(w, c, &out) != 0)
		fail_msg("%s", out.s);
	content_close(c);
	strbuf_free(&out);
}

/* ---- damage */

enum how { DROP, GARBLE, ORPHAN };

struct damage {
	enum store_table table;
	enum how	how;
};

/* The first key of a table. */
static int
first_key(struct txn *t, enum store_table table, struct key *k,
    struct strbuf *value, struct err *e)
{
	struct slice key, v;
	struct cursor *c;
	int rc;

	if (cursor_open(t, table, &c, e) == -1)
		return -1;
	rc = cursor_seek(c, SLICE("", 0), &key, &v, e);
	if (rc == 1) {
		k->len = 0;
		key_raw(k, key.p, key.len);
		strbuf_add(value, v.p, v.len);
	}
	cursor_close(c);
	return rc == 1 ? 0 : -1;
}

static int
do_damage(struct txn *t, void *arg, struct err *e)
{
	const struct damage *d = arg;
	struct strbuf value = STRBUF_INIT(65536);
	struct key k = KEY_INIT;
	int ret = first_key(t, d->table, &k, &value, e);

	switch (d->how) {
	case DROP:
		ret = txn_del(t, d->table, key_slice(&k), e) == 1 ? 0 : -1;
		break;
	case GARBLE:
		if (value.len > 0)
			value.s[value.len / 2] ^= 0x10;
		else
			strbuf_addc(&value, 'x');
		ret = txn_put(t, d->table, key_slice(&k), SLICE(value.s,
		    value.len), e);
		break;
	case ORPHAN:	/* the same row under a key of nobody */
		k.b[k.len - 1] ^= 0x40;
		ret = txn_put(t, d->table, key_slice(&k), SLICE(value.s,
		    value.len), e);
		break;
	}
	strbuf_free(&value);
	return ret;
}

/* The table whose finding tells it; another one than that of the damage when
 * the row that is left over is the one that shows it. */
static const struct {
	struct damage	d;
	const char	*table;
} damages[] = {
	{ { TABLE_META, GARBLE }, "meta" },
	{ { TABLE_ORGS, DROP }, "org_names" },
	{ { TABLE_ORGS, GARBLE }, "orgs" },
	{ { TABLE_ORGS, ORPHAN }, "orgs" },
	{ { TABLE_ORG_NAMES, DROP }, "orgs" },
	{ { TABLE_ORG_NAMES, GARBLE }, "org_names" },
	{ { TABLE_ORG_NAMES, ORPHAN }, "org_names" },
	{ { TABLE_ORG_DOMAINS, GARBLE }, "org_domains" },
	{ { TABLE_LISTS, DROP }, "list_names" },
	{ { TABLE_LISTS, GARBLE }, "lists" },
	{ { TABLE_LISTS, ORPHAN }, "lists" },
	{ { TABLE_LIST_NAMES, DROP }, "lists" },
	{ { TABLE_LIST_NAMES, GARBLE }, "list_names" },
	{ { TABLE_DOMAINS, DROP }, "domain_ids" },
	{ { TABLE_DOMAINS, GARBLE }, "domains" },
	{ { TABLE_DOMAIN_IDS, DROP }, "domains" },
	{ { TABLE_DOMAIN_IDS, GARBLE }, "domain_ids" },
	{ { TABLE_DOMAIN_IDS, ORPHAN }, "domain_ids" },
	{ { TABLE_MEMBERS, DROP }, "by_id" },
	{ { TABLE_MEMBERS, DROP }, "by_hash" },
	{ { TABLE_MEMBERS, DROP }, "counts" },
	{ { TABLE_MEMBERS, GARBLE }, "members" },
	{ { TABLE_MEMBERS, ORPHAN }, "members" },
	{ { TABLE_BY_ID, DROP }, "members" },
	{ { TABLE_BY_ID, GARBLE }, "by_id" },
	{ { TABLE_BY_ID, ORPHAN }, "by_id" },
	{ { TABLE_BY_HASH, DROP }, "members" },
	{ { TABLE_BY_HASH, GARBLE }, "by_hash" },
	{ { TABLE_BY_HASH, ORPHAN }, "by_hash" },
	{ { TABLE_COUNTS, DROP }, "members" },
	{ { TABLE_COUNTS, GARBLE }, "counts" },
	{ { TABLE_ATTRIBUTES, GARBLE }, "attributes" },
	{ { TABLE_ATTRIBUTES, ORPHAN }, "attributes" },
	{ { TABLE_SUPPRESSIONS, GARBLE }, "suppressions" },
	{ { TABLE_REQUESTS, DROP }, "tokens" },
	{ { TABLE_REQUESTS, DROP }, "request_of" },
	{ { TABLE_REQUESTS, GARBLE }, "requests" },
	{ { TABLE_TOKENS, DROP }, "requests" },
	{ { TABLE_TOKENS, GARBLE }, "tokens" },
	{ { TABLE_REQUEST_OF, DROP }, "requests" },
	{ { TABLE_REQUEST_OF, GARBLE }, "request_of" },
	{ { TABLE_NOTICES, GARBLE }, "notices" },
	{ { TABLE_CONSENT, DROP }, "consent" },
	{ { TABLE_CONSENT, GARBLE }, "consent" },
	{ { TABLE_CONSENT, ORPHAN }, "consent" },
	{ { TABLE_CONSENT_OF, DROP }, "consent" },
	{ { TABLE_CONSENT_OF, ORPHAN }, "consent_of" },
	{ { TABLE_THROTTLES, GARBLE }, "throttles" },
	{ { TABLE_ACTS, DROP }, "acts" },
	{ { TABLE_ACTS, GARBLE }, "acts" },
	{ { TABLE_IMPORTS, GARBLE }, "imports" },
	{ { TABLE_AGGREGATES, GARBLE }, "aggregates" },
	{ { TABLE_QMETA, GARBLE }, "meta" },
};

static bool
names(const char *findings, const char *table)
{
	char start[64];

	snprintf(start, sizeof(start), "\n%s ", table);
	return strncmp(findings, start + 1, strlen(start) - 1) == 0 ||
	    strstr(findings, start) != NULL;
}

static void
every_damage_is_found(void **state)
{
	struct strbuf out = STRBUF_INIT(65536);

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct damage d = damages[i].d;
		struct world *w;
		void *own;

		assert_int_equal(setup(&own), 0);
		w = own;
		world_must(w, store_table_env(d.table), do_damage, &d);
		if (check(w, NULL, &out) == 0 || !names(out.s,
		    damages[i].table))
			fail_msg("%s, %d: not told by %s:\n%s",
			    store_table_name(d.table), (int)d.how,
			    damages[i].table, out.s);
		world_teardown(&own);
	}
	strbuf_free(&out);
}

static void
a_missing_content_file_is_found(void **state)
{
	struct world *w = *state;
	struct strbuf out = STRBUF_INIT(65536);
	struct content *c = content_open(w->dir, false, &w->e);
	char hex[CONTENT_HEX], path[700];

	content_hex(evidence, hex);
	snprintf(path, sizeof(path), "%s/content/%.2s/%s", w->dir, hex, hex);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(check(w, c, &out), 1);
	assert_true(names(out.s, "imports"));
	content_close(c);
	strbuf_free(&out);
}

/* ---- stopping, and hooks */

static bool
stop(void *arg, const struct check_finding *f)
{
	(void)f;
	++*(unsigned *)arg;
	return false;
}

static int
always_wrong(struct txn *t, struct slice key, struct slice value,
    struct err *e)
{
	(void)t, (void)value;
	return row_damaged(TABLE_QMETA, key, "told to", e);
}

static void
hooks_look_at_the_queue_and_a_walk_can_be_stopped(void **state)
{
	struct world *w = *state;
	check_row_fn *hooks[TABLE_LAST] = { [TABLE_QMETA] = always_wrong };
	unsigned told = 0;
	const struct check_params p = { .st = w->st, .finding = stop,
	    .arg = &told, .queue_rows = hooks };
	struct check_result r;

	assert_int_equal(check_store(&p, &r, &w->e), 0);
	assert_int_equal(told, 1);
	assert_int_equal(r.findings, 1);
}

/* ---- garbage for a page: LMDB may fall, and the test looks from outside */

static void
garbage(const char *path, off_t at)
{
	char page[4096];
	int fd = open(path, O_WRONLY);

	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = (char)(i * 37 + (size_t)at / 4096 * 101);
	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, page, sizeof(page), at), sizeof(page));
	close(fd);
}

static void
run_in_child(struct world *w, int *status)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct strbuf out = STRBUF_INIT(65536);
		struct check_params p = { .finding = note, .arg = &out };
		struct check_result r;

		/* cmocka's handlers would go on with the test here. */
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		/* LMDB's own assertions write to stderr. */
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(9);
		alarm(20);
		p.st = world_open(w, false, false);
		_exit(p.st == NULL || check_store(&p, &r, &w->e) == -1 ||
		    r.findings > 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, status, 0), pid);
}

static void
garbage_pages_never_hang_it(void **state)
{
	struct world *w = *state;
	char path[512], copy[512], command[1200];
	unsigned told = 0, died = 0;
	uint64_t used, size;
	int status;

	store_usage(w->st, STORE_S, &used, &size);
	world_close(w);
	snprintf(path, sizeof(path), "%s/subscribers/data.mdb", w->dir);
	snprintf(copy, sizeof(copy), "%s/copy.mdb", w->dir);
	snprintf(command, sizeof(command), "cp --sparse=always %s %s", path,
	    copy);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "cp --sparse=always %s %s", copy,
	    path);
	for (off_t at = 8192; at < (off_t)used; at += 3 * 4096) {
		assert_int_equal(system(command), 0);
		garbage(path, at);
		run_in_child(w, &status);
		if (WIFSIGNALED(status)) {
			assert_int_not_equal(WTERMSIG(status), SIGALRM);
			died++;
		} else {
			told += WEXITSTATUS(status) == 1;
		}
	}
	assert_true(told + died > 0);
}

int
main(void)
{
#define TEST(F)	cmocka_unit_test_setup_teardown(F, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_sound_store_has_no_findings),
		cmocka_unit_test(every_damage_is_found),
		TEST(a_missing_content_file_is_found),
		TEST(hooks_look_at_the_queue_and_a_walk_can_be_stopped),
		TEST(garbage_pages_never_hang_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
