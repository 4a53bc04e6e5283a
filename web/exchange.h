/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one HTTP request and the answer to it, without the HTTP.
 *
 * The server (server.h) feeds what it reads and sends what comes out; here is
 * decided what a request means.  An exchange goes through
 *
 *	exchange_new, exchange_header ..., exchange_head	the head is read
 *	exchange_body ...					the body, if any
 *	exchange_run		answered at once, or a frame for queue
 *	exchange_reply		what queue said; answered now
 *	exchange_free
 *
 * exchange_head() and exchange_body() can end it early with an answer.
 *
 * The rules of the answers:
 *   - GET, HEAD and OPTIONS change nothing, ever (T1, X31).
 *   - What is known of an address changes neither status nor text (T7, S29).
 *   - An unsubscribe token that is repeated or was never made gets the very
 *     answer that a good one gets (R31); it alone decides who leaves what, and
 *     nothing else in the request does (R29, T20).
 *   - Nothing was done unless queue said that it is durable (T21).
 *   - No page holds a token, nor anything else of the request's URL (T51).
 */
#ifndef WEB_EXCHANGE_H
#define WEB_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "web/client_ip.h"
#include "web/route.h"
#include "web/site.h"

struct clock;
struct keyring;
struct looks;
struct metrics;
struct sockaddr;
struct view_ops;

#define EXCHANGE_PAGE_MAX	(64u << 10)	/* octets of an answer */
#define EXCHANGE_DATA_MAX	(64u << 20)	/* all that is held of one */
#define EXCHANGE_HOPS_MAX	(80u << 10)	/* octets of the hops */
#define EXCHANGE_RETRY_S	30	/* Retry-After of a 503 */

/* What all exchanges share.  Borrowed parts outlive every exchange. */
struct exchange_env {
	/* url, confirm; another ring may take its place, this one lasts. */
	_Atomic(const struct keyring *) keys;
	const struct clock	*clock;
	struct metrics		*metrics;
	struct looks		*looks;		/* NULL: not remembered */
	const struct view_ops	*view;
	void			*view_arg;
	atomic_bool		 queue_up;	/* there is a channel */
	_Atomic uint64_t	 last_request;	/* id of the last frame */
};

enum answer_type {
	ANSWER_NONE, ANSWER_HTML, ANSWER_TEXT, ANSWER_FIGURES,
	ANSWER_JSON,		/* a file to be kept */
	ANSWER_OCTETS,
};

/* How long another may keep an answer. */
enum answer_cache {
	ANSWER_CACHE_NEVER,	/* not at all */
	ANSWER_CACHE_NO,	/* not without asking whether it is still so */
	ANSWER_CACHE_EVER,	/* what never changes and is for everybody */
};

/*
 * Answers whose bytes never differ: the server keeps them ready, and an
 * exchange that has one leaves its body empty.
 */
enum answer_fixed {
	ANSWER_FIXED_NO,
	ANSWER_FIXED_LEFT,	/* "you have left the list" */
	ANSWER_FIXED_LEFT_ALL,
	ANSWER_FIXED_LAST
};

struct answer {
	unsigned	 status;	/* 0: none yet */
	enum answer_type type;
	enum answer_cache cache;
	enum answer_fixed fixed;
	const char	*allow;		/* Allow field, or NULL */
	bool		 retry;		/* Retry-After */
	bool		 close;		/* end the connection behind it */
	struct strbuf	 body;
};

enum exchange_step {
	EXCHANGE_MORE,		/* go on: body, or exchange_run() */
	EXCHANGE_ANSWERED,	/* x->answer is complete */
	EXCHANGE_ASKS,		/* x->ask is a frame for queue */
};

struct exchange {
	/* Read-only for the server. */
	enum web_method	 method;
	struct route	 route;
	struct client_ip from;
	struct answer	 answer;
	struct {
		uint16_t	type;	/* enum ipc_type */
		uint64_t	id;
		bool		again;	/* may be asked twice: it is one act */
		struct strbuf	frame;
		struct strbuf	*into;	/* a long answer goes here, or NULL */
	} ask;
	int64_t		 began_ms;	/* UTC */

	/* The rest is exchange.c's and the pages'. */
	struct exchange_env *env;
	const struct site *site;
	bool		 secret;	/* the argument is a token */
	char		 type[256];	/* Content-Type, "" none */
	char		 agent[256];	/* User-Agent, printable */
	struct strbuf	 forwarded_for, forwarded;
	bool		 has_for, has_forwarded;
	unsigned	 lengths;	/* Content-Length fields */
	bool		 bad_length;
	uint64_t	 length;
	unsigned	 codings;	/* Transfer-Encoding fields */
	bool		 chunked;
	struct strbuf	 raw;		/* request as kept for evidence */
	struct strbuf	 body;
	bool		 malformed;	/* join: not an address */
	enum ipc_leave	 scope;		/* leave */
	enum ipc_data_act data_act;	/* mine */
};

/*
 * Begin with the request line; path is still encoded, without its query.
 * site is borrowed until exchange_free().  Never NULL.
 */
struct exchange *exchange_new(struct exchange_env *env,
    const struct site *site, const char *method, const char *path,
    const char *version);
void exchange_free(struct exchange *x);

/* One header field, in the order of the request. */
void exchange_header(struct exchange *x, const char *name, size_t name_len,
    const char *value, size_t len);
/*
 * The head is complete: octets as it came, from peer.  EXCHANGE_MORE, or
 * EXCHANGE_ANSWERED for what must not be read on (400, 405, 413, 431).
 */
enum exchange_step exchange_head(struct exchange *x, size_t octets,
    const struct sockaddr *peer);
/*
 * A piece of the body.  False: it is larger than it may be, which at this
 * point can be told only by closing.
 */
bool exchange_body(struct exchange *x, const void *p, size_t len);
/* The request is complete. */
enum exchange_step exchange_run(struct exchange *x);
/* Queue's answer; IPC_TRY_AGAIN also stands for no answer in time. */
void exchange_reply(struct exchange *x, enum ipc_result result,
    const char *text);

/*
 * Fill in status, type and body of an answer of fixed bytes; the body is
 * initialized, what else the answer says stays.
 */
void exchange_fixed(struct answer *a, const struct site *site,
    enum answer_fixed which);
void answer_free(struct answer *a);

#endif
