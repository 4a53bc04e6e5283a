/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phrases.c - which of many phrases occur in a text.
 *
 * A state is a beginning of some phrase.  While phrases are added the table
 * holds the tree of them; phrases_ready() fills in, for every state and octet,
 * where the longest ending that is a beginning leads, so that a search never
 * goes back.  Octets that no phrase holds share one column.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/phrases.h"
#include "lib/xmalloc.h"

#define NO_PHRASE	UINT16_MAX
#define COLUMNS_FIRST	32

struct phrases {
	uint16_t	*next;		/* nstates x columns */
	uint16_t	*phrase;	/* that ends in the state */
	/* The nearest ending of the state in which a phrase ends; 0: none. */
	uint16_t	*also;
	size_t		 nstates, room;
	size_t		 columns;	/* of the table, in use ncolumns */
	size_t		 ncolumns;
	uint8_t		 column[256];	/* 0: in no phrase */
	uint16_t	 n;
	size_t		 words;		/* of bits that may be set */
};

/* Upper case is lower case, and a tab a blank. */
static uint8_t
fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c + ('a' - 'A'));
	return c == '\t' ? ' ' : (uint8_t)c;
}

struct phrases *
phrases_new(void)
{
	struct phrases *p = xcalloc(1, sizeof(*p));

	p->columns = COLUMNS_FIRST;
	p->ncolumns = 1;
	p->room = 64;
	p->nstates = 1;
	p->next = xcalloc(p->room * p->columns, sizeof(*p->next));
	p->phrase = xcalloc(p->room, sizeof(*p->phrase));
	p->phrase[0] = NO_PHRASE;
	return p;
}

void
phrases_free(struct phrases *p)
{
	if (p == NULL)
		return;
	free(p->next);
	free(p->phrase);
	free(p->also);
	free(p);
}

/* Another table with room for more states or columns. */
static void
resize(struct phrases *p, size_t room, size_t columns)
{
	uint16_t *next = xcalloc(room * columns, sizeof(*next));

	for (size_t s = 0; s < p->nstates; s++)
		memcpy(next + s * columns, p->next + s * p->columns,
		    p->columns * sizeof(*next));
	free(p->next);
	p->next = next;
	p->phrase = xreallocarray(p->phrase, room, sizeof(*p->phrase));
	p->room = room;
	p->columns = columns;
}

static uint16_t
step_new(struct phrases *p, uint16_t state, uint8_t c)
{
	uint16_t *slot;

	if (p->column[c] == 0) {
		if (p->ncolumns == p->columns)
			resize(p, p->room, 2 * p->columns);
		p->column[c] = (uint8_t)p->ncolumns++;
	}
	if (p->nstates == p->room)
		resize(p, 2 * p->room, p->columns);
	slot = &p->next[state * p->columns + p->column[c]];
	if (*slot == 0) {
		p->phrase[p->nstates] = NO_PHRASE;
		*slot = (uint16_t)p->nstates++;
	}
	return *slot;
}

int
phrases_add(struct phrases *p, const char *phrase, uint16_t *number_r,
    struct err *e)
{
	size_t len = strlen(phrase);
	uint16_t state = 0;
	bool blank = false;

	if (strspn(phrase, " \t") == len) {
		err_set(e, ERR_INPUT, "a phrase is empty");
		return -1;
	}
	if (p->n == PHRASES_MAX || p->nstates + len > PHRASES_OCTETS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d phrases or %d octets of "
		    "them", PHRASES_MAX, PHRASES_OCTETS_MAX);
		return -1;
	}
	for (; *phrase != '\0'; phrase++) {
		uint8_t c = fold(*phrase);

		if (c == ' ' && blank)
			continue;
		blank = c == ' ';
		state = step_new(p, state, c);
	}
	if (p->phrase[state] == NO_PHRASE)
		p->phrase[state] = p->n++;
	*number_r = p->phrase[state];
	return 0;
}

/*
 * Breadth first, so that the state a fallback leads to, which is shorter, is
 * complete.  Where a child is missing its place takes the fallback's.
 */
void
phrases_ready(struct phrases *p)
{
	uint16_t *queue = xcalloc(p->nstates, sizeof(*queue));
	uint16_t *fall = xcalloc(p->nstates, sizeof(*fall));
	size_t head = 0, tail = 0;

	p->also = xcalloc(p->nstates, sizeof(*p->also));
	p->words = (p->n + 63u) / 64;
	for (size_t c = 1; c < p->ncolumns; c++)
		if (p->next[c] != 0)
			queue[tail++] = p->next[c];
	while (head < tail) {
		uint16_t s = queue[head++], f = fall[s];

		p->also[s] = p->phrase[f] != NO_PHRASE ? f : p->also[f];
		for (size_t c = 1; c < p->ncolumns; c++) {
			uint16_t *to = &p->next[s * p->columns + c];
			uint16_t other = p->next[f * p->columns + c];

			if (*to == 0) {
				*to = other;
			} else {
				fall[*to] = other;
				queue[tail++] = *to;
			}
		}
	}
	free(queue);
	free(fall);
}

static void
found(const struct phrases *p, uint16_t state, struct phrases_found *f)
{
	if (!f->any) {
		memset(f->bits, 0, p->words * sizeof(f->bits[0]));
		f->any = true;
	}
	for (; state != 0; state = p->also[state]) {
		uint16_t n = p->phrase[state];

		if (n != NO_PHRASE)
			f->bits[n / 64] |= UINT64_C(1) << n % 64;
	}
}

void
phrases_find(const struct phrases *p, const char *text, size_t len,
    struct phrases_found *found_r)
{
	uint16_t state = 0;
	bool blank = false;

	found_r->any = false;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = fold(text[i]);

		if (c == ' ' && blank)
			continue;
		blank = c == ' ';
		state = p->next[state * p->columns + p->column[c]];
		if (p->phrase[state] != NO_PHRASE || p->also[state] != 0)
			found(p, state, found_r);
	}
}
