/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.h - the control socket of a test double.
 *
 * A UNIX stream socket; a client sends lines of at most CTL_LINE_MAX octets
 * and gets one line, a JSON value, for each.
 */
#ifndef TESTS_CTL_H
#define TESTS_CTL_H

#define CTL_LINE_MAX	4096

struct ctl;
struct err;
struct event_base;
struct strbuf;

/* Answer line (no newline in it) by appending one JSON value to out. */
typedef void ctl_handler(void *arg, const char *line, struct strbuf *out);

/* Listen at path, replacing a socket left there.  NULL with e set. */
struct ctl *ctl_open(struct event_base *base, const char *path,
    ctl_handler *handler, void *arg, struct err *e);

/* Close the socket and every client, remove the path; *ctl may be NULL. */
void ctl_close(struct ctl **ctl);

/* The usual two answers: {"ok":true} and {"error":"..."}. */
void ctl_ok(struct strbuf *out);
void ctl_error(struct strbuf *out, const char *text);

#endif
