/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dsn.c - any message read as a bounce, and printed.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/dsn.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_recipient(const struct dsn_recipient *r)
{
	/* R124, R125: what may count at all. */
	if (r->action != DSN_FAILED &&
	    r->class.recipient != REPLY_RECIPIENT_NONE)
		abort();
	if (r->code / 100 == 4 && r->class.recipient == REPLY_RECIPIENT_HARD)
		abort();
	for (const char *s = r->said; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int ready;
	struct strbuf out = STRBUF_INIT(1 << 22);
	struct dsn_report *r;
	json_t *o;

	if (!ready) {
		dsn_setup();
		ready = 1;
	}
	r = dsn_parse(data, size, size % 2 == 0, NULL);
	if (r == NULL)
		return 0;
	for (unsigned i = 0; i < r->recipients; i++)
		check_recipient(&r->recipient[i]);
	if (dsn_report_to_json(r, &out) == -1)
		abort();
	if ((o = json_loads(out.s, 0, NULL)) == NULL ||
	    strpbrk(out.s, "\r\n") != NULL)
		abort();
	json_decref(o);
	strbuf_free(&out);
	dsn_report_free(r);
	return 0;
}
