/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line per event, for people and for grep.
 *
 * A line is key=value pairs.  A value that comes from outside is quoted when
 * it holds anything but plain characters; quotes, backslashes and everything
 * that is not printable ASCII or well-formed UTF-8 are escaped as \xNN, so no
 * peer can forge a line or reach a terminal.  Addresses go through
 * log_address(), which obeys the operator's setting.
 *
 * Lines go to standard error, or as datagrams to /dev/log.  Neither ever
 * blocks: when nobody takes them, lines are dropped and counted, and the
 * count is the first line that gets through again (reliability row F40).
 * Libraries do not log; the daemon's roles do.  One log per process, which
 * ignores SIGPIPE.
 */
#ifndef LIB_SYS_LOG_H
#define LIB_SYS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define LOG_LINE_MAX	2048	/* octets of one line; longer ends in ... */

enum log_level {
	LEVEL_ERROR,		/* somebody must act */
	LEVEL_WARNING,		/* something is off; the work goes on */
	LEVEL_NOTICE,		/* starts, stops, changes of state */
	LEVEL_INFO,		/* one line per attempt, request, connection */
	LEVEL_DEBUG,
};

enum log_addresses {
	ADDRESSES_FULL,		/* alice@example.org */
	ADDRESSES_SHORT,	/* a...@example.org */
	ADDRESSES_NONE,		/* ...@... */
};

struct log_params {
	const char	*name;		/* process name: "listd", "queue", ... */
	bool		 to_stderr;	/* else syslog */
	int		 facility;	/* of syslog(3), e.g. LOG_MAIL */
	const char	*socket;	/* NULL: /dev/log */
	enum log_level	 level;
	enum log_addresses addresses;
};

/*
 * Open the log of this process; again to change it (reload).  Before the
 * first call lines go to standard error at LEVEL_NOTICE.  Strings are copied.
 */
void log_open(const struct log_params *p);
void log_close(void);
/* Lines dropped since the start. */
uint64_t log_dropped(void);

/* A line being built, on the stack of whoever builds it. */
struct log_line {
	enum log_level	level;
	bool		off;		/* below the level: everything is free */
	bool		cut;
	size_t		len;
	char		text[LOG_LINE_MAX];
};

/* True when a line of this level would be written. */
bool log_enabled(enum log_level level);

/*
 * Begin a line with event=NAME; add values in the order people read them; end
 * writes it.  Keys are ours: lower case, no spaces.
 */
void log_begin(struct log_line *l, enum log_level level, const char *event);
/* A value from anywhere; NULL and "" are written as "". */
void log_str(struct log_line *l, const char *key, const char *value);
void log_bytes(struct log_line *l, const char *key, const void *p, size_t len);
void log_int(struct log_line *l, const char *key, int64_t value);
void log_hex(struct log_line *l, const char *key, uint64_t id);
/* Milliseconds, written as seconds with one decimal (5.1). */
void log_seconds(struct log_line *l, const char *key, int64_t ms);
/* An address, shortened as the operator asked. */
void log_address(struct log_line *l, const char *key, const char *address);
/* error=NAME reason="text" */
void log_err(struct log_line *l, const struct err *e);
void log_end(struct log_line *l);

/* A whole line: event=EVENT text="formatted". */
void log_text(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A whole line: event=EVENT error=NAME reason="text". */
void log_failure(enum log_level level, const char *event, const struct err *e);

#endif
