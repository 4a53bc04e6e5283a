/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_auth.c - AUTH PLAIN and LOGIN (RFC 4954, 4616), enough for a client.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "lib/xmalloc.h"
#include "tests/sink.h"

/* Decode base64 into out as text; what is wrong becomes "?". */
static void
decode(const char *s, struct strbuf *out)
{
	size_t len = strlen(s);
	unsigned char *raw = xmalloc(len / 4 * 3 + 4);
	int n = EVP_DecodeBlock(raw, (const unsigned char *)s, (int)len);

	if (n < 0)
		strbuf_adds(out, "?");
	while (len > 0 && s[len - 1] == '=' && n > 0) {
		n--;
		len--;
	}
	for (int i = 0; i < n; i++)
		strbuf_addc(out, raw[i] == '\0' ? ':' : (char)raw[i]);
	free(raw);
}

/* The client's words are in c->params as "user:password". */
static void
finish_auth(struct conn *c, const char *mechanism)
{
	const char *given = c->params.s;
	bool good;

	/* PLAIN starts with an authorization identity, usually empty. */
	if (strcmp(mechanism, "PLAIN") == 0 && *given == ':')
		given++;
	good = strcmp(given, c->sink->opt.auth) == 0;
	if (smtp_answer(c, SINK_AUTH, good ?
	    "235 2.7.0 Accepted\r\n" : "535 5.7.8 Not accepted\r\n", 0,
	    mechanism) == '2')
		c->authenticated = true;
	strbuf_reset(&c->params);
	c->auth_step = 0;
}

void
auth_line(struct conn *c, const char *line)
{
	decode(line, &c->params);
	switch (c->auth_step) {
	case 1:
		finish_auth(c, "PLAIN");
		break;
	case 2:
		strbuf_addc(&c->params, ':');
		smtp_reply(c, "auth", "334 UGFzc3dvcmQ6\r\n", 0, "LOGIN");
		c->auth_step = 3;
		break;
	default:
		finish_auth(c, "LOGIN");
		break;
	}
}

void
auth_begin(struct conn *c, const char *arg)
{
	if (!smtp_offers(c, "AUTH") || c->authenticated || c->in_mail) {
		smtp_refuse(c, "503 5.5.1 Not now\r\n", "AUTH not offered");
		return;
	}
	strbuf_reset(&c->params);
	if (strncasecmp(arg, "PLAIN ", 6) == 0) {
		decode(arg + 6, &c->params);
		finish_auth(c, "PLAIN");
	} else if (strcasecmp(arg, "PLAIN") == 0) {
		smtp_reply(c, "auth", "334 \r\n", 0, "PLAIN");
		c->auth_step = 1;
	} else if (strcasecmp(arg, "LOGIN") == 0) {
		smtp_reply(c, "auth", "334 VXNlcm5hbWU6\r\n", 0, "LOGIN");
		c->auth_step = 2;
	} else
		smtp_refuse(c, "504 5.5.4 No such mechanism\r\n",
		    "AUTH with an unknown mechanism");
}
