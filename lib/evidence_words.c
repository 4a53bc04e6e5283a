/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_words.c - the fields of an entry in words, as lib/EVIDENCE section
 * 7 has them, made from its CBOR alone; and that evidence.json says the same.
 */
#include "config.h"

#include <string.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>

#include "lib/cbor.h"
#include "lib/entry_word.h"
#include "lib/evidence_private.h"

enum form {
	FORM_NUMBER, FORM_NAME, FORM_TIME, FORM_TRUE, FORM_TEXT, FORM_HEX,
	FORM_IP, FORM_OCTETS, FORM_INDEXES,
};

/* Names of numbers, from 0; the last NULL. */
static const char *const kinds[] = {
	"none", "request", "request-refused", "request-throttled",
	"requests-counted", "confirmation-sent", "confirmation-failed",
	"confirmed", "confirm-refused", "import", "imported", "preference",
	"unsubscribed", "bounced", "complained", "suppressed", "lifted",
	"erased", "exported", "address-changed", "owner-confirmed", "act",
	"suspended", "resumed", "removed", "told-already-member", "hashed",
	"invited", "address-change-asked", "pruned", "restored",
	"access-asked", "disclosed", "mail-answered", "import-undone", NULL
};
static const char *const networks[] = { "unknown", "same", "other", NULL };
static const char *const grades[] = { "none", "suspect", "pressed", "replied",
    NULL };
static const char *const reasons[] = { "none", "owner", "import",
    "unsubscribe", "bounce", "erasure", "complaint", "desk", "ban", NULL };
static const char *const scopes[] = { "none", "list", "org", "host", NULL };
static const char *const results[] = { "none", "accepted", "pending",
    "member", "suppressed", "throttled", "role-address", "malformed",
    "no-list", "closed", "confirmed", "again", "expired", "void", "unknown",
    "automatic", NULL };
static const char *const origins[] = { "none", "described", "form", "shop",
    "account", "event", "paper", "membership", "program", "public", "scraped",
    "purchased", "rented", "shared", "appended", "guessed", "forum", NULL };
static const char *const grounds[] = { "none", "described", "opt-in",
    "confirmed", "written", "membership", "existing-customer", "public",
    "visited", "purchased", "legitimate-interest", "unknown", NULL };
static const char *const vouched[] = { "none", "confirmed", "customer", NULL };

struct field {
	uint64_t	key;
	const char	*name;
	enum form	form;
	const char *const *names;
};

static const struct field fields[] = {
	{ 0, "version", FORM_NUMBER, NULL },
	{ 1, "kind", FORM_NAME, kinds },
	{ 2, "time", FORM_TIME, NULL },
	{ 3, "list", FORM_NUMBER, NULL },
	{ 4, "organization", FORM_NUMBER, NULL },
	{ 5, "address_hash", FORM_HEX, NULL },
	{ 6, "address", FORM_TEXT, NULL },
	{ 7, "channel", FORM_TEXT, NULL },
	{ 8, "ip", FORM_IP, NULL },
	{ 9, "port", FORM_NUMBER, NULL },
	{ 10, "proxy_ip", FORM_IP, NULL },
	{ 11, "proxy_port", FORM_NUMBER, NULL },
	{ 12, "agent", FORM_TEXT, NULL },
	{ 13, "shown", FORM_HEX, NULL },
	{ 14, "request", FORM_OCTETS, NULL },
	{ 15, "request_id", FORM_HEX, NULL },
	{ 16, "message_id", FORM_TEXT, NULL },
	{ 17, "remote_host", FORM_TEXT, NULL },
	{ 18, "remote_reply", FORM_TEXT, NULL },
	{ 19, "token_ms", FORM_NUMBER, NULL },
	{ 20, "network", FORM_NAME, networks },
	{ 21, "grade", FORM_NAME, grades },
	{ 22, "import", FORM_NUMBER, NULL },
	{ 23, "source", FORM_TEXT, NULL },
	{ 24, "basis", FORM_TEXT, NULL },
	{ 25, "reason", FORM_NAME, reasons },
	{ 26, "setter", FORM_TEXT, NULL },
	{ 27, "subscriber", FORM_NUMBER, NULL },
	{ 28, "count", FORM_NUMBER, NULL },
	{ 29, "follows", FORM_NUMBER, NULL },
	{ 30, "campaign", FORM_NUMBER, NULL },
	{ 31, "scope", FORM_NAME, scopes },
	{ 32, "content", FORM_HEX, NULL },
	{ 33, "note", FORM_TEXT, NULL },
	{ 34, "result", FORM_NAME, results },
	{ 35, "claimed", FORM_TIME, NULL },
	{ 36, "clock_unsure", FORM_TRUE, NULL },
	{ 37, "code", FORM_NUMBER, NULL },
	{ 38, "enhanced", FORM_TEXT, NULL },
	{ 39, "erased", FORM_INDEXES, NULL },
	{ 40, "was", FORM_NAME, kinds },
	{ 41, "was_time", FORM_TIME, NULL },
	{ 42, "ip_hash", FORM_HEX, NULL },
	{ 43, "mail", FORM_OCTETS, NULL },
	{ 44, "mail_hash", FORM_HEX, NULL },
	{ 45, "request_hash", FORM_HEX, NULL },
	{ 47, "act", FORM_NUMBER, NULL },
	{ 48, "act_hash", FORM_HEX, NULL },
	{ 49, "purpose", FORM_TEXT, NULL },
	{ 50, "looks", FORM_NUMBER, NULL },
	{ 51, "look_ms", FORM_NUMBER, NULL },
	{ 52, "look_ip", FORM_IP, NULL },
	{ 53, "look_agent", FORM_TEXT, NULL },
	{ 54, "look_network", FORM_NAME, networks },
	{ 57, "source_class", FORM_NAME, origins },
	{ 58, "basis_class", FORM_NAME, grounds },
	{ 59, "vouched", FORM_NAME, vouched },
	{ 60, "evidence", FORM_TEXT, NULL },
	{ 61, "asked", FORM_TIME, NULL },
	{ 62, "asked_ip", FORM_IP, NULL },
	{ 63, "attribute", FORM_TEXT, NULL },
	{ 64, "before", FORM_TEXT, NULL },
	{ 65, "after", FORM_TEXT, NULL },
};
#define NFIELDS	(sizeof(fields) / sizeof(fields[0]))

static const struct field *
field_of(uint64_t key)
{
	for (size_t i = 0; i < NFIELDS; i++)
		if (fields[i].key == key)
			return &fields[i];
	return NULL;
}

/* ---- one value; each a new reference, or NULL for want of memory */

/* The name of v, or v itself when a later version gave it one. */
static json_t *
word_name(const struct field *f, uint64_t v)
{
	for (uint64_t i = 0; f->names[i] != NULL; i++)
		if (i == v)
			return json_string(f->names[i]);
	return json_integer((json_int_t)v);
}

/* Has the item the type and length that its field wants? */
static bool
fits(const struct field *f, const struct cbor_item *v)
{
	switch (f->form) {
	case FORM_NUMBER:
	case FORM_NAME:
	case FORM_TIME:
		return v->type == CBOR_UINT && v->value <= INT64_MAX;
	case FORM_TRUE:
		return v->type == CBOR_UINT && v->value == 1;
	case FORM_TEXT:
		return v->type == CBOR_TEXT;
	case FORM_IP:
		return v->type == CBOR_BYTES && v->string.len == 16;
	case FORM_INDEXES:
		return v->type == CBOR_BYTES && v->string.len % 8 == 0;
	default:
		return v->type == CBOR_BYTES;
	}
}

static json_t *
word(const struct field *f, const struct cbor_item *v)
{
	switch (f->form) {
	case FORM_NUMBER: return json_integer((json_int_t)v->value);
	case FORM_NAME: return word_name(f, v->value);
	case FORM_TIME: return entry_word_time(v->value);
	case FORM_TRUE: return json_true();
	case FORM_TEXT:
		return json_stringn((const char *)v->string.p, v->string.len);
	case FORM_HEX: return entry_word_hex(v->string);
	case FORM_IP: return entry_word_ip(v->string);
	case FORM_OCTETS: return entry_word_octets(v->string);
	default: return entry_word_indexes(v->string);
	}
}

json_t *
evidence_words(struct slice entry)
{
	json_t *o = json_object();
	struct cbor_item head, value;
	struct cbor in;
	bool ok = o != NULL;

	cbor_init(&in, entry.p, entry.len);
	head = cbor_next(&in);
	ok = ok && head.type == CBOR_MAP;
	for (uint64_t n = head.value; ok && n > 0; n--) {
		const struct field *f = field_of(cbor_next(&in).value);

		if (f == NULL) {
			ok = cbor_skip(&in);
			continue;
		}
		value = cbor_next(&in);
		ok = value.type != CBOR_BAD && fits(f, &value) &&
		    json_object_set_new(o, f->name, word(f, &value)) == 0;
	}
	if (ok && cbor_done(&in))
		return o;
	json_decref(o);
	return NULL;
}

/* ---- against evidence.json */

/* Addresses have more than one spelling. */
static bool
same_ip(const json_t *a, const json_t *b)
{
	const char *text[2] = { json_string_value(a), json_string_value(b) };
	uint8_t ip[2][16] = { { 0 } };
	int af[2];

	for (int i = 0; i < 2; i++) {
		if (text[i] == NULL)
			return false;
		af[i] = strchr(text[i], ':') != NULL ? AF_INET6 : AF_INET;
		if (inet_pton(af[i], text[i], ip[i]) != 1)
			return false;
	}
	return json_string_length(a) == strlen(text[0]) &&
	    json_string_length(b) == strlen(text[1]) && af[0] == af[1] &&
	    memcmp(ip[0], ip[1], sizeof(ip[0])) == 0;
}

static bool
field_agrees(const struct field *f, const json_t *said, const json_t *proved)
{
	if (said == NULL || proved == NULL)
		/* The mail may lie in mails/ instead. */
		return said == proved ||
		    (said == NULL && strcmp(f->name, "mail") == 0);
	if (f->form == FORM_NAME && json_is_integer(proved))
		return true;
	return f->form == FORM_IP ? same_ip(said, proved) :
	    json_equal(said, proved);
}

bool
evidence_words_agree(const json_t *said, struct slice entry)
{
	json_t *proved = evidence_words(entry);
	bool ok = proved != NULL;

	for (size_t i = 0; ok && i < NFIELDS; i++)
		ok = field_agrees(&fields[i],
		    json_object_get(said, fields[i].name),
		    json_object_get(proved, fields[i].name));
	json_decref(proved);
	return ok;
}
