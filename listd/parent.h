/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parent.h - the parent process, once the command line is understood.
 */
#ifndef LISTD_PARENT_H
#define LISTD_PARENT_H

#include <stdbool.h>
#include <stddef.h>

struct conf;
struct err;
struct role_def;
struct strbuf;

struct parent_params {
	const char	*conf_path;	/* absolute; read again on SIGHUP */
	const struct conf *conf;	/* as read from it; copied */
	bool		 foreground;
	const struct role_def *roles;
	size_t		 nroles;
	/* Called once, when every role is ready. */
	void		(*started)(void);
};

/* Run the daemon; returns its exit status.  What stops it early is in e. */
int parent_run(const struct parent_params *p, struct err *e);

/*
 * Read the configuration at path into c.  -1 with every mistake appended to
 * mistakes, also for a file that cannot be read.
 */
int parent_read_conf(const char *path, struct conf *c,
    struct strbuf *mistakes);

#endif
