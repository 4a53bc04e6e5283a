/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_parse.h - one call of listctl, read strictly by the table of verbs.
 *
 * The object has exactly the members of verbs.h.  Every word is a string that
 * the verb has a place for, every file names a place of its own, nothing
 * that the verb requires is missing, and nothing is there twice.
 */
#ifndef LISTD_CONTROL_PARSE_H
#define LISTD_CONTROL_PARSE_H

#include <stddef.h>

#include <jansson.h>

#include "listd/verbs.h"

struct err;

#define CONTROL_CALL_MAX	(64u << 10)	/* octets of a call */
#define CONTROL_FILES_MAX	8		/* descriptors of a call */

struct control_request {
	json_t		*json;		/* owns the strings */
	const struct verb *verb;
	const char	*arg[VERB_ARGS_MAX];		/* by place; NULL */
	const char	*option[VERB_OPTIONS_MAX];	/* "" for a switch */
	const char	*file[CONTROL_FILES_MAX];	/* of the table */
	size_t		 nfiles;
};

/*
 * Read text[len], which came with nfds descriptors.  control_request_free() is
 * due in any case.
 *
 * -1 with e set: ERR_LIMIT or ERR_INPUT; ERR_NOTFOUND for a verb that is not
 * asked of the daemon.
 */
int control_request_parse(struct control_request *r_r, const void *text,
    size_t len, size_t nfds, struct err *e);
void control_request_free(struct control_request *r);

#endif
