/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_entry.c - one table of fields that writes and reads entries.
 */
#include "config.h"

#include <string.h>

#include "lib/cbor.h"
#include "lib/err.h"
#include "lib/ipc.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"
#include "spool/consent_private.h"
#include "spool/content.h"
#include "spool/store.h"

#define FIRST_VERSION	1	/* which has no field for it */

#define AT(MEMBER)	offsetof(struct consent, MEMBER)

static const struct consent_field fields[] = {
	{ 0, "version", FIELD_VERSION, AT(version) },
	{ 1, "kind", FIELD_KIND, AT(kind) },
	{ 2, "time", FIELD_TIME, AT(when_ms) },
	{ 3, "list", FIELD_U32, AT(list) },
	{ 4, "organization", FIELD_U32, AT(org) },
	{ 5, "address_hash", FIELD_ID, AT(hash) },
	{ 6, "address", FIELD_TEXT, AT(address) },
	{ 7, "channel", FIELD_TEXT, AT(channel) },
	{ 8, "ip", FIELD_IP, AT(ip) },
	{ 9, "port", FIELD_U16, AT(port) },
	{ 10, "proxy_ip", FIELD_IP, AT(proxy_ip) },
	{ 11, "proxy_port", FIELD_U16, AT(proxy_port) },
	{ 12, "agent", FIELD_TEXT, AT(agent) },
	{ 13, "shown", FIELD_SHOWN, AT(shown) },
	{ 14, "request", FIELD_RAW, AT(raw) },
	{ 15, "request_id", FIELD_ID, AT(request) },
	{ 16, "message_id", FIELD_TEXT, AT(message_id) },
	{ 17, "remote_host", FIELD_TEXT, AT(host) },
	{ 18, "remote_reply", FIELD_TEXT, AT(reply) },
	{ 19, "token_ms", FIELD_I64, AT(token_ms) },
	{ 20, "network", FIELD_NETWORK, AT(network) },
	{ 21, "grade", FIELD_GRADE, AT(grade) },
	{ 22, "import", FIELD_U32, AT(import) },
	{ 23, "source", FIELD_TEXT, AT(source) },
	{ 24, "basis", FIELD_TEXT, AT(basis) },
	{ 25, "reason", FIELD_REASON, AT(reason) },
	{ 26, "setter", FIELD_TEXT, AT(setter) },
	{ 27, "subscriber", FIELD_U64, AT(subscriber) },
	{ 28, "count", FIELD_U64, AT(count) },
	{ 29, "follows", FIELD_U64, AT(follows) },
	{ 30, "campaign", FIELD_U32, AT(campaign) },
	{ 31, "scope", FIELD_SCOPE, AT(scope) },
	{ 32, "content", FIELD_HASH, AT(content) },
	{ 33, "note", FIELD_TEXT, AT(note) },
	{ 34, "result", FIELD_RESULT, AT(result) },
	{ 35, "claimed", FIELD_TIME, AT(claimed_ms) },
	{ 36, "clock_unsure", FIELD_BOOL, AT(clock_unsure) },
	{ 37, "code", FIELD_U16, AT(code) },
	{ 38, "enhanced", FIELD_TEXT, AT(enhanced) },
	{ 39, "erased", FIELD_INDEXES, AT(erased) },
	{ 40, "was", FIELD_KIND, AT(was) },
	{ 41, "was_time", FIELD_TIME, AT(was_ms) },
	{ 42, "ip_hash", FIELD_ID, AT(ip_hash) },
	{ 43, "mail", FIELD_RAW, AT(mail) },
	{ 44, "mail_hash", FIELD_HASH, AT(mail_hash) },
	{ 45, "request_hash", FIELD_HASH, AT(raw_hash) },
	{ 47, "act", FIELD_U64, AT(act) },
	{ 48, "act_hash", FIELD_HASH, AT(act_hash) },
	{ 49, "purpose", FIELD_TEXT, AT(purpose) },
	{ 50, "looks", FIELD_U32, AT(looks) },
	{ 51, "look_ms", FIELD_I64, AT(look_ms) },
	{ 52, "look_ip", FIELD_IP, AT(look_ip) },
	{ 53, "look_agent", FIELD_TEXT, AT(look_agent) },
	{ 54, "look_network", FIELD_NETWORK, AT(look_network) },
	{ 57, "source_class", FIELD_ORIGIN, AT(origin) },
	{ 58, "basis_class", FIELD_GROUND, AT(ground) },
	{ 59, "vouched", FIELD_EVIDENCE, AT(vouched) },
	{ 60, "evidence", FIELD_TEXT, AT(evidence) },
	{ 61, "asked", FIELD_TIME, AT(asked_ms) },
	{ 62, "asked_ip", FIELD_IP, AT(asked_ip) },
	{ 63, "attribute", FIELD_TEXT, AT(attribute) },
	{ 64, "before", FIELD_TEXT, AT(before) },
	{ 65, "after", FIELD_TEXT, AT(after) },
};

#define NFIELDS		(sizeof(fields) / sizeof(fields[0]))

const struct consent_field *
consent_field(size_t i)
{
	return i < NFIELDS ? &fields[i] : NULL;
}

bool
consent_is_number(enum consent_type type)
{
	return type < FIELD_TEXT;
}

/* The octets a string of this type must have; 0: any. */
static size_t
exact_octets(enum consent_type type)
{
	switch (type) {
	case FIELD_IP:
	case FIELD_ID:
		return 16;
	case FIELD_HASH:
	case FIELD_SHOWN:
		return 32;
	default:
		return 0;
	}
}

/* ---- numbers in and out of the struct */

uint64_t
consent_get_number(const struct consent *c, const struct consent_field *f)
{
	const char *p = (const char *)c + f->at;

	switch (f->type) {
	case FIELD_U16: return *(const uint16_t *)p;
	case FIELD_U32:
	case FIELD_REASON:
	case FIELD_SCOPE:
	case FIELD_RESULT:
	case FIELD_ORIGIN:
	case FIELD_GROUND:
	case FIELD_EVIDENCE:
		return *(const uint32_t *)p;
	case FIELD_U64: return *(const uint64_t *)p;
	case FIELD_TIME:
	case FIELD_I64: {
		int64_t v = *(const int64_t *)p;

		return v > 0 ? (uint64_t)v : 0;	/* none is before 1970 */
	}
	case FIELD_BOOL: return *(const bool *)p;
	case FIELD_KIND: return *(const enum consent_kind *)p;
	case FIELD_NETWORK: return *(const enum consent_network *)p;
	case FIELD_GRADE: return *(const enum consent_grade *)p;
	case FIELD_VERSION: {
		uint32_t v = *(const uint32_t *)p;

		return v == FIRST_VERSION ? 0 : v != 0 ? v : CONSENT_VERSION;
	}
	default: return 0;
	}
}

/* False when v is out of the field's range. */
static bool
set_number(struct consent *c, const struct consent_field *f, uint64_t v)
{
	char *p = (char *)c + f->at;

	switch (f->type) {
	case FIELD_U16:
		*(uint16_t *)p = (uint16_t)v;
		return v <= UINT16_MAX;
	case FIELD_U32:
	case FIELD_REASON:
	case FIELD_SCOPE:
	case FIELD_RESULT:
	case FIELD_ORIGIN:
	case FIELD_GROUND:
	case FIELD_EVIDENCE:
		*(uint32_t *)p = (uint32_t)v;
		return v <= UINT32_MAX;
	case FIELD_U64:
		*(uint64_t *)p = v;
		return true;
	case FIELD_TIME:
	case FIELD_I64:
		*(int64_t *)p = (int64_t)v;
		return v <= INT64_MAX;
	case FIELD_BOOL:
		*(bool *)p = v != 0;
		return v <= 1;
	case FIELD_KIND:
		*(enum consent_kind *)p = (enum consent_kind)v;
		return v > 0 && v < CONSENT_KINDS;
	case FIELD_NETWORK:
		*(enum consent_network *)p = (enum consent_network)v;
		return v <= CONSENT_NETWORK_OTHER;
	case FIELD_GRADE:
		*(enum consent_grade *)p = (enum consent_grade)v;
		return v <= CONSENT_GRADE_REPLIED;
	case FIELD_VERSION:
		*(uint32_t *)p = (uint32_t)v;
		return v == CONSENT_VERSION;
	default:
		return false;
	}
}

static bool
is_zero(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == 0)
		p++, len--;
	return len == 0;
}

struct slice
consent_get_string(const struct consent *c, const struct consent_field *f)
{
	const char *p = (const char *)c + f->at;

	if (f->type != FIELD_SHOWN)
		return *(const struct slice *)p;
	return SLICE(p, is_zero(c->shown, sizeof(c->shown)) ? 0 : 32);
}

static void
set_string(struct consent *c, const struct consent_field *f, struct slice s)
{
	if (f->type == FIELD_SHOWN)
		memcpy(c->shown, s.p, sizeof(c->shown));
	else
		*(struct slice *)((char *)c + f->at) = s;
}

/* ---- filling */

struct slice
consent_text(const char *s)
{
	return SLICE(s, s != NULL ? strlen(s) : 0);
}

void
consent_evidence(struct consent *c, const struct ipc_evidence *ev)
{
	if (c->when_ms == 0)
		c->when_ms = ev->when_ms;
	c->channel = consent_text(ev->channel);
	if (!is_zero(ev->ip, sizeof(ev->ip)))
		c->ip = SLICE(ev->ip, sizeof(ev->ip));
	c->port = ev->port;
	if (!is_zero(ev->proxy_ip, sizeof(ev->proxy_ip)))
		c->proxy_ip = SLICE(ev->proxy_ip, sizeof(ev->proxy_ip));
	c->proxy_port = ev->proxy_port;
	c->agent = consent_text(ev->agent);
	c->raw = ev->raw;
	if (!content_unhex(ev->form, c->shown))
		memset(c->shown, 0, sizeof(c->shown));
}

/* ---- writing */

/* How much of text[len] there is room for: it is cut at a character. */
static size_t
cut(const void *text, size_t len)
{
	const uint8_t *p = text;

	if (len <= CONSENT_TEXT_MAX)
		return len;
	len = CONSENT_TEXT_MAX;
	while (len > CONSENT_TEXT_MAX - UTF8_OCTETS_MAX &&
	    (p[len] & 0xc0) == 0x80)
		len--;
	return len;
}

/* A text into b, surely UTF-8: what mends it may make it longer. */
static void
put_text(struct strbuf *b, struct slice text)
{
	struct strbuf repaired = STRBUF_INIT(4 * CONSENT_TEXT_MAX);
	size_t len = cut(text.p, text.len);

	if (utf8_valid((const char *)text.p, len)) {
		cbor_put_text(b, (const char *)text.p, len);
		return;
	}
	utf8_append_repaired(&repaired, (const char *)text.p, len);
	cbor_put_text(b, repaired.s, cut(repaired.s, repaired.len));
	strbuf_free(&repaired);
}

static void
put_string(struct strbuf *b, const struct consent_field *f, struct slice s)
{
	if (f->type == FIELD_TEXT)
		put_text(b, s);
	else if (f->type == FIELD_RAW && s.len > IPC_RAW_MAX)
		cbor_put_bytes(b, s.p, IPC_RAW_MAX);
	else
		cbor_put_bytes(b, s.p, s.len);
}

bool
consent_has(const struct consent *c, const struct consent_field *f)
{
	if (consent_is_number(f->type))
		return consent_get_number(c, f) != 0;
	return consent_get_string(c, f).len != 0;
}

int
consent_encode(struct strbuf *out, const struct consent *c, struct err *e)
{
	uint8_t present[NFIELDS];
	size_t n = 0;

	for (size_t i = 0; i < NFIELDS; i++) {
		size_t exact = exact_octets(fields[i].type);

		if (!consent_has(c, &fields[i]))
			continue;
		if (exact != 0 && consent_get_string(c, &fields[i]).len != exact) {
			err_set(e, ERR_INPUT, "an entry whose %s is not of "
			    "%zu octets", fields[i].name, exact);
			return -1;
		}
		present[n++] = (uint8_t)i;
	}
	cbor_put_map(out, n);
	for (size_t i = 0; i < n; i++) {
		const struct consent_field *f = &fields[present[i]];

		cbor_put_uint(out, f->key);
		if (consent_is_number(f->type))
			cbor_put_uint(out, consent_get_number(c, f));
		else
			put_string(out, f, consent_get_string(c, f));
	}
	if (!out->overflow)
		return 0;
	err_set(e, ERR_LIMIT, "an entry over %d octets", CONSENT_ENTRY_MAX);
	return -1;
}

/* ---- reading */

/* Keys ascend in an entry as in the table, so *at goes forward only. */
static const struct consent_field *
field_of(uint64_t key, size_t *at)
{
	while (*at < NFIELDS && fields[*at].key < key)
		++*at;
	return *at < NFIELDS && fields[*at].key == key ? &fields[*at] : NULL;
}

static bool
take(struct consent *c, const struct consent_field *f,
    const struct cbor_item *it)
{
	size_t exact = exact_octets(f->type);

	if (consent_is_number(f->type))
		return it->type == CBOR_UINT && it->value != 0 &&
		    set_number(c, f, it->value);
	if (it->type != (f->type == FIELD_TEXT ? CBOR_TEXT : CBOR_BYTES) ||
	    it->string.len == 0)
		return false;
	if ((exact != 0 && it->string.len != exact) ||
	    (f->type == FIELD_INDEXES && it->string.len % 8 != 0) ||
	    (f->type == FIELD_TEXT && it->string.len > CONSENT_TEXT_MAX) ||
	    (f->type == FIELD_RAW && it->string.len > IPC_RAW_MAX) ||
	    (f->type == FIELD_SHOWN && is_zero(it->string.p, exact)))
		return false;
	set_string(c, f, it->string);
	return true;
}

int
consent_decode(struct slice entry, struct consent *c_r, struct err *e)
{
	struct cbor in;
	struct cbor_item it, key;
	size_t at = 0;

	*c_r = (struct consent){ .version = FIRST_VERSION };
	cbor_init(&in, entry.p, entry.len);
	it = cbor_next(&in);
	if (it.type != CBOR_MAP) {
		err_set(e, ERR_DAMAGED, "no entry: %s", cbor_why(&in));
		return -1;
	}
	for (uint64_t n = it.value; n > 0; n--) {
		const struct consent_field *f;

		key = cbor_next(&in);
		if ((f = field_of(key.value, &at)) == NULL) {
			if (!cbor_skip(&in))
				break;
			continue;
		}
		it = cbor_next(&in);
		if (it.type == CBOR_BAD)
			break;
		if (!take(c_r, f, &it)) {
			err_set(e, ERR_DAMAGED, "its %s is not one", f->name);
			return -1;
		}
	}
	if (!cbor_done(&in) || c_r->kind == 0) {
		err_set(e, ERR_DAMAGED, "no whole entry: %s", cbor_why(&in));
		return -1;
	}
	return 0;
}

/* ---- showing */

const char *
consent_kind_name(enum consent_kind kind)
{
	static const char *const names[CONSENT_KINDS] = {
		[0] = "none", [CONSENT_REQUEST] = "request",
		[CONSENT_REQUEST_REFUSED] = "request-refused",
		[CONSENT_REQUEST_THROTTLED] = "request-throttled",
		[CONSENT_REQUESTS] = "requests-counted",
		[CONSENT_MAIL_SENT] = "confirmation-sent",
		[CONSENT_MAIL_FAILED] = "confirmation-failed",
		[CONSENT_CONFIRMED] = "confirmed",
		[CONSENT_CONFIRM_REFUSED] = "confirm-refused",
		[CONSENT_IMPORT] = "import", [CONSENT_IMPORT_ROW] = "imported",
		[CONSENT_PREFERENCE] = "preference",
		[CONSENT_UNSUBSCRIBED] = "unsubscribed",
		[CONSENT_BOUNCED] = "bounced",
		[CONSENT_COMPLAINED] = "complained",
		[CONSENT_SUPPRESSED] = "suppressed",
		[CONSENT_LIFTED] = "lifted", [CONSENT_ERASED] = "erased",
		[CONSENT_EXPORTED] = "exported",
		[CONSENT_ADDRESS_CHANGED] = "address-changed",
		[CONSENT_OWNER_CONFIRMED] = "owner-confirmed",
		[CONSENT_ACT] = "act", [CONSENT_SUSPENDED] = "suspended",
		[CONSENT_RESUMED] = "resumed", [CONSENT_REMOVED] = "removed",
		[CONSENT_ALREADY] = "told-already-member",
		[CONSENT_HASHED] = "hashed", [CONSENT_INVITED] = "invited",
		[CONSENT_ADDRESS_ASKED] = "address-change-asked",
		[CONSENT_PRUNED] = "pruned", [CONSENT_RESTORED] = "restored",
		[CONSENT_ACCESS_ASKED] = "access-asked",
		[CONSENT_DISCLOSED] = "disclosed",
		[CONSENT_MAIL_ANSWERED] = "mail-answered",
		[CONSENT_IMPORT_UNDONE] = "import-undone",
	};

	return kind < CONSENT_KINDS ? names[kind] : "unknown";
}
