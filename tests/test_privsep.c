/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_privsep.c - the parts of the parent that need no process: how long a
 * death waits, who may have what, and the frames at the start of a role.
 */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/strbuf.h"
#include "listd/child.h"
#include "listd/descriptors.h"
#include "listd/resources.h"
#include "listd/start.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* ---- deaths */

static int64_t
dies(struct child *c, int64_t lived_ms, int64_t *now, bool *alarm)
{
	c->born_ms = *now;
	*now += lived_ms;
	return child_died(c, *now, alarm);
}

static void
waits_double_up_to_a_limit(void **state)
{
	static const int64_t waits[] = { 100, 200, 400, 800, 1600, 3200,
		6400, 12800, 25600, 30000, 30000, 30000 };
	struct child c;
	int64_t now = 5000;
	bool alarm;

	(void)state;
	child_init(&c, ROLE_DELIVER, 12);
	assert_string_equal(c.name, "deliver.12");
	for (size_t i = 0; i < LEN(waits); i++)
		assert_int_equal(dies(&c, 10, &now, &alarm), waits[i]);
	/* Not quite a minute, then a minute. */
	assert_int_equal(dies(&c, CHILD_STEADY_MS - 1, &now, &alarm), 30000);
	assert_int_equal(dies(&c, CHILD_STEADY_MS, &now, &alarm), 100);
	assert_int_equal(dies(&c, 10, &now, &alarm), 200);
}

static void
five_deaths_in_a_minute_are_an_alarm(void **state)
{
	struct child c;
	int64_t now = 0;
	bool alarm;

	(void)state;
	child_init(&c, ROLE_WEB, 0);
	for (int i = 1; i <= 4; i++) {
		dies(&c, 15000, &now, &alarm);
		assert_false(alarm);
	}
	/* The first was exactly a minute ago. */
	dies(&c, 15000, &now, &alarm);
	assert_true(alarm);
	/* And now a little more than that. */
	dies(&c, 15001, &now, &alarm);
	assert_false(alarm);
}

/* ---- who may have what */

static void
what_is_secret_goes_to_few(void **state)
{
	static const struct {
		const char *name;
		bool queue, deliver, inbound, web;
	} rows[] = {
		{ "secret/ledger", true, false, false, false },
		{ "secret/h8", true, false, true, true },
		{ "secret/verp", true, true, true, true },
		{ "secret/unknown", false, false, false, false },
		{ "dkim/example.org/s.pem", false, true, false, false },
		{ "smtp-key", false, false, true, false },
		{ "smtp.0", false, false, true, false },
		{ "smtp.15", false, false, true, false },
		{ "web-key", false, false, false, true },
		{ "http.0", false, false, false, true },
		{ "https.0", false, false, false, true },
		{ "control", true, false, false, false },
		{ "control2", false, false, false, false },
		{ "ring", true, true, false, false },
		{ "smarthost-auth", false, true, false, false },
		{ "clock", true, true, true, true },
		{ "", false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		const char *name = rows[i].name;

		if (resources_allowed(ROLE_QUEUE, name) != rows[i].queue ||
		    resources_allowed(ROLE_DELIVER, name) !=
		    rows[i].deliver ||
		    resources_allowed(ROLE_INBOUND, name) !=
		    rows[i].inbound ||
		    resources_allowed(ROLE_WEB, name) != rows[i].web)
			fail_msg("%s", name);
	}
}

/* ---- the table of descriptors */

static int
null_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
descriptors_have_one_owner(void **state)
{
	struct descriptors d = { NULL, 0, 0 }, fresh = { NULL, 0, 0 };
	int a = null_fd(), b = null_fd(), c = null_fd(), k = null_fd();
	int again = null_fd();

	(void)state;
	descriptors_put(&d, "smtp.0", a, false);
	descriptors_put(&d, "dkim/a", b, true);
	descriptors_put(&d, "dkim/b", c, true);
	/* A second of one name closes the first. */
	descriptors_put(&d, "dkim/b", again, true);
	assert_false(is_open(c));
	assert_int_equal(descriptors_find(&d, "dkim/b"), again);
	assert_int_equal(descriptors_find(&d, "dkim"), -1);
	/* What a reload did not bring again is gone; listeners stay. */
	descriptors_put(&fresh, "dkim/c", k, true);
	descriptors_renew(&d, &fresh);
	assert_false(is_open(b));
	assert_false(is_open(again));
	assert_int_equal(descriptors_find(&d, "smtp.0"), a);
	assert_int_equal(descriptors_find(&d, "dkim/c"), k);
	assert_int_equal(descriptors_find(&fresh, "dkim/c"), -1);
	assert_true(is_open(a));
	descriptors_free(&d);
	assert_false(is_open(k));
	assert_false(is_open(a));
}

static void
names_are_walked_by_prefix(void **state)
{
	struct descriptors d = { NULL, 0, 0 };
	const char *name;
	size_t iter = 0;
	int fd, n = 0;

	(void)state;
	descriptors_put(&d, FD_SMTP "0", null_fd(), false);
	descriptors_put(&d, FD_SMTP_KEY, null_fd(), true);
	descriptors_put(&d, FD_SMTP "1", null_fd(), false);
	while (descriptors_next(&d, FD_SMTP, &iter, &name, &fd)) {
		assert_memory_equal(name, FD_SMTP, strlen(FD_SMTP));
		n++;
	}
	assert_int_equal(n, 2);
	descriptors_free(&d);
}

/* ---- frames */

static const struct start sample = {
	.kind = ROLE_DELIVER, .index = 63, .delivers = 64,
	.epoch = UINT64_C(1) << 40, .foreground = true, .drop = true,
	.rights = { .uid = 1, .gid = 2, .own_gid = 3, .ngroups = 2,
	    .groups = { 4, 5 } },
	.conf = { (const uint8_t *)"text", 4 },
};

static void
a_start_reads_back(void **state)
{
	struct strbuf b = STRBUF_INIT(1024);
	struct start got;

	(void)state;
	start_put(&b, &sample);
	assert_true(start_get(b.s, b.len, &got));
	assert_int_equal(got.kind, sample.kind);
	assert_int_equal(got.index, sample.index);
	assert_int_equal(got.delivers, sample.delivers);
	assert_int_equal(got.epoch, sample.epoch);
	assert_true(got.foreground);
	assert_false(got.first_run);
	assert_true(got.drop);
	assert_int_equal(got.rights.uid, 1);
	assert_int_equal(got.rights.own_gid, 3);
	assert_int_equal(got.rights.ngroups, 2);
	assert_int_equal(got.rights.groups[1], 5);
	assert_memory_equal(got.conf.p, "text", 4);
	/* Not one octet less or more. */
	for (size_t n = 0; n < b.len; n++)
		assert_false(start_get(b.s, n, &got));
	strbuf_addc(&b, 'x');
	assert_false(start_get(b.s, b.len, &got));
	strbuf_free(&b);
}

static void
senseless_starts_are_refused(void **state)
{
	struct strbuf b = STRBUF_INIT(1024);
	struct start got, s;

	(void)state;
	for (int i = 0; i < 5; i++) {
		s = sample;
		switch (i) {
		case 0:
			s.kind = 0;
			break;
		case 1:
			s.kind = ROLE_KINDS;
			break;
		case 2:
			s.index = ROLE_DELIVER_MAX;
			break;
		case 3:
			s.delivers = ROLE_DELIVER_MAX + 1;
			break;
		case 4:
			break;
		}
		strbuf_reset(&b);
		start_put(&b, &s);
		if (i == 4)
			b.s[17] = 2;	/* foreground is yes or no */
		if (start_get(b.s, b.len, &got))
			fail_msg("case %d", i);
	}
	strbuf_free(&b);
}

static void
peers_and_descriptors_read_back(void **state)
{
	struct start_peer peer = { ROLE_WEB, 3, 99 }, got;
	struct strbuf b = STRBUF_INIT(2048);
	char name[START_NAME_MAX], longest[START_NAME_MAX + 1];
	bool reloadable;

	(void)state;
	start_put_peer(&b, &peer);
	assert_true(start_get_peer(b.s, b.len, &got));
	assert_int_equal(got.kind, ROLE_WEB);
	assert_int_equal(got.index, 3);
	assert_int_equal(got.epoch, 99);
	for (size_t n = 0; n < b.len; n++)
		assert_false(start_get_peer(b.s, n, &got));

	strbuf_reset(&b);
	start_put_descriptor(&b, "dkim/example.org/s.pem", true);
	assert_true(start_get_descriptor(b.s, b.len, name, &reloadable));
	assert_string_equal(name, "dkim/example.org/s.pem");
	assert_true(reloadable);
	for (size_t n = 0; n < b.len; n++)
		assert_false(start_get_descriptor(b.s, n, name, &reloadable));

	memset(longest, 'a', sizeof(longest));
	longest[START_NAME_MAX - 1] = '\0';
	strbuf_reset(&b);
	start_put_descriptor(&b, longest, false);
	assert_true(start_get_descriptor(b.s, b.len, name, &reloadable));
	longest[START_NAME_MAX - 1] = 'a';
	longest[START_NAME_MAX] = '\0';
	strbuf_reset(&b);
	start_put_descriptor(&b, longest, false);
	assert_false(start_get_descriptor(b.s, b.len, name, &reloadable));
	strbuf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_a_limit),
		cmocka_unit_test(five_deaths_in_a_minute_are_an_alarm),
		cmocka_unit_test(what_is_secret_goes_to_few),
		cmocka_unit_test(descriptors_have_one_owner),
		cmocka_unit_test(names_are_walked_by_prefix),
		cmocka_unit_test(a_start_reads_back),
		cmocka_unit_test(senseless_starts_are_refused),
		cmocka_unit_test(peers_and_descriptors_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
