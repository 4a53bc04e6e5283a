/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_control.c - calls: what is taken has a verb of the daemon with all it
 * needs, and every word in a place of the table.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "listd/control_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct control_request *r)
{
	const struct verb *v = r->verb;

	if (v->where == VERB_LOCAL)
		abort();
	for (size_t i = 0; i < VERB_ARGS_MAX; i++)
		if ((r->arg[i] != NULL && (v->args[i].name == NULL ||
		    v->args[i].file)) || (r->arg[i] == NULL &&
		    v->args[i].name != NULL && !v->args[i].file &&
		    !v->args[i].optional))
			abort();
	for (size_t i = 0; i < VERB_OPTIONS_MAX; i++)
		if (r->option[i] != NULL && (v->options[i].name == NULL ||
		    v->options[i].file || (v->options[i].value == NULL &&
		    r->option[i][0] != '\0')))
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request r;
	struct err e = ERR_INIT;

	if (size == 0)
		return 0;
	if (control_request_parse(&r, data + 1, size - 1, data[0] % 4,
	    &e) == 0)
		check(&r);
	else if (e.code == ERR_NONE)
		abort();
	control_request_free(&r);
	return 0;
}
