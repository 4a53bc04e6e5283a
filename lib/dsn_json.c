/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dsn_json.c - a report as one line of JSON.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/dsn.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

const char *
dsn_verdict_name(enum dsn_verdict verdict)
{
	switch (verdict) {
	case DSN_VERDICT_NONE: return "none";
	case DSN_VERDICT_HARD: return "hard";
	case DSN_VERDICT_SOFT: return "soft";
	case DSN_VERDICT_DELAYED: return "delayed-notice";
	case DSN_VERDICT_COMPLAINT: return "complaint";
	case DSN_VERDICT_AUTOREPLY: return "autoreply";
	}
	return "-";
}

const char *
dsn_action_name(enum dsn_action action)
{
	switch (action) {
	case DSN_ACTION_NONE: return "-";
	case DSN_FAILED: return "failed";
	case DSN_DELAYED: return "delayed";
	case DSN_DELIVERED: return "delivered";
	case DSN_RELAYED: return "relayed";
	case DSN_EXPANDED: return "expanded";
	}
	return "-";
}

const char *
dsn_kind_name(enum dsn_kind kind)
{
	switch (kind) {
	case DSN_ORDINARY: return "ordinary";
	case DSN_REPORT: return "report";
	case DSN_SHAPE: return "shape";
	case DSN_COMPLAINT: return "complaint";
	case DSN_AUTOREPLY: return "autoreply";
	}
	return "-";
}

/* Text from outside need not be UTF-8, which JSON is. */
static void
set_text(json_t *object, const char *key, const char *s)
{
	struct strbuf clean = STRBUF_INIT(8192);

	utf8_append_repaired(&clean, s, strlen(s));
	json_object_set_new(object, key, json_string(
	    clean.len != 0 ? clean.s : "-"));
	strbuf_free(&clean);
}

/* The four keys that scripts may rely on. */
static void
set_verdict(json_t *object, enum dsn_verdict verdict,
    const struct dsn_recipient *rcpt)
{
	char status[ENHANCED_TEXT_MAX] = "";

	if (rcpt != NULL)
		enhanced_format(&rcpt->status, status);
	set_text(object, "verdict", dsn_verdict_name(verdict));
	set_text(object, "recipient", rcpt != NULL ? rcpt->address : "");
	set_text(object, "status", status);
	set_text(object, "class", rcpt != NULL ?
	    reply_category_name(rcpt->class.category) : "");
}

static json_t *
recipient_json(const struct dsn_recipient *rcpt)
{
	json_t *o = json_object();

	set_verdict(o, rcpt->verdict, rcpt);
	set_text(o, "action", dsn_action_name(rcpt->action));
	set_text(o, "counts", reply_recipient_name(rcpt->class.recipient));
	set_text(o, "said", rcpt->said);
	set_text(o, "remote_mta", rcpt->remote_mta);
	json_object_set_new(o, "code", json_integer(rcpt->code));
	return o;
}

int
dsn_report_to_json(const struct dsn_report *r, struct strbuf *out)
{
	json_t *o = json_object(), *all = json_array();
	enum dsn_verdict verdict;
	unsigned at;
	char *text;

	verdict = dsn_report_verdict(r, &at);
	set_verdict(o, verdict, at < r->recipients ? &r->recipient[at] :
	    NULL);
	set_text(o, "kind", dsn_kind_name(r->kind));
	set_text(o, "message_id", r->message_id);
	set_text(o, "reporting_mta", r->reporting_mta);
	if (r->kind == DSN_COMPLAINT)
		set_text(o, "feedback_type", r->feedback_type);
	for (unsigned i = 0; i < r->recipients; i++)
		json_array_append_new(all, recipient_json(&r->recipient[i]));
	json_object_set_new(o, "recipients", all);
	text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(o);
	if (text == NULL)
		return -1;
	strbuf_adds(out, text);
	free(text);
	return out->overflow ? -1 : 0;
}
