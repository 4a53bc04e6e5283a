/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply_class_private.h - what codes and words each find in a reply.
 */
#ifndef LIB_REPLY_CLASS_PRIVATE_H
#define LIB_REPLY_CLASS_PRIVATE_H

#include "lib/reply_class.h"

#define FIND_TEXT	1u	/* the code is vague: words may say more */
#define FIND_NEVER	2u	/* it never counts against the recipient */
#define FIND_US		4u	/* it is about our host: the site rests */
#define FIND_MESSAGE	8u	/* it is about the sender or the message */
#define FIND_DEAD	16u	/* no such user or domain */
#define FIND_WEAK	32u	/* a refusal without a reason */

struct finding {
	enum reply_category	category;	/* NONE: nothing was found */
	unsigned		flags;
};

/* What the words of a reply say. */
struct finding reply_text_find(const char *text, size_t len);

#endif
