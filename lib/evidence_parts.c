/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_parts.c - take a file of evidence apart: the archive, and that its
 * members are those of the format, in its order (lib/EVIDENCE, 1 and 2).
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/err.h"
#include "lib/evidence_private.h"
#include "lib/hex.h"

#define HEX_HASH	64

static const char *const heads[HEADS] = {
	[HEAD_README] = "README.txt", [HEAD_TEXT] = "report.txt",
	[HEAD_HTML] = "report.html", [HEAD_JSON] = "evidence.json",
	[HEAD_CHECKPOINT] = "checkpoint", [HEAD_KEY] = "log.vkey",
};

bool
evidence_bad(struct evidence_verdict *v, const char *where, const char *fmt,
    ...)
{
	va_list ap;

	v->sound = false;
	snprintf(v->where, sizeof(v->where), "%s", where);
	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
	return false;
}

void
evidence_parts_free(struct evidence_parts *p)
{
	free(p->member);
	free(p->item);
	json_decref(p->json);
}

/* ---- the archive */

static bool
room_for_one(struct evidence_parts *p)
{
	size_t cap = p->cap == 0 ? 64 : 2 * p->cap;
	struct ustar_member *m;

	if (p->n < p->cap)
		return true;
	if ((m = reallocarray(p->member, cap, sizeof(*m))) == NULL)
		return false;
	p->member = m;
	p->cap = cap;
	return true;
}

static bool
read_archive(struct evidence_parts *p, struct slice file,
    struct evidence_verdict *v)
{
	struct err e = ERR_INIT;
	struct ustar u;
	int rc;

	if (file.len > EVIDENCE_FILE_MAX)
		return evidence_bad(v, "archive", "over %u octets",
		    EVIDENCE_FILE_MAX);
	ustar_init(&u, file.p, file.len);
	for (;;) {
		if (!room_for_one(p))
			return evidence_bad(v, "archive", "no memory");
		if ((rc = ustar_next(&u, &p->member[p->n], &e)) != 1)
			break;
		if (++p->n > EVIDENCE_MEMBERS_MAX)
			return evidence_bad(v, "archive", "too many members");
	}
	return rc == 0 || evidence_bad(v, "archive", "%s", e.text);
}

/* ---- its members */

/* Where the members are looked at. */
struct walk {
	struct evidence_parts *p;
	size_t		 at;
};

static const struct ustar_member *
peek(const struct walk *w)
{
	return w->at < w->p->n ? &w->p->member[w->at] : NULL;
}

/* The next member if it has this name, else NULL. */
static const struct ustar_member *
take(struct walk *w, const char *name)
{
	const struct ustar_member *m = peek(w);

	if (m == NULL || strcmp(m->name, name) != 0)
		return NULL;
	w->at++;
	return m;
}

static bool
misplaced(const struct walk *w, struct evidence_verdict *v)
{
	const struct ustar_member *m = peek(w);

	return m == NULL ?
	    evidence_bad(v, "archive", "it ends before its manifest") :
	    evidence_bad(v, m->name, "a member that does not belong there");
}

/* The number in FOLDER NUMBER SUFFIX, or 0. */
static uint64_t
number_in(const char *name, const char *folder, const char *suffix)
{
	size_t len = strlen(name), nf = strlen(folder), ns = strlen(suffix);
	uint64_t n;

	if (len < nf + ns || memcmp(name, folder, nf) != 0 ||
	    memcmp(name + len - ns, suffix, ns) != 0 ||
	    !decimal_get(name + nf, len - nf - ns, INT64_MAX, &n))
		return 0;
	return n;
}

/* Entries with their proofs; false when one has none. */
static bool
take_entries(struct walk *w)
{
	const struct ustar_member *m;
	uint64_t n, last = 0;
	char name[USTAR_NAME_MAX + 1];

	while ((m = peek(w)) != NULL && w->p->entries < EVIDENCE_ENTRIES_MAX &&
	    (n = number_in(m->name, "entries/", ".entry")) > last) {
		struct evidence_item *it = &w->p->item[w->p->entries];

		w->at++;
		snprintf(name, sizeof(name), "entries/%llu.tlog-proof",
		    (unsigned long long)n);
		*it = (struct evidence_item){ .member = m,
			.index = last = n };
		if ((it->proof = take(w, name)) == NULL)
			return false;
		w->p->entries++;
	}
	return true;
}

static bool
hash_of_name(const char *name, uint8_t hash[static 32])
{
	const char *hex = name + strlen("shown/");

	if (strncmp(name, "shown/", strlen("shown/")) != 0 ||
	    strlen(hex) != HEX_HASH ||
	    strspn(hex, "0123456789abcdef") != HEX_HASH)
		return false;
	for (size_t i = 0; i < 32; i++)
		hash[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 |
		    hex_digit(hex[2 * i + 1]));
	return true;
}

static void
take_texts(struct walk *w)
{
	struct evidence_item *it = evidence_texts(w->p);
	const struct ustar_member *m;
	uint8_t hash[32];

	for (; (m = peek(w)) != NULL && hash_of_name(m->name, hash); it++) {
		if (w->p->texts > 0 && memcmp(it[-1].hash, hash, 32) >= 0)
			return;
		*it = (struct evidence_item){ .member = m };
		memcpy(it->hash, hash, sizeof(hash));
		w->p->texts++;
		w->at++;
	}
}

static void
take_mails(struct walk *w)
{
	struct evidence_item *it = evidence_mails(w->p);
	const struct ustar_member *m;
	uint64_t n, last = 0;

	for (; (m = peek(w)) != NULL &&
	    (n = number_in(m->name, "mails/", ".eml")) > last; it++) {
		*it = (struct evidence_item){ .member = m,
			.index = last = n };
		w->p->mails++;
		w->at++;
	}
}

bool
evidence_take_apart(struct evidence_parts *p, struct slice file,
    struct evidence_verdict *v)
{
	struct walk w = { .p = p };

	if (!read_archive(p, file, v))
		return false;
	p->item = calloc(p->n + 1, sizeof(*p->item));
	if (p->item == NULL)
		return evidence_bad(v, "archive", "no memory");
	for (size_t i = 0; i < HEADS; i++)
		if ((p->head[i] = take(&w, heads[i])) == NULL)
			return misplaced(&w, v);
	if (!take_entries(&w))
		return misplaced(&w, v);
	take_texts(&w);
	take_mails(&w);
	if ((p->manifest = take(&w, EVIDENCE_MANIFEST)) == NULL ||
	    (p->signature = take(&w, EVIDENCE_SIGNATURE)) == NULL ||
	    w.at != p->n)
		return misplaced(&w, v);
	v->entries = p->entries;
	v->texts = p->texts;
	v->mails = p->mails;
	return true;
}
