/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steering.h - the data files that say what receivers accept and what follows
 * from their refusals: two as shipped, and an overlay of the site's own for
 * each.
 */
#ifndef LISTD_STEERING_H
#define LISTD_STEERING_H

#include "lib/strbuf.h"

struct conf;
struct err;
struct reply_rules;
struct shaping;

enum steering_file {
	STEERING_SHAPING,
	STEERING_SHAPING_OVERLAY,
	STEERING_REPLIES,
	STEERING_REPLIES_OVERLAY,
	STEERING_FILES
};

struct steering {
	struct strbuf	 text[STEERING_FILES];	/* as read */
	struct shaping	*shaping;
	struct reply_rules *rules;
};

/* Of the configuration; for the shipped ones without a setting, the installed
 * one.  "" is none. */
const char *steering_path(const struct conf *c, enum steering_file file);
const char *steering_setting(enum steering_file file);

/*
 * Read them from descriptors, -1 being a file that is not there.  0, or -1:
 * with all that is wrong in mistakes, as file:line: text, and e ERR_INPUT; or
 * a file that cannot be read or is longer than DATAFILE_MAX.  s is set in
 * every case, and the caller's to free.
 */
int steering_read(struct steering *s, const struct conf *c,
    const int fd[static STEERING_FILES], struct strbuf *mistakes,
    struct err *e);
/* Open, read, and forget: for listd -n. */
int steering_check(const struct conf *c, struct strbuf *mistakes,
    struct err *e);
void steering_free(struct steering *s);

#endif
