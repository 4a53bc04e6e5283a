/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_verbs.c - which function does a verb that the daemon is asked for.
 */
#include "config.h"

#include <string.h>

#include "listd/control_private.h"
#include "listd/control_verbs.h"

static const struct control_verb *const tables[] = {
	control_org_verbs, control_list_verbs, control_subscriber_verbs,
	control_person_verbs, control_import_verbs, control_imported_verbs,
	control_invite_verbs,
	control_send_verbs, control_campaign_verbs, control_suppress_verbs,
	control_misc_verbs, control_copy_verbs, control_evidence_verbs,
};

const struct control_verb *
control_verb_at(size_t i)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct control_verb *v = tables[t];
		    v->name != NULL; v++)
			if (i-- == 0)
				return v;
	return NULL;
}

const struct control_verb *
control_verb_find(const char *name)
{
	const struct control_verb *v;

	for (size_t i = 0; (v = control_verb_at(i)) != NULL; i++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}
