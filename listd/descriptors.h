/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptors.h - open descriptors by name.
 *
 * The parent fills a table with what it opened for the roles; each role has
 * its own table of what it was given.  Names are those of role.h.
 */
#ifndef LISTD_DESCRIPTORS_H
#define LISTD_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

#define DESCRIPTOR_CLOCK	"clock"	/* the page of a test clock */

struct descriptor {
	char	*name;
	int	 fd;
	bool	 reloadable;	/* replaced or gone after a reload */
};

/* Zeroed is empty. */
struct descriptors {
	struct descriptor	*v;
	size_t			 n, cap;
};

/* Close all. */
void descriptors_free(struct descriptors *d);
/* fd now belongs to the table; one of that name before is closed. */
void descriptors_put(struct descriptors *d, const char *name, int fd,
    bool reloadable);
/* Borrowed; -1: none. */
int descriptors_find(const struct descriptors *d, const char *name);
/* Names that begin with prefix, *iter from 0; false at the end. */
bool descriptors_next(const struct descriptors *d, const char *prefix,
    size_t *iter, const char **name_r, int *fd_r);
/* What is reloadable in d is closed; all of fresh moves to d. */
void descriptors_renew(struct descriptors *d, struct descriptors *fresh);

#endif
