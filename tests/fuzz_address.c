/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_address.c - what is taken can be written, read again and folded, and
 * holds nothing that could end an SMTP command or a header line.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct address *a, struct strbuf *b)
{
	struct address back;
	struct err e;

	strbuf_reset(b);
	address_format(b, a);
	for (size_t i = 0; i < b->len; i++)
		if ((uint8_t)b->s[i] < 0x20 || b->s[i] == 0x7f)
			abort();
	if (!utf8_valid(b->s, b->len) ||
	    !utf8_is_ascii(a->domain, strlen(a->domain)))
		abort();
	if (strlen(a->local) > ADDRESS_LOCAL_MAX)
		return;			/* grew by folding */
	if (address_parse(b->s, b->len, ADDRESS_UTF8 | ADDRESS_ONE_LABEL |
	    ADDRESS_LITERAL, &back, &e) == -1 || strcmp(back.local, a->local) != 0 ||
	    strcmp(back.domain, a->domain) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(2 * ADDRESS_TEXT_MAX);
	struct address a, folded, again;
	struct err e;

	if (size == 0 || address_parse((const char *)data + 1, size - 1,
	    data[0], &a, &e) == -1)
		return 0;
	check(&a, &b);
	if (address_fold(&a, &folded, &e) == -1 ||
	    address_fold(&folded, &again, &e) == -1 ||
	    strcmp(folded.local, again.local) != 0)
		abort();
	check(&folded, &b);
	address_role(&folded);
	address_canonical(&folded, &again);
	strbuf_free(&b);
	return 0;
}
