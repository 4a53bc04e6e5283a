/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition.h - figures in the text format of Prometheus, version 0.0.4.
 *
 * A family is one exposition_head() and the samples of that name behind it.
 * Names, types and help texts are ours; the values of labels may be anyone's:
 * quotes, backslashes and line feeds are escaped, and what is no printable
 * ASCII becomes a question mark.  Times are counted in milliseconds and told
 * in seconds.
 */
#ifndef LIB_EXPOSITION_H
#define LIB_EXPOSITION_H

#include <stdint.h>

struct strbuf;

#define EXPOSITION_TYPE	"text/plain; version=0.0.4; charset=utf-8"

/* type: counter, gauge or histogram. */
void exposition_head(struct strbuf *out, const char *name, const char *type,
    const char *help);
/* A sample; labels are name and value in turn, ended by NULL. */
void exposition_sample(struct strbuf *out, const char *name, uint64_t v, ...)
    __attribute__((sentinel));
/* The same of milliseconds. */
void exposition_seconds(struct strbuf *out, const char *name, int64_t ms, ...)
    __attribute__((sentinel));
/* A family of one sample without labels. */
void exposition_one(struct strbuf *out, const char *name, const char *type,
    const char *help, uint64_t v);

/* How long something took: 1, 2 and 5 times each power of ten, 1 ms to 50 s. */
#define EXPOSITION_BUCKETS	15

struct exposition_times {
	uint64_t	n[EXPOSITION_BUCKETS + 1];	/* one past: +Inf */
	uint64_t	sum_ms;
};

void exposition_time(struct exposition_times *t, int64_t ms);
/* A whole family without labels. */
void exposition_times(struct strbuf *out, const char *name, const char *help,
    const struct exposition_times *t);

#endif
