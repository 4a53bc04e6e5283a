/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_private.h - shared by content*.c.
 */
#ifndef SPOOL_CONTENT_PRIVATE_H
#define SPOOL_CONTENT_PRIVATE_H

#include "spool/content.h"

struct content {
	int	dir;		/* content/ */
	int	incoming;
};

#endif
