/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_template.c - any message with any values: refused, or a copy that
 * keeps every rule of the wire and has the right hash.
 *
 * The input is a message, and after its first NUL (if any) the attributes.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/lint.h"
#include "lib/mime_out.h"
#include "lib/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int cond)
{
	if (!cond)
		abort();
}

static const struct template_params params = {
	.list_id = "news.lists.example", .list_title = "N\303\251ws {{x}}",
	.base_url = "https://lists.example", .bounce_domain = "b.example",
	.cfbl_address = "f@lists.example", .feedback_sender = "listd",
	.postal_address = "1 Road\nTown\303\251", .commercial = true,
	.trusted = "raw url", .date_ms = 1700000000000,
	.extra = { "Listd-Checkpoint" },
};

/* The wire without its dots, each of its lines looked at. */
static void
unstuff(const struct strbuf *wire, struct strbuf *out)
{
	const char *p = wire->s, *end = p + wire->len, *eol;

	for (; p < end; p = eol + 2) {
		eol = memmem(p, (size_t)(end - p), "\r\n", 2);
		require(eol != NULL && eol - p <= 999);
		if (*p == '.')
			require(*++p == '.');
		for (const char *q = p; q < eol; q++)
			require(*q != '\r' && *q != '\n' && *q > 0);
		strbuf_add(out, p, (size_t)(eol + 2 - p));
	}
}

static void
check_hash(const struct rendered *r, const struct strbuf *body)
{
	struct dkim_body_hash *h = dkim_body_hash_new(NULL);
	uint8_t want[DKIM_HASH_LEN];

	require(h != NULL);
	dkim_body_hash_update(h, body->s, body->len);
	require(dkim_body_hash_final(h, want, NULL) == 0);
	require(memcmp(want, r->body_hash, sizeof(want)) == 0);
	dkim_body_hash_free(h);
}

/*
 * What leaves would be taken again, and has as many parts; or two more, what
 * wraps a message that is sealed as a whole and the footer behind it (R96).
 */
static void
check_copy(const struct rendered *r, const struct mime_message *author)
{
	static struct lint_report report;
	struct strbuf wire = STRBUF_INIT(64 << 20);
	struct strbuf body = STRBUF_INIT(64 << 20);
	struct strbuf whole = STRBUF_INIT(64 << 20);
	struct mime_message *m;

	for (size_t i = 0; i < r->iovs; i++)
		strbuf_add(&wire, r->iov[i].iov_base, r->iov[i].iov_len);
	require(wire.len == r->wire_octets);
	unstuff(&wire, &body);
	require(r->octets == r->header.len + 2 + body.len);
	check_hash(r, &body);
	strbuf_add(&whole, r->header.s, r->header.len);
	strbuf_add(&whole, "\r\n", 2);
	strbuf_add(&whole, body.s, body.len);
	m = mime_parse((const uint8_t *)whole.s, whole.len, NULL);
	require(m != NULL && m->part[0].fields == r->fields);
	require(m->parts == author->parts || (m->parts == author->parts + 2 &&
	    m->part[0].multipart && m->part[m->parts - 1].next == 0 &&
	    strcmp(m->part[m->parts - 1].type, "text/plain") == 0));
	lint_parsed(m, &report);
	require(report.count[LINT_MUST] == 0);
	mime_free(m);
	strbuf_free(&wire);
	strbuf_free(&body);
	strbuf_free(&whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lint_report report;
	const uint8_t *nul = size != 0 ? memchr(data, 0, size) : NULL;
	size_t len = nul != NULL ? (size_t)(nul - data) : size;
	struct template_values v = { .address = "a.b@mail.example",
	    .url_token = "url", .mailto_token = "mailto",
	    .message_token = "id", .extra = { "witness" } };
	struct rendered r = RENDERED_INIT;
	struct err e = ERR_INIT;
	struct mime_message *m;
	json_t *attributes = NULL;
	struct template *t;

	if (nul != NULL)
		attributes = json_loadb((const char *)nul + 1, size - len - 1,
		    JSON_ALLOW_NUL, NULL);
	v.attributes = attributes;
	t = template_compile(data, len, &params, &report, &e);
	if (t == NULL) {
		require(e.code != ERR_NONE && e.text[0] != '\0');
	} else {
		m = mime_parse(data, len, NULL);
		require(m != NULL && report.count[LINT_MUST] == 0);
		if (template_render(t, &v, &r, &e) == 0)
			check_copy(&r, m);
		else
			require(e.code == ERR_LIMIT);
		mime_free(m);
	}
	rendered_free(&r);
	template_free(t);
	json_decref(attributes);
	return 0;
}
