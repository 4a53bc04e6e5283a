/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_backup_manifest.c - any text is refused, or is what is written of it.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/backup_manifest.h"
#include "lib/err.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct backup_manifest m = { .n = 0 };
	struct strbuf b = STRBUF_INIT(1 << 20);
	struct err e = ERR_INIT;

	if (size < 1 << 16 && backup_manifest_parse(&m, (const char *)data,
	    size, &e) == 0) {
		backup_manifest_write(&m, &b);
		if (b.len != size || memcmp(b.s, data, size) != 0)
			abort();
	}
	backup_manifest_free(&m);
	strbuf_free(&b);
	return 0;
}
