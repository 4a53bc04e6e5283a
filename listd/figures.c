/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures.c - what the queue role counts since its start, for Prometheus.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/datafile.h"
#include "lib/exposition.h"
#include "lib/ipc.h"
#include "lib/reply_class.h"
#include "lib/xmalloc.h"
#include "listd/figures.h"
#include "spool/gate.h"
#include "spool/outcome.h"

#define KINDS	2		/* campaign, notice */
#define SITE_NAME_MAX	256

/* One of the few sites that are told apart, or that may come to be. */
struct place {
	char		name[SITE_NAME_MAX];
	uint64_t	volume;		/* since it was known, and before */
	uint64_t	n[OUTCOME_STATES];
};

/* A receiver of the shaping data. */
struct receiver {
	char		name[DATAFILE_NAME_MAX + 1];
	uint64_t	n[OUTCOME_STATES];
};

struct figures {
	uint64_t	one[FIGURES];
	uint64_t	attempts[KINDS][OUTCOME_STATES];
	uint64_t	deferred[REPLY_CATEGORIES];
	uint64_t	failed[REPLY_CATEGORIES];
	uint64_t	expired;
	uint64_t	suppressed[GATE_VERDICTS];
	struct exposition_times batches;
	/* The first FIGURES_SITES are shown. */
	struct place	place[FIGURES_SITES + FIGURES_RIVALS];
	size_t		nplaces;
	uint64_t	other[OUTCOME_STATES];
	size_t		last;		/* found last: likely the next too */
	struct receiver	receiver[FIGURES_PROVIDERS];
	size_t		nreceivers;
	uint64_t	other_receivers[OUTCOME_STATES];
};

struct figures *
figures_new(void)
{
	return xcalloc(1, sizeof(struct figures));
}

void
figures_free(struct figures *f)
{
	free(f);
}

void
figures_count(struct figures *f, enum figure which)
{
	f->one[which]++;
}

void
figures_batch(struct figures *f, int64_t ms)
{
	exposition_time(&f->batches, ms);
}

/* ---- sites */

static size_t
least(const struct figures *f, size_t from, size_t to)
{
	size_t min = from;

	for (size_t i = from; i < to; i++)
		if (f->place[i].volume < f->place[min].volume)
			min = i;
	return min;
}

/*
 * The place of a site, found or made.  With no place left it takes that of
 * the smallest rival and inherits its volume, so that no site which deserves
 * to be shown can be kept out by many small ones for ever.
 */
static size_t
find(struct figures *f, const char *name)
{
	size_t i;

	if (f->last < f->nplaces && strcmp(f->place[f->last].name, name) == 0)
		return f->last;
	for (i = 0; i < f->nplaces; i++)
		if (strcmp(f->place[i].name, name) == 0)
			return i;
	if (f->nplaces < FIGURES_SITES + FIGURES_RIVALS)
		i = f->nplaces++;
	else
		i = least(f, FIGURES_SITES, f->nplaces);
	snprintf(f->place[i].name, sizeof(f->place[i].name), "%s", name);
	memset(f->place[i].n, 0, sizeof(f->place[i].n));
	return i;
}

/*
 * A rival that has twice what the smallest shown one has goes up.  What that
 * one had is told with the others from here on, so that the sum stays right.
 */
static size_t
promote(struct figures *f, size_t i)
{
	size_t min;
	struct place was;

	if (i < FIGURES_SITES)
		return i;
	min = least(f, 0, FIGURES_SITES);
	if (f->place[i].volume < 2 * f->place[min].volume)
		return i;
	was = f->place[min];
	f->place[min] = f->place[i];
	f->place[i] = was;
	for (size_t k = 0; k < OUTCOME_STATES; k++) {
		f->other[k] += was.n[k];
		f->place[i].n[k] = 0;
	}
	return min;
}

static void
count_site(struct figures *f, enum outcome_state state, const char *site)
{
	size_t i = find(f, site);

	f->place[i].volume++;
	i = promote(f, i);
	f->last = i;
	if (i < FIGURES_SITES)
		f->place[i].n[state]++;
	else
		f->other[state]++;
}

static void
count_receiver(struct figures *f, enum outcome_state state, const char *name)
{
	struct receiver *r;
	size_t i = 0;

	while (i < f->nreceivers && strcmp(f->receiver[i].name, name) != 0)
		i++;
	if (i == FIGURES_PROVIDERS) {
		f->other_receivers[state]++;
		return;
	}
	r = &f->receiver[i];
	if (i == f->nreceivers) {
		snprintf(r->name, sizeof(r->name), "%s", name);
		f->nreceivers++;
	}
	r->n[state]++;
}

void
figures_outcome(struct figures *f, const struct outcome *o, const char *site,
    const char *provider)
{
	unsigned category = o->category < REPLY_CATEGORIES ? o->category :
	    REPLY_CAT_UNKNOWN;

	if (o->attempt > 0) {
		f->attempts[o->kind == IPC_KIND_NOTICE][o->state]++;
		if (site != NULL)
			count_site(f, o->state, site);
		if (provider != NULL)
			count_receiver(f, o->state, provider);
	}
	switch (o->state) {
	case OUTCOME_DELIVERED:
		break;
	case OUTCOME_DEFERRED:
		f->deferred[category]++;
		break;
	case OUTCOME_FAILED:
		f->failed[category]++;
		break;
	case OUTCOME_EXPIRED:
		f->expired++;
		break;
	case OUTCOME_SUPPRESSED:
		f->suppressed[o->gate < GATE_VERDICTS ? o->gate : 0]++;
		break;
	}
}

/* ---- told */

/* The results of an attempt; suppressed ones never get that far. */
static const enum outcome_state results[] = {
	OUTCOME_DELIVERED, OUTCOME_DEFERRED, OUTCOME_FAILED, OUTCOME_EXPIRED,
};
#define RESULTS	(sizeof(results) / sizeof(results[0]))

static void
format_attempts(const struct figures *f, struct strbuf *out)
{
	static const char name[] = "listd_attempts_total";

	exposition_head(out, name, "counter", "Attempts to deliver a copy, by "
	    "what came of them; expired: deferred once too often.");
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < RESULTS; i++)
			exposition_sample(out, name,
			    f->attempts[k][results[i]], "kind", k == 0 ?
			    "campaign" : "notice", "result",
			    outcome_state_name(results[i]), NULL);
}

static void
format_categories(struct strbuf *out, const char *name, const char *help,
    const uint64_t *n)
{
	exposition_head(out, name, "counter", help);
	for (enum reply_category c = REPLY_CAT_MAILBOX_UNKNOWN;
	    c < REPLY_CATEGORIES; c++)
		exposition_sample(out, name, n[c], "category",
		    reply_category_name(c), NULL);
}

static void
format_suppressed(const struct figures *f, struct strbuf *out)
{
	static const char name[] = "listd_suppressed_total";

	exposition_head(out, name, "counter", "Copies that were not made, "
	    "because their recipient may not be mailed.");
	for (enum gate_verdict v = GATE_LEFT; v < GATE_VERDICTS; v++)
		exposition_sample(out, name, f->suppressed[v], "reason",
		    gate_verdict_name(v), NULL);
}

static void
format_place(struct strbuf *out, const char *name, const char *label,
    const char *value, const uint64_t *n)
{
	for (size_t i = 0; i < RESULTS; i++)
		exposition_sample(out, name, n[results[i]], label, value,
		    "result", outcome_state_name(results[i]), NULL);
}

static void
format_receivers(const struct figures *f, struct strbuf *out)
{
	static const char name[] = "listd_provider_attempts_total";

	exposition_head(out, name, "counter", "Attempts at the providers of "
	    "the shaping data; default: at who is none of them.");
	for (size_t i = 0; i < f->nreceivers; i++)
		format_place(out, name, "provider", f->receiver[i].name,
		    f->receiver[i].n);
	if (f->nreceivers == FIGURES_PROVIDERS)
		format_place(out, name, "provider", FIGURES_OTHER,
		    f->other_receivers);
}

static void
format_sites(const struct figures *f, struct strbuf *out)
{
	static const char name[] = "listd_site_attempts_total";

	exposition_head(out, name, "counter", "Attempts at the largest "
	    "sites, named by their best host; other: at all the others.");
	for (size_t i = 0; i < f->nplaces && i < FIGURES_SITES; i++)
		format_place(out, name, "site", f->place[i].name,
		    f->place[i].n);
	format_place(out, name, "site", FIGURES_OTHER, f->other);
}

static void
format_bounces(const struct figures *f, struct strbuf *out)
{
	static const char name[] = "listd_bounces_total";

	exposition_head(out, name, "counter", "Reports of copies that were "
	    "accepted and bounced later, by what they say of the mailbox.");
	exposition_sample(out, name, f->one[FIGURE_BOUNCES_HARD], "verdict",
	    "hard", NULL);
	exposition_sample(out, name, f->one[FIGURE_BOUNCES_SOFT], "verdict",
	    "soft", NULL);
	exposition_sample(out, name, f->one[FIGURE_BOUNCES_OTHER], "verdict",
	    "other", NULL);
}

void
figures_format(const struct figures *f, struct strbuf *out)
{
	static const struct {
		enum figure	 which;
		const char	*name, *help;
	} rows[] = {
		{ FIGURE_JOINS, "listd_joins_total",
		    "Requests to join a list." },
		{ FIGURE_CONFIRMATIONS, "listd_confirmations_total",
		    "Confirmations that made a member." },
		{ FIGURE_ONECLICK, "listd_oneclick_posts_total",
		    "One-click posts that were made durable." },
		{ FIGURE_LEAVES, "listd_leaves_total", "Requests of whatever "
		    "kind that took somebody off a list." },
	};

	format_attempts(f, out);
	format_categories(out, "listd_deferred_total",
	    "Attempts that were deferred, by why.", f->deferred);
	format_categories(out, "listd_failed_total",
	    "Deliveries that failed for good, by why.", f->failed);
	exposition_one(out, "listd_expired_total", "counter",
	    "Deliveries whose time was over.", f->expired);
	format_suppressed(f, out);
	format_sites(f, out);
	format_receivers(f, out);
	format_bounces(f, out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		exposition_one(out, rows[i].name, "counter", rows[i].help,
		    f->one[rows[i].which]);
	exposition_times(out, "listd_batch_commit_seconds", "How long a batch "
	    "of outcomes took to be durable.", &f->batches);
}
