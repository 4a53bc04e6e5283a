/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ustar.h - archives of which no octet is free: POSIX ustar (IEEE 1003.1,
 * pax, "ustar Interchange Format") with one way to write each of them.
 *
 * Any tar unpacks them.  But names, their order and the contents determine
 * every octet: a header has fixed mode (0644), owner (0), time (0) and type (a
 * plain file), its fields one spelling, padding is zeros, and the archive ends
 * with two blocks of zeros and nothing behind them.  The reader makes each
 * header again and takes no other, so that an archive that was changed
 * anywhere outside of a content is refused; contents are for its user to hash.
 */
#ifndef LIB_USTAR_H
#define LIB_USTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/pack.h"

struct err;
struct strbuf;

#define USTAR_BLOCK	512
#define USTAR_NAME_MAX	100		/* octets of a member's name */
#define USTAR_SIZE_MAX	(1u << 30)	/* octets of a member */

/*
 * A name is parts of letters, digits, '.', '_' and '-' with '/' between;
 * no part is empty or begins with a dot.
 */
bool ustar_name_fits(const char *name, size_t len);

/*
 * Append a member.  -1 ERR_INPUT for a name that may not be, ERR_LIMIT past
 * USTAR_SIZE_MAX or the room of out.
 */
int ustar_add(struct strbuf *out, const char *name, struct slice content,
    struct err *e);
/* Append the end.  -1 ERR_LIMIT. */
int ustar_end(struct strbuf *out, struct err *e);

struct ustar {
	const uint8_t	*p;
	size_t		 left;
};

struct ustar_member {
	char		 name[USTAR_NAME_MAX + 1];
	struct slice	 content;	/* borrowed */
};

/* Read p[len], which stays the caller's. */
void ustar_init(struct ustar *u, const void *p, size_t len);
/* 1 the next member, 0 the right end, -1 ERR_DAMAGED: no archive of ours. */
int ustar_next(struct ustar *u, struct ustar_member *m_r, struct err *e);

#endif
