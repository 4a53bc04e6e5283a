/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_prove.c - look in DNS for the proof that a domain is an
 * organization's own.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/err.h"
#include "lib/strbuf.h"
#include "listd/control_call.h"
#include "listd/control_json.h"
#include "listd/control_prove.h"
#include "listd/scheduler.h"
#include "spool/writer.h"

#define RECORD_LABEL	"_listd."
#define RECORD_PREFIX	"listd-domain="

/* ---- what is told of it */

static const char *
proof_name(enum org_proof proof)
{
	return proof == ORG_PROOF_DNS ? "dns" :
	    proof == ORG_PROOF_DKIM ? "dkim" : "none";
}

json_t *
prove_json(const struct org_domain *d)
{
	struct strbuf record = STRBUF_INIT(512);
	json_t *o;

	strbuf_addf(&record, RECORD_LABEL "%s. IN TXT \"" RECORD_PREFIX
	    "%s\"", d->domain, d->token);
	o = json_pack("{s:s, s:s, s:o, s:o, s:o, s:s}", "domain", d->domain,
	    "proof", proof_name(d->proof), "claimed",
	    json_time(d->claimed_ms), "proven", json_time(d->proven_ms),
	    "checked", json_time(d->checked_ms), "record", record.s);
	strbuf_free(&record);
	return o;
}

/* ---- noting it */

static int
claim_apply(struct txn *t, void *arg, struct err *e)
{
	struct prove *p = arg;

	return job_answer(org_domain_claim(t, p->org, p->domain,
	    call_who(p->call), p->now_ms, &p->claim, e), e);
}

static int
checked_apply(struct txn *t, void *arg, struct err *e)
{
	struct prove *p = arg;
	struct org rival;
	int rc = org_domain_checked(t, p->org, p->claim.domain, p->proof,
	    p->now_ms, e);

	/* It may have been dropped meanwhile. */
	if (rc == -1)
		return job_answer(rc, e);
	if (org_domain_get(t, p->org, p->claim.domain, &p->claim, e) != 1)
		return -1;
	p->rival[0] = '\0';
	if (p->proof == ORG_PROOF_NONE || p->claim.proof != ORG_PROOF_NONE)
		return 0;
	/* Found, and not taken for a proof. */
	if ((rc = org_domain_rival(t, p->org, p->claim.domain, &rival,
	    e)) == 1)
		memcpy(p->rival, rival.name, sizeof(p->rival));
	return rc == -1 ? -1 : 0;
}

static void
noted(struct call *c, void *arg)
{
	struct prove *p = arg;

	p->then(c);
}

static void
note(struct prove *p)
{
	call_write(p->call, STORE_S, CALL_URGENT, checked_apply, p, noted);
}

/* ---- looking */

static void
looked_for_key(void *arg, enum ipc_proof found, const char *text)
{
	struct prove *p = arg;

	if (!call_resume(p->call))
		return;
	if (found == IPC_PROOF_FOUND)
		p->proof = ORG_PROOF_DKIM;
	else if (found == IPC_PROOF_UNSURE)
		p->unsure = true;
	snprintf(p->text, sizeof(p->text), "%s", text);
	/* Silence of the DNS takes no proof away. */
	if (p->proof == ORG_PROOF_NONE && p->unsure)
		p->then(p->call);
	else
		note(p);
}

static bool
has_token(const struct slice *text, const char *token)
{
	return memmem(text->p, text->len, token, strlen(token)) != NULL;
}

static void
looked_for_token(void *arg, enum ipc_dns status, const struct slice *text,
    size_t n)
{
	struct prove *p = arg;

	if (!call_resume(p->call))
		return;
	for (size_t i = 0; i < n; i++)
		if (has_token(&text[i], p->claim.token))
			p->proof = ORG_PROOF_DNS;
	if (p->proof == ORG_PROOF_DNS) {
		note(p);
		return;
	}
	p->unsure = status == IPC_DNS_TEMPORARY;
	call_hold(p->call);
	scheduler_prove(call_scheduler(p->call), p->claim.domain,
	    looked_for_key, p);
}

static void
claimed(struct call *c, void *arg)
{
	struct prove *p = arg;
	char name[sizeof(RECORD_LABEL) + 256];

	call_progress(c, "looking for the proof in the DNS of %s",
	    p->claim.domain);
	snprintf(name, sizeof(name), RECORD_LABEL "%s", p->claim.domain);
	call_hold(c);
	scheduler_lookup_txt(call_scheduler(c), name, looked_for_token, p);
}

void
prove_start(struct call *c, void (*then)(struct call *))
{
	struct prove *p = call_state(c);

	p->call = c;
	p->now_ms = call_now(c);
	p->then = then;
	call_write(c, STORE_S, CALL_URGENT, claim_apply, p, claimed);
}
