/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_json.c - what evidence.json has to say of the rest of its file
 * (lib/EVIDENCE, 5).
 */
#include "config.h"

#include <string.h>

#include <jansson.h>

#include "lib/evidence_private.h"
#include "lib/hex.h"

/* Is it a text of n octets in lower-case hex, these if p is not NULL? */
static bool
is_hex(const json_t *j, const uint8_t *p, size_t n, uint8_t *out)
{
	const char *s = json_string_value(j);

	if (s == NULL || json_string_length(j) != 2 * n ||
	    strspn(s, "0123456789abcdef") != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t octet = (uint8_t)(hex_digit(s[2 * i]) << 4 |
		    hex_digit(s[2 * i + 1]));

		if (p != NULL && p[i] != octet)
			return false;
		if (out != NULL)
			out[i] = octet;
	}
	return true;
}

static bool
is_text(const json_t *j, const char *text)
{
	return json_is_string(j) && json_string_length(j) == strlen(text) &&
	    memcmp(json_string_value(j), text, strlen(text)) == 0;
}

static bool
is_number(const json_t *j, uint64_t v)
{
	return json_is_integer(j) && json_integer_value(j) >= 0 &&
	    (uint64_t)json_integer_value(j) == v;
}

static bool
check_entries(const struct evidence_parts *p, const json_t *list)
{
	uint8_t hash[32];

	if (!json_is_array(list) || json_array_size(list) != p->entries)
		return false;
	for (size_t i = 0; i < p->entries; i++) {
		const json_t *o = json_array_get(list, i);

		if (evidence_sha256(p->item[i].member->content, hash) == -1 ||
		    !is_number(json_object_get(o, "index"),
		    p->item[i].index) || !is_hex(json_object_get(o,
		    "commitment"), hash, sizeof(hash), NULL))
			return false;
	}
	return true;
}

static bool
read_missing(const json_t *list, struct strbuf *out)
{
	uint8_t hash[32];
	const json_t *j;
	size_t i;

	if (!json_is_array(list) ||
	    json_array_size(list) > EVIDENCE_MISSING_MAX)
		return false;
	json_array_foreach(list, i, j) {
		if (!is_hex(j, NULL, sizeof(hash), hash))
			return false;
		strbuf_add(out, hash, sizeof(hash));
	}
	return !out->overflow;
}

/* Jansson takes no more than 2048 levels. */
static bool
too_deep(const json_t *j, unsigned depth)
{
	bool deep = false;
	const char *name;
	json_t *item;
	size_t i;

	if (!json_is_object(j) && !json_is_array(j))
		return false;
	if (depth > EVIDENCE_JSON_DEPTH)
		return true;
	json_array_foreach(j, i, item)
		deep = deep || too_deep(item, depth + 1);
	json_object_foreach((json_t *)(uintptr_t)j, name, item)
		deep = deep || too_deep(item, depth + 1);
	return deep;
}

static const char *
judge(const struct evidence_parts *p, const struct evidence_verdict *v,
    const json_t *o, struct strbuf *missing)
{
	const json_t *tree = json_object_get(o, "tree");

	if (!json_is_object(o))
		return "no JSON object";
	if (too_deep(o, 1))
		return "nested too deep";
	if (!is_text(json_object_get(o, "format"), EVIDENCE_FORMAT))
		return "of another format";
	if (!is_text(json_object_get(o, "origin"), v->key.name))
		return "of another log";
	if (!is_number(json_object_get(tree, "size"), v->checkpoint.size) ||
	    !is_hex(json_object_get(tree, "root"), v->checkpoint.root,
	    sizeof(v->checkpoint.root), NULL))
		return "of another checkpoint";
	if (!check_entries(p, json_object_get(o, "entries")))
		return "it does not name the entries of this file";
	if (!read_missing(json_object_get(o, "missing_texts"), missing))
		return "it does not say which texts are missing";
	return NULL;
}

bool
evidence_check_json(struct evidence_parts *p,
    struct evidence_verdict *v, struct strbuf *missing)
{
	const struct ustar_member *m = p->head[HEAD_JSON];
	const char *why;

	p->json = json_loadb((const char *)m->content.p, m->content.len,
	    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	strbuf_init(missing, EVIDENCE_MISSING_MAX * 32);
	why = judge(p, v, p->json, missing);
	return why == NULL || evidence_bad(v, m->name, "%s", why);
}
