/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_similar.c - what of the mail that goes out is the same.
 */
#include "config.h"

#include "listd/posts.h"
#include "listd/scheduler_private.h"

void
scheduler_judge(struct scheduler *s, const struct post *x,
    uint64_t *similar_r, uint32_t *excess_r)
{
	posts_judge(s->posts, x, similar_r, excess_r);
	posts_expect(s->posts, x);
}

uint32_t
scheduler_foresee(const struct scheduler *s, const struct post *x)
{
	uint64_t similar;
	uint32_t excess;

	posts_judge(s->posts, x, &similar, &excess);
	return excess;
}
