/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_checkpoint.c - texts of checkpoints, signed ones, proofs and paths of
 * tiles: what is taken is what would be written.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/checkpoint.h"
#include "lib/strbuf.h"
#include "lib/tlog_proof.h"
#include "lib/tlog_tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(const char *text, size_t len, const uint8_t *data, size_t size)
{
	if (len != size || memcmp(text, data, size) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(TLOG_PROOF_MAX);
	const uint8_t leaf[MERKLE_HASH] = { 0 };
	char path[TLOG_TILE_PATH_MAX];
	struct tlog_proof p;
	struct tlog_tile t;
	struct checkpoint c;
	struct note n;

	if (checkpoint_parse(&c, (struct slice){ data, size }, NULL) == 0 &&
	    size < TLOG_PROOF_MAX) {
		checkpoint_format(&c, &b);
		same(b.s, b.len, data, size);
	}
	if (checkpoint_open(&c, &n, data, size, NULL, 0, NULL) == 0)
		abort();
	strbuf_reset(&b);
	if (tlog_proof_parse(&p, data, size, NULL) == 0) {
		tlog_proof_format(&p, &b);
		same(b.s, b.len, data, size);
		if (tlog_proof_verify(&p, leaf, NULL, 0, &c, NULL) == 0)
			abort();
	}
	if (tlog_tile_parse(&t, (const char *)data, size)) {
		tlog_tile_path(&t, path);
		same(path, strlen(path), data, size);
	}
	strbuf_free(&b);
	return 0;
}
