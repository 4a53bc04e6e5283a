/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence_private.h - shared by evidence*.c: what writing and checking make
 * alike, and the file as it was taken apart.
 */
#ifndef LIB_EVIDENCE_PRIVATE_H
#define LIB_EVIDENCE_PRIVATE_H

#include "lib/evidence.h"

#define EVIDENCE_MANIFEST	"MANIFEST"
#define EVIDENCE_SIGNATURE	"MANIFEST.sig"
#define EVIDENCE_STATEMENT_MAX	512

/* In the order of the file. */
enum evidence_head {
	HEAD_README, HEAD_TEXT, HEAD_HTML, HEAD_JSON, HEAD_CHECKPOINT,
	HEAD_KEY, HEADS
};

struct evidence_item {
	const struct ustar_member *member;
	uint64_t	index;			/* entries, mails */
	const struct ustar_member *proof;	/* entries */
	uint8_t		hash[32];		/* texts: by its name */
	struct slice	sent, sent_hash;	/* entries: keys 43 and 44 */
};

/* A file whose members are the right ones. */
struct evidence_parts {
	struct ustar_member *member;		/* all of them */
	size_t		 n, cap;
	const struct ustar_member *head[HEADS];
	struct evidence_item *item;	/* entries, then texts, then mails */
	size_t		 entries, texts, mails;
	const struct ustar_member *manifest, *signature;
	json_t		*json;			/* evidence.json, read */
};

static inline struct evidence_item *
evidence_texts(const struct evidence_parts *p)
{
	return p->item + p->entries;
}

static inline struct evidence_item *
evidence_mails(const struct evidence_parts *p)
{
	return p->item + p->entries + p->texts;
}

int evidence_sha256(struct slice s, uint8_t out[static 32]);
void evidence_hex(const uint8_t *p, size_t len, struct strbuf *out);
int evidence_manifest_line(struct strbuf *out, const char *name,
    struct slice content);
/* What MANIFEST.sig signs. */
int evidence_statement(struct strbuf *out, const char *origin,
    struct slice manifest);

/* evidence_parts.c: steps 1 and 2.  False with v filled. */
bool evidence_take_apart(struct evidence_parts *p, struct slice file,
    struct evidence_verdict *v);
void evidence_parts_free(struct evidence_parts *p);

/*
 * evidence_json.c: step 7.  p->json is set; missing_r, to be freed: 32 octets
 * each.
 */
bool evidence_check_json(struct evidence_parts *p,
    struct evidence_verdict *v, struct strbuf *missing_r);

/* evidence_words.c: says an object of "entries" what its entry does? */
bool evidence_words_agree(const json_t *said, struct slice entry);

/* Say what is wrong; false, for return. */
bool evidence_bad(struct evidence_verdict *v, const char *where,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
