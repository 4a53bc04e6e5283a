/* SPDX-License-Identifier: Apache-2.0 */
/*
 * looks.c - who opened the link of a confirmation mail.
 *
 * A token's hash says where it may lie: in one of a few places, of which the
 * one that rested longest is given away.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xmalloc.h"
#include "web/looks.h"

#define PLACES	8		/* that a token may take */

struct place {
	uint8_t		token[TOKEN_HASH_OCTETS];
	uint64_t	turn;		/* of its last look */
	struct look	look;
};

struct looks {
	pthread_mutex_t	lock;
	uint64_t	turn;
	struct place	place[LOOKS_MAX];
};

struct looks *
looks_new(void)
{
	struct looks *l = xcalloc(1, sizeof(*l));

	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void
looks_free(struct looks *l)
{
	if (l == NULL)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Its place, or the one to take. */
static struct place *
find(struct looks *l, const uint8_t token[static TOKEN_HASH_OCTETS])
{
	size_t set = ((size_t)token[0] << 8 | token[1]) % (LOOKS_MAX / PLACES);
	struct place *p = &l->place[set * PLACES], *least = p;

	for (size_t i = 0; i < PLACES; i++, p++) {
		if (p->look.n > 0 &&
		    memcmp(p->token, token, TOKEN_HASH_OCTETS) == 0)
			return p;
		if (p->turn < least->turn)
			least = p;
	}
	return least;
}

void
looks_note(struct looks *l, const uint8_t token[static TOKEN_HASH_OCTETS],
    int64_t now_ms, const uint8_t ip[static 16], const char *agent)
{
	struct place *p;

	if (l == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	p = find(l, token);
	if (p->look.n == 0 ||
	    memcmp(p->token, token, TOKEN_HASH_OCTETS) != 0) {
		memset(p, 0, sizeof(*p));
		memcpy(p->token, token, TOKEN_HASH_OCTETS);
		p->look.first_ms = now_ms;
		memcpy(p->look.ip, ip, sizeof(p->look.ip));
		snprintf(p->look.agent, sizeof(p->look.agent), "%s", agent);
	}
	p->turn = ++l->turn;
	if (p->look.n < UINT32_MAX)
		p->look.n++;
	pthread_mutex_unlock(&l->lock);
}

struct look
looks_of(struct looks *l, const uint8_t token[static TOKEN_HASH_OCTETS])
{
	struct look found = { .n = 0 };
	const struct place *p;

	if (l == NULL)
		return found;
	pthread_mutex_lock(&l->lock);
	p = find(l, token);
	if (memcmp(p->token, token, TOKEN_HASH_OCTETS) == 0)
		found = p->look;
	pthread_mutex_unlock(&l->lock);
	return found;
}
