/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_report.c - the report of a file of evidence, for people: who, when,
 * from where, what was shown, what was mailed and answered, in order (R184,
 * R190); the four questions (S68); what stands now; how to check it.
 *
 * It is made from evidence.json, so that it says nothing which that does not.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listd/bundle_private.h"

#define LISTS_MAX	100	/* that the questions are answered of */

static const char *
str(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

static json_int_t
num(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static struct slice
string(const json_t *j)
{
	return SLICE(json_string_value(j), json_string_length(j));
}

/* 2026-11-23T12:00:00.123Z -> 2026-11-23 12:00:00.123 UTC (+00:00) */
static void
put_time(struct report *r, const char *label, const char *rfc3339)
{
	char text[64];

	if (strlen(rfc3339) < 24) {
		report_text(r, label, rfc3339);
		return;
	}
	snprintf(text, sizeof(text), "%.10s %.12s UTC (+00:00)", rfc3339,
	    rfc3339 + 11);
	report_text(r, label, text);
}

/* ---- what an entry says */

static const struct {
	const char *kind, *words;
} kinds[] = {
	{ "request", "asked to join; a confirmation was to be mailed" },
	{ "request-refused", "a request was refused" },
	{ "request-throttled", "a request was one too many" },
	{ "requests-counted", "requests past the limit, counted" },
	{ "confirmation-sent", "the mail that asks to confirm was taken by "
	    "the address's server" },
	{ "confirmation-failed", "the mail that asks to confirm was not "
	    "taken" },
	{ "confirmed", "confirmed, with the secret that was in that mail "
	    "alone" },
	{ "confirm-refused", "an automatic reply, which confirms nothing" },
	{ "import", "an import began" },
	{ "imported", "imported; the operator vouches for evidence" },
	{ "preference", "a preference was changed" },
	{ "unsubscribed", "left" },
	{ "bounced", "suspended: the mailbox does not exist" },
	{ "complained", "complained of a mail" },
	{ "suppressed", "mail was blocked" },
	{ "lifted", "a block was lifted" },
	{ "erased", "entries were erased" },
	{ "exported", "evidence was exported" },
	{ "address-changed", "the address was changed" },
	{ "owner-confirmed", "confirmed to own the list" },
	{ "act", "an operator's act" },
	{ "suspended", "suspended by the host" },
	{ "resumed", "resumed by the host" },
	{ "removed", "taken off the list" },
	{ "told-already-member", "was told by mail to be a member already" },
	{ "hashed", "an old request that nobody confirmed: its hashes" },
	{ "invited", "imported, and asked by mail whether to join, once" },
	{ "address-change-asked", "a change of the address was asked for" },
	{ "pruned", "entries went that had been kept long enough" },
	{ "restored", "the ledger goes on from a backup" },
	{ "access-asked", "asked for what is held of the address" },
	{ "disclosed", "what is held was handed to a third party" },
	{ "mail-answered", "the mail that asks to confirm was answered or "
	    "came back" },
	{ "import-undone", "an import was undone" },
};

static const char *
kind_words(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].words;
	return kind;
}

/* Fields with labels, in the order they are told; others follow by name. */
static const struct {
	const char *name, *label;	/* NULL: told elsewhere, or not */
} fields[] = {
	{ "index", NULL }, { "kind", NULL }, { "time", NULL },
	{ "commitment", NULL }, { "version", NULL },
	{ "shown", NULL }, { "request", NULL }, { "mail", NULL },
	{ "list", NULL }, { "organization", NULL }, { "address_hash", NULL },
	{ "port", NULL }, { "proxy_port", NULL },
	{ "address", "address" }, { "list_name", "list" },
	{ "list_title", "its title" }, { "organization_name",
	    "organization" }, { "channel", "by" },
	{ "ip", "from IP and port" }, { "proxy_ip", "through the proxy" },
	{ "agent", "program" }, { "result", "result" },
	{ "message_id", "Message-ID" }, { "remote_host", "server" },
	{ "code", "its code" }, { "enhanced", "its status" },
	{ "remote_reply", "its reply" },
	{ "token_ms", "ms after the mail" }, { "network", "network, as the "
	    "request" }, { "grade", "how human" },
	{ "source", "source" }, { "basis", "basis" },
	{ "claimed", "date claimed" }, { "setter", "who" },
	{ "reason", "reason" }, { "scope", "scope" }, { "note", "note" },
	{ "follows", "follows entry" }, { "import", "import" },
	{ "subscriber", "subscriber" }, { "campaign", "campaign" },
	{ "count", "how many" }, { "request_id", "request id" },
	{ "mail_hash", "SHA-256 of the mail" },
	{ "request_hash", "SHA-256 of the request" },
	{ "clock_unsure", "clock not synchronised" },
};
#define FIELDS	(sizeof(fields) / sizeof(fields[0]))

static void
put_value(struct report *r, const char *label, const json_t *v)
{
	char number[32];
	char *text;

	if (json_is_string(v)) {
		report_value(r, label, string(v));
	} else if (json_is_integer(v)) {
		snprintf(number, sizeof(number), "%lld",
		    (long long)json_integer_value(v));
		report_text(r, label, number);
	} else if (json_is_true(v)) {
		report_text(r, label, "yes");
	} else if ((text = json_dumps(v, JSON_COMPACT |
	    JSON_ENCODE_ANY)) != NULL) {
		report_text(r, label, text);
		free(text);
	}
}

static void
put_ip(struct report *r, const json_t *o, const char *label, const char *ip,
    const char *port)
{
	char text[80];

	snprintf(text, sizeof(text), "%s port %lld", str(o, ip),
	    (long long)num(o, port));
	report_text(r, label, text);
}

static void
put_fields(struct report *r, json_t *o)
{
	const char *name;
	json_t *v;

	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].label == NULL ||
		    (v = json_object_get(o, fields[i].name)) == NULL)
			continue;
		if (strcmp(fields[i].name, "ip") == 0)
			put_ip(r, o, fields[i].label, "ip", "port");
		else if (strcmp(fields[i].name, "proxy_ip") == 0)
			put_ip(r, o, fields[i].label, "proxy_ip",
			    "proxy_port");
		else
			put_value(r, fields[i].label, v);
	}
	json_object_foreach(o, name, v) {
		size_t i = 0;

		while (i < FIELDS && strcmp(fields[i].name, name) != 0)
			i++;
		if (i == FIELDS)
			put_value(r, name, v);
	}
}

/* Octets that JSON could not hold are told as they lie there, in base64. */
static struct slice
raw(const json_t *v)
{
	return string(json_is_object(v) ? json_object_get(v, "base64") : v);
}

static void
put_shown(const struct bundle *b, struct report *r, const json_t *o)
{
	const char *hash = str(o, "shown");
	const struct bundle_shown *s = bundle_shown_find(b, hash);

	if (s == NULL)
		return;
	report_text(r, "shown, by its SHA-256", hash);
	if (s->missing)
		report_text(r, "", "the text itself is lost");
	else
		report_block(r, "This was shown:", SLICE(s->text.s,
		    s->text.len));
}

static void
put_entry(const struct bundle *b, struct report *r,
    const struct bundle_row *row, json_t *o)
{
	const json_t *request = json_object_get(o, "request");
	char head[160];

	snprintf(head, sizeof(head), "No. %llu: %.120s",
	    (unsigned long long)row->index, kind_words(str(o, "kind")));
	report_entry(r, head);
	put_time(r, "when", str(o, "time"));
	put_fields(r, o);
	put_shown(b, r, o);
	if (request != NULL)
		report_block(r, json_object_get(o, "request_hash") != NULL ?
		    "What is kept of the request, secrets as '*':" :
		    json_is_object(request) ? "The request, in base64:" :
		    "The request as it was received:", raw(request));
	if (row->mail.len > 0)
		report_block(r, "The mail as it was sent:",
		    SLICE(row->mail.s, row->mail.len));
	else if (row->masked.len > 0)
		report_block(r, "The mail, its secret as '*':",
		    SLICE(row->masked.s, row->masked.len));
}

/* ---- head and state */

static void
put_subject(const struct bundle *b, struct report *r)
{
	const json_t *s = json_object_get(b->json, "subject");
	const json_t *x = json_object_get(b->json, "exported");

	report_heading(r, "What this is about");
	if (b->ask->about == BUNDLE_ADDRESS)
		report_value(r, "address",
		    string(json_object_get(s, "address")));
	if (json_object_get(s, "from") != NULL) {
		put_time(r, "from", str(s, "from"));
		put_time(r, "to, not included", str(s, "to"));
	}
	if (b->ask->about == BUNDLE_COMPLAINT) {
		report_text(r, "a complaint of", str(s, "day"));
		put_value(r, "campaign", json_object_get(s, "campaign"));
		report_text(r, "consent before it", str(s, "consent"));
	}
	if (json_object_get(s, "list_name") != NULL)
		report_text(r, "list", str(s, "list_name"));
	if (json_object_get(s, "organization_name") != NULL)
		report_text(r, "organization", str(s, "organization_name"));
	if (b->ask->about == BUNDLE_ADDRESS && (b->ask->list != 0 ||
	    b->ask->org != 0 || json_object_get(s, "from") != NULL))
		report_say(r, "It was asked for entries of that alone: there "
		    "may be others of this address.");
	put_time(r, "exported", str(x, "time"));
	report_text(r, "by", str(x, "who"));
	report_text(r, "asked for", str(x, "request"));
	if (json_object_get(x, "disclosed") != NULL)
		report_text(r, "complaints told, for", str(x, "disclosed"));
	else
		report_say(r, "Entries that tell of complaints, and of "
		    "what the host blocked or unblocked of itself, are not "
		    "part of this file: whoever complains is not shown to "
		    "those who are complained about.");
}

static void
put_state(const struct bundle *b, struct report *r)
{
	const json_t *state = json_object_get(b->json, "state"), *o;
	char line[512];
	size_t i;

	if (state == NULL)
		return;
	report_heading(r, "What stands now");
	json_array_foreach(json_object_get(state, "memberships"), i, o) {
		snprintf(line, sizeof(line), "%s, resting on entry %lld",
		    str(o, "state"), (long long)num(o, "rests_on_entry"));
		report_text(r, str(o, "list_name"), line);
	}
	if (json_array_size(json_object_get(state, "memberships")) == 0)
		report_text(r, "member of", "no list");
	json_array_foreach(json_object_get(state, "suppressions"), i, o) {
		snprintf(line, sizeof(line), "%s %s: %s %s", str(o, "scope"),
		    json_object_get(o, "list_name") != NULL ?
		    str(o, "list_name") : str(o, "organization_name"),
		    str(o, "reason"), str(o, "since"));
		report_text(r, "no mail from", line);
	}
}

/* ---- the four questions of S68 */

/* What the entries of one list tell; each the last of its kind, or NULL. */
struct told {
	json_int_t	list;
	const char	*name;
	const json_t	*asked, *sent, *confirmed;	/* of one request */
	const json_t	*imported, *invited, *left;
	size_t		times_left;
};

static bool
is(const json_t *o, const char *kind)
{
	return o != NULL && strcmp(str(o, "kind"), kind) == 0;
}

/* Does it end memberships of this list, by the person's will? */
static bool
leaves(const json_t *o, const struct told *t, const json_t *of_list)
{
	return is(o, "unsubscribed") && (num(o, "list") == t->list ||
	    strcmp(str(o, "scope"), "host") == 0 ||
	    (strcmp(str(o, "scope"), "org") == 0 &&
	    num(o, "organization") == num(of_list, "organization")));
}

/*
 * What was confirmed says which request counts; without one it is the last.
 * One that names no way it came by is ours to an owner, and asks for nothing.
 */
static void
find_request(const struct bundle *b, struct told *t)
{
	const char *id = t->confirmed != NULL ? str(t->confirmed,
	    "request_id") : NULL;
	const json_t *list = json_object_get(b->json, "entries"), *o;
	size_t i;

	for (i = json_array_size(list); i-- > 0;) {
		o = json_array_get(list, i);
		if (num(o, "list") != t->list || str(o, "request_id")[0] ==
		    '\0' || (id != NULL && strcmp(str(o, "request_id"),
		    id) != 0))
			continue;
		if (is(o, "invited") || (is(o, "request") &&
		    str(o, "channel")[0] != '\0')) {
			id = str(o, "request_id");
			t->asked = is(o, "request") ? o : NULL;
			t->invited = is(o, "invited") ? o : NULL;
			break;
		}
	}
	json_array_foreach(list, i, o)
		if (id != NULL && is(o, "confirmation-sent") &&
		    strcmp(str(o, "request_id"), id) == 0)
			t->sent = o;
}

static void
find_told(const struct bundle *b, const json_t *of_list, struct told *t)
{
	const json_t *o;
	size_t i;

	*t = (struct told){ .list = num(of_list, "list"),
		.name = str(of_list, "list_name") };
	json_array_foreach(json_object_get(b->json, "entries"), i, o) {
		if (leaves(o, t, of_list)) {
			t->left = o;
			t->times_left++;
		}
		if (num(o, "list") != t->list)
			continue;
		if (is(o, "confirmed"))
			t->confirmed = o;
		if (is(o, "imported"))
			t->imported = o;
	}
	find_request(b, t);
}

/* Where a row came from: as it says, or as its import's entry does. */
static const char *
source_of(const struct bundle *b, const json_t *imported)
{
	const json_t *o;
	size_t i;

	if (str(imported, "source")[0] == '\0')
		json_array_foreach(json_object_get(b->json, "entries"), i, o)
			if (is(o, "import") && num(o, "index") ==
			    num(imported, "follows"))
				return str(o, "source");
	return str(imported, "source");
}

static void
put_aware(const struct bundle *b, const struct told *t, struct report *r)
{
	report_entry(r, "Did the person know that the address was taken "
	    "down?");
	if (t->asked != NULL)
		report_say(r, "It was asked for by %s, entry %lld; %s.",
		    str(t->asked, "channel"), (long long)num(t->asked,
		    "index"), str(t->asked, "shown")[0] != '\0' ?
		    "what was shown then is quoted with it" :
		    "no text of ours was shown");
	if (t->imported != NULL)
		report_say(r, "It was imported, entry %lld, from \"%s\"; the "
		    "operator vouches for evidence.", (long long)num(
		    t->imported, "index"),
		    source_of(b, t->imported));
	if (t->invited != NULL)
		report_say(r, "The address was asked by mail whether it wants "
		    "to join, entry %lld.", (long long)num(t->invited,
		    "index"));
	if (t->asked == NULL && t->imported == NULL && t->invited == NULL)
		report_say(r, "No entry here tells.");
}

static void
put_connected(const struct told *t, struct report *r)
{
	const json_t *asked = t->asked != NULL ? t->asked : t->invited;

	report_entry(r, "Does the mail belong to what was asked for?");
	if (asked != NULL && t->confirmed != NULL)
		report_say(r, "The list that entry %lld is about is the one "
		    "that was confirmed in entry %lld: %s.",
		    (long long)num(asked, "index"),
		    (long long)num(t->confirmed, "index"), t->name);
	else
		report_say(r, "Consent is for the list that each entry "
		    "names, and for no other.");
}

static void
put_refusable(const struct told *t, struct report *r)
{
	report_entry(r, "Could the person decline?");
	if (t->sent == NULL)
		report_say(r, "No entry here tells of a mail that asked.");
	else
		report_say(r, "A mail asked first, entry %lld, and said that "
		    "doing nothing declines.", (long long)num(t->sent,
		    "index"));
	if (t->confirmed != NULL)
		report_say(r, "It was answered by a button or a reply, entry "
		    "%lld.", (long long)num(t->confirmed, "index"));
	else if (t->sent != NULL)
		report_say(r, "No entry here says that it was answered.");
}

static void
put_revocable(const struct told *t, struct report *r)
{
	report_entry(r, "Can it be revoked?");
	report_say(r, "Each copy carries a link that ends it with one click "
	    "(RFC 8058), and takes effect at once.");
	if (t->left != NULL)
		report_say(r, "The person left: %zu time%s, last in entry "
		    "%lld.", t->times_left, t->times_left == 1 ? "" : "s",
		    (long long)num(t->left, "index"));
	else
		report_say(r, "No entry here says that the person left.");
}

/* The questions are about a list: what was said of another is no answer. */
static void
put_list(const struct bundle *b, struct report *r, const json_t *of_list)
{
	char heading[160];
	struct told t;

	find_told(b, of_list, &t);
	snprintf(heading, sizeof(heading), "Four questions about the list "
	    "%.80s, as far as the entries tell", t.name);
	report_heading(r, heading);
	put_aware(b, &t, r);
	put_connected(&t, r);
	put_refusable(&t, r);
	put_revocable(&t, r);
}

static void
put_questions(const struct bundle *b, struct report *r)
{
	json_int_t seen[LISTS_MAX];
	const json_t *o;
	size_t i, k, n = 0;

	if (b->ask->about != BUNDLE_ADDRESS)
		return;
	json_array_foreach(json_object_get(b->json, "entries"), i, o) {
		for (k = 0; k < n && seen[k] != num(o, "list"); k++)
			;
		if (k < n || num(o, "list") == 0)
			continue;
		if (n == LISTS_MAX) {
			report_say(r, "There are entries of more lists than "
			    "%d, which are not gone through here.",
			    LISTS_MAX);
			return;
		}
		seen[n++] = num(o, "list");
		put_list(b, r, o);
	}
}

/* ---- how to check it */

static void
put_check(const struct bundle *b, struct report *r)
{
	const json_t *key = json_object_get(b->json, "key");

	report_heading(r, "How to check this");
	report_say(r, "Each entry was put into a public ledger when it was "
	    "written, a hash tree that cannot be changed later without its "
	    "signed heads showing it; mailboxes of all members have such "
	    "heads. The file this report is from proves that the entries "
	    "above are the ones of the ledger.");
	report_say(r, "This page itself is the word of whoever made the "
	    "file, and so are names of lists and what stands now; what is "
	    "proved are the entries, which both programs print. A file can "
	    "leave entries out: it proves what is in it, and not that there "
	    "is nothing else.");
	report_say(r, "Check the whole file, not this page, with `listctl "
	    "evidence verify FILE --key KEYFILE` or, in another language and "
	    "sharing nothing with it, `verify-evidence FILE --key KEYFILE`. "
	    "KEYFILE holds the ledger's keys, which must be known from "
	    "elsewhere than this file: the ledger publishes them at "
	    "%s/ledger/key. Compare them with:", b->ask->url_base);
	report_text(r, "ledger", str(b->json, "origin"));
	report_text(r, "its key", str(key, "vkey"));
	report_text(r, "SHA-256 of the key", str(key, "fingerprint"));
	put_value(r, "entries in the ledger", json_object_get(
	    json_object_get(b->json, "tree"), "size"));
	report_text(r, "root", str(json_object_get(b->json, "tree"), "root"));
	report_block(r, "The signed head that all of it leads to:",
	    SLICE(b->checkpoint.s, b->checkpoint.len));
}

void
bundle_report(const struct bundle *b, struct report *r)
{
	json_t *list = json_object_get(b->json, "entries");

	report_begin(r, "Evidence of consent");
	put_subject(b, r);
	report_heading(r, "What happened, in order");
	for (size_t i = 0; i < b->n; i++)
		put_entry(b, r, &b->rows[i], json_array_get(list, i));
	if (b->n == 0)
		report_say(r, "No entry is shown.");
	for (size_t i = 0; b->n == 0 && i < b->nshown; i++)
		if (!b->shown[i].missing)
			report_block(r, "What people were shown who asked:",
			    SLICE(b->shown[i].text.s, b->shown[i].text.len));
	put_questions(b, r);
	put_state(b, r);
	put_check(b, r);
	report_end(r);
}
