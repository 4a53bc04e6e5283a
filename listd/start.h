/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.h - what the parent says to a role it started, and hears from it.
 *
 * On the socket that a role finds as descriptor START_FD, frames of
 * lib/sys/channel.h, first any number of START_DESCRIPTOR, then START_ROLE,
 * then the others as they happen.
 */
#ifndef LISTD_START_H
#define LISTD_START_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pack.h"
#include "lib/sys/rights.h"
#include "listd/role.h"

struct strbuf;

#define START_FD	3
#define START_NAME_MAX	512	/* octets of a descriptor's name, with NUL */

enum start_type {
	/* parent -> role */
	START_DESCRIPTOR = 0x0010,	/* u8 reloadable, str name; 1 fd */
	START_ROLE,			/* struct start */
	START_PEER,			/* struct start_peer; 1 fd */
	START_RELOAD,			/* bytes configuration */
	START_STOPPING,			/* queue: hand out nothing more */
	START_DRAIN,			/* finish and end */

	/* role -> parent */
	START_READY = 0x0020,		/* everything is open */
	START_REFUSED,			/* str why; then exits STATUS_CONFIG */
	START_BROKEN,			/* queue: start_peer that talks nonsense */
	START_RESTART,			/* queue: all anew; see spool/DESIGN 14 */
};

struct start {
	enum role_kind	kind;
	uint32_t	index;
	uint32_t	delivers;
	uint64_t	epoch;
	bool		foreground;	/* the log goes to standard error */
	bool		first_run;
	bool		drop;		/* become rights */
	struct rights	rights;
	struct slice	conf;		/* as conf_dump() writes it */
};

struct start_peer {
	enum role_kind	kind;
	uint32_t	index;
	uint64_t	epoch;
};

/* "queue", "deliver", "inbound", "web". */
const char *role_kind_name(enum role_kind kind);

void start_put(struct strbuf *b, const struct start *s);
/* False when p[len] is not one; conf is borrowed from it. */
bool start_get(const void *p, size_t len, struct start *s_r);
void start_put_peer(struct strbuf *b, const struct start_peer *s);
bool start_get_peer(const void *p, size_t len, struct start_peer *s_r);
void start_put_descriptor(struct strbuf *b, const char *name,
    bool reloadable);
bool start_get_descriptor(const void *p, size_t len,
    char name_r[static START_NAME_MAX], bool *reloadable_r);

#endif
