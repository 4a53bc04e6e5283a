/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ustar.c - what is read to its end is written again and must be the same
 * octets: there is one archive of these members.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "lib/ustar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(4 << 20);
	struct ustar_member m;
	struct ustar u;
	int rc;

	ustar_init(&u, data, size);
	while ((rc = ustar_next(&u, &m, NULL)) == 1)
		if (ustar_add(&b, m.name, m.content, NULL) == -1)
			abort();
	if (rc == 0 && (ustar_end(&b, NULL) == -1 || b.len != size ||
	    memcmp(b.s, data, size) != 0))
		abort();
	strbuf_free(&b);
	return 0;
}
