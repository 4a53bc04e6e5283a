/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_intake.h - take in a file that came with a call.
 *
 * It runs in a thread of its own, because a descriptor that others opened may
 * be slow or hang.  Only regular files are taken; listctl makes one of what is
 * none.  What the store names goes into content/.  What it does not, the rows
 * of an import, goes into a file without a name, for it holds whom nobody
 * could erase from there (S31).
 */
#ifndef LISTD_CONTROL_INTAKE_H
#define LISTD_CONTROL_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

struct content;
struct err;

struct intake {
	/* Given. */
	int		 fd;		/* closed when it was read; or -1 */
	uint64_t	 max;		/* octets */
	const struct content *content;	/* NULL: into a nameless file */
	const char	*data_dir;	/* for that; borrowed */
	const _Atomic bool *stop;	/* give up when it becomes true */
	/* Found. */
	uint8_t		 hash[32];
	uint64_t	 size;
	int		 copy;		/* the nameless file, or -1 */
};

/* Before anything else: no descriptors. */
void intake_init(struct intake *in);
/*
 * Copy and hash; what goes into content/ is synced and adopted.  -1 with
 * ERR_INPUT (no regular file), ERR_LIMIT, ERR_AGAIN (stopped), ERR_SYSTEM.
 */
int intake_run(struct intake *in, struct err *e);
/* Look at kind and size alone, and leave the descriptor open. */
int intake_check(const struct intake *in, struct err *e);
void intake_close(struct intake *in);

#endif
