/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consent_json.c - entries as people and programs are shown them.
 */
#include "config.h"

#include <string.h>

#include <openssl/evp.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "lib/date.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"
#include "spool/consent_private.h"
#include "spool/optin.h"
#include "spool/provenance.h"
#include "spool/suppression.h"

static json_t *
json_hex(struct slice s)
{
	struct strbuf b = STRBUF_INIT(128);
	json_t *j;

	for (size_t i = 0; i < s.len && i < 32; i++)
		strbuf_addf(&b, "%02x", s.p[i]);
	j = json_string(b.s);
	strbuf_free(&b);
	return j;
}

static json_t *
json_ip(struct slice s)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN];
	bool v4 = memcmp(s.p, mapped, sizeof(mapped)) == 0;

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? s.p + 12 : s.p, text,
	    sizeof(text));
	return json_string(text);
}

/* Octets that JSON can not hold go as {"base64": ...}. */
static json_t *
json_raw(struct slice s)
{
	struct strbuf b = STRBUF_INIT(2 * CONSENT_ENTRY_MAX);
	json_t *j = NULL;
	char *p;

	if (utf8_valid((const char *)s.p, s.len))
		return json_stringn((const char *)s.p, s.len);
	if ((p = strbuf_reserve(&b, 4 * ((s.len + 2) / 3) + 1)) != NULL) {
		EVP_EncodeBlock((unsigned char *)p, s.p, (int)s.len);
		j = json_pack("{s:s}", "base64", p);
	}
	strbuf_free(&b);
	return j;
}

static json_t *
json_indexes(struct slice s)
{
	json_t *j = json_array();
	struct unpack u;

	unpack_init(&u, s.p, s.len);
	while (u.left >= 8)
		json_array_append_new(j,
		    json_integer((json_int_t)unpack_u64(&u)));
	return j;
}

static json_t *
json_time(int64_t ms)
{
	char text[DATE_RFC3339_LEN + 1];

	date_rfc3339(ms, text);
	return json_string(text);
}

static json_t *
json_number(const struct consent *c, const struct consent_field *f)
{
	static const char *const networks[] = { "unknown", "same", "other" };
	static const char *const grades[] = { "none", "suspect", "pressed",
	    "replied" };
	uint64_t v = consent_get_number(c, f);

	switch (f->type) {
	case FIELD_KIND:
		return json_string(consent_kind_name((enum consent_kind)v));
	case FIELD_NETWORK: return json_string(networks[v]);
	case FIELD_GRADE: return json_string(grades[c->grade]);
	case FIELD_REASON:
		return json_string(suppression_reason_name(
		    (enum suppression_reason)v));
	case FIELD_SCOPE:
		return json_string(suppression_scope_name(
		    (enum suppression_scope)v));
	case FIELD_ORIGIN:
		return json_string(origin_name((enum origin)v));
	case FIELD_GROUND:
		return json_string(ground_name((enum ground)v));
	case FIELD_EVIDENCE:
		return json_string(evidence_name((enum evidence)v));
	case FIELD_RESULT:
		return json_string(optin_result_name((enum optin_result)v));
	case FIELD_BOOL: return json_true();
	case FIELD_TIME: return json_time((int64_t)v);
	default: return json_integer((json_int_t)v);
	}
}

static json_t *
json_field(const struct consent *c, const struct consent_field *f)
{
	struct slice s;

	if (consent_is_number(f->type))
		return json_number(c, f);
	s = consent_get_string(c, f);
	switch (f->type) {
	case FIELD_TEXT: return json_stringn((const char *)s.p, s.len);
	case FIELD_RAW: return json_raw(s);
	case FIELD_INDEXES: return json_indexes(s);
	case FIELD_IP: return json_ip(s);
	default: return json_hex(s);
	}
}

json_t *
consent_json(uint64_t index, const struct consent *c)
{
	const struct consent_field *f;
	json_t *j = json_object();
	int bad = 0;

	bad |= json_object_set_new(j, "index", json_integer((json_int_t)index));
	for (size_t i = 0; (f = consent_field(i)) != NULL; i++)
		if (consent_has(c, f))
			bad |= json_object_set_new(j, f->name,
			    json_field(c, f));
	if (bad != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}
