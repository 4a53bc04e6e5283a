/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlog_proof.c - proofs of inclusion as text.
 */
#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/decimal.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/tlog_private.h"
#include "lib/tlog_proof.h"

#define HEAD	"c2sp.org/tlog-proof@v1"

void
tlog_proof_format(const struct tlog_proof *p, struct strbuf *out)
{
	strbuf_adds(out, HEAD "\n");
	if (p->extra.len > 0) {
		strbuf_adds(out, "extra ");
		strbuf_add(out, p->extra.p, p->extra.len);
		strbuf_addc(out, '\n');
	}
	strbuf_addf(out, "index %llu\n", (unsigned long long)p->index);
	for (size_t i = 0; i < p->path.n; i++) {
		base64_put(out, p->path.hash[i], MERKLE_HASH);
		strbuf_addc(out, '\n');
	}
	strbuf_addc(out, '\n');
	strbuf_add(out, p->checkpoint.p, p->checkpoint.len);
}

/* ---- reading */

/* What follows word and a blank; false when line is not that. */
static bool
after(struct slice line, const char *word, struct slice *rest)
{
	size_t n = strlen(word);

	if (line.len <= n || memcmp(line.p, word, n) != 0 ||
	    line.p[n] != ' ')
		return false;
	*rest = (struct slice){ line.p + n + 1, line.len - n - 1 };
	return true;
}

static int
malformed(struct err *e, const char *what)
{
	err_set(e, ERR_INPUT, "not a tlog-proof: %s", what);
	return -1;
}

static int
too_long(struct err *e, const char *what)
{
	err_set(e, ERR_LIMIT, "tlog-proof with too long %s", what);
	return -1;
}

/* The hashes and the empty line behind them. */
static int
get_path(struct slice *text, struct merkle_proof *path, struct err *e)
{
	struct slice line;

	path->n = 0;
	while (tlog_line(text, &line)) {
		if (line.len == 0)
			return 0;
		if (path->n == MERKLE_PROOF_MAX)
			return too_long(e, "a path");
		if (!base64_get_exact((const char *)line.p, line.len,
		    path->hash[path->n++], MERKLE_HASH))
			return malformed(e, "a line that is no hash");
	}
	return malformed(e, "no empty line behind the path");
}

int
tlog_proof_parse(struct tlog_proof *p, const void *text, size_t len,
    struct err *e)
{
	struct slice rest = { text, len }, line, value;
	struct note note;
	size_t extra;

	memset(p, 0, sizeof(*p));
	if (len > TLOG_PROOF_MAX)
		return too_long(e, "a text");
	if (!tlog_line(&rest, &line) || line.len != strlen(HEAD) ||
	    memcmp(line.p, HEAD, line.len) != 0)
		return malformed(e, "another first line");
	if (!tlog_line(&rest, &line))
		return malformed(e, "no index");
	if (after(line, "extra", &value)) {
		if (!base64_valid((const char *)value.p, value.len, &extra) ||
		    extra == 0)
			return malformed(e, "extra data not in base64");
		if (extra > TLOG_PROOF_EXTRA_MAX)
			return too_long(e, "extra data");
		p->extra = value;
		if (!tlog_line(&rest, &line))
			return malformed(e, "no index");
	}
	if (!after(line, "index", &value) || !decimal_get(
	    (const char *)value.p, value.len, MERKLE_SIZE_MAX, &p->index))
		return malformed(e, "no index");
	if (get_path(&rest, &p->path, e) == -1)
		return -1;
	p->checkpoint = rest;
	return note_parse(&note, rest.p, rest.len, e);
}

int
tlog_proof_verify(const struct tlog_proof *p,
    const uint8_t leaf[MERKLE_HASH], const struct note_key *keys, size_t n,
    struct checkpoint *c_r, struct err *e)
{
	struct note note;

	if (checkpoint_open(c_r, &note, p->checkpoint.p, p->checkpoint.len,
	    keys, n, e) == -1)
		return -1;
	if (merkle_verify_inclusion(leaf, p->index, c_r->size, &p->path,
	    c_r->root))
		return 0;
	err_set(e, ERR_REFUSED, "leaf %llu is not in the tree of %llu",
	    (unsigned long long)p->index, (unsigned long long)c_r->size);
	return -1;
}
