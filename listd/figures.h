/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures.h - what the queue role counts since its start, for Prometheus.
 *
 * Few series, whatever is mailed: labels come from tables of ours, and of the
 * sites only FIGURES_SITES are told apart, those that took the most; the
 * others share one name.  A site that grows to twice the smallest of them
 * takes its place, begins at 0 there, and the other's count goes to the rest.
 * Providers are those of the shaping data that were mailed, FIGURES_PROVIDERS
 * at most.  Nothing is told per domain, list or person.
 */
#ifndef LISTD_FIGURES_H
#define LISTD_FIGURES_H

#include <stdint.h>

struct figures;
struct outcome;
struct strbuf;

#define FIGURES_SITES	16	/* told apart by name */
#define FIGURES_RIVALS	64	/* counted besides, to find who grew */
#define FIGURES_PROVIDERS 64	/* the first ones; more are the rest */
#define FIGURES_OTHER	"other"	/* the name of the rest */

/* What is counted one by one. */
enum figure {
	FIGURE_JOINS,		/* requests to join, by form or mail */
	FIGURE_CONFIRMATIONS,	/* that made a member */
	FIGURE_ONECLICK,	/* one-click posts answered */
	FIGURE_LEAVES,		/* requests that took somebody off a list */
	FIGURE_BOUNCES_HARD,	/* reports of failed deliveries */
	FIGURE_BOUNCES_SOFT,
	FIGURE_BOUNCES_OTHER,	/* that say nothing of the mailbox */
	FIGURES
};

struct figures *figures_new(void);
void figures_free(struct figures *f);

void figures_count(struct figures *f, enum figure which);
/*
 * What became of one delivery.
 *
 * site		its best host, or NULL for none
 * provider	the name the shaping data have for who it is, or NULL
 */
void figures_outcome(struct figures *f, const struct outcome *o,
    const char *site, const char *provider);
/* A batch of outcomes became durable so long after it was sent off. */
void figures_batch(struct figures *f, int64_t ms);

/* Append it all. */
void figures_format(const struct figures *f, struct strbuf *out);

#endif
