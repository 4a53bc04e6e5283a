/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template.c - compile a message: parameters, order of work, ownership.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "lib/charset.h"
#include "lib/err.h"
#include "lib/template_private.h"
#include "lib/utf8.h"
#include "lib/xmalloc.h"

const char *const template_builtins[BUILTINS] = {
	[BUILTIN_ADDRESS] = "address",
	[BUILTIN_LIST] = "list",
	[BUILTIN_MEMBER_SINCE] = "member_since",
	[BUILTIN_MESSAGE_ID] = "message_id",
	[BUILTIN_POSTAL_ADDRESS] = "postal_address",
	[BUILTIN_UNSUBSCRIBE_URL] = "unsubscribe_url",
};

/* Wire, raw and canonical octets, if all differ, and the header. */
#define BYTES_MAX	(3 * TEMPLATE_COPY_MAX + TEMPLATE_HEADER_MAX)

struct span
template_add(struct template *t, const char *p, size_t len)
{
	struct span s = { (uint32_t)t->bytes.len, (uint32_t)len };

	strbuf_add(&t->bytes, p, len);
	return s;
}

int
template_add_segment(struct compiler *c, bool is_text, size_t index)
{
	struct template *t = c->t;
	struct segment *bigger = reallocarray(t->segment, t->segments + 1,
	    sizeof(*bigger));

	if (bigger == NULL) {
		err_set(c->e, ERR_SYSTEM, "no memory for a template");
		return -1;
	}
	t->segment = bigger;
	t->segment[t->segments++] = (struct segment){ is_text,
	    (uint32_t)index };
	return 0;
}

static struct template *
template_new(void)
{
	struct template *t = xcalloc(1, sizeof(*t));

	strbuf_init(&t->bytes, BYTES_MAX);
	t->body_max = TEMPLATE_COPY_MAX;
	return t;
}

void
template_free(struct template *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->texts; i++) {
		mustache_free(t->text[i].m);
		free(t->text[i].run);
	}
	for (size_t i = 0; i < TEMPLATE_EXTRA_MAX; i++)
		free(t->extra[i]);
	mustache_free(t->subject);
	strbuf_free(&t->bytes);
	free(t->author);
	free(t->run);
	free(t->text);
	free(t->segment);
	free(t->base_url);
	free(t->bounce_domain);
	free(t->id_domain);
	free(t->list_title);
	free(t->postal_address);
	EVP_MD_CTX_free(t->prefix);
	free(t);
}

unsigned
template_visible_links(const struct template *t)
{
	return t->links;
}

static const struct address *
find_author(const struct template *t, size_t i, bool reply_to)
{
	for (size_t k = 0; k < t->authors; k++)
		if (t->author[k].reply_to == reply_to && i-- == 0)
			return &t->author[k].address;
	return NULL;
}

const struct address *
template_author(const struct template *t, size_t i)
{
	return find_author(t, i, false);
}

const struct address *
template_reply_to(const struct template *t, size_t i)
{
	return find_author(t, i, true);
}

bool
template_is_personal(const struct template *t)
{
	return t->texts > 0;
}

/* ---- parameters */

/* A URI that can stand in <>: printable ASCII, its scheme as given. */
static int
check_uri(const char *what, const char *uri, const char *scheme,
    struct err *e)
{
	bool ok = uri != NULL && strncmp(uri, scheme, strlen(scheme)) == 0 &&
	    uri[strlen(scheme)] != '\0' && strlen(uri) <= TEMPLATE_URL_MAX;

	for (const char *p = uri; ok && *p != '\0'; p++)
		ok = *p > 0x20 && *p < 0x7f && strchr("<>\"\\,", *p) == NULL;
	if (!ok)
		err_set(e, ERR_INPUT, "%s is not a URI that begins with %s",
		    what, scheme);
	return ok ? 0 : -1;
}

static int
check_list_uri(const char *what, const char *uri, struct err *e)
{
	if (uri == NULL)
		return 0;
	return check_uri(what, uri, strncmp(uri, "mailto:", 7) == 0 ?
	    "mailto:" : "https://", e);
}

/* RFC 2919 section 3: atoms with dots; 255 octets. */
static int
check_list_id(const char *id, struct err *e)
{
	size_t len = id != NULL ? strlen(id) : 0;
	bool ok = len > 2 && len <= 255 && strchr(id, '.') != NULL &&
	    id[0] != '.' && id[len - 1] != '.' && strstr(id, "..") == NULL;

	if (ok && strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
	    "VWXYZ0123456789-_.") == len)
		return 0;
	err_set(e, ERR_INPUT, "the list's id is no List-Id (RFC 2919 section "
	    "3)");
	return -1;
}

static int
check_domain(const char *what, const char *domain, struct err *e)
{
	char parsed[256];
	struct err why = ERR_INIT;

	if (domain != NULL && address_domain(domain, strlen(domain),
	    ADDRESS_ONE_LABEL, parsed, &why) == 0 &&
	    strcmp(parsed, domain) == 0)
		return 0;
	err_set(e, ERR_INPUT, "%s is no domain in A-labels", what);
	return -1;
}

/* R9: a:b:c:sender, the last of 5 to 15 characters. */
static int
check_feedback(const struct template_params *p, struct err *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t len;

	if (p->feedback_sender == NULL)
		return 0;
	len = strlen(p->feedback_sender);
	if (len < 5 || len > 15 || strspn(p->feedback_sender, allowed) != len)
		goto bad;
	for (size_t i = 0; i < 3; i++)
		if (p->feedback[i] != NULL && (strlen(p->feedback[i]) > 60 ||
		    strspn(p->feedback[i], allowed) !=
		    strlen(p->feedback[i])))
			goto bad;
	return 0;
bad:
	err_set(e, ERR_INPUT, "the fields of Feedback-ID take letters, digits,"
	    " '-', '_' and '.'; its last has 5 to 15");
	return -1;
}

static int
check_text(const char *what, const char *text, struct err *e)
{
	if (text != NULL && (strlen(text) > TEMPLATE_FOOTER_MAX ||
	    !utf8_valid(text, strlen(text)))) {
		err_set(e, ERR_INPUT, "%s is longer than %d octets, or not "
		    "UTF-8", what, TEMPLATE_FOOTER_MAX);
		return -1;
	}
	return 0;
}

static int
check_params(const struct template_params *p, struct err *e)
{
	struct address a;

	if (check_list_id(p->list_id, e) == -1 ||
	    check_uri("the base URL", p->base_url, "https://", e) == -1 ||
	    check_domain("the bounce domain", p->bounce_domain, e) == -1 ||
	    (p->id_domain != NULL && check_domain("the domain of Message-ID",
	    p->id_domain, e) == -1) ||
	    check_list_uri("List-Help", p->help_uri, e) == -1 ||
	    check_list_uri("List-Owner", p->owner_uri, e) == -1 ||
	    check_list_uri("List-Subscribe", p->subscribe_uri, e) == -1 ||
	    check_feedback(p, e) == -1 ||
	    check_text("the list's title", p->list_title, e) == -1 ||
	    check_text("the postal address", p->postal_address, e) == -1 ||
	    check_text("the footer", p->footer_text, e) == -1 ||
	    check_text("the HTML footer", p->footer_html, e) == -1)
		return -1;
	if (p->base_url[strlen(p->base_url) - 1] == '/') {
		err_set(e, ERR_INPUT, "the base URL must not end in '/'");
		return -1;
	}
	if (p->cfbl_address != NULL && address_parse(p->cfbl_address,
	    strlen(p->cfbl_address), 0, &a, e) == -1)
		return -1;
	if (p->commercial && (p->postal_address == NULL ||
	    strspn(p->postal_address, " \t\r\n") ==
	    strlen(p->postal_address))) {
		err_set(e, ERR_REFUSED, "a commercial campaign needs the "
		    "sender's postal address (S33)");
		return -1;
	}
	return 0;
}

static char *
copy_or_null(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static void
copy_params(struct template *t, const struct template_params *p)
{
	t->base_url = xstrdup(p->base_url);
	t->bounce_domain = xstrdup(p->bounce_domain);
	t->id_domain = xstrdup(p->id_domain != NULL ? p->id_domain :
	    p->bounce_domain);
	t->list_title = copy_or_null(p->list_title);
	t->postal_address = copy_or_null(p->postal_address);
	t->date_ms = p->date_ms;
	for (size_t i = 0; i < TEMPLATE_EXTRA_MAX; i++)
		t->extra[i] = copy_or_null(p->extra[i]);
}

/* ---- compiling */

/* R85, R90, S101, ...: what must not be does not leave. */
static int
refuse_findings(const struct lint_report *r, struct err *e)
{
	for (unsigned i = 0; i < r->findings; i++)
		if (r->finding[i].grade == LINT_MUST) {
			err_set(e, ERR_REFUSED, "%s, line %u, part %s: %s "
			    "(%u in all)", r->finding[i].rule,
			    (unsigned)r->finding[i].line, r->finding[i].part,
			    r->finding[i].text, r->count[LINT_MUST]);
			return -1;
		}
	return 0;
}

static int
finish(struct compiler *c)
{
	if (c->t->bytes.overflow || c->pending.overflow) {
		err_set(c->e, ERR_LIMIT, "the message is longer than %u "
		    "octets", TEMPLATE_COPY_MAX);
		return -1;
	}
	return template_hash_prefix(c->t, c->e);
}

static void
compiler_init(struct compiler *c, struct template *t, struct err *e)
{
	*c = (struct compiler){ .t = t, .e = e };
	strbuf_init(&c->pending, TEMPLATE_COPY_MAX);
	strbuf_init(&c->mime, TEMPLATE_HEADER_MAX);
}

static void
compiler_free(struct compiler *c)
{
	strbuf_free(&c->pending);
	strbuf_free(&c->mime);
}

struct template *
template_compile(const uint8_t *data, size_t len,
    const struct template_params *params, struct lint_report *report,
    struct err *e)
{
	struct template *t = template_new(), *ret = NULL;
	struct mime_message *m = NULL;
	struct compiler c;

	compiler_init(&c, t, e);
	lint_message(data, len, report);
	if (check_params(params, e) == -1 ||
	    refuse_findings(report, e) == -1 ||
	    (m = mime_parse(data, len, e)) == NULL)
		goto out;
	copy_params(t, params);
	c.p = params;
	c.m = m;
	if (template_body_compile(&c) == -1 ||
	    template_header_compile(&c) == -1 || finish(&c) == -1)
		goto out;
	ret = t;
	t = NULL;
out:
	compiler_free(&c);
	mime_free(m);
	template_free(t);
	return ret;
}

/* A body as it is. */
static int
notice_made_body(struct compiler *c, const struct slice *body)
{
	size_t line = 0;

	for (size_t i = 0; i < body->len; i++) {
		uint8_t o = body->p[i];

		if (o == 0 || o > 126 || ++line > 998 + 2 ||
		    (o == '\n' && (i == 0 || body->p[i - 1] != '\r')) ||
		    (o == '\r' && (i + 1 == body->len ||
		    body->p[i + 1] != '\n'))) {
			err_set(c->e, ERR_INPUT, "a body of a notice that is "
			    "not lines of 7-bit text");
			return -1;
		}
		if (o == '\n')
			line = 0;
	}
	strbuf_add(&c->pending, body->p, body->len);
	return template_flush(c);
}

static int
notice_body(struct compiler *c, const struct template_notice *n)
{
	struct source s = { .line = true };
	struct mustache *m;
	int ret = -1;

	strbuf_init(&s.text, MUSTACHE_TEXT_MAX);
	strbuf_adds(&s.text, n->text);
	if (s.text.overflow || !utf8_valid(s.text.s, s.text.len)) {
		err_set(c->e, ERR_INPUT, "the text of a notice is too long or "
		    "not UTF-8");
		goto out;
	}
	if (s.text.len == 0 || s.text.s[s.text.len - 1] != '\n')
		strbuf_add(&s.text, "\r\n", 2);
	if ((m = template_text_compile(c, &s)) != NULL)
		ret = template_text_encode(c, m, "utf-8");
out:
	strbuf_free(&s.text);
	return ret;
}

struct template *
template_compile_notice(const struct template_notice *n, struct err *e)
{
	struct template *t = template_new(), *ret = NULL;
	struct compiler c;

	compiler_init(&c, t, e);
	if ((n->base_url != NULL && check_uri("the base URL", n->base_url,
	    "https://", e) == -1) ||
	    (n->list_id != NULL && check_list_id(n->list_id, e) == -1) ||
	    check_domain("the domain of Message-ID", n->id_domain, e) == -1 ||
	    check_text("the list's title", n->list_title, e) == -1)
		goto out;
	t->base_url = copy_or_null(n->base_url);
	t->id_domain = xstrdup(n->id_domain);
	t->list_title = copy_or_null(n->list_title);
	for (size_t i = 0; i < TEMPLATE_EXTRA_MAX; i++)
		t->extra[i] = copy_or_null(n->extra[i]);
	if (n->text_max != 0)
		t->body_max = n->text_max;
	if ((n->media_type != NULL ? notice_made_body(&c, &n->body) :
	    notice_body(&c, n)) == -1 ||
	    template_notice_header(&c, n) == -1 || finish(&c) == -1)
		goto out;
	ret = t;
	t = NULL;
out:
	compiler_free(&c);
	template_free(t);
	return ret;
}
