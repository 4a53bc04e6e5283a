/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_reply_rules.c - any two files are read or refused, and what is read
 * keeps the promises of the floor (R103, R132), whatever it says.
 *
 * A NUL ends the shipped file, another the overlay; what follows is a reply:
 * the step, two octets for its code, and text.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/reply_rules.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct datafile_text
cut(const char *name, const uint8_t **p, size_t *left)
{
	const uint8_t *end = *left != 0 ? memchr(*p, 0, *left) : NULL;
	struct datafile_text t = { name, *p,
		end != NULL ? (size_t)(end - *p) : *left };

	*p += t.len + (end != NULL);
	*left -= t.len + (end != NULL);
	return t;
}

static bool
is_about_us(enum reply_category c)
{
	return c == REPLY_CAT_POLICY || c == REPLY_CAT_AUTH ||
	    c == REPLY_CAT_CONTENT || c == REPLY_CAT_SIZE ||
	    c == REPLY_CAT_RATE || c == REPLY_CAT_GREYLISTED;
}

static void
judge(const struct reply_rules *r, enum reply_stage stage, int code,
    const char *text, size_t len)
{
	struct reply_verdict v;
	struct reply_class plain;
	struct enhanced e;
	size_t n = enhanced_parse(text, len, &e);

	reply_classify_text(stage, code, &e, text + n, len - n, &plain);
	reply_rules_classify_text(r, datafile_key("a"), stage, code, &e,
	    text + n, len - n, &v);
	if (v.class.category >= REPLY_CATEGORIES)
		abort();
	if (v.rule == 0) {
		if (memcmp(&plain, &v.class, sizeof(plain)) != 0)
			abort();
		return;
	}
	/* R103; a report tells of an end, whatever its code */
	if ((code / 100 == 4 && stage != REPLY_AT_REPORT &&
	    reply_is_final(&v.class)) ||
	    (reply_is_final(&plain) && !reply_is_final(&v.class)))
		abort();
	/* R132, R125 */
	if (plain.recipient == REPLY_RECIPIENT_NONE &&
	    v.class.recipient != REPLY_RECIPIENT_NONE)
		abort();
	if (is_about_us(v.class.category) &&
	    v.class.recipient != REPLY_RECIPIENT_NONE)
		abort();
	if (v.class.recipient == REPLY_RECIPIENT_HARD && code / 100 == 4)
		abort();
	if (v.class.scheduler == REPLY_SCHED_SITE &&
	    v.class.site == REPLY_SITE_OK)
		abort();
}

/* A report is refined, and what was spared stays so. */
static void
refine(const struct reply_rules *r, int code, const char *text, size_t len)
{
	for (int was = 0; was <= REPLY_RECIPIENT_HARD; was++) {
		struct reply_class c = { .recipient =
			(enum reply_recipient)was };
		struct enhanced e;
		size_t n = enhanced_parse(text, len, &e);

		reply_rules_report(r, code, &e, text + n, len - n, &c);
		if (is_about_us(c.category) &&
		    c.recipient != REPLY_RECIPIENT_NONE)
			abort();
		if ((int)c.recipient > was && (was == REPLY_RECIPIENT_NONE ||
		    code / 100 == 4))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const texts[] = { "5.1.1 user unknown", "4.7.28 x",
		"5.7.515 rate limited", "4.1.1 no such user", "busy" };
	struct strbuf said = STRBUF_INIT(1 << 18);
	struct datafile_text text = cut("f", &data, &size);
	struct datafile_text overlay = cut("o", &data, &size);
	struct reply_rules *r;

	r = reply_rules_parse(&text, &overlay, NULL, &said);
	if ((r == NULL) != (said.len != 0))
		abort();
	if (r != NULL && size >= 3)
		judge(r, (enum reply_stage)(data[0] % (REPLY_AT_REPORT + 1)),
		    200 + (data[1] << 8 | data[2]) % 400,
		    (const char *)data + 3, size - 3);
	for (size_t i = 0; r != NULL && i < 5 * (REPLY_AT_REPORT + 1); i++) {
		refine(r, i % 2 != 0 ? 450 : 550, texts[i % 5],
		    strlen(texts[i % 5]));
		judge(r, (enum reply_stage)(i / 5), 450, texts[i % 5],
		    strlen(texts[i % 5]));
		judge(r, (enum reply_stage)(i / 5), 550, texts[i % 5],
		    strlen(texts[i % 5]));
	}
	reply_rules_free(r);
	strbuf_free(&said);
	return 0;
}
