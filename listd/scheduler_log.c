/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_log.c - the line of an attempt.
 *
 * Programs read these lines, so their shape is fixed: every key is always
 * there, and what a server said comes last, where cutting a line that grew too
 * long hurts nothing else.
 */
#include "config.h"

#include <stdio.h>

#include "lib/reply_class.h"
#include "lib/sys/log.h"
#include "listd/scheduler_private.h"

#define NOTHING	"-"

static const char *
stage_name(unsigned stage)
{
	static const char *const names[] = {
		[IPC_STAGE_GATE] = "gate", [IPC_STAGE_RENDER] = "render",
		[IPC_STAGE_CONNECT] = "connect",
		[IPC_STAGE_BANNER] = "banner", [IPC_STAGE_EHLO] = "ehlo",
		[IPC_STAGE_TLS] = "tls", [IPC_STAGE_MAIL] = "mail",
		[IPC_STAGE_RCPT] = "rcpt", [IPC_STAGE_DATA] = "data",
		[IPC_STAGE_DOT] = "dot",
	};

	return stage < sizeof(names) / sizeof(names[0]) ? names[stage] :
	    NOTHING;
}

static const char *
tls_name(unsigned tls)
{
	switch (tls) {
	case IPC_TLS_UNVERIFIED:
		return "yes";
	case IPC_TLS_VERIFIED:
		return "verified";
	case IPC_TLS_DANE:
		return "dane";
	default:
		return "no";
	}
}

static void
log_word(struct log_line *l, const char *key, const char *value)
{
	log_str(l, key, value == NULL || *value == '\0' ? NOTHING : value);
}

/* Where the time went: waiting, connecting, transaction, content. */
static void
log_delays(struct log_line *l, const struct outcome *r)
{
	char text[80];

	snprintf(text, sizeof(text), "%u.%02u/%u.%02u/%u.%02u/%u.%02u",
	    r->delay_ms[0] / 1000, r->delay_ms[0] % 1000 / 10,
	    r->delay_ms[1] / 1000, r->delay_ms[1] % 1000 / 10,
	    r->delay_ms[2] / 1000, r->delay_ms[2] % 1000 / 10,
	    r->delay_ms[3] / 1000, r->delay_ms[3] % 1000 / 10);
	log_str(l, "delays", text);
}

static void
log_whose(struct log_line *l, const struct delivery *d,
    const struct outcome *r)
{
	bool notice = d->kind == IPC_KIND_NOTICE;

	log_hex(l, "delivery", d->id);
	log_str(l, "kind", notice ? "notice" : "campaign");
	log_hex(l, "campaign", notice ? 0 : d->campaign);
	log_hex(l, "subscriber", notice ? 0 : r->subscriber);
	log_hex(l, "notice", notice ? r->notice : 0);
	log_word(l, "domain", d->domain_name);
}

void
attempt_log(const struct delivery *d, const struct outcome *r, int64_t now)
{
	struct log_line l;
	char dsn[20];

	if (!log_enabled(LEVEL_INFO))
		return;
	snprintf(dsn, sizeof(dsn), "%u.%u.%u", r->enhanced[0], r->enhanced[1],
	    r->enhanced[2]);
	log_begin(&l, LEVEL_INFO, "attempt");
	log_whose(&l, d, r);
	log_word(&l, "mx", r->host);
	log_str(&l, "stage", stage_name(r->stage));
	log_str(&l, "dsn", dsn);
	log_int(&l, "code", r->code);
	log_word(&l, "category", reply_category_name(
	    (enum reply_category)r->category));
	log_str(&l, "status", outcome_state_name(r->state));
	log_int(&l, "attempt", r->attempt);
	log_seconds(&l, "delay", now - d->queued_ms);
	log_delays(&l, r);
	log_str(&l, "tls", tls_name(r->tls));
	log_str(&l, "gate", r->gate != 0 ? gate_verdict_name(
	    (enum gate_verdict)r->gate) : NOTHING);
	log_seconds(&l, "again", r->state == OUTCOME_DEFERRED ?
	    r->due_ms - now : 0);
	log_word(&l, "reason", r->text);
	log_end(&l);
}
