/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent_stop.c - the end: the others drain, then queue, which takes their
 * last words.
 *
 * A restart for a store that was compacted is the same, and then a start.
 * There deliver roles go first, as they may have to wait for slow hosts, while
 * who wants to unsubscribe is still heard.
 */
#include "config.h"

#include <signal.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/notify.h"
#include "listd/parent_private.h"
#include "listd/start.h"
#include "spool/store_copy.h"
#include "spool/store_swap.h"

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
runs(const struct parent *p, enum role_kind kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->children[i]->pid != 0 && p->children[i]->kind == kind)
			return true;
	return false;
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

/* ---- the restart in the middle of a life */

static void
swap_store(const struct parent *p)
{
	struct store_copy_info info;
	struct err e = ERR_INIT;
	struct log_line l;
	int rc = store_swap(p->conf.data_dir, &info, &e);

	if (rc == 1) {
		log_begin(&l, LEVEL_NOTICE, "compacted");
		log_int(&l, "before", (int64_t)(info.before[0] +
		    info.before[1]));
		log_int(&l, "after", (int64_t)(info.after[0] +
		    info.after[1]));
		log_end(&l);
		return;
	}
	if (rc == 0)
		err_set(&e, ERR_AGAIN, "the copy is not whole; the store "
		    "stays as it was");
	log_failure(LEVEL_WARNING, "compact", &e);
	if (rc == -1 && store_swap_recover(p->conf.data_dir, &e) == -1)
		log_failure(LEVEL_ERROR, "compact", &e);
}

/* Nobody runs: swap, and begin as at the first start. */
static void
start_again(struct parent *p)
{
	struct child *queue = parent_child_of(p, ROLE_QUEUE);

	timer_cancel(&p->deadline);
	swap_store(p);
	p->restarting = false;
	p->stage = RUNNING;
	for (size_t i = 0; i < p->n; i++) {
		p->children[i]->was_ready = false;
		p->children[i]->backoff_ms = CHILD_BACKOFF_FIRST_MS;
	}
	parent_start_child(p, queue);
	if (p->reload_later)
		kill(getpid(), SIGHUP);
	p->reload_later = false;
}

static void
drain_others(struct parent *p)
{
	bool more = false;

	for (size_t i = 0; i < p->n; i++) {
		struct child *c = p->children[i];

		if (c->kind == ROLE_QUEUE || c->pid == 0 || c->draining)
			continue;
		drain(c);
		more = true;
	}
	if (more)
		set_deadline(p, QUEUE_GRACE_MS);
}

void
parent_restart_begin(struct parent *p)
{
	p->restart_wanted = p->stage == RUNNING && !p->started;
	if (p->stage != RUNNING || p->restart_wanted)
		return;
	p->stage = DRAINING;
	p->restarting = true;
	p->killed_delivers = false;
	log_text(LEVEL_NOTICE, "restarting", "draining all roles");
	say(parent_child_of(p, ROLE_QUEUE), START_STOPPING);
	for (size_t i = 0; i < p->n; i++) {
		timer_cancel(&p->children[i]->restart);
		if (p->children[i]->kind == ROLE_DELIVER)
			drain(p->children[i]);
	}
	set_deadline(p, p->conf.drain_timeout);
	parent_stop_advance(p);
}

/* ---- step by step */

void
parent_stop_advance(struct parent *p)
{
	struct child *queue = parent_child_of(p, ROLE_QUEUE);

	if (p->restarting && p->stage == DRAINING && !runs(p, ROLE_DELIVER))
		drain_others(p);
	if (p->stage == RUNNING || others_run(p))
		return;
	if (queue == NULL || queue->pid == 0) {
		if (p->restarting)
			start_again(p);
		else
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

/* Of this kind, or 0: all. */
static void
kill_children(struct parent *p, bool queue_too, enum role_kind kind)
{
	for (size_t i = 0; i < p->n; i++) {
		struct child *c = p->children[i];

		if (c->pid == 0 || (c->kind == ROLE_QUEUE && !queue_too) ||
		    (kind != 0 && c->kind != kind))
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

	/* Who is killed is waited for; then comes the turn of the others. */
	if (p->restarting && p->stage == DRAINING && !p->killed_delivers) {
		p->killed_delivers = true;
		kill_children(p, false, ROLE_DELIVER);
		set_deadline(p, QUEUE_GRACE_MS);
		return;
	}
	if (p->stage == DRAINING) {
		p->stage = OTHERS_KILLED;
		kill_children(p, false, 0);
		set_deadline(p, QUEUE_GRACE_MS);
		return;
	}
	p->stage = ALL_KILLED;
	kill_children(p, true, 0);
}

void
parent_stop_begin(struct parent *p, int status, int64_t wait_ms)
{
	struct child *queue = parent_child_of(p, ROLE_QUEUE);

	if (p->stage != RUNNING && !p->restarting)
		return;
	p->restarting = false;
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
