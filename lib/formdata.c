/* SPDX-License-Identifier: Apache-2.0 */
/*
 * formdata.c - the fields of a posted form, in either of their two codings.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "lib/err.h"
#include "lib/formdata.h"
#include "lib/hex.h"
#include "lib/mime_param.h"

#define DASHES	2	/* before and, at the end, behind a boundary */

/* What is left of a body. */
struct reading {
	const char	*p, *end;
};

/* ---- fields */

void
formdata_init(struct formdata *f)
{
	/* Decoding never grows; each field adds its two NULs. */
	strbuf_init(&f->bytes, FORMDATA_MAX + 2 * FORMDATA_FIELDS_MAX);
	f->n = 0;
}

void
formdata_free(struct formdata *f)
{
	strbuf_free(&f->bytes);
	f->n = 0;
}

/* A place for one more field, or NULL. */
static struct formdata_field *
field_new(struct formdata *f, struct err *e)
{
	if (f->n == FORMDATA_FIELDS_MAX) {
		err_set(e, ERR_LIMIT, "form: more than %d fields",
		    FORMDATA_FIELDS_MAX);
		return NULL;
	}
	return &f->field[f->n];
}

static int
name_too_long(struct err *e)
{
	err_set(e, ERR_LIMIT, "form: a name of more than %d octets",
	    FORMDATA_NAME_MAX);
	return -1;
}

/* Count the field that field_new() gave, now that both parts are there. */
static int
field_done(struct formdata *f, struct err *e)
{
	if (f->bytes.overflow) {
		err_set(e, ERR_LIMIT, "form: too large");
		return -1;
	}
	f->n++;
	return 0;
}

/* ---- urlencoded */

/*
 * Append text[len] decoded and a NUL; returns how many octets before it.  A %
 * without two digits stands for itself, as the URL standard has it.
 */
static size_t
decode(struct strbuf *out, const char *text, size_t len)
{
	size_t mark = out->len, n;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '+') {
			strbuf_addc(out, ' ');
		} else if (text[i] == '%' && len - i > 2 &&
		    hex_digit(text[i + 1]) != -1 &&
		    hex_digit(text[i + 2]) != -1) {
			strbuf_addc(out, (char)(hex_digit(text[i + 1]) << 4 |
			    hex_digit(text[i + 2])));
			i += 2;
		} else {
			strbuf_addc(out, text[i]);
		}
	}
	n = out->len - mark;
	strbuf_addc(out, '\0');
	return n;
}

static int
parse_pair(struct formdata *f, const char *p, size_t len, struct err *e)
{
	const char *eq = memchr(p, '=', len);
	size_t name_len = eq != NULL ? (size_t)(eq - p) : len;
	size_t used = eq != NULL ? name_len + 1 : len;
	struct formdata_field *field;

	if ((field = field_new(f, e)) == NULL)
		return -1;
	if (name_len > FORMDATA_NAME_MAX)
		return name_too_long(e);
	field->name = f->bytes.len;
	field->name_len = decode(&f->bytes, p, name_len);
	field->value = f->bytes.len;
	field->value_len = decode(&f->bytes, p + used, len - used);
	return field_done(f, e);
}

static int
parse_urlencoded(struct formdata *f, struct reading *r, struct err *e)
{
	/* A line end behind the last field is what people type into tools. */
	while (r->end > r->p && (r->end[-1] == '\n' || r->end[-1] == '\r'))
		r->end--;
	while (r->p < r->end) {
		size_t left = (size_t)(r->end - r->p);
		const char *amp = memchr(r->p, '&', left);
		size_t len = amp != NULL ? (size_t)(amp - r->p) : left;

		if (len != 0 && parse_pair(f, r->p, len, e) == -1)
			return -1;
		r->p += amp != NULL ? len + 1 : len;
	}
	return 0;
}

/* ---- multipart */

/* The next line without its end; false when there is no line end. */
static bool
next_line(struct reading *r, struct slice *line_r)
{
	const char *eol = memchr(r->p, '\n', (size_t)(r->end - r->p));
	size_t len;

	if (eol == NULL)
		return false;
	len = (size_t)(eol - r->p);
	if (len > 0 && r->p[len - 1] == '\r')
		len--;
	*line_r = (struct slice){ (const uint8_t *)r->p, len };
	r->p = eol + 1;
	return true;
}

/* From the type, or else from a first line that looks like a delimiter. */
static int
find_boundary(const char *type, const struct reading *body,
    struct strbuf *out, struct err *e)
{
	struct reading r = *body;
	struct slice line = { NULL, 0 };

	if (type != NULL &&
	    mime_param_find(type, strlen(type), "boundary", out) == 1 &&
	    !out->overflow && out->len > 0 && out->len <= FORMDATA_BOUNDARY_MAX)
		return 0;
	strbuf_reset(out);
	while (next_line(&r, &line) && line.len == 0)
		;
	if (line.len > DASHES && line.len <= DASHES + FORMDATA_BOUNDARY_MAX &&
	    memcmp(line.p, "--", DASHES) == 0) {
		strbuf_add(out, line.p + DASHES, line.len - DASHES);
		return 0;
	}
	err_set(e, ERR_INPUT, "form: multipart without a boundary");
	return -1;
}

enum delimiter { DELIMITER_NONE, DELIMITER_NEXT, DELIMITER_LAST };

/*
 * Is there a delimiter at p (RFC 2046 section 5.1.1)?  With *after_r where the
 * line behind it begins.
 */
static enum delimiter
delimiter_at(const char *p, const char *end, const struct strbuf *boundary,
    const char **after_r)
{
	bool last = false;

	if ((size_t)(end - p) < DASHES + boundary->len ||
	    memcmp(p, "--", DASHES) != 0 ||
	    memcmp(p + DASHES, boundary->s, boundary->len) != 0)
		return DELIMITER_NONE;
	p += DASHES + boundary->len;
	if (end - p >= DASHES && memcmp(p, "--", DASHES) == 0) {
		last = true;
		p += DASHES;
	}
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	if (p < end && *p != '\n')
		return DELIMITER_NONE;	/* the prefix of another boundary */
	*after_r = p < end ? p + 1 : p;
	return last || p == end ? DELIMITER_LAST : DELIMITER_NEXT;
}

/*
 * Go behind the next delimiter.  What stood before it, without the line end
 * that belongs to the delimiter, is *before_r.
 */
static enum delimiter
next_delimiter(struct reading *r, const struct strbuf *boundary,
    struct slice *before_r)
{
	const char *line = r->p, *after;
	enum delimiter d;

	for (;;) {
		d = delimiter_at(line, r->end, boundary, &after);
		if (d != DELIMITER_NONE)
			break;
		line = memchr(line, '\n', (size_t)(r->end - line));
		if (line == NULL)
			return DELIMITER_NONE;
		line++;
	}
	*before_r = (struct slice){ (const uint8_t *)r->p,
	    (size_t)(line - r->p) };
	if (before_r->len > 0)
		before_r->len--;
	if (before_r->len > 0 && before_r->p[before_r->len - 1] == '\r')
		before_r->len--;
	r->p = after;
	return d;
}

/* The value of a header field when line is the one called name. */
static bool
header_value(struct slice line, const char *name, struct slice *value_r)
{
	size_t n = strlen(name);

	if (line.len <= n || line.p[n] != ':' ||
	    strncasecmp((const char *)line.p, name, n) != 0)
		return false;
	*value_r = (struct slice){ line.p + n + 1, line.len - n - 1 };
	return true;
}

/*
 * Read the header of a part, from r to the empty line, and append the name
 * that Content-Disposition gives.  1, 0 when it gives none, -1.
 */
static int
part_name(struct reading *r, struct strbuf *out, struct err *e)
{
	const char *start = r->p;
	struct slice line, value;
	int found = 0;

	while (next_line(r, &line)) {
		if (r->p - start > FORMDATA_HEAD_MAX) {
			err_set(e, ERR_LIMIT, "form: the header of a part "
			    "passes %d octets", FORMDATA_HEAD_MAX);
			return -1;
		}
		if (line.len == 0)
			return found;
		if (found == 0 &&
		    header_value(line, "Content-Disposition", &value))
			found = mime_param_find((const char *)value.p,
			    value.len, "name", out);
		if (found == -1)
			break;
	}
	err_set(e, ERR_INPUT, "form: the header of a part is malformed");
	return -1;
}

/* One part: its header, an empty line, and the value up to its end. */
static int
parse_part(struct formdata *f, struct slice part, struct err *e)
{
	struct reading r = { (const char *)part.p,
	    (const char *)part.p + part.len };
	struct strbuf name = STRBUF_INIT(MIME_PARAM_MAX);
	struct formdata_field *field;
	int ret = -1;

	switch (part_name(&r, &name, e)) {
	case 0:
		ret = 0;	/* a part without a name is nobody's */
		goto out;
	case -1:
		goto out;
	}
	if ((field = field_new(f, e)) == NULL)
		goto out;
	if (name.overflow || name.len > FORMDATA_NAME_MAX) {
		name_too_long(e);
		goto out;
	}
	field->name = f->bytes.len;
	field->name_len = name.len;
	strbuf_add(&f->bytes, name.s, name.len + 1);
	field->value = f->bytes.len;
	field->value_len = (size_t)(r.end - r.p);
	strbuf_add(&f->bytes, r.p, field->value_len);
	strbuf_addc(&f->bytes, '\0');
	ret = field_done(f, e);
out:
	strbuf_free(&name);
	return ret;
}

static int
parse_multipart(struct formdata *f, const char *type, struct reading *r,
    struct err *e)
{
	struct strbuf boundary = STRBUF_INIT(MIME_PARAM_MAX);
	struct slice part;
	enum delimiter d;
	int ret = -1;

	if (find_boundary(type, r, &boundary, e) == -1)
		goto out;
	/* What stands before the first delimiter means nothing. */
	d = next_delimiter(r, &boundary, &part);
	while (d == DELIMITER_NEXT) {
		d = next_delimiter(r, &boundary, &part);
		if (d != DELIMITER_NONE && parse_part(f, part, e) == -1)
			goto out;
	}
	if (d == DELIMITER_NONE) {
		err_set(e, ERR_INPUT, "form: a part without its end");
		goto out;
	}
	ret = 0;
out:
	strbuf_free(&boundary);
	return ret;
}

/* ---- both */

int
formdata_parse(struct formdata *f, const char *type, const void *body,
    size_t len, struct err *e)
{
	static const char multipart[] = "multipart/form-data";
	struct reading r = { body, (const char *)body + len };

	strbuf_reset(&f->bytes);
	f->n = 0;
	if (len > FORMDATA_MAX) {
		err_set(e, ERR_LIMIT, "form: larger than %u octets",
		    FORMDATA_MAX);
		return -1;
	}
	if (len == 0)
		return 0;
	while (type != NULL && (*type == ' ' || *type == '\t'))
		type++;
	if (type != NULL &&
	    strncasecmp(type, multipart, sizeof(multipart) - 1) == 0)
		return parse_multipart(f, type, &r, e);
	return parse_urlencoded(f, &r, e);
}

bool
formdata_get(const struct formdata *f, const char *name,
    struct slice *value_r)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < f->n; i++) {
		const struct formdata_field *field = &f->field[i];

		if (field->name_len != len ||
		    strncasecmp(f->bytes.s + field->name, name, len) != 0)
			continue;
		*value_r = (struct slice){
		    (const uint8_t *)f->bytes.s + field->value,
		    field->value_len };
		return true;
	}
	return false;
}

bool
formdata_text(const struct formdata *f, const char *name, char *out,
    size_t size)
{
	struct slice v;

	out[0] = '\0';
	if (!formdata_get(f, name, &v))
		return false;
	for (; v.len > 0 && v.p[0] <= ' '; v.p++, v.len--)
		;
	for (; v.len > 0 && v.p[v.len - 1] <= ' '; v.len--)
		;
	if (v.len >= size)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < ' ' || v.p[i] == 0x7f)
			return false;
	memcpy(out, v.p, v.len);
	out[v.len] = '\0';
	return true;
}
