/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent.c - the parent process: start, reload, and what signals ask for.
 *
 * queue is started first and the others when it is ready, because they read
 * the store that it may still have to make.  A stop goes the other way: the
 * others drain, then queue, which takes their last words.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/crypto.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "lib/smtp_login.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/file.h"
#include "lib/sys/log.h"
#include "lib/sys/notify.h"
#include "lib/sys/realclock.h"
#include "lib/sys/rights.h"
#include "lib/sys/sandbox.h"
#include "lib/xmalloc.h"
#include "listd/log_conf.h"
#include "listd/parent_private.h"
#include "listd/resources.h"
#include "listd/start.h"

#define MISTAKES_MAX	65536

/* ---- configuration */

/*
 * S17: a relay that nobody let us use is refused before anything begins.  What
 * smarthost_auth says is known to who opens it alone; a file that cannot be
 * opened is told of later, with all others.
 */
static int
check_relays(const struct conf *c, const char *path,
    const struct conf_lines *lines, struct strbuf *mistakes)
{
	struct strbuf text = STRBUF_INIT(SMTP_LOGIN_FILE_MAX);
	struct smtp_logins logins;
	struct err e = ERR_INIT;
	int fd = file_open_config(c->smarthost_auth, &e), ret = 0;

	if (fd == -1)
		return 0;
	if (strbuf_reserve(&text, SMTP_LOGIN_FILE_MAX) == NULL ||
	    file_read(fd, "smarthost_auth", &text, &e) == -1 ||
	    smtp_logins_parse(text.len > 0 ? text.s : "", text.len, &logins,
	    &e) == -1) {
		strbuf_addf(mistakes, "%s:%zu: smarthost_auth: %s\n", path,
		    lines->smarthost_auth, e.text);
		ret = -1;
		goto out;
	}
	for (size_t i = 0; i < c->smarthost.n; i++) {
		const struct conf_smarthost *h = &c->smarthost.v[i];

		if (smtp_logins_find(&logins, h->host) != NULL ||
		    conf_smarthost_is_listed(c, h))
			continue;
		strbuf_addf(mistakes, "%s:%zu: smarthost: %s has no login in "
		    "smarthost_auth and is in none of smarthost_networks\n",
		    path, lines->smarthost[i], h->host);
		ret = -1;
	}
out:
	close(fd);
	OPENSSL_cleanse(&logins, sizeof(logins));
	keyring_wipe(&text);
	return ret;
}

int
parent_read_conf(const char *path, struct conf *c, struct strbuf *mistakes)
{
	struct strbuf text = STRBUF_INIT(CONF_FILE_MAX + 1);
	struct conf_lines lines;
	struct err e = ERR_INIT;
	int fd = file_open_config(path, &e), ret = -1;

	if (fd == -1 || file_read(fd, path, &text, &e) == -1)
		strbuf_addf(mistakes, "%s\n", e.text);
	else
		ret = conf_parse_lines(c, path, text.s, text.len, mistakes,
		    &lines);
	if (ret == 0 && c->smarthost_auth[0] != '\0')
		ret = check_relays(c, path, &lines, mistakes);
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
			parent_child_died(p, c, status);
	}
}

static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct parent *p = arg;

	(void)what;
	log_text(LEVEL_NOTICE, "signal", "%s",
	    sig == SIGINT ? "interrupt" : "terminate");
	if (p->stage == RUNNING || p->restarting)
		parent_stop_begin(p, STATUS_OK, p->conf.drain_timeout);
	else
		parent_stop_now(p);
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
	p->reload_later = p->restarting;
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
			timer_init(&c->restart, p->timers, parent_on_restart,
			    c);
			timer_init(&c->closing, p->timers, parent_on_closing,
			    c);
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
	timer_init(&p->deadline, p->timers, parent_stop_now, p);
	make_children(p);
	if (p->n == 0) {
		err_set(e, ERR_NOTFOUND,
		    "this program was built without roles");
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
	if ((queue = parent_child_of(p, ROLE_QUEUE)) != NULL)
		parent_start_child(p, queue);
	for (size_t i = 0; queue == NULL && i < p->n; i++)
		parent_start_child(p, p->children[i]);
	event_base_dispatch(p->base);
	log_text(LEVEL_NOTICE, "stopped", "status %d", p->status);
	status = p->status;
out:
	release(p);
	return status;
}
