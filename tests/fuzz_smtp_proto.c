/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_smtp_proto.c - a session fed whole and in pieces must go the same way.
 *
 * The first octet is flags (LMTP, no STARTTLS, refuse some), the second the
 * size of the pieces.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/smtp_proto.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct strbuf	content;
	struct strbuf	output;
	unsigned	events[SMTP_PROTO_CLOSE + 1];
};

static void
answer(struct smtp_proto *p, uint8_t flags, unsigned *n)
{
	unsigned k = (*n)++;

	if ((flags & 4) != 0 && k % 3 == 2)
		smtp_proto_answer(p, k % 2 ? 550 : 451, "5.0.0 no");
	else
		smtp_proto_answer(p, smtp_proto_asked(p) == SMTP_PROTO_DATA ?
		    354 : 250, "2.0.0 yes");
}

static void
run(struct seen *seen, uint8_t flags, const uint8_t *s, size_t len,
    size_t piece)
{
	const struct smtp_proto_params params = { .hostname = "h",
	    .size_max = 1000, .starttls = (flags & 2) == 0,
	    .smtputf8 = (flags & 8) != 0, .lmtp = (flags & 1) != 0 };
	struct smtp_proto *p = smtp_proto_new(&params);
	enum smtp_proto_event ev;
	unsigned answers = 0;
	size_t taken, n;

	smtp_proto_greet(p);
	do {
		n = len < piece ? len : piece;
		ev = smtp_proto_feed(p, s, n, &taken);
		if (taken > n || (n > 0 && taken == 0 &&
		    (ev == SMTP_PROTO_MORE || ev == SMTP_PROTO_CHUNK)))
			abort();
		s += taken;
		len -= taken;
		seen->events[ev]++;
		if (ev == SMTP_PROTO_CHUNK)
			strbuf_add(&seen->content, smtp_proto_chunk(p).p,
			    smtp_proto_chunk(p).len);
		while (smtp_proto_asked(p) != SMTP_PROTO_MORE)
			answer(p, flags, &answers);
		strbuf_add(&seen->output, smtp_proto_output(p)->s,
		    smtp_proto_output(p)->len);
		strbuf_reset(smtp_proto_output(p));
		/* What follows in the same piece would be dropped. */
		if (ev == SMTP_PROTO_STARTTLS)
			smtp_proto_tls_started(p);
	} while (len > 0 && ev != SMTP_PROTO_CLOSE);
	smtp_proto_free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen a = { 0 }, b = { 0 };

	if (size < 2)
		return 0;
	for (struct seen *s = &a; s != NULL; s = s == &a ? &b : NULL) {
		strbuf_init(&s->content, 1 << 22);
		strbuf_init(&s->output, 1 << 22);
	}
	run(&a, data[0], data + 2, size - 2, size);
	run(&b, data[0], data + 2, size - 2, 1 + data[1] % 16);
	/* Pieces may cut content that is dropped later, never change it. */
	if (a.output.len != b.output.len ||
	    memcmp(a.output.s, b.output.s, a.output.len) != 0)
		abort();
	if (a.events[SMTP_PROTO_END] != b.events[SMTP_PROTO_END] ||
	    a.events[SMTP_PROTO_MAIL] != b.events[SMTP_PROTO_MAIL] ||
	    a.events[SMTP_PROTO_RCPT] != b.events[SMTP_PROTO_RCPT])
		abort();
	strbuf_free(&a.content);
	strbuf_free(&a.output);
	strbuf_free(&b.content);
	strbuf_free(&b.output);
	return 0;
}
