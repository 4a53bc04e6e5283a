/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listctl_replay.h - a store that came from a backup is marked, and told who
 * left since.
 */
#ifndef LISTD_LISTCTL_REPLAY_H
#define LISTD_LISTCTL_REPLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "spool/restored.h"

struct conf;
struct layout_users;
struct listctl;

/* What a child found, in memory that both see. */
struct replay_result {
	uint64_t	 departure;	/* the last the backup knows of */
	bool		 done;		/* replayed, or waived */
	bool		 asked_old;	/* the lost store could be read */
	struct replay_counts counts;
	struct err	 why;		/* it is not done */
};

struct replay_task {
	const struct listctl *lc;
	const struct conf *conf;	/* data_dir and maps of the store */
	const struct layout_users *users;
	bool		 begin;		/* mark it; else replay, or waive */
	int64_t		 backup_ms;
	const char	*path;		/* a journal, or NULL */
	const char	*journal;	/* of the lost store, or NULL */
	const char	*old;		/* data_dir of the lost store, or NULL */
	const char	*waive;		/* who does, or NULL */
	struct replay_result *result;
};

/* NULL: there is no memory.  munmap() frees it. */
struct replay_result *listctl_replay_result(void);
/* The exit status; what was wrong was said. */
int listctl_replay(struct replay_task *k);
/* Add what it did to an answer. */
void listctl_replay_tell(json_t *o, const struct replay_result *r);
/* restore --replay and --waive, on the store in data_dir. */
int listctl_restore_rest(const struct listctl *lc);

#endif
