/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_formdata.c - posted forms.  The first line of the input is the
 * Content-Type, the rest the body; fields lie inside what was decoded.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/formdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct formdata *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct formdata_field *field = &f->field[i];

		if (field->name_len > FORMDATA_NAME_MAX ||
		    field->name + field->name_len >= field->value ||
		    field->value + field->value_len >= f->bytes.len ||
		    f->bytes.s[field->value + field->value_len] != '\0')
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *eol = memchr(data, '\n', size);
	size_t head = eol != NULL ? (size_t)(eol - data) : 0;
	char *type = malloc(head + 1);
	struct formdata f;
	struct err e = ERR_INIT;
	char out[64];

	if (type == NULL)
		return 0;
	memcpy(type, data, head);
	type[head] = '\0';
	if (eol != NULL)
		head++;
	formdata_init(&f);
	if (formdata_parse(&f, type[0] != '\0' ? type : NULL, data + head,
	    size - head, &e) == -1 && e.code == ERR_NONE)
		abort();
	check(&f);
	if (!formdata_text(&f, "a", out, sizeof(out)) && out[0] != '\0')
		abort();
	formdata_free(&f);
	free(type);
	return 0;
}
