/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mailhead.c - any bytes as the head of a message, and all that is asked
 * of one; no value may hold a control character.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/address.h"
#include "lib/autoreply.h"
#include "lib/mailhead.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ask(const struct mailhead *h)
{
	struct strbuf out = STRBUF_INIT(1 << 20);
	const char *name, *value;
	struct loop_facts facts;
	struct address a;
	struct slice id;

	for (unsigned i = 0; mailhead_field(h, i, &name, &value) == 1; i++) {
		for (const char *s = value; *s != '\0'; s++)
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				abort();
		if (mailhead_get(h, name, 0) == NULL)
			abort();
		mailbox_list_parse(value, strlen(value), NULL, NULL, NULL,
		    NULL);
		mailhead_text(h, name, &out, NULL);
		mailhead_param(h, name, "report-type", &out);
		mailhead_msgid(h, name, i, &id);
	}
	strbuf_reset(&out);
	if (mailhead_author(h, &a, &out, NULL) == 1 && a.domain[0] == '\0')
		abort();
	autoreply_find(h, false);
	autoreply_is_reply(h, true);
	loop_find(h, "list.example", "list@example", &facts);
	strbuf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailhead *h = mailhead_parse(data, size, NULL);

	if (h == NULL)
		return 0;
	if (mailhead_body_at(h) > size)
		abort();
	ask(h);
	mailhead_free(h);
	return 0;
}
