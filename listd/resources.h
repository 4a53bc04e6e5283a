/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resources.h - what the parent opens so that the roles need no right to.
 */
#ifndef LISTD_RESOURCES_H
#define LISTD_RESOURCES_H

#include <stdbool.h>

#include "listd/role.h"

struct conf;
struct descriptors;
struct err;
struct layout;

#define RESOURCES_DKIM_MAX	4096	/* DKIM keys of a host */

/*
 * Bind every listener, the control socket included, and add them, the ring,
 * the lock and the test clock's page to d.  -1 with e naming the setting.
 */
int resources_bind(const struct conf *c, const struct layout *l,
    struct descriptors *d, struct err *e);
/* Remove the UNIX sockets' names. */
void resources_unbind(const struct conf *c);

/*
 * Open the files a reload may change: certificates, keys, secrets,
 * resolv.conf.  What is missing at its default place is logged and left out.
 */
int resources_open(const struct conf *c, struct descriptors *d,
    struct err *e);

/* True when that kind of role may have the descriptor of this name. */
bool resources_allowed(enum role_kind kind, const char *name);

#endif
