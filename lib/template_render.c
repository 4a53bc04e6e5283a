/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_render.c - one copy: runs, values between them, and their hash.
 *
 * The body grows as a list of pieces: a run of the template, or octets in the
 * arena, where values are encoded.  A short run is copied to the arena too,
 * which makes fewer and longer pieces.  Only when all is there and nothing
 * moves any more do pieces become the iovec, and their canonical octets go
 * into SHA-256, continued from the state the template keeps of its beginning.
 *
 * Every run of a text begins at column 0 of an encoded line, or with a line
 * end; where the octets before it end elsewhere a soft break comes between.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/template_private.h"

#define RUN_COPIED	256	/* octets up to which a run is copied */
#define SCRATCH_MAX	(TEMPLATE_COPY_MAX + 1024)
#define PIECES_FIRST	64

struct piece {
	const struct run	*run;	/* NULL: in the arena */
	size_t			 at, len;	/* there */
};

struct renderer {
	struct piece	*piece;
	size_t		 pieces, cap, iov_cap;
	struct strbuf	 arena;		/* of the body */
	struct strbuf	 scratch;	/* one value, escaped */
	struct strbuf	 link;		/* unsubscribe_url and message_id */
	unsigned	 col;		/* of the encoded line */
	size_t		 octets;	/* raw, so far */
	EVP_MD_CTX	*md;
	/* of the copy being made */
	const struct template *t;
	const struct text *text;
	const struct mustache_op *op;
	struct err	*e;
};

/* ---- the canonical body's hash */

/* Empty lines at the end do not count, so line ends wait for what follows. */
struct hash {
	EVP_MD_CTX	*md;
	size_t		 held;		/* CRLF not yet hashed */
	bool		 any;		/* something was hashed */
	bool		 failed;
};

static void
hash_update(struct hash *h, const char *p, size_t len)
{
	if (EVP_DigestUpdate(h->md, p, len) != 1)
		h->failed = true;
	h->any = true;
}

static void
hash_piece(struct hash *h, const char *p, size_t len)
{
	size_t tail = 0;

	while (len - 2 * tail >= 2 && p[len - 2 * tail - 1] == '\n' &&
	    p[len - 2 * tail - 2] == '\r')
		tail++;
	if (len > 2 * tail) {
		for (; h->held > 0; h->held--)
			hash_update(h, "\r\n", 2);
		hash_update(h, p, len - 2 * tail);
	}
	h->held += tail;
}

static void
hash_end(struct hash *h)
{
	if (h->any)
		hash_update(h, "\r\n", 2);
}

/* What of a copy is known to stand in front of the first value. */
int
template_hash_prefix(struct template *t, struct err *e)
{
	struct hash h = { .md = EVP_MD_CTX_new() };
	const struct mustache_op *op;
	size_t n;

	t->prefix = h.md;
	if (h.md == NULL || EVP_DigestInit_ex(h.md, EVP_sha256(), NULL) != 1)
		goto fail;
	for (size_t i = 0; i < t->segments; i++) {
		const struct segment *s = &t->segment[i];
		const struct run *run = NULL;

		if (!s->is_text) {
			run = &t->run[s->index];
		} else {
			op = mustache_ops(t->text[s->index].m, &n);
			if (n > 0 && op[0].type == MUSTACHE_LITERAL)
				run = &t->text[s->index].run[0];
		}
		if (run != NULL) {
			hash_piece(&h, t->bytes.s + run->canon.at,
			    run->canon.len);
			t->prefix_octets += run->canon.len;
		}
		if (s->is_text)
			break;
	}
	t->prefix_held = h.held;
	if (!h.failed)
		return 0;
fail:
	err_set(e, ERR_CRYPTO, "SHA-256 is not to be had");
	return -1;
}

static int
hash_body(struct renderer *r, uint8_t hash_r[static DKIM_HASH_LEN])
{
	const struct template *t = r->t;
	struct hash h = { .md = r->md, .held = t->prefix_held,
	    .any = t->prefix_octets > 2 * t->prefix_held };
	size_t skip = t->prefix_octets;
	unsigned n = DKIM_HASH_LEN;

	if (EVP_MD_CTX_copy_ex(r->md, t->prefix) != 1)
		h.failed = true;
	for (size_t i = 0; i < r->pieces; i++) {
		const struct piece *p = &r->piece[i];
		const char *s = p->run != NULL ? t->bytes.s + p->run->canon.at :
		    r->arena.s + p->at;
		size_t len = p->run != NULL ? p->run->canon.len : p->len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		hash_piece(&h, s + skip, len - skip);
		skip = 0;
	}
	hash_end(&h);
	if (h.failed || EVP_DigestFinal_ex(r->md, hash_r, &n) != 1) {
		err_set(r->e, ERR_CRYPTO, "SHA-256 failed");
		return -1;
	}
	return 0;
}

/* ---- pieces */

static int
too_long(struct renderer *r)
{
	err_set(r->e, ERR_LIMIT, "the copy's body is longer than %zu octets",
	    r->t->body_max);
	return -1;
}

static int
add_piece(struct renderer *r, const struct run *run, size_t at, size_t len)
{
	struct piece *last = r->pieces > 0 ? &r->piece[r->pieces - 1] : NULL;

	r->octets += run != NULL ? run->raw.len : len;
	if (r->octets > r->t->body_max)
		return too_long(r);
	if (run == NULL && last != NULL && last->run == NULL) {
		last->len += len;	/* the arena has no holes */
		return 0;
	}
	if (r->pieces == r->cap) {
		size_t cap = r->cap != 0 ? r->cap * 2 : PIECES_FIRST;
		struct piece *bigger = reallocarray(r->piece, cap,
		    sizeof(*bigger));

		if (bigger == NULL) {
			err_set(r->e, ERR_SYSTEM, "no memory for a copy");
			return -1;
		}
		r->piece = bigger;
		r->cap = cap;
	}
	r->piece[r->pieces++] = (struct piece){ run, at, len };
	return 0;
}

/* What was appended to the arena since it had at octets. */
static int
add_arena(struct renderer *r, size_t at)
{
	if (r->arena.overflow)
		return too_long(r);
	return add_piece(r, NULL, at, r->arena.len - at);
}

static int
add_run(struct renderer *r, const struct run *run)
{
	size_t at = r->arena.len;

	if (r->col != 0 && !run->begins_line) {
		qp_soft_break(&r->arena, &r->col);
		if (add_arena(r, at) == -1)
			return -1;
		at = r->arena.len;
	}
	r->col = run->end_col;
	/* The prefix is hashed already, and a run that is stuffed has forms. */
	if (run->raw.len > RUN_COPIED || run->wire.at != run->raw.at ||
	    run->canon.at != run->raw.at)
		return add_piece(r, run, 0, 0);
	strbuf_add(&r->arena, r->t->bytes.s + run->raw.at, run->raw.len);
	return add_arena(r, at);
}

static int
on_literal(void *arg, size_t i)
{
	struct renderer *r = arg;

	return add_run(r, &r->text->run[i]);
}

static int
on_value(void *arg, size_t i, const char *p, size_t len)
{
	struct renderer *r = arg;
	enum mustache_context context = r->op[i].context;
	size_t at = r->arena.len, plain = 0;

	if (!r->op[i].raw)
		while (plain < len && !mustache_is_special(context,
		    (uint8_t)p[plain]))
			plain++;
	if (!r->op[i].raw && plain < len) {
		strbuf_reset(&r->scratch);
		mustache_escape(&r->scratch, context, p, len);
		if (r->scratch.overflow)
			return too_long(r);
		p = r->scratch.s;
		len = r->scratch.len;
	}
	qp_encode(&r->arena, p, len, &r->col);
	return add_arena(r, at);
}

static int
make_pieces(struct renderer *r, const struct mustache_data *data)
{
	static const struct mustache_sink sink = { on_literal, on_value };
	const struct template *t = r->t;
	size_t n;

	for (size_t i = 0; i < t->segments; i++) {
		const struct segment *s = &t->segment[i];

		if (!s->is_text) {
			if (add_run(r, &t->run[s->index]) == -1)
				return -1;
			continue;
		}
		r->text = &t->text[s->index];
		r->op = mustache_ops(r->text->m, &n);
		if (mustache_walk(r->text->m, data, &sink, r, r->e) == -1)
			return -1;
	}
	/* A section at the end can take the last line's end along. */
	if (r->col != 0) {
		size_t at = r->arena.len;

		strbuf_add(&r->arena, "\r\n", 2);
		r->col = 0;
		return add_arena(r, at);
	}
	return 0;
}

static int
make_iov(struct renderer *r, bool bdat, struct rendered *out)
{
	struct iovec *bigger;

	if (r->pieces > r->iov_cap) {
		bigger = reallocarray(out->iov, r->cap, sizeof(*bigger));
		if (bigger == NULL) {
			err_set(r->e, ERR_SYSTEM, "no memory for a copy");
			return -1;
		}
		out->iov = bigger;
		r->iov_cap = r->cap;
	}
	out->wire_octets = 0;
	for (size_t i = 0; i < r->pieces; i++) {
		const struct piece *p = &r->piece[i];
		struct iovec *v = &out->iov[i];

		if (p->run == NULL) {
			v->iov_base = r->arena.s + p->at;
			v->iov_len = p->len;
		} else {
			const struct span *s = bdat ? &p->run->raw :
			    &p->run->wire;

			v->iov_base = r->t->bytes.s + s->at;
			v->iov_len = s->len;
		}
		out->wire_octets += v->iov_len;
	}
	out->iovs = r->pieces;
	return 0;
}

/* ---- a copy */

static struct renderer *
renderer_new(struct err *e)
{
	struct renderer *r = calloc(1, sizeof(*r));

	if (r == NULL || (r->md = EVP_MD_CTX_new()) == NULL) {
		err_set(e, ERR_SYSTEM, "no memory for a copy");
		free(r);
		return NULL;
	}
	strbuf_init(&r->arena, 4 * (size_t)TEMPLATE_COPY_MAX);
	strbuf_init(&r->scratch, SCRATCH_MAX);
	strbuf_init(&r->link, TEMPLATE_URL_MAX + 2 * TEMPLATE_TOKEN_MAX + 512);
	return r;
}

void
rendered_free(struct rendered *out)
{
	struct renderer *r = out->renderer;

	strbuf_free(&out->header);
	free(out->iov);
	if (r != NULL) {
		free(r->piece);
		strbuf_free(&r->arena);
		strbuf_free(&r->scratch);
		strbuf_free(&r->link);
		EVP_MD_CTX_free(r->md);
		free(r);
	}
	*out = (struct rendered)RENDERED_INIT;
}

static struct slice
slice_of(const char *s)
{
	return (struct slice){ (const uint8_t *)(s != NULL ? s : ""),
	    s != NULL ? strlen(s) : 0 };
}

/* What {{unsubscribe_url}} and {{message_id}} show lies in r->link. */
static int
make_builtins(struct renderer *r, const struct template_values *v,
    struct slice builtin[BUILTINS])
{
	const struct template *t = r->t;
	struct strbuf *b = &r->link;
	size_t url = 0;

	strbuf_reset(b);
	if (t->base_url != NULL && v->url_token != NULL) {
		strbuf_adds(b, t->base_url);
		strbuf_adds(b, "/u/");
		strbuf_adds(b, v->url_token);
		url = b->len;
	}
	strbuf_adds(b, v->message_token != NULL ? v->message_token : "");
	strbuf_addc(b, '@');
	strbuf_adds(b, t->id_domain);
	if (b->overflow) {
		err_set(r->e, ERR_LIMIT, "a token is too long");
		return -1;
	}
	builtin[BUILTIN_ADDRESS] = slice_of(v->address);
	builtin[BUILTIN_LIST] = slice_of(t->list_title);
	builtin[BUILTIN_MEMBER_SINCE] = slice_of(v->member_since);
	builtin[BUILTIN_POSTAL_ADDRESS] = slice_of(t->postal_address);
	builtin[BUILTIN_UNSUBSCRIBE_URL] = (struct slice){
	    (const uint8_t *)b->s, url };
	builtin[BUILTIN_MESSAGE_ID] = (struct slice){
	    (const uint8_t *)b->s + url, b->len - url };
	return 0;
}

int
template_render(const struct template *t,
    const struct template_values *values, struct rendered *out,
    struct err *e)
{
	struct slice builtin[BUILTINS];
	struct mustache_data data = { values->attributes, builtin };
	struct renderer *r = out->renderer;

	if (r == NULL && (r = out->renderer = renderer_new(e)) == NULL)
		return -1;
	r->t = t;
	r->e = e;
	r->pieces = 0;
	r->col = 0;
	r->octets = 0;
	strbuf_reset(&r->arena);
	strbuf_reset(&out->header);
	if (make_builtins(r, values, builtin) == -1 ||
	    template_header_render(t, values, builtin, &r->scratch, out, e) ==
	    -1 ||
	    make_pieces(r, &data) == -1 ||
	    make_iov(r, values->bdat, out) == -1 ||
	    hash_body(r, out->body_hash) == -1)
		return -1;
	out->octets = out->header.len + 2 + r->octets;
	return 0;
}
