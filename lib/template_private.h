/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_private.h - what the template's files share.
 *
 * A compiled body is a list of segments in message order: constant runs, and
 * texts, whose literals are runs too, one for each literal of their mustache.
 * All octets of runs and constant header fields lie in one buffer and are
 * named by offset, since it moves while it grows.
 */
#ifndef LIB_TEMPLATE_PRIVATE_H
#define LIB_TEMPLATE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "lib/address.h"
#include "lib/cte.h"
#include "lib/lint.h"
#include "lib/mime_out.h"
#include "lib/mustache.h"
#include "lib/strbuf.h"
#include "lib/template.h"

/* Indices of the builtin values; template_builtins[] has their names. */
enum {
	BUILTIN_ADDRESS,
	BUILTIN_LIST,
	BUILTIN_MEMBER_SINCE,
	BUILTIN_MESSAGE_ID,
	BUILTIN_POSTAL_ADDRESS,
	BUILTIN_UNSUBSCRIBE_URL,
	BUILTINS
};
extern const char *const template_builtins[BUILTINS];

struct span {
	uint32_t	at, len;	/* in template.bytes */
};

struct run {
	struct span	 wire;		/* dot-stuffed */
	struct span	 raw;		/* as it is */
	struct span	 canon;		/* relaxed, for DKIM */
	uint8_t		 end_col;	/* quoted-printable: column reached */
	bool		 begins_line;	/* its first octets end a line */
};

struct text {
	struct mustache	*m;
	struct run	*run;		/* by op index; of literals alone */
};

struct segment {
	bool		 is_text;
	uint32_t	 index;		/* of template.text or template.run */
};

enum field_kind {
	FIELD_CONSTANT,
	FIELD_DATE,
	FIELD_TO,
	FIELD_SUBJECT,
	FIELD_MESSAGE_ID,
	FIELD_UNSUBSCRIBE,
	FIELD_CFBL_ID,
	FIELD_EXTRA,
};

struct field_op {
	enum field_kind	 kind;
	struct span	 raw;		/* FIELD_CONSTANT */
	uint32_t	 name_len;	/* likewise */
	unsigned	 extra;		/* FIELD_EXTRA: which */
};

struct author {
	bool		reply_to;	/* in Reply-To, not From or Sender */
	struct address	address;
};

struct template {
	struct strbuf	 bytes;
	struct author	*author;
	size_t		 authors;
	struct field_op	 field[TEMPLATE_FIELDS_MAX];
	size_t		 fields;
	struct mustache	*subject;	/* NULL when it is constant */
	struct run	*run;
	struct text	*text;
	struct segment	*segment;
	size_t		 runs, texts, segments;
	char		*base_url, *bounce_domain, *id_domain;
	char		*list_title, *postal_address;
	char		*extra[TEMPLATE_EXTRA_MAX];
	int64_t		 date_ms;
	size_t		 body_max;
	unsigned	 links;
	/* SHA-256 of the canonical octets no value comes before. */
	EVP_MD_CTX	*prefix;
	size_t		 prefix_octets;	/* of them, line ends held back too */
	size_t		 prefix_held;	/* empty lines' CRLF at its end */
};

/* The state of compiling one message. */
struct compiler {
	struct template			*t;
	const struct template_params	*p;
	const struct mime_message	*m;	/* NULL: a notice */
	struct strbuf			 pending;	/* next run's octets */
	struct strbuf			 mime;	/* Content-* of the message */
	bool				 wrapped;	/* in a multipart of ours */
	struct err			*e;
};

/* template.c */
/* Append what p[len] is to t->bytes; its span. */
struct span template_add(struct template *t, const char *p, size_t len);
/* One more segment or -1 with e. */
int template_add_segment(struct compiler *c, bool is_text, size_t index);

/* template_header.c */
int template_header_compile(struct compiler *c);
int template_notice_header(struct compiler *c,
    const struct template_notice *n);
int template_header_render(const struct template *t,
    const struct template_values *v, const struct slice builtin[BUILTINS],
    struct strbuf *scratch, struct rendered *out, struct err *e);

/* template_body.c */
int template_body_compile(struct compiler *c);
/* Make a run of what is pending and a segment of it. */
int template_flush(struct compiler *c);

/* template_text.c: UTF-8 source of a body text. */
struct source {
	struct strbuf	 text;
	bool		 html, flowed;
	bool		 line;		/* values show on one line */
	bool		 footed;	/* the footer was added */
	bool		 headed;	/* the reminder was */
	char		 where[64];		/* "part 1.2, ", for errors */
};
/* Compile s, with footers added to it as needed; NULL with c->e. */
struct mustache *template_text_compile(struct compiler *c, struct source *s);
/* Let an HTML text say that it is UTF-8: 1 when it said else, 0, -1. */
int template_text_retarget(struct source *s, struct err *e);
/* Can m, with the values it uses, be written in charset? */
bool template_text_fits(struct compiler *c, const struct mustache *m,
    const char *charset);
/* Encode m's literals in charset, add the text as a segment; m is taken. */
int template_text_encode(struct compiler *c, struct mustache *m,
    const char *charset);

/* template_place.c: give every variable of m its context. */
struct places {
	bool	link, postal;	/* shown whatever the values are */
};
int template_place(struct mustache *m, const struct source *s,
    const char *trusted, struct places *r, struct err *e);
/* Is name[len] among the names in list, which has blanks between? */
bool template_is_trusted(const void *list, const char *name, size_t len);

/* template_footer.c */
/* Add to s what is missing of link and postal address. */
int template_footer(struct source *s, const struct template_params *p,
    bool link, bool postal, struct err *e);
/* Put what a reminder says before the text. */
int template_reminder(struct source *s, struct err *e);

/* template_render.c */
int template_hash_prefix(struct template *t, struct err *e);

#endif
