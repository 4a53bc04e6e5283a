/* SPDX-License-Identifier: Apache-2.0 */
/*
 * descriptors.c - open descriptors by name.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xmalloc.h"
#include "listd/descriptors.h"

static struct descriptor *
find(const struct descriptors *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->v[i].name, name) == 0)
			return &d->v[i];
	return NULL;
}

static void
drop(struct descriptors *d, struct descriptor *one)
{
	if (one->fd != -1)
		close(one->fd);
	free(one->name);
	*one = d->v[--d->n];
}

void
descriptors_free(struct descriptors *d)
{
	while (d->n > 0)
		drop(d, &d->v[d->n - 1]);
	free(d->v);
	*d = (struct descriptors){ NULL, 0, 0 };
}

void
descriptors_put(struct descriptors *d, const char *name, int fd,
    bool reloadable)
{
	struct descriptor *one = find(d, name);

	if (one != NULL)
		drop(d, one);
	if (d->n == d->cap) {
		d->cap = d->cap != 0 ? d->cap * 2 : 16;
		d->v = xreallocarray(d->v, d->cap, sizeof(*d->v));
	}
	d->v[d->n++] = (struct descriptor){ xstrdup(name), fd, reloadable };
}

int
descriptors_find(const struct descriptors *d, const char *name)
{
	const struct descriptor *one = find(d, name);

	return one != NULL ? one->fd : -1;
}

bool
descriptors_next(const struct descriptors *d, const char *prefix,
    size_t *iter, const char **name_r, int *fd_r)
{
	size_t len = strlen(prefix);

	while (*iter < d->n) {
		const struct descriptor *one = &d->v[(*iter)++];

		if (strncmp(one->name, prefix, len) == 0) {
			*name_r = one->name;
			*fd_r = one->fd;
			return true;
		}
	}
	return false;
}

void
descriptors_renew(struct descriptors *d, struct descriptors *fresh)
{
	for (size_t i = d->n; i-- > 0;)
		if (d->v[i].reloadable)
			drop(d, &d->v[i]);
	for (size_t i = 0; i < fresh->n; i++) {
		descriptors_put(d, fresh->v[i].name, fresh->v[i].fd,
		    fresh->v[i].reloadable);
		fresh->v[i].fd = -1;
	}
	descriptors_free(fresh);
}
