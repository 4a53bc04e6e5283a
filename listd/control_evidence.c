/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_evidence.c - evidence export: what the store knows about an address,
 * a copy, a complaint or a span of time, as one file that proves itself.
 *
 * First it is looked whether there is anything; then the export is written
 * down, as an entry and an act (S21); then the ledger's head that holds that
 * entry is waited for, at most a second or two; then the file is made and
 * written through the descriptor that listctl passed.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/date.h"
#include "lib/decimal.h"
#include "lib/err.h"
#include "lib/evidence.h"
#include "listd/bundle.h"
#include "listd/control_json.h"
#include "listd/control_verbs.h"
#include "listd/queue_api.h"
#include "listd/role.h"
#include "spool/act.h"
#include "spool/consent.h"
#include "spool/list.h"
#include "spool/org.h"
#include "spool/trace.h"
#include "spool/writer.h"

#define REQUEST_MAX	360	/* octets of what was asked for, in words */
#define WAIT_MS		100	/* between two looks for a checkpoint */
#define WAITS_MAX	100
#define DAY_MS		(24ll * 3600 * 1000)
#define DAY_OCTETS	10	/* of YYYY-MM-DD */

struct export {
	struct bundle_ask ask;
	struct trace	 trace;
	struct identity	 who;
	bool		 traces, clock_unsure;
	char		 request[REQUEST_MAX];
	char		 url_base[CONF_PATH_MAX];	/* as it is now */
	int		 fd;		/* of the file; -1: none */
	int		 found;		/* by a thread: 1, 0 */
	uint64_t	 last;
	unsigned	 waits;
	struct err	 why;		/* it is to be tried again */
	size_t		 octets, entries;
	uint64_t	 size;		/* of the ledger, as proved */
};

static void
export_free(void *state)
{
	struct export *s = state;

	if (s->fd > 0)
		close(s->fd);
}

/* ---- the words of the call */

static bool
take_list(struct call *c, struct export *s)
{
	struct list l;
	struct org o;

	if (call_option(c, "list") != NULL) {
		if (!call_find_list(c, call_option(c, "list"), &l))
			return false;
		s->ask.list = l.id;
	}
	if (call_option(c, "org") != NULL) {
		if (!call_find_org(c, call_option(c, "org"), &o))
			return false;
		s->ask.org = o.id;
	}
	return true;
}

/* FROM..TO; a day alone is meant whole. */
static bool
take_period(struct call *c, struct export *s, const char *text)
{
	const char *dots = strstr(text, "..");
	struct err e = ERR_INIT;

	if (dots == NULL || date_parse(text, (size_t)(dots - text),
	    &s->ask.from_ms, &e) == -1 || date_parse(dots + 2,
	    strlen(dots + 2), &s->ask.to_ms, &e) == -1) {
		call_fail(c, STATUS_USAGE, "--period is FROM..TO, two dates "
		    "or times");
		return false;
	}
	if (strlen(dots + 2) == DAY_OCTETS)
		s->ask.to_ms += DAY_MS;
	return true;
}

static void
add_words(struct export *s, const char *what, const char *text)
{
	size_t n = strlen(s->request);

	if (text != NULL)
		snprintf(s->request + n, sizeof(s->request) - n, "%s%s %.60s",
		    n > 0 ? "; " : "", what, text);
}

/* A period, alone or to narrow what it is about; a list; an organization. */
static bool
take_narrowed(struct call *c, struct export *s)
{
	const char *period = call_option(c, "period");

	add_words(s, "period", period);
	add_words(s, "list", call_option(c, "list"));
	add_words(s, "organization", call_option(c, "org"));
	return (period == NULL || take_period(c, s, period)) &&
	    take_list(c, s);
}

static bool
take_complaint(struct call *c, struct export *s, const char *text)
{
	s->ask.about = BUNDLE_COMPLAINT;
	if (!decimal_get(text, strlen(text), INT64_MAX, &s->ask.complaint) ||
	    s->ask.complaint == 0) {
		call_fail(c, STATUS_USAGE, "--complaint is the number of its "
		    "entry");
		return false;
	}
	snprintf(s->request, sizeof(s->request), "complaint %s", text);
	return true;
}

static bool
take_trace(struct call *c, struct export *s, const char *what,
    const char *text)
{
	s->traces = true;
	snprintf(s->request, sizeof(s->request), "%s %.150s", what, text);
	if (trace_parse(store_keys(call_store(c)), text, &s->trace))
		return true;
	call_fail(c, STATUS_NO, "nothing of this host's is in it");
	return false;
}

/* Exactly one of them, or a period alone. */
static bool
take_subject(struct call *c, struct export *s)
{
	const char *addr = call_arg(c, "ADDR");
	const char *id = call_option(c, "message-id");
	const char *trace = call_option(c, "trace");
	const char *complaint = call_option(c, "complaint");
	bool narrowed = call_option(c, "period") != NULL ||
	    call_option(c, "list") != NULL || call_option(c, "org") != NULL;
	int n = (addr != NULL) + (id != NULL) + (trace != NULL) +
	    (complaint != NULL);

	if (n > 1 || (n == 0 && call_option(c, "period") == NULL)) {
		call_fail(c, STATUS_USAGE, "evidence is exported about one of "
		    "ADDR, --message-id, --trace, --complaint, or of a "
		    "--period");
		return false;
	}
	if (complaint != NULL && narrowed) {
		call_fail(c, STATUS_USAGE, "--period, --list and --org do not "
		    "go with --complaint");
		return false;
	}
	if (n == 0) {
		s->ask.about = BUNDLE_PERIOD;
		return take_narrowed(c, s);
	}
	if (complaint != NULL)
		return take_complaint(c, s, complaint);
	if (addr != NULL)
		snprintf(s->request, sizeof(s->request), "address");
	else if (!take_trace(c, s, id != NULL ? "message-id" : "trace",
	    id != NULL ? id : trace))
		return false;
	return (addr == NULL || call_identity(c, "ADDR", &s->who)) &&
	    take_narrowed(c, s);
}

/* ---- in threads */

static int
look(void *arg, struct err *e)
{
	struct export *s = arg;

	s->found = 1;
	if (s->traces) {
		if ((s->found = trace_find(s->ask.store, &s->trace,
		    s->ask.stop, e)) == -1)
			return -1;
		memcpy(s->ask.hash, s->trace.hash, sizeof(s->ask.hash));
	}
	if (s->found == 1)
		s->found = bundle_look(&s->ask, &s->last, e);
	return s->found == -1 ? -1 : 0;
}

static int
write_all(int fd, const char *p, size_t len, struct err *e)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			err_sys(e, "writing the file");
			return -1;
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* What it has is what a reader finds in it: nobody gets one that is not. */
static int
prove(struct export *s, const struct strbuf *file, struct err *e)
{
	struct evidence_verdict v;

	evidence_verify(SLICE(file->s, file->len), NULL, 0, &v, NULL, NULL);
	s->entries = v.entries;
	s->size = v.checkpoint.size;
	s->octets = file->len;
	if (v.sound)
		return 0;
	err_set(e, ERR_DAMAGED, "the file does not hold: %s: %s", v.where,
	    v.why);
	return -1;
}

static int
make(void *arg, struct err *e)
{
	struct export *s = arg;
	struct evidence_writer w;
	int ret;

	evidence_begin(&w);
	s->why = (struct err)ERR_INIT;
	ret = bundle_make(&s->ask, &w, &s->why);
	if (ret == 0 && ((ret = prove(s, &w.file, e)) == 0))
		ret = write_all(s->fd, w.file.s, w.file.len, e);
	else if (ret == -1 && s->why.code == ERR_AGAIN)
		ret = 0;	/* the ledger's head is not signed yet */
	else if (ret == -1 && s->why.code != ERR_NONE)
		*e = s->why;
	evidence_free(&w);
	return ret;
}

/* ---- one after the other */

static void make_it(struct call *c);

static void
made(struct call *c, void *arg)
{
	struct export *s = arg;

	if (s->why.code == ERR_NONE) {
		call_output(c, json_pack("{s:s, s:I, s:I, s:I, s:I}",
		    "about", s->request, "entries", (json_int_t)s->entries,
		    "ledger_size", (json_int_t)s->size, "octets",
		    (json_int_t)s->octets, "entry",
		    (json_int_t)s->ask.exported));
		call_done(c);
	} else if (call_gone(c) || ++s->waits > WAITS_MAX) {
		call_error(c, &s->why);
	} else {
		call_progress(c, "waiting for the ledger's head to be "
		    "signed");
		call_sleep(c, WAIT_MS, make_it);
	}
}

static void
make_it(struct call *c)
{
	call_work(c, make, NULL, made);
}

/* Who asked for what, in the ledger and among the acts. */
static int
note_apply(struct txn *t, void *arg, struct err *e)
{
	struct export *s = arg;
	const struct bundle_ask *ask = &s->ask;
	char object[ACT_ADDRESS_LEN + 1];
	char note[REQUEST_MAX + ACT_VALUE_MAX];
	struct consent c = { .kind = CONSENT_EXPORTED, .when_ms = ask->now_ms,
		.list = ask->list, .org = ask->org,
		.follows = ask->complaint, .setter = consent_text(ask->who),
		.clock_unsure = s->clock_unsure };

	snprintf(note, sizeof(note), "%s%s%.512s", s->request,
	    ask->disclosed != NULL ? BUNDLE_DISCLOSED : "",
	    ask->disclosed != NULL ? ask->disclosed : "");
	c.note = consent_text(note);
	if (ask->about == BUNDLE_ADDRESS) {
		c.hash = SLICE(ask->hash, sizeof(ask->hash));
		act_address(ask->hash, object);
	}
	if (consent_append(t, &c, &s->ask.exported, e) == -1)
		return -1;
	return act_note(t, ask->who, ask->now_ms, "evidence export",
	    ask->about == BUNDLE_ADDRESS ? object : s->request, NULL,
	    ask->disclosed, e);
}

static void
noted(struct call *c, void *arg)
{
	(void)arg;
	make_it(c);
}

static void
looked(struct call *c, void *arg)
{
	struct export *s = arg;

	if (s->found == 1) {
		call_write(c, STORE_S, CALL_URGENT, note_apply, NULL, noted);
	} else if (s->traces && !s->trace.has_hash) {
		call_fail(c, STATUS_NO, "it is ours, but whose it was is not "
		    "known any more: the member is gone (campaign %u, "
		    "subscriber %llu, notice %llu), and no entry names them",
		    s->trace.campaign,
		    (unsigned long long)s->trace.subscriber,
		    (unsigned long long)s->trace.notice);
	} else {
		call_fail(c, STATUS_NO, "no entry is about it");
	}
}

static void
export_run(struct call *c)
{
	struct export *s = call_state(c);

	s->fd = call_take_file(c, "output");
	if (s->fd == -1) {
		call_fail(c, STATUS_USAGE, "there is no file to write to");
		return;
	}
	s->ask = (struct bundle_ask){ .store = call_store(c),
		.content = call_content(c), .stop = call_stopping(c),
		.about = BUNDLE_ADDRESS, .to_ms = INT64_MAX,
		.disclosed = call_option(c, "disclose"),
		.who = call_who(c), .request = s->request,
		.url_base = s->url_base, .now_ms = call_now(c) };
	snprintf(s->url_base, sizeof(s->url_base), "%s",
	    call_conf(c)->url_base);
	s->clock_unsure = queue_clock_unsure(call_queue(c));
	if (s->ask.disclosed != NULL && s->ask.disclosed[0] == '\0') {
		call_fail(c, STATUS_USAGE, "--disclose says who ordered it");
		return;
	}
	if (!take_subject(c, s))
		return;
	memcpy(s->ask.hash, s->who.hash, sizeof(s->ask.hash));
	call_work(c, look, NULL, looked);
}

const struct control_verb control_evidence_verbs[] = {
	{ "evidence export", export_run, sizeof(struct export), export_free },
	{ NULL, NULL, 0, NULL },
};
