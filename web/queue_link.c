/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_link.c - questions of many threads to the queue role, and its answers.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "web/metrics.h"
#include "web/queue_link.h"

#define BUCKETS	1024		/* a power of two; ids count up */

TAILQ_HEAD(ask_list, queue_ask);
LIST_HEAD(ask_bucket, queue_ask);

struct queue_link {
	struct event_base	*base;
	struct timers		*timers;
	struct metrics		*metrics;
	atomic_bool		*up;

	/* What threads hand over. */
	pthread_mutex_t		 lock;
	struct ask_list		 inbox;
	bool			 closed;
	int			 wake_fd;

	/* The loop's own. */
	struct event		*wake;
	struct channel		*ch;
	struct ask_list		 waiting;	/* in order of asking */
	struct ask_bucket	 buckets[BUCKETS];
};

/* ---- one question */

static void
answer(struct queue_link *l, struct queue_ask *ask, enum ipc_result result,
    const char *text)
{
	timer_cancel(&ask->timer);
	TAILQ_REMOVE(&l->waiting, ask, entry);
	LIST_REMOVE(ask, bucket);
	ask->answered(ask, result, text);
}

static void
on_timeout(void *arg)
{
	struct queue_ask *ask = arg;

	metrics_unanswered(ask->link->metrics);
	answer(ask->link, ask, IPC_TRY_AGAIN, "");
}

/* Send it if there is someone to send to; else it waits. */
static void
send_ask(struct queue_link *l, struct queue_ask *ask)
{
	struct err e = ERR_INIT;

	if (l->ch == NULL || ask->sent)
		return;
	if (channel_send_buf(l->ch, ask->type, ask->frame, &e) == 0)
		ask->sent = true;
	else if (e.code != ERR_REFUSED)
		answer(l, ask, IPC_TRY_AGAIN, "");
}

static void
take(struct queue_link *l, struct queue_ask *ask)
{
	ask->sent = false;
	ask->asked_ms = clock_mono_ms(timers_clock(l->timers));
	TAILQ_INSERT_TAIL(&l->waiting, ask, entry);
	LIST_INSERT_HEAD(&l->buckets[ask->id % BUCKETS], ask, bucket);
	timer_init(&ask->timer, l->timers, on_timeout, ask);
	timer_start(&ask->timer, QUEUE_LINK_WAIT_MS);
	send_ask(l, ask);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct ask_list fresh = TAILQ_HEAD_INITIALIZER(fresh);
	struct queue_link *l = arg;
	struct queue_ask *ask;
	uint64_t n;

	(void)what;
	while (read(fd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
	pthread_mutex_lock(&l->lock);
	TAILQ_CONCAT(&fresh, &l->inbox, entry);
	pthread_mutex_unlock(&l->lock);
	while ((ask = TAILQ_FIRST(&fresh)) != NULL) {
		TAILQ_REMOVE(&fresh, ask, entry);
		take(l, ask);
	}
}

bool
queue_link_ask(struct queue_link *l, struct queue_ask *ask)
{
	static const uint64_t one = 1;
	bool first, closed;

	ask->link = l;
	pthread_mutex_lock(&l->lock);
	closed = l->closed;
	first = TAILQ_EMPTY(&l->inbox);
	if (!closed)
		TAILQ_INSERT_TAIL(&l->inbox, ask, entry);
	pthread_mutex_unlock(&l->lock);
	/* Who came second finds the loop woken already. */
	if (!closed && first)
		while (write(l->wake_fd, &one, sizeof(one)) == -1 &&
		    errno == EINTR)
			;
	return !closed;
}

/* ---- the channel */

static void
on_reply(struct queue_link *l, struct unpack *u)
{
	char text[QUEUE_LINK_TEXT_MAX] = "";
	uint64_t id = unpack_u64(u);
	unsigned result = unpack_u8(u);
	struct slice s = unpack_bytes(u);
	struct queue_ask *ask;

	if (!unpack_done(u) || result > IPC_TRY_AGAIN) {
		u->bad = true;
		return;
	}
	if (s.len < sizeof(text) && s.len != 0)
		memcpy(text, s.p, s.len);
	LIST_FOREACH(ask, &l->buckets[id % BUCKETS], bucket)
		if (ask->id == id)
			break;
	if (ask == NULL)
		return;		/* came too late */
	if (ask->into != NULL)
		strbuf_add(ask->into, s.p, s.len);
	else		/* who asks for figures is none of them */
		metrics_round_trip(l->metrics,
		    clock_mono_ms(timers_clock(l->timers)) - ask->asked_ms);
	answer(l, ask, (enum ipc_result)result, text);
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct err e = ERR_INIT;
	struct unpack u;

	if (f->type == IPC_HELLO)
		return;		/* epochs are for who holds deliveries */
	unpack_init(&u, f->data, f->len);
	if (f->type == IPC_REPLY)
		on_reply(arg, &u);
	else
		u.bad = true;
	if (u.bad) {
		err_set(&e, ERR_INPUT, "frame %#x of queue makes no sense",
		    f->type);
		channel_fail(ch, &e);
	}
}

/* The channel is gone: what may be sent again waits for the next. */
static void
disconnected(struct queue_link *l)
{
	struct queue_ask *ask, *next;

	atomic_store(l->up, false);
	for (ask = TAILQ_FIRST(&l->waiting); ask != NULL; ask = next) {
		next = TAILQ_NEXT(ask, entry);
		if (ask->sent && !ask->again)
			answer(l, ask, IPC_TRY_AGAIN, "");
		else
			ask->sent = false;
	}
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct queue_link *l = arg;

	if (why != NULL)
		log_failure(LEVEL_WARNING, "queue_lost", why);
	channel_free(ch);
	if (l->ch == ch)
		l->ch = NULL;
	disconnected(l);
}

static const struct channel_ops channel_ops = { on_frame, on_closed, NULL };

void
queue_link_connect(struct queue_link *l, int fd)
{
	struct queue_ask *ask, *next;

	if (l->ch != NULL) {
		channel_free(l->ch);
		l->ch = NULL;
		disconnected(l);
	}
	l->ch = channel_new(l->base, fd, &channel_ops, l);
	atomic_store(l->up, true);
	for (ask = TAILQ_FIRST(&l->waiting); ask != NULL; ask = next) {
		next = TAILQ_NEXT(ask, entry);
		send_ask(l, ask);
	}
}

/* ---- life */

struct queue_link *
queue_link_new(struct event_base *base, struct timers *timers,
    struct metrics *metrics, atomic_bool *up)
{
	struct queue_link *l = xcalloc(1, sizeof(*l));

	l->base = base;
	l->timers = timers;
	l->metrics = metrics;
	l->up = up;
	TAILQ_INIT(&l->inbox);
	TAILQ_INIT(&l->waiting);
	pthread_mutex_init(&l->lock, NULL);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake_fd != -1)
		l->wake = event_new(base, l->wake_fd, EV_READ | EV_PERSIST,
		    on_wake, l);
	if (l->wake == NULL || event_add(l->wake, NULL) == -1) {
		queue_link_free(l);
		return NULL;
	}
	return l;
}

void
queue_link_close(struct queue_link *l)
{
	struct queue_ask *ask;

	pthread_mutex_lock(&l->lock);
	l->closed = true;
	pthread_mutex_unlock(&l->lock);
	on_wake(l->wake_fd, EV_READ, l);
	while ((ask = TAILQ_FIRST(&l->waiting)) != NULL)
		answer(l, ask, IPC_TRY_AGAIN, "");
}

void
queue_link_free(struct queue_link *l)
{
	if (l == NULL)
		return;
	channel_free(l->ch);
	if (l->wake != NULL)
		event_free(l->wake);
	if (l->wake_fd != -1)
		close(l->wake_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
