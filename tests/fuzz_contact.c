/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_contact.c - any message: what is told is an address that can be
 * written and read again.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/contact.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look(void *arg, const struct address *a)
{
	struct strbuf b = STRBUF_INIT(ADDRESS_TEXT_MAX);
	struct address again;

	(void)arg;
	address_format(&b, a);
	if (b.overflow || address_parse(b.s, b.len, 0, &again, NULL) == -1 ||
	    strcmp(again.local, a->local) != 0 ||
	    strcmp(again.domain, a->domain) != 0)
		abort();
	strbuf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	contact_find(data, size, look, NULL, NULL);
	contact_find_text((const char *)data, size, look, NULL);
	return 0;
}
