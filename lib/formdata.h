/* SPDX-License-Identifier: Apache-2.0 */
/*
 * formdata.h - the fields of a posted form, in either of their two codings.
 *
 *	application/x-www-form-urlencoded	a=1&b=two+words
 *	multipart/form-data; boundary=X		RFC 7578 over RFC 2046
 *
 * The body lies whole in memory before it is read, so no boundary is ever
 * split over two reads.  The reader is kind, because what one-click posts
 * carry varies by who sends them (RFC 8058 section 3.2): a missing or unknown
 * type is read as urlencoded, a multipart boundary that the type does not
 * name is taken from the first line of the body, and lines may end in LF
 * alone.  What it reads is only ever a name and some octets: it is for the
 * caller to know which names mean anything.
 */
#ifndef LIB_FORMDATA_H
#define LIB_FORMDATA_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/pack.h"
#include "lib/strbuf.h"

struct err;

#define FORMDATA_MAX		(64u << 10)	/* octets of a body */
#define FORMDATA_FIELDS_MAX	64		/* fields of a form */
#define FORMDATA_NAME_MAX	128		/* octets of a field's name */
#define FORMDATA_BOUNDARY_MAX	70		/* RFC 2046 section 5.1.1 */
#define FORMDATA_HEAD_MAX	4096		/* octets of a part's header */

/* Offsets into `bytes`; name and value are each followed by a NUL there. */
struct formdata_field {
	size_t	name, name_len;
	size_t	value, value_len;
};

struct formdata {
	struct strbuf		bytes;	/* decoded names and values */
	size_t			n;
	struct formdata_field	field[FORMDATA_FIELDS_MAX];
};

void formdata_init(struct formdata *f);
void formdata_free(struct formdata *f);

/*
 * Read body[len] into f, which was initialised and is emptied first.
 *
 * type		the Content-Type field body, or NULL when there was none
 *
 * 0, or -1 with e set: ERR_INPUT malformed, ERR_LIMIT one of the limits above
 * was passed.  What came before the fault is in f and may be used: a caller
 * to whom the body says little (a one-click post) passes over the -1.
 */
int formdata_parse(struct formdata *f, const char *type, const void *body,
    size_t len, struct err *e);

/*
 * The value of the first field called name, compared without case as clients
 * differ there.  True with *value_r borrowed from f until it changes.
 */
bool formdata_get(const struct formdata *f, const char *name,
    struct slice *value_r);

/*
 * The same as a C string, without the blanks around it, copied to out[size].
 * False, with out "", when there is no such field, it does not fit, or holds a
 * control character.
 */
bool formdata_text(const struct formdata *f, const char *name, char *out,
    size_t size);

#endif
