/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_tlsrpt.c - how TLS went, from deliver roles into the store and out as
 * reports to the domains that ask for them (RFC 8460).
 *
 *	row is due -> TXT record -> file, notices in S -> rows gone from Q
 *
 * One domain after the other.  A domain whose record cannot be asked for is
 * passed over until the next round, and given up a day after its time.  A crash
 * behind the notices makes the same report once more, under the same id.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/tlsrpt.h"
#include "lib/xmalloc.h"
#include "listd/queue_private.h"
#include "listd/scheduler.h"
#include "spool/content.h"
#include "spool/notice.h"
#include "spool/tls_count.h"

#define LOOK_MS		60000		/* between looks for what is due */
#define ROUND_MS	3600000		/* the DNS is asked again */
#define EVENTS_MAX	1000		/* of one frame */
#define ROWS_DELETED	200		/* by one job */
#define REPORT_TO_MAX	2		/* addresses that one report goes to */
#define RECORDS_MAX	64

struct tls_reports {
	struct queue		*q;
	struct timer		 timer;
	bool			 stopped, busy;
	int64_t			 round_ms;	/* when it began */
	bool			 begun;		/* at is set */
	struct tls_count_due	 at;		/* handled last, or now */
	int			 more;		/* rows to be deleted */
	unsigned		 n;
	struct notice		 notice[REPORT_TO_MAX];
};

/* ---- what deliver roles tell */

struct events {
	int64_t		 now_ms;
	unsigned	 n;
	size_t		 len;
	uint8_t		 bytes[];
};

static int
count(struct txn *t, void *arg, struct err *e)
{
	const struct events *v = arg;
	struct tlsrpt_told told;
	struct unpack u;

	unpack_init(&u, v->bytes, v->len);
	for (unsigned i = 0; i < v->n; i++) {
		tlsrpt_unpack(&u, &told);
		/* What finds no room is not told: the limits say how much. */
		if (tls_count_add(t, &told.ev, v->now_ms, e) == -1)
			return -1;
	}
	return 0;
}

static void
counted(void *arg, enum job_result r, const struct err *e)
{
	const struct events *v = arg;

	if (r == JOB_DONE)
		log_text(LEVEL_DEBUG, "tls-counted", "%u events", v->n);
	else
		log_failure(LEVEL_WARNING, "tls-count", e);
	free(arg);
}

int
queue_tls_events_take(struct queue *q, struct slice frame, struct err *e)
{
	struct events *v = NULL;
	struct job job = { .apply = count, .done = counted,
		.lane = WRITER_BULK };
	struct tlsrpt_told told;
	struct unpack u;
	struct slice rest;
	unsigned n;

	unpack_init(&u, frame.p, frame.len);
	n = unpack_u16(&u);
	rest = unpack_rest(&u);
	for (unsigned i = 0; i < n && n <= EVENTS_MAX; i++)
		tlsrpt_unpack(&u, &told);
	if (n > EVENTS_MAX || !unpack_done(&u)) {
		err_set(e, ERR_INPUT, "a malformed frame: TLS events");
		return -1;
	}
	v = xcalloc(1, sizeof(*v) + rest.len);
	v->now_ms = clock_utc_ms(q->env->clock);
	v->n = n;
	v->len = rest.len;
	memcpy(v->bytes, rest.p, rest.len);
	job.arg = v;
	queue_commit(q, STORE_Q, &job);
	return 0;
}

/* ---- one domain's day is over */

static void
next_soon(struct tls_reports *r)
{
	r->busy = false;
	if (!r->stopped)
		timer_start(&r->timer, 0);
}

static int
forget(struct txn *t, void *arg, struct err *e)
{
	struct tls_reports *r = arg;

	r->more = tls_count_del(t, &r->at, ROWS_DELETED, e);
	return job_answer(r->more, e);
}

static void forget_rows(struct tls_reports *r);

static void
forgotten(void *arg, enum job_result result, const struct err *e)
{
	struct tls_reports *r = arg;

	if (result == JOB_REFUSED)
		log_failure(LEVEL_ERROR, "tls-count", e);
	if (result == JOB_DONE && r->more == 1 && !r->stopped)
		forget_rows(r);
	else
		next_soon(r);
}

static void
forget_rows(struct tls_reports *r)
{
	const struct job job = { .apply = forget, .done = forgotten, .arg = r,
		.lane = WRITER_BULK };

	queue_commit(r->q, STORE_Q, &job);
}

/* ---- the report */

static void
say(const struct tls_reports *r, const char *what, size_t to)
{
	struct log_line l;

	log_begin(&l, LEVEL_NOTICE, "tls-report");
	log_str(&l, "domain", r->at.domain);
	log_int(&l, "day", r->at.day);
	log_str(&l, "status", what);
	log_int(&l, "to", (int64_t)to);
	log_end(&l);
}

static int
add_notices(struct txn *t, void *arg, struct err *e)
{
	struct tls_reports *r = arg;
	uint64_t id;

	for (unsigned i = 0; i < r->n; i++)
		if (notice_add(t, &r->notice[i], &id, e) == -1)
			return job_answer(-1, e);
	return 0;
}

static void
added(void *arg, enum job_result result, const struct err *e)
{
	struct tls_reports *r = arg;

	if (result != JOB_DONE) {
		log_failure(LEVEL_ERROR, "tls-report", e);
		next_soon(r);
		return;
	}
	say(r, "queued", r->n);
	scheduler_notices_changed(r->q->sched);
	forget_rows(r);
}

/* The report behind the line that says of what it is: 0, or -1. */
static int
write_report(struct tls_reports *r, struct strbuf *out, struct err *e)
{
	const struct conf *conf = r->q->env->conf;
	struct tlsrpt *sums = tlsrpt_new(TLS_COUNT_REPORT_MAX);
	struct tlsrpt_about about = { .day = r->at.day };
	char contact[CONF_NAME_MAX + 16];
	const struct tlsrpt_sender who = { .organization = conf->hostname,
		.contact = contact, .submitter = conf->bounce_domain };
	struct txn *t = NULL;
	int ret = -1;

	snprintf(contact, sizeof(contact), "postmaster@%s",
	    conf->bounce_domain);
	memcpy(about.domain, r->at.domain, sizeof(about.domain));
	/* Of this host, domain and day, and the same when made again. */
	snprintf(about.id, sizeof(about.id), "%016llx",
	    (unsigned long long)XXH3_64bits_withSeed(about.domain,
	    strlen(about.domain), (uint64_t)r->at.due_ms));
	if (txn_read(r->q->store, STORE_Q, &t, e) == 0) {
		ret = tls_count_load(t, &r->at, sums, e);
		txn_end(t);
	}
	tlsrpt_about_put(out, &about);
	if (ret == 0)
		ret = tlsrpt_report(sums, &who, about.domain, about.day,
		    about.id, out, e);
	tlsrpt_free(sums);
	return ret;
}

/* To whom, of those who want it by mail. */
static void
address(struct tls_reports *r, const struct tlsrpt_rua *rua)
{
	char mailbox[TLSRPT_NAME_MAX + 1];
	struct err e = ERR_INIT;

	r->n = 0;
	for (unsigned i = 0; i < rua->n && r->n < REPORT_TO_MAX; i++) {
		struct notice *n = &r->notice[r->n];

		if (tlsrpt_mailto(rua->uri[i], mailbox, &e) == -1)
			continue;
		*n = (struct notice){ .kind = NOTICE_TLS_REPORT,
			.created_ms = clock_utc_ms(r->q->env->clock) };
		snprintf(n->address, sizeof(n->address), "%s", mailbox);
		r->n++;
	}
}

static void
report(struct tls_reports *r)
{
	const struct job job = { .apply = add_notices, .done = added, .arg = r,
		.lane = WRITER_BULK };
	struct strbuf b = STRBUF_INIT(TLSRPT_REPORT_MAX);
	uint8_t hash[CONTENT_HASH];
	struct err e = ERR_INIT;

	if (write_report(r, &b, &e) == -1) {
		log_failure(LEVEL_ERROR, "tls-report", &e);
		forget_rows(r);
	} else if (content_put(r->q->content, b.s, b.len, hash, &e) == -1) {
		log_failure(LEVEL_ERROR, "tls-report", &e);
		next_soon(r);
	} else {
		for (unsigned i = 0; i < r->n; i++)
			memcpy(r->notice[i].content, hash, sizeof(hash));
		queue_commit(r->q, STORE_S, &job);
	}
	strbuf_free(&b);
}

/* ---- who is due */

static void
on_record(void *arg, enum ipc_dns status, const struct slice *text, size_t n)
{
	static struct tlsrpt_rua rua;
	char *copy[RECORDS_MAX] = { NULL };
	struct tls_reports *r = arg;
	bool wanted;

	if (r->stopped || status == IPC_DNS_TEMPORARY) {
		next_soon(r);
		return;
	}
	if (n > RECORDS_MAX)
		n = RECORDS_MAX;
	for (size_t i = 0; i < n; i++) {
		copy[i] = xmalloc(text[i].len + 1);
		memcpy(copy[i], text[i].p, text[i].len);
		copy[i][text[i].len] = '\0';
	}
	wanted = tlsrpt_record((const char *const *)copy, n, &rua);
	for (size_t i = 0; i < n; i++)
		free(copy[i]);
	if (wanted)
		address(r, &rua);
	if (wanted && r->n > 0)
		report(r);
	else
		forget_rows(r);
}

static void
begin(struct tls_reports *r, int64_t now_ms)
{
	char name[TLSRPT_NAME_MAX + 16];

	r->busy = true;
	snprintf(name, sizeof(name), "_smtp._tls.%s", r->at.domain);
	if (now_ms >= r->at.due_ms + TLS_COUNT_GIVE_UP_MS)
		say(r, "given up", 0);
	if (now_ms >= r->at.due_ms + TLS_COUNT_GIVE_UP_MS ||
	    !conf_reports_tls(r->q->env->conf))
		forget_rows(r);
	else
		scheduler_lookup_txt(r->q->sched, name, on_record, r);
}

static void
next_due(struct tls_reports *r)
{
	int64_t now_ms = clock_utc_ms(r->q->env->clock);
	struct tls_count_due d = { 0 };
	struct err e = ERR_INIT;
	struct txn *t = NULL;
	int rc = -1;

	if (now_ms >= r->round_ms + ROUND_MS || now_ms < r->round_ms) {
		r->round_ms = now_ms;
		r->begun = false;
	}
	if (txn_read(r->q->store, STORE_Q, &t, &e) == 0) {
		rc = tls_count_next(t, r->begun ? &r->at : NULL, &d, &e);
		txn_end(t);
	}
	if (rc == -1)
		log_failure(LEVEL_ERROR, "tls-count", &e);
	if (rc == 0 || (rc == 1 && d.due_ms > now_ms) || d.domain[0] == '\0') {
		timer_start(&r->timer, LOOK_MS);
		return;
	}
	r->at = d;
	r->begun = true;
	if (rc == 1) {
		begin(r, now_ms);
	} else {		/* a broken row hides the others of its day */
		r->busy = true;
		forget_rows(r);
	}
}

static void
on_look(void *arg)
{
	struct tls_reports *r = arg;

	if (!r->stopped && !r->busy)
		next_due(r);
}

/* ---- life */

void
queue_tls_reports_start(struct queue *q)
{
	q->tls_reports = xcalloc(1, sizeof(*q->tls_reports));
	q->tls_reports->q = q;
	timer_init(&q->tls_reports->timer, q->env->timers, on_look,
	    q->tls_reports);
	timer_start(&q->tls_reports->timer, LOOK_MS);
}

void
queue_tls_reports_stop(struct queue *q)
{
	if (q->tls_reports == NULL)
		return;
	q->tls_reports->stopped = true;
	timer_cancel(&q->tls_reports->timer);
}

void
queue_tls_reports_free(struct queue *q)
{
	queue_tls_reports_stop(q);
	free(q->tls_reports);
	q->tls_reports = NULL;
}
