/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf_all.c - what is done with all settings alike: their defaults, a reload,
 * and both ways of writing them.
 */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "lib/conf.h"
#include "lib/conf_private.h"
#include "lib/err.h"
#include "lib/strbuf.h"

void
conf_init(struct conf *c)
{
	const struct conf_setting *s;
	struct err e = ERR_INIT;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; (s = conf_setting_at(i)) != NULL; i++) {
		int rc = s->def == NULL ? 0 :
		    conf_value_set(s, conf_field(c, s), s->def, &e);

		assert(rc == 0);	/* our own table */
		(void)rc;
	}
}

/* ---- what a reload may change */

size_t
conf_reload_check(const struct conf *running, struct conf *fresh,
    struct strbuf *warnings)
{
	const struct conf_setting *s;
	size_t n = 0;

	for (size_t i = 0; (s = conf_setting_at(i)) != NULL; i++) {
		const void *was = conf_field_in(running, s);

		if ((s->flags & CONF_RELOAD) != 0 ||
		    memcmp(was, conf_field_in(fresh, s), s->size) == 0)
			continue;
		strbuf_addf(warnings, "%s: cannot change while running\n",
		    s->name);
		memcpy(conf_field(fresh, s), was, s->size);
		n++;
	}
	return n;
}

/* ---- writing */

void
conf_dump(const struct conf *c, struct strbuf *out)
{
	const struct conf_setting *s;

	for (size_t i = 0; (s = conf_setting_at(i)) != NULL; i++) {
		size_t n = conf_value_count(s, conf_field_in(c, s));

		if (n == 0)
			strbuf_addf(out, "%s =\n", s->name);
		for (size_t k = 0; k < n; k++) {
			size_t mark;

			strbuf_addf(out, "%s = ", s->name);
			mark = out->len;
			conf_value_format(s, conf_field_in(c, s), k, out);
			if (out->len == mark && !out->overflow)
				strbuf_truncate(out, mark - 1);
			strbuf_addc(out, '\n');
		}
	}
}

/* Text as mdoc: a line that begins with . or ' would be a request. */
static void
manual_text(const char *text, struct strbuf *out)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");

		if (column != 0 && column + 1 + word > 72) {
			strbuf_addc(out, '\n');
			column = 0;
		} else if (column != 0) {
			strbuf_addc(out, ' ');
			column++;
		}
		if (column == 0 && (*text == '.' || *text == '\''))
			strbuf_adds(out, "\\&");
		strbuf_add(out, text, word);
		column += word;
		text += word;
		/* A sentence ends its line, which is how roff spaces it. */
		if (text[0] == ' ' && text[1] == ' ') {
			strbuf_addc(out, '\n');
			column = 0;
		}
		while (*text == ' ')
			text++;
	}
	strbuf_addc(out, '\n');
}

static void
manual_limits(const struct conf_setting *s, struct strbuf *text)
{
	if (s->type == CONF_INT || s->type == CONF_SIZE ||
	    s->type == CONF_TIME) {
		strbuf_adds(text, "; from ");
		conf_number_format(s, s->min, text);
		strbuf_adds(text, " to ");
		conf_number_format(s, s->max, text);
	}
	if (conf_value_is_list(s))
		strbuf_adds(text, "; a list");
	if ((s->flags & CONF_RELOAD) == 0)
		strbuf_adds(text, "; a change needs a restart");
	strbuf_addc(text, '.');
}

/* Alternatives are set apart: yes|no becomes two arguments. */
static void
manual_shape(const char *shape, struct strbuf *out)
{
	const char *bar;

	while ((bar = strchr(shape, '|')) != NULL) {
		strbuf_add(out, shape, (size_t)(bar - shape));
		strbuf_adds(out, " | Ar ");
		shape = bar + 1;
	}
	strbuf_addf(out, "%s\n", shape);
}

void
conf_manual(struct strbuf *out)
{
	const struct conf_setting *s;

	for (size_t i = 0; (s = conf_setting_at(i)) != NULL; i++) {
		struct strbuf text = STRBUF_INIT(4096);

		strbuf_addf(out, ".It Ic %s No = Ar ", s->name);
		manual_shape(conf_value_shape(s), out);
		strbuf_addf(&text, "%s  ", s->text);
		if ((s->flags & CONF_REQUIRED) != 0)
			strbuf_adds(&text, "Must be set");
		else
			strbuf_addf(&text, "Default: %s", s->shown != NULL ?
			    s->shown : s->def != NULL ? s->def : "none");
		manual_limits(s, &text);
		manual_text(text.s, out);
		strbuf_free(&text);
	}
}

const char *
conf_name(size_t i)
{
	const struct conf_setting *s = conf_setting_at(i);

	return s != NULL ? s->name : NULL;
}
