/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tlsrpt.c - any bytes as a TLSRPT record, as a mailto: URI, and as the
 * words of a policy and a failure that go into a report.
 */
#include "config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/err.h"
#include "lib/pack.h"
#include "lib/strbuf.h"
#include "lib/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever was counted, the report is JSON and the mail has whole lines. */
static void
tell(const char *text)
{
	static const struct tlsrpt_sender who = { "Example", "tls@example.org",
		"example.org", NULL };
	struct strbuf json = STRBUF_INIT(TLSRPT_REPORT_MAX);
	struct strbuf mail = STRBUF_INIT(2 * TLSRPT_REPORT_MAX);
	struct tlsrpt *t = tlsrpt_new(4);
	struct tlsrpt_event ev = { .when_ms = 1, .domain = text,
		.type = TLSRPT_STS, .policy = text, .mx = text,
		.reason = text, .result = TLSRPT_VALIDATION, .count = 1 };
	struct tlsrpt_about about = { .id = "1" };
	json_t *v;

	if (tlsrpt_count(t, &ev)) {
		assert(tlsrpt_report(t, &who, text, 0, "1", &json, NULL) == 0);
		v = json_loadb(json.s, json.len, JSON_REJECT_DUPLICATES, NULL);
		assert(v != NULL);
		json_decref(v);
		memcpy(about.domain, text, strlen(text) + 1);
		if (tlsrpt_body(&who, &about, json.s, json.len, &mail,
		    NULL) == 0)
			assert(memcmp(mail.s + mail.len - 4, "--\r\n", 4) == 0);
	}
	strbuf_free(&json);
	strbuf_free(&mail);
	tlsrpt_free(t);
}

/* As a frame, and as a file that waits to be mailed. */
static void
take(const uint8_t *data, size_t size)
{
	struct strbuf b = STRBUF_INIT(2 * sizeof(struct tlsrpt_told));
	struct tlsrpt_told told;
	struct tlsrpt_about about;
	struct err e = ERR_INIT;
	struct unpack u;
	size_t at;

	unpack_init(&u, data, size);
	tlsrpt_unpack(&u, &told);
	if (unpack_done(&u)) {
		tlsrpt_pack(&b, &told.ev);
		assert(b.len == size && memcmp(b.s, data, size) == 0);
	}
	if (tlsrpt_about_get((const char *)data, size, &about, &at, &e) == 0)
		assert(at > 0 && at <= size);
	strbuf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tlsrpt_rua rua;
	char address[TLSRPT_NAME_MAX + 1], *text;
	struct err e = ERR_INIT;
	const char *one;

	if ((text = malloc(size + 1)) == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	one = text;
	if (tlsrpt_record(&one, 1, &rua))
		for (unsigned i = 0; i < rua.n; i++)
			tlsrpt_mailto(rua.uri[i], address, &e);
	if (tlsrpt_mailto(text, address, &e) == 0)
		assert(strchr(address, '@') != NULL);
	tell(text);
	take(data, size);
	free(text);
	return 0;
}
