/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl.h - what the parts of the command-line tool share.
 */
#ifndef LISTD_LISTCTL_H
#define LISTD_LISTCTL_H

#include <stdbool.h>

#include "lib/conf.h"
#include "listd/verbs.h"

#define LISTCTL_FILES_MAX	256	/* files of one call of a local verb */

/* A command line that was read and found right. */
struct listctl {
	const struct verb *verb;
	const char	*conf_file;
	struct conf	 conf;
	bool		 json;
	const char	*arg[VERB_ARGS_MAX];
	char *const	*many;		/* of an argument that may repeat */
	int		 nmany;
	const char	*option[VERB_OPTIONS_MAX];	/* by place in the table */
};

/* The value of an option; "" for a switch that was given; NULL if not. */
const char *listctl_option(const struct listctl *lc, const char *name);

/* Ask the daemon; the exit status. */
int listctl_call(const struct listctl *lc);
/* Verbs that need no daemon; the exit status. */
int listctl_local(const struct listctl *lc);

#endif
