/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suspect.c - deliveries that drew a refusal which speaks of us.
 */
#include "config.h"

#include <stdlib.h>

#include "lib/xmalloc.h"
#include "listd/suspect.h"

struct entry {
	uint64_t	who;
	bool		used;
	bool		known;		/* it was ALONE once */
	uint64_t	heard;		/* when it was refused last */
	uint64_t	since;		/* number of that refusal */
};

struct suspects {
	struct entry	 entry[SUSPECTS_MAX];
	unsigned	 next;		/* place of the next one */
	struct entry	*last;		/* refused last, or NULL */
	uint64_t	 heard;		/* who got through, since the first */
	uint64_t	 refused;
};

static struct entry *
find(const struct suspects *v, uint64_t who)
{
	for (unsigned i = 0; v != NULL && i < SUSPECTS_MAX; i++) {
		const struct entry *e = &v->entry[i];

		if (e->used && e->who == who)
			return (struct entry *)(uintptr_t)e;
	}
	return NULL;
}

/* Its second refusal, or a later one. */
static enum suspect
judge(const struct suspects *v, const struct entry *e)
{
	uint64_t others = v->heard - e->heard;

	if (v->last != e)
		return others > 0 ? SUSPECT_OWN : SUSPECT_SITE;
	return e->known || others >= SUSPECT_SURE ? SUSPECT_ALONE :
	    SUSPECT_OWN;
}

enum suspect
suspects_refused(struct suspects **v, uint64_t who)
{
	enum suspect verdict = SUSPECT_SITE;
	struct entry *e = find(*v, who);

	if (*v == NULL)
		*v = xcalloc(1, sizeof(**v));
	if (e != NULL) {
		verdict = judge(*v, e);
		e->known = verdict == SUSPECT_ALONE;
	} else {
		e = &(*v)->entry[(*v)->next++ % SUSPECTS_MAX];
		*e = (struct entry){ .who = who, .used = true };
	}
	e->heard = (*v)->heard;
	e->since = ++(*v)->refused;
	(*v)->last = e;
	return verdict;
}

void
suspects_heard(struct suspects *v, uint64_t who)
{
	struct entry *e = find(v, who);

	if (e != NULL)
		e->used = false;
	if (v != NULL)
		v->heard++;
}

uint64_t
suspects_since(const struct suspects *v, uint64_t who)
{
	const struct entry *e = find(v, who);

	return e != NULL ? e->since : 0;
}

void
suspects_free(struct suspects *v)
{
	free(v);
}
