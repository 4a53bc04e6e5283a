/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent_child.c - roles: start them, connect them, hear them, replace them.
 */
#include "config.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/notify.h"
#include "listd/parent_private.h"
#include "listd/start.h"

/* ---- connecting the roles */

struct child *
parent_child_of(struct parent *p, enum role_kind kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->children[i]->kind == kind)
			return p->children[i];
	return NULL;
}

static void
send_peer(struct parent *p, struct child *to, const struct child *peer,
    int fd)
{
	struct start_peer sp = { peer->kind, peer->index, p->epoch };
	struct strbuf b = STRBUF_INIT(64);
	struct err e = ERR_INIT;

	start_put_peer(&b, &sp);
	if (channel_send_fds(to->ch, START_PEER, b.s, b.len, &fd, 1, &e) ==
	    -1)
		log_failure(LEVEL_WARNING, "peer", &e);
	strbuf_free(&b);
}

static void
connect_pair(struct parent *p, struct child *a, struct child *b)
{
	struct err e = ERR_INIT;
	int sv[2];

	if (a == b || a->ch == NULL || b->ch == NULL ||
	    (a->kind != ROLE_QUEUE && b->kind != ROLE_QUEUE))
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1) {
		err_sys(&e, "socketpair");
		log_failure(LEVEL_ERROR, "peer", &e);
		return;
	}
	send_peer(p, a, b, sv[0]);
	send_peer(p, b, a, sv[1]);
}

/* ---- death, and another life */

static void
log_death(const struct child *c, int status)
{
	struct log_line l;

	log_begin(&l, c->draining && status == 0 ? LEVEL_NOTICE :
	    LEVEL_WARNING, "role_end");
	log_str(&l, "role", c->name);
	log_int(&l, "pid", c->pid);
	if (WIFSIGNALED(status))
		log_int(&l, "signal", WTERMSIG(status));
	else
		log_int(&l, "status", WEXITSTATUS(status));
	log_end(&l);
}

void
parent_child_died(struct parent *p, struct child *c, int status)
{
	bool alarm, refused = WIFEXITED(status) &&
	    WEXITSTATUS(status) == STATUS_CONFIG;
	int64_t wait;

	log_death(c, status);
	/* The reason of a refusal may still wait in the channel. */
	if (c->ch != NULL)
		channel_poll(c->ch);
	channel_free(c->ch);
	c->ch = NULL;
	wait = child_died(c, clock_mono_ms(p->clock), &alarm);
	if (refused && !p->started)
		parent_refuse(p, c, "cannot work; see the log");
	if (p->stage != RUNNING) {
		parent_stop_advance(p);
		return;
	}
	if (alarm)
		log_text(LEVEL_ERROR, "alarm", "%s died %d times in a minute",
		    c->name, CHILD_ALARM_DEATHS);
	timer_start(&c->restart, wait);
}

void
parent_on_restart(void *arg)
{
	struct child *c = arg;

	parent_start_child(c->owner, c);
}

void
parent_on_closing(void *arg)
{
	struct child *c = arg;

	log_text(LEVEL_WARNING, "role_killed",
	    "%s closed its channel and went on", c->name);
	child_kill(c);
}

/* ---- what roles say */

/* With our id: who was started may have gone into the background. */
static void
say_ready(void)
{
	char text[64];

	snprintf(text, sizeof(text), "READY=1\nMAINPID=%d", (int)getpid());
	notify_send(text);
}

static void
check_started(struct parent *p)
{
	if (p->started || p->stage != RUNNING)
		return;
	for (size_t i = 0; i < p->n; i++)
		if (!p->children[i]->was_ready)
			return;
	p->started = true;
	log_text(LEVEL_NOTICE, "started", "%zu roles", p->n);
	say_ready();
	if (p->params->started != NULL)
		p->params->started();
	if (p->restart_wanted)
		parent_restart_begin(p);
}

static void
on_ready(struct parent *p, struct child *c)
{
	struct err e = ERR_INIT;
	bool first = !c->was_ready;

	c->ready = c->was_ready = true;
	log_text(LEVEL_INFO, "role_ready", "%s", c->name);
	if (c->kind == ROLE_QUEUE && first) {
		if (layout_first_run_done(&p->layout, &e) == -1)
			log_failure(LEVEL_ERROR, "first_run", &e);
		for (size_t i = 0; i < p->n; i++)
			if (p->children[i]->kind != ROLE_QUEUE)
				parent_start_child(p, p->children[i]);
	}
	check_started(p);
}

/*
 * Queue gave one up.  It may not know it, and would wait for a queue role that
 * never comes: it begins again.
 */
static bool
on_broken(struct parent *p, const struct child *from,
    const struct channel_frame *f)
{
	struct start_peer peer;

	if (from->kind != ROLE_QUEUE ||
	    !start_get_peer(f->data, f->len, &peer) ||
	    peer.kind == ROLE_QUEUE)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		struct child *c = p->children[i];

		if (c->kind != peer.kind || c->index != peer.index ||
		    c->pid == 0 || p->stage != RUNNING)
			continue;
		log_text(LEVEL_WARNING, "role_killed",
		    "%s was given up by %s", c->name, from->name);
		child_kill(c);
	}
	return true;
}

static void
child_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct child *c = arg;
	struct parent *p = c->owner;
	struct err e = ERR_INIT;

	if (f->type == START_READY && f->len == 0 && !c->ready) {
		on_ready(p, c);
	} else if (f->type == START_REFUSED && f->len < ERR_TEXT_MAX) {
		err_set(&e, ERR_REFUSED, "%.*s", (int)f->len,
		    (const char *)f->data);
		if (p->started)
			log_failure(LEVEL_ERROR, "role_refused", &e);
		else
			parent_refuse(p, c, e.text);
	} else if (f->type == START_RESTART && f->len == 0 &&
	    c->kind == ROLE_QUEUE) {
		parent_restart_begin(p);
	} else if (f->type != START_BROKEN || !on_broken(p, c, f)) {
		err_set(&e, ERR_INPUT, "frame %#x of %zu octets", f->type,
		    f->len);
		channel_fail(ch, &e);
	}
}

static void
child_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct child *c = arg;

	if (why != NULL)
		log_failure(LEVEL_WARNING, "role_channel", why);
	channel_free(ch);
	c->ch = NULL;
	/* It ends because of that, or is made to. */
	timer_start(&c->closing, CHILD_CLOSE_MS);
}

static const struct channel_ops child_ops = {
	child_frame, child_closed, NULL,
};

void
parent_start_child(struct parent *p, struct child *c)
{
	struct strbuf text = STRBUF_INIT(CONF_TEXT_MAX);
	struct start start = { .kind = c->kind, .index = c->index,
	    .foreground = p->params->foreground,
	    .first_run = p->layout.first_run, .drop = p->users.root,
	    .rights = p->users.of[c->kind] };
	struct child_params params = { .exe = p->exe, .base = p->base,
	    .ops = &child_ops, .fds = &p->fds, .start = &start,
	    .now_ms = clock_mono_ms(p->clock) };
	struct err e = ERR_INIT;
	bool alarm;

	if (p->stage != RUNNING || c->pid != 0)
		return;
	if (c->kind == ROLE_QUEUE)
		p->epoch++;
	start.epoch = p->epoch;
	for (size_t i = 0; i < p->n; i++)
		start.delivers += p->children[i]->kind == ROLE_DELIVER;
	conf_dump(&p->conf, &text);
	start.conf = (struct slice){ (const uint8_t *)text.s, text.len };
	if (child_spawn(c, &params, &e) == -1) {
		log_failure(LEVEL_ERROR, "role_start", &e);
		timer_start(&c->restart, child_died(c, params.now_ms, &alarm));
		goto out;
	}
	log_text(LEVEL_NOTICE, "role_start", "%s is process %d", c->name,
	    (int)c->pid);
	for (size_t i = 0; i < p->n; i++)
		connect_pair(p, c, p->children[i]);
out:
	strbuf_free(&text);
}
