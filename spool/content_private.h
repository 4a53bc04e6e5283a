/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content_private.h - shared by content*.c.
 */
#ifndef SPOOL_CONTENT_PRIVATE_H
#define SPOOL_CONTENT_PRIVATE_H

#include <pthread.h>

#include "spool/content.h"

struct content {
	int		dir;		/* content/ */
	int		incoming;
	/* Held to put a file in its place, or to look at one and remove it. */
	pthread_mutex_t	*lock;
};

/* The names of incoming/ROLE: the i-th, NULL past the last. */
const char *content_role(size_t i);

/* HH/HASH below content/. */
#define CONTENT_PATH	80
void content_path(const uint8_t hash[static CONTENT_HASH],
    char out[static CONTENT_PATH]);

#endif
