/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_figures.c - what the queue role counts, and how Prometheus is told.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/exposition.h"
#include "lib/ipc.h"
#include "lib/reply_class.h"
#include "lib/strbuf.h"
#include "listd/figures.h"
#include "spool/gate.h"
#include "spool/outcome.h"

static struct strbuf out = STRBUF_INIT(1 << 20);

static void
told(const struct figures *f)
{
	strbuf_reset(&out);
	figures_format(f, &out);
	assert_false(out.overflow);
}

#define HAS(line)	assert_non_null(strstr(out.s, "\n" line "\n"))

/* Nothing that a peer can choose breaks a line or a label. */
static void
values_are_escaped(void **state)
{
	(void)state;
	strbuf_reset(&out);
	exposition_sample(&out, "a", 7, "x", "q\"b\\n\nt\t\xc3\xa9", "y", "",
	    NULL);
	assert_string_equal(out.s,
	    "a{x=\"q\\\"b\\\\n\\nt???\",y=\"\"} 7\n");
	strbuf_reset(&out);
	exposition_seconds(&out, "b", 1230, NULL);
	exposition_seconds(&out, "b", -5, NULL);
	assert_string_equal(out.s, "b 1.230\nb 0.000\n");
}

static void
times_add_up(void **state)
{
	static const int64_t ms[] = { -1, 0, 1, 2, 3, 50000, 50001 };
	struct exposition_times t = { { 0 }, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
		exposition_time(&t, ms[i]);
	strbuf_reset(&out);
	strbuf_addc(&out, '\n');
	exposition_times(&out, "t_seconds", "Help.", &t);
	HAS("# TYPE t_seconds histogram");
	HAS("t_seconds_bucket{le=\"0.001\"} 3");
	HAS("t_seconds_bucket{le=\"0.002\"} 4");
	HAS("t_seconds_bucket{le=\"0.005\"} 5");
	HAS("t_seconds_bucket{le=\"20.000\"} 5");
	HAS("t_seconds_bucket{le=\"50.000\"} 6");
	HAS("t_seconds_bucket{le=\"+Inf\"} 7");
	HAS("t_seconds_sum 100.007");
	HAS("t_seconds_count 7");
}

static void
outcomes_are_counted_once(void **state)
{
	static const struct outcome rows[] = {
		{ .state = OUTCOME_DELIVERED, .kind = IPC_KIND_CAMPAIGN,
		    .attempt = 1 },
		{ .state = OUTCOME_DEFERRED, .kind = IPC_KIND_CAMPAIGN,
		    .attempt = 1, .category = REPLY_CAT_GREYLISTED },
		{ .state = OUTCOME_FAILED, .kind = IPC_KIND_CAMPAIGN,
		    .attempt = 2, .category = REPLY_CAT_MAILBOX_UNKNOWN },
		{ .state = OUTCOME_DELIVERED, .kind = IPC_KIND_NOTICE,
		    .attempt = 1 },
		/* No server was asked: no attempt. */
		{ .state = OUTCOME_EXPIRED, .kind = IPC_KIND_CAMPAIGN },
		{ .state = OUTCOME_SUPPRESSED, .kind = IPC_KIND_CAMPAIGN,
		    .gate = GATE_SUSPENDED },
		/* A category this build does not know. */
		{ .state = OUTCOME_FAILED, .kind = IPC_KIND_CAMPAIGN,
		    .attempt = 1, .category = 250 },
	};
	struct figures *f = figures_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		figures_outcome(f, &rows[i], "mx.example.net", "default");
	figures_count(f, FIGURE_ONECLICK);
	figures_count(f, FIGURE_BOUNCES_HARD);
	figures_count(f, FIGURE_BOUNCES_HARD);
	figures_batch(f, 7);
	told(f);
#define CAMPAIGN(result, n) \
	HAS("listd_attempts_total{kind=\"campaign\",result=\"" result "\"} " n)
	CAMPAIGN("delivered", "1");
	CAMPAIGN("deferred", "1");
	CAMPAIGN("failed", "2");
	CAMPAIGN("expired", "0");
#undef CAMPAIGN
	HAS("listd_attempts_total{kind=\"notice\",result=\"delivered\"} 1");
	HAS("listd_deferred_total{category=\"greylisted\"} 1");
	HAS("listd_failed_total{category=\"mailbox-unknown\"} 1");
	HAS("listd_failed_total{category=\"unknown\"} 1");
	HAS("listd_expired_total 1");
	HAS("listd_suppressed_total{reason=\"suspended\"} 1");
	HAS("listd_site_attempts_total{site=\"mx.example.net\","
	    "result=\"delivered\"} 2");
	HAS("listd_provider_attempts_total{provider=\"default\","
	    "result=\"delivered\"} 2");
	HAS("listd_oneclick_posts_total 1");
	HAS("listd_bounces_total{verdict=\"hard\"} 2");
	HAS("listd_batch_commit_seconds_count 1");
	figures_free(f);
}

static unsigned
sites_told(void)
{
	unsigned n = 0;

	for (const char *p = out.s; (p = strstr(p, "{site=")) != NULL; p++)
		n++;
	return n / 4;		/* a line for each result */
}

static unsigned long
all_sites(void)
{
	unsigned long n = 0, v;

	for (const char *p = out.s; (p = strstr(p, "{site=")) != NULL; p++)
		if (sscanf(strstr(p, "} "), "} %lu", &v) == 1)
			n += v;
	return n;
}

static bool
is_told(const char *site)
{
	char text[300];

	snprintf(text, sizeof(text), "{site=\"%s\",", site);
	return strstr(out.s, text) != NULL;
}

/* However many sites there are, the series stay few and the sum right. */
static void
sites_are_few(void **state)
{
	const struct outcome o = { .state = OUTCOME_DELIVERED,
	    .kind = IPC_KIND_CAMPAIGN, .attempt = 1 };
	struct figures *f = figures_new();
	char name[32];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "mx.small%d.example", i);
		figures_outcome(f, &o, name, NULL);
	}
	told(f);
	assert_int_equal(sites_told(), FIGURES_SITES + 1);
	assert_false(is_told("mx.big.example"));
	/* One that comes late and takes most of it is seen. */
	for (int i = 0; i < 1000; i++)
		figures_outcome(f, &o, "mx.big.example", NULL);
	told(f);
	assert_int_equal(sites_told(), FIGURES_SITES + 1);
	assert_true(is_told("mx.big.example"));
	assert_int_equal(all_sites(), 6000);
	HAS("listd_attempts_total{kind=\"campaign\",result=\"delivered\"} "
	    "6000");
	figures_free(f);
}

/* What is shown and does not shrink keeps its place and its count. */
static void
large_sites_stay(void **state)
{
	const struct outcome o = { .state = OUTCOME_DELIVERED,
	    .kind = IPC_KIND_CAMPAIGN, .attempt = 1 };
	struct figures *f = figures_new();
	char name[32];

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "mx%d.example", i % 10 < 6 ? 0 :
		    i % 10 < 8 ? 1 : 2 + i);
		figures_outcome(f, &o, name, NULL);
	}
	told(f);
	HAS("listd_site_attempts_total{site=\"mx0.example\","
	    "result=\"delivered\"} 60000");
	HAS("listd_site_attempts_total{site=\"mx1.example\","
	    "result=\"delivered\"} 20000");
	figures_free(f);
}

static int
end(void **state)
{
	(void)state;
	strbuf_free(&out);
	return 0;
}

/* As many as the data may name: the sum stays right, the series are few. */
static void
providers_are_bounded(void **state)
{
	const struct outcome o = { .state = OUTCOME_DELIVERED,
		.kind = IPC_KIND_CAMPAIGN, .attempt = 1 };
	struct figures *f = figures_new();
	char name[32];
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "p%d", i % 1000);
		figures_outcome(f, &o, "mx.example", name);
	}
	told(f);
	for (const char *p = out.s; (p = strstr(p,
	    "\nlistd_provider_attempts_total{")) != NULL; p++)
		n++;
	assert_int_equal(n, 4 * (FIGURES_PROVIDERS + 1));	/* results */
	HAS("listd_provider_attempts_total{provider=\"p0\","
	    "result=\"delivered\"} 4");
	HAS("listd_provider_attempts_total{provider=\"other\","
	    "result=\"delivered\"} 3744");
	figures_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(times_add_up),
		cmocka_unit_test(outcomes_are_counted_once),
		cmocka_unit_test(providers_are_bounded),
		cmocka_unit_test(sites_are_few),
		cmocka_unit_test(large_sites_stay),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
