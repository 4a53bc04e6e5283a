/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf.h - what the machine's administrator decides.
 *
 * The configuration file is lines of `name = value`.  A # at the start of a
 * line or after a blank begins a comment.  A list is its name repeated; an
 * empty value is allowed where the default is empty.  Nothing is expanded or
 * quoted.  What owners decide lies in the store, not here.
 *
 * One table in conf.c names every setting with its type, unit, default,
 * bounds and whether a reload may change it.  It drives this parser, the dump
 * of `listd -n`, the settings in listd.conf(5) and their tests.
 *
 * struct conf is a plain value without pointers, so it is copied, compared
 * and dropped freely.  Times are in milliseconds, sizes in octets.
 */
#ifndef LIB_CONF_H
#define LIB_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/signed_note.h"

struct err;
struct strbuf;

#define CONF_PATH_DEFAULT "/etc/listd/listd.conf"

#define CONF_FILE_MAX	(256u << 10)	/* octets of a file */
#define CONF_PATH_MAX	1024		/* octets of a path, with its NUL */
#define CONF_NAME_MAX	256		/* of a host name or word, with NUL */
#define CONF_ADDRESS_MAX 321		/* of a mail address, with NUL */
#define CONF_UNIX_MAX	108		/* of a UNIX socket's path, with NUL */
#define CONF_LISTEN_MAX	16		/* entries of a list of listeners */
#define CONF_CIDR_MAX	64		/* entries of a list of networks */
#define CONF_SMARTHOST_MAX 8		/* entries of smarthost */
#define CONF_SOURCE_MAX	64		/* entries of source_address */
#define CONF_WEIGHT_MAX	100		/* of one of them */
#define CONF_WITNESS_MAX 16		/* entries of ledger_witness */
#define CONF_ERRORS_MAX	100		/* mistakes reported of one file */

/* An address to listen on or to talk to. */
struct conf_listen {
	uint8_t		family;		/* 4, 6, or 0: a UNIX socket */
	uint8_t		ip[16];		/* the first 4 or all 16 octets */
	uint16_t	port;
	char		path[CONF_UNIX_MAX];	/* when family is 0 */
};

struct conf_listens {
	size_t			n;
	struct conf_listen	v[CONF_LISTEN_MAX];
};

struct conf_cidr {
	uint8_t		family;		/* 4 or 6 */
	uint8_t		bits;
	uint8_t		ip[16];		/* octets past bits are zero */
};

struct conf_cidrs {
	size_t			n;
	struct conf_cidr	v[CONF_CIDR_MAX];
};

/*
 * A relay: its name, or an address as text without brackets.  The lowest
 * preference is used while one of it may be; those of equal preference share
 * the mail by weight.  0 is a limit that is not set.
 */
struct conf_smarthost {
	char		host[CONF_NAME_MAX];
	uint16_t	port;
	uint16_t	preference;	/* default: behind the one before */
	uint16_t	weight;		/* from 1 */
	uint32_t	connections;
	uint32_t	connects_per_minute;
	uint32_t	messages_per_connection;
	uint32_t	messages_per_minute;
	uint32_t	messages_per_hour;	/* of UTC */
	uint32_t	messages_per_day;
	uint16_t	implicit_tls;	/* 0 or 1; by default 1 at port 465 */
};

struct conf_smarthosts {
	size_t			n;
	struct conf_smarthost	v[CONF_SMARTHOST_MAX];
};

/* An address that mail leaves from, and what is said of it. */
struct conf_source {
	uint8_t		family;		/* 4 or 6 */
	uint8_t		ip[16];
	char		ehlo[CONF_NAME_MAX];	/* "": hostname */
	uint8_t		weight;		/* 1 to CONF_WEIGHT_MAX */
	uint8_t		stream;		/* enum conf_stream */
	int32_t		warm_from;	/* days since 1970; 0: it is warm */
};

enum conf_stream {		/* bits */
	CONF_STREAM_CAMPAIGN = 1, CONF_STREAM_NOTICE = 2, CONF_STREAM_BOTH = 3,
};

struct conf_sources {
	size_t			n;
	struct conf_source	v[CONF_SOURCE_MAX];
};

/* Witnesses of the ledger, each name once, all of type NOTE_COSIGNATURE. */
struct conf_witnesses {
	size_t			n;
	struct note_key		v[CONF_WITNESS_MAX];
};

/* A DNS server: family 0 when none is set. */
struct conf_server {
	uint8_t		family;
	uint8_t		ip[16];
	uint16_t	port;
};

enum conf_log_level {		/* the order of enum log_level */
	CONF_LOG_ERROR, CONF_LOG_WARNING, CONF_LOG_NOTICE, CONF_LOG_INFO,
	CONF_LOG_DEBUG,
};

enum conf_log_addresses {	/* the order of enum log_addresses */
	CONF_ADDRESSES_FULL, CONF_ADDRESSES_SHORT, CONF_ADDRESSES_NONE,
};

/* The facilities a mail daemon is sent to, in the order of their names. */
enum conf_facility {
	CONF_FACILITY_DAEMON, CONF_FACILITY_LOCAL0, CONF_FACILITY_LOCAL1,
	CONF_FACILITY_LOCAL2, CONF_FACILITY_LOCAL3, CONF_FACILITY_LOCAL4,
	CONF_FACILITY_LOCAL5, CONF_FACILITY_LOCAL6, CONF_FACILITY_LOCAL7,
	CONF_FACILITY_MAIL,
};

/* As enum campaign_after of the store. */
enum conf_after_data {
	CONF_AFTER_RESEND, CONF_AFTER_ASSUME, CONF_AFTER_HOLD,
};

enum conf_smarthost_tls {
	CONF_TLS_OPPORTUNISTIC, CONF_TLS_ENCRYPT, CONF_TLS_VERIFY,
};

/* A value chosen from names; int so that the table can reach it. */
typedef int conf_enum;

struct conf {
	/* who we are */
	char	hostname[CONF_NAME_MAX];
	char	url_base[CONF_PATH_MAX];	/* no slash at its end */
	char	bounce_domain[CONF_NAME_MAX];
	char	postmaster[CONF_ADDRESS_MAX];

	/* places */
	char	data_dir[CONF_PATH_MAX];
	char	control_socket[CONF_UNIX_MAX];
	char	dkim_dir[CONF_PATH_MAX];
	char	ca_file[CONF_PATH_MAX];
	char	dnssec_anchor[CONF_PATH_MAX];

	/* listeners */
	struct conf_listens	smtp_listen;
	struct conf_listens	lmtp_listen;
	char	smtp_tls_cert[CONF_PATH_MAX];
	char	smtp_tls_key[CONF_PATH_MAX];
	struct conf_listens	http_listen;
	struct conf_listens	https_listen;
	char	web_tls_cert[CONF_PATH_MAX];
	char	web_tls_key[CONF_PATH_MAX];
	struct conf_cidrs	trusted_proxies;
	struct conf_cidrs	metrics_allow;	/* n 0: the loopback */
	struct conf_witnesses	ledger_witness;

	/* processes and users */
	int64_t	deliver_roles;			/* 0: one per core */
	char	user_queue[CONF_NAME_MAX];
	char	user_deliver[CONF_NAME_MAX];
	char	user_inbound[CONF_NAME_MAX];
	char	user_web[CONF_NAME_MAX];
	char	group[CONF_NAME_MAX];
	int64_t	drain_timeout;

	/* store */
	int64_t	map_size;
	int64_t	map_size_queue;
	int64_t	compact_days;

	/* log */
	conf_enum	log_level;
	conf_enum	log_syslog;
	conf_enum	log_addresses;

	/* names and routes */
	struct conf_server	resolver;	/* family 0: resolv.conf */
	struct conf_smarthosts	smarthost;	/* n 0: direct delivery */
	char	smarthost_auth[CONF_PATH_MAX];
	conf_enum	smarthost_tls;
	struct conf_cidrs	smarthost_networks;
	int64_t	smarthost_connections;
	int64_t	smarthost_messages;

	/* sending */
	bool	dkim_ed25519;
	struct conf_sources	source_address;	/* n 0: the system's choice */
	char	shaping_file[CONF_PATH_MAX];
	char	shaping_overlay[CONF_PATH_MAX];
	char	replies_file[CONF_PATH_MAX];
	char	replies_overlay[CONF_PATH_MAX];
	bool	smtp_ipv6;
	bool	smtp_dane;
	bool	smtp_mta_sts;
	bool	tls_reports;
	int64_t	connections_total;
	int64_t	connections_per_site;
	int64_t	messages_per_connection;
	int64_t	timeout_connect;
	int64_t	timeout_banner;
	int64_t	timeout_command;		/* EHLO, STARTTLS, AUTH, RSET */
	int64_t	timeout_mail;
	int64_t	timeout_rcpt;
	int64_t	timeout_data;
	int64_t	timeout_block;
	int64_t	timeout_dot;
	int64_t	timeout_quit;
	int64_t	idle_connection;
	int64_t	queue_lifetime;
	int64_t	recipient_per_day;
	int64_t	keep_content;
	int64_t	keep_outcomes;
	conf_enum	after_data;
	int64_t	smtp_port;
	bool	allow_loopback;
	int64_t	mta_sts_port;

	/* receiving by SMTP and LMTP */
	int64_t	max_message_size;
	int64_t	inbound_connections;
	int64_t	inbound_per_address;
	int64_t	inbound_idle;
	int64_t	inbound_idle_load;
	int64_t	inbound_recipients;
	int64_t	inbound_errors;
	int64_t	inbound_junk_commands;

	/* the web */
	int64_t	http_connections;
	int64_t	http_per_address;
	int64_t	http_max_head;
	int64_t	http_max_body;
	int64_t	http_timeout;
	int64_t	http_threads;
	int64_t	import_max_size;
	bool	import_existing_customers;
	int64_t	dormant_months;

	/* protection of people */
	int64_t	confirm_per_mailbox_day;
	int64_t	confirm_per_network_hour;
	int64_t	confirm_per_domain_hour;
	int64_t	confirm_per_list_hour;
	int64_t	confirm_per_host_hour;
	int64_t	request_singly_per_minute;
	int64_t	request_singly_per_day;
	int64_t	similar_per_day;

	/* tests */
	char	test_clock[CONF_PATH_MAX];
};

/* Fill c with the defaults; what has no default is empty. */
void conf_init(struct conf *c);

/*
 * Read a configuration file's bytes into c, starting from the defaults.
 *
 * file		its name, for messages
 * bytes	need no NUL
 * mistakes	appended to: one line per mistake, `file:line: text` or, for
 *		what is missing, `file: text`, each
 *		ended by a newline, at most CONF_ERRORS_MAX; what its limit
 *		cuts off is lost.
 *
 * Returns 0, or -1 when there were mistakes; c then holds what could be read.
 */
int conf_parse(struct conf *c, const char *file, const void *bytes,
    size_t len, struct strbuf *mistakes);

/*
 * The same, and lines_r says where the entries of lists are that need more
 * than the file to be judged.
 */
struct conf_lines {
	size_t	smarthost[CONF_SMARTHOST_MAX];	/* by entry */
	size_t	smarthost_auth;			/* 0: it is not set */
};
int conf_parse_lines(struct conf *c, const char *file, const void *bytes,
    size_t len, struct strbuf *mistakes, struct conf_lines *lines_r);

/* A relay as host:port or [ip6]:port, which tells it from all others. */
void conf_smarthost_name(const struct conf_smarthost *h,
    char name_r[static CONF_NAME_MAX]);

/*
 * S17: may this relay be used by one who has no login for it?  Its address is
 * in smarthost_networks; that of a name is known when it is connected to, and
 * judged by conf_cidrs_match() then.
 */
bool conf_smarthost_is_listed(const struct conf *c,
    const struct conf_smarthost *h);

/*
 * True when postmaster names this host, which has no mailboxes: what comes for
 * postmaster and abuse then reaches nobody (S62).
 */
bool conf_postmaster_is_here(const struct conf *c);

/* Are there reports about TLS, from a postmaster who can be asked? */
bool conf_reports_tls(const struct conf *c);

/*
 * Make fresh, read for a reload, fit to replace running: a setting that only
 * a restart can change keeps its running value, and one line
 * `NAME: cannot change while running` per such change is appended to
 * warnings.  Returns how many there were.
 */
size_t conf_reload_check(const struct conf *running, struct conf *fresh,
    struct strbuf *warnings);

/* Every setting with its value in effect, as a file that reads back equal. */
void conf_dump(const struct conf *c, struct strbuf *out);

/* The settings as rows of mdoc(7), the text of listd.conf(5). */
void conf_manual(struct strbuf *out);

/* True when ip of this family (4 or 6; IPv4 in IPv6 counts as 4) is in it. */
bool conf_cidrs_match(const struct conf_cidrs *list, uint8_t family,
    const uint8_t *ip);

/* ip:port, [ip6]:port or the path; for messages and logs. */
void conf_listen_format(const struct conf_listen *l, struct strbuf *out);

/* Walk the table, for tests: the name of setting i, or NULL past the end. */
const char *conf_name(size_t i);

#endif
