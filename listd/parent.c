/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent.c - the parent process: start, connect, restart, reload, stop.
 *
 * queue is started first and the others when it is ready, because they read
 * the store that it may still have to make.  A stop goes the other way: the
 * others drain, then queue, which takes their last words.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/file.h"
#include "lib/sys/log.h"
#include "lib/sys/notify.h"
#include "lib/sys/realclock.h"
#include "lib/sys/rights.h"
#include "lib/sys/sandbox.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/child.h"
#include "listd/descriptors.h"
#include "listd/layout.h"
#include "listd/log_conf.h"
#include "listd/parent.h"
#include "listd/privsep.h"
#include "listd/resources.h"
#include "listd/start.h"

#define CHILDREN_MAX	(ROLE_DELIVER_MAX + ROLE_KINDS)
#define MISTAKES_MAX	65536
#define CONF_TEXT_MAX	(2 * CONF_FILE_MAX)
#define QUEUE_GRACE_MS	5000	/* for queue, after drain_timeout */
#define REFUSED_GRACE_MS 2000	/* for all, when one cannot work */

/* A stop goes through these, leaving out what nobody is left for. */
enum stop_stage { RUNNING, DRAINING, OTHERS_KILLED, QUEUE_LAST, ALL_KILLED };

struct parent {
	const struct parent_params *params;
	struct conf		 conf;
	struct layout_users	 users;
	struct layout		 layout;
	struct descriptors	 fds;
	struct event_base	*base;
	struct testclock	*testclock;
	const struct clock	*clock;
	struct timers		*timers;
	struct event		*signals[4];
	int			 exe;
	struct child		*children[CHILDREN_MAX];
	size_t			 n;
	uint64_t		 epoch;
	bool			 started;	/* every role was ready once */
	enum stop_stage		 stage;
	struct timer		 deadline;	/* of the stage */
	int64_t			 deadline_ms;
	int			 status;
	struct err		*why;		/* of a status other than 0 */
};

static void start_child(struct parent *, struct child *);

/* ---- configuration */

int
parent_read_conf(const char *path, struct conf *c, struct strbuf *mistakes)
{
	struct strbuf text = STRBUF_INIT(CONF_FILE_MAX + 1);
	struct err e = ERR_INIT;
	int fd = file_open_config(path, &e), ret = -1;

	if (fd == -1 || file_read(fd, path, &text, &e) == -1)
		strbuf_addf(mistakes, "%s\n", e.text);
	else
		ret = conf_parse(c, path, text.s, text.len, mistakes);
	if (fd != -1)
		close(fd);
	strbuf_free(&text);
	return ret;
}

/* Each line of text as an event. */
static void
log_lines(enum log_level level, const char *event, char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		log_text(level, event, "%s", line);
}

/* ---- connecting the roles */

static struct child *
child_of(struct parent *p, enum role_kind kind)
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

/* ---- life and death of a role */

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

/* Take the next step of a stop, if it is time. */
static void
stop_advance(struct parent *p)
{
	struct child *queue = child_of(p, ROLE_QUEUE);

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

static void
on_deadline(void *arg)
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

static void
stop_begin(struct parent *p, int status, int64_t wait_ms)
{
	struct child *queue = child_of(p, ROLE_QUEUE);

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
	stop_advance(p);
}

static void
refuse(struct parent *p, const struct child *c, const char *why)
{
	if (p->stage != RUNNING)
		return;
	err_set(p->why, ERR_REFUSED, "%s: %s", c->name, why);
	stop_begin(p, STATUS_CONFIG, REFUSED_GRACE_MS);
}

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

static void
on_death(struct parent *p, struct child *c, int status)
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
		refuse(p, c, "cannot work; see the log");
	if (p->stage != RUNNING) {
		stop_advance(p);
		return;
	}
	if (alarm)
		log_text(LEVEL_ERROR, "alarm", "%s died %d times in a minute",
		    c->name, CHILD_ALARM_DEATHS);
	timer_start(&c->restart, wait);
}

static void
on_restart(void *arg)
{
	struct child *c = arg;

	start_child(c->owner, c);
}

static void
on_closing(void *arg)
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
				start_child(p, p->children[i]);
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
			refuse(p, c, e.text);
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

static void
start_child(struct parent *p, struct child *c)
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

/* ---- signals */

static void
on_sigchld(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;
	int status;

	(void)sig;
	(void)what;
	for (size_t i = 0; i < p->n; i++) {
		struct child *c = p->children[i];

		if (c->pid != 0 && waitpid(c->pid, &status, WNOHANG) ==
		    c->pid)
			on_death(p, c, status);
	}
}

static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;

	(void)what;
	log_text(LEVEL_NOTICE, "signal", "%s",
	    sig == SIGINT ? "interrupt" : "terminate");
	if (p->stage == RUNNING)
		stop_begin(p, STATUS_OK, p->conf.drain_timeout);
	else
		on_deadline(p);
}

static void
send_reload(struct parent *p)
{
	struct strbuf text = STRBUF_INIT(CONF_TEXT_MAX);
	struct strbuf frame = STRBUF_INIT(CONF_TEXT_MAX + 64);
	struct err e = ERR_INIT;

	conf_dump(&p->conf, &text);
	pack_bytes(&frame, text.s, text.len);
	for (size_t i = 0; i < p->n; i++) {
		struct child *c = p->children[i];

		child_send_fds(c, &p->fds, true);
		if (c->ch != NULL && channel_send_buf(c->ch, START_RELOAD,
		    &frame, &e) == -1)
			log_failure(LEVEL_WARNING, "reload", &e);
	}
	strbuf_free(&text);
	strbuf_free(&frame);
}

static void
say_who_is_missing(const struct conf *conf)
{
	if (conf_postmaster_is_here(conf))
		log_text(LEVEL_WARNING, "postmaster", "%s is on this host, "
		    "which has no mailboxes: mail for postmaster and abuse "
		    "reaches nobody", conf->postmaster);
}

/* All or nothing: one mistake, and everything stays as it is. */
static bool
reload(struct parent *p)
{
	struct strbuf text = STRBUF_INIT(MISTAKES_MAX);
	struct conf *fresh = xcalloc(1, sizeof(*fresh));
	struct descriptors fds = { NULL, 0, 0 };
	struct err e = ERR_INIT;
	bool done = false;

	if (parent_read_conf(p->params->conf_path, fresh, &text) == -1) {
		log_lines(LEVEL_ERROR, "reload_refused", text.s);
		goto out;
	}
	if (conf_reload_check(&p->conf, fresh, &text) != 0)
		log_lines(LEVEL_WARNING, "reload", text.s);
	if (resources_open(fresh, &fds, &e) == -1) {
		log_failure(LEVEL_ERROR, "reload_refused", &e);
		goto out;
	}
	descriptors_renew(&p->fds, &fds);
	p->conf = *fresh;
	log_conf(&p->conf, "listd", p->params->foreground);
	say_who_is_missing(&p->conf);
	send_reload(p);
	done = true;
out:
	descriptors_free(&fds);
	strbuf_free(&text);
	free(fresh);
	return done;
}

static void
on_sighup(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;

	(void)sig;
	(void)what;
	if (p->stage == RUNNING && reload(p))
		log_text(LEVEL_NOTICE, "reloaded", "%s",
		    p->params->conf_path);
}

static int
catch_signals(struct parent *p, struct err *e)
{
	static const struct {
		int	number;
		void	(*cb)(evutil_socket_t, short, void *);
	} caught[] = {
		{ SIGCHLD, on_sigchld }, { SIGTERM, on_stop },
		{ SIGINT, on_stop }, { SIGHUP, on_sighup },
	};

	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
		p->signals[i] = evsignal_new(p->base, caught[i].number,
		    caught[i].cb, p);
		if (p->signals[i] == NULL ||
		    event_add(p->signals[i], NULL) == -1) {
			err_set(e, ERR_SYSTEM, "signals: no memory");
			return -1;
		}
	}
	return 0;
}

/* ---- the whole */

static size_t
count_of(const struct conf *c, enum role_kind kind)
{
	long cores;

	switch (kind) {
	case ROLE_QUEUE:
		return 1;
	case ROLE_DELIVER:
		cores = c->deliver_roles != 0 ? (long)c->deliver_roles :
		    sysconf(_SC_NPROCESSORS_ONLN);
		return cores < 1 ? 1 : cores > ROLE_DELIVER_MAX ?
		    ROLE_DELIVER_MAX : (size_t)cores;
	case ROLE_INBOUND:
		return c->smtp_listen.n + c->lmtp_listen.n != 0;
	case ROLE_WEB:
		return c->http_listen.n + c->https_listen.n != 0;
	}
	return 0;
}

static void
make_children(struct parent *p)
{
	for (size_t i = 0; i < p->params->nroles; i++) {
		enum role_kind kind = p->params->roles[i].kind;
		size_t n = count_of(&p->conf, kind);

		for (unsigned k = 0; k < n && p->n < CHILDREN_MAX; k++) {
			struct child *c = xcalloc(1, sizeof(*c));

			child_init(c, kind, k);
			c->owner = p;
			timer_init(&c->restart, p->timers, on_restart, c);
			timer_init(&c->closing, p->timers, on_closing, c);
			p->children[p->n++] = c;
		}
	}
}

static void
say_what_is_not_enforced(const struct parent *p)
{
	if (p->users.root)
		return;
	if (sandbox_version() == 0)
		log_text(LEVEL_WARNING, "not_enforced",
		    "run by an ordinary user, and the kernel has no Landlock: "
		    "nothing but discipline keeps the roles apart");
	else
		log_text(LEVEL_WARNING, "not_enforced",
		    "run by an ordinary user: all roles are user %u and kept "
		    "apart by Landlock alone", (unsigned)geteuid());
}

static int
open_clock(struct parent *p, struct err *e)
{
	int fd = descriptors_find(&p->fds, DESCRIPTOR_CLOCK);

	p->clock = &realclock;
	if (fd != -1) {
		if ((p->testclock = testclock_open(fd, e)) == NULL)
			return -1;
		p->clock = testclock_clock(p->testclock);
	}
	p->timers = timers_new(p->base, p->clock, fd != -1);
	return 0;
}

static int
prepare(struct parent *p, struct err *e)
{
	/* A peer that is gone and a file too large are errors like others. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	rights_raise_nofile();
	if (rights_limit(e) == -1 ||
	    layout_users_lookup(&p->conf, &p->users, e) == -1 ||
	    layout_open(&p->conf, &p->users, &p->layout, e) == -1 ||
	    resources_bind(&p->conf, &p->layout, &p->fds, e) == -1 ||
	    resources_open(&p->conf, &p->fds, e) == -1)
		return -1;
	p->exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (p->exe == -1) {
		err_sys(e, "/proc/self/exe");
		return -1;
	}
	if ((p->base = event_base_new()) == NULL) {
		err_set(e, ERR_SYSTEM, "no memory for an event loop");
		return -1;
	}
	if (open_clock(p, e) == -1 || catch_signals(p, e) == -1)
		return -1;
	timer_init(&p->deadline, p->timers, on_deadline, p);
	make_children(p);
	if (p->n == 0) {
		err_set(e, ERR_NOTFOUND, "this program was built without roles");
		return -1;
	}
	return 0;
}

static void
release(struct parent *p)
{
	for (size_t i = 0; i < p->n; i++) {
		channel_free(p->children[i]->ch);
		timer_cancel(&p->children[i]->restart);
		timer_cancel(&p->children[i]->closing);
		free(p->children[i]);
	}
	if (descriptors_find(&p->fds, FD_CONTROL) != -1)
		resources_unbind(&p->conf);
	for (size_t i = 0; i < sizeof(p->signals) / sizeof(p->signals[0]); i++)
		if (p->signals[i] != NULL)
			event_free(p->signals[i]);
	timers_free(p->timers);
	testclock_free(p->testclock);
	if (p->base != NULL)
		event_base_free(p->base);
	if (p->exe != -1)
		close(p->exe);
	descriptors_free(&p->fds);
	layout_close(&p->layout);
	free(p);
}

int
parent_run(const struct parent_params *params, struct err *e)
{
	struct parent *p = xcalloc(1, sizeof(*p));
	struct child *queue;
	int status = STATUS_CONFIG;

	p->params = params;
	p->conf = *params->conf;
	p->exe = p->layout.data_fd = p->layout.lock_fd = -1;
	p->why = e;
	log_conf(&p->conf, "listd", params->foreground);
	if (prepare(p, e) == -1)
		goto out;
	say_what_is_not_enforced(p);
	say_who_is_missing(&p->conf);
	if ((queue = child_of(p, ROLE_QUEUE)) != NULL)
		start_child(p, queue);
	for (size_t i = 0; queue == NULL && i < p->n; i++)
		start_child(p, p->children[i]);
	event_base_dispatch(p->base);
	log_text(LEVEL_NOTICE, "stopped", "status %d", p->status);
	status = p->status;
out:
	release(p);
	return status;
}
