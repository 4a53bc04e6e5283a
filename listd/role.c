/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.c - a process that was started as a role, until it ends.
 *
 * The role's own function runs outside any callback: first the loop runs until
 * START_ROLE came, then the channel to the parent is held still until the
 * function calls role_run(), so that peers and reloads find its callbacks set.
 */
#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "lib/sys/realclock.h"
#include "lib/sys/rights.h"
#include "lib/sys/sandbox.h"
#include "lib/sys/timers.h"
#include "lib/xmalloc.h"
#include "listd/descriptors.h"
#include "listd/log_conf.h"
#include "listd/privsep.h"
#include "listd/role.h"
#include "listd/role_private.h"
#include "listd/start.h"

#define START_WAIT_S	60	/* for the parent's first words */
#define PATHS_MAX	32	/* of one role's sandbox */
#define MISTAKES_MAX	65536

struct role {
	struct role_env		 env;
	struct start		 start;
	char			 name[32];	/* deliver.3 */
	struct conf		 conf[2];	/* running and the one before */
	unsigned		 conf_now;
	struct channel		*parent;
	struct descriptors	 fds, fresh;	/* in use; of a reload */
	struct testclock	*testclock;
	int			 status;
	bool			 begun;		/* START_ROLE came */
	bool			 ended;		/* role_run() is to return */
	bool			 draining;
};

static void
end(struct role *r, int status)
{
	if (!r->ended)
		r->status = status;
	r->ended = true;
	event_base_loopbreak(r->env.base);
}

/* ---- what the parent says */

static bool
read_conf(struct role *r, const void *p, size_t len, struct err *e)
{
	struct strbuf mistakes = STRBUF_INIT(MISTAKES_MAX);
	unsigned next = r->conf_now ^ 1;
	bool good;

	good = conf_parse(&r->conf[next], "configuration", p, len,
	    &mistakes) == 0;
	if (!good)
		err_set(e, ERR_INPUT, "%s", mistakes.s);
	strbuf_free(&mistakes);
	return good;
}

static void
take_conf(struct role *r)
{
	r->conf_now ^= 1;
	r->env.conf = &r->conf[r->conf_now];
	log_conf(r->env.conf, r->name, r->start.foreground);
}

static bool
on_descriptor(struct role *r, struct channel_frame *f)
{
	char name[START_NAME_MAX];
	bool reloadable;

	if (f->nfds != 1 ||
	    !start_get_descriptor(f->data, f->len, name, &reloadable))
		return false;
	descriptors_put(r->begun ? &r->fresh : &r->fds, name, f->fds[0],
	    reloadable);
	f->fds[0] = -1;
	return true;
}

static bool
on_start(struct role *r, struct channel_frame *f)
{
	struct err e = ERR_INIT;

	if (r->begun || !start_get(f->data, f->len, &r->start) ||
	    !read_conf(r, r->start.conf.p, r->start.conf.len, &e))
		return false;
	r->start.conf = (struct slice){ NULL, 0 };
	r->begun = true;
	take_conf(r);
	channel_pause(r->parent);
	event_base_loopbreak(r->env.base);
	return true;
}

static bool
on_peer(struct role *r, struct channel_frame *f)
{
	struct start_peer peer;

	if (f->nfds != 1 || !start_get_peer(f->data, f->len, &peer))
		return false;
	r->env.epoch = peer.epoch;
	if (r->env.on_peer == NULL)
		return true;
	r->env.on_peer(&r->env, peer.kind, peer.index, f->fds[0]);
	f->fds[0] = -1;
	return true;
}

static bool
on_reload(struct role *r, struct channel_frame *f)
{
	struct err e = ERR_INIT;
	struct slice conf;
	struct unpack u;

	unpack_init(&u, f->data, f->len);
	conf = unpack_bytes(&u);
	if (!unpack_done(&u) || !read_conf(r, conf.p, conf.len, &e))
		return false;
	descriptors_renew(&r->fds, &r->fresh);
	take_conf(r);
	if (r->env.on_reload != NULL)
		r->env.on_reload(&r->env, &r->conf[r->conf_now ^ 1]);
	log_text(LEVEL_INFO, "reload_taken", "%s", r->name);
	return true;
}

static void
on_drain(struct role *r)
{
	if (r->draining)
		return;
	r->draining = true;
	if (r->env.on_drain != NULL)
		r->env.on_drain(&r->env);
	else
		end(r, STATUS_OK);
}

static bool
on_parent(struct role *r, struct channel_frame *f)
{
	if (f->type != START_DESCRIPTOR && f->type != START_ROLE && !r->begun)
		return false;
	switch (f->type) {
	case START_DESCRIPTOR:
		return on_descriptor(r, f);
	case START_ROLE:
		return on_start(r, f);
	case START_PEER:
		return on_peer(r, f);
	case START_RELOAD:
		return on_reload(r, f);
	case START_STOPPING:
		if (r->env.on_stopping != NULL)
			r->env.on_stopping(&r->env);
		return true;
	case START_DRAIN:
		on_drain(r);
		return true;
	}
	return false;
}

static void
parent_frame(struct channel *ch, struct channel_frame *f, void *arg)
{
	struct role *r = arg;
	struct err e = ERR_INIT;

	if (on_parent(r, f))
		return;
	err_set(&e, ERR_INPUT, "frame %#x of the parent", f->type);
	channel_fail(ch, &e);
}

/* Only the parent's death ends a role. */
static void
parent_closed(struct channel *ch, const struct err *why, void *arg)
{
	struct role *r = arg;

	(void)ch;
	if (why != NULL)
		log_failure(LEVEL_ERROR, "parent", why);
	else if (!r->draining && !r->ended)
		log_text(LEVEL_WARNING, "orphaned", "the parent is gone");
	end(r, STATUS_AGAIN);
}

static const struct channel_ops parent_ops = {
	parent_frame, parent_closed, NULL,
};

/* ---- becoming a role */

/*
 * What a terminal or a service manager sends to the whole group is for the
 * parent alone, which then drains the roles in order.
 */
static void
ignore_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGHUP, SIGINT,
		SIGTERM };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

static int
open_clock(struct role *r, struct err *e)
{
	int fd = descriptors_find(&r->fds, DESCRIPTOR_CLOCK);

	r->env.clock = &realclock;
	if (fd != -1) {
		if ((r->testclock = testclock_open(fd, e)) == NULL)
			return -1;
		r->env.clock = testclock_clock(r->testclock);
	}
	r->env.timers = timers_new(r->env.base, r->env.clock, fd != -1);
	return 0;
}

static void
fill_env(struct role *r)
{
	r->env.kind = r->start.kind;
	r->env.index = r->start.index;
	r->env.delivers = r->start.delivers;
	r->env.epoch = r->start.epoch;
	r->env.first_run = r->start.first_run;
}

/* Run the loop until the parent has said what we are. */
static int
wait_for_start(struct role *r)
{
	struct timeval tv = { START_WAIT_S, 0 };

	event_base_loopexit(r->env.base, &tv);
	event_base_dispatch(r->env.base);
	return r->begun && !r->ended ? 0 : -1;
}

static int
run(struct role *r, const struct role_def *roles, size_t nroles)
{
	struct err e = ERR_INIT;

	if (wait_for_start(r) == -1)
		return r->ended ? r->status : STATUS_AGAIN;
	fill_env(r);
	if (open_clock(r, &e) == -1)
		return role_refuse(&r->env, &e);
	for (size_t i = 0; i < nroles; i++)
		if (roles[i].kind == r->env.kind)
			return roles[i].run(&r->env);
	err_set(&e, ERR_NOTFOUND, "this program has no such role");
	return role_refuse(&r->env, &e);
}

static void
release(struct role *r)
{
	channel_free(r->parent);
	timers_free(r->env.timers);
	testclock_free(r->testclock);
	descriptors_free(&r->fds);
	descriptors_free(&r->fresh);
	event_base_free(r->env.base);
	free(r);
}

int
role_main(const char *name, const struct role_def *roles, size_t nroles)
{
	struct role *r;
	struct stat st;
	char comm[16];
	int status;

	if (fstat(START_FD, &st) == -1 || !S_ISSOCK(st.st_mode)) {
		fputs("listd: -x is for the daemon itself\n", stderr);
		return STATUS_USAGE;
	}
	ignore_signals();
	umask(0027);
	snprintf(comm, sizeof(comm), "listd-%s", name);
	prctl(PR_SET_NAME, comm);
	r = xcalloc(1, sizeof(*r));
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->env.role = r;
	if ((r->env.base = event_base_new()) == NULL)
		abort();	/* before anything was begun */
	r->parent = channel_new(r->env.base, START_FD, &parent_ops, r);
	status = run(r, roles, nroles);
	channel_flush(r->parent);
	release(r);
	return status;
}

/* ---- what role.h offers */

int
role_fd(const struct role_env *env, const char *name)
{
	return descriptors_find(&env->role->fds, name);
}

bool
role_fd_next(const struct role_env *env, const char *prefix, size_t *iter,
    const char **name_r, int *fd_r)
{
	return descriptors_next(&env->role->fds, prefix, iter, name_r, fd_r);
}

struct path_text {
	char	text[CONF_PATH_MAX + 64];
};

static void
full_path(const struct role_env *env, const char *path, const char *suffix,
    struct path_text *out)
{
	snprintf(out->text, sizeof(out->text), "%s%s%s%s",
	    *path == '/' ? "" : env->conf->data_dir, *path == '/' ? "" : "/",
	    path, suffix);
}

static int
enter_sandbox(struct role_env *env, const struct role_path *paths, size_t n,
    struct err *e)
{
	struct strbuf missing = STRBUF_INIT(1024);
	struct sandbox_path box[PATHS_MAX];
	struct path_text text[PATHS_MAX];
	size_t k = 0;
	int rc;

	assert(2 * n < PATHS_MAX);
	for (size_t i = 0; i < n; i++, k++) {
		full_path(env, paths[i].path, "", &text[k]);
		box[k].path = text[k].text;
		box[k].access = paths[i].access == ROLE_PATH_WRITE ?
		    SANDBOX_WRITE : SANDBOX_READ;
		if (paths[i].access != ROLE_PATH_LMDB_READ)
			continue;
		k++;
		full_path(env, paths[i].path, "/lock.mdb", &text[k]);
		box[k].path = text[k].text;
		box[k].access = SANDBOX_UPDATE;
	}
#ifdef __SANITIZE_ADDRESS__
	/* The leak check at exit reads its own maps. */
	box[k++] = (struct sandbox_path){ "/proc/self", SANDBOX_READ };
#endif
	rc = sandbox_enter(box, k, env->kind == ROLE_DELIVER, &missing, e);
	if (rc == 0 && missing.len != 0)
		log_text(LEVEL_WARNING, "not_enforced", "%s", missing.s);
	strbuf_free(&missing);
	return rc;
}

int
role_confine(struct role_env *env, const struct role_path *paths, size_t n,
    struct err *e)
{
	const struct start *s = &env->role->start;

	rights_raise_nofile();
	if (s->drop && rights_drop(&s->rights, e) == -1)
		return -1;
	if (rights_limit(e) == -1)
		return -1;
	return enter_sandbox(env, paths, n, e);
}

void
role_ready(struct role_env *env)
{
	struct err e = ERR_INIT;

	/* A parent that is gone is noticed by the channel. */
	if (channel_send(env->role->parent, START_READY, NULL, 0, &e) == -1)
		log_failure(LEVEL_WARNING, "ready", &e);
}

int
role_run(struct role_env *env)
{
	struct role *r = env->role;

	channel_resume(r->parent);
	while (!r->ended && event_base_dispatch(env->base) != -1)
		;
	return r->status;
}

void
role_stop(struct role_env *env, int status)
{
	end(env->role, status);
}

void
role_restart_all(struct role_env *env)
{
	struct err e = ERR_INIT;

	if (channel_send(env->role->parent, START_RESTART, NULL, 0, &e) == -1)
		log_failure(LEVEL_ERROR, "restart", &e);
}

void
role_drained(struct role_env *env)
{
	end(env->role, STATUS_OK);
}

void
role_peer_broken(struct role_env *env, enum role_kind kind, unsigned index)
{
	struct start_peer peer = { kind, index, env->epoch };
	struct strbuf b = STRBUF_INIT(64);
	struct err e = ERR_INIT;

	start_put_peer(&b, &peer);
	if (channel_send_buf(env->role->parent, START_BROKEN, &b, &e) == -1)
		log_failure(LEVEL_WARNING, "peer-broken", &e);
	strbuf_free(&b);
}

int
role_refuse(struct role_env *env, const struct err *e)
{
	struct err ignored = ERR_INIT;

	log_failure(LEVEL_ERROR, "refused", e);
	if (channel_send(env->role->parent, START_REFUSED, e->text,
	    strlen(e->text), &ignored) == 0)
		channel_flush(env->role->parent);
	return STATUS_CONFIG;
}
