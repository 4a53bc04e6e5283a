/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.c - checkpoints read and written.
 */
#include "config.h"

#include <string.h>

#include "lib/base64.h"
#include "lib/checkpoint.h"
#include "lib/decimal.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/tlog_private.h"
#include "lib/utf8.h"

void
checkpoint_format(const struct checkpoint *c, struct strbuf *out)
{
	strbuf_addf(out, "%s\n%llu\n", c->origin,
	    (unsigned long long)c->size);
	base64_put(out, c->root, MERKLE_HASH);
	strbuf_addc(out, '\n');
	strbuf_add(out, c->extensions.p, c->extensions.len);
}

/* ---- reading */

static bool
next_line(struct slice *text, struct slice *line)
{
	return tlog_line(text, line) && line->len > 0;
}

static bool
get_origin(struct slice line, char *origin)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] < 0x20)
			return false;
	if (line.len > CHECKPOINT_ORIGIN_MAX ||
	    !utf8_valid((const char *)line.p, line.len))
		return false;
	memcpy(origin, line.p, line.len);
	origin[line.len] = '\0';
	return true;
}

/* Whether what is left is lines, none of them empty. */
static bool
are_lines(struct slice text)
{
	struct slice line;

	while (text.len > 0)
		if (!next_line(&text, &line))
			return false;
	return true;
}

static bool
is_rooted(const struct checkpoint *c)
{
	struct merkle_range none = { .size = 0 };
	uint8_t root[MERKLE_HASH];

	if (c->size > 0)
		return true;
	merkle_root(&none, root);
	return memcmp(root, c->root, MERKLE_HASH) == 0;
}

static int
malformed(struct err *e, const char *what)
{
	err_set(e, ERR_INPUT, "not a checkpoint: %s", what);
	return -1;
}

int
checkpoint_parse(struct checkpoint *c, struct slice text, struct err *e)
{
	struct slice line;

	memset(c, 0, sizeof(*c));
	if (!next_line(&text, &line) || !get_origin(line, c->origin))
		return malformed(e, "no origin");
	if (!next_line(&text, &line) || !decimal_get((const char *)line.p,
	    line.len, MERKLE_SIZE_MAX, &c->size))
		return malformed(e, "no size");
	if (!next_line(&text, &line) || !base64_get_exact(
	    (const char *)line.p, line.len, c->root, MERKLE_HASH))
		return malformed(e, "no root");
	if (!is_rooted(c))
		return malformed(e, "a root of no leaves");
	if (!are_lines(text))
		return malformed(e, "an empty line, or one without end");
	c->extensions = text;
	return 0;
}

int
checkpoint_open(struct checkpoint *c, struct note *note_r, const void *p,
    size_t len, const struct note_key *keys, size_t n, struct err *e)
{
	if (note_open(note_r, p, len, keys, n, e) == -1 ||
	    checkpoint_parse(c, note_r->text, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (keys[i].type == NOTE_ED25519 &&
		    strcmp(keys[i].name, c->origin) == 0 &&
		    note_verify(note_r, &keys[i], NULL) == NOTE_SIGNED)
			return 0;
	err_set(e, ERR_REFUSED, "checkpoint of %s, not signed by its log",
	    c->origin);
	return -1;
}

bool
checkpoint_equal(const struct checkpoint *a, const struct checkpoint *b)
{
	return a->size == b->size && strcmp(a->origin, b->origin) == 0 &&
	    memcmp(a->root, b->root, MERKLE_HASH) == 0;
}
