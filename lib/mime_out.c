/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime_out.c - read a message that shall be sent.
 *
 * An entity is a header and a body; a multipart's body is cut at its boundary
 * lines into entities again.  Each level looks only at what its parent gave
 * it, so an inner multipart that is not closed ends where the outer one goes
 * on.  Arrays grow while parsing: parts are named by index, never by pointer.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/ascii.h"
#include "lib/err.h"
#include "lib/mime_out.h"
#include "lib/mime_param.h"

struct parser {
	struct mime_message	*m;
	size_t			 part_cap, field_cap;
	size_t			 header_octets;
	struct err		*e;
};

/* One line: its octets without CRLF, and where the next begins. */
struct line {
	const char	*p;
	size_t		 len;
	const char	*next;
};

static struct slice
slice_between(const char *from, const char *to)
{
	return (struct slice){ (const uint8_t *)from, (size_t)(to - from) };
}

static struct line
line_at(const char *p, const char *end)
{
	const char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);
	struct line l = { p, (size_t)((eol != NULL ? eol : end) - p),
	    eol != NULL ? eol + 2 : end };

	return l;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- line ends */

int
mime_normalize(const uint8_t *data, size_t len, struct strbuf *out,
    struct err *e)
{
	const char *p = (const char *)data, *end = p + len, *eol;
	unsigned line = 1;
	size_t n;

	for (; p < end; p = eol + 1, line++) {
		eol = memchr(p, '\n', (size_t)(end - p));
		n = (size_t)((eol != NULL ? eol : end) - p);
		if (eol != NULL && n > 0 && p[n - 1] == '\r')
			n--;
		if (memchr(p, '\r', n) != NULL || memchr(p, '\0', n) != NULL) {
			err_set(e, ERR_INPUT, "line %u: %s", line,
			    memchr(p, '\0', n) != NULL ? "a NUL octet" :
			    "a CR that is not part of a line end");
			return -1;
		}
		strbuf_add(out, p, n);
		strbuf_add(out, "\r\n", 2);
		if (eol == NULL)
			break;
	}
	if (out->overflow) {
		err_set(e, ERR_LIMIT, "message is longer than %zu octets",
		    out->max);
		return -1;
	}
	return 0;
}

static void
count_line_ends(struct mime_message *m, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n')
			continue;
		if (i > 0 && data[i - 1] == '\r')
			m->lines_crlf++;
		else
			m->lines_lf++;
	}
}

/* ---- growing */

static void
add_defect(struct parser *ps, enum mime_defect_kind kind, uint32_t part,
    uint32_t line)
{
	struct mime_message *m = ps->m;

	if (m->defects < MIME_DEFECTS_MAX)
		m->defect[m->defects++] = (struct mime_defect){ kind, part,
		    line };
}

/* Room for one more element: array grown to *cap, or NULL with e set. */
static void *
grow(struct parser *ps, void *array, size_t used, size_t *cap, size_t size)
{
	size_t want = *cap != 0 ? *cap * 2 : 16;
	void *bigger;

	if (used < *cap)
		return array;
	if ((bigger = reallocarray(array, want, size)) == NULL) {
		err_set(ps->e, ERR_SYSTEM, "no memory for a message");
		return NULL;
	}
	*cap = want;
	return bigger;
}

static int
add_field(struct parser *ps, const struct mime_field *f)
{
	struct mime_field *bigger = grow(ps, ps->m->field, ps->m->fields,
	    &ps->field_cap, sizeof(*bigger));

	if (bigger == NULL)
		return -1;
	ps->m->field = bigger;
	ps->m->field[ps->m->fields++] = *f;
	return 0;
}

/* A new part with what is known from its parent; its index, 0 on error. */
static int
add_part(struct parser *ps, const struct mime_part *part, uint32_t *index_r)
{
	struct mime_part *bigger;

	if (ps->m->parts == MIME_PARTS_MAX) {
		err_set(ps->e, ERR_LIMIT, "line %u: more than %d parts",
		    (unsigned)part->line, MIME_PARTS_MAX);
		return -1;
	}
	bigger = grow(ps, ps->m->part, ps->m->parts, &ps->part_cap,
	    sizeof(*bigger));
	if (bigger == NULL)
		return -1;
	ps->m->part = bigger;
	ps->m->part[ps->m->parts] = *part;
	*index_r = ps->m->parts++;
	return 0;
}

/* ---- header */

/* RFC 5322 section 2.2: a name of printable octets, then a colon. */
static bool
split_field(const char *p, size_t len, struct mime_field *f)
{
	size_t n = 0;

	while (n < len && p[n] != ':' && p[n] > 0x20 && p[n] < 0x7f)
		n++;
	if (n == 0 || n == len || p[n] != ':')
		return false;
	f->name = slice_between(p, p + n);
	f->value = slice_between(p + n + 1, p + len);
	return true;
}

/*
 * Read fields from p on; *body_r is where the body begins.  A field goes on as
 * long as lines begin with a blank.
 */
static int
parse_header(struct parser *ps, uint32_t part, const char *p, const char *end,
    const char **body_r)
{
	uint32_t line = ps->m->part[part].line, first = line;
	const char *start = p;
	struct mime_field f;
	struct line l, more;

	ps->m->part[part].first_field = ps->m->fields;
	while (p < end) {
		l = line_at(p, end);
		p = l.next;
		first = line++;
		if (l.len == 0)
			break;
		while (p < end && is_blank(*p)) {
			more = line_at(p, end);
			l.len = (size_t)(more.p + more.len - l.p);
			p = more.next;
			line++;
		}
		f.line = first;
		f.raw = slice_between(l.p, p);
		if (!split_field(l.p, l.len, &f))
			add_defect(ps, MIME_BAD_FIELD, part, first);
		else if (add_field(ps, &f) == -1)
			return -1;
	}
	ps->header_octets += (size_t)(p - start);
	if (ps->header_octets > MIME_HEADER_MAX) {
		err_set(ps->e, ERR_LIMIT, "line %u: headers are longer than "
		    "%u octets", (unsigned)first, MIME_HEADER_MAX);
		return -1;
	}
	ps->m->part[part].fields = ps->m->fields -
	    ps->m->part[part].first_field;
	ps->m->part[part].head = slice_between(start, p);
	ps->m->part[part].body = slice_between(p, end);
	ps->m->part[part].body_line = line;
	*body_r = p;
	return 0;
}

bool
mime_field_is(const struct mime_field *f, const char *name)
{
	return f->name.len == strlen(name) &&
	    strncasecmp((const char *)f->name.p, name, f->name.len) == 0;
}

const struct mime_field *
mime_field_find(const struct mime_message *m, uint32_t part, const char *name)
{
	const struct mime_part *p = &m->part[part];

	for (uint32_t i = 0; i < p->fields; i++)
		if (mime_field_is(&m->field[p->first_field + i], name))
			return &m->field[p->first_field + i];
	return NULL;
}

void
mime_field_unfold(const struct mime_field *f, struct strbuf *out)
{
	const char *p = (const char *)f->value.p, *end = p + f->value.len;

	while (p < end && (is_blank(*p) || *p == '\r' || *p == '\n'))
		p++;
	while (end > p && (is_blank(end[-1]) || end[-1] == '\r' ||
	    end[-1] == '\n'))
		end--;
	for (; p < end; p++)
		if (*p != '\r' && *p != '\n')
			strbuf_addc(out, *p);
}

/* ---- what the MIME fields say */

/* Copy s to out[size]; false, and out empty, when it does not fit. */
static bool
copy_slice(char *out, size_t size, struct slice s)
{
	out[0] = '\0';
	if (s.len >= size)
		return false;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
	return true;
}

/* The parameter name of the type in f, or "" when there is none. */
static int
copy_param(const struct mime_field *f, const char *name, char *out,
    size_t size)
{
	struct strbuf value = STRBUF_INIT(MIME_PARAM_MAX);
	int rc;

	rc = mime_param_find((const char *)f->value.p, f->value.len, name,
	    &value);
	if (rc == 1 && !copy_slice(out, size, (struct slice){
	    (const uint8_t *)value.s, value.len }))
		rc = -1;
	strbuf_free(&value);
	return rc;
}

/* RFC 2046 section 5.1.1: bchars, and no blank at the end. */
static bool
is_boundary(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && s[len - 1] != ' ' &&
	    strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789'()+_,-./:=? ") == len;
}

static void
read_boundary(struct parser *ps, uint32_t part, const struct mime_field *f)
{
	struct mime_part *mp = &ps->m->part[part];
	uint32_t up = part;
	int rc;

	rc = copy_param(f, "boundary", mp->boundary, sizeof(mp->boundary));
	if (rc == 0) {
		add_defect(ps, MIME_BOUNDARY_MISSING, part, f->line);
	} else if (rc == -1 || !is_boundary(mp->boundary)) {
		add_defect(ps, MIME_BOUNDARY_BAD, part, f->line);
	}
	while (mp->boundary[0] != '\0' && up != 0) {
		up = ps->m->part[up].parent;
		if (strcmp(ps->m->part[up].boundary, mp->boundary) == 0) {
			add_defect(ps, MIME_BOUNDARY_REUSED, part, f->line);
			break;
		}
	}
}

static bool
has_subtype(const char *type)
{
	const char *slash = strchr(type, '/');

	return slash != NULL && slash != type && slash[1] != '\0' &&
	    strchr(slash + 1, '/') == NULL;
}

static void
read_type(struct parser *ps, uint32_t part)
{
	struct mime_part *mp = &ps->m->part[part];
	const struct mime_field *f = mime_field_find(ps->m, part,
	    "Content-Type");
	struct mime_param_iter it;
	struct mime_param param;
	struct slice type;
	char format[16] = "", delsp[16] = "";
	int rc = -1;

	if (f == NULL)
		return;
	if (mime_param_begin(&it, (const char *)f->value.p, f->value.len,
	    &type) && copy_slice(mp->type, sizeof(mp->type), type) &&
	    has_subtype(mp->type))
		while ((rc = mime_param_next(&it, &param)) == 1)
			;
	if (rc == -1 || copy_param(f, "charset", mp->charset,
	    sizeof(mp->charset)) == -1) {
		/* RFC 2045 section 5.2: an unreadable type is plain text. */
		add_defect(ps, MIME_BAD_TYPE, part, f->line);
		strcpy(mp->type, "text/plain");
		mp->charset[0] = '\0';
		return;
	}
	ascii_lower_all(mp->type);
	mp->typed = true;
	copy_param(f, "format", format, sizeof(format));
	copy_param(f, "delsp", delsp, sizeof(delsp));
	mp->flowed = strcasecmp(format, "flowed") == 0;
	mp->delsp = mp->flowed && strcasecmp(delsp, "yes") == 0;
	mp->multipart = strncmp(mp->type, "multipart/", 10) == 0;
	if (mp->multipart)
		read_boundary(ps, part, f);
}

static void
read_encoding(struct parser *ps, uint32_t part)
{
	struct mime_part *mp = &ps->m->part[part];
	const struct mime_field *f = mime_field_find(ps->m, part,
	    "Content-Transfer-Encoding");
	struct mime_param_iter it;
	struct slice name;

	mp->cte = CTE_7BIT;
	if (f == NULL)
		return;
	mp->cte = CTE_UNKNOWN;
	if (mime_param_begin(&it, (const char *)f->value.p, f->value.len,
	    &name))
		mp->cte = cte_parse((const char *)name.p, name.len);
	/* RFC 2045 section 6.4: only the identities on a multipart. */
	if (mp->cte == CTE_UNKNOWN || (mp->multipart && mp->cte > CTE_BINARY))
		add_defect(ps, MIME_BAD_CTE, part, f->line);
}

static void
read_disposition(struct parser *ps, uint32_t part)
{
	const struct mime_field *f = mime_field_find(ps->m, part,
	    "Content-Disposition");
	struct mime_param_iter it;
	struct mime_param param;
	struct slice name;
	int rc = -1;

	if (f == NULL)
		return;
	if (mime_param_begin(&it, (const char *)f->value.p, f->value.len,
	    &name))
		while ((rc = mime_param_next(&it, &param)) == 1)
			;
	if (rc == -1)
		add_defect(ps, MIME_BAD_DISPOSITION, part, f->line);
	ps->m->part[part].disposition = name.len == 6 &&
	    strncasecmp((const char *)name.p, "inline", 6) == 0 ?
	    MIME_INLINE : MIME_ATTACHMENT;
}

/* ---- parts */

enum line_kind { LINE_OTHER, LINE_DELIMITER, LINE_CLOSE, LINE_UNCLEAR };

static enum line_kind
classify(const struct line *l, const char *boundary)
{
	size_t n = strlen(boundary), at = n + 2;
	enum line_kind kind = LINE_DELIMITER;

	if (l->len < at || l->p[0] != '-' || l->p[1] != '-' ||
	    memcmp(l->p + 2, boundary, n) != 0)
		return LINE_OTHER;
	if (l->len - at >= 2 && l->p[at] == '-' && l->p[at + 1] == '-') {
		kind = LINE_CLOSE;
		at += 2;
	}
	while (at < l->len && is_blank(l->p[at]))
		at++;
	return at == l->len ? kind : LINE_UNCLEAR;
}

static int parse_entity(struct parser *ps, const struct mime_part *known,
    const char *p, const char *end, uint32_t *index_r);

/* The state of cutting one multipart's body. */
struct cutter {
	uint32_t	 multipart;	/* index */
	uint32_t	 last;		/* part made last, 0: none */
	const char	*open;		/* where the open part begins, or NULL */
	uint32_t	 open_line;
	bool		 closed;
};

/* End the open part at stop, the start of a boundary line or of nothing. */
static int
close_part(struct parser *ps, struct cutter *c, const char *stop,
    bool at_boundary)
{
	const struct mime_part *up = &ps->m->part[c->multipart];
	struct mime_part known = { .parent = c->multipart,
	    .depth = up->depth + 1, .line = c->open_line, .number = 1 };
	uint32_t index;

	/* The line end in front of a boundary belongs to the boundary. */
	if (at_boundary && stop - c->open >= 2)
		stop -= 2;
	strcpy(known.type, strcmp(up->type, "multipart/digest") == 0 ?
	    "message/rfc822" : "text/plain");
	if (c->last != 0)
		known.number = ps->m->part[c->last].number + 1;
	if (parse_entity(ps, &known, c->open, stop, &index) == -1)
		return -1;
	if (c->last != 0)
		ps->m->part[c->last].next = index;
	else
		ps->m->part[c->multipart].child = index;
	c->last = index;
	c->open = NULL;
	return 0;
}

/* A boundary line: the open part ends, and maybe the next one begins. */
static int
at_boundary_line(struct parser *ps, struct cutter *c, const struct line *l,
    enum line_kind kind, uint32_t line)
{
	struct mime_part *mp = &ps->m->part[c->multipart];

	if (c->open == NULL)
		mp->preamble = slice_between((const char *)mp->body.p, l->p);
	else if (close_part(ps, c, l->p, true) == -1)
		return -1;
	if (kind == LINE_CLOSE) {
		mp = &ps->m->part[c->multipart];
		mp->epilogue = slice_between(l->next,
		    (const char *)mp->body.p + mp->body.len);
		c->closed = true;
	} else {
		c->open = l->next;
		c->open_line = line + 1;
	}
	return 0;
}

static int
parse_multipart(struct parser *ps, uint32_t part)
{
	struct cutter c = { .multipart = part };
	const struct slice body = ps->m->part[part].body;
	const char *p = (const char *)body.p, *end = p + body.len;
	uint32_t line = ps->m->part[part].body_line;
	enum line_kind kind;
	struct line l;

	for (; p < end && !c.closed; p = l.next, line++) {
		l = line_at(p, end);
		kind = classify(&l, ps->m->part[part].boundary);
		if (kind == LINE_UNCLEAR)
			add_defect(ps, MIME_BOUNDARY_UNCLEAR, part, line);
		if (kind != LINE_DELIMITER && kind != LINE_CLOSE)
			continue;
		if (at_boundary_line(ps, &c, &l, kind, line) == -1)
			return -1;
	}
	if (c.open != NULL && close_part(ps, &c, end, false) == -1)
		return -1;
	if (c.last == 0)
		add_defect(ps, MIME_BOUNDARY_UNUSED, part,
		    ps->m->part[part].line);
	else if (!c.closed)
		add_defect(ps, MIME_BOUNDARY_UNCLOSED, part, line);
	return 0;
}

static int
parse_entity(struct parser *ps, const struct mime_part *known, const char *p,
    const char *end, uint32_t *index_r)
{
	const char *body;
	uint32_t part;

	if (known->depth > MIME_DEPTH_MAX) {
		err_set(ps->e, ERR_LIMIT, "line %u: multiparts nested deeper "
		    "than %d", (unsigned)known->line, MIME_DEPTH_MAX);
		return -1;
	}
	if (add_part(ps, known, &part) == -1 ||
	    parse_header(ps, part, p, end, &body) == -1)
		return -1;
	read_type(ps, part);
	read_encoding(ps, part);
	read_disposition(ps, part);
	*index_r = part;
	if (ps->m->part[part].multipart && ps->m->part[part].boundary[0] != 0)
		return parse_multipart(ps, part);
	return 0;
}

struct mime_message *
mime_parse(const uint8_t *data, size_t len, struct err *e)
{
	struct mime_part known = { .line = 1, .type = "text/plain" };
	struct mime_message *m = calloc(1, sizeof(*m)), *ret = NULL;
	struct parser ps = { .m = m, .e = e };
	uint32_t index;

	if (m == NULL) {
		err_set(e, ERR_SYSTEM, "no memory for a message");
		return NULL;
	}
	strbuf_init(&m->text, MIME_MESSAGE_MAX);
	if (mime_normalize(data, len, &m->text, e) == -1)
		goto out;
	count_line_ends(m, data, len);
	if (parse_entity(&ps, &known, m->text.s, m->text.s + m->text.len,
	    &index) == -1)
		goto out;
	ret = m;
	m = NULL;
out:
	mime_free(m);
	return ret;
}

void
mime_free(struct mime_message *m)
{
	if (m == NULL)
		return;
	strbuf_free(&m->text);
	free(m->part);
	free(m->field);
	free(m);
}

int
mime_body_decode(const struct mime_message *m, uint32_t part,
    struct strbuf *out, struct err *e)
{
	const struct mime_part *p = &m->part[part];

	return cte_decode(p->cte, (const char *)p->body.p, p->body.len,
	    p->body_line, out, e);
}

void
mime_part_path(const struct mime_message *m, uint32_t part, char *out,
    size_t size)
{
	uint32_t number[MIME_DEPTH_MAX + 1];
	size_t used = 0;
	unsigned n = 0;

	snprintf(out, size, "0");
	for (; part != 0; part = m->part[part].parent)
		number[n++] = m->part[part].number;
	while (n-- > 0 && used < size)
		used += (size_t)snprintf(out + used, size - used, "%u%s",
		    (unsigned)number[n], n > 0 ? "." : "");
}
