/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring.h - how far each open delivery had come, readable after a crash.
 *
 * One file, mapped shared by queue and every deliver role.  A deliver role
 * marks its slot before it writes a body and before it writes the final dot,
 * with plain stores and no system call; the page cache keeps them when the
 * process dies.  A power cut may tear the file: a slot whose check is wrong is
 * skipped and counted.  What is read here is reported to people.  Where queue
 * lives on and a deliver role dies, it decides as well which copies may have
 * arrived (spool/DESIGN section 10); after a start of queue nothing is decided
 * by it, for the file may be older than the store.
 *
 * Who writes when: queue reads a role's slots when the role's channel ends,
 * and all slots at its own start, always before its first IPC_HELLO to a
 * role.  A deliver role forgets its slots at its first IPC_HELLO.
 *
 * The file is a page of header, then RING_ROLES x RING_SLOTS slots of 32
 * octets in the machine's byte order; it is sparse.
 */
#ifndef LIB_SYS_RING_H
#define LIB_SYS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define RING_ROLES	64	/* deliver roles, as many as there can be */
#define RING_SLOTS	4096	/* open deliveries of one of them */

struct ring;

enum ring_state {
	RING_FREE = 0,
	RING_HANDED,		/* given to the role */
	RING_BEGUN,		/* its body is about to be written */
	RING_DOT,		/* its final dot is about to be written */
};

struct ring_entry {
	uint64_t	campaign;	/* 0 for a notice */
	uint64_t	subscriber;	/* or the notice's id */
	uint32_t	epoch;		/* of the store, its low 32 bits */
	enum ring_state	state;
};

/*
 * Make the file in fd one that ring_map() takes.  What it holds is kept when
 * it is a ring; else it starts empty, and *fresh_r says so.
 */
int ring_prepare(int fd, bool *fresh_r, struct err *e);

/*
 * Map the file in fd, which may be closed afterwards.  NULL with e set:
 * ERR_DAMAGED when it is not a ring of this shape.
 */
struct ring *ring_map(int fd, struct err *e);
void ring_unmap(struct ring *r);	/* NULL is fine */

/* All slots of a role become free. */
void ring_clear(struct ring *r, unsigned role);
/* Fill a slot; entry's state goes last. */
void ring_put(struct ring *r, unsigned role, unsigned slot,
    const struct ring_entry *entry);
/* Move a filled slot on, or free it. */
void ring_mark(struct ring *r, unsigned role, unsigned slot,
    enum ring_state state);

/*
 * Read one slot.  True and *out filled when it is in use; false when it is
 * free, or torn: then *torn, unless NULL, is counted up.
 */
bool ring_get(const struct ring *r, unsigned role, unsigned slot,
    struct ring_entry *out, unsigned *torn);

#endif
