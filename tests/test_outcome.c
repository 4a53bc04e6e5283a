/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_outcome.c - the log of outcomes: each batch once, a torn tail cut
 * wherever it tears, damage told, readers that pick.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/err.h"
#include "spool/outcome.h"

struct place {
	char		dir[128];
	struct err	e, damage;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/listd-outcome-XXXXXX");
	*state = p;
	return mkdtemp(p->dir) == NULL ? -1 : 0;
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb, (void)type, (void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct place *p = *state;

	nftw(p->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(p);
	return 0;
}

static int64_t sample_ms = 1000;	/* of what is appended next */

static struct outcome
sample(uint32_t campaign, uint64_t subscriber, enum outcome_state s)
{
	struct outcome o = {
		.state = s, .kind = 1, .campaign = campaign, .notice = 2,
		.subscriber = subscriber, .list = 3, .domain = 4, .attempt = 5,
		.stage = 6, .gate = 7, .code = 452, .enhanced = { 4, 2, 2 },
		.recipient = 1, .category = 2, .tls = 2,
		.delay_ms = { 1, 2, 3, 4 }, .when_ms = sample_ms, .due_ms = 2000,
		.host = "mx.example [192.0.2.1]", .text = "<rcpt> is full",
		.message_id = "<x@y>",
	};

	return o;
}

/* Batch n with k outcomes of one campaign, subscribers n * 100 on. */
static void
seal(struct strbuf *out, uint64_t n, unsigned k, uint32_t campaign)
{
	struct outcome_set s;

	outcome_set_init(&s);
	for (unsigned i = 0; i < k; i++) {
		struct outcome o = sample(campaign, n * 100 + i,
		    i % 2 == 0 ? OUTCOME_DELIVERED : OUTCOME_FAILED);

		outcome_set_add(&s, &o);
	}
	outcome_set_seal(&s, n, 1, 0, UINT64_MAX, out);
	outcome_set_free(&s);
}

static void
append(struct place *p, struct outcome_log *log, uint64_t n, unsigned k,
    uint32_t campaign)
{
	struct strbuf b = STRBUF_INIT(OUTCOME_BATCH_MAX);

	seal(&b, n, k, campaign);
	assert_int_equal(outcome_log_append(log, n, (struct slice){
	    (uint8_t *)b.s, b.len }, &p->e), 0);
	strbuf_free(&b);
}

static struct outcome_log *
open_log(struct place *p, uint64_t synced)
{
	struct outcome_log *log;

	p->damage = (struct err)ERR_INIT;
	log = outcome_log_open(p->dir, synced, &p->damage, &p->e);
	if (log == NULL)
		fail_msg("%s", p->e.text);
	return log;
}

static unsigned
count(struct place *p, uint32_t campaign, unsigned states, unsigned *damaged)
{
	struct outcome_reader *r = outcome_reader_new(p->dir, campaign, states,
	    &p->e);
	struct outcome o;
	uint64_t batch;
	unsigned n = 0, bad = 0;
	int rc;

	assert_non_null(r);
	while ((rc = outcome_reader_next(r, &o, &batch, &p->e)) != 0) {
		if (rc == -1 && ++bad > 100)
			fail_msg("reader does not end: %s", p->e.text);
		if (rc == 1)
			n++;
	}
	outcome_reader_free(r);
	if (damaged != NULL)
		*damaged = bad;
	else
		assert_int_equal(bad, 0);
	return n;
}

static void
a_record_comes_back(void **state)
{
	struct strbuf b = STRBUF_INIT(OUTCOME_BATCH_MAX);
	struct outcome want = sample(9, 77, OUTCOME_DEFERRED), got = { 0 };
	struct outcome_head head;
	struct outcome_set s;
	struct unpack u;
	struct err e = ERR_INIT;

	(void)state;
	outcome_set_init(&s);
	outcome_set_add(&s, &want);
	outcome_set_seal(&s, 3, 8, 1, 2, &b);
	outcome_set_free(&s);
	assert_int_equal(outcome_open(&u, (struct slice){ (uint8_t *)b.s,
	    b.len }, &head, &e), 0);
	assert_true(head.batch == 3 && head.node == 8 && head.first == 1 &&
	    head.last == 2 && head.lowest == 9 && head.highest == 9 &&
	    head.n == 1);
	outcome_get(&u, &got);
	assert_true(unpack_done(&u));
	assert_memory_equal(&got.delay_ms, &want.delay_ms,
	    sizeof(want.delay_ms));
	assert_true(got.state == want.state && got.kind == want.kind &&
	    got.campaign == want.campaign && got.notice == want.notice &&
	    got.subscriber == want.subscriber && got.list == want.list &&
	    got.domain == want.domain && got.attempt == want.attempt &&
	    got.stage == want.stage && got.gate == want.gate &&
	    got.code == want.code && got.enhanced[2] == 2 &&
	    got.recipient == want.recipient && got.tls == want.tls &&
	    got.category == want.category && got.when_ms == want.when_ms &&
	    got.due_ms == want.due_ms);
	assert_string_equal(got.host, want.host);
	assert_string_equal(got.text, want.text);
	assert_string_equal(got.message_id, want.message_id);
	b.s[b.len / 2] ^= 1;
	assert_int_equal(outcome_open(&u, (struct slice){ (uint8_t *)b.s,
	    b.len }, &head, &e), -1);
	strbuf_free(&b);
}

static void
each_batch_once(void **state)
{
	struct place *p = *state;
	struct outcome_log *log = open_log(p, 0);

	append(p, log, 1, 3, 1);
	append(p, log, 4, 2, 1);
	append(p, log, 4, 2, 1);	/* again from the outbox */
	append(p, log, 1, 3, 1);
	assert_int_equal(outcome_log_last(log), 4);
	outcome_log_close(log);
	log = open_log(p, 4);
	assert_int_equal(p->damage.code, ERR_NONE);
	assert_int_equal(outcome_log_last(log), 4);
	append(p, log, 4, 2, 1);
	append(p, log, 5, 1, 1);
	outcome_log_close(log);
	assert_int_equal(count(p, 0, 0, NULL), 6);
}

static void
readers_pick(void **state)
{
	struct place *p = *state;
	struct outcome_log *log = open_log(p, 0);

	assert_int_equal(count(p, 0, 0, NULL), 0);
	append(p, log, 1, 4, 1);
	append(p, log, 2, 5, 2);
	append(p, log, 3, 6, 1);
	assert_int_equal(count(p, 1, 0, NULL), 10);
	assert_int_equal(count(p, 2, 0, NULL), 5);
	assert_int_equal(count(p, 3, 0, NULL), 0);
	assert_int_equal(count(p, 2, 1u << OUTCOME_FAILED, NULL), 2);
	assert_int_equal(count(p, 0, 1u << OUTCOME_DELIVERED |
	    1u << OUTCOME_FAILED, NULL), 15);
	assert_int_equal(count(p, 0, 1u << OUTCOME_EXPIRED, NULL), 0);
	outcome_log_close(log);
}

static void
write_file(struct place *p, const char *name, const void *bytes, size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

static size_t
read_file(struct place *p, const char *name, uint8_t *bytes, size_t max)
{
	char path[256];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(bytes, 1, max, f);
	fclose(f);
	return n;
}

/*
 * spool/DESIGN section 10: whatever length a crash leaves, whole batches stay
 * and the rest comes again.
 */
static void
a_tail_torn_anywhere_is_cut(void **state)
{
	struct place *p = *state;
	struct outcome_log *log = open_log(p, 0);
	static uint8_t whole[8192];
	size_t ends[4], n, last;

	for (unsigned i = 1; i <= 3; i++) {
		append(p, log, i, 2, 1);
		ends[i] = read_file(p, "00000001.log", whole, sizeof(whole));
	}
	outcome_log_close(log);
	n = ends[3];
	for (size_t cut = 0; cut <= n; cut++) {
		write_file(p, "00000001.log", whole, cut);
		last = cut >= ends[3] ? 3 : cut >= ends[2] ? 2 :
		    cut >= ends[1] ? 1 : 0;
		assert_int_equal(count(p, 0, 0, NULL), last * 2);
		log = open_log(p, 0);
		if (outcome_log_last(log) != last)
			fail_msg("cut at %zu", cut);
		append(p, log, 9, 3, 1);
		outcome_log_close(log);
		assert_int_equal(count(p, 0, 0, NULL), last * 2 + 3);
	}
}

/* After a power cut the tail may have its length but not its bytes. */
static void
a_tail_of_garbage_is_cut(void **state)
{
	struct place *p = *state;
	struct outcome_log *log = open_log(p, 0);
	static uint8_t bytes[8192], bad[8192];
	size_t one, n;

	append(p, log, 1, 2, 1);
	one = read_file(p, "00000001.log", bytes, sizeof(bytes));
	append(p, log, 2, 2, 1);
	n = read_file(p, "00000001.log", bytes, sizeof(bytes));
	outcome_log_close(log);
	for (size_t at = one; at < n; at++) {
		memcpy(bad, bytes, n);
		bad[at] ^= 0x40;
		write_file(p, "00000001.log", bad, n);
		log = open_log(p, 1);
		assert_int_equal(p->damage.code, ERR_NONE);
		assert_int_equal(outcome_log_last(log), 1);
		outcome_log_close(log);
		assert_int_equal(count(p, 0, 0, NULL), 2);
	}
}

/* P6, P12: what was synced and is gone is named, and the log goes on. */
static void
lost_batches_are_told(void **state)
{
	struct place *p = *state;
	struct outcome_log *log = open_log(p, 0);
	static uint8_t bytes[8192];
	unsigned damaged;
	size_t n;

	for (unsigned i = 1; i <= 3; i++)
		append(p, log, i, 2, 1);
	outcome_log_close(log);
	n = read_file(p, "00000001.log", bytes, sizeof(bytes));
	bytes[n / 2] ^= 1;
	write_file(p, "00000001.log", bytes, n);
	log = open_log(p, 3);
	assert_int_equal(p->damage.code, ERR_DAMAGED);
	assert_non_null(strstr(p->damage.text, "00000001.log"));
	assert_non_null(strstr(p->damage.text, "batches 2 to 3"));
	append(p, log, 4, 2, 1);
	outcome_log_close(log);
	assert_int_equal(count(p, 0, 0, &damaged), 4);
	assert_int_equal(damaged, 1);
	log = open_log(p, 4);
	assert_int_equal(p->damage.code, ERR_NONE);
	outcome_log_close(log);
}

static void
segments_follow_each_other(void **state)
{
	struct place *p = *state;
	struct outcome_log *log = open_log(p, 0);
	char path[256];
	int fd;

	append(p, log, 1, 2, 1);
	outcome_log_close(log);
	/* A segment that has reached its size: a hole does as well. */
	snprintf(path, sizeof(path), "%s/00000001.log", p->dir);
	log = open_log(p, 1);
	fd = outcome_log_dup(log, &p->e);
	assert_true(fd >= 0);
	close(fd);
	for (unsigned i = 2; i < 40; i++) {
		struct strbuf b = STRBUF_INIT(OUTCOME_BATCH_MAX);

		seal(&b, i, 16000, 1);
		assert_int_equal(outcome_log_append(log, i, (struct slice){
		    (uint8_t *)b.s, b.len }, &p->e), 0);
		strbuf_free(&b);
	}
	outcome_log_close(log);
	snprintf(path, sizeof(path), "%s/00000002.log", p->dir);
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(count(p, 0, 0, NULL), 2 + 38 * 16000);
	/* An empty newest segment: the last batch is in an older one. */
	write_file(p, "00000007.log", "", 0);
	log = open_log(p, 39);
	assert_int_equal(p->damage.code, ERR_NONE);
	assert_int_equal(outcome_log_last(log), 39);
	outcome_log_close(log);
}

#define T(F)	cmocka_unit_test_setup_teardown(F, setup, teardown)

#define DAY		(24ll * 3600 * 1000)
#define BASE		(20000 * DAY)
#define KEEP		(200 * DAY)

static unsigned
segments(struct place *p)
{
	char name[160];
	unsigned n = 0;

	for (unsigned i = 1; i < 100; i++) {
		snprintf(name, sizeof(name), "%s/%08u.log", p->dir, i);
		n += access(name, F_OK) == 0;
	}
	return n;
}

static int
prune(struct place *p, struct outcome_log *log, int64_t now_ms)
{
	return outcome_log_prune(log, KEEP, now_ms, &p->e);
}

/* S60: each segment goes when all of it is of age, also of a quiet host. */
static void
what_is_of_age_goes(void **state)
{
	struct place *p = *state;
	struct outcome_log *log = open_log(p, 0);

	/* An empty one begins no other. */
	assert_int_equal(prune(p, log, BASE + 1000 * DAY), 0);
	assert_int_equal(segments(p), 1);
	for (unsigned i = 0; i < 10; i++) {
		sample_ms = BASE + i * 20 * DAY;
		assert_int_equal(prune(p, log, sample_ms), 0);
		append(p, log, i + 1, 5, 1);
	}
	/* A month each: those that began on days 0, 40, 80, 120 and 160. */
	assert_int_equal(segments(p), 5);
	assert_int_equal(count(p, 0, 0, NULL), 50);
	/* The first ends on day 20; who comes after it began on day 40. */
	assert_int_equal(prune(p, log, BASE + 240 * DAY - 1), 0);
	assert_int_equal(prune(p, log, BASE + 240 * DAY), 1);
	assert_int_equal(count(p, 0, 0, NULL), 40);
	outcome_log_close(log);

	/* Another process knows the last batch all the same. */
	log = open_log(p, 10);
	assert_int_equal(p->damage.code, ERR_NONE);
	assert_int_equal(outcome_log_last(log), 10);
	/* The last records stay as long as nothing comes after them. */
	assert_int_equal(prune(p, log, BASE + 1000 * DAY), 3);
	assert_int_equal(segments(p), 2);
	outcome_log_close(log);
	log = open_log(p, 10);
	assert_int_equal(p->damage.code, ERR_NONE);
	assert_int_equal(outcome_log_last(log), 10);
	sample_ms = BASE + 1000 * DAY;
	append(p, log, 11, 5, 1);
	assert_int_equal(prune(p, log, BASE + 1000 * DAY), 0);
	assert_int_equal(prune(p, log, BASE + 1200 * DAY), 1);
	assert_int_equal(count(p, 0, 0, NULL), 5);
	outcome_log_close(log);
	sample_ms = 1000;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_record_comes_back),
		T(each_batch_once),
		T(readers_pick),
		T(a_tail_torn_anywhere_is_cut),
		T(a_tail_of_garbage_is_cut),
		T(lost_batches_are_told),
		T(segments_follow_each_other),
		T(what_is_of_age_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
