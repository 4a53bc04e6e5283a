/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_mime_out.c - any message: a tree whose slices lie where they should.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/mime_out.h"
#include "lib/mime_param.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int cond)
{
	if (!cond)
		abort();
}

static void
check_inside(const struct mime_message *m, struct slice s)
{
	const char *p = (const char *)s.p;

	if (s.len != 0)
		require(p >= m->text.s && p + s.len <= m->text.s +
		    m->text.len);
}

static void
check_part(const struct mime_message *m, uint32_t i)
{
	const struct mime_part *p = &m->part[i];
	struct strbuf out = STRBUF_INIT(MIME_MESSAGE_MAX);
	struct err e = ERR_INIT;
	char path[200];

	check_inside(m, p->head);
	check_inside(m, p->body);
	check_inside(m, p->preamble);
	check_inside(m, p->epilogue);
	require(i == 0 || p->parent < i);
	require(p->child == 0 || p->child == i + 1);
	require(p->next == 0 || (p->next > i && p->next < m->parts));
	require(p->first_field + p->fields <= m->fields);
	if (mime_body_decode(m, i, &out, &e) == -1)
		require(strncmp(e.text, "line ", 5) == 0);
	strbuf_free(&out);
	mime_part_path(m, i, path, sizeof(path));
	for (uint32_t f = 0; f < p->fields; f++) {
		const struct mime_field *mf = &m->field[p->first_field + f];

		check_inside(m, mf->raw);
		check_inside(m, mf->value);
		require(mf->name.len > 0);
		mime_field_unfold(mf, &out);
		require(memchr(out.s, '\n', out.len) == NULL);
		strbuf_reset(&out);
		mime_param_find((const char *)mf->value.p, mf->value.len,
		    "name", &out);
		strbuf_free(&out);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct mime_message *m = mime_parse(data, size, &e);

	if (m == NULL) {
		require(e.code == ERR_INPUT || e.code == ERR_LIMIT);
		return 0;
	}
	for (uint32_t i = 0; i < m->parts; i++)
		check_part(m, i);
	for (size_t i = 0; i < m->text.len; i++)
		require(m->text.s[i] != '\r' || m->text.s[i + 1] == '\n');
	mime_free(m);
	return 0;
}
