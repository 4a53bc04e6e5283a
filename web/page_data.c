/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page_data.c - what is held of an address: asked for, shown, put right, ended.
 *
 *	/data		who asks is told the same, whatever is held (T7, R185);
 *			a mail goes to the address with the link
 *	/data/TOKEN	a page with one button (T1); its post uses the token up
 *			and shows everything, with a form for each thing that
 *			can be done.  Those forms carry a form token that is
 *			bound to the link's and ends with it
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "lib/address.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/formdata.h"
#include "lib/token.h"
#include "web/form_token.h"
#include "web/html.h"
#include "web/page.h"
#include "web/view.h"

#define DEPTH_MAX	6	/* of what is shown of a record */
#define OF_NO_LIST	0	/* in form tokens: no list has this number */

_Static_assert(TOKEN_HASH_OCTETS == FORM_TOKEN_HASH, "one hash for both");

static int64_t
now(const struct exchange *x)
{
	return clock_utc_ms(x->env->clock);
}

/* ---- asking for the link */

static bool
ask_hash(uint8_t hash[static FORM_TOKEN_HASH])
{
	static const char shown[] = TEXT_VERSION " data";

	return EVP_Digest(shown, sizeof(shown), hash, NULL, EVP_sha256(),
	    NULL) == 1;
}

static void
ask_page(struct exchange *x, enum text note, const char *address)
{
	struct strbuf *out = answer_html(&x->answer, 200);
	char token[FORM_TOKEN_LEN + 1] = "";
	uint8_t hash[FORM_TOKEN_HASH];

	if (ask_hash(hash))
		form_token_make(x->env->keys, OF_NO_LIST, hash, now(x),
		    token);
	html_begin(out, TEXT_DATA_TITLE, NULL);
	if (note != TEXT_NONE)
		html_note(out, note);
	html_paragraph(out, TEXT_DATA_ASK, NULL);
	html_form_begin(out);
	html_hidden(out, "form", token);
	html_address_field(out, TEXT_JOIN_ADDRESS, address);
	html_button(out, TEXT_DATA_ASK_BUTTON, "");
	html_form_end(out);
	html_end(out, x->site);
}

void
page_data_get(struct exchange *x)
{
	ask_page(x, TEXT_NONE, "");
}

static bool
is_address(const char *text)
{
	struct address a;

	return address_parse(text, strlen(text), ADDRESS_UTF8, &a, NULL) == 0;
}

enum exchange_step
page_data_post(struct exchange *x)
{
	char token[FORM_TOKEN_LEN + 1];
	uint8_t hash[FORM_TOKEN_HASH];
	struct formdata f;
	struct ipc_data d = { .act = IPC_DATA_ASK };

	formdata_init(&f);
	formdata_parse(&f, exchange_type(x), x->body.s, x->body.len, NULL);
	formdata_text(&f, "address", d.address, sizeof(d.address));
	formdata_text(&f, "form", token, sizeof(token));
	formdata_free(&f);
	if (!is_address(d.address)) {
		ask_page(x, TEXT_JOIN_MALFORMED, "");
		return EXCHANGE_ANSWERED;
	}
	if (!ask_hash(hash) || form_token_check(x->env->keys, token,
	    OF_NO_LIST, hash, now(x)) != FORM_TOKEN_GOOD) {
		ask_page(x, TEXT_JOIN_AGAIN, d.address);
		return EXCHANGE_ANSWERED;
	}
	d.request = exchange_ask(x, IPC_DATA, false);
	exchange_evidence(x, "form", &d.evidence);
	ipc_put_data(&x->ask.frame, &d);
	return exchange_asked(x);
}

void
page_data_reply(struct exchange *x, enum ipc_result result)
{
	if (result == IPC_OK)
		answer_plain(x, 200, TEXT_DATA_ASKED_TITLE, TEXT_DATA_ASKED);
	else
		answer_try_again(x);
}

/* ---- the link */

/* Has the argument the shape of a token? */
static bool
token_hash_of(const struct exchange *x, uint8_t hash[static FORM_TOKEN_HASH])
{
	return token_hash(x->route.argument, strlen(x->route.argument), hash);
}

static void
unknown(struct exchange *x)
{
	answer_plain(x, 404, TEXT_UNKNOWN_TITLE, TEXT_UNKNOWN);
}

static void
used_up(struct exchange *x)
{
	answer_plain(x, 410, TEXT_DATA_USED_TITLE, TEXT_DATA_USED);
}

static void
open_form(struct exchange *x)
{
	struct strbuf *out = answer_html(&x->answer, 200);

	html_begin(out, TEXT_DATA_TITLE, NULL);
	html_paragraph(out, TEXT_DATA_OPEN, NULL);
	html_form_begin(out);
	html_button(out, TEXT_DATA_OPEN_BUTTON, "");
	html_form_end(out);
	strbuf_adds(out, "<div class=\"soft apart\">");
	html_paragraph(out, TEXT_CONFIRM_NOT_YOU, NULL);
	strbuf_adds(out, "</div>\n");
	html_end(out, x->site);
}

void
page_mine_get(struct exchange *x)
{
	uint8_t hash[FORM_TOKEN_HASH];
	struct view_request r;
	int rc = token_hash_of(x, hash) ? x->env->view->request(
	    x->env->view_arg, x->route.argument, now(x), &r, NULL) : 0;

	if (rc == 0 || (rc == 1 && r.purpose != TOKEN_CONFIRM_EXPORT))
		unknown(x);
	else if (rc == -1 || r.state == VIEW_PENDING)
		open_form(x);	/* the post tells what cannot be told now */
	else
		used_up(x);
}

/* ---- everything */

static void show(struct strbuf *out, const json_t *j, unsigned depth);

static void
show_string(struct strbuf *out, const char *p, size_t len)
{
	const char *eol;

	strbuf_adds(out, "<bdi>");
	while (len > 0 && (eol = memchr(p, '\n', len)) != NULL) {
		html_escape(out, p, (size_t)(eol - p));
		strbuf_adds(out, "<br>\n");
		len -= (size_t)(eol + 1 - p);
		p = eol + 1;
	}
	html_escape(out, p, len);
	strbuf_adds(out, "</bdi>");
}

static void
show_object(struct strbuf *out, const json_t *j, unsigned depth)
{
	const char *name;
	json_t *v;

	strbuf_adds(out, "<dl>\n");
	json_object_foreach((json_t *)j, name, v) {
		strbuf_adds(out, "<dt>");
		html_escape(out, name, strlen(name));
		strbuf_adds(out, "</dt><dd>");
		show(out, v, depth + 1);
		strbuf_adds(out, "</dd>\n");
	}
	strbuf_adds(out, "</dl>\n");
}

/* Any value, to be read by a person. */
static void
show(struct strbuf *out, const json_t *j, unsigned depth)
{
	if (json_is_string(j)) {
		show_string(out, json_string_value(j),
		    json_string_length(j));
	} else if (json_is_object(j) && depth < DEPTH_MAX) {
		show_object(out, j, depth);
	} else if (json_is_array(j) && depth < DEPTH_MAX) {
		for (size_t i = 0; i < json_array_size(j); i++) {
			show(out, json_array_get(j, i), depth + 1);
			strbuf_addc(out, '\n');
		}
	} else {
		char *text = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT);

		if (text != NULL)
			html_escape(out, text, strlen(text));
		free(text);
	}
}

/* What each form of the page has in common. */
static void
act_begin(struct strbuf *out, const char *page, const char *act)
{
	html_form_begin(out);
	html_hidden(out, "page", page);
	html_hidden(out, "act", act);
}

static void
hidden_list(struct strbuf *out, const json_t *m)
{
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(
	    json_object_get(m, "list_id")));
	html_hidden(out, "list", id);
}

static void
attribute_forms(struct strbuf *out, const json_t *m, const char *page)
{
	json_t *v, *attributes = json_object_get(m, "attributes");
	const char *name;

	json_object_foreach(attributes, name, v) {
		char *text = json_is_string(v) ? NULL :
		    json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

		act_begin(out, page, "correct");
		hidden_list(out, m);
		html_hidden(out, "name", name);
		html_field(out, name, "value", text != NULL ? text :
		    json_string_value(v));
		html_button(out, TEXT_DATA_CORRECT_BUTTON,
		    " class=\"second\"");
		html_form_end(out);
		free(text);
	}
}

static void
memberships(struct strbuf *out, const json_t *all, const char *page)
{
	html_heading(out, TEXT_DATA_LISTS_HEAD);
	if (json_array_size(all) == 0)
		html_paragraph(out, TEXT_DATA_NONE, NULL);
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *m = json_array_get(all, i);

		strbuf_adds(out, "<section>\n");
		show(out, m, 0);
		attribute_forms(out, m, page);
		act_begin(out, page, "leave");
		hidden_list(out, m);
		html_button(out, TEXT_LEAVE_BUTTON, " class=\"second\"");
		html_form_end(out);
		strbuf_adds(out, "</section>\n");
	}
}

static void
records(struct strbuf *out, enum text head, const json_t *all)
{
	html_heading(out, head);
	if (json_array_size(all) == 0)
		html_paragraph(out, TEXT_DATA_NONE, NULL);
	for (size_t i = 0; i < json_array_size(all); i++) {
		strbuf_adds(out, "<section>\n");
		show(out, json_array_get(all, i), 0);
		strbuf_adds(out, "</section>\n");
	}
}

static void
act_forms(struct strbuf *out, const json_t *j, const char *page)
{
	html_heading(out, TEXT_DATA_TAKE_HEAD);
	act_begin(out, page, "download");
	html_button(out, TEXT_DATA_DOWNLOAD_BUTTON, "");
	html_form_end(out);
	if (json_array_size(json_object_get(j, "memberships")) > 0) {
		html_heading(out, TEXT_DATA_CHANGE_HEAD);
		html_paragraph(out, TEXT_DATA_CHANGE, NULL);
		act_begin(out, page, "change");
		html_address_field(out, TEXT_DATA_CHANGE_ADDRESS, "");
		html_button(out, TEXT_DATA_CHANGE_BUTTON,
		    " class=\"second\"");
		html_form_end(out);
	}
	html_heading(out, TEXT_DATA_ERASE_HEAD);
	html_paragraph(out, TEXT_DATA_ERASE, NULL);
	act_begin(out, page, "erase");
	html_button(out, TEXT_DATA_ERASE_BUTTON, " class=\"second\"");
	html_form_end(out);
}

/* False with the answer made. */
static bool
load(struct exchange *x, json_t **json_r)
{
	int rc = x->env->view->person(x->env->view_arg, x->route.argument,
	    now(x), json_r, NULL);

	if (rc == 1)
		return true;
	if (rc == 0)
		used_up(x);
	else
		answer_try_again(x);
	return false;
}

static void
everything(struct exchange *x, enum text note)
{
	uint8_t hash[FORM_TOKEN_HASH];
	char page[FORM_TOKEN_LEN + 1];
	struct strbuf *out;
	json_t *j;

	if (!token_hash_of(x, hash) || !load(x, &j))
		return;
	form_token_make(x->env->keys, OF_NO_LIST, hash, now(x), page);
	out = answer_html(&x->answer, 200);
	html_begin(out, TEXT_DATA_TITLE, NULL);
	if (note != TEXT_NONE)
		html_note(out, note);
	html_paragraph(out, TEXT_DATA_OF, json_string_value(
	    json_object_get(j, "address")));
	html_paragraph(out, TEXT_DATA_MADE, json_string_value(
	    json_object_get(j, "made")));
	memberships(out, json_object_get(j, "memberships"), page);
	act_forms(out, j, page);
	records(out, TEXT_DATA_BLOCKS_HEAD, json_object_get(j,
	    "suppressions"));
	records(out, TEXT_DATA_REQUESTS_HEAD, json_object_get(j,
	    "requests"));
	records(out, TEXT_DATA_ENTRIES_HEAD, json_object_get(j, "entries"));
	if (json_is_true(json_object_get(j, "more_entries")))
		html_paragraph(out, TEXT_DATA_MORE, NULL);
	html_end(out, x->site);
	json_decref(j);
}

static void
download(struct exchange *x)
{
	struct strbuf *out;
	char *text;
	json_t *j;

	if (!load(x, &j))
		return;
	text = json_dumps(j, JSON_INDENT(1));
	json_decref(j);
	if (text == NULL) {
		answer_try_again(x);
		return;
	}
	out = answer_text(&x->answer, 200);
	x->answer.type = ANSWER_JSON;
	strbuf_adds(out, text);
	free(text);
}

/* ---- its posts */

static const struct {
	const char	*name;
	enum ipc_data_act act;
} acts[] = {
	{ "leave", IPC_DATA_LEAVE }, { "correct", IPC_DATA_CORRECT },
	{ "change", IPC_DATA_CHANGE }, { "erase", IPC_DATA_ERASE },
};

/* The number of a list; 0 for what is none. */
static uint32_t
read_list(const char *text)
{
	uint64_t v = 0;

	for (; *text >= '0' && *text <= '9' && v <= UINT32_MAX; text++)
		v = v * 10 + (uint64_t)(*text - '0');
	return *text == '\0' && v <= UINT32_MAX ? (uint32_t)v : 0;
}

/*
 * The request is kept without its body: what it says becomes an entry, and it
 * holds the page's token and may hold another's address.
 */
static enum exchange_step
ask_queue(struct exchange *x, struct ipc_data *d)
{
	size_t head = x->raw.len;

	x->data_act = d->act;
	memcpy(d->token, x->route.argument, TOKEN_CONFIRM_LEN);
	d->request = exchange_ask(x, IPC_DATA, false);
	exchange_evidence(x, "page", &d->evidence);
	d->evidence.raw.len = head;
	ipc_put_data(&x->ask.frame, d);
	return exchange_asked(x);
}

/* Was the post sent by the page that showed everything? */
static bool
is_of_page(const struct exchange *x, const struct formdata *f)
{
	char page[FORM_TOKEN_LEN + 1];
	uint8_t hash[FORM_TOKEN_HASH];
	enum form_token t;

	if (!formdata_text(f, "page", page, sizeof(page)) ||
	    !token_hash_of(x, hash))
		return false;
	t = form_token_check(x->env->keys, page, OF_NO_LIST, hash, now(x));
	return t == FORM_TOKEN_GOOD || t == FORM_TOKEN_YOUNG;
}

static enum exchange_step
act_on(struct exchange *x, const struct formdata *f, const char *act)
{
	struct ipc_data d = { .act = IPC_DATA_OPEN };
	char list[16] = "";

	if (!is_of_page(x, f)) {
		used_up(x);
		return EXCHANGE_ANSWERED;
	}
	if (strcmp(act, "download") == 0) {
		download(x);
		return EXCHANGE_ANSWERED;
	}
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(act, acts[i].name) == 0)
			d.act = acts[i].act;
	if (d.act == IPC_DATA_OPEN) {
		answer_plain(x, 400, TEXT_400_TITLE, TEXT_400);
		return EXCHANGE_ANSWERED;
	}
	formdata_text(f, "list", list, sizeof(list));
	d.list = read_list(list);
	formdata_text(f, "address", d.address, sizeof(d.address));
	formdata_get(f, "name", &d.name);
	formdata_get(f, "value", &d.value);
	if (d.act == IPC_DATA_CHANGE && !is_address(d.address)) {
		everything(x, TEXT_JOIN_MALFORMED);
		return EXCHANGE_ANSWERED;
	}
	return ask_queue(x, &d);
}

enum exchange_step
page_mine_post(struct exchange *x)
{
	struct ipc_data d = { .act = IPC_DATA_OPEN };
	enum exchange_step step;
	uint8_t hash[FORM_TOKEN_HASH];
	struct formdata f;
	char act[16];

	if (!token_hash_of(x, hash)) {
		unknown(x);
		return EXCHANGE_ANSWERED;
	}
	formdata_init(&f);
	formdata_parse(&f, exchange_type(x), x->body.s, x->body.len, NULL);
	if (formdata_text(&f, "act", act, sizeof(act)))
		step = act_on(x, &f, act);
	else
		step = ask_queue(x, &d);
	formdata_free(&f);
	return step;
}

static void
done(struct exchange *x, const char *text)
{
	switch (x->data_act) {
	case IPC_DATA_ERASE:
		answer_plain(x, 200, TEXT_DATA_ERASED_TITLE,
		    strcmp(text, IPC_TEXT_KEPT) == 0 ?
		    TEXT_DATA_ERASED_KEPT : TEXT_DATA_ERASED);
		break;
	case IPC_DATA_CHANGE:
		everything(x, TEXT_DATA_CHANGE_ASKED);
		break;
	case IPC_DATA_OPEN:
		everything(x, TEXT_NONE);
		break;
	default:
		everything(x, TEXT_DATA_DONE);
		break;
	}
}

void
page_mine_reply(struct exchange *x, enum ipc_result result, const char *text)
{
	if (result == IPC_OK)
		done(x, text);
	else if (result == IPC_UNKNOWN)
		unknown(x);
	else if (text[0] != '\0')
		used_up(x);
	else if (x->data_act == IPC_DATA_CORRECT)
		everything(x, TEXT_DATA_NOT_DONE);
	else
		answer_try_again(x);
}
