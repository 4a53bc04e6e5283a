/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mustache.h - a compiled subset of the Mustache template language.
 *
 * What an author may write: {{name}}, {{#name}}...{{/name}},
 * {{^name}}...{{/name}}, {{! comment }}, dotted names and {{.}}, with the
 * whitespace rules of the Mustache specification for tags that stand alone on
 * a line.  Values are escaped for where they stand (enum mustache_context).
 * There are no functions, partials or delimiter changes: a template can only
 * place values.  {{{name}}} and {{&name}}, which ask for no escaping, are
 * refused unless the caller trusts the name.
 *
 * A name is one or more parts of letters, digits, '_', '-' and non-ASCII
 * characters, joined by dots.  Null, false, the empty list and the empty
 * string count as false in a section; a missing name, a list or a map shows
 * as nothing.
 *
 * A template that passes a limit is refused with ERR_LIMIT, a malformed one
 * with ERR_INPUT; both texts begin with the line.  Nothing here is global and
 * a compiled template never changes, so threads may share one.
 */
#ifndef LIB_MUSTACHE_H
#define LIB_MUSTACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/pack.h"

struct err;
struct strbuf;

#define MUSTACHE_TEXT_MAX	(1u << 20)	/* octets of one template */
#define MUSTACHE_OPS_MAX	10000	/* literals, variables, section ends */
#define MUSTACHE_DEPTH_MAX	32	/* sections open inside each other */
#define MUSTACHE_PARTS_MAX	16	/* parts of a dotted name */
#define MUSTACHE_NAME_MAX	128	/* octets of a name with its dots */
#define MUSTACHE_STEPS_MAX	100000	/* operations of one rendering */
#define MUSTACHE_ESCAPED_MAX	6	/* octets that one octet may become */

/* Where a value stands, which decides how it is escaped. */
enum mustache_context {
	MUSTACHE_TEXT,		/* plain text: controls become spaces */
	MUSTACHE_LINE,		/* the same, and line ends too */
	MUSTACHE_HTML,		/* & < > " ' become character references */
	MUSTACHE_URL,		/* all but RFC 3986 "unreserved" as %XX */
	MUSTACHE_HEADER,	/* one line without any control */
};

enum mustache_op_type {
	MUSTACHE_LITERAL,
	MUSTACHE_VARIABLE,
	MUSTACHE_SECTION,	/* {{#name}} */
	MUSTACHE_INVERTED,	/* {{^name}} */
	MUSTACHE_END,		/* {{/name}} of either */
};

/* One step of a compiled template; read-only outside mustache.c. */
struct mustache_op {
	enum mustache_op_type	 type;
	enum mustache_context	 context;	/* of a variable */
	bool			 raw;	/* a trusted {{{name}}} or {{&name}} */
	uint8_t			 parts;	/* of the name; 0 for {{.}} */
	int16_t			 builtin;	/* index of it, or -1 */
	uint16_t		 depth;	/* sections around it */
	uint32_t		 line;	/* of a tag, from 1, in the source */
	uint32_t		 peer;	/* section: its end; end: its start */
	const char		*text;	/* literal's octets, or the name */
	size_t			 len;	/* of text */
};

struct mustache_params {
	enum mustache_context	 context;	/* of every variable */
	/*
	 * Names that are answered from struct mustache_data.builtin by their
	 * index here and can never be shadowed by the data.
	 */
	const char *const	*builtin;
	size_t			 builtins;
	/* True when the data under name may stand unescaped; NULL: none. */
	bool			(*trusted)(const void *arg, const char *name,
				    size_t len);
	const void		*trusted_arg;
};

/* What a template is rendered with; borrowed for the call. */
struct mustache_data {
	const json_t		*root;		/* NULL: an empty map */
	const struct slice	*builtin;	/* as many as compiled with */
};

struct mustache;

/*
 * Compile text[len].  Returns a template to be released with mustache_free(),
 * or NULL with e set.  text, names and params are not needed afterwards.
 */
struct mustache *mustache_compile(const char *text, size_t len,
    const struct mustache_params *params, struct err *e);
void mustache_free(struct mustache *m);

/*
 * Append m rendered with data to out.  -1 with e set: ERR_LIMIT when out is
 * full or MUSTACHE_STEPS_MAX passed; what was appended so far stays.
 */
int mustache_render(const struct mustache *m, const struct mustache_data *data,
    struct strbuf *out, struct err *e);

/* The compiled operations, in order; they live as long as m. */
const struct mustache_op *mustache_ops(const struct mustache *m,
    size_t *count_r);
/* Before m is shared: let the variable op stand in another context. */
void mustache_set_context(struct mustache *m, size_t op,
    enum mustache_context context);
/* True when m holds no variable and no section. */
bool mustache_is_constant(const struct mustache *m);

/*
 * For callers that encode as they go: walk m with data and hand over each
 * literal (by its op index) and each value, as yet unescaped (p is borrowed
 * for the call).  A callback answers 0, or -1 to stop the walk, which then
 * returns -1 and leaves e alone.
 */
struct mustache_sink {
	int	(*literal)(void *arg, size_t op);
	int	(*value)(void *arg, size_t op, const char *p, size_t len);
};
int mustache_walk(const struct mustache *m, const struct mustache_data *data,
    const struct mustache_sink *sink, void *arg, struct err *e);

/* True when octet c cannot stand as it is in context. */
bool mustache_is_special(enum mustache_context context, uint8_t c);
/* What a special c becomes in context: octets in out, their count. */
size_t mustache_escape_octet(enum mustache_context context, uint8_t c,
    char out[static MUSTACHE_ESCAPED_MAX]);
/* Append p[len] escaped for context. */
void mustache_escape(struct strbuf *out, enum mustache_context context,
    const char *p, size_t len);

#endif
