/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent_stop.c - the end: the others drain, then queue, which takes their
 * last words.
 */
#include "config.h"

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/notify.h"
#include "listd/parent_private.h"
#include "listd/start.h"

#define QUEUE_GRACE_MS	5000	/* for queue, after drain_timeout */
#define REFUSED_GRACE_MS 2000	/* for all, when one cannot work */

static void
say(struct child *c, uint16_t type)
{
	struct err e = ERR_INIT;

	if (c->ch != NULL && channel_send(c->ch, type, NULL, 0, &e) == -1)
		log_failure(LEVEL_WARNING, "role_send", &e);
}

static void
drain(struct child *c)
{
	if (c->pid != 0 && !c->draining)
		say(c, START_DRAIN);
	c->draining = true;
}

static bool
others_run(const struct parent *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->children[i]->pid != 0 &&
		    p->children[i]->kind != ROLE_QUEUE)
			return true;
	return false;
}

static void
set_deadline(struct parent *p, int64_t wait_ms)
{
	p->deadline_ms = clock_mono_ms(p->clock) + wait_ms;
	timer_start_at(&p->deadline, p->deadline_ms);
}

void
parent_stop_advance(struct parent *p)
{
	struct child *queue = parent_child_of(p, ROLE_QUEUE);

	if (p->stage == RUNNING || others_run(p))
		return;
	if (queue == NULL || queue->pid == 0) {
		event_base_loopbreak(p->base);
		return;
	}
	if (p->stage >= QUEUE_LAST)
		return;
	p->stage = QUEUE_LAST;
	drain(queue);
	if (p->deadline_ms - clock_mono_ms(p->clock) < QUEUE_GRACE_MS)
		set_deadline(p, QUEUE_GRACE_MS);
}

static void
kill_children(struct parent *p, bool queue_too)
{
	for (size_t i = 0; i < p->n; i++) {
		struct child *c = p->children[i];

		if (c->pid == 0 || (c->kind == ROLE_QUEUE && !queue_too))
			continue;
		log_text(LEVEL_WARNING, "role_killed",
		    "%s did not end in time", c->name);
		child_kill(c);
	}
}

void
parent_stop_now(void *arg)
{
	struct parent *p = arg;

	/* Who is killed is waited for; then comes queue's turn. */
	if (p->stage == DRAINING) {
		p->stage = OTHERS_KILLED;
		kill_children(p, false);
		set_deadline(p, QUEUE_GRACE_MS);
		return;
	}
	p->stage = ALL_KILLED;
	kill_children(p, true);
}

void
parent_stop_begin(struct parent *p, int status, int64_t wait_ms)
{
	struct child *queue = parent_child_of(p, ROLE_QUEUE);

	if (p->stage != RUNNING)
		return;
	p->stage = DRAINING;
	p->status = status;
	notify_send("STOPPING=1");
	log_text(LEVEL_NOTICE, "stopping", "draining all roles");
	if (queue != NULL)
		say(queue, START_STOPPING);
	for (size_t i = 0; i < p->n; i++) {
		timer_cancel(&p->children[i]->restart);
		if (p->children[i]->kind != ROLE_QUEUE)
			drain(p->children[i]);
	}
	set_deadline(p, wait_ms);
	parent_stop_advance(p);
}

void
parent_refuse(struct parent *p, const struct child *c, const char *why)
{
	if (p->stage != RUNNING)
		return;
	err_set(p->why, ERR_REFUSED, "%s: %s", c->name, why);
	parent_stop_begin(p, STATUS_CONFIG, REFUSED_GRACE_MS);
}
