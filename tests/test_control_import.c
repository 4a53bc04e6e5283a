/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_control_import.c - what rows say of themselves, files of other list
 * managers, and what a dry run foretells (S35, R14, R188).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "spool/invite.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/subscriber.h"
#include "tests/control_world.h"

#define EXPORT	"email_audience_export_0a1b2c3d4e.csv"

static json_int_t
count_of(const json_t *o, const char *name)
{
	return number_of(json_object_get(o, "counts"), name);
}

static uint64_t
active(struct queue *q, uint32_t list)
{
	struct list_counters n;
	struct txn *t = world_read(q->w, STORE_S);

	assert_int_equal(list_counters(t, list, &n, NULL), 0);
	txn_end(t);
	return n.active;
}

/* A file of tests/data/import; NUL-terminated, to be freed. */
static char *
sample(const char *name)
{
	const char *src = getenv("LISTD_SRCDIR");
	struct strbuf b = STRBUF_INIT(1u << 20);
	char path[1024], buf[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/tests/data/import/%s",
	    src != NULL ? src : ".", name);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("%s: missing", path);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(&b, buf, n);
	fclose(f);
	return strbuf_steal(&b);
}

/* Import one file of an export, first dry: the counts must be the same. */
static struct answer *
import_export(struct queue *q, const char *name, const char *evidence)
{
	struct answer *dry, *a;
	char *file = sample(name);

	cw_must(q, &dry, "subscriber import", "LIST", "news", "<FILE", file,
	    "--source", "mailchimp", "--format", "mailchimp", "--file-name",
	    name, "--dry-run", "", evidence != NULL ? "--evidence" : NULL,
	    evidence, NULL);
	cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE", file,
	    "--source", "mailchimp", "--format", "mailchimp", "--file-name",
	    name, evidence != NULL ? "--evidence" : NULL, evidence, NULL);
	assert_true(json_equal(json_object_get(last_of(dry), "counts"),
	    json_object_get(last_of(a), "counts")));
	answer_free(dry);
	free(file);
	return a;
}

/* The one entry of a kind in an address's history, or NULL. */
static json_t *
entry_of(struct answer *history, const char *kind)
{
	size_t i;
	json_t *o;

	json_array_foreach(history->out, i, o)
		if (strcmp(text_of(o, "kind"), kind) == 0)
			return o;
	return NULL;
}

static struct answer *
history_of(struct queue *q, const char *address)
{
	return cw_call(q, "subscriber history", "ADDR", address, NULL);
}

/* ---- rows that speak for themselves */

static void
test_rows_of_their_own(void **state)
{
	static const char file[] =
	    "email,source,basis,date,ip,evidence,name\n"
	    "a@b.example,event: the fair,written,2024-05-06,192.0.2.7,"
	    "sheet 12,Ann\n"
	    "c@b.example,,,,,,\n"
	    "d@b.example,public directory,,,,,\n"
	    "e@b.example,shop,scraped,,,,\n"
	    "f@b.example,shop,existing customer,2024-01-01,,,\n"
	    "g@b.example,shop,,,not an ip,,\n"
	    "h@b.example,shop,,2099-01-01,,,\n";
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a, *h;
	json_t *o = cw_must(q, &a, "subscriber import", "LIST", "news",
	    "<FILE", file, "--source", "form: the shop's", "--basis",
	    "opt-in", "--evidence", "confirmed", NULL), *row;

	assert_int_equal(count_of(o, "added"), 2);
	assert_int_equal(count_of(o, "refused"), 3);
	assert_int_equal(count_of(o, "bad"), 2);
	assert_string_equal(text_of(o, "source_class"), "form");
	assert_string_equal(text_of(o, "basis_class"), "opt-in");
	/* S35: such a row is named. */
	row = json_array_get(a->out, 0);
	assert_int_equal(number_of(row, "line"), 4);
	assert_non_null(strstr(text_of(row, "refused"), "no permission"));
	answer_free(a);
	assert_int_equal(active(q, list), 2);

	h = history_of(q, "a@b.example");
	assert_non_null(o = entry_of(h, "imported"));
	assert_string_equal(text_of(o, "source"), "event: the fair");
	assert_string_equal(text_of(o, "source_class"), "event");
	assert_string_equal(text_of(o, "basis_class"), "written");
	assert_string_equal(text_of(o, "evidence"), "sheet 12");
	assert_string_equal(text_of(o, "ip"), "192.0.2.7");
	assert_string_equal(text_of(o, "claimed"),
	    "2024-05-06T00:00:00.000Z");
	answer_free(h);
	/* Nothing is said twice: the other's is in the entry it follows. */
	h = history_of(q, "c@b.example");
	assert_null(json_object_get(entry_of(h, "imported"), "source"));
	answer_free(h);
}

/* R188: off by default, and with evidence of its own alone. */
static void
test_existing_customers(void **state)
{
	static const char file[] = "email,date\na@b.example,2025-01-02\n"
	    "b@b.example,\n";
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o;

	/* Nobody is mailed, so nothing has to be proven yet. */
	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    "email\nz@b.example\n", "--source", "shop", "--basis",
	    "existing customer", NULL);
	assert_int_equal(count_of(o, "unconfirmed"), 1);
	answer_free(a);
	EXPECT(STATUS_NO, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--basis", "existing customer",
	    "--evidence", "confirmed", NULL);
	EXPECT(STATUS_NO, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--basis", "soft opt-in",
	    "--evidence", "customer", "<evidence-file", "notice", NULL);
	q->conf.import_existing_customers = true;
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--basis", "soft opt-in",
	    "--evidence", "customer", NULL);
	EXPECT(STATUS_NO, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--basis", "opt-in",
	    "--evidence", "customer", "<evidence-file", "notice", NULL);
	assert_int_equal(active(q, list), 0);
	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "shop", "--basis", "soft opt-in",
	    "--evidence", "customer", "<evidence-file", "notice", NULL);
	assert_string_equal(text_of(o, "basis_class"), "existing-customer");
	assert_string_equal(text_of(o, "evidence"), "customer");
	assert_int_equal(count_of(o, "added"), 2);
	/* Who did not buy on a day that is known is not vouched for. */
	assert_int_equal(count_of(o, "unconfirmed"), 1);
	answer_free(a);
	assert_int_equal(active(q, list), 1);
}

/* ---- an export */

static void
test_mailchimp(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a = import_export(q, "subscribed_" EXPORT,
	    "confirmed"), *h;
	json_t *o = last_of(a);

	assert_int_equal(count_of(o, "rows"), 6);
	assert_int_equal(count_of(o, "added"), 4);
	/* Without CONFIRM_TIME and CONFIRM_IP nothing is evidence. */
	assert_int_equal(count_of(o, "unconfirmed"), 2);
	assert_int_equal(count_of(o, "bad"), 1);
	assert_int_equal(count_of(o, "role"), 1);
	answer_free(a);
	assert_int_equal(active(q, list), 2);

	h = history_of(q, "ann@example.com");
	o = entry_of(h, "imported");
	assert_string_equal(text_of(o, "claimed"),
	    "2021-03-04T10:25:31.000Z");
	assert_string_equal(text_of(o, "ip"), "192.0.2.11");
	assert_string_equal(text_of(o, "asked"), "2021-03-04T10:20:30.000Z");
	assert_string_equal(text_of(o, "asked_ip"), "192.0.2.10");
	answer_free(h);
	o = cw_must(q, &a, "subscriber show", "ADDR", "ann@example.com", NULL);
	o = json_object_get(json_array_get(json_object_get(o, "memberships"),
	    0), "attributes");
	assert_string_equal(text_of(o, "first_name"), "Ann");
	assert_string_equal(text_of(o, "last_name"), "O\"Hara");
	assert_string_equal(text_of(o, "tags"), "\"Readers\",\"Berlin\"");
	/* No more than it needs. */
	assert_null(json_object_get(o, "latitude"));
	assert_null(json_object_get(o, "notes"));
	assert_null(json_object_get(o, "member_rating"));
	answer_free(a);
	/* Not vouched for, nothing is evidence. */
	a = import_export(q, "subscribed_" EXPORT, NULL);
	assert_int_equal(count_of(last_of(a), "updated"), 3);
	assert_int_equal(count_of(last_of(a), "duplicate"), 1);
	answer_free(a);
}

static void
test_mailchimp_suppressions(void **state)
{
	struct queue *q = *state;
	uint32_t list = cw_ready_list(q, "news");
	struct answer *a;
	json_t *o, *s;

	cw_member(q, list, "fay@example.com");
	a = import_export(q, "unsubscribed_" EXPORT, NULL);
	assert_int_equal(count_of(last_of(a), "unsubscribed"), 2);
	/* She confirmed here after she had left there. */
	assert_int_equal(count_of(last_of(a), "newer"), 1);
	answer_free(a);
	assert_int_equal(active(q, list), 1);
	a = import_export(q, "cleaned_" EXPORT, NULL);
	assert_int_equal(count_of(last_of(a), "cleaned"), 1);
	answer_free(a);

	o = cw_must(q, &a, "subscriber show", "ADDR", "eve@example.com", NULL);
	s = json_array_get(json_object_get(o, "suppressions"), 0);
	assert_string_equal(text_of(s, "reason"), "unsubscribe");
	answer_free(a);
	a = history_of(q, "eve@example.com");
	assert_non_null(o = entry_of(a, "unsubscribed"));
	assert_string_equal(text_of(o, "claimed"),
	    "2021-05-06T07:08:09.000Z");
	assert_int_equal(number_of(o, "import"), 1);
	answer_free(a);
	o = cw_must(q, &a, "subscriber show", "ADDR", "hal@example.com", NULL);
	s = json_array_get(json_object_get(o, "suppressions"), 0);
	assert_string_equal(text_of(s, "reason"), "bounce");
	answer_free(a);

	/* R14: they stay so, whatever is imported and vouched for. */
	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    "email\neve@example.com\nhal@example.com\n", "--source", "shop",
	    "--evidence", "confirmed", NULL);
	assert_int_equal(count_of(o, "suppressed"), 2);
	answer_free(a);
	a = import_export(q, "unsubscribed_" EXPORT, NULL);
	assert_int_equal(count_of(last_of(a), "suppressed"), 2);
	answer_free(a);
}

/* A file whose name says nothing must be told; a row's own end wins. */
static void
test_mailchimp_status(void **state)
{
	static const char file[] = "Email Address,UNSUB_TIME,CONFIRM_TIME\n"
	    "a@b.example,,\nb@b.example,2020-01-01 00:00:00,\n";
	struct queue *q = *state;
	struct answer *a;
	json_t *o;

	cw_ready_list(q, "news");
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "mailchimp", "--format", "mailchimp", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "mailchimp", "--format", "mailman", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "mailchimp", "--format", "mailchimp",
	    "--status", "gone", NULL);
	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "mailchimp", "--format", "mailchimp",
	    "--status", "subscribed", NULL);
	assert_int_equal(count_of(o, "added"), 1);
	assert_int_equal(count_of(o, "unsubscribed"), 1);
	answer_free(a);
	/* Who only bought there asked for no mail. */
	o = cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    file, "--source", "mailchimp", "--format", "mailchimp",
	    "--status", "nonsubscribed", NULL);
	assert_int_equal(count_of(o, "refused"), 1);
	answer_free(a);
}

/* ---- what was imported */

static void
test_show(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o;

	cw_ready_list(q, "news");
	for (int i = 0; i < 3; i++) {
		char file[64];

		snprintf(file, sizeof(file), "email\na%d@b.example\n", i);
		cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
		    file, "--source", "paper", "--date", "2024-01-01",
		    "<evidence-file", "scans", "--evidence", "confirmed",
		    NULL);
		answer_free(a);
	}
	o = cw_must(q, &a, "subscriber import show", "ID", "2", NULL);
	assert_int_equal(number_of(o, "id"), 2);
	assert_string_equal(text_of(o, "list"), "news");
	assert_string_equal(text_of(o, "source_class"), "paper");
	assert_string_equal(text_of(o, "date"), "2024-01-01T00:00:00.000Z");
	assert_int_equal(strlen(text_of(o, "evidence_file")), 64);
	assert_int_equal(count_of(o, "added"), 1);
	answer_free(a);
	a = cw_call(q, "subscriber import show", NULL);
	assert_int_equal(a->status, 0);
	assert_int_equal(json_array_size(a->out), 3);
	answer_free(a);
	EXPECT(STATUS_NO, q, "subscriber import show", "ID", "9", NULL);
}

/* ---- asking them */

static int
drop_notices(struct txn *t, void *arg, struct err *e)
{
	struct notice n;
	int rc;

	(void)arg;
	while ((rc = notice_next(t, 0, &n, e)) == 1)
		if (notice_del(t, n.id, e) == -1)
			return -1;
	return rc;
}

static uint64_t
notices(struct queue *q)
{
	struct txn *t = world_read(q->w, STORE_S);
	uint64_t n;

	assert_int_equal(txn_count(t, TABLE_NOTICES, &n, NULL), 0);
	txn_end(t);
	return n;
}

static void
test_invite(void **state)
{
	struct queue *q = *state;
	struct answer *a;
	json_t *o;

	cw_ready_list(q, "news");
	EXPECT(STATUS_NO, q, "subscriber invite", "LIST", "none", NULL);
	EXPECT(STATUS_NO, q, "subscriber invite", "LIST", "news", "--import",
	    "7", NULL);
	EXPECT(STATUS_USAGE, q, "subscriber invite", "LIST", "news",
	    "--import", "x", NULL);
	cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    "email\na@b.example\nb@c.example\n", "--source", "shop", NULL);
	answer_free(a);
	o = cw_must(q, &a, "subscriber invite", "LIST", "news", "--dry-run",
	    "", NULL);
	assert_int_equal(number_of(o, "invited"), 2);
	answer_free(a);
	assert_int_equal(notices(q), 0);
	o = cw_must(q, &a, "subscriber invite", "LIST", "news", "--import",
	    "1", NULL);
	assert_int_equal(number_of(o, "invited"), 2);
	answer_free(a);
	assert_int_equal(notices(q), 2);
	assert_true(q->notices > 0);
	o = cw_must(q, &a, "subscriber invite", "LIST", "news", NULL);
	assert_int_equal(number_of(o, "invited"), 0);
	assert_int_equal(number_of(o, "before"), 2);
	answer_free(a);
	/* A limit of the hour leaves the others to another call. */
	cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE",
	    "email\nd@b.example\ne@c.example\n", "--source", "shop", NULL);
	answer_free(a);
	q->conf.confirm_per_list_hour = 3;
	a = cw_call(q, "subscriber invite", "LIST", "news", NULL);
	assert_int_equal(a->status, STATUS_AGAIN);
	assert_int_equal(number_of(last_of(a), "invited"), 1);
	answer_free(a);
	q->now_ms += 3600 * 1000 + 1;
	o = cw_must(q, &a, "subscriber invite", "LIST", "news", NULL);
	assert_int_equal(number_of(o, "invited"), 1);
	answer_free(a);
}

/* However many there are, few notices wait at once. */
static void
test_invite_many(void **state)
{
	struct strbuf b = STRBUF_INIT(1u << 20);
	struct queue *q = *state;
	struct cw_client *cl;
	struct answer *a;
	uint64_t sent = 0, n;

	cw_ready_list(q, "news");
	q->conf.confirm_per_list_hour = q->conf.confirm_per_host_hour =
	    q->conf.confirm_per_domain_hour = 10000;
	strbuf_adds(&b, "email\n");
	for (int i = 0; i < 3 * INVITE_OUTSTANDING; i++)
		strbuf_addf(&b, "p%d@d%d.example\n", i, i % 5);
	cw_must(q, &a, "subscriber import", "LIST", "news", "<FILE", b.s,
	    "--source", "shop", NULL);
	answer_free(a);
	strbuf_free(&b);
	cl = cw_begin(q, "subscriber invite", "LIST", "news", NULL);
	for (int i = 0; i < 100000 && sent < 3 * INVITE_OUTSTANDING; i++) {
		cw_turn(q);
		n = notices(q);
		assert_true(n <= INVITE_OUTSTANDING);
		if (n < INVITE_OUTSTANDING && i % 50 != 0)
			continue;
		sent += n;
		world_must(q->w, STORE_S, drop_notices, NULL);
		q->mono_ms += 1000;
	}
	cw_wait(q, cl);
	a = cw_answer(cl);
	assert_int_equal(a->status, 0);
	assert_int_equal(number_of(last_of(a), "invited"),
	    3 * INVITE_OUTSTANDING);
	cw_disconnect(cl);
}

int
main(void)
{
#define TEST(F) cmocka_unit_test_setup_teardown(F, control_world_setup, \
    control_world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rows_of_their_own),
		TEST(test_existing_customers),
		TEST(test_mailchimp),
		TEST(test_mailchimp_suppressions),
		TEST(test_mailchimp_status),
		TEST(test_show),
		TEST(test_invite),
		TEST(test_invite_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
