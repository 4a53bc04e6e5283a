/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template_header.c - the header of every copy: what stays, what is made.
 *
 * Fields that are the same in every copy are written once, here.  The others
 * are written per copy, through the one gate of header.h (R95), so that
 * nothing a list, a subscriber or a token holds can begin a field of its own.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/date.h"
#include "lib/err.h"
#include "lib/header.h"
#include "lib/mailhead.h"
#include "lib/template_private.h"
#include "lib/utf8.h"
#include "lib/xmalloc.h"

/*
 * The author's fields that do not leave, or leave in a form of ours.  A '*' at
 * the end: any that begins so.  Everything else is kept.
 */
static const char *const not_kept[] = {
	/* made for every copy */
	"Date", "To", "Message-ID", "Subject", "MIME-Version", "Content-*",
	"List-*", "Feedback-ID", "CFBL-*", "Listd-*", "Form-Sub",
	/* recipients, of whom a copy has one (R93) */
	"Cc", "Bcc", "Apparently-To", "X-Original-To", "Delivered-To",
	"Envelope-*", "X-Envelope-*",
	/* the way a message came, and what was found on it */
	"Received", "X-Received", "Received-SPF", "Return-Path", "Resent-*",
	"DKIM-*", "DomainKey-Signature", "ARC-*", "Authentication-Results",
	"X-Spam-*", "X-Originating-IP", "X-Google-DKIM-Signature",
	/* would be answered by thousands */
	"Disposition-Notification-*", "Return-Receipt-To", "Errors-To",
	"X-Confirm-Reading-To",
	/* says things listd decides */
	"Precedence", "Auto-Submitted", "X-Auto-Response-Suppress", "Sender",
};

static bool
is_kept(const struct mime_field *f)
{
	for (size_t i = 0; i < sizeof(not_kept) / sizeof(not_kept[0]); i++) {
		size_t n = strlen(not_kept[i]);

		if (not_kept[i][n - 1] != '*') {
			if (mime_field_is(f, not_kept[i]))
				return false;
		} else if (f->name.len >= n - 1 && strncasecmp((const char *)
		    f->name.p, not_kept[i], n - 1) == 0) {
			return false;
		}
	}
	return true;
}

/* ---- compiling */

static struct field_op *
add_op(struct compiler *c, enum field_kind kind)
{
	struct template *t = c->t;

	if (t->fields == TEMPLATE_FIELDS_MAX - 1) {	/* the witness's */
		err_set(c->e, ERR_LIMIT, "more than %d header fields",
		    TEMPLATE_FIELDS_MAX - 1);
		return NULL;
	}
	t->field[t->fields] = (struct field_op){ .kind = kind };
	return &t->field[t->fields++];
}

/* The field raw[len], written already. */
static int
add_written(struct compiler *c, const char *raw, size_t len)
{
	struct field_op *op = add_op(c, FIELD_CONSTANT);

	if (op == NULL)
		return -1;
	op->raw = template_add(c->t, raw, len);
	op->name_len = (uint32_t)strcspn(raw, ":");
	return 0;
}

/* A field of structured text; value NULL: none. */
static int
add_raw(struct compiler *c, const char *name, const char *value)
{
	struct strbuf out = STRBUF_INIT(TEMPLATE_HEADER_MAX);
	int rc = 0;

	if (value == NULL)
		return 0;
	rc = header_field_raw(&out, name, value, strlen(value), c->e);
	if (rc == 0)
		rc = add_written(c, out.s, out.len);
	strbuf_free(&out);
	return rc;
}

/* The same for "<value>". */
static int
add_bracketed(struct compiler *c, const char *name, const char *value)
{
	struct strbuf v = STRBUF_INIT(TEMPLATE_HEADER_MAX);
	int rc;

	if (value == NULL)
		return 0;
	strbuf_addf(&v, "<%s>", value);
	rc = add_raw(c, name, v.s);
	strbuf_free(&v);
	return rc;
}

static int
add_date(struct compiler *c)
{
	char date[DATE_RFC5322_LEN + 1];

	date_rfc5322(c->t->date_ms, date);
	return add_raw(c, "Date", date);
}

static int
add_author_field(struct compiler *c, const struct mime_field *f)
{
	/* Subject is looked at apart; no other field takes placeholders. */
	if (memmem(f->value.p, f->value.len, "{{", 2) != NULL) {
		err_set(c->e, ERR_INPUT, "line %u: a placeholder in %.*s; of "
		    "the header only Subject takes them", (unsigned)f->line,
		    (int)f->name.len, (const char *)f->name.p);
		return -1;
	}
	return add_written(c, (const char *)f->raw.p, f->raw.len);
}

/* ---- who it is from */

struct collector {
	struct template	*t;
	bool		 reply_to, full;
};

static void
on_author(void *arg, const struct address *a, struct slice display)
{
	struct collector *k = arg;
	struct template *t = k->t;

	(void)display;
	if (t->authors == TEMPLATE_AUTHORS_MAX) {
		k->full = true;
		return;
	}
	t->author[t->authors++] = (struct author){ k->reply_to, *a };
}

/* Note the addresses of f. */
static int
collect(struct compiler *c, const struct mime_field *f)
{
	struct collector k = { c->t, mime_field_is(f, "Reply-To"), false };
	struct strbuf value = STRBUF_INIT(MIME_HEADER_MAX);
	unsigned bad = 0;
	int n;

	mime_field_unfold(f, &value);
	n = mailbox_list_parse(value.s, value.len, on_author, &k, &bad, c->e);
	strbuf_free(&value);
	if (n == -1)
		return -1;
	if (bad > 0 || k.full) {
		err_set(c->e, k.full ? ERR_LIMIT : ERR_INPUT, "line %u: %s in "
		    "%.*s", (unsigned)f->line, k.full ? "too many addresses" :
		    "what is no address", (int)f->name.len,
		    (const char *)f->name.p);
		return -1;
	}
	return 0;
}

static int
add_authors(struct compiler *c)
{
	const struct mime_part *top = &c->m->part[0];
	const struct mime_field *f = mime_field_find(c->m, 0, "From");
	bool many;

	c->t->author = xcalloc(TEMPLATE_AUTHORS_MAX, sizeof(*c->t->author));
	if (f != NULL && collect(c, f) == -1)
		return -1;
	/* R84: of several From addresses Sender names the one that sends. */
	many = c->t->authors > 1;
	for (uint32_t i = 0; i < top->fields; i++) {
		bool sender;

		f = &c->m->field[top->first_field + i];
		sender = many && mime_field_is(f, "Sender");
		if (!is_kept(f) && !sender)
			continue;
		if ((sender || mime_field_is(f, "Reply-To")) &&
		    collect(c, f) == -1)
			return -1;
		if (add_author_field(c, f) == -1)
			return -1;
	}
	return 0;
}

static int
compile_subject(struct compiler *c, const char *text, size_t len,
    const char *where)
{
	const struct mustache_params mp = { .context = MUSTACHE_HEADER,
	    .builtin = template_builtins, .builtins = BUILTINS };
	struct err why = ERR_INIT;

	c->t->subject = mustache_compile(text, len, &mp, &why);
	if (c->t->subject == NULL) {
		err_set(c->e, why.code, "%s%s", where, why.text);
		return -1;
	}
	return add_op(c, FIELD_SUBJECT) != NULL ? 0 : -1;
}

static int
add_subject(struct compiler *c)
{
	const struct mime_field *f = mime_field_find(c->m, 0, "Subject");
	struct strbuf value = STRBUF_INIT(MIME_HEADER_MAX);
	struct strbuf text = STRBUF_INIT(HEADER_DECODE_MAX);
	int ret = -1;

	if (f == NULL)
		return 0;
	mime_field_unfold(f, &value);
	if (header_decode(&text, value.s, value.len, c->e) == -1)
		goto out;
	if (strstr(text.s, "{{") == NULL) {
		ret = add_written(c, (const char *)f->raw.p, f->raw.len);
		goto out;
	}
	/* Encoding a second time what could not be decoded would show it. */
	if (strstr(text.s, "=?") != NULL) {
		err_set(c->e, ERR_INPUT, "line %u: a Subject with "
		    "placeholders must be in UTF-8", (unsigned)f->line);
		goto out;
	}
	ret = compile_subject(c, text.s, text.len, "Subject: ");
out:
	strbuf_free(&value);
	strbuf_free(&text);
	return ret;
}

/* The Content-* fields, cut from what the body's compiler collected. */
static int
add_mime(struct compiler *c)
{
	const char *p = c->mime.s, *end = p + c->mime.len, *next;

	if (add_raw(c, "MIME-Version", "1.0") == -1)
		return -1;
	for (; p < end; p = next) {
		next = p;
		do {
			next = memmem(next, (size_t)(end - next), "\r\n", 2);
			next = next != NULL ? next + 2 : end;
		} while (next < end && (*next == ' ' || *next == '\t'));
		if (add_written(c, p, (size_t)(next - p)) == -1)
			return -1;
	}
	return 0;
}

static int
add_feedback(struct compiler *c)
{
	const struct template_params *p = c->p;
	struct strbuf v = STRBUF_INIT(TEMPLATE_HEADER_MAX);
	int rc;

	if (p->feedback_sender == NULL)
		return 0;
	for (size_t i = 0; i < 3; i++)
		strbuf_addf(&v, "%s:", p->feedback[i] != NULL ?
		    p->feedback[i] : "");
	strbuf_adds(&v, p->feedback_sender);
	rc = add_raw(c, "Feedback-ID", v.s);
	strbuf_free(&v);
	return rc;
}

static int
add_cfbl(struct compiler *c)
{
	struct strbuf v = STRBUF_INIT(TEMPLATE_HEADER_MAX);
	int rc;

	if (c->p->cfbl_address == NULL)
		return 0;
	strbuf_addf(&v, "%s; report=arf", c->p->cfbl_address);
	rc = add_raw(c, "CFBL-Address", v.s);
	strbuf_free(&v);
	if (rc == -1)
		return -1;
	return add_op(c, FIELD_CFBL_ID) != NULL ? 0 : -1;
}

static int
add_extra(struct compiler *c)
{
	for (unsigned i = 0; i < TEMPLATE_EXTRA_MAX; i++) {
		struct field_op *op;

		if (c->t->extra[i] == NULL)
			continue;
		if ((op = add_op(c, FIELD_EXTRA)) == NULL)
			return -1;
		op->extra = i;
	}
	return 0;
}

int
template_header_compile(struct compiler *c)
{
	const struct template_params *p = c->p;

	if (add_authors(c) == -1 ||
	    add_op(c, FIELD_TO) == NULL ||
	    add_subject(c) == -1 ||
	    add_date(c) == -1 ||
	    add_op(c, FIELD_MESSAGE_ID) == NULL ||
	    add_mime(c) == -1 ||
	    add_bracketed(c, "List-Id", p->list_id) == -1 ||
	    add_op(c, FIELD_UNSUBSCRIBE) == NULL ||
	    add_raw(c, "List-Unsubscribe-Post",
	    "List-Unsubscribe=One-Click") == -1 ||
	    add_bracketed(c, "List-Help", p->help_uri) == -1 ||
	    add_bracketed(c, "List-Owner", p->owner_uri) == -1 ||
	    add_bracketed(c, "List-Subscribe", p->subscribe_uri) == -1 ||
	    add_raw(c, "List-Post", "NO") == -1 ||
	    add_feedback(c) == -1 || add_cfbl(c) == -1)
		return -1;
	return add_extra(c);
}

/* ---- notices */

static int
add_mailbox(struct compiler *c, const char *name, const char *display,
    const char *address)
{
	struct strbuf out = STRBUF_INIT(TEMPLATE_HEADER_MAX);
	struct address a;
	int rc = -1;

	if (address == NULL)
		return 0;
	if (address_parse(address, strlen(address), ADDRESS_ONE_LABEL, &a,
	    c->e) == 0 && header_field_mailbox(&out, name, display,
	    strlen(display), &a, c->e) == 0)
		rc = add_written(c, out.s, out.len);
	strbuf_free(&out);
	return rc;
}

int
template_notice_header(struct compiler *c, const struct template_notice *n)
{
	if (n->from == NULL) {
		err_set(c->e, ERR_INPUT, "a notice without From");
		return -1;
	}
	if (add_mailbox(c, "From", n->from_name != NULL ? n->from_name : "",
	    n->from) == -1 ||
	    add_mailbox(c, "Reply-To", "", n->reply_to) == -1 ||
	    add_op(c, FIELD_TO) == NULL ||
	    compile_subject(c, n->subject, strlen(n->subject), "Subject: ") ==
	    -1 ||
	    add_op(c, FIELD_DATE) == NULL ||
	    add_op(c, FIELD_MESSAGE_ID) == NULL ||
	    add_raw(c, "MIME-Version", "1.0") == -1 ||
	    add_raw(c, "Content-Type", n->media_type != NULL ? n->media_type :
	    "text/plain; charset=utf-8") == -1 ||
	    add_raw(c, "Content-Transfer-Encoding", n->media_type != NULL ?
	    "7bit" : "quoted-printable") == -1 ||
	    add_raw(c, "Auto-Submitted", n->auto_submitted) == -1 ||
	    add_bracketed(c, "List-Id", n->list_id) == -1)
		return -1;
	return add_extra(c);
}

/* ---- rendering */

struct writer {
	const struct template		*t;
	const struct template_values	*v;
	const struct slice		*builtin;
	struct strbuf			*scratch;
	struct strbuf			*out;
	struct err			*e;
	bool				 smtputf8;	/* To takes it */
};

/* Take what the base32 and dot-atoms of tokens are made of. */
static int
check_token(const char *what, const char *token, struct err *e)
{
	size_t len = token != NULL ? strlen(token) : 0;

	if (len > 0 && len <= TEMPLATE_TOKEN_MAX && token[0] != '.' &&
	    strspn(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789-_.") == len)
		return 0;
	err_set(e, ERR_INPUT, "%s is no token", what);
	return -1;
}

static int
write_scratch(struct writer *w, const char *name)
{
	if (w->scratch->overflow) {
		err_set(w->e, ERR_LIMIT, "%s: the value is too long", name);
		return -1;
	}
	return header_field_raw(w->out, name, w->scratch->s, w->scratch->len,
	    w->e);
}

static int
write_to(struct writer *w)
{
	const struct slice *a = &w->builtin[BUILTIN_ADDRESS];
	struct address parsed;

	/*
	 * One mailbox and nothing that could be read as more (R93): brackets,
	 * commas and blanks only inside a quoted local part.
	 */
	if (address_parse((const char *)a->p, a->len, ADDRESS_ONE_LABEL |
	    ADDRESS_UTF8, &parsed, w->e) == -1)
		return -1;
	strbuf_reset(w->scratch);
	strbuf_addc(w->scratch, '<');
	address_format(w->scratch, &parsed);
	strbuf_addc(w->scratch, '>');
	if (utf8_is_ascii(parsed.local, strlen(parsed.local)))
		return write_scratch(w, "To");
	/* RFC 6532 section 3.2: as it is.  It has no place to be folded at. */
	w->smtputf8 = true;
	strbuf_adds(w->out, "To: ");
	strbuf_add(w->out, w->scratch->s, w->scratch->len);
	strbuf_adds(w->out, "\r\n");
	return 0;
}

static int
write_message_id(struct writer *w)
{
	const struct slice *id = &w->builtin[BUILTIN_MESSAGE_ID];

	strbuf_reset(w->scratch);
	strbuf_addf(w->scratch, "<%.*s>", (int)id->len, (const char *)id->p);
	return write_scratch(w, "Message-ID");
}

/* RFC 8058 section 3.1: one HTTPS URI; RFC 2369: in order of preference. */
static int
write_unsubscribe(struct writer *w)
{
	const struct slice *url = &w->builtin[BUILTIN_UNSUBSCRIBE_URL];

	if (check_token("the mailto token", w->v->mailto_token, w->e) == -1)
		return -1;
	strbuf_reset(w->scratch);
	strbuf_addf(w->scratch, "<%.*s>, <mailto:u-%s@%s>", (int)url->len,
	    (const char *)url->p, w->v->mailto_token, w->t->bounce_domain);
	return write_scratch(w, "List-Unsubscribe");
}

/* C1 controls of a value, U+0080 to U+009F, become blanks: "  ". */
static void
blank_c1(struct strbuf *b)
{
	for (size_t i = 0; i + 1 < b->len; i++)
		if ((unsigned char)b->s[i] == 0xc2 &&
		    (unsigned char)b->s[i + 1] < 0xa0)
			b->s[i] = b->s[i + 1] = ' ';
}

static int
write_subject(struct writer *w)
{
	const struct mustache_data data = { w->v->attributes, w->builtin };
	struct strbuf *text = w->scratch;
	int rc;

	strbuf_reset(text);
	rc = mustache_render(w->t->subject, &data, text, w->e);
	if (rc == 0 && text->len > TEMPLATE_SUBJECT_MAX) {
		err_set(w->e, ERR_LIMIT, "Subject is longer than %d octets",
		    TEMPLATE_SUBJECT_MAX);
		rc = -1;
	}
	if (rc == -1)
		return -1;
	blank_c1(text);
	return header_field_text(w->out, "Subject", text->s, text->len, w->e);
}

static int
write_date(struct writer *w)
{
	char date[DATE_RFC5322_LEN + 1];

	date_rfc5322(w->v->date_ms, date);
	return header_field_raw(w->out, "Date", date, DATE_RFC5322_LEN, w->e);
}

static int
write_extra(struct writer *w, unsigned i)
{
	const char *value = w->v->extra[i];

	if (value == NULL)
		return 0;
	if (strlen(value) > TEMPLATE_EXTRA_VALUE_MAX) {
		err_set(w->e, ERR_LIMIT, "%s is longer than %d octets",
		    w->t->extra[i], TEMPLATE_EXTRA_VALUE_MAX);
		return -1;
	}
	return header_field_raw(w->out, w->t->extra[i], value, strlen(value),
	    w->e);
}

static int
write_field(struct writer *w, const struct field_op *op)
{
	switch (op->kind) {
	case FIELD_CONSTANT:
		strbuf_add(w->out, w->t->bytes.s + op->raw.at, op->raw.len);
		return 0;
	case FIELD_DATE:
		return write_date(w);
	case FIELD_TO:
		return write_to(w);
	case FIELD_SUBJECT:
		return write_subject(w);
	case FIELD_MESSAGE_ID:
		return write_message_id(w);
	case FIELD_UNSUBSCRIBE:
		return write_unsubscribe(w);
	case FIELD_CFBL_ID:
		return header_field_raw(w->out, "CFBL-Feedback-ID",
		    w->v->message_token, strlen(w->v->message_token), w->e);
	case FIELD_EXTRA:
		return write_extra(w, op->extra);
	}
	return -1;
}

int
template_header_render(const struct template *t,
    const struct template_values *v, const struct slice builtin[BUILTINS],
    struct strbuf *scratch, struct rendered *out, struct err *e)
{
	struct writer w = { t, v, builtin, scratch, &out->header, e, false };
	size_t at[TEMPLATE_FIELDS_MAX + 1];

	/* A notice need not have a link; a campaign's copy must. */
	if (check_token("the Message-ID token", v->message_token, e) == -1 ||
	    ((t->bounce_domain != NULL || v->url_token != NULL) &&
	    check_token("the URL token", v->url_token, e) == -1))
		return -1;
	out->fields = 0;
	for (size_t i = 0; i < t->fields; i++) {
		at[out->fields] = out->header.len;
		if (write_field(&w, &t->field[i]) == -1)
			return -1;
		out->fields += out->header.len > at[out->fields];
	}
	if (v->witness.len > 0) {
		at[out->fields++] = out->header.len;
		strbuf_add(&out->header, v->witness.p, v->witness.len);
	}
	if (out->header.overflow) {
		err_set(e, ERR_LIMIT, "the header is longer than %d octets",
		    TEMPLATE_HEADER_MAX);
		return -1;
	}
	out->smtputf8 = w.smtputf8;
	at[out->fields] = out->header.len;
	/* Only now will the buffer no longer move. */
	for (size_t i = 0; i < out->fields; i++) {
		const char *p = out->header.s + at[i];
		size_t len = at[i + 1] - at[i];
		const char *colon = memchr(p, ':', len);

		out->field[i].raw = (struct slice){ (const uint8_t *)p, len };
		out->field[i].name = (struct slice){ (const uint8_t *)p,
		    (size_t)(colon - p) };
	}
	return 0;
}
