/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_login.h - the file that says how to log in at relays.
 *
 * A line each, LF or CRLF at its end; empty lines are passed over:
 *
 *	user:password		at every relay that has no line of its own
 *	host user:password	at this one
 *
 * A name of a host has no colon, which tells the two apart: what stands before
 * the first blank is a host when no colon is in it.  A password may hold
 * anything but the end of a line.
 */
#ifndef LIB_SMTP_LOGIN_H
#define LIB_SMTP_LOGIN_H

#include <stddef.h>

struct err;

#define SMTP_LOGIN_MAX		256	/* octets of a word, with its NUL */
#define SMTP_LOGINS_MAX		16	/* lines */
#define SMTP_LOGIN_FILE_MAX	16384	/* octets of the file */

struct smtp_login {
	char	host[SMTP_LOGIN_MAX];	/* lower case; "" for the others */
	char	user[SMTP_LOGIN_MAX];
	char	password[SMTP_LOGIN_MAX];
};

struct smtp_logins {
	size_t			n;
	struct smtp_login	v[SMTP_LOGINS_MAX];
};

/*
 * Read text[len].  -1 with e naming the line and never its words: ERR_INPUT,
 * ERR_EXISTS for a second line of one host, ERR_LIMIT.  The caller wipes
 * logins_r in any case.
 */
int smtp_logins_parse(const char *text, size_t len,
    struct smtp_logins *logins_r, struct err *e);
/* The one for host, a name or address without port and brackets; or NULL. */
const struct smtp_login *smtp_logins_find(const struct smtp_logins *logins,
    const char *host);

#endif
