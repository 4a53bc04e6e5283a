/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.c - the table of settings, and the file that sets them.
 *
 * A new setting is a field of struct conf and a row here; nothing else has to
 * know of it.  tests/test_conf.c compares listd/listd.conf.5 with the table,
 * and rewrites the page's settings when LISTD_UPDATE_MANUAL is set.
 */
#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/conf_private.h"
#include "lib/err.h"
#include "lib/strbuf.h"

#define LINE_MAX_OCTETS	2048	/* of one line */

#define MS		INT64_C(1)
#define SECOND		(1000 * MS)
#define MINUTE		(60 * SECOND)
#define HOUR		(60 * MINUTE)
#define DAY		(24 * HOUR)
#define KB		(INT64_C(1) << 10)
#define MB		(INT64_C(1) << 20)
#define GB		(INT64_C(1) << 30)
#define TB		(INT64_C(1) << 40)

static const char *const level_names[] = {
	"error", "warning", "notice", "info", "debug", NULL,
};
static const char *const facility_names[] = {
	"daemon", "local0", "local1", "local2", "local3", "local4", "local5",
	"local6", "local7", "mail", NULL,
};
static const char *const addresses_names[] = {
	"full", "short", "none", NULL,
};
static const char *const after_data_names[] = {
	"resend", "assume-delivered", "hold", NULL,
};
static const char *const smarthost_tls_names[] = {
	"opportunistic", "encrypt", "verify", NULL,
};

#define FIELD(f)	offsetof(struct conf, f), sizeof(((struct conf *)0)->f)
/* Rows by kind: name, flags, default, ..., text. */
#define BOOLEAN(f, fl, d, t) \
	{ #f, CONF_BOOL, fl, FIELD(f), d, NULL, 0, 0, NULL, t }
#define NUMBER(f, ty, fl, d, lo, hi, t) \
	{ #f, ty, fl, FIELD(f), d, NULL, lo, hi, NULL, t }
#define CHOICE(f, fl, d, n, t) \
	{ #f, CONF_ENUM, fl, FIELD(f), d, NULL, 0, 0, n, t }
#define TEXT(f, ty, fl, d, shown, t) \
	{ #f, ty, fl, FIELD(f), d, shown, 0, 0, NULL, t }

static const struct conf_setting table[] = {
/* who we are */
TEXT(hostname, CONF_HOST, CONF_REQUIRED, NULL, NULL,
    "The name of this host: said in EHLO and in the greeting, and the right "
    "side of every Message-ID.  It should resolve to the addresses mail "
    "leaves from, and they back to it."),
TEXT(url_base, CONF_URL, CONF_RELOAD, NULL, "https:// and hostname",
    "What the links in mail begin with.  Plain http:// is taken for the "
    "loopback alone."),
TEXT(bounce_domain, CONF_HOST, CONF_RELOAD, NULL, "hostname",
    "The domain of the return paths.  Its MX must lead to smtp_listen or to "
    "a server that passes its mail to lmtp_listen."),
TEXT(postmaster, CONF_MAIL, CONF_RELOAD, NULL, "postmaster@ and hostname",
    "Who gets the mail for postmaster and abuse of the domains served: a "
    "mailbox elsewhere, for this host has none, and with the default that "
    "mail reaches nobody."),

/* places */
TEXT(data_dir, CONF_PATH, 0, "/var/lib/listd", NULL,
    "The folder of everything that must last.  It has to be a local "
    "filesystem."),
TEXT(control_socket, CONF_PATH, 0, "/run/listd/control", NULL,
    "Where listctl(1) finds the daemon."),
TEXT(dkim_dir, CONF_PATH, 0, NULL, "dkim in data_dir",
    "The DKIM keys: DOMAIN/SELECTOR.pem, mode 0600."),
TEXT(ca_file, CONF_PATH, CONF_RELOAD, "/etc/ssl/certs/ca-certificates.crt",
    NULL,
    "The certificate authorities that MTA-STS and HTTPS peers are judged "
    "by."),
TEXT(dnssec_anchor, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "The key of the DNS root.  Without it nothing counts as secure and DANE "
    "is not used."),

/* listeners */
TEXT(smtp_listen, CONF_LISTEN, 0, NULL, NULL,
    "Where mail is accepted by SMTP: reports, replies and posts.  Repeat it "
    "for more addresses; port 0 takes any free one and logs it."),
TEXT(lmtp_listen, CONF_LISTEN, CONF_UNIX, NULL, NULL,
    "The same by LMTP, for a mail server in front.  May be the path of a "
    "UNIX socket; the port cannot be 25."),
TEXT(smtp_tls_cert, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "The certificate chain (PEM) for STARTTLS; needs smtp_tls_key."),
TEXT(smtp_tls_key, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "Its private key (PEM)."),
TEXT(http_listen, CONF_LISTEN, 0, NULL, NULL,
    "Where web pages are served without TLS, for a proxy in front."),
TEXT(https_listen, CONF_LISTEN, 0, NULL, NULL,
    "Where web pages are served with TLS; needs web_tls_cert and "
    "web_tls_key."),
TEXT(web_tls_cert, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "The certificate chain (PEM) of https_listen."),
TEXT(web_tls_key, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "Its private key (PEM)."),
TEXT(trusted_proxies, CONF_CIDR, CONF_RELOAD, NULL, NULL,
    "Networks whose X-Forwarded-For is believed.  The person's address is "
    "the right-most one that is not in them."),
TEXT(metrics_allow, CONF_CIDR, CONF_RELOAD, NULL, NULL,
    "Networks that may read /metrics; with none only the loopback may.  What "
    "a proxy asks for somebody is refused wherever it comes from."),

TEXT(ledger_witness, CONF_WITNESS, CONF_RELOAD, NULL, NULL,
    "The verifier key (c2sp.org/signed-note, of type 4) of a witness, whose "
    "cosignatures of the ledger's checkpoints are taken at "
    "/ledger/cosignature and kept as evidence."),

/* processes and users */
NUMBER(deliver_roles, CONF_INT, 0, "0", 0, 64,
    "Processes that send mail; 0 is one for each core."),
TEXT(user_queue, CONF_USER, 0, "listd-queue", NULL,
    "The user that owns the store.  Users matter only when started as "
    "root."),
TEXT(user_deliver, CONF_USER, 0, "listd-deliver", NULL,
    "The user of the processes that send."),
TEXT(user_inbound, CONF_USER, 0, "listd-inbound", NULL,
    "The user of the process that accepts mail."),
TEXT(user_web, CONF_USER, 0, "listd-web", NULL,
    "The user of the process that serves the web."),
TEXT(group, CONF_USER, 0, "listd", NULL,
    "The group that may read the store: that of all of them."),
NUMBER(drain_timeout, CONF_TIME, CONF_RELOAD, "30s", SECOND, 10 * MINUTE,
    "How long a stop waits for what is open before it kills."),

/* store */
NUMBER(map_size, CONF_SIZE, 0, "64g", 16 * MB, 16 * TB,
    "Address space of the store of subscribers and consent: the most it can "
    "grow to.  Costs no memory and no disk until used."),
NUMBER(map_size_queue, CONF_SIZE, 0, "8g", 16 * MB, 16 * TB,
    "The same for the queue, which grows with the recipients that wait for "
    "another attempt, some 150 octets each.  While less than 48m of it is "
    "left no first attempt goes out."),
NUMBER(compact_days, CONF_INT, CONF_RELOAD, "30", 2, 30,
    "Within so many days what was erased, or deleted because its time was "
    "over, is in no octet of the store any more: the daemon writes it anew, "
    "beside its work, and restarts its roles at the end."),

/* log */
CHOICE(log_level, CONF_RELOAD, "info", level_names,
    "How much is logged: error, warning, notice, info (a line for each "
    "attempt and request) or debug."),
CHOICE(log_syslog, CONF_RELOAD, "mail", facility_names,
    "The syslog facility: daemon, mail, local0 to local7.  With -f lines go "
    "to standard error instead."),
CHOICE(log_addresses, CONF_RELOAD, "short", addresses_names,
    "Mail addresses in the log: full, short (a...@example.org) or none."),

/* names and routes */
TEXT(resolver, CONF_SERVER, CONF_RELOAD, NULL, "those of /etc/resolv.conf",
    "The DNS server to ask."),
TEXT(smarthost, CONF_SMARTHOST, CONF_RELOAD, NULL, NULL,
    "Relays that take all mail, instead of the recipients' own servers.  "
    "The port is 25 when none is given; repeat it for more.  After it may "
    "follow, as key=number: preference, the lowest of which takes all mail "
    "while one of it may be used, by default in the order written; weight, by "
    "which those of one preference share it, 1 by default; its limits, "
    "connections, connects_per_minute, messages_per_connection and "
    "messages_per_minute; its quotas, messages_per_hour and "
    "messages_per_day, of UTC, which hold over restarts; and implicit_tls, 1 "
    "where TLS is spoken from the first octet on, as it is at port 465.  Mail "
    "waits while "
    "all quotas are used up, and `listctl queue explain` says so.  One that "
    "nobody gave us leave to use is refused: it needs a login in "
    "smarthost_auth, or smarthost_networks that it is in, where a name is "
    "judged by its address when it is connected to."),
TEXT(smarthost_auth, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "A file of mode 0600 with a line user:password for all relays without a "
    "line of their own, which is host user:password.  Needs smarthost_tls = "
    "verify."),
TEXT(smarthost_networks, CONF_CIDR, CONF_RELOAD, NULL, NULL,
    "Networks whose relays let us use them without a login."),
NUMBER(smarthost_connections, CONF_INT, CONF_RELOAD, "0", 0, 500,
    "Connections to each relay that has no such number of its own; 0 is what "
    "the shaping data say of it, or 10."),
NUMBER(smarthost_messages, CONF_INT, CONF_RELOAD, "0", 0, 10000,
    "Messages on a connection, likewise; 0 is what the shaping data say, or "
    "100."),
CHOICE(smarthost_tls, CONF_RELOAD, "opportunistic", smarthost_tls_names,
    "TLS towards the relays: opportunistic, encrypt, or verify by ca_file.  "
    "With the last two nothing is sent without; smarthost_auth needs the "
    "last."),

/* sending */
BOOLEAN(dkim_ed25519, CONF_RELOAD, "no",
    "Whether a domain that has an Ed25519 key beside its RSA key signs with "
    "both (RFC 8463).  A receiver that knows only one of them may count the "
    "other as a signature that fails.  A domain that has no RSA key signs "
    "with its Ed25519 key alone, whatever this says."),
TEXT(source_address, CONF_SOURCE, 0, NULL, "the system's choice",
    "An address of this host that mail leaves from; repeat it for more.  "
    "Each has its own limits at each site.  After it may follow, in any "
    "order: ehlo and the name to say for it (hostname), weight and its part "
    "of the mail (1 to 100, 1), stream and campaign, notice or both (both), "
    "warmup and the date (YYYY-MM-DD) from which it sends so much a day as "
    "the shaping data say; what is above that goes by the others."),
TEXT(shaping_file, CONF_PATH, CONF_RELOAD, NULL, "the installed one",
    "What receivers accept, see listd.shaping(5)."),
TEXT(shaping_overlay, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "What you know better: a file like that, which wins value by value."),
TEXT(replies_file, CONF_PATH, CONF_RELOAD, NULL, "the installed one",
    "What refusals mean and what follows from them, see listd.replies(5)."),
TEXT(replies_overlay, CONF_PATH, CONF_RELOAD, NULL, NULL,
    "What you know better of that."),
BOOLEAN(smtp_ipv6, CONF_RELOAD, "yes",
    "Whether mail may leave by IPv6."),
BOOLEAN(smtp_dane, CONF_RELOAD, "yes",
    "Whether DANE (RFC 7672) is obeyed where the DNS is signed; needs "
    "dnssec_anchor."),
BOOLEAN(smtp_mta_sts, CONF_RELOAD, "yes",
    "Whether MTA-STS (RFC 8461) is obeyed; policies are verified by "
    "ca_file."),
BOOLEAN(tls_reports, CONF_RELOAD, "yes",
    "Whether domains that ask for it by mail (RFC 8460) are told once a day "
    "how TLS to their mail hosts went.  The reports come from postmaster at "
    "bounce_domain, so there are none while postmaster names nobody; reports "
    "by HTTPS are not made.  What is sent by a smarthost is not counted."),
NUMBER(connections_total, CONF_INT, CONF_RELOAD, "500", 1, 10000,
    "Connections out at once."),
NUMBER(connections_per_site, CONF_INT, CONF_RELOAD, "0", 0, 500,
    "Connections at once to one site, the mail servers some domains share, "
    "and to one host that is the best one of several sites of nobody in "
    "particular; they are approached from below as the site takes them.  "
    "What the "
    "shaping data say holds where it is less, and alone when this is 0."),
NUMBER(messages_per_connection, CONF_INT, CONF_RELOAD, "0", 0, 10000,
    "Messages on one connection before a new one is made; 0 as above."),
NUMBER(timeout_connect, CONF_TIME, CONF_RELOAD, "30s", 100 * MS, 10 * MINUTE,
    "How long to wait for a connection, and for a policy over HTTPS, "
    "which never takes more than a minute."),
NUMBER(timeout_banner, CONF_TIME, CONF_RELOAD, "5m", 100 * MS, HOUR,
    "For the greeting.  This and the next ones follow RFC 5321 section "
    "4.5.3.2."),
NUMBER(timeout_command, CONF_TIME, CONF_RELOAD, "5m", 100 * MS, HOUR,
    "For the answer to EHLO, STARTTLS, AUTH and RSET."),
NUMBER(timeout_mail, CONF_TIME, CONF_RELOAD, "5m", 100 * MS, HOUR,
    "For the answer to MAIL."),
NUMBER(timeout_rcpt, CONF_TIME, CONF_RELOAD, "5m", 100 * MS, HOUR,
    "For the answer to RCPT."),
NUMBER(timeout_data, CONF_TIME, CONF_RELOAD, "2m", 100 * MS, HOUR,
    "For the answer to DATA."),
NUMBER(timeout_block, CONF_TIME, CONF_RELOAD, "3m", 100 * MS, HOUR,
    "For a part of the message to be taken."),
NUMBER(timeout_dot, CONF_TIME, CONF_RELOAD, "10m", 100 * MS, HOUR,
    "For the answer to the end of the message.  Too short, and mail that "
    "was accepted is sent again."),
NUMBER(timeout_quit, CONF_TIME, CONF_RELOAD, "5s", 100 * MS, 5 * MINUTE,
    "For the answer to QUIT, which changes nothing."),
NUMBER(idle_connection, CONF_TIME, CONF_RELOAD, "5s", 0, 5 * MINUTE,
    "How long a connection without work is kept for the next message."),
NUMBER(queue_lifetime, CONF_TIME, CONF_RELOAD, "2d", MINUTE, 5 * DAY,
    "How long a delivery is retried before it expires."),
NUMBER(recipient_per_day, CONF_INT, CONF_RELOAD, "10", 0, 1000,
    "Campaigns to one address in any 24 hours, over all lists of this host; "
    "one that would be more waits for its place, or expires.  0 is no limit."),
NUMBER(keep_content, CONF_TIME, CONF_RELOAD, "1096d", DAY, 36500 * DAY,
    "How long the message of a campaign is kept after its end; consent has "
    "times of its own, by list set NAME jurisdiction."),
NUMBER(keep_outcomes, CONF_TIME, CONF_RELOAD, "400d", 30 * DAY, 36500 * DAY,
    "How long the log of what became of each delivery is kept.  It goes in "
    "files of a month or of 64 MB, whichever is less, each when its youngest "
    "record is of age."),
CHOICE(after_data, CONF_RELOAD, "resend", after_data_names,
    "For campaigns that do not say: what becomes of a copy that was sent "
    "whole and not answered, so that it may have arrived.  resend sends the "
    "same message again, three times at most; assume-delivered counts it as "
    "delivered; hold keeps it until somebody decides or it expires."),
NUMBER(smtp_port, CONF_INT, 0, "25", 1, 65535,
    "The port of the recipients' servers.  For tests: anything but 25 needs "
    "allow_loopback."),
BOOLEAN(allow_loopback, 0, "no",
    "For tests: recipients' servers may be on the loopback."),
NUMBER(mta_sts_port, CONF_INT, 0, "443", 1, 65535,
    "The port of HTTPS where policies are fetched.  For tests: anything but "
    "443 needs allow_loopback."),

/* receiving by SMTP and LMTP */
NUMBER(max_message_size, CONF_SIZE, CONF_RELOAD, "10m", 64 * KB, GB,
    "The largest message taken or sent."),
NUMBER(inbound_connections, CONF_INT, CONF_RELOAD, "200", 1, 10000,
    "Connections in at once."),
NUMBER(inbound_per_address, CONF_INT, CONF_RELOAD, "16", 1, 10000,
    "Connections in at once from one address."),
NUMBER(inbound_idle, CONF_TIME, CONF_RELOAD, "5m", SECOND, HOUR,
    "How long a client may stay silent."),
NUMBER(inbound_idle_load, CONF_TIME, CONF_RELOAD, "1m", SECOND, HOUR,
    "The same while more than four fifths of inbound_connections are in "
    "use."),
NUMBER(inbound_recipients, CONF_INT, CONF_RELOAD, "100", 1, 100,
    "Recipients of one message."),
NUMBER(inbound_errors, CONF_INT, CONF_RELOAD, "10", 1, 1000,
    "Refused commands after which a client is disconnected."),
NUMBER(inbound_junk_commands, CONF_INT, CONF_RELOAD, "50", 1, 10000,
    "Commands without effect after which a client is disconnected."),

/* the web */
NUMBER(http_connections, CONF_INT, 0, "1000", 1, 20000,
    "Connections of web clients at once."),
NUMBER(http_per_address, CONF_INT, 0, "16", 1, 20000,
    "Connections at once from one address; those of trusted_proxies are "
    "counted by http_connections alone."),
NUMBER(http_max_head, CONF_SIZE, 0, "8k", KB, 64 * KB,
    "The largest request line and head."),
NUMBER(http_max_body, CONF_SIZE, CONF_RELOAD, "64k", KB, MB,
    "The largest body of a request, imports apart."),
NUMBER(http_timeout, CONF_TIME, 0, "30s", SECOND, 10 * MINUTE,
    "How long a web client may stay silent."),
NUMBER(http_threads, CONF_INT, 0, "2", 1, 64,
    "Threads that serve the web."),
NUMBER(import_max_size, CONF_SIZE, CONF_RELOAD, "1g", KB, 64 * GB,
    "The largest file of subscribers to import."),
BOOLEAN(import_existing_customers, CONF_RELOAD, "no",
    "May somebody who asked for nothing be imported, and mailed, as an "
    "existing customer?"),
NUMBER(dormant_months, CONF_INT, CONF_RELOAD, "12", 1, 120,
    "After so many months of silence the next campaign of a list has to have "
    "a reminder over its text."),

/* protection of people */
NUMBER(confirm_per_mailbox_day, CONF_INT, CONF_RELOAD, "3", 1, 10,
    "Confirmation mails to one mailbox in 24 hours, over all lists."),
NUMBER(confirm_per_network_hour, CONF_INT, CONF_RELOAD, "30", 1, 100000,
    "Confirmation mails caused by one network (IPv4 /24, IPv6 /48) in an "
    "hour."),
NUMBER(confirm_per_domain_hour, CONF_INT, CONF_RELOAD, "1000", 1, 10000000,
    "Confirmation mails to one domain in an hour."),
NUMBER(confirm_per_list_hour, CONF_INT, CONF_RELOAD, "2000", 1, 10000000,
    "Confirmation mails for one list in an hour."),
NUMBER(confirm_per_host_hour, CONF_INT, CONF_RELOAD, "10000", 1, 10000000,
    "Confirmation mails of this host in an hour."),
NUMBER(request_singly_per_minute, CONF_INT, CONF_RELOAD, "20", 1, 10000,
    "Requests of one network and address recorded one by one in a minute; "
    "the others are counted in one entry."),
NUMBER(request_singly_per_day, CONF_INT, CONF_RELOAD, "100000", 1, 10000000,
    "The same for all requests to this host in a day."),
NUMBER(similar_per_day, CONF_INT, CONF_RELOAD, "10", 1, 10,
    "Mails that say the same to one mailbox in any 24 hours, whatever lists, "
    "campaigns and addresses they come by; one more waits for its place, or "
    "expires."),

/* tests */
TEXT(test_clock, CONF_PATH, 0, NULL, NULL,
    "For tests: a file that moves the clock.  Refused to root."),
};

#define SETTINGS	(sizeof(table) / sizeof(table[0]))

/* One reading of a file. */
struct reading {
	struct conf	*c;
	const char	*file;
	struct strbuf	*mistakes;
	size_t		 count;			/* of mistakes */
	size_t		 set_at[SETTINGS];	/* line of the first; 0: none */
	struct conf_lines *lines;
};

static void __attribute__((format(printf, 3, 4)))
mistake(struct reading *r, size_t line, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX + CONF_NAME_MAX];
	va_list ap;

	if (++r->count > CONF_ERRORS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strbuf_adds(r->mistakes, r->file);
	if (line != 0)
		strbuf_addf(r->mistakes, ":%zu", line);
	strbuf_addf(r->mistakes, ": %s\n", text);
}

static const struct conf_setting *
setting_find(const char *name)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

const struct conf_setting *
conf_setting_at(size_t i)
{
	return i < SETTINGS ? &table[i] : NULL;
}

/* ---- reading */

static void
read_setting(struct reading *r, size_t line, const char *name,
    const char *value)
{
	const struct conf_setting *s = setting_find(name);
	struct err e = ERR_INIT;
	size_t *set_at;

	if (s == NULL) {
		mistake(r, line, "%s: there is no such setting", name);
		return;
	}
	set_at = &r->set_at[s - table];
	if (*set_at != 0 && !conf_value_is_list(s)) {
		mistake(r, line, "%s: is set already in line %zu", name,
		    *set_at);
		return;
	}
	if (*set_at == 0)
		*set_at = line;
	if (*value == '\0') {
		if (s->def != NULL || (s->flags & CONF_REQUIRED) != 0)
			mistake(r, line, "%s: needs a value", name);
		return;
	}
	if (conf_value_set(s, conf_field(r->c, s), value, &e) == -1)
		mistake(r, line, "%s: %s", name, e.text);
	else if (s->type == CONF_SMARTHOST)
		r->lines->smarthost[r->c->smarthost.n - 1] = line;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of the line's content: before a comment and trailing blanks. */
static size_t
content_end(const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && !(p[n] == '#' && (n == 0 || is_blank(p[n - 1]))))
		n++;
	while (n > 0 && is_blank(p[n - 1]))
		n--;
	return n;
}

static void
read_line(struct reading *r, size_t line, const char *p, size_t len)
{
	char buf[LINE_MAX_OCTETS + 1];
	char *name = buf, *value, *end;

	if (len > 0 && p[len - 1] == '\r')
		len--;
	if (len > LINE_MAX_OCTETS) {
		mistake(r, line, "longer than %d octets", LINE_MAX_OCTETS);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)p[i] < 0x20 && p[i] != '\t') ||
		    p[i] == 0x7f) {
			mistake(r, line, "holds a control character");
			return;
		}
	}
	len = content_end(p, len);
	memcpy(buf, p, len);
	buf[len] = '\0';
	while (is_blank(*name))
		name++;
	if (*name == '\0')
		return;
	if ((value = strchr(name, '=')) == NULL || value == name) {
		mistake(r, line, "\"%.60s\" is not name = value", name);
		return;
	}
	for (end = value; end > name && is_blank(end[-1]); end--)
		;
	*end = '\0';
	for (value++; is_blank(*value); value++)
		;
	read_setting(r, line, name, value);
}

/* The line where it was set first; 0: nowhere. */
static size_t
line_of(const struct reading *r, const char *name)
{
	return r->set_at[setting_find(name) - table];
}

/* The defaults that other settings make. */
static void
derive(struct reading *r)
{
	struct conf *c = r->c;

	if (c->hostname[0] == '\0')
		return;
	if (c->url_base[0] == '\0')
		snprintf(c->url_base, sizeof(c->url_base), "https://%s",
		    c->hostname);
	if (c->bounce_domain[0] == '\0')
		memcpy(c->bounce_domain, c->hostname, sizeof(c->hostname));
	if (c->postmaster[0] == '\0')
		snprintf(c->postmaster, sizeof(c->postmaster), "postmaster@%s",
		    c->hostname);
}

static void
derive_dkim_dir(struct reading *r)
{
	struct conf *c = r->c;
	int n;

	if (c->dkim_dir[0] != '\0')
		return;
	n = snprintf(c->dkim_dir, sizeof(c->dkim_dir), "%s/dkim",
	    strcmp(c->data_dir, "/") == 0 ? "" : c->data_dir);
	if (n < 0 || (size_t)n >= sizeof(c->dkim_dir))
		mistake(r, 0, "dkim_dir: longer than %zu octets",
		    sizeof(c->dkim_dir) - 1);
}

static void
check_pair(struct reading *r, const char *cert, const char *cert_value,
    const char *key, const char *key_value)
{
	size_t line = line_of(r, cert) != 0 ? line_of(r, cert) :
	    line_of(r, key);

	if ((cert_value[0] == '\0') != (key_value[0] == '\0'))
		mistake(r, line, "%s and %s: one is set without the other",
		    cert, key);
}

static void
check_smarthosts(struct reading *r)
{
	const struct conf *c = r->c;

	r->lines->smarthost_auth = line_of(r, "smarthost_auth");
	if (c->smarthost_auth[0] != '\0' &&
	    c->smarthost_tls != CONF_TLS_VERIFY)
		mistake(r, r->lines->smarthost_auth, "smarthost_auth: "
		    "needs smarthost_tls = verify");
	/* S17: whoever's machine it is must have given us leave. */
	for (size_t i = 0; i < c->smarthost.n; i++)
		if (c->smarthost_auth[0] == '\0' &&
		    !conf_smarthost_is_listed(c, &c->smarthost.v[i]))
			mistake(r, r->lines->smarthost[i], "smarthost: needs "
			    "smarthost_auth, or smarthost_networks that it "
			    "is in");
}

/* What is missing, and what does not fit together. */
static void
check_whole(struct reading *r)
{
	const struct conf *c = r->c;

	for (size_t i = 0; i < SETTINGS; i++)
		if ((table[i].flags & CONF_REQUIRED) != 0 && r->set_at[i] == 0)
			mistake(r, 0, "%s: is not set", table[i].name);
	check_pair(r, "smtp_tls_cert", c->smtp_tls_cert, "smtp_tls_key",
	    c->smtp_tls_key);
	check_pair(r, "web_tls_cert", c->web_tls_cert, "web_tls_key",
	    c->web_tls_key);
	if (c->https_listen.n != 0 && c->web_tls_cert[0] == '\0' &&
	    c->web_tls_key[0] == '\0' && line_of(r, "web_tls_cert") == 0)
		mistake(r, line_of(r, "https_listen"), "https_listen: needs "
		    "web_tls_cert and web_tls_key");
	check_smarthosts(r);
	/* RFC 2033 section 5: who expects SMTP there would be answered so. */
	for (size_t i = 0; i < c->lmtp_listen.n; i++)
		if (c->lmtp_listen.v[i].port == 25)
			mistake(r, line_of(r, "lmtp_listen"), "lmtp_listen: "
			    "LMTP is not for port 25");
	if (c->smtp_port != 25 && !c->allow_loopback)
		mistake(r, line_of(r, "smtp_port"), "smtp_port: a port other "
		    "than 25 needs allow_loopback");
	if (c->mta_sts_port != 443 && !c->allow_loopback)
		mistake(r, line_of(r, "mta_sts_port"), "mta_sts_port: a port "
		    "other than 443 needs allow_loopback");
}

bool
conf_postmaster_is_here(const struct conf *c)
{
	const char *at = strrchr(c->postmaster, '@');

	return at != NULL && (strcasecmp(at + 1, c->hostname) == 0 ||
	    strcasecmp(at + 1, c->bounce_domain) == 0);
}

bool
conf_reports_tls(const struct conf *c)
{
	return c->tls_reports && c->smarthost.n == 0 &&
	    !conf_postmaster_is_here(c);
}

int
conf_parse(struct conf *c, const char *file, const void *bytes, size_t len,
    struct strbuf *mistakes)
{
	struct conf_lines lines;

	return conf_parse_lines(c, file, bytes, len, mistakes, &lines);
}

int
conf_parse_lines(struct conf *c, const char *file, const void *bytes,
    size_t len, struct strbuf *mistakes, struct conf_lines *lines)
{
	struct reading r = { .c = c, .file = file, .mistakes = mistakes,
		.lines = lines };
	const char *p = bytes, *end = p + len, *eol;
	size_t line = 1;

	conf_init(c);
	memset(lines, 0, sizeof(*lines));
	if (len > CONF_FILE_MAX) {
		mistake(&r, 0, "larger than %u octets", CONF_FILE_MAX);
		return -1;
	}
	for (; p < end; p = eol + 1, line++) {
		if ((eol = memchr(p, '\n', (size_t)(end - p))) == NULL)
			eol = end;
		read_line(&r, line, p, (size_t)(eol - p));
		if (eol == end)
			break;
	}
	derive(&r);
	derive_dkim_dir(&r);
	check_whole(&r);
	if (r.count > CONF_ERRORS_MAX)
		strbuf_addf(mistakes, "%s: and %zu more\n", file,
		    r.count - CONF_ERRORS_MAX);
	return r.count == 0 ? 0 : -1;
}
