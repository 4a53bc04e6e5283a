/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - what went wrong in the world, said once.
 *
 * A function whose work can fail for reasons outside the program takes a
 * struct err as its last argument, returns -1 (or NULL) and fills it.  Our own
 * bugs are asserts; the verdicts of the field (deferred, bounced, not ours)
 * are values.  Libraries fill an err and never log; the process that knows
 * the campaign and the delivery logs it, once.
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

enum err_code {
	ERR_NONE = 0,
	ERR_INPUT,		/* what we were given is malformed */
	ERR_LIMIT,		/* a documented limit would be passed */
	ERR_NOTFOUND,		/* the thing named does not exist */
	ERR_EXISTS,		/* it exists already */
	ERR_REFUSED,		/* a rule forbids it */
	ERR_SYSTEM,		/* a system call failed */
	ERR_STORE,		/* LMDB or the store's own rules */
	ERR_DAMAGED,		/* a record or file is not what we wrote */
	ERR_CRYPTO,		/* OpenSSL or a key */
	ERR_AGAIN,		/* a passing condition: try again */
};

#define ERR_TEXT_MAX	512	/* octets of text, with its NUL */

struct err {
	enum err_code	code;
	char		text[ERR_TEXT_MAX];
};

#define ERR_INIT	{ ERR_NONE, "" }

/*
 * Fill e with code and one formatted line; e may be NULL when the caller does
 * not care.  Longer text is cut.  Control characters in the outcome, which may
 * quote a peer, become '?'.
 */
void err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Like err_set() with ": " and strerror(errno) appended; code ERR_SYSTEM. */
void err_sys(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A short name for code, for logs and JSON ("input", "limit", ...). */
const char *err_name(enum err_code code);

#endif
