/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_worker.c - the threads that run libmicrohttpd.
 *
 * Each has a libmicrohttpd of its own, without its own threads, on a copy of
 * the listener's descriptor.  With them, 0.9.75 waits for more when a poll
 * brings exactly as many events as fit in its array, 128: if no more come,
 * 128 clients get no answer before the next time limit.  When it is only run
 * after a poll of ours it never waits.
 *
 * A resumed connection wakes its worker through an eventfd, once for all that
 * are resumed before it looks.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "web/server_private.h"

#define STARVED_MS	100	/* between looks for a descriptor */

static void
clear(int fd)
{
	uint64_t n;

	while (read(fd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
}

void
server_worker_wake(struct worker *w)
{
	static const uint64_t one = 1;

	if (!atomic_exchange(&w->woken, true))
		while (write(w->wake_fd, &one, sizeof(one)) == -1 &&
		    errno == EINTR)
			;
}

static int
wait_ms(struct MHD_Daemon *d)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(d, &ms) != MHD_YES)
		return -1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/*
 * Who connects is left waiting when there is no descriptor for them, and the
 * poll says so at once again.  libmicrohttpd stops listening then until one of
 * its connections ends, but not when it has none: that is for us to sit out.
 */
static void
sit_out_famine(struct worker *w)
{
	const struct timespec pause = { 0, STARVED_MS * 1000000L };
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon,
	    MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	int fd;

	if (info == NULL || info->num_connections != 0)
		return;
	if ((fd = fcntl(w->wake_fd, F_DUPFD_CLOEXEC, 0)) != -1) {
		close(fd);
		return;
	}
	atomic_store(&w->listener->server->starved, true);
	nanosleep(&pause, NULL);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct epoll_event ev[2];

	while (!atomic_load(&w->stopping)) {
		int n = epoll_wait(w->epoll_fd, ev, 2, wait_ms(w->daemon));

		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == w->wake_fd)
				clear(w->wake_fd);
		/* Who is resumed from here on wakes us again. */
		atomic_exchange(&w->woken, false);
		MHD_run(w->daemon);
		if (n > 0)
			sit_out_famine(w);
	}
	return NULL;
}

/* ---- life */

static int
watch(struct worker *w, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return fd == -1 ? -1 : epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* Signals are for the thread with the event loop. */
static int
start_thread(struct worker *w)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	errno = pthread_create(&w->thread, NULL, worker_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return errno == 0 ? 0 : -1;
}

int
server_worker_start(struct worker *w, struct err *e)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon,
	    MHD_DAEMON_INFO_EPOLL_FD);

	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (info == NULL || w->wake_fd == -1 || w->epoll_fd == -1 ||
	    watch(w, info->epoll_fd) == -1 || watch(w, w->wake_fd) == -1 ||
	    start_thread(w) == -1) {
		err_sys(e, "web thread");
		server_worker_stop(w);
		return -1;
	}
	w->running = true;
	return 0;
}

void
server_worker_stop(struct worker *w)
{
	if (w->running) {
		atomic_store(&w->stopping, true);
		server_worker_wake(w);
		pthread_join(w->thread, NULL);
		w->running = false;
	}
	MHD_stop_daemon(w->daemon);
	w->daemon = NULL;
	if (w->wake_fd != -1)
		close(w->wake_fd);
	if (w->epoll_fd != -1)
		close(w->epoll_fd);
}
