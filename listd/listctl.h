/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl.h - what the parts of the command-line tool share.
 */
#ifndef LISTD_LISTCTL_H
#define LISTD_LISTCTL_H

#include <jansson.h>
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
/*
 * The same with another verb, whose words lc need not have; an option of it
 * may be given.  What it outputs last is kept in *out_r (a new reference, or
 * NULL) and not printed; a daemon that is away says so when loud.
 */
int listctl_ask(const struct listctl *lc, const char *verb,
    const char *option, bool loud, json_t **out_r);
/* Verbs that need no daemon; the exit status. */
int listctl_local(const struct listctl *lc);

#endif
