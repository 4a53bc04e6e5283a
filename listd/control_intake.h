/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_intake.h - take a file that came with a call into content/.
 *
 * It runs in a thread of its own, because a descriptor that others opened may
 * be slow or hang.  Only regular files are taken; listctl makes one of what is
 * none.
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
	const struct content *content;
	const _Atomic bool *stop;	/* give up when it becomes true */
	/* Found. */
	uint8_t		 hash[32];
	uint64_t	 size;
};

/*
 * Copy, sync and adopt.  -1 with ERR_INPUT (no regular file), ERR_LIMIT,
 * ERR_AGAIN (stopped), ERR_SYSTEM.
 */
int intake_run(struct intake *in, struct err *e);
/* Look at kind and size alone, and leave the descriptor open. */
int intake_check(const struct intake *in, struct err *e);
void intake_close(struct intake *in);

#endif
