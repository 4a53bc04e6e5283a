/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_login.c - the file that says how to log in at relays.
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lib/ascii.h"
#include "lib/err.h"
#include "lib/smtp_login.h"

/* A word that is not empty, has no NUL, and fits. */
static int
take_word(char out[static SMTP_LOGIN_MAX], const char *p, size_t len,
    const char *what, size_t line, struct err *e)
{
	if (len == 0 || memchr(p, '\0', len) != NULL) {
		err_set(e, ERR_INPUT, "line %zu: no %s", line, what);
		return -1;
	}
	if (len >= SMTP_LOGIN_MAX) {
		err_set(e, ERR_LIMIT, "line %zu: a %s of more than %d octets",
		    line, what, SMTP_LOGIN_MAX - 1);
		return -1;
	}
	memcpy(out, p, len);
	out[len] = '\0';
	return 0;
}

static int
take_line(struct smtp_login *l, const char *p, size_t len, size_t line,
    struct err *e)
{
	const char *colon = memchr(p, ':', len), *blank = memchr(p, ' ', len);
	const char *end = p + len;

	l->host[0] = '\0';
	if (blank != NULL && colon != NULL && blank < colon) {
		if (take_word(l->host, p, (size_t)(blank - p), "host", line,
		    e) == -1)
			return -1;
		ascii_lower_all(l->host);
		p = blank + 1;
	}
	if (colon == NULL) {
		err_set(e, ERR_INPUT, "line %zu: wanted user:password or "
		    "host user:password", line);
		return -1;
	}
	if (take_word(l->user, p, (size_t)(colon - p), "user", line, e) == -1)
		return -1;
	colon++;
	return take_word(l->password, colon, (size_t)(end - colon),
	    "password", line, e);
}

static bool
is_twice(const struct smtp_logins *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].host, l->v[l->n].host) == 0)
			return true;
	return false;
}

int
smtp_logins_parse(const char *text, size_t len, struct smtp_logins *l,
    struct err *e)
{
	const char *p = text, *end = text + len, *eol;
	size_t line = 1, n;

	memset(l, 0, sizeof(*l));
	for (; p < end; p = eol + 1, line++) {
		if ((eol = memchr(p, '\n', (size_t)(end - p))) == NULL)
			eol = end;
		n = (size_t)(eol - p);
		if (n > 0 && p[n - 1] == '\r')
			n--;
		if (n == 0)
			continue;
		if (l->n == SMTP_LOGINS_MAX) {
			err_set(e, ERR_LIMIT, "more than %d lines",
			    SMTP_LOGINS_MAX);
			return -1;
		}
		if (take_line(&l->v[l->n], p, n, line, e) == -1)
			return -1;
		if (is_twice(l)) {
			err_set(e, ERR_EXISTS, "line %zu: a second line for "
			    "the same relays", line);
			return -1;
		}
		l->n++;
		if (eol == end)
			break;
	}
	if (l->n > 0)
		return 0;
	err_set(e, ERR_INPUT, "wanted a line user:password");
	return -1;
}

const struct smtp_login *
smtp_logins_find(const struct smtp_logins *logins, const char *host)
{
	const struct smtp_login *any = NULL;

	for (size_t i = 0; i < logins->n; i++) {
		const struct smtp_login *l = &logins->v[i];

		if (l->host[0] == '\0')
			any = l;
		else if (strcasecmp(l->host, host) == 0)
			return l;
	}
	return any;
}
