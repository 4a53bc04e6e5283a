/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copier_names.c - whom a campaign's message names as its sender, and whom to
 * answer to (S9, S16).
 *
 * From, Sender and Reply-To must be at domains that the organization has
 * proven.  A text that asks people to write to a free-mail host is held as
 * well: whoever complains there, or asks to be left alone, complains to a drop
 * box.  Where to answer to an operator may approve, address by address.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/address.h"
#include "lib/contact.h"
#include "lib/err.h"
#include "lib/freemail.h"
#include "lib/mailhead.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"
#include "listd/copier_private.h"
#include "spool/org.h"
#include "spool/store.h"

#define TOLD_MAX	20	/* addresses in texts that are told */

struct checking {
	struct txn	*t;
	const struct named *names;
	json_t		*findings;
	const char	*field;
	bool		 may_approve;
	char		 told[TOLD_MAX][ADDRESS_TEXT_MAX + 1];
	size_t		 ntold;
	int		 ret;
	struct err	*e;
};

void
copier_finding(json_t *findings, const char *grade, const char *rule,
    const char *text)
{
	json_array_append_new(findings, json_pack("{s:s,s:s,s:s}", "grade",
	    grade, "rule", rule, "text", text));
}

/* The address as it is compared; false: it is none that is. */
static bool
folded_text(const struct address *a, char out[static ADDRESS_TEXT_MAX + 1])
{
	struct strbuf b = STRBUF_INIT(ADDRESS_TEXT_MAX);
	struct address folded;
	bool ok = address_fold(a, &folded, NULL) == 0;

	if (ok)
		address_format(&b, &folded);
	ok = ok && !b.overflow;
	if (ok)
		memcpy(out, b.s, b.len + 1);
	strbuf_free(&b);
	return ok;
}

/* Is text among the names, which have a blank between them? */
static bool
is_approved(const char *names, const char *text)
{
	size_t len = strlen(text), n;

	for (; names != NULL && *names != '\0'; names += n) {
		names += strspn(names, " ");
		n = strcspn(names, " ");
		if (n == len && memcmp(names, text, n) == 0)
			return true;
	}
	return false;
}

static void
tell(struct checking *d, const char *where, const char *address,
    const char *why)
{
	bool approved = d->may_approve && is_approved(d->names->approved,
	    address);
	char text[800];

	/* Without UTF-8 there is no finding, and so no refusal. */
	snprintf(text, sizeof(text), "%s names %s, %s%s", where,
	    utf8_valid(address, strlen(address)) ? address : "an address",
	    why, approved ? "; it was approved" : !d->may_approve ? "" :
	    "; it is held until somebody approves it by --approve");
	copier_finding(d->findings, approved ? "MAY" : "MUST",
	    d->may_approve ? "S16" : "S9", text);
}

static void
check_author(void *arg, const struct address *a, struct slice display)
{
	char text[ADDRESS_TEXT_MAX + 1];
	struct checking *d = arg;
	int rc;

	(void)display;
	rc = org_domain_covers(d->t, d->names->org, a->domain, d->e);
	if (rc == -1)
		d->ret = -1;
	if (rc != 0)
		return;
	if (!folded_text(a, text))
		snprintf(text, sizeof(text), "%s", a->domain);
	tell(d, d->field, text, "whose domain the organization has not "
	    "proven");
}

static int
check_header(struct checking *d)
{
	static const char *const fields[] = { "From", "Sender", "Reply-To" };
	struct mailhead *h = mailhead_parse((const char *)
	    d->names->message.p, d->names->message.len, d->e);

	if (h == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *value = mailhead_get(h, fields[i], 0);

		d->field = fields[i];
		d->may_approve = strcmp(fields[i], "Reply-To") == 0;
		if (value != NULL && mailbox_list_parse(value, strlen(value),
		    check_author, d, NULL, d->e) == -1)
			copier_finding(d->findings, "MUST", "R84",
			    d->e->text);
	}
	mailhead_free(h);
	return d->ret;
}

/* Each address once, and not more than a person reads. */
static void
check_contact(void *arg, const struct address *a)
{
	char text[ADDRESS_TEXT_MAX + 1];
	struct checking *d = arg;
	int rc;

	if (!freemail_domain(a->domain) || d->ntold == TOLD_MAX ||
	    !folded_text(a, text))
		return;
	for (size_t i = 0; i < d->ntold; i++)
		if (strcmp(d->told[i], text) == 0)
			return;
	rc = org_domain_covers(d->t, d->names->org, a->domain, d->e);
	if (rc == -1)
		d->ret = -1;
	if (rc != 0)
		return;
	/* What is approved takes no place from what is not. */
	if (!is_approved(d->names->approved, text))
		memcpy(d->told[d->ntold++], text, sizeof(text));
	tell(d, "the text", text, "a mailbox at a free-mail host");
}

int
copier_names(struct copier *c, const struct named *names, json_t *findings,
    struct err *e)
{
	struct checking d = { .names = names, .findings = findings, .e = e };
	struct err ignored = ERR_INIT;

	if (txn_read(c->p.store, STORE_S, &d.t, e) == -1)
		return -1;
	if (check_header(&d) == 0) {
		d.may_approve = true;
		/* What cannot be parsed was refused by the linter. */
		contact_find(names->message.p, names->message.len,
		    check_contact, &d, &ignored);
	}
	txn_end(d.t);
	return d.ret;
}
