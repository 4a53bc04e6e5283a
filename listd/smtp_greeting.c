/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_greeting.c - from the banner until mail may be sent.
 *
 * TLS is used wherever it is offered (R166).  What was learned before it is
 * forgotten, and bytes that came before it end the connection (X04).  Towards
 * recipients' own servers TLS is a favour: when it breaks, up to the answer to
 * the EHLO inside it, the same address is tried once more without.  Towards
 * smarthosts the administrator says what it must be; AUTH is said inside TLS
 * alone (R172).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "listd/smtp_session_private.h"

/* Octets of a line of AUTH: user and password in base64, and the command. */
#define AUTH_LINE_MAX	1024

static enum conf_smarthost_tls
tls_policy(const struct smtp_session *s)
{
	const struct conf *conf = s->env->conf;

	return conf->smarthost.n == 0 ? CONF_TLS_OPPORTUNISTIC :
	    (enum conf_smarthost_tls)conf->smarthost_tls;
}

void
greeting_ehlo(struct smtp_session *s)
{
	char line[CONF_NAME_MAX + 16];

	s->state = SESSION_EHLO;
	snprintf(line, sizeof(line), "%s %s\r\n", s->helo ? "HELO" : "EHLO",
	    s->env->conf->hostname);
	session_say(s, line, s->env->conf->timeout_command);
}

/* ---- TLS */

/* It was promised by nobody: the same address once more, without. */
static void
retry_without_tls(struct smtp_session *s, const char *why)
{
	session_why(s, 0, why);
	session_drop(s);
	s->avoid_tls = true;
	s->at--;
	connect_next_address(s);
}

/* TLS was begun and broke, or was never right. */
static void
tls_broken(struct smtp_session *s, const char *why)
{
	if (tls_policy(s) == CONF_TLS_OPPORTUNISTIC)
		retry_without_tls(s, why);
	else
		session_fail(s, 0, why);
}

void
greeting_broken(struct smtp_session *s, const char *why)
{
	if (s->state == SESSION_STARTTLS || s->state == SESSION_TLS ||
	    (s->state == SESSION_EHLO && smtp_conn_is_tls(s->conn)))
		tls_broken(s, why);
	else
		session_fail(s, 0, why);
}

void
greeting_secured(struct smtp_session *s, bool verified)
{
	if (tls_policy(s) == CONF_TLS_VERIFY && !verified) {
		session_fail(s, 0,
		    "its certificate is not good for the name it has here");
		return;
	}
	s->tls = verified ? 2 : 1;
	s->helo = false;
	greeting_ehlo(s);	/* what was offered in clear is forgotten */
}

static void
reply_starttls(struct smtp_session *s, const struct smtp_reply *r, bool more)
{
	struct err e = ERR_INIT;
	char host[256];

	if (r->code != 220) {
		/* The plaintext session is still good (RFC 3207 section 4). */
		if (r->code != 421 &&
		    tls_policy(s) == CONF_TLS_OPPORTUNISTIC)
			session_open(s);
		else
			session_fail(s, (uint16_t)r->code, r->text);
		return;
	}
	if (more) {		/* X04: bytes behind the 220 are not from it */
		tls_broken(s, "bytes before the TLS handshake");
		return;
	}
	connect_split_port(s->grant.host[s->host].name, host, 0);
	if (smtp_conn_starttls(s->conn, s->env->tls, host, &e) == -1) {
		tls_broken(s, e.text);
		return;
	}
	s->state = SESSION_TLS;
	smtp_reply_reset(s->parser);
	session_arm(s, s->env->conf->timeout_command);
}

/* ---- AUTH (RFC 4954) */

/* Say command and data in base64; both are wiped from the stack. */
static void
say_base64(struct smtp_session *s, const char *command, const char *data,
    size_t len)
{
	char line[AUTH_LINE_MAX];
	int n = snprintf(line, sizeof(line), "%s", command);

	n += EVP_EncodeBlock((unsigned char *)line + n,
	    (const unsigned char *)data, (int)len);
	memcpy(line + n, "\r\n", 3);
	session_say(s, line, s->env->conf->timeout_command);
	OPENSSL_cleanse(line, sizeof(line));
}

static void
say_auth(struct smtp_session *s)
{
	const struct smtp_login *login = s->env->login;
	char plain[sizeof(login->user) + sizeof(login->password) + 1];
	size_t user = strlen(login->user), password = strlen(login->password);

	s->state = SESSION_AUTH;
	s->auth_step = 0;
	if (s->ehlo.auth_plain) {	/* RFC 4616: NUL user NUL password */
		plain[0] = '\0';
		memcpy(plain + 1, login->user, user + 1);
		memcpy(plain + user + 2, login->password, password);
		say_base64(s, "AUTH PLAIN ", plain, user + password + 2);
		OPENSSL_cleanse(plain, sizeof(plain));
	} else if (s->ehlo.auth_login) {
		session_say(s, "AUTH LOGIN\r\n",
		    s->env->conf->timeout_command);
	} else {
		session_fail(s, 0, "it offers no way to log in that we know");
	}
}

static void
reply_auth(struct smtp_session *s, const struct smtp_reply *r)
{
	const struct smtp_login *login = s->env->login;
	const char *word;

	if (r->code == 235) {
		session_open(s);
		return;
	}
	/* LOGIN asks for two words; a reload may have taken them away. */
	if (r->code != 334 || s->ehlo.auth_plain || s->auth_step == 2 ||
	    login == NULL) {
		session_fail(s, (uint16_t)r->code, r->text);
		return;
	}
	word = s->auth_step++ == 0 ? login->user : login->password;
	say_base64(s, "", word, strlen(word));
}

/* ---- EHLO */

static bool
wants_tls(const struct smtp_session *s)
{
	return s->ehlo.starttls && !smtp_conn_is_tls(s->conn) &&
	    !s->avoid_tls && s->env->tls != NULL;
}

static void
reply_ehlo(struct smtp_session *s, const struct smtp_reply *r)
{
	if (r->code / 100 == 5 && !s->helo) {	/* RFC 5321 section 3.2 */
		s->helo = true;
		greeting_ehlo(s);
		return;
	}
	if (r->code / 100 != 2) {
		session_fail(s, (uint16_t)r->code, r->text);
		return;
	}
	memset(&s->ehlo, 0, sizeof(s->ehlo));
	if (!s->helo)
		smtp_ehlo_parse(r, &s->ehlo);
	if (wants_tls(s)) {
		s->state = SESSION_STARTTLS;
		session_say(s, "STARTTLS\r\n", s->env->conf->timeout_command);
	} else if (!smtp_conn_is_tls(s->conn) &&
	    tls_policy(s) != CONF_TLS_OPPORTUNISTIC) {
		session_fail(s, 0, "it offers no TLS, which is required here");
	} else if (s->env->login != NULL && s->env->conf->smarthost.n > 0 &&
	    smtp_conn_is_tls(s->conn)) {
		say_auth(s);
	} else {
		session_open(s);
	}
}

void
greeting_reply(struct smtp_session *s, const struct smtp_reply *r, bool more)
{
	switch (s->state) {
	case SESSION_BANNER:
		if (r->code / 100 == 2)
			greeting_ehlo(s);
		else
			session_fail(s, (uint16_t)r->code, r->text);
		break;
	case SESSION_EHLO:
		reply_ehlo(s, r);
		break;
	case SESSION_STARTTLS:
		reply_starttls(s, r, more);
		break;
	case SESSION_AUTH:
		reply_auth(s, r);
		break;
	default:
		session_fail(s, 0, "a reply to nothing");
	}
}
