/* SPDX-License-Identifier: Apache-2.0 */
/*
 * campaign_params.c - what a campaign's copies are made with.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/keyring.h"
#include "listd/campaign_params.h"
#include "spool/campaign.h"
#include "spool/list.h"

#define TEXT_MAX	2048

/* The concatenation of up to four pieces, NULL at the end. */
static void
put(json_t *o, const char *name, const char *a, const char *b, const char *c,
    const char *d)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%s%s%s%s", a, b, c, d);
	json_object_set_new(o, name, json_string(text));
}

/* child lies at or under parent. */
static bool
is_under(const char *child, const char *parent)
{
	size_t c = strlen(child), p = strlen(parent);

	return c >= p && strcasecmp(child + c - p, parent) == 0 &&
	    (c == p || child[c - p - 1] == '.');
}

/* R9: 5 to 15 characters that stay for the organization's whole life. */
static json_t *
sender_id(uint32_t org)
{
	char text[16];

	snprintf(text, sizeof(text), "listd%05u", org % 1000000000u);
	return json_string(text);
}

/* An owner's own footer, if the list has one of this name. */
static void
put_footer(json_t *o, const json_t *texts, const char *name)
{
	const json_t *s = json_object_get(texts, name);

	if (json_is_string(s))
		json_object_set(o, name, (json_t *)(uintptr_t)s);
}

json_t *
campaign_params_new(const struct conf *conf, const struct list *l,
    const struct keyring *keys)
{
	json_t *o = json_object();
	json_t *texts = json_loads(l->texts, 0, NULL);
	const char *at = strrchr(l->from, '@');

	put(o, "list_id", l->name, ".", conf->hostname, "");
	put(o, "title", l->title, "", "", "");
	put(o, "base_url", conf->url_base, "", "", "");
	put(o, "bounce_domain", conf->bounce_domain, "", "", "");
	put(o, "id_domain", conf->hostname, "", "", "");
	put(o, "help", conf->url_base, "/help/", l->name, "");
	put(o, "owner", "mailto:", l->name, "-owner@", conf->bounce_domain);
	put(o, "subscribe", conf->url_base, "/join/", l->name, "");
	put(o, "feedback_list", l->name, "", "", "");
	json_object_set_new(o, "feedback_sender", sender_id(l->org));
	json_object_set_new(o, "org", json_integer(l->org));
	json_object_set_new(o, "commercial", json_boolean(l->commercial));
	json_object_set_new(o, "postal", json_string(l->postal));
	json_object_set_new(o, "trusted", json_string(l->trusted));
	json_object_set_new(o, "verp_key",
	    json_integer(keyring_current(keys, KEY_VERP)));
	json_object_set_new(o, "url_key",
	    json_integer(keyring_current(keys, KEY_URL)));
	/* RFC 9477 section 3: under From's own domain, or not at all. */
	if (at != NULL && is_under(conf->bounce_domain, at + 1))
		put(o, "cfbl", "abuse@", conf->bounce_domain, "", "");
	put_footer(o, texts, "footer_text");
	put_footer(o, texts, "footer_html");
	json_decref(texts);
	return o;
}

static const char *
get(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL && s[0] != '\0' ? s : NULL;
}

int
campaign_params_read(const json_t *o, struct campaign_params *p,
    struct err *e)
{
	*p = (struct campaign_params){ .t = {
		.list_id = get(o, "list_id"), .list_title = get(o, "title"),
		.base_url = get(o, "base_url"),
		.bounce_domain = get(o, "bounce_domain"),
		.id_domain = get(o, "id_domain"), .help_uri = get(o, "help"),
		.owner_uri = get(o, "owner"),
		.subscribe_uri = get(o, "subscribe"),
		.feedback = { get(o, "feedback_list"), "campaign", "" },
		.feedback_sender = get(o, "feedback_sender"),
		.cfbl_address = get(o, "cfbl"),
		.postal_address = get(o, "postal"),
		.commercial = json_is_true(json_object_get(o, "commercial")),
		.trusted = get(o, "trusted"),
		.reminder = json_is_true(json_object_get(o, "reminder")),
		.footer_text = get(o, "footer_text"),
		.footer_html = get(o, "footer_html"),
	} };
	p->approved = get(o, "approved");
	p->verp_key = (uint8_t)json_integer_value(json_object_get(o,
	    "verp_key"));
	p->url_key = (uint8_t)json_integer_value(json_object_get(o,
	    "url_key"));
	if (p->t.list_id != NULL && p->t.base_url != NULL &&
	    p->t.bounce_domain != NULL && p->verp_key != 0 && p->url_key != 0)
		return 0;
	err_set(e, ERR_DAMAGED, "the campaign's parameters are incomplete");
	return -1;
}
