/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shown.c - what a page says, as it is kept to prove what was agreed to.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "web/shown.h"

_Static_assert(sizeof(((struct ipc_evidence *)0)->form) == SHOWN_HEX + 1,
    "room for the hash of a text");

void
shown_begin(struct shown *s, const char *host, const char *path)
{
	strbuf_init(&s->text, IPC_SHOWN_MAX);
	strbuf_addf(&s->text, "%s\n%s%s\n\n", TEXT_VERSION, host, path);
}

void
shown_line(struct shown *s, enum text id, const char *value)
{
	size_t mark = s->text.len;
	const char *t = text(id), *hole = strstr(t, "{}");

	if (hole == NULL || value == NULL)
		strbuf_adds(&s->text, t);
	else
		strbuf_addf(&s->text, "%.*s%s%s", (int)(hole - t), t, value,
		    hole + 2);
	if (s->text.len != mark)
		strbuf_addc(&s->text, '\n');
}

void
shown_words(struct shown *s, const char *lines)
{
	strbuf_adds(&s->text, lines);
}

bool
shown_end(struct shown *s)
{
	if (s->text.overflow || EVP_Digest(s->text.s, s->text.len, s->hash,
	    NULL, EVP_sha256(), NULL) != 1)
		return false;
	for (size_t i = 0; i < SHOWN_HASH; i++)
		snprintf(s->hex + 2 * i, 3, "%02x", s->hash[i]);
	return true;
}

void
shown_tell(const struct shown *s, struct ipc_evidence *ev,
    struct slice *text)
{
	memcpy(ev->form, s->hex, sizeof(ev->form));
	*text = (struct slice){ (const uint8_t *)s->text.s, s->text.len };
}

void
shown_free(struct shown *s)
{
	strbuf_free(&s->text);
}
