/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventlog.h - the journal of a test double: tab-separated lines, buffered.
 *
 * A double sees tens of thousands of events a second while it shares two
 * cores with the program it measures, so a line costs a few copies and the
 * file is written in large pieces.  What is buffered is lost only if the
 * double itself dies; eventlog_flush() puts it in the file on request.
 *
 * In a field '\\', tab and every octet outside 0x20-0x7e becomes \xNN, and an
 * empty field becomes "-", so that a line always splits into its columns.  Of a
 * field longer than 4096 octets the rest is left out.
 */
#ifndef TESTS_EVENTLOG_H
#define TESTS_EVENTLOG_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct eventlog;

/*
 * Create or empty the file at path; "-" is standard output.  NULL with e set
 * when it cannot be opened.
 */
struct eventlog *eventlog_open(const char *path, struct err *e);

/* Flush, close and free; log may be NULL.  Sets *log to NULL. */
void eventlog_close(struct eventlog **log);

/*
 * Append one field to the line under construction.  All of them and the two
 * functions below accept a NULL log and then do nothing.
 */
void eventlog_text(struct eventlog *log, const char *s, size_t len);
void eventlog_str(struct eventlog *log, const char *s);
void eventlog_u64(struct eventlog *log, uint64_t value);
/* Microseconds as milliseconds with three decimals. */
void eventlog_us(struct eventlog *log, uint64_t us);

/* End the line. */
void eventlog_end(struct eventlog *log);

/* Write what is buffered.  0, or -1 with e set. */
int eventlog_flush(struct eventlog *log, struct err *e);

#endif
