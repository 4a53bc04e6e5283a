/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_rules.c - may a list send at all (S9, S33, S54, S90).
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/err.h"
#include "lib/freemail.h"
#include "lib/strbuf.h"
#include "spool/list_private.h"
#include "spool/org.h"

static const char *const why_texts[] = {
	"the list is not active",
	"its organization is not active",
	"the owner's address was not confirmed",
	"the domain of From is not proven for the organization",
	"the domain of Reply-To is not proven for the organization",
	"the list is commercial and has no postal address",
	"From is at a free-mail provider",
	"the list is open and does not answer all of: collection, purpose, "
	    "leaving, revocation",
};

/* ---- the four questions of fairness (S68) */

void
list_answer(struct list *l)
{
	snprintf(l->collection, sizeof(l->collection), "Your address is kept, "
	    "with the time, the network address and the words of your "
	    "request, as proof that you asked.");
	snprintf(l->purpose, sizeof(l->purpose), "You will get the mail of "
	    "the list %.*s and nothing else.", LIST_TITLE_OCTETS,
	    l->title);
	snprintf(l->leaving, sizeof(l->leaving), "Each of these mails has a "
	    "link that ends them with one press.");
	snprintf(l->revocation, sizeof(l->revocation), "You can take your "
	    "consent back at any time, by that link or by a mail to the list; "
	    "after that no other is sent.");
}

bool
list_answers(const struct list *l)
{
	return l->collection[0] != '\0' && l->purpose[0] != '\0' &&
	    l->leaving[0] != '\0' && l->revocation[0] != '\0';
}

void
list_statement(const struct list *l, struct strbuf *out)
{
	strbuf_addf(out, "%s\n%s\n%s\n%s\n", l->collection, l->purpose,
	    l->leaving, l->revocation);
}

/* ---- whether it may send */

/* The domain of an address that was checked when it was set. */
static const char *
domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at != NULL ? at + 1 : "";
}

int
list_may_send(struct txn *t, uint32_t id, unsigned *why_r, struct err *e)
{
	const char *from, *reply_to;
	struct list l;
	struct org o;
	unsigned why = 0;
	int proven, also, rc;

	if (list_must(t, id, &l, e) == -1)
		return -1;
	from = domain_of(l.from);
	reply_to = l.reply_to[0] != '\0' ? domain_of(l.reply_to) : from;
	if ((rc = org_get(t, l.org, &o, e)) == -1 ||
	    (proven = org_domain_covers(t, l.org, from, e)) == -1 ||
	    (also = org_domain_covers(t, l.org, reply_to, e)) == -1)
		return -1;
	why |= l.state != LIST_ACTIVE ? LIST_NO_STATE : 0;
	why |= rc == 0 || o.state != ORG_ACTIVE ? LIST_NO_ORG : 0;
	why |= l.owner_ms == 0 ? LIST_NO_OWNER : 0;
	why |= proven == 0 ? LIST_NO_FROM : 0;
	why |= also == 0 ? LIST_NO_REPLY_TO : 0;
	why |= l.commercial && l.postal[0] == '\0' ? LIST_NO_POSTAL : 0;
	why |= freemail_domain(from) ? LIST_NO_FREEMAIL : 0;
	why |= l.open && !list_answers(&l) ? LIST_NO_ANSWERS : 0;
	*why_r = why;
	return 0;
}

void
list_why_text(unsigned why, struct strbuf *out)
{
	for (size_t i = 0; i < sizeof(why_texts) / sizeof(why_texts[0]); i++)
		if ((why & 1u << i) != 0)
			strbuf_addf(out, "%s\n", why_texts[i]);
}
