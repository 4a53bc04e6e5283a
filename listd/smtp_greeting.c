/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp_greeting.c - from the banner until mail may be sent.
 *
 * TLS is used wherever it is offered (R166).  What was learned before it is
 * forgotten, and bytes that came before it end the connection (X04).  Where
 * nobody promised TLS it is a favour: when it breaks, up to the answer to the
 * EHLO inside it, the same address is tried once more without.  Elsewhere there
 * is no mail on a connection that is not what was promised (R167, R168); AUTH
 * is said inside TLS alone (R172).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "listd/memo.h"
#include "listd/smtp_session_private.h"
#include "listd/tls_peer.h"
#include "listd/tls_sessions.h"

/* Octets of a line of AUTH: user and password in base64, and the command. */
#define AUTH_LINE_MAX	1024
#define HOUR_MS		INT64_C(3600000)

/* By the configuration, or the shaping data where they ask for more. */
static enum ipc_tls
relay_tls_needed(const struct smtp_session *s)
{
	static const enum ipc_tls levels[] = {
		[CONF_TLS_OPPORTUNISTIC] = IPC_TLS_NONE,
		[CONF_TLS_ENCRYPT] = IPC_TLS_UNVERIFIED,
		[CONF_TLS_VERIFY] = IPC_TLS_VERIFIED,
	};
	enum ipc_tls need = levels[s->env->conf->smarthost_tls];

	if (s->grant.relay == IPC_RELAY_TLS && need == IPC_TLS_NONE)
		need = IPC_TLS_UNVERIFIED;
	return s->grant.tls > need ? s->grant.tls : need;
}

enum ipc_tls
greeting_tls_needed(const struct smtp_session *s)
{
	if (s->grant.relay)
		return relay_tls_needed(s);
	switch (tlsa_verdict(&s->tlsa)) {
	case TLSA_USABLE:
		return IPC_TLS_DANE;
	case TLSA_UNUSABLE:		/* RFC 7672 section 2.2 */
		if (s->grant.tls < IPC_TLS_UNVERIFIED)
			return IPC_TLS_UNVERIFIED;
		break;
	case TLSA_NONE:
		break;
	}
	return s->grant.tls;
}

static bool
tls_is_a_favour(const struct smtp_session *s)
{
	return greeting_tls_needed(s) == IPC_TLS_NONE;
}

void
greeting_await(struct smtp_session *s)
{
	s->state = SESSION_BANNER;
	session_arm(s, s->env->conf->timeout_banner);
}

void
greeting_ehlo(struct smtp_session *s)
{
	char line[CONF_NAME_MAX + 16];

	s->state = SESSION_EHLO;
	snprintf(line, sizeof(line), "%s %s\r\n", s->helo ? "HELO" : "EHLO",
	    s->grant.ehlo[0] != '\0' ? s->grant.ehlo :
	    s->env->conf->hostname);
	session_say(s, line, s->env->conf->timeout_command);
}

/* ---- TLS */

/* It was promised by nobody: the same address once more, without. */
static void
retry_without_tls(struct smtp_session *s, const char *why)
{
	session_why(s, why);
	session_drop(s);
	s->avoid_tls = true;
	connect_again(s);
}

/* TLS was begun and broke, or was never right. */
static void
tls_broken(struct smtp_session *s, const char *why)
{
	if (tls_is_a_favour(s))
		retry_without_tls(s, why);
	else
		session_fail(s, why);
}

void
greeting_broken(struct smtp_session *s, const char *why)
{
	if (s->state == SESSION_TLS)
		handshake_count(s, TLSRPT_VALIDATION, false, why);
	if (s->state == SESSION_STARTTLS || s->state == SESSION_TLS ||
	    (s->state == SESSION_EHLO && smtp_conn_is_tls(s->conn)))
		tls_broken(s, why);
	else
		session_fail(s, why);
}

/* The name that TLS is spoken to: of the records, if it is they who count. */
static void
tls_host(const struct smtp_session *s, char host[static 256])
{
	if (s->by_alias && s->tlsa.n > 0)
		snprintf(host, 256, "%s", s->found.alias);
	else
		connect_split_port(s->grant.host[s->host].name, host, 0);
}

/*
 * Records prove who the host is; that it is the domain's is told by the MX
 * record, which anybody may have written when it is not signed (RFC 7672
 * section 2.2.1), unless a policy says so too.
 */
static enum ipc_tls
worth(struct smtp_session *s, enum ipc_tls level)
{
	SSL *ssl = smtp_conn_ssl(s->conn);
	char host[256];

	s->for_domain = false;
	if (level != IPC_TLS_DANE)
		return level;
	tls_host(s, host);
	if (s->grant.secure)
		s->for_domain = s->grant.domain[0] != '\0' &&
		    tls_peer_needs_name(ssl) && !tls_peer_names(ssl, host);
	else if (s->grant.tls < IPC_TLS_VERIFIED)
		return tls_peer_by_authorities(ssl, host) ?
		    IPC_TLS_VERIFIED : IPC_TLS_UNVERIFIED;
	return level;
}

void
greeting_secured(struct smtp_session *s)
{
	enum ipc_tls level = smtp_conn_level(s->conn);
	enum ipc_tls need = greeting_tls_needed(s);
	char why[IPC_TEXT_MAX];

	handshake_secured(s, level >= need);
	if (level < need) {
		snprintf(why, sizeof(why), "its certificate is not good for "
		    "%s: %s", need == IPC_TLS_DANE ?
		    "its TLSA records (DANE)" : "the name it has here",
		    smtp_conn_fault(s->conn));
		session_fail(s, why);
		return;
	}
	s->tls = (uint8_t)worth(s, level);
	s->helo = false;
	if (s->grant.relay == IPC_RELAY_TLS)
		greeting_await(s);
	else		/* what was offered in clear is forgotten */
		greeting_ehlo(s);
}

/* What sessions of this host may be resumed under. */
static void
session_key(const struct smtp_session *s, const char *host,
    char key[static TLS_SESSION_KEY_MAX])
{
	char source[INET6_ADDRSTRLEN] = "";
	struct tls_session_key k = { .host = s->grant.host[s->host].name,
		.sni = host, .level = greeting_tls_needed(s), .source = source,
		.family = s->found.address[s->at - 1].family };

	if (s->grant.source_family != 0)
		inet_ntop(s->grant.source_family == 4 ? AF_INET : AF_INET6,
		    s->grant.source_ip, source, sizeof(source));
	for (unsigned i = 0; i < s->tlsa.n; i++)
		k.policy = XXH3_64bits_withSeed(s->tlsa.v[i].data,
		    s->tlsa.v[i].len, k.policy + s->tlsa.v[i].usage);
	if (s->tlsa.n > 0 && s->grant.secure)
		k.policy = XXH3_64bits_withSeed(s->grant.domain,
		    strlen(s->grant.domain), k.policy);
	tls_session_key(key, &k);
}

static int
begin_tls(struct smtp_session *s, struct err *e)
{
	char host[256], key[TLS_SESSION_KEY_MAX];
	const bool secure = s->grant.secure;
	struct smtp_conn_tls tls = { .ctx = s->env->tls, .host = host,
		.tlsa = s->tlsa.n > 0 ? &s->tlsa : NULL, .key = key,
		.names = { secure ? s->grant.domain : NULL,
		    secure ? s->grant.alias : NULL },
		.sessions = s->env->tls_sessions, .now_s =
		clock_utc_ms(timers_clock(s->env->timers)) / 1000 };

	tls_host(s, host);
	session_key(s, host, key);
	return smtp_conn_starttls(s->conn, &tls, e);
}

void
greeting_tls(struct smtp_session *s)
{
	struct err e = ERR_INIT;

	if (begin_tls(s, &e) == -1) {
		tls_broken(s, e.text);
		return;
	}
	s->state = SESSION_TLS;
	smtp_reply_reset(s->parser);
	session_arm(s, s->env->conf->timeout_command);
}

static void
reply_starttls(struct smtp_session *s, const struct smtp_reply *r, bool more)
{
	if (r->code != 220) {
		handshake_count(s, TLSRPT_STARTTLS_NOT_SUPPORTED, false,
		    "STARTTLS is offered and refused");
		/* The plaintext session is still good (RFC 3207 section 4). */
		if (r->code != 421 && tls_is_a_favour(s))
			session_open(s);
		else
			session_refused(s, IPC_STAGE_TLS, r);
		return;
	}
	if (more) {		/* X04: bytes behind the 220 are not from it */
		handshake_count(s, TLSRPT_VALIDATION, false,
		    "bytes before the TLS handshake");
		tls_broken(s, "bytes before the TLS handshake");
		return;
	}
	greeting_tls(s);
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
	const struct smtp_login *login = session_login(s);
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
		session_fail(s, "it offers no way to log in that we know");
	}
}

static void
reply_auth(struct smtp_session *s, const struct smtp_reply *r)
{
	const struct smtp_login *login = session_login(s);
	const char *word;

	if (r->code == 235) {
		session_open(s);
		return;
	}
	/* LOGIN asks for two words; a reload may have taken them away. */
	if (r->code != 334 || s->ehlo.auth_plain || s->auth_step == 2 ||
	    login == NULL) {
		session_refused(s, IPC_STAGE_TLS, r);
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

/* Its TLS broke, and without it all is well: not tried again for a while. */
static void
remember_broken(struct smtp_session *s)
{
	char host[256];

	if (!s->avoid_tls || !s->ehlo.starttls || s->env->tls_broken == NULL)
		return;
	connect_split_port(s->grant.host[s->host].name, host, 0);
	if (!memo_has(s->env->tls_broken, host, session_now(s)))
		memo_note(s->env->tls_broken, host,
		    session_now(s) + s->grant.broken_tls_hours * HOUR_MS);
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
		session_refused(s, IPC_STAGE_EHLO, r);
		return;
	}
	memset(&s->ehlo, 0, sizeof(s->ehlo));
	if (!s->helo)
		smtp_ehlo_parse(r, &s->ehlo);
	if (!s->ehlo.starttls && !smtp_conn_is_tls(s->conn))
		handshake_count(s, TLSRPT_STARTTLS_NOT_SUPPORTED, false, "");
	if (wants_tls(s)) {
		s->state = SESSION_STARTTLS;
		session_say(s, "STARTTLS\r\n", s->env->conf->timeout_command);
	} else if (!smtp_conn_is_tls(s->conn) &&
	    !tls_is_a_favour(s)) {
		session_fail(s, "it offers no TLS, which is required here");
	} else if (session_login(s) != NULL && s->tls < IPC_TLS_VERIFIED) {
		session_fail(s, "no password is said to whoever it is");
	} else if (session_login(s) != NULL) {
		say_auth(s);
	} else {
		remember_broken(s);
		session_open(s);
	}
}

void
greeting_reply(struct smtp_session *s, const struct smtp_reply *r, bool more)
{
	/* Behind the 220 to STARTTLS it is worse; see there. */
	if (more && s->state != SESSION_STARTTLS) {
		session_fail(s, "it answers before it is asked");
		return;
	}
	switch (s->state) {
	case SESSION_BANNER:
		if (r->code / 100 == 2)
			greeting_ehlo(s);
		else
			session_refused(s, IPC_STAGE_BANNER, r);
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
		session_fail(s, "a reply to nothing");
	}
}
