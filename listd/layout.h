/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - the folders, the lock and the secrets under data_dir.
 *
 * The parent makes them with the owners and modes of each role, as spool/DESIGN
 * section 1 lists them.  Secrets are made once, before the store they belong
 * to; a file `first-run` stands from then until the store is complete, so that
 * a start that was cut short is taken up and a store that lost its secrets is
 * never mistaken for a new one.
 */
#ifndef LISTD_LAYOUT_H
#define LISTD_LAYOUT_H

#include <stdbool.h>

#include "lib/sys/rights.h"
#include "listd/role.h"

struct conf;
struct err;

/* Who the roles are; not read unless root is true. */
struct layout_users {
	bool		root;
	struct rights	of[ROLE_KINDS];
};

struct layout {
	int	data_fd;
	int	lock_fd;	/* its flock is the store's */
	bool	first_run;	/* the store is to be made */
};

/*
 * Fill users from the configuration when the process is root.  The queue role
 * gets its own login group besides, through which it takes files out of the
 * others' folders.
 */
int layout_users_lookup(const struct conf *c, struct layout_users *users_r,
    struct err *e);

/*
 * Make what is missing, take the lock, and make the secrets on a first run.
 * l_r is to be closed by layout_close(), also after failure.
 *
 * -1 with e set: ERR_EXISTS when another daemon holds the lock, with its
 * process id; ERR_REFUSED for an owner or a mode that is not right, and for a
 * store whose secrets are missing, naming the file.
 */
int layout_open(const struct conf *c, const struct layout_users *users,
    struct layout *l_r, struct err *e);
void layout_close(struct layout *l);

/* The store is complete: forget that this is a first run. */
int layout_first_run_done(struct layout *l, struct err *e);

#endif
