/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_smtp_reply.c - the first octet says where the stream is cut; a cut must
 * not change what is read.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/smtp_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned	replies;
	int		last;
	size_t		text_len;
	bool		malformed;
};

static void
feed(struct smtp_reply_parser *p, struct seen *seen, const uint8_t *s,
    size_t len)
{
	enum smtp_reply_state state;
	const struct smtp_reply *r;
	struct smtp_ehlo ehlo;
	size_t taken;

	while (len > 0) {
		state = smtp_reply_feed(p, s, len, &taken);
		if (state == SMTP_REPLY_MALFORMED) {
			seen->malformed = true;
			return;
		}
		s += taken;
		len -= taken;
		if (state == SMTP_REPLY_MORE)
			return;
		r = smtp_reply_get(p);
		if (r->code < 200 || r->code > 599 || r->lines == 0 ||
		    strlen(r->text) != r->text_len)
			abort();
		smtp_ehlo_parse(r, &ehlo);
		seen->replies++;
		seen->last = r->code;
		seen->text_len += r->text_len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_reply_parser *p;
	struct seen a = { 0, 0, 0, false }, b = { 0, 0, 0, false };
	size_t cut;

	if (size == 0)
		return 0;
	cut = 1 + data[0] % size;
	p = smtp_reply_new();
	feed(p, &a, data + 1, size - 1);
	smtp_reply_reset(p);
	feed(p, &b, data + 1, cut - 1);
	feed(p, &b, data + cut, size - cut);
	if (a.replies != b.replies || a.last != b.last ||
	    a.text_len != b.text_len || a.malformed != b.malformed)
		abort();
	smtp_reply_free(p);
	return 0;
}
