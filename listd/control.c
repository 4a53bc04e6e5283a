/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - the socket that listctl talks to.
 */
#include "config.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/util.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/realclock.h"
#include "lib/xmalloc.h"
#include "listd/control_private.h"
#include "listd/queue_api.h"
#include "listd/release.h"
#include "listd/role.h"

#define ACCEPT_TURN	16	/* connections taken in one turn */
#define ACCEPT_PAUSE_MS	500	/* when there are no descriptors */
#define LINGER_MS	100	/* for a refusal to be read */
#define GROUPS_MAX	1024	/* groups of a peer looked at */
#define NAME_BUF	16384	/* octets for a row of passwd or group */

/* ---- who is it */

static void
find_group(struct control *ctl)
{
	const char *name = queue_env(ctl->queue)->conf->group;
	char *buf = xmalloc(NAME_BUF);
	struct group gr, *found = NULL;

	if (name[0] != '\0' &&
	    getgrnam_r(name, &gr, buf, NAME_BUF, &found) == 0 &&
	    found != NULL) {
		ctl->group = found->gr_gid;
		ctl->has_group = true;
	}
	free(buf);
}

static bool
in_group(const struct control *ctl, int fd, gid_t primary)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (!ctl->has_group)
		return false;
	if (primary == ctl->group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == -1)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == ctl->group)
			return true;
	return false;
}

static void
name_of(uid_t uid, char out[static ACT_WHO_MAX + 1])
{
	char *buf = xmalloc(NAME_BUF);
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, buf, NAME_BUF, &found) == 0 &&
	    found != NULL)
		snprintf(out, ACT_WHO_MAX + 1, "%s", found->pw_name);
	else
		snprintf(out, ACT_WHO_MAX + 1, "uid %ld", (long)uid);
	free(buf);
}

/* True with the peer's name when it may give orders here. */
static bool
may_ask(const struct control *ctl, int fd, char who[static ACT_WHO_MAX + 1])
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct log_line l;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return false;
	if (cred.uid == 0 || cred.uid == geteuid() ||
	    in_group(ctl, fd, cred.gid)) {
		name_of(cred.uid, who);
		return true;
	}
	log_begin(&l, LEVEL_WARNING, "control-stranger");
	log_int(&l, "uid", cred.uid);
	log_int(&l, "pid", cred.pid);
	log_end(&l);
	return false;
}

/* ---- connections */

static void
client_free(struct client *cl)
{
	struct control *ctl = cl->control;

	if (cl->call != NULL)
		call_orphan(cl->call);
	timer_cancel(&cl->idle);
	LIST_REMOVE(cl, link);
	channel_free(cl->channel);
	free(cl);
	if (ctl->nclients-- == CONTROL_CLIENTS_MAX && !ctl->stopping)
		event_add(ctl->listen_event, NULL);
}

/* A call that makes no sense costs its connection, and nothing else (X10). */
static void
client_refuse(struct client *cl, const struct err *e)
{
	struct strbuf b = STRBUF_INIT(4096);
	struct log_line l;

	pack_u8(&b, STATUS_USAGE);
	pack_str(&b, e->text);
	(void)channel_send_buf(cl->channel, IPC_DONE, &b, NULL);
	strbuf_free(&b);
	log_begin(&l, LEVEL_WARNING, "control-refused");
	log_str(&l, "who", cl->who);
	log_err(&l, e);
	log_end(&l);
	channel_pause(cl->channel);
	timer_start(&cl->idle, LINGER_MS);
}

static void
on_call(struct client *cl, struct channel_frame *f)
{
	struct control_request r = { 0 };
	const struct control_verb *verb;
	struct err e = ERR_INIT;
	struct unpack u;
	struct slice text;

	unpack_init(&u, f->data, f->len);
	text = unpack_bytes(&u);
	if (!unpack_done(&u)) {
		err_set(&e, ERR_INPUT, "a call that does not decode");
		client_refuse(cl, &e);
		return;
	}
	if (control_request_parse(&r, text.p, text.len, f->nfds, &e) == -1) {
		control_request_free(&r);
		client_refuse(cl, &e);
		return;
	}
	verb = control_verb_find(r.verb->name);
	timer_cancel(&cl->idle);
	call_begin(cl, &r, f->fds, verb);
}

static void
on_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct client *cl = arg;
	struct err e = ERR_INIT;

	if (f->type == IPC_CALL && cl->call == NULL) {
		on_call(cl, f);
		return;
	}
	err_set(&e, ERR_INPUT, f->type == IPC_CALL ?
	    "a call while another is under way" : "not a call");
	channel_fail(ch, &e);
}

static void
on_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct client *cl = arg;
	struct log_line l;

	(void)ch;
	if (why != NULL) {
		log_begin(&l, LEVEL_WARNING, "control-closed");
		log_str(&l, "who", cl->who);
		log_err(&l, why);
		log_end(&l);
	}
	client_free(cl);
}

static void
on_drained(struct channel *ch, void *arg)
{
	struct client *cl = arg;

	(void)ch;
	if (cl->call != NULL)
		call_drained(cl->call);
}

static const struct channel_ops channel_ops = {
	.frame = on_frame, .closed = on_closed, .drained = on_drained,
};

static void
on_idle(void *arg)
{
	client_free(arg);
}

static void
client_new(struct control *ctl, int fd)
{
	struct role_env *env = queue_env(ctl->queue);
	struct client *cl;
	char who[ACT_WHO_MAX + 1];

	if (!may_ask(ctl, fd, who)) {
		close(fd);
		return;
	}
	cl = xcalloc(1, sizeof(*cl));
	cl->control = ctl;
	memcpy(cl->who, who, sizeof(who));
	cl->channel = channel_new(env->base, fd, &channel_ops, cl);
	timer_init(&cl->idle, env->timers, on_idle, cl);
	timer_start(&cl->idle, CONTROL_IDLE_MS);
	LIST_INSERT_HEAD(&ctl->clients, cl, link);
	if (++ctl->nclients == CONTROL_CLIENTS_MAX)
		event_del(ctl->listen_event);	/* the rest wait their turn */
}

static void
accept_again(void *arg)
{
	struct control *ctl = arg;

	if (ctl->nclients < CONTROL_CLIENTS_MAX)
		event_add(ctl->listen_event, NULL);
}

static void
on_listen(int fd, short what, void *arg)
{
	struct control *ctl = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_TURN &&
	    ctl->nclients < CONTROL_CLIENTS_MAX; i++) {
		int c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (c != -1) {
			client_new(ctl, c);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == EINTR || errno == ECONNABORTED)
			return;
		/* No descriptors: look again later instead of at once (F14). */
		log_text(LEVEL_WARNING, "control-accept", "%s",
		    strerror(errno));
		event_del(ctl->listen_event);
		timer_start(&ctl->accept_again, ACCEPT_PAUSE_MS);
		return;
	}
}

/* ---- beginning and end */

static struct event *
new_event(struct control *ctl, int fd, short what,
    void (*cb)(int, short, void *))
{
	return event_new(queue_env(ctl->queue)->base, fd, what, cb, ctl);
}

static void
events_free(struct control *ctl)
{
	if (ctl->listen_event != NULL)
		event_free(ctl->listen_event);
	if (ctl->wake_event != NULL)
		event_free(ctl->wake_event);
	if (ctl->turn_event != NULL)
		event_free(ctl->turn_event);
	ctl->listen_event = ctl->wake_event = ctl->turn_event = NULL;
}

struct control *
control_start(struct queue *q, int listen_fd, struct err *e)
{
	struct control *ctl = xcalloc(1, sizeof(*ctl));

	ctl->queue = q;
	ctl->listen_fd = listen_fd;
	LIST_INIT(&ctl->clients);
	LIST_INIT(&ctl->calls);
	TAILQ_INIT(&ctl->turns);
	TAILQ_INIT(&ctl->finished);
	pthread_mutex_init(&ctl->mutex, NULL);
	timer_init(&ctl->accept_again, queue_env(q)->timers, accept_again,
	    ctl);
	if ((ctl->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1) {
		err_sys(e, "eventfd");
		goto fail;
	}
	ctl->listen_event = new_event(ctl, listen_fd, EV_READ | EV_PERSIST,
	    on_listen);
	ctl->wake_event = new_event(ctl, ctl->wake_fd, EV_READ | EV_PERSIST,
	    control_collect);
	ctl->turn_event = new_event(ctl, -1, 0, control_turn);
	if (evutil_make_socket_nonblocking(listen_fd) == -1 ||
	    ctl->listen_event == NULL || ctl->wake_event == NULL ||
	    ctl->turn_event == NULL ||
	    event_add(ctl->listen_event, NULL) == -1 ||
	    event_add(ctl->wake_event, NULL) == -1) {
		err_set(e, ERR_SYSTEM, "no event for the control socket");
		goto fail;
	}
	find_group(ctl);
	ctl->releases = release_start(q);
	return ctl;
fail:
	control_free(ctl);
	return NULL;
}

/* Threads see `stopping` between their pieces of work. */
static void
wait_for_threads(struct control *ctl)
{
	struct pollfd p = { .fd = ctl->wake_fd, .events = POLLIN };
	int64_t until = clock_mono_ms(&realclock) + CONTROL_STOP_MS, left;

	while (ctl->nwork > 0 &&
	    (left = until - clock_mono_ms(&realclock)) > 0)
		if (poll(&p, 1, (int)left) == 1)
			control_collect(ctl->wake_fd, EV_READ, ctl);
}

void
control_stop(struct control *ctl)
{
	if (ctl == NULL || ctl->stopping)
		return;
	ctl->stopping = true;
	event_del(ctl->listen_event);
	timer_cancel(&ctl->accept_again);
	release_stop(ctl->releases);
	while (!LIST_EMPTY(&ctl->clients))
		client_free(LIST_FIRST(&ctl->clients));
	wait_for_threads(ctl);
}

void
control_free(struct control *ctl)
{
	struct call *c;

	if (ctl == NULL)
		return;
	events_free(ctl);
	/* A thread that is stuck in a system call may still look at these. */
	if (ctl->nwork > 0)
		return;
	while ((c = LIST_FIRST(&ctl->calls)) != NULL)
		call_free(c);
	release_free(ctl->releases);
	if (ctl->wake_fd != -1)
		close(ctl->wake_fd);
	pthread_mutex_destroy(&ctl->mutex);
	free(ctl);
}
