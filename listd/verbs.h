/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - the command line of listctl, as one table.
 *
 * listctl reads its arguments by this table, prints usage from it, and opens
 * the files named in it; the queue role looks a call up in the same table, so
 * that both agree on what a verb takes.  A call travels as one JSON object
 *
 *	{"verb": "campaign send", "args": {"LIST": "news"},
 *	 "options": {"at": "2026-12-01"}, "files": ["FILE"]}
 *
 * with the descriptors of `files`, in that order, beside it.
 */
#ifndef LISTD_VERBS_H
#define LISTD_VERBS_H

#include <stdbool.h>
#include <stddef.h>

#define VERB_ARGS_MAX		4
#define VERB_OPTIONS_MAX	12

enum verb_where {
	VERB_DAEMON,		/* asks the running daemon */
	VERB_EITHER,		/* here, or a running daemon is asked */
	VERB_LOCAL,		/* works on files and a stopped store */
};

struct verb_arg {
	const char	*name;		/* as in usage: LIST */
	bool		 file;		/* opened by listctl, passed along */
	bool		 optional;
	bool		 many;		/* the last: one or more */
};

struct verb_option {
	const char	*name;		/* without the dashes */
	const char	*value;		/* NULL: a switch */
	bool		 file;
	bool		 required;
	bool		 file_name;	/* if not given: that of the first file */
	bool		 output;	/* a file that is made, and is there
					 * only if all went well */
	char		 letter;	/* -o for --output; NUL: none */
};

struct verb {
	const char	*name;		/* "campaign send" */
	enum verb_where	 where;
	struct verb_arg	 args[VERB_ARGS_MAX];
	struct verb_option options[VERB_OPTIONS_MAX];
	const char	*help;		/* one line */
};

/* The verb that argv[0..n) begins with, how many words it is; or NULL. */
const struct verb *verb_match(char *const argv[], int n, int *words_r);
/* By its whole name, or NULL. */
const struct verb *verb_find(const char *name);
/* The i-th, or NULL past the last. */
const struct verb *verb_at(size_t i);
const struct verb_option *verb_option_find(const struct verb *v,
    const char *name, size_t len);
const struct verb_option *verb_option_letter(const struct verb *v,
    char letter);
/* "campaign send LIST FILE [--at TIME]", into out[size]. */
void verb_usage(const struct verb *v, char *out, size_t size);

#endif
