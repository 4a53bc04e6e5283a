/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.c - the command line of listctl, as one table.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "listd/verbs.h"

#define ARGS(...)	{ __VA_ARGS__ }
#define OPTS(...)	{ __VA_ARGS__ }

static const struct verb verbs[] = {
	{ "init", VERB_LOCAL, .help = "make an empty store and its secrets" },
	{ "check", VERB_LOCAL,
	    .help = "walk the whole store and say what is wrong with it" },
	{ "backup end", VERB_DAEMON,
	    .help = "drop what is left of a backup that was interrupted" },
	{ "backup", VERB_EITHER, ARGS({ .name = "DIR" }),
	    .help = "copy the store and all that belongs to it" },
	{ "compact", VERB_EITHER,
	    .help = "rewrite the store without what was deleted" },
	{ "restore", VERB_EITHER, ARGS({ .name = "DIR", .optional = true }),
	    OPTS({ "replay", "PATH", .required = false },
	    { .name = "waive", .value = "NAME" }),
	    .help = "make a backup the store, and tell it who left since" },
	{ "stats", VERB_DAEMON, .help = "figures of store and queue" },
	{ "audit list", VERB_DAEMON, .help = "what operators did" },
	{ "audit verify", VERB_DAEMON,
	    .help = "check the chain over what operators did" },

	{ "org create", VERB_DAEMON, ARGS({ .name = "NAME" }),
	    .help = "make an organization" },
	{ "org show", VERB_DAEMON,
	    ARGS({ .name = "NAME", .optional = true }),
	    .help = "organizations and the domains they have proven" },
	{ "org set", VERB_DAEMON, ARGS({ .name = "NAME" }),
	    OPTS({ "domain", "DOMAIN", .required = true },
	    { "drop", NULL, .required = false }),
	    .help = "claim a sending domain and look for its proof in DNS" },
	{ "org suspend", VERB_DAEMON, ARGS({ .name = "NAME" }),
	    .help = "stop all its mail; nothing is lost" },
	{ "org resume", VERB_DAEMON, ARGS({ .name = "NAME" }),
	    .help = "let its mail go on" },
	{ "org terminate", VERB_DAEMON, ARGS({ .name = "NAME" }),
	    .help = "stop it for good, with all its lists" },

	{ "list create", VERB_DAEMON, ARGS({ .name = "NAME" }),
	    OPTS({ "from", "ADDR", .required = true }, { .name = "title",
	    .value = "TEXT" }, { .name = "postal-address", .value = "TEXT" },
	    { .name = "org", .value = "NAME" },
	    { .name = "owner", .value = "ADDR" }),
	    .help = "make a list; its owner gets a mail to confirm" },
	{ "list show", VERB_DAEMON,
	    ARGS({ .name = "NAME", .optional = true }),
	    .help = "lists, their settings, and why one may not send yet" },
	{ "list set", VERB_DAEMON, ARGS({ .name = "NAME" },
	    { .name = "SETTING", .optional = true },
	    { .name = "VALUE", .optional = true }),
	    .help = "change one setting; without one, prints them" },
	{ "list remove", VERB_DAEMON, ARGS({ .name = "NAME" }),
	    .help = "remove a list; unsubscribe links go on working" },

	{ "subscriber add", VERB_DAEMON, ARGS({ .name = "LIST" },
	    { .name = "ADDR" }),
	    .help = "ask this address to confirm" },
	{ "subscriber import drop-evidence", VERB_DAEMON,
	    ARGS({ .name = "ID" }),
	    .help = "let go of the file that was given as its evidence" },
	{ "subscriber import undo", VERB_DAEMON, ARGS({ .name = "ID" }),
	    .help = "take back what an import added" },
	{ "subscriber import show", VERB_DAEMON,
	    ARGS({ .name = "ID", .optional = true }),
	    .help = "imports: where from, on what ground, counts by reason" },
	{ "subscriber import", VERB_DAEMON, ARGS({ .name = "LIST" },
	    { .name = "FILE", .file = true }),
	    OPTS({ "source", "TEXT", .required = true },
	    { .name = "date", .value = "DATE" },
	    { .name = "basis", .value = "TEXT" },
	    { .name = "evidence", .value = "confirmed|customer" },
	    { .name = "evidence-file", .value = "FILE", .file = true },
	    { .name = "format", .value = "csv|mailchimp" },
	    { .name = "status", .value = "STATUS" },
	    { .name = "file-name", .value = "NAME", .file_name = true },
	    { .name = "dry-run" }),
	    .help = "read members from a CSV file with a head row" },
	{ "subscriber invite", VERB_DAEMON, ARGS({ .name = "LIST" }),
	    OPTS({ "import", "ID", .required = false },
	    { .name = "dry-run" }),
	    .help = "ask imported people, once, whether they want it" },
	{ "subscriber export", VERB_DAEMON, ARGS({ .name = "LIST" }),
	    .help = "every member, a line each" },
	{ "subscriber show", VERB_DAEMON, ARGS({ .name = "ADDR" }),
	    .help = "memberships and suppressions of an address" },
	{ "subscriber remove", VERB_DAEMON, ARGS({ .name = "LIST" },
	    { .name = "ADDR" }),
	    .help = "remove a member, as the owner" },
	{ "subscriber correct", VERB_DAEMON, ARGS({ .name = "LIST" },
	    { .name = "ADDR" }, { .name = "NAME" },
	    { .name = "VALUE", .optional = true }),
	    .help = "set an attribute of a member, or drop it" },
	{ "subscriber change-address", VERB_DAEMON, ARGS({ .name = "OLD" },
	    { .name = "NEW" }),
	    OPTS({ "list", "LIST", .required = false }, { .name = "all" }),
	    .help = "ask the new address to confirm that mail goes there" },
	{ "subscriber erase", VERB_DAEMON, ARGS({ .name = "ADDR" }),
	    .help = "delete all that names a person; suppressions stay" },
	{ "subscriber history", VERB_DAEMON, ARGS({ .name = "ADDR" }),
	    .help = "every consent entry of an address, in order" },

	{ "campaign send", VERB_DAEMON, ARGS({ .name = "LIST" },
	    { .name = "FILE", .file = true }),
	    OPTS({ "at", "TIME", .required = false },
	    { .name = "send-by", .value = "TIME" },
	    { .name = "after-data", .value = "POLICY" },
	    { .name = "reminder" }, { .name = "approve", .value = "ADDR" },
	    { .name = "test", .value = "ADDR" }),
	    .help = "check, sign and send a message to a list" },
	{ "campaign list", VERB_DAEMON, .help = "all campaigns" },
	{ "campaign show", VERB_DAEMON, ARGS({ .name = "ID" }),
	    OPTS({ "watch", NULL, .required = false }),
	    .help = "state, figures, progress and estimate" },
	{ "campaign pause", VERB_DAEMON, ARGS({ .name = "ID" }),
	    .help = "hand out nothing more for now" },
	{ "campaign resume", VERB_DAEMON, ARGS({ .name = "ID" }),
	    OPTS({ "after-data", "POLICY", .required = false },
	    { "reason", "TEXT", .required = false }),
	    .help = "go on, decide about what was sent and not answered, or "
	    "let an excessive one go" },
	{ "campaign cancel", VERB_DAEMON, ARGS({ .name = "ID" }),
	    .help = "end it here" },
	{ "campaign outcomes", VERB_DAEMON, ARGS({ .name = "ID" }),
	    OPTS({ "state", "STATE", .required = false }),
	    .help = "what became of each recipient" },
	{ "campaign resend-failed", VERB_DAEMON, ARGS({ .name = "ID" }),
	    .help = "a new campaign over those who failed" },

	{ "queue summary", VERB_DAEMON,
	    .help = "open deliveries, sessions, what waits" },
	{ "queue sites", VERB_DAEMON, .help = "sites and their sessions" },
	{ "queue suspend", VERB_DAEMON, ARGS({ .name = "SITE" }),
	    .help = "send nothing to a site: its key, or its best host" },
	{ "queue resume", VERB_DAEMON, ARGS({ .name = "SITE" }),
	    .help = "send to it again" },
	{ "queue explain", VERB_DAEMON, ARGS({ .name = "DOMAIN" }),
	    .help = "what a domain's mail waits for" },

	{ "suppress add", VERB_DAEMON, ARGS({ .name = "ADDR" }),
	    OPTS({ "list", "LIST", .required = false },
	    { .name = "org", .value = "NAME" }, { .name = "host" },
	    { "reason", "REASON", .required = true }),
	    .help = "never write to this address there" },
	{ "suppress remove", VERB_DAEMON, ARGS({ .name = "ADDR" }),
	    OPTS({ "list", "LIST", .required = false },
	    { .name = "org", .value = "NAME" }, { .name = "host" }),
	    .help = "lift a suppression, as the desk" },
	{ "suppress list", VERB_DAEMON, .help = "all suppressions" },

	{ "evidence export", VERB_DAEMON,
	    ARGS({ .name = "ADDR", .optional = true }),
	    OPTS({ .name = "message-id", .value = "M" },
	    { .name = "trace", .value = "T" },
	    { .name = "complaint", .value = "ENTRY" },
	    { .name = "period", .value = "FROM..TO" },
	    { .name = "list", .value = "LIST" },
	    { .name = "org", .value = "NAME" },
	    { .name = "disclose", .value = "ORDER" },
	    { .name = "output", .value = "FILE", .file = true,
	    .required = true, .output = true, .letter = 'o' }),
	    .help = "one file that proves who asked for what" },
	{ "evidence verify", VERB_LOCAL, ARGS({ .name = "FILE",
	    .file = true }),
	    OPTS({ .name = "key", .value = "FILE", .file = true }),
	    .help = "check such a file, anywhere" },

	{ "bounce classify", VERB_LOCAL, ARGS({ .name = "FILE",
	    .file = true, .many = true }),
	    .help = "one JSON line a file: verdict, recipient, status, class" },
	{ "ledger checkpoint", VERB_LOCAL, .options = { { .name = "key" } },
	    .help = "print the signed head of the ledger, or its key" },
	{ "ledger verify", VERB_LOCAL,
	    .options = { { .name = "against", .value = "FILE|FOLDER" } },
	    .help = "build the ledger anew and name the first wrong entry" },
	{ "lint", VERB_LOCAL, ARGS({ .name = "FILE", .file = true,
	    .many = true }),
	    .help = "check messages: MUST, SHOULD, MAY" },
	{ "dkim keygen", VERB_LOCAL, ARGS({ .name = "DOMAIN" },
	    { .name = "SELECTOR" }),
	    OPTS({ "type", "rsa|ed25519", .required = false }),
	    .help = "make a signing key and print its DNS record" },
	{ "dkim dns", VERB_LOCAL, ARGS({ .name = "DOMAIN" }),
	    .help = "print the DNS records of a domain's keys" },
};
#define VERBS	(sizeof(verbs) / sizeof(verbs[0]))

/* How many words of argv the name is, or 0. */
static int
match_words(const char *name, char *const argv[], int n)
{
	int words = 0;

	while (*name != '\0') {
		size_t len = strcspn(name, " ");

		if (words == n || strlen(argv[words]) != len ||
		    memcmp(argv[words], name, len) != 0)
			return 0;
		words++;
		name += len + (name[len] == ' ');
	}
	return words;
}

const struct verb *
verb_match(char *const argv[], int n, int *words)
{
	for (size_t i = 0; i < VERBS; i++)
		if ((*words = match_words(verbs[i].name, argv, n)) > 0)
			return &verbs[i];
	return NULL;
}

const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

const struct verb *
verb_at(size_t i)
{
	return i < VERBS ? &verbs[i] : NULL;
}

const struct verb_option *
verb_option_find(const struct verb *v, const char *name, size_t len)
{
	for (size_t i = 0; i < VERB_OPTIONS_MAX; i++)
		if (v->options[i].name != NULL &&
		    strlen(v->options[i].name) == len &&
		    memcmp(v->options[i].name, name, len) == 0)
			return &v->options[i];
	return NULL;
}

const struct verb_option *
verb_option_letter(const struct verb *v, char letter)
{
	for (size_t i = 0; i < VERB_OPTIONS_MAX; i++)
		if (v->options[i].name != NULL && letter != '\0' &&
		    v->options[i].letter == letter)
			return &v->options[i];
	return NULL;
}

/* How it is written: --at, or -o where it has a letter. */
static void
option_word(const struct verb_option *o, char out[static 40])
{
	if (o->letter != '\0')
		snprintf(out, 40, "-%c", o->letter);
	else
		snprintf(out, 40, "--%s", o->name);
}

void
verb_usage(const struct verb *v, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "%s", v->name);

	for (size_t i = 0; i < VERB_ARGS_MAX && used < size; i++) {
		const struct verb_arg *a = &v->args[i];

		if (a->name != NULL)
			used += (size_t)snprintf(out + used, size - used,
			    a->optional ? " [%s]" : " %s", a->name);
		if (a->many && used < size)
			used += (size_t)snprintf(out + used, size - used,
			    "...");
	}
	for (size_t i = 0; i < VERB_OPTIONS_MAX && used < size; i++) {
		const struct verb_option *o = &v->options[i];
		char word[40];

		if (o->name == NULL)
			continue;
		option_word(o, word);
		used += (size_t)snprintf(out + used, size - used,
		    " %s%s%s%s%s", o->required ? "" : "[", word,
		    o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "",
		    o->required ? "" : "]");
	}
}
