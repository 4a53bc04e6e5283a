/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privsep.c - the command line of listd, and going into the background.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "lib/sys/notify.h"
#include "listd/parent.h"
#include "listd/privsep.h"
#include "listd/role_private.h"
#include "listd/steering.h"

#define MISTAKES_MAX	65536
#define START_WAIT_MS	120000	/* of who started us, for "started" */

struct options {
	const char	*conf_path;
	bool		 foreground;
	bool		 check;
};

static int
usage(void)
{
	fputs("usage: listd [-fn] [-c FILE]\n", stderr);
	return STATUS_USAGE;
}

/* Descriptors 0 to 2 exist, so that nothing of ours gets their numbers. */
static void
occupy_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

static int
read_conf(const struct options *o, struct conf *c)
{
	struct strbuf mistakes = STRBUF_INIT(MISTAKES_MAX);
	int rc = parent_read_conf(o->conf_path, c, &mistakes);

	fputs(mistakes.s, stderr);
	strbuf_free(&mistakes);
	return rc;
}

static int
print_conf(const struct conf *c)
{
	struct strbuf out = STRBUF_INIT(2 * CONF_FILE_MAX);
	struct strbuf mistakes = STRBUF_INIT(1 << 16);
	struct err e = ERR_INIT;
	int rc;

	if (conf_postmaster_is_here(c))
		fprintf(stderr, "listd: warning: postmaster: this host has no "
		    "mailboxes, so mail for %s reaches nobody\n",
		    c->postmaster);
	if (steering_check(c, &mistakes, &e) == -1) {
		fputs(mistakes.s, stderr);
		fprintf(stderr, "listd: %s\n", e.text);
		strbuf_free(&mistakes);
		return STATUS_CONFIG;
	}
	strbuf_free(&mistakes);
	conf_dump(c, &out);
	rc = fwrite(out.s, 1, out.len, stdout) == out.len &&
	    fflush(stdout) == 0 ? STATUS_OK : STATUS_AGAIN;
	strbuf_free(&out);
	return rc;
}

/* ---- into the background */

static int started_fd = -1;	/* to the process that waits for us */

static void
on_started(void)
{
	int null;

	if (started_fd == -1)
		return;
	if (write(started_fd, "", 1) != 1)
		log_text(LEVEL_DEBUG, "started", "nobody waited for it");
	close(started_fd);
	started_fd = -1;
	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		return;
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	close(null);
}

/* The first process stays until the daemon has started, or has not. */
static int
wait_until_started(int fd, pid_t pid)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int status, n;
	char c;

	while ((n = poll(&pfd, 1, START_WAIT_MS)) == -1 && errno == EINTR)
		;
	if (n == 0) {
		fputs("listd: still starting; the log says why\n", stderr);
		return STATUS_AGAIN;
	}
	if (read(fd, &c, 1) == 1)
		return STATUS_OK;
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		return WEXITSTATUS(status);
	return STATUS_AGAIN;
}

/* -1 in the daemon; in the first process the exit status. */
static int
go_to_background(void)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		perror("listd");
		return STATUS_AGAIN;
	}
	if (pid != 0) {
		close(fds[1]);
		return wait_until_started(fds[0], pid);
	}
	close(fds[0]);
	started_fd = fds[1];
	setsid();
	if (chdir("/") == -1)
		perror("listd: /");
	return -1;
}

static int
run(const struct options *o, const struct conf *c,
    const struct role_def *roles, size_t nroles)
{
	struct parent_params p = {
		.conf = c, .foreground = o->foreground,
		.roles = roles, .nroles = nroles, .started = on_started,
	};
	struct err e = ERR_INIT;
	char path[PATH_MAX];
	int status;

	/* Read again on SIGHUP, from wherever we are then. */
	if (realpath(o->conf_path, path) == NULL) {
		perror(o->conf_path);
		return STATUS_CONFIG;
	}
	p.conf_path = path;
	if (!o->foreground && (status = go_to_background()) != -1)
		return status;
	status = parent_run(&p, &e);
	if (status != STATUS_OK) {
		fprintf(stderr, "listd: %s\n", e.text);
		log_failure(LEVEL_ERROR, "not_started", &e);
	}
	return status;
}

int
privsep_main(int argc, char **argv, const struct role_def *roles,
    size_t nroles)
{
	struct options o = { .conf_path = CONF_PATH_DEFAULT };
	struct conf *c;
	int opt, status;

	occupy_standard_fds();
	if (argc == 3 && strcmp(argv[1], "-x") == 0)
		return role_main(argv[2], roles, nroles);
	while ((opt = getopt(argc, argv, "c:fn")) != -1) {
		switch (opt) {
		case 'c':
			o.conf_path = optarg;
			break;
		case 'f':
			o.foreground = true;
			break;
		case 'n':
			o.check = true;
			break;
		default:
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	umask(0027);
	notify_init();
	if ((c = malloc(sizeof(*c))) == NULL)
		return STATUS_AGAIN;
	if (read_conf(&o, c) == -1)
		status = STATUS_CONFIG;
	else if (o.check)
		status = print_conf(c);
	else
		status = run(&o, c, roles, nroles);
	free(c);
	return status;
}
