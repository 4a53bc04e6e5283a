/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_consent.c - an entry that is taken and holds only keys we know is
 * written again as the same bytes; JSON can be made of it.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/strbuf.h"
#include "spool/consent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(CONSENT_ENTRY_MAX);
	struct consent c, again;
	json_t *j;

	if (size > 16384 || consent_decode((struct slice){ data, size }, &c,
	    NULL) == -1)
		return 0;
	j = consent_json(1, &c);
	if (j == NULL)
		abort();
	json_decref(j);
	if (consent_encode(&b, &c, NULL) == -1)
		abort();
	/* Unknown keys and what is past a limit are dropped on the way. */
	if (b.len > size)
		abort();
	if (consent_decode((struct slice){ (uint8_t *)b.s, b.len }, &again,
	    NULL) == -1 || again.kind != c.kind ||
	    again.when_ms != c.when_ms || again.list != c.list)
		abort();
	if (b.len == size && memcmp(b.s, data, size) != 0)
		abort();
	strbuf_free(&b);
	return 0;
}
