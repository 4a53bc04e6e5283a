/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_private.h - how a process becomes a role.
 */
#ifndef LISTD_ROLE_PRIVATE_H
#define LISTD_ROLE_PRIVATE_H

#include <stddef.h>

struct role_def;

/*
 * Be the role that the parent started as `-x name`: descriptor START_FD leads
 * to the parent.  Returns the exit status.
 */
int role_main(const char *name, const struct role_def *roles, size_t nroles);

#endif
