/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.c - one role's process, as its parent sees it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/channel.h"
#include "lib/sys/log.h"
#include "listd/child.h"
#include "listd/descriptors.h"
#include "listd/resources.h"
#include "listd/start.h"

#define EXE_FD		(START_FD + 1)	/* in the child, until exec */
#define EXEC_FAILED	127

#ifndef SYS_close_range
#define SYS_close_range	436
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH	0x1000
#endif

void
child_init(struct child *c, enum role_kind kind, unsigned index)
{
	*c = (struct child){ .kind = kind, .index = index,
	    .backoff_ms = CHILD_BACKOFF_FIRST_MS };
	if (kind == ROLE_DELIVER)
		snprintf(c->name, sizeof(c->name), "%s.%u",
		    role_kind_name(kind), index);
	else
		snprintf(c->name, sizeof(c->name), "%s", role_kind_name(kind));
}

/* Close all from first on; whoever starts us may have left many open. */
static void
close_from(int first)
{
	long max;

	if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0)
		return;
	max = sysconf(_SC_OPEN_MAX);
	for (int fd = first; fd < max; fd++)
		close(fd);
}

static void
silence(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int std = 0; fd != -1 && std <= STDERR_FILENO; std++)
		dup2(fd, std);
}

/*
 * In the child, between fork and exec: START_FD is the way to the parent, and
 * nothing but the standard descriptors goes along.
 */
static void __attribute__((noreturn))
become(const char *name, int exe, int sock, bool silent)
{
	char *argv[] = { (char *)(uintptr_t)"listd", (char *)(uintptr_t)"-x",
	    (char *)(uintptr_t)name, NULL };
	sigset_t none;

	/* Out of the way of the numbers they have to take. */
	exe = fcntl(exe, F_DUPFD, EXE_FD + 1);
	sock = fcntl(sock, F_DUPFD, EXE_FD + 1);
	if (exe == -1 || sock == -1 || dup2(sock, START_FD) == -1 ||
	    dup3(exe, EXE_FD, O_CLOEXEC) == -1)
		_exit(EXEC_FAILED);
	if (silent)
		silence();
	close_from(EXE_FD + 1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	syscall(SYS_execveat, EXE_FD, "", argv, environ, AT_EMPTY_PATH);
	_exit(EXEC_FAILED);
}

static void
send_start(struct child *c, const struct start *start)
{
	struct strbuf b = STRBUF_INIT(CHANNEL_FRAME_MAX);
	struct err e = ERR_INIT;

	start_put(&b, start);
	if (channel_send_buf(c->ch, START_ROLE, &b, &e) == -1)
		log_failure(LEVEL_ERROR, "start", &e);
	strbuf_free(&b);
}

int
child_spawn(struct child *c, const struct child_params *p, struct err *e)
{
	int sv[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1) {
		err_sys(e, "socketpair");
		return -1;
	}
	if ((pid = fork()) == -1) {
		err_sys(e, "fork");
		close(sv[0]);
		close(sv[1]);
		return -1;
	}
	if (pid == 0)
		become(c->name, p->exe, sv[1], !p->start->foreground);
	close(sv[1]);
	c->pid = pid;
	c->ready = false;
	c->draining = false;
	c->born_ms = p->now_ms;
	c->ch = channel_new(p->base, sv[0], p->ops, c);
	child_send_fds(c, p->fds, false);
	send_start(c, p->start);
	return 0;
}

void
child_send_fds(struct child *c, const struct descriptors *fds,
    bool only_reloadable)
{
	struct strbuf b = STRBUF_INIT(START_NAME_MAX + 64);
	struct err e = ERR_INIT;

	for (size_t i = 0; c->ch != NULL && i < fds->n; i++) {
		const struct descriptor *d = &fds->v[i];
		int fd;

		if (!resources_allowed(c->kind, d->name) ||
		    (only_reloadable && !d->reloadable))
			continue;
		strbuf_reset(&b);
		start_put_descriptor(&b, d->name, d->reloadable);
		fd = fcntl(d->fd, F_DUPFD_CLOEXEC, START_FD);
		if (fd == -1) {
			err_sys(&e, "%s", d->name);
			log_failure(LEVEL_ERROR, "descriptor", &e);
		} else if (channel_send_fds(c->ch, START_DESCRIPTOR, b.s,
		    b.len, &fd, 1, &e) == -1) {
			log_failure(LEVEL_ERROR, "descriptor", &e);
			break;
		}
	}
	strbuf_free(&b);
}

int64_t
child_died(struct child *c, int64_t now_ms, bool *alarm_r)
{
	int64_t wait;

	c->pid = 0;
	c->ready = false;
	timer_cancel(&c->closing);
	if (now_ms - c->born_ms >= CHILD_STEADY_MS)
		c->backoff_ms = CHILD_BACKOFF_FIRST_MS;
	wait = c->backoff_ms;
	c->backoff_ms = wait * 2 < CHILD_BACKOFF_MAX_MS ? wait * 2 :
	    CHILD_BACKOFF_MAX_MS;

	memmove(c->deaths + 1, c->deaths,
	    (CHILD_ALARM_DEATHS - 1) * sizeof(c->deaths[0]));
	c->deaths[0] = now_ms;
	if (c->ndeaths < CHILD_ALARM_DEATHS)
		c->ndeaths++;
	*alarm_r = c->ndeaths == CHILD_ALARM_DEATHS &&
	    now_ms - c->deaths[CHILD_ALARM_DEATHS - 1] <= CHILD_ALARM_MS;
	return wait;
}

void
child_kill(struct child *c)
{
	if (c->pid > 0)
		kill(c->pid, SIGKILL);
}
