/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_witness.c - values that are the keys of witnesses.
 */
#include "config.h"

#include <string.h>

#include "lib/conf.h"
#include "lib/conf_private.h"
#include "lib/err.h"
#include "lib/signed_note.h"
#include "lib/strbuf.h"

int
conf_set_witness(const struct conf_setting *s, struct conf_witnesses *list,
    const char *value, struct err *e)
{
	struct note_key key;

	if (note_key_parse(&key, value, strlen(value), NULL) == -1) {
		err_set(e, ERR_INPUT, "\"%s\" is not %s", value,
		    conf_value_shape(s));
		return -1;
	}
	/* A plain signature says nothing of what its maker compared. */
	if (key.type != NOTE_COSIGNATURE) {
		err_set(e, ERR_REFUSED, "%s is no key of a witness, which has "
		    "type 4 (c2sp.org/tlog-cosignature)", key.name);
		return -1;
	}
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, key.name) == 0) {
			err_set(e, ERR_EXISTS, "%s is there twice", key.name);
			return -1;
		}
	if (list->n == CONF_WITNESS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d entries",
		    CONF_WITNESS_MAX);
		return -1;
	}
	list->v[list->n++] = key;
	return 0;
}
