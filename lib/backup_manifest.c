/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_manifest.c - the list of what a backup holds.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/backup_manifest.h"
#include "lib/err.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"

#define HEAD	"listd backup 1\n"

/* What is left of the text, and where it is. */
struct reader {
	const char	*p, *end;
	size_t		 line;
};

void
backup_manifest_free(struct backup_manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].path);
	free(m->v);
	*m = (struct backup_manifest){ .n = 0 };
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool
backup_path_ok(const char *path)
{
	char before = '/';
	size_t n;

	for (n = 0; path[n] != '\0'; before = path[n++]) {
		if (n >= BACKUP_PATH_MAX)
			return false;
		if (path[n] == '/' || path[n] == '.') {
			if (before == '/')
				return false;
		} else if (!is_word(path[n]))
			return false;
	}
	return n > 0 && before != '/';
}

struct backup_file *
backup_manifest_add(struct backup_manifest *m, const char *path)
{
	if (m->n == m->cap) {
		m->cap = m->cap != 0 ? m->cap * 2 : 64;
		m->v = xreallocarray(m->v, m->cap, sizeof(*m->v));
	}
	m->v[m->n] = (struct backup_file){ .path = xstrdup(path) };
	return &m->v[m->n++];
}

static void
put_hex(struct strbuf *out, const uint8_t hash[static BACKUP_HASH])
{
	for (size_t i = 0; i < BACKUP_HASH; i++)
		strbuf_addf(out, "%02x", hash[i]);
}

void
backup_manifest_write(const struct backup_manifest *m, struct strbuf *out)
{
	strbuf_addf(out, HEAD "time %lld\nledger %llu ",
	    (long long)m->when_ms, (unsigned long long)m->ledger);
	put_hex(out, m->root);
	strbuf_addf(out, "\n");
	for (size_t i = 0; i < m->n; i++) {
		strbuf_addf(out, "file ");
		put_hex(out, m->v[i].hash);
		strbuf_addf(out, " %llu %s\n",
		    (unsigned long long)m->v[i].size, m->v[i].path);
	}
	strbuf_addf(out, "end %zu\n", m->n);
}

/* ---- reading */

static bool
take(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, text, len) != 0)
		return false;
	r->p += len;
	return true;
}

static bool
take_number(struct reader *r, uint64_t *v)
{
	const char *from = r->p;

	for (*v = 0; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
		if (*v > (uint64_t)INT64_MAX / 10 - 1)
			return false;
		*v = *v * 10 + (uint64_t)(*r->p - '0');
	}
	return r->p > from && (*from != '0' || r->p == from + 1);
}

static int
nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ?
	    c - 'a' + 10 : -1;
}

static bool
take_hex(struct reader *r, uint8_t hash[static BACKUP_HASH])
{
	if (r->end - r->p < 2 * BACKUP_HASH)
		return false;
	for (size_t i = 0; i < BACKUP_HASH; i++, r->p += 2) {
		int a = nibble(r->p[0]), b = nibble(r->p[1]);

		if (a == -1 || b == -1)
			return false;
		hash[i] = (uint8_t)(a << 4 | b);
	}
	return true;
}

static bool
take_path(struct reader *r, char path[static BACKUP_PATH_MAX + 1])
{
	size_t n = 0;

	while (r->p < r->end && *r->p != '\n' && n < BACKUP_PATH_MAX)
		path[n++] = *r->p++;
	path[n] = '\0';
	return strlen(path) == n && backup_path_ok(path);
}

/* The head lines. */
static bool
parse_head(struct reader *r, struct backup_manifest *m)
{
	uint64_t when;

	if (!take(r, HEAD))
		return false;
	r->line++;
	if (!take(r, "time ") || !take_number(r, &when) || !take(r, "\n"))
		return false;
	m->when_ms = (int64_t)when;
	r->line++;
	if (!take(r, "ledger ") || !take_number(r, &m->ledger) ||
	    !take(r, " ") || !take_hex(r, m->root) || !take(r, "\n"))
		return false;
	r->line++;
	return true;
}

static bool
parse_file(struct reader *r, struct backup_manifest *m)
{
	char path[BACKUP_PATH_MAX + 1];
	struct backup_file f = { .size = 0 };
	struct backup_file *at;

	if (!take_hex(r, f.hash) || !take(r, " ") ||
	    !take_number(r, &f.size) || !take(r, " ") ||
	    !take_path(r, path) || !take(r, "\n"))
		return false;
	at = backup_manifest_add(m, path);
	memcpy(at->hash, f.hash, sizeof(f.hash));
	at->size = f.size;
	r->line++;
	return true;
}

static bool
parse(struct reader *r, struct backup_manifest *m)
{
	uint64_t n;

	if (!parse_head(r, m))
		return false;
	while (take(r, "file "))
		if (!parse_file(r, m))
			return false;
	return take(r, "end ") && take_number(r, &n) && n == m->n &&
	    take(r, "\n") && r->p == r->end;
}

int
backup_manifest_parse(struct backup_manifest *m, const char *p, size_t len,
    struct err *e)
{
	struct reader r = { p, p + len, 1 };

	if (len > 0 && parse(&r, m))
		return 0;
	backup_manifest_free(m);
	err_set(e, ERR_INPUT, BACKUP_MANIFEST ":%zu: not what a backup says",
	    r.line);
	return -1;
}
