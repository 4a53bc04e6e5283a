/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_json.c - what the verbs' answers are made of, and words that many
 * verbs share.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/date.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "listd/control_call.h"
#include "listd/control_json.h"
#include "listd/role.h"
#include "spool/list.h"
#include "spool/org.h"

#define HEX_MAX	64	/* octets shown as hex */

json_t *
json_time(int64_t utc_ms)
{
	char text[DATE_RFC3339_LEN + 1];

	if (utc_ms == 0)
		return json_null();
	date_rfc3339(utc_ms, text);
	return json_string(text);
}

static void
hex(const uint8_t *p, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
}

json_t *
json_hex(const void *p, size_t len)
{
	char text[2 * HEX_MAX + 1] = "";

	hex(p, len < HEX_MAX ? len : HEX_MAX, text);
	return json_string(text);
}

json_t *
json_lines(const char *text)
{
	json_t *a = json_array();

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0)
			json_array_append_new(a, json_stringn(text, len));
		text += len + (text[len] == '\n');
	}
	return a;
}

/* Ends the call unless rc, of a look-up, is 1. */
static bool
found(struct call *c, int rc, const char *what, const char *name,
    const struct err *e)
{
	if (rc == -1)
		call_error(c, e);
	else if (rc == 0)
		call_fail(c, STATUS_NO, "no %s is called %s", what, name);
	return rc == 1;
}

bool
call_list(struct call *c, struct txn *t, const char *name, struct list *l)
{
	struct err e = ERR_INIT;
	int rc = list_find(t, name, l, &e);

	if (rc == 1 && l->state == LIST_REMOVED)
		rc = 0;
	return found(c, rc, "list", name, &e);
}

bool
call_org(struct call *c, struct txn *t, const char *name, struct org *o)
{
	struct err e = ERR_INIT;

	return found(c, org_find(t, name, o, &e), "organization", name, &e);
}

bool
call_after(struct call *c, enum campaign_after *after_r)
{
	const char *name = call_option(c, "after-data");

	if (name == NULL)
		*after_r = (enum campaign_after)call_conf(c)->after_data;
	else if (!campaign_after_find(name, after_r)) {
		call_fail(c, STATUS_USAGE, "--after-data is resend, "
		    "assume-delivered or hold");
		return false;
	}
	return true;
}

bool
call_find_list(struct call *c, const char *name, struct list *l)
{
	struct txn *t = call_read(c, STORE_S);
	bool ok = t != NULL && call_list(c, t, name, l);

	if (t != NULL)
		txn_end(t);
	return ok;
}

bool
call_find_org(struct call *c, const char *name, struct org *o)
{
	struct txn *t = call_read(c, STORE_S);
	bool ok = t != NULL && call_org(c, t, name, o);

	if (t != NULL)
		txn_end(t);
	return ok;
}

bool
call_identity(struct call *c, const char *arg, struct identity *id)
{
	const char *text = call_arg(c, arg);
	struct err e = ERR_INIT;

	if (identity_parse(store_keys(call_store(c)), text, strlen(text),
	    ADDRESS_UTF8, id, &e) == 0)
		return true;
	call_error(c, &e);
	return false;
}

void
act_address(const uint8_t hash[static ADDRESS_HASH_OCTETS],
    char out[static ACT_ADDRESS_LEN + 1])
{
	memcpy(out, "address ", 8);
	hex(hash, ADDRESS_HASH_OCTETS, out + 8);
}
