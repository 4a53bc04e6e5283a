/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subscriber_counted.c - the audience rule, which needs no store.
 */
#include "config.h"

#include "spool/subscriber.h"

bool
member_counted(enum member_state state, uint64_t join, uint64_t change,
    const struct member_past *past, uint64_t as_of)
{
	if (join != 0 && join <= as_of && (state == MEMBER_ACTIVE ||
	    as_of < change))
		return true;
	for (unsigned i = 0; i < past->n; i++)
		if (past->v[i].join <= as_of && as_of < past->v[i].until)
			return true;
	return false;
}
