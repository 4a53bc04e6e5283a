/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web_world.h - a web server on the loopback with a queue role that a test
 * plays, and a client that sends exactly what it is told.
 *
 * The server's loop runs in a thread of its own, the test in the main one.
 */
#ifndef TESTS_WEB_WORLD_H
#define TESTS_WEB_WORLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "web/exchange.h"

struct channel;
struct event;
struct event_base;
struct server;
struct timers;

#define WORLD_LIST	7	/* id of the list "news" */
#define WORLD_CAMPAIGN	77
/* A title that would be trouble if it were not escaped (X35, T31). */
#define WORLD_TITLE	"News & <b>\"views\"</b> \xe2\x80\xae'x"

/* Tokens of confirmations that the store "knows". */
#define WORLD_PENDING	"aaaaaaaaaaaaaaaaaaaaaaaaaa"
#define WORLD_CONFIRMED	"aeaaaaaaaaaaaaaaaaaaaaaaaa"
#define WORLD_EXPIRED	"aiaaaaaaaaaaaaaaaaaaaaaaaa"
#define WORLD_VOID	"amaaaaaaaaaaaaaaaaaaaaaaaa"
#define WORLD_OWNER	"aqaaaaaaaaaaaaaaaaaaaaaaaa"
#define WORLD_ACCESS	"ayaaaaaaaaaaaaaaaaaaaaaaaa"
#define WORLD_CHANGE	"a4aaaaaaaaaaaaaaaaaaaaaaaa"
/* The same, used: its page works as long as the world says so. */
#define WORLD_ACCESSED	"a2aaaaaaaaaaaaaaaaaaaaaaaa"
#define WORLD_UNKNOWN	"auaaaaaaaaaaaaaaaaaaaaaaaa"

/* What the queue saw; strings and slices are copies that live on. */
struct world_seen {
	unsigned		subscribes, confirms, unsubscribes, others;
	unsigned		datas, cosigns;
	struct ipc_subscribe	subscribe;	/* the last one each */
	struct ipc_confirm	confirm;
	struct ipc_unsubscribe	unsubscribe;
	struct ipc_data		data;
	char			name[128], value[128];	/* of data */
	struct ipc_cosign	cosign;		/* of the note its length */
	char			raw[IPC_RAW_MAX + 1];	/* of the last */
	size_t			raw_len;
	char			shown[IPC_SHOWN_MAX + 1];
	size_t			shown_len;
};

struct world {
	struct clock		 clock;		/* first: it finds the rest */
	_Atomic int64_t		 jumped_ms;
	struct conf		 conf;
	struct exchange_env	 env;
	struct keyring		*keys;
	struct server		*server;
	struct event_base	*base;
	struct timers		*timers;
	uint16_t		 port, tls_port;	/* 0: there is none */
	char			 token[67];	/* a good unsubscribe URL's */
	uint8_t			 hash[16];

	/* How the queue answers. */
	atomic_bool		 silent;
	_Atomic int		 result;	/* enum ipc_result */
	_Atomic(const char *)	 text;
	atomic_bool		 store_down;
	atomic_bool		 erased;	/* nothing is held any more */
	/* Held by the test, it keeps whoever asks if the store is ready. */
	pthread_mutex_t		 door;
	_Atomic unsigned	 at_door;	/* how many came to it */

	pthread_mutex_t		 lock;		/* over seen */
	struct world_seen	 seen;

	/* Private. */
	struct channel		*queue;		/* its end of the pair */
	pthread_t		 thread;
	struct event		*call_event;
	int			 call_fd, back_fd;
	void			(*call)(struct world *, void *);
	void			*call_arg;
	bool			 drained;
};

/*
 * settings are lines of the configuration beside those needed; tls asks for an
 * HTTPS listener too (certificate.h must have one).
 */
struct world *world_begin(const char *settings, bool tls);
void world_end(struct world *w);

/* Run fn in the loop's thread and wait for it. */
void world_call(struct world *w, void (*fn)(struct world *, void *),
    void *arg);
void world_jump(struct world *w, int64_t ms);
/* A new queue role: the old one, if any, is gone. */
void world_connect(struct world *w);
void world_disconnect(struct world *w);
/* Copy what the queue saw, and forget it. */
void world_take(struct world *w, struct world_seen *seen_r);
/* Wait until the queue saw a frame; false after some seconds. */
bool world_wait_frame(struct world *w);

/* ---- the client */

struct reply {
	int		status;		/* 0: closed without an answer */
	struct strbuf	head, body;	/* head: lines after the status line */
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);
/* A connected socket, or -1. */
int client_open(uint16_t port);
void client_send(int fd, const void *p, size_t len);
/* The next answer; head_only for one to HEAD. */
void client_read(int fd, bool head_only, struct reply *r);
/* True when the server closed it within ms. */
bool client_closed(int fd, int ms);
/* A whole exchange over a fresh connection. */
void client_ask(uint16_t port, const char *request, size_t len,
    struct reply *r);
/* The same of a request put together by printf. */
void client_askf(uint16_t port, struct reply *r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The value of a header, or NULL; the copy lives until the next call. */
const char *reply_header(const struct reply *r, const char *name);

#endif
