/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_set.c - the settings of a list, by name: one table reads, checks and
 * shows them.
 */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/date.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/jurisdiction.h"
#include "spool/list_private.h"

#define NUMBER_MAX	(1u << 30)

enum setting_type {
	SETTING_BOOL, SETTING_NUMBER, SETTING_TITLE, SETTING_TEXT,
	SETTING_ADDRESS, SETTING_ADDRESS_OR_NONE, SETTING_LANGUAGE,
	SETTING_WORDS, SETTING_JSON, SETTING_TLS, SETTING_JURISDICTION,
};

static const struct setting {
	const char	*name;
	enum setting_type type;
	size_t		 at, size;
} settings[] = {
#define ROW(NAME, TYPE, MEMBER) { NAME, TYPE, offsetof(struct list, MEMBER), \
	sizeof(((struct list *)0)->MEMBER) }
	ROW("title", SETTING_TITLE, title),
	ROW("from", SETTING_ADDRESS, from),
	ROW("from-name", SETTING_TEXT, from_name),
	ROW("reply-to", SETTING_ADDRESS_OR_NONE, reply_to),
	ROW("owner", SETTING_ADDRESS, owner),
	ROW("postal-address", SETTING_TEXT, postal),
	ROW("commercial", SETTING_BOOL, commercial),
	ROW("open", SETTING_BOOL, open),
	ROW("language", SETTING_LANGUAGE, language),
	ROW("texts", SETTING_JSON, texts),
	ROW("trusted-attributes", SETTING_WORDS, trusted),
	ROW("confirm-per-hour", SETTING_NUMBER, confirm_per_hour),
	ROW("max-message", SETTING_NUMBER, max_message),
	ROW("tls", SETTING_TLS, tls),
	ROW("jurisdiction", SETTING_JURISDICTION, jurisdiction),
	ROW("collection", SETTING_TEXT, collection),
	ROW("purpose", SETTING_TEXT, purpose),
	ROW("leaving", SETTING_TEXT, leaving),
	ROW("revocation", SETTING_TEXT, revocation),
};

static const char *const tls_names[] = {
	[LIST_TLS_OPPORTUNISTIC] = "opportunistic",
	[LIST_TLS_REQUIRED] = "required",
	[LIST_TLS_VERIFIED] = "verified",
};

#define NSETTINGS	(sizeof(settings) / sizeof(settings[0]))

const char *
list_setting(size_t i)
{
	return i < NSETTINGS ? settings[i].name : NULL;
}

static const struct setting *
find(const char *name, struct err *e)
{
	for (size_t i = 0; i < NSETTINGS; i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	err_set(e, ERR_INPUT, "there is no setting %.40s; list set with the "
	    "list's name alone prints them", name);
	return NULL;
}

/* ---- checks: each leaves the value's normal form in text */

static int
check_address(const char *value, struct strbuf *text, struct err *e)
{
	struct address a;
	struct err le = ERR_INIT;

	if (address_parse(value, strlen(value), 0, &a, &le) == -1) {
		err_set(e, ERR_INPUT, "no mail address: %s", le.text);
		return -1;
	}
	address_format(text, &a);
	return 0;
}

/* RFC 5646 as far as letters, digits and hyphens go. */
static int
check_language(const char *value, struct err *e)
{
	size_t first = strspn(value, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	size_t all = strspn(value, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	if (first >= 2 && first <= 8 && value[all] == '\0' &&
	    value[all - 1] != '-')
		return 0;
	err_set(e, ERR_INPUT, "no language tag (RFC 5646)");
	return -1;
}

/* Names of attributes with a blank between. */
static int
check_words(const char *value, struct err *e)
{
	if (strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_- ") == strlen(value))
		return 0;
	err_set(e, ERR_INPUT, "names are letters, digits, '_' and '-', with a "
	    "blank between");
	return -1;
}

static int
check_json(const char *value, struct err *e)
{
	json_t *j;
	json_error_t je;

	if (value[0] == '\0')
		return 0;
	j = json_loads(value, JSON_REJECT_DUPLICATES, &je);
	if (json_is_object(j)) {
		json_decref(j);
		return 0;
	}
	json_decref(j);
	err_set(e, ERR_INPUT, "no JSON object");
	return -1;
}

static int
check_text(const struct setting *s, const char *value, struct strbuf *text,
    struct err *e)
{
	int rc = 0;

	switch (s->type) {
	case SETTING_TITLE:
		rc = list_title_check(value, e);
		break;
	case SETTING_ADDRESS:
		return check_address(value, text, e);
	case SETTING_ADDRESS_OR_NONE:
		if (value[0] != '\0')
			return check_address(value, text, e);
		break;
	case SETTING_LANGUAGE:
		rc = check_language(value, e);
		break;
	case SETTING_WORDS:
		rc = check_words(value, e);
		break;
	case SETTING_JSON:
		rc = check_json(value, e);
		break;
	case SETTING_JURISDICTION:
		rc = jurisdiction_check(value, e);
		break;
	default:
		rc = list_text_check(value, s->name, e);
		break;
	}
	strbuf_adds(text, value);
	return rc;
}

static int
set_text(char *field, const struct setting *s, const char *value,
    struct err *e)
{
	struct strbuf text = STRBUF_INIT(s->size - 1);
	int ret = check_text(s, value, &text, e);

	if (ret == 0 && text.overflow) {
		err_set(e, ERR_INPUT, "longer than %zu octets", s->size - 1);
		ret = -1;
	}
	if (ret == 0)
		memcpy(field, text.s, text.len + 1);
	strbuf_free(&text);
	return ret;
}

static int
set_bool(bool *field, const char *value, struct err *e)
{
	if (strcmp(value, "yes") == 0 || strcmp(value, "true") == 0)
		*field = true;
	else if (strcmp(value, "no") == 0 || strcmp(value, "false") == 0)
		*field = false;
	else {
		err_set(e, ERR_INPUT, "yes or no");
		return -1;
	}
	return 0;
}

static int
set_number(uint32_t *field, const char *value, struct err *e)
{
	uint64_t v = 0;
	size_t n = strspn(value, "0123456789");

	for (size_t i = 0; i < n && v <= NUMBER_MAX; i++)
		v = v * 10 + (uint64_t)(value[i] - '0');
	if (n == 0 || value[n] != '\0' || v > NUMBER_MAX) {
		err_set(e, ERR_INPUT, "no number from 0 to %u", NUMBER_MAX);
		return -1;
	}
	*field = (uint32_t)v;
	return 0;
}

static int
set_tls(uint32_t *field, const char *value, struct err *e)
{
	for (uint32_t i = 0; i <= LIST_TLS_VERIFIED; i++)
		if (strcmp(value, tls_names[i]) == 0) {
			*field = i;
			return 0;
		}
	err_set(e, ERR_INPUT, "opportunistic, required or verified");
	return -1;
}

int
list_change(struct list *l, const char *setting, const char *value,
    struct err *e)
{
	const struct setting *s = find(setting, e);
	struct err le = ERR_INIT;
	char *field;
	int rc;

	if (s == NULL)
		return -1;
	field = (char *)l + s->at;
	if (s->type == SETTING_BOOL)
		rc = set_bool((bool *)field, value, &le);
	else if (s->type == SETTING_NUMBER)
		rc = set_number((uint32_t *)field, value, &le);
	else if (s->type == SETTING_TLS)
		rc = set_tls((uint32_t *)field, value, &le);
	else
		rc = set_text(field, s, value, &le);
	if (rc == -1)
		err_set(e, le.code, "%s: %s", setting, le.text);
	return rc;
}

int
list_value(const struct list *l, const char *setting, struct strbuf *out,
    struct err *e)
{
	const struct setting *s = find(setting, e);
	const char *field;

	if (s == NULL)
		return -1;
	field = (const char *)l + s->at;
	if (s->type == SETTING_BOOL)
		strbuf_adds(out, *(const bool *)field ? "yes" : "no");
	else if (s->type == SETTING_NUMBER)
		strbuf_addf(out, "%u", *(const uint32_t *)field);
	else if (s->type == SETTING_TLS)
		strbuf_adds(out, tls_names[*(const uint32_t *)field]);
	else
		strbuf_adds(out, field);
	return 0;
}

/*
 * Consent is bound to its purpose, and does not pass to another (S36): who is
 * a member consented to the old one.  Entries up to now speak of that.
 */
static int
change_purpose(struct txn *t, struct list *l, struct err *e)
{
	struct list_counters n;

	if (list_counters(t, l->id, &n, e) == -1)
		return -1;
	if (n.all == 0)
		return consent_last(t, &l->purpose_since, e);
	err_set(e, ERR_REFUSED, "the list has members, who consented to its "
	    "purpose: another purpose is another list");
	return -1;
}

int
list_set(struct txn *t, uint32_t id, const char *setting, const char *value,
    const char *who, int64_t now_ms, struct err *e)
{
	struct strbuf old = STRBUF_INIT(LIST_TEXTS_MAX + 1);
	struct strbuf new = STRBUF_INIT(LIST_TEXTS_MAX + 1);
	char verb[64], object[LIST_NAME_MAX + 6];
	struct list l;
	int ret = -1;

	if (list_must(t, id, &l, e) == -1 ||
	    list_value(&l, setting, &old, e) == -1 ||
	    list_change(&l, setting, value, e) == -1)
		goto out;
	list_value(&l, setting, &new, NULL);
	if (strcmp(setting, "owner") == 0 && strcmp(old.s, new.s) != 0)
		l.owner_ms = 0;
	if (strcmp(setting, "purpose") == 0 && strcmp(old.s, new.s) != 0 &&
	    change_purpose(t, &l, e) == -1)
		goto out;
	snprintf(verb, sizeof(verb), "list set %s", setting);
	snprintf(object, sizeof(object), "list %s", l.name);
	if (list_put(t, &l, e) == -1 ||
	    act_note(t, who, now_ms, verb, object, old.s, new.s, e) == -1)
		goto out;
	ret = 0;
out:
	strbuf_free(&old);
	strbuf_free(&new);
	return ret;
}

static json_t *
setting_json(const struct list *l, const struct setting *s)
{
	const char *field = (const char *)l + s->at;

	switch (s->type) {
	case SETTING_BOOL:
		return json_boolean(*(const bool *)field);
	case SETTING_NUMBER:
		return json_integer(*(const uint32_t *)field);
	case SETTING_TLS:
		return json_string(tls_names[*(const uint32_t *)field]);
	case SETTING_JSON:
		return field[0] == '\0' ? json_object() :
		    json_loads(field, 0, NULL);
	default:
		return json_string(field);
	}
}

json_t *
list_json(const struct list *l)
{
	char created[DATE_RFC3339_LEN + 1];
	json_t *j;
	int bad;

	date_rfc3339(l->created_ms, created);
	j = json_pack("{s:i, s:s, s:s, s:s, s:b}", "id", (int)l->id,
	    "name", l->name, "state", list_state_name(l->state), "created",
	    created, "owner_confirmed", l->owner_ms != 0);
	bad = j == NULL;
	for (size_t i = 0; i < NSETTINGS && !bad; i++)
		bad = json_object_set_new(j, settings[i].name,
		    setting_json(l, &settings[i]));
	if (bad) {
		json_decref(j);
		return NULL;
	}
	return j;
}
