/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_call.c - one call of listctl while the queue role works on it.
 *
 * A call that ended is freed from the loop and never at once, so that a verb's
 * function may end it in the middle and return.
 */
#include "config.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/xmalloc.h"
#include "listd/control_private.h"
#include "listd/queue_api.h"
#include "listd/release.h"
#include "listd/role.h"
#include "spool/writer.h"

#define STACK_OCTETS	(256u << 10)	/* of a thread that works */

/* A job of a writer, for one call. */
struct pending {
	struct call	*call;
	int		(*fn)(struct txn *t, void *arg, struct err *e);
	void		*arg;
	call_then	*then;
};

static void
turn_soon(struct control *ctl)
{
	static const struct timeval now = { 0, 0 };

	event_add(ctl->turn_event, &now);
}

/* ---- beginning and end */

void
call_begin(struct client *cl, struct control_request *r, int *fds,
    const struct control_verb *verb)
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->control = cl->control;
	c->client = cl;
	c->request = *r;
	*r = (struct control_request){ 0 };
	for (size_t i = 0; i < CONTROL_FILES_MAX; i++) {
		c->fd[i] = i < c->request.nfiles ? fds[i] : -1;
		if (i < c->request.nfiles)
			fds[i] = -1;
	}
	memcpy(c->who, cl->who, sizeof(c->who));
	c->verb = verb;
	c->state = xcalloc(1, verb->state + 1);
	cl->call = c;
	LIST_INSERT_HEAD(&cl->control->calls, c, link);
	verb->run(c);
}

void
call_free(struct call *c)
{
	struct call_memory *m;

	LIST_REMOVE(c, link);
	if (c->in_turn)
		TAILQ_REMOVE(&c->control->turns, c, turn);
	timer_cancel(&c->timer);
	for (size_t i = 0; i < CONTROL_FILES_MAX; i++)
		if (c->fd[i] != -1)
			close(c->fd[i]);
	if (c->verb->free != NULL)
		c->verb->free(c->state);
	free(c->state);
	while ((m = c->memory) != NULL) {
		c->memory = m->next;
		free(m);
	}
	control_request_free(&c->request);
	free(c);
}

static void
send_done(struct call *c, int status, const char *text)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);

	pack_u8(&b, (uint8_t)status);
	pack_str(&b, text);
	/* A failure here is the client's own: its channel says so. */
	(void)channel_send_buf(c->client->channel, IPC_DONE, &b, NULL);
	strbuf_free(&b);
}

static void
call_end(struct call *c, int status, const char *text)
{
	struct log_line l;

	if (c->ended)
		return;
	c->ended = true;
	timer_cancel(&c->timer);
	if (c->client != NULL) {
		send_done(c, status, text);
		c->client->call = NULL;
		if (!c->control->stopping)
			timer_start(&c->client->idle, CONTROL_IDLE_MS);
		c->client = NULL;
	}
	log_begin(&l, status == STATUS_OK || status == STATUS_NO ||
	    status == STATUS_USAGE ? LEVEL_INFO : LEVEL_WARNING, "control");
	log_str(&l, "verb", c->verb->name);
	log_str(&l, "who", c->who);
	log_int(&l, "status", status);
	log_end(&l);
	turn_soon(c->control);
}

void
call_done(struct call *c)
{
	call_end(c, STATUS_OK, "");
}

void
call_fail(struct call *c, int status, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	call_end(c, status, text);
}

void
call_error(struct call *c, const struct err *e)
{
	static const uint8_t status[] = {
		[ERR_INPUT] = STATUS_USAGE, [ERR_LIMIT] = STATUS_NO,
		[ERR_NOTFOUND] = STATUS_NO, [ERR_EXISTS] = STATUS_NO,
		[ERR_REFUSED] = STATUS_NO, [ERR_SYSTEM] = STATUS_AGAIN,
		[ERR_STORE] = STATUS_CONFIG, [ERR_DAMAGED] = STATUS_CONFIG,
		[ERR_CRYPTO] = STATUS_AGAIN, [ERR_AGAIN] = STATUS_AGAIN,
	};

	call_end(c, status[e->code], e->text);
}

void
call_orphan(struct call *c)
{
	c->client = NULL;
	if (timer_running(&c->timer)) {
		timer_cancel(&c->timer);
		c->then(c);
	}
}

const _Atomic bool *
call_stopping(const struct call *c)
{
	return &c->control->stopping;
}

bool
call_gone(const struct call *c)
{
	return c->client == NULL;
}

/* ---- what was asked */

const char *
call_arg(const struct call *c, const char *name)
{
	const struct verb_arg *a = c->request.verb->args;

	for (size_t i = 0; i < VERB_ARGS_MAX; i++)
		if (a[i].name != NULL && strcmp(a[i].name, name) == 0)
			return c->request.arg[i];
	return NULL;
}

const char *
call_option(const struct call *c, const char *name)
{
	const struct verb *v = c->request.verb;
	const struct verb_option *o = verb_option_find(v, name, strlen(name));

	return o != NULL ? c->request.option[o - v->options] : NULL;
}

int
call_take_file(struct call *c, const char *name)
{
	for (size_t i = 0; i < c->request.nfiles; i++) {
		int fd = c->fd[i];

		if (strcmp(c->request.file[i], name) != 0)
			continue;
		c->fd[i] = -1;
		return fd;
	}
	return -1;
}

const char *
call_who(const struct call *c)
{
	return c->who;
}

void *
call_state(struct call *c)
{
	return c->state;
}

void *
call_alloc(struct call *c, size_t size)
{
	struct call_memory *m = xcalloc(1, sizeof(*m) + size);

	m->next = c->memory;
	c->memory = m;
	return m->bytes;
}

void *
call_other(const struct call *c, bool (*match)(const void *, const void *),
    const void *arg)
{
	const struct call *o;

	LIST_FOREACH(o, &c->control->calls, link)
		if (o != c && !o->ended && o->verb == c->verb &&
		    match(o->state, arg))
			return o->state;
	return NULL;
}

void
call_plans_changed(struct call *c)
{
	release_changed(c->control->releases);
}

struct queue *
call_queue(struct call *c)
{
	return c->control->queue;
}

struct store *
call_store(struct call *c)
{
	return queue_store(c->control->queue);
}

struct scheduler *
call_scheduler(struct call *c)
{
	return queue_scheduler(c->control->queue);
}

struct content *
call_content(struct call *c)
{
	return queue_content(c->control->queue);
}

const struct conf *
call_conf(struct call *c)
{
	return queue_env(c->control->queue)->conf;
}

int64_t
call_now(struct call *c)
{
	return clock_utc_ms(queue_env(c->control->queue)->clock);
}

int64_t
call_mono(struct call *c)
{
	return clock_mono_ms(queue_env(c->control->queue)->clock);
}

struct txn *
call_read(struct call *c, enum store_env env)
{
	struct err e = ERR_INIT;
	struct txn *t;

	if (txn_read(call_store(c), env, &t, &e) == 0)
		return t;
	call_error(c, &e);
	return NULL;
}

uint32_t
call_number(struct call *c, const char *arg)
{
	const char *s = call_arg(c, arg);
	uint64_t v = 0;

	if (s == NULL)
		s = call_option(c, arg);
	for (; *s >= '0' && *s <= '9' && v <= UINT32_MAX; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	if (*s == '\0' && v > 0 && v <= UINT32_MAX)
		return (uint32_t)v;
	call_fail(c, STATUS_USAGE, "%s is not a number from 1 on", arg);
	return 0;
}

/* ---- answering */

void
call_output(struct call *c, json_t *v)
{
	struct strbuf b = STRBUF_INIT(IPC_FRAME_MAX);
	struct err e = ERR_INIT;
	char *text = NULL;

	if (v == NULL || (text = json_dumps(v, JSON_COMPACT |
	    JSON_ENCODE_ANY)) == NULL) {
		call_fail(c, STATUS_AGAIN, "no memory for an answer");
	} else if (c->client != NULL) {
		pack_str(&b, text);
		if (channel_send_buf(c->client->channel, IPC_OUTPUT, &b,
		    &e) == -1)
			call_error(c, &e);
	}
	strbuf_free(&b);
	free(text);
	json_decref(v);
}

void
call_progress(struct call *c, const char *fmt, ...)
{
	struct strbuf b = STRBUF_INIT(512);
	char text[256];
	va_list ap;

	if (c->client == NULL || call_busy(c))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pack_str(&b, text);
	(void)channel_send_buf(c->client->channel, IPC_PROGRESS, &b, NULL);
	strbuf_free(&b);
}

bool
call_busy(const struct call *c)
{
	return c->client != NULL && channel_busy(c->client->channel);
}

/* ---- things under way elsewhere */

void
call_hold(struct call *c)
{
	c->held++;
}

bool
call_resume(struct call *c)
{
	c->held--;
	if (!c->ended)
		return true;
	if (c->held == 0)
		turn_soon(c->control);
	return false;
}

static int
pending_apply(struct txn *t, void *arg, struct err *e)
{
	struct pending *p = arg;

	return p->fn(t, p->arg, e);
}

static void
pending_done(void *arg, enum job_result r, const struct err *e)
{
	struct pending *p = arg;
	struct call *c = p->call;

	if (call_resume(c)) {
		if (r == JOB_DONE)
			p->then(c, p->arg);
		else if (r == JOB_TRY_AGAIN)
			call_fail(c, STATUS_AGAIN, "the store is full: %s",
			    e->text);
		else
			call_error(c, e);
	}
	free(p);
}

void
call_write(struct call *c, enum store_env env, enum call_how how,
    int (*fn)(struct txn *, void *, struct err *), void *arg,
    call_then *then)
{
	struct pending *p;
	struct job job = {
		.apply = pending_apply, .done = pending_done,
		.lane = how & CALL_BULK ? WRITER_BULK : WRITER_URGENT,
		.reserve = (how & CALL_RESERVE) != 0,
	};

	if (c->ended)
		return;
	p = xcalloc(1, sizeof(*p));
	p->call = c;
	p->fn = fn;
	p->arg = arg != NULL ? arg : c->state;
	p->then = then;
	job.arg = p;
	call_hold(c);
	queue_commit(c->control->queue, env, &job);
}

static void *
work_thread(void *arg)
{
	static const uint64_t one = 1;
	struct work *w = arg;
	struct control *ctl = w->control;

	w->rc = w->fn(w->arg, &w->e);
	pthread_mutex_lock(&ctl->mutex);
	TAILQ_INSERT_TAIL(&ctl->finished, w, link);
	/* It can only fail when it is full, and then the loop is awake. */
	if (write(ctl->wake_fd, &one, sizeof(one)) == -1)
		(void)0;
	pthread_mutex_unlock(&ctl->mutex);
	return NULL;
}

static int
work_start(struct work *w)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if ((rc = pthread_attr_init(&attr)) != 0)
		return rc;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_OCTETS);
	rc = pthread_create(&thread, &attr, work_thread, w);
	pthread_attr_destroy(&attr);
	return rc;
}

void
call_work(struct call *c, int (*fn)(void *, struct err *), void *arg,
    call_then *then)
{
	struct work *w;
	int rc;

	if (c->ended)
		return;
	w = xcalloc(1, sizeof(*w));
	w->control = c->control;
	w->call = c;
	w->fn = fn;
	w->arg = arg != NULL ? arg : c->state;
	w->then = then;
	if ((rc = work_start(w)) != 0) {
		call_fail(c, STATUS_AGAIN, "no thread: %s", strerror(rc));
		free(w);
		return;
	}
	call_hold(c);
	c->control->nwork++;
}

void
control_collect(int fd, short what, void *arg)
{
	struct control *ctl = arg;
	uint64_t n;
	TAILQ_HEAD(, work) mine = TAILQ_HEAD_INITIALIZER(mine);
	struct work *w;

	(void)what;
	if (read(fd, &n, sizeof(n)) == -1)
		(void)0;	/* woken for nothing */
	pthread_mutex_lock(&ctl->mutex);
	TAILQ_CONCAT(&mine, &ctl->finished, link);
	pthread_mutex_unlock(&ctl->mutex);
	while ((w = TAILQ_FIRST(&mine)) != NULL) {
		TAILQ_REMOVE(&mine, w, link);
		ctl->nwork--;
		if (call_resume(w->call)) {
			if (w->rc == -1)
				call_error(w->call, &w->e);
			else
				w->then(w->call, w->arg);
		}
		free(w);
	}
}

/* ---- slices and waiting */

static void
turn_in(struct call *c)
{
	if (c->in_turn)
		return;
	c->in_turn = true;
	TAILQ_INSERT_TAIL(&c->control->turns, c, turn);
	turn_soon(c->control);
}

void
call_stream(struct call *c, int (*step)(struct call *))
{
	if (c->ended)
		return;
	c->step = step;
	turn_in(c);
}

void
call_drained(struct call *c)
{
	if (c->step != NULL && !c->ended)
		turn_in(c);
}

static void
call_step(struct call *c)
{
	int rc;

	if (call_gone(c)) {
		call_end(c, STATUS_OK, "");
		return;
	}
	if (call_busy(c))
		return;		/* call_drained() puts it back */
	rc = c->step(c);
	if (c->ended)
		return;
	if (rc == 0)
		call_done(c);
	else
		turn_in(c);
}

void
control_turn(int fd, short what, void *arg)
{
	struct control *ctl = arg;
	TAILQ_HEAD(, call) now = TAILQ_HEAD_INITIALIZER(now);
	struct call *c, *next;

	(void)fd, (void)what;
	TAILQ_CONCAT(&now, &ctl->turns, turn);
	while ((c = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, c, turn);
		c->in_turn = false;
		if (!c->ended)
			call_step(c);
	}
	for (c = LIST_FIRST(&ctl->calls); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		if (c->ended && c->held == 0)
			call_free(c);
	}
}

static void
sleep_over(void *arg)
{
	struct call *c = arg;

	c->then(c);
}

void
call_sleep(struct call *c, int64_t ms, void (*then)(struct call *))
{
	if (c->ended)
		return;
	c->then = then;
	timer_init(&c->timer, queue_env(c->control->queue)->timers,
	    sleep_over, c);
	timer_start(&c->timer, call_gone(c) ? 0 : ms);
}
