/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rights.h - give up the rights of root, and limits of a process.
 *
 * Every call here is verified after it was made: a privilege drop that did not
 * happen is an error, never a warning.
 */
#ifndef LIB_SYS_RIGHTS_H
#define LIB_SYS_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

#define RIGHTS_GROUPS_MAX	4

struct rights {
	uid_t	uid;
	gid_t	gid;				/* of files it makes */
	gid_t	own_gid;			/* the user's login group */
	gid_t	groups[RIGHTS_GROUPS_MAX];	/* supplementary */
	size_t	ngroups;
};

/*
 * Look up user and group by name.  rights_r gets the user's id, group as its
 * group, and no supplementary groups.  -1: ERR_NOTFOUND naming what is
 * missing, ERR_REFUSED for user 0.
 */
int rights_lookup(const char *user, const char *group,
    struct rights *rights_r, struct err *e);

/*
 * Become rights: supplementary groups, group, user, in that order, real,
 * effective and saved.  Proves that the old ones cannot be taken back.  Needs
 * root.
 */
int rights_drop(const struct rights *rights, struct err *e);

/* No core dumps (they hold members' addresses), and no new privileges. */
int rights_limit(struct err *e);

/* Raise the limit of open descriptors to the hard one; it is returned. */
size_t rights_raise_nofile(void);

#endif
