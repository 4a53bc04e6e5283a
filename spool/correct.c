/* SPDX-License-Identifier: Apache-2.0 */
/*
 * correct.c - what a list knows of a member is put right.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/utf8.h"
#include "spool/consent.h"
#include "spool/correct.h"
#include "spool/list.h"
#include "spool/store.h"
#include "spool/subscriber.h"

#define NAME_MAX_OCTETS	64

static bool
is_text(struct slice s, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.len <= max && utf8_valid((const char *)s.p, s.len);
}

static int
check(const struct correction *c, struct err *e)
{
	if (c->name.len > 0 && is_text(c->name, NAME_MAX_OCTETS) &&
	    is_text(c->value, CONSENT_TEXT_MAX))
		return 0;
	err_set(e, ERR_INPUT, "a name of up to %d octets and a text of up to "
	    "%d", NAME_MAX_OCTETS, CONSENT_TEXT_MAX);
	return -1;
}

/* The member's attributes as a new object; NULL with e. */
static json_t *
load(struct txn *t, uint64_t subscriber, struct err *e)
{
	struct slice json;
	json_t *o;
	int rc = attributes_get(t, subscriber, &json, e);

	if (rc == -1)
		return NULL;
	if (rc == 0)
		return json_object();
	o = json_loadb((const char *)json.p, json.len, 0, NULL);
	if (json_is_object(o))
		return o;
	json_decref(o);
	err_set(e, ERR_DAMAGED, "attributes of a member are no JSON object");
	return NULL;
}

static int
append_entry(struct txn *t, const struct correction *c,
    const struct member *m, const json_t *old, struct err *e)
{
	enum list_state state;
	struct consent n = { .kind = CONSENT_PREFERENCE,
	    .when_ms = c->now_ms, .list = c->list,
	    .hash = SLICE(c->hash, ADDRESS_HASH_OCTETS),
	    .subscriber = m->subscriber, .follows = m->consent,
	    .attribute = c->name, .after = c->value,
	    .setter = consent_text(c->who), .clock_unsure = c->clock_unsure };
	char *before = old == NULL ? NULL : json_is_string(old) ?
	    strdup(json_string_value(old)) : json_dumps(old, JSON_ENCODE_ANY |
	    JSON_COMPACT);
	int ret;

	n.before = consent_text(before);
	if (c->evidence != NULL)
		consent_evidence(&n, c->evidence);
	ret = list_brief(t, c->list, &n.org, &state, e) == -1 ? -1 :
	    consent_append(t, &n, NULL, e);
	free(before);
	return ret;
}

/* As it will be, or NULL with e: too long.  Empty: no attribute is left. */
static char *
changed(const struct correction *c, json_t *o, const char *name,
    struct err *e)
{
	char *text;

	if (c->value.len > 0)
		json_object_set_new(o, name, json_stringn(
		    (const char *)c->value.p, c->value.len));
	else
		json_object_del(o, name);
	text = json_object_size(o) == 0 ? strdup("") :
	    json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	if (text != NULL && strlen(text) <= SUBSCRIBER_ATTRIBUTES_MAX)
		return text;
	free(text);
	err_set(e, ERR_LIMIT, "attributes over %d octets",
	    SUBSCRIBER_ATTRIBUTES_MAX);
	return NULL;
}

static int
apply(struct txn *t, const struct correction *c, const struct member *m,
    json_t *o, struct err *e)
{
	char name[NAME_MAX_OCTETS + 1], *text;
	json_t *old, *was;
	int ret = 0;

	memcpy(name, c->name.p, c->name.len);
	name[c->name.len] = '\0';
	old = json_incref(json_object_get(o, name));
	was = json_copy(o);
	if (c->must_be && old == NULL) {
		err_set(e, ERR_NOTFOUND, "no such attribute");
		text = NULL;
	} else {
		text = changed(c, o, name, e);
	}
	if (text == NULL)
		ret = -1;
	else if (!json_equal(was, o) &&
	    (append_entry(t, c, m, old, e) == -1 || attributes_put(t,
	    m->subscriber, SLICE(text, strlen(text)), e) == -1))
		ret = -1;
	free(text);
	json_decref(was);
	json_decref(old);
	return ret;
}

int
correct_attribute(struct txn *t, const struct correction *c, struct err *e)
{
	struct member m;
	json_t *o;
	int rc;

	if (check(c, e) == -1)
		return -1;
	if ((rc = subscriber_find(t, c->list, c->hash, &m, e)) == 0)
		err_set(e, ERR_NOTFOUND, "no such member");
	if (rc != 1 || (o = load(t, m.subscriber, e)) == NULL)
		return -1;
	rc = apply(t, c, &m, o, e);
	json_decref(o);
	return rc;
}
