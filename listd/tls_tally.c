/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_tally.c - how handshakes of a deliver role went, until queue is told.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/mta_sts.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/tls_tally.h"

#define EVENT_MAX	(sizeof(struct tlsrpt_told) + 64)

struct tls_tally {
	const struct tls_tally_ops *ops;
	void			*arg;
	struct timers		*timers;
	struct timer		 timer;
	struct tlsrpt		*seen;
	struct tlsrpt		*told;	/* with policies, not handed on yet */
	uint64_t		 lost;	/* said already */
};

static void
on_time(void *arg)
{
	tls_tally_flush(arg);
}

struct tls_tally *
tls_tally_new(struct timers *timers, const struct tls_tally_ops *ops,
    void *arg)
{
	struct tls_tally *t = xcalloc(1, sizeof(*t));

	t->ops = ops;
	t->arg = arg;
	t->timers = timers;
	t->seen = tlsrpt_new(TLS_TALLY_ROWS);
	t->told = tlsrpt_new(TLS_TALLY_ROWS);
	timer_init(&t->timer, timers, on_time, t);
	return t;
}

void
tls_tally_free(struct tls_tally *t)
{
	if (t == NULL)
		return;
	timer_cancel(&t->timer);
	tlsrpt_free(t->seen);
	tlsrpt_free(t->told);
	free(t);
}

void
tls_tally_count(struct tls_tally *t, const struct tlsrpt_event *ev)
{
	struct tlsrpt_event now = *ev;

	now.when_ms = clock_utc_ms(timers_clock(t->timers));
	now.count = 1;
	if (tlsrpt_rows(t->seen) + tlsrpt_rows(t->told) == 0)
		timer_start(&t->timer, TLS_TALLY_MS);
	tlsrpt_count(t->seen, &now);
}

/* ---- what was promised */

static bool
is_of_certificate(enum tlsrpt_result r)
{
	return r == TLSRPT_HOST_MISMATCH || r == TLSRPT_EXPIRED ||
	    r == TLSRPT_NOT_TRUSTED || r == TLSRPT_VALIDATION;
}

static bool
is_of_fetch(enum tlsrpt_result r)
{
	return r == TLSRPT_STS_FETCH || r == TLSRPT_STS_INVALID ||
	    r == TLSRPT_STS_WEBPKI;
}

static void
by_policy(struct tlsrpt_event *ev, const struct mta_sts_policy *p,
    struct strbuf *text)
{
	mta_sts_format(text, p, TLSRPT_POLICY_MAX);
	ev->type = TLSRPT_STS;
	ev->policy = text->s;
	if (ev->result != TLSRPT_SUCCESS || mta_sts_match(p, ev->mx))
		return;
	ev->result = TLSRPT_VALIDATION;
	ev->reason = "the policy does not name the mail host";
}

/* Move a row to what is told, as what its domain promised makes of it. */
static void
judge(void *arg, const struct tlsrpt_event *seen)
{
	static struct mta_sts_kept k;	/* 16 KB */
	struct strbuf text = STRBUF_INIT(TLSRPT_POLICY_MAX);
	struct tlsrpt_event ev = *seen;
	struct tls_tally *t = arg;

	if (ev.type != TLSRPT_TLSA && t->ops->policy(t->arg, ev.domain, &k) &&
	    k.policy.mode != MTA_STS_NONE) {
		by_policy(&ev, &k.policy, &text);
	} else if (is_of_fetch(ev.result)) {
		ev.type = TLSRPT_STS;
	} else if (ev.type == TLSRPT_STS) {
		ev.type = TLSRPT_NO_POLICY;
		if (is_of_certificate(ev.result))
			ev.result = TLSRPT_SUCCESS;
	}
	tlsrpt_count(t->told, &ev);
	strbuf_free(&text);
}

/* ---- handing on */

struct frames {
	struct tls_tally	*t;
	struct strbuf		 b;
	unsigned		 n;
	bool			 full;	/* later, then */
};

static void
send(struct frames *f)
{
	if (f->n > 0 && !f->full)
		f->full = !f->t->ops->send(f->t->arg, &f->b, f->n);
	strbuf_reset(&f->b);
	f->n = 0;
}

static void
add(void *arg, const struct tlsrpt_event *ev)
{
	struct frames *f = arg;

	tlsrpt_pack(&f->b, ev);
	if (++f->n == TLS_TALLY_FRAME)
		send(f);
}

static void
say_lost(struct tls_tally *t)
{
	uint64_t lost = tlsrpt_lost(t->seen) + tlsrpt_lost(t->told);

	if (lost > t->lost)
		log_text(LEVEL_NOTICE, "tls-uncounted", "%llu handshakes",
		    (unsigned long long)(lost - t->lost));
	t->lost = lost;
}

void
tls_tally_flush(struct tls_tally *t)
{
	struct frames f = { .t = t };

	timer_cancel(&t->timer);
	tlsrpt_each(t->seen, judge, t);
	tlsrpt_clear(t->seen);
	say_lost(t);
	if (tlsrpt_rows(t->told) == 0)
		return;
	strbuf_init(&f.b, TLS_TALLY_FRAME * EVENT_MAX);
	tlsrpt_each(t->told, add, &f);
	send(&f);
	strbuf_free(&f.b);
	if (f.full)
		timer_start(&t->timer, TLS_TALLY_MS);
	else
		tlsrpt_clear(t->told);
}
