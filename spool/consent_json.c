/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_json.c - entries as people and programs are shown them.
 */
#include "config.h"

#include "lib/entry_word.h"
#include "spool/consent_private.h"
#include "spool/optin.h"
#include "spool/provenance.h"
#include "spool/suppression.h"

static json_t *
json_number(const struct consent *c, const struct consent_field *f)
{
	static const char *const networks[] = { "unknown", "same", "other" };
	static const char *const grades[] = { "none", "suspect", "pressed",
	    "replied" };
	uint64_t v = consent_get_number(c, f);

	switch (f->type) {
	case FIELD_KIND:
		return json_string(consent_kind_name((enum consent_kind)v));
	case FIELD_NETWORK: return json_string(networks[v]);
	case FIELD_GRADE: return json_string(grades[c->grade]);
	case FIELD_REASON:
		return json_string(suppression_reason_name(
		    (enum suppression_reason)v));
	case FIELD_SCOPE:
		return json_string(suppression_scope_name(
		    (enum suppression_scope)v));
	case FIELD_ORIGIN:
		return json_string(origin_name((enum origin)v));
	case FIELD_GROUND:
		return json_string(ground_name((enum ground)v));
	case FIELD_EVIDENCE:
		return json_string(evidence_name((enum evidence)v));
	case FIELD_RESULT:
		return json_string(optin_result_name((enum optin_result)v));
	case FIELD_BOOL: return json_true();
	case FIELD_TIME: return entry_word_time(v);
	default: return json_integer((json_int_t)v);
	}
}

static json_t *
json_field(const struct consent *c, const struct consent_field *f)
{
	struct slice s;

	if (consent_is_number(f->type))
		return json_number(c, f);
	s = consent_get_string(c, f);
	switch (f->type) {
	case FIELD_TEXT: return json_stringn((const char *)s.p, s.len);
	case FIELD_RAW: return entry_word_octets(s);
	case FIELD_INDEXES: return entry_word_indexes(s);
	case FIELD_IP: return entry_word_ip(s);
	default: return entry_word_hex(s);
	}
}

json_t *
consent_json(uint64_t index, const struct consent *c)
{
	const struct consent_field *f;
	json_t *j = json_object();
	int bad = 0;

	bad |= json_object_set_new(j, "index", json_integer((json_int_t)index));
	for (size_t i = 0; (f = consent_field(i)) != NULL; i++)
		if (consent_has(c, f))
			bad |= json_object_set_new(j, f->name,
			    json_field(c, f));
	if (bad != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}
