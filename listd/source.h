/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - the addresses that mail leaves from.
 *
 * A delivery's source is chosen by weighted rendezvous on (subscriber,
 * campaign): the same each time, so that a retry comes from where the first
 * attempt came and greylisting lets it pass; and when a source is taken away
 * only its own deliveries move.  Confirmations and notices may have sources of
 * their own (R15).
 *
 * A source that is being warmed up sends so much a day to each provider
 * (shaping_warmup(), R16).  What is above that goes by the next one in order.
 * Its count of the day is committed ahead of need: after a crash some of its
 * share may be lost, and no more is sent than that.
 */
#ifndef LISTD_SOURCE_H
#define LISTD_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct delivery;
struct path;
struct scheduler;

#define SOURCE_WEIGHT_MAX	100
#define SOURCES_MAX		64

enum source_stream {		/* bits */
	SOURCE_CAMPAIGNS = 1,
	SOURCE_NOTICES = 2,
	SOURCE_BOTH = 3
};

struct source {
	uint8_t		family;		/* 4, 6; 0: the system's choice */
	uint8_t		ip[16];
	char		name[46];	/* the address as text; or "" */
	char		ehlo[256];	/* "": our hostname */
	unsigned	weight;
	unsigned	streams;
	int64_t		warm_from;	/* UTC day number; 0: it is warm */
};

/* The address as text, for logs and keys; "" for the system's choice. */
const char *source_name(const struct scheduler *s, uint16_t source);
/* How a source fares for (subscriber, campaign): the highest wins. */
uint64_t source_score(const struct source *source, uint64_t subscriber,
    uint32_t campaign);
/*
 * The source for a delivery that self, which is open, could take.  Others are
 * passed over while they are closed, have sent their share of the day, or have
 * enough waiting; and while self asks whether the site is back.
 */
uint16_t source_choose(struct scheduler *s, const struct path *self,
    const struct delivery *d);
/* UTC when it is not closed and has a share of the day left: 0 now. */
int64_t source_opens_ms(struct scheduler *s, const struct path *p);
/* Is something left of its share of the day at this provider? */
bool source_has_share(struct scheduler *s, const struct path *p);
/* The same, and it is committed that it may be used. */
bool source_is_open(struct scheduler *s, const struct path *p);
/* A batch is durable. */
void sources_durable(struct scheduler *s);
/* One more of its share of the day; one taken then was not sent (UTC). */
void source_take(struct scheduler *s, const struct path *p);
void source_give(struct scheduler *s, const struct path *p, int64_t taken_ms);

/* Counts of the day: of the store at the start, and at the end. */
struct err;
int sources_load(struct scheduler *s, struct err *e);
void sources_free(struct scheduler *s);

/* What it sent to its provider today, and may; -1: no limit. */
void source_share(struct scheduler *s, const struct path *p, int64_t *sent_r,
    int64_t *cap_r);

#endif
