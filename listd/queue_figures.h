/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_figures.h - the queue role's figures as Prometheus reads them.
 */
#ifndef LISTD_QUEUE_FIGURES_H
#define LISTD_QUEUE_FIGURES_H

struct queue;
struct strbuf;

#define QUEUE_FIGURES_MAX	(48u << 10)	/* octets of all of it */

/* Append what was counted since the start, and what is now. */
void queue_figures_format(struct queue *q, struct strbuf *out);

#endif
