/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - what the web role counts, and how Prometheus is told.
 */
#include "config.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "web/metrics.h"

/*
 * Statuses counted one by one; any other goes to the last, which is shown as
 * "other".  The first is for requests that got no answer.
 */
static const unsigned statuses[] = {
	0, 200, 204, 400, 404, 405, 410, 413, 431, 501, 503, 999,
};
#define STATUSES	(sizeof(statuses) / sizeof(statuses[0]))

/*
 * The buckets of a round trip: 1, 2 ... 9 times each power of ten from 1 ms
 * to 10 s, linear within logarithmic.
 */
#define DECADES		4
#define STEPS		9
#define BUCKETS		(DECADES * STEPS + 1)

struct metrics {
	_Atomic uint64_t	requests[ROUTES][STATUSES];
	_Atomic uint64_t	trips[BUCKETS + 1];	/* one past: +Inf */
	_Atomic uint64_t	trips_ms;
	_Atomic uint64_t	unanswered, refused, slow;
	_Atomic int64_t		connections;
};

struct metrics *
metrics_new(void)
{
	return xcalloc(1, sizeof(struct metrics));
}

void
metrics_free(struct metrics *m)
{
	free(m);
}

static void
count(_Atomic uint64_t *v, uint64_t by)
{
	atomic_fetch_add_explicit(v, by, memory_order_relaxed);
}

static uint64_t
value(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

void
metrics_request(struct metrics *m, enum web_route route, unsigned status)
{
	size_t i = 0;

	while (i < STATUSES - 1 && statuses[i] != status)
		i++;
	count(&m->requests[route][i], 1);
}

static int64_t
bucket_ms(size_t i)
{
	int64_t ms = 1;

	for (size_t d = 0; d < i / STEPS; d++)
		ms *= 10;
	return ms * (int64_t)(i % STEPS + 1);
}

void
metrics_round_trip(struct metrics *m, int64_t ms)
{
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (i < BUCKETS && ms > bucket_ms(i))
		i++;
	count(&m->trips[i], 1);
	count(&m->trips_ms, (uint64_t)ms);
}

void
metrics_unanswered(struct metrics *m)
{
	count(&m->unanswered, 1);
}

void
metrics_connection(struct metrics *m, int by)
{
	atomic_fetch_add_explicit(&m->connections, by, memory_order_relaxed);
}

void
metrics_refused(struct metrics *m)
{
	count(&m->refused, 1);
}

void
metrics_slow(struct metrics *m)
{
	count(&m->slow, 1);
}

static void
head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	strbuf_addf(out, "# HELP listd_web_%s %s\n# TYPE listd_web_%s %s\n",
	    name, help, name, type);
}

static void
format_one(struct strbuf *out, const char *name, const char *type,
    const char *help, uint64_t v)
{
	head(out, name, type, help);
	strbuf_addf(out, "listd_web_%s %" PRIu64 "\n", name, v);
}

static void
format_requests(const struct metrics *m, struct strbuf *out)
{
	head(out, "requests_total", "counter", "Requests by route and status; "
	    "none: cut off before an answer.");
	for (enum web_route r = 0; r < ROUTES; r++) {
		for (size_t i = 0; i < STATUSES; i++) {
			uint64_t n = value(&m->requests[r][i]);

			if (n == 0)
				continue;
			strbuf_addf(out, "listd_web_requests_total{route="
			    "\"%s\",status=\"", route_name(r));
			if (i == 0 || i == STATUSES - 1)
				strbuf_adds(out, i == 0 ? "none" : "other");
			else
				strbuf_addf(out, "%u", statuses[i]);
			strbuf_addf(out, "\"} %" PRIu64 "\n", n);
		}
	}
}

static void
format_trips(const struct metrics *m, struct strbuf *out)
{
	static const char name[] = "listd_web_queue_seconds";
	uint64_t sum = 0, ms;

	head(out, "queue_seconds", "histogram",
	    "How long the queue role took to answer.");
	for (size_t i = 0; i < BUCKETS; i++) {
		ms = (uint64_t)bucket_ms(i);
		sum += value(&m->trips[i]);
		strbuf_addf(out, "%s_bucket{le=\"%" PRIu64 ".%03" PRIu64
		    "\"} %" PRIu64 "\n", name, ms / 1000, ms % 1000, sum);
	}
	sum += value(&m->trips[BUCKETS]);
	ms = value(&m->trips_ms);
	strbuf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
	strbuf_addf(out, "%s_sum %" PRIu64 ".%03" PRIu64 "\n", name,
	    ms / 1000, ms % 1000);
	strbuf_addf(out, "%s_count %" PRIu64 "\n", name, sum);
}

void
metrics_format(const struct metrics *m, struct strbuf *out)
{
	int64_t open = atomic_load_explicit(&m->connections,
	    memory_order_relaxed);

	head(out, "build_info", "gauge", "The version that runs.");
	strbuf_addf(out, "listd_web_build_info{version=\"%s\"} 1\n",
	    PACKAGE_VERSION);
	format_one(out, "connections", "gauge", "Open connections.",
	    open > 0 ? (uint64_t)open : 0);
	format_one(out, "connections_refused_total", "counter",
	    "Connections closed at once for a limit.", value(&m->refused));
	format_one(out, "connections_slow_total", "counter",
	    "Connections cut off for being too slow.", value(&m->slow));
	format_requests(m, out);
	format_one(out, "queue_unanswered_total", "counter",
	    "Requests that the queue role did not answer in time.",
	    value(&m->unanswered));
	format_trips(m, out);
}
