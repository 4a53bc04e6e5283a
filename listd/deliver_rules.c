/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver_rules.c - the rules of refusals, as queue has read them.
 *
 * Queue alone reads the files and says what is wrong with them.  It sends what
 * it took right behind its HELLO and at each reload, before any grant made
 * with that knowledge, so both roles always go by the same text.
 */
#include "config.h"

#include "lib/err.h"
#include "lib/reply_rules.h"
#include "lib/strbuf.h"
#include "lib/sys/log.h"
#include "listd/deliver_private.h"

/* Mistakes are told by queue; here there are none, or two programs meet. */
static void
take(struct deliver *dl, const struct datafile_text *text,
    const struct datafile_text *overlay)
{
	struct strbuf mistakes = STRBUF_INIT(1 << 16);
	struct reply_rules *rules = reply_rules_parse(text, overlay, NULL,
	    &mistakes);

	strbuf_free(&mistakes);
	if (rules == NULL) {
		log_text(LEVEL_ERROR, "rules-kept",
		    "the rules of refusals that queue sent have mistakes");
		return;
	}
	reply_rules_free(dl->rules);
	dl->session_env.rules = dl->rules = rules;
	log_text(LEVEL_DEBUG, "rules", "%s", reply_rules_version(rules));
}

void
frame_rules(struct deliver *dl, struct unpack *u)
{
	bool is_overlay = unpack_u8(u) != 0;
	struct slice bytes = unpack_bytes(u);
	struct datafile_text shipped = { .file = "replies_file" };
	const struct datafile_text overlay = { "replies_overlay", bytes.p,
		bytes.len };

	if (!unpack_done(u))
		return;
	if (!is_overlay) {
		strbuf_reset(&dl->shipped_rules);
		strbuf_add(&dl->shipped_rules, bytes.p, bytes.len);
		return;
	}
	shipped.bytes = dl->shipped_rules.s;
	shipped.len = dl->shipped_rules.len;
	take(dl, &shipped, &overlay);
	strbuf_free(&dl->shipped_rules);
	strbuf_init(&dl->shipped_rules, DATAFILE_MAX + 1);
}
