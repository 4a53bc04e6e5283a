/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink.h - the test SMTP server: what its parts share.
 *
 *	sink.c			command line, control, signals
 *	sink_listen.c		addresses and ports
 *	sink_conn.c		one connection: sockets, TLS, delays, closing
 *	sink_smtp.c		the dialogue
 *	sink_reply.c		replies, and what the rules put in their place
 *	sink_auth.c		AUTH
 *	sink_content.c		the octets of a message
 *	sink_record.c		journal, counters, archive of messages
 *	sink_rules*.c		what it does instead of saying yes
 *
 * One thread, one loop.  All time is CLOCK_MONOTONIC, which a test can read
 * too (time.monotonic() of Python is the same clock).
 */
#ifndef TESTS_SINK_H
#define TESTS_SINK_H

#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <openssl/ssl.h>

#include "lib/strbuf.h"
#include "tests/sink_rules.h"

#define SINK_LINE_MAX	65536		/* octets of a command line */
#define SINK_READ_MAX	(256u << 10)	/* octets taken from a socket at once */
#define SINK_OUT_MAX	(8u << 20)	/* octets of replies not yet taken */
#define SINK_RCPTS_MAX	(256u << 10)	/* octets of one transaction's RCPTs */

struct countmap;
struct err;
struct event;
struct event_base;
struct eventlog;
struct sink;

struct counters {
	uint64_t	connections;	/* accepted sockets */
	uint64_t	current;	/* open now */
	uint64_t	max_current;
	uint64_t	tls;		/* handshakes completed */
	uint64_t	tls_resumed;	/* of those, from a ticket */
	uint64_t	begun;		/* MAIL commands seen */
	uint64_t	rcpts;		/* RCPT commands seen */
	uint64_t	refused;	/* 4xx and 5xx replies */
	uint64_t	accepted;	/* end of data answered 2xx */
	uint64_t	unanswered;	/* end of data seen, reply withheld */
	uint64_t	octets;		/* of content, all messages */
	uint64_t	anomalies;	/* what no correct client does */
};

struct listener {
	struct sink		*sink;
	struct sockaddr_storage	 sa;
	socklen_t		 salen;
	char			 address[INET6_ADDRSTRLEN];
	unsigned		 port;
	bool			 implicit_tls;
	bool			 shared_port;	/* was written with port 0 */
	SSL_CTX			*tls;		/* NULL = no STARTTLS */
	int			 fd;		/* -1 while refusing */
	struct event		*event;
	struct counters		 count;
};

enum conn_state {
	CONN_COMMAND,
	CONN_CONTENT,		/* between 354 and the dot */
	CONN_CHUNK,		/* inside a BDAT chunk */
	CONN_DEAF,		/* read and forget */
};

enum conn_tls { CONN_PLAIN, CONN_HANDSHAKE, CONN_TLS };

enum conn_ending { CONN_STAYS, CONN_CLOSES, CONN_RESETS };

/* A scripted moment inside the content, due at this many octets. */
struct content_act {
	const struct action	*action;	/* NULL = none */
	unsigned		 generation;	/* of the rules it is in */
	uint64_t		 due;
};

/* The content of one message while it arrives. */
struct content {
	uint64_t	octets;		/* without stuffed dots and the end */
	uint64_t	chunk_left;	/* BDAT octets still to come */
	bool		chunk_last;
	bool		chunk_begun;	/* a BDAT of this message was seen */
	bool		chunk_refused;	/* swallow it, then say no */
	bool		at_line_start;
	bool		after_crlf;	/* the last line end was CRLF */
	bool		after_cr;	/* the last octet was CR */
	uint64_t	line_octets;
	unsigned	anomalies;	/* enum content_anomaly bits */
	bool		too_big;
	struct strbuf	text;		/* kept only for the archive */
};

struct conn {
	LIST_ENTRY(conn)	 link;
	struct sink		*sink;
	struct listener		*listener;
	uint64_t		 id;
	int			 fd;
	char			 peer[INET6_ADDRSTRLEN];
	unsigned		 peer_port;
	SSL			*ssl;
	enum conn_tls		 tls;
	enum conn_state		 state;
	enum conn_ending	 ending;
	const char		*why;		/* it ends, for the journal */
	bool			 paused;	/* a reply is being delayed */
	bool			 stalled;	/* never read again */
	bool			 blocked;	/* the socket takes no more */
	bool			 reading, writing;	/* events armed */
	uint32_t		 dribble_ms;
	size_t			 held_at;	/* replies from here on wait */
	struct event		*ev_read, *ev_write, *ev_timer;
	struct strbuf		 in;		/* not yet understood */
	struct strbuf		 out;		/* not yet sent */

	struct strbuf		 helo;
	bool			 esmtp;
	bool			 authenticated;
	char			*hidden;	/* keywords left out, or NULL */
	/* 1 awaits PLAIN's line, 2 LOGIN's name, 3 its password */
	int			 auth_step;

	uint64_t		 txn;		/* MAILs accepted so far */
	bool			 in_mail;
	bool			 eight_bit;	/* BODY=8BITMIME and more */
	struct strbuf		 from;
	struct strbuf		 params;	/* of MAIL */
	struct strbuf		 rcpts;		/* accepted, NUL after each */
	size_t			 nrcpts;
	size_t			 focus;		/* the RCPT in question; or 0 */
	struct content		 content;
	struct content_act	 act;
};

struct sink_options {
	const char	*log, *store, *control, *rules, *hostname;
	const char	*auth;			/* "user:password" or NULL */
	const char	*extra[16];		/* further EHLO keywords */
	size_t		 nextra;
	uint64_t	 size;			/* SIZE announced; 0 = none */
	uint64_t	 store_every;		/* keep each N-th message */
	bool		 raw;			/* archive content as sent */
	bool		 chunking, pipelining, smtputf8;
	bool		 check;			/* look for anomalies */
	bool		 count;			/* per recipient */
};

struct archive;

struct sink {
	struct sink_options	 opt;
	struct event_base	*base;
	struct listener		*listeners;
	size_t			 nlisteners;
	LIST_HEAD(, conn)	 conns;
	struct ruleset		*rules;
	unsigned		 rules_generation;
	struct eventlog		*log;
	struct archive		*archive;
	struct countmap		*recipients;	/* a accepted, b unanswered */
	struct counters		 total;
	uint64_t		 now_us;	/* when this callback began */
	uint64_t		 started_us;
	uint64_t		 next_conn, next_message;
	int			 spare_fd;	/* for want of others */
	char			 rbuf[SINK_READ_MAX + SINK_LINE_MAX];
};

/* ---- sink_listen.c */

/* Add "ADDRESS:PORT[,option...]"; pem is the default certificate or NULL. */
int sink_add_listener(struct sink *sink, const char *spec, const char *pem,
    struct err *e);
/* Start listening, on the ports used before if there were any. */
int sink_listen(struct sink *sink, struct err *e);
/* Stop listening; the listeners and their ports are remembered. */
void sink_unlisten(struct sink *sink);
void sink_free_listeners(struct sink *sink);

/* ---- sink_conn.c */

/* Take over a fresh socket; greets the peer. */
void conn_open(struct listener *listener, int fd,
    const struct sockaddr_storage *peer);
/* Close at once, journalling why. */
void conn_free(struct conn *c, const char *why);
/* After the replies so far are sent: close.  why is a literal. */
void conn_end(struct conn *c, enum conn_ending how, const char *why);
/* What is added to c->out from now on waits ms, and so does all input. */
void conn_delay(struct conn *c, uint32_t ms);
/* What follows on the socket is the peer's handshake. */
void conn_start_tls(struct conn *c);
/* Write octets past TLS, straight to the socket. */
void conn_send_past_tls(struct conn *c, const char *s, size_t len);
void sink_touch_clock(struct sink *sink);

/* ---- sink_smtp.c */

/* Queue the greeting. */
void smtp_greet(struct conn *c);
/*
 * Take what can be understood of buf; returns the octets used.  Stops early
 * when the connection is delayed, ends or starts TLS.  Writes into buf.
 */
size_t smtp_input(struct conn *c, char *buf, size_t len);
/* Does this connection offer keyword (one the sink knows) now? */
bool smtp_offers(const struct conn *c, const char *keyword);

/* ---- sink_reply.c: each returns the reply's first digit, 0 for none */

/* The rule for event now, counted; NULL for the usual. */
const struct action *smtp_rule(struct conn *c, enum sink_event event);
/*
 * Give the usual reply (with its CRLF) or what a, which may be NULL, says
 * instead; journals the event with octets and detail.
 */
int smtp_perform(struct conn *c, const struct action *a,
    enum sink_event event, const char *usual, uint64_t octets,
    const char *detail);
/* Both of these in one. */
int smtp_answer(struct conn *c, enum sink_event event, const char *usual,
    uint64_t octets, const char *detail);
/* A reply that no rule may change. */
int smtp_reply(struct conn *c, const char *event, const char *reply,
    uint64_t octets, const char *detail);
/* The same for what no correct client does. */
void smtp_refuse(struct conn *c, const char *reply, const char *anomaly);

/* ---- sink_auth.c */

void auth_begin(struct conn *c, const char *arg);
/* A line of an exchange that c->auth_step says is open. */
void auth_line(struct conn *c, const char *line);

/* ---- sink_content.c */

enum content_anomaly {
	ANOMALY_BARE_CR = 1,
	ANOMALY_BARE_LF = 2,
	ANOMALY_LONG_LINE = 4,		/* over 998 octets, RFC 5322 */
	ANOMALY_EIGHT_BIT = 8,		/* without BODY=8BITMIME */
	ANOMALY_NUL = 16,
};

/* Forget the message, ready for the next one's content. */
void content_reset(struct content *ct);
/*
 * Take content in dot-stuffed form.  Returns the octets used; *done_r turns
 * true behind the final CRLF.CRLF.
 */
size_t content_dotted(struct conn *c, const char *buf, size_t len,
    bool *done_r);
/* Take content as it is (BDAT). */
void content_plain(struct conn *c, const char *buf, size_t len);
/* Names of the bits in anomalies, space separated. */
void content_anomaly_names(unsigned anomalies, struct strbuf *out);

/* ---- sink_record.c */

/* Journal one event; to is the recipient or NULL for those of the mail. */
void record_event(struct conn *c, const char *event, const char *to,
    const char *reply, size_t reply_len, uint64_t octets, const char *detail);
/* Count and journal what no correct client does. */
void record_anomaly(struct conn *c, const char *what);
/* Count a message by its recipients and archive it if that is asked. */
void record_message(struct conn *c, bool answered, uint64_t number);
/* One counter, in the total and the listener's. */
#define record_count(c, field) \
	((c)->sink->total.field++, (c)->listener->count.field++)

/* Open DIR/messages and DIR/index.  NULL with e set. */
struct archive *archive_open(const char *dir, struct err *e);
void archive_close(struct archive **a);
int archive_flush(struct archive *a, struct err *e);

/* Append the summary as one JSON object. */
void record_summary(const struct sink *sink, struct strbuf *out);
/* Write "accepted unanswered recipient" lines to path.  0 or -1. */
int record_counts_file(const struct sink *sink, const char *path,
    struct err *e);

#endif
