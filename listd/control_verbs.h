/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_verbs.h - the verbs that run inside the queue role, by file.
 *
 * control_verbs.c joins these tables; a test holds the joined one against
 * listd/verbs.h.  Each table ends with a name of NULL.
 */
#ifndef LISTD_CONTROL_VERBS_H
#define LISTD_CONTROL_VERBS_H

#include "listd/control_call.h"

extern const struct control_verb control_org_verbs[];
extern const struct control_verb control_list_verbs[];
extern const struct control_verb control_subscriber_verbs[];
extern const struct control_verb control_person_verbs[];
extern const struct control_verb control_import_verbs[];
extern const struct control_verb control_imported_verbs[];
extern const struct control_verb control_invite_verbs[];
extern const struct control_verb control_send_verbs[];
extern const struct control_verb control_campaign_verbs[];
extern const struct control_verb control_suppress_verbs[];
extern const struct control_verb control_evidence_verbs[];
extern const struct control_verb control_misc_verbs[];
extern const struct control_verb control_copy_verbs[];

/* Of `stats`: what control_copy.c knows. */
json_t *control_copy_json(struct call *c);

#endif
