/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copier.c - what is compiled, and whether a campaign may go.
 *
 * A campaign is compiled when it is first needed and kept while it is in use;
 * the least recently used goes when there are too many.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/address.h"
#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/lint.h"
#include "lib/mailhead.h"
#include "lib/similar.h"
#include "lib/strbuf.h"
#include "lib/xmalloc.h"
#include "listd/campaign_params.h"
#include "listd/copier_private.h"
#include "spool/campaign.h"
#include "spool/content.h"
#include "spool/store.h"

#define CONTENT_READ_MAX	(16u << 20)	/* octets of a message */

/* ---- campaigns */

static void
compiled_free(struct compiled *k)
{
	template_free(k->template);
	free(k);
}

static void
compiled_drop(struct copier *c, struct compiled *k)
{
	TAILQ_REMOVE(&c->campaigns, k, entry);
	c->ncampaigns--;
	if (k->users == 0)
		compiled_free(k);
	else
		k->dead = true;
}

void
compiled_release(struct copier *c, struct compiled *k)
{
	(void)c;
	if (--k->users == 0 && k->dead)
		compiled_free(k);
}

void
copier_forget(struct copier *c, uint32_t campaign)
{
	struct compiled *k;

	TAILQ_FOREACH(k, &c->campaigns, entry)
		if (k->id == campaign) {
			compiled_drop(c, k);
			return;
		}
}

int
copier_read_content(struct copier *c, const uint8_t *hash, size_t max,
    struct strbuf *b, struct err *e)
{
	char hex[CONTENT_HEX], path[CONTENT_HEX + 4], buf[65536];
	ssize_t n = -1;
	int fd;

	content_hex(hash, hex);
	snprintf(path, sizeof(path), "%.2s/%s", hex, hex);
	fd = openat(c->p.content_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1)
		while ((n = read(fd, buf, max - b->len < sizeof(buf) ?
		    max - b->len : sizeof(buf))) > 0)
			strbuf_add(b, buf, (size_t)n);
	if (n != 0 || b->overflow)
		err_set(e, ERR_SYSTEM, "content %s: %s", path, n != 0 ?
		    strerror(errno) : "too large");
	if (fd != -1)
		close(fd);
	return n == 0 && !b->overflow ? 0 : -1;
}

/* What copies are made of, read from the store. */
struct source {
	struct campaign	 c;
	json_t		*params;
	struct campaign_params p;
	struct strbuf	 message;
	struct address	 author;
};

static void
source_free(struct source *s)
{
	json_decref(s->params);
	strbuf_free(&s->message);
}

static int
source_row(struct copier *c, uint32_t id, struct source *s, struct err *e)
{
	struct txn *t;
	int ret;

	if (txn_read(c->p.store, STORE_Q, &t, e) == -1)
		return -1;
	ret = campaign_get(t, id, &s->c, e);
	if (ret == 1)
		s->params = json_loadb((const char *)s->c.params.p,
		    s->c.params.len, 0, NULL);
	txn_end(t);
	if (ret == 0)
		err_set(e, ERR_NOTFOUND, "there is no campaign %u", id);
	return ret == 1 ? 0 : -1;
}

static int
source_read(struct copier *c, uint32_t id, struct source *s, struct err *e)
{
	*s = (struct source){ .message = STRBUF_INIT(CONTENT_READ_MAX) };
	if (source_row(c, id, s, e) == -1 ||
	    campaign_params_read(s->params, &s->p, e) == -1)
		return -1;
	if (copier_read_content(c, s->c.content, CONTENT_READ_MAX,
	    &s->message, e) == -1)
		return -1;
	if (s->message.len < CONTENT_READ_MAX)
		return 0;
	/* It was cut there, and half a message is not sent. */
	err_set(e, ERR_LIMIT, "the message has %u octets or more",
	    CONTENT_READ_MAX);
	return -1;
}

static int
source_author(struct source *s, struct err *e)
{
	struct mailhead *h = mailhead_parse(s->message.s, s->message.len, e);
	int rc;

	if (h == NULL)
		return -1;
	rc = mailhead_author(h, &s->author, NULL, e);
	if (rc == 0)
		err_set(e, ERR_INPUT, "From is missing");
	mailhead_free(h);
	return rc == 1 ? 0 : -1;
}

static struct compiled *
compile(struct copier *c, struct source *s, struct lint_report *report,
    struct err *e)
{
	struct compiled *k = xcalloc(1, sizeof(*k));

	s->p.t.date_ms = s->c.date_ms != 0 ? s->c.date_ms :
	    clock_utc_ms(c->p.clock);	/* a trial before the release */
	k->id = s->c.id;
	k->list = s->c.list;
	k->as_of = s->c.as_of;
	k->date_ms = s->c.date_ms;
	k->verp_key = s->p.verp_key;
	k->url_key = s->p.url_key;
	k->reminder = s->p.t.reminder;
	k->signer = copier_key_for(c, s->author.domain, e);
	if (k->signer != NULL)
		k->template = template_compile((const uint8_t *)s->message.s,
		    s->message.len, &s->p.t, report, e);
	if (k->template != NULL)
		return k;
	compiled_free(k);
	return NULL;
}

/*
 * What is tried before the release has no Date and no audience yet: such a
 * one is made for a single copy and goes with it.
 */
static void
compiled_keep(struct copier *c, struct compiled *k, bool released)
{
	if (!released) {
		k->dead = true;
		return;
	}
	if (c->ncampaigns >= COPIER_CAMPAIGNS_MAX)
		compiled_drop(c, TAILQ_LAST(&c->campaigns, compiled_list));
	TAILQ_INSERT_HEAD(&c->campaigns, k, entry);
	c->ncampaigns++;
}

struct compiled *
copier_campaign(struct copier *c, uint32_t id, struct err *e)
{
	struct lint_report *report;
	struct compiled *k;
	struct source s;

	TAILQ_FOREACH(k, &c->campaigns, entry)
		if (k->id == id)
			break;
	if (k != NULL) {
		if (k != TAILQ_FIRST(&c->campaigns)) {
			TAILQ_REMOVE(&c->campaigns, k, entry);
			TAILQ_INSERT_HEAD(&c->campaigns, k, entry);
		}
		return k;
	}
	report = xcalloc(1, sizeof(*report));
	if (source_read(c, id, &s, e) == 0 && source_author(&s, e) == 0 &&
	    (k = compile(c, &s, report, e)) != NULL)
		compiled_keep(c, k, s.c.released_ms != 0);
	source_free(&s);
	free(report);
	return k;
}

/* ---- before the release */

static void
add_report(json_t *findings, const struct lint_report *r)
{
	for (unsigned i = 0; i < r->findings; i++) {
		const struct lint_finding *f = &r->finding[i];

		json_array_append_new(findings, json_pack(
		    "{s:s,s:s,s:i,s:s,s:s}", "grade",
		    lint_grade_name(f->grade), "rule", f->rule, "line",
		    (int)f->line, "part", f->part, "text", f->text));
	}
}

/* Make the first copy and let libopendkim judge it. */
static int
try_sample(struct copier *c, uint32_t campaign, uint32_t list,
    uint32_t *octets, struct err *e)
{
	struct ipc_delivery d = { .kind = IPC_KIND_TEST, .campaign = campaign,
		.list = list, .local = "sample", .domain = "example.org" };
	struct copy *copy = copy_make(c, &d, false, e);
	int ret;

	if (copy == NULL)
		return -1;
	*octets = (uint32_t)copy->octets;
	ret = copy_sign(c, copy, e);
	if (ret == 0)
		ret = made_verify(c, (struct made *)copy, e);
	copy_release(c, copy);
	return ret;
}

static bool
has_must(const json_t *findings)
{
	size_t i;
	json_t *f;

	json_array_foreach(findings, i, f)
		if (strcmp(json_string_value(json_object_get(f, "grade")),
		    "MUST") == 0)
			return true;
	return false;
}

/* What it says to all, to be known again by (T37). */
static void
take_fingerprint(const struct source *s, struct similar *print)
{
	struct err e = ERR_INIT;

	/* What cannot be parsed is refused by the linter. */
	if (similar_of((const uint8_t *)s->message.s, s->message.len, print,
	    &e) == -1)
		print->n = 0;
}

static int
prepare(struct copier *c, uint32_t campaign, json_t *findings,
    struct similar *print, uint32_t *octets, struct err *e)
{
	struct lint_report *report = xcalloc(1, sizeof(*report));
	struct compiled *k = NULL;
	struct named names;
	struct source s;
	int ret = -1;

	copier_forget(c, campaign);
	if (source_read(c, campaign, &s, e) == -1)
		goto out;
	lint_message((const uint8_t *)s.message.s, s.message.len, report);
	take_fingerprint(&s, print);
	if (source_author(&s, e) == 0)
		k = compile(c, &s, report, e);
	add_report(findings, report);
	names = (struct named){ .message = SLICE(s.message.s, s.message.len),
	    .org = s.c.org, .approved = s.p.approved };
	if (copier_names(c, &names, findings, e) == -1)
		goto out;
	if (k != NULL)
		ret = try_sample(c, campaign, s.c.list, octets, e);
out:
	if (k != NULL)
		compiled_free(k);
	source_free(&s);
	free(report);
	return ret;
}

void
copier_prepare(struct copier *c, uint32_t campaign, struct ipc_prepared *v,
    struct strbuf *out)
{
	json_t *findings = json_array();
	struct err e = ERR_INIT;
	struct similar print = { 0 };
	size_t json;
	char *text;
	int ret;

	v->campaign = campaign;
	ret = prepare(c, campaign, findings, &print, &v->copy_octets,
	    &e);
	v->ok = ret == 0 && !has_must(findings);
	/* A refusal keeps its reason, whoever it was that refused. */
	if (ret == -1 && !has_must(findings))
		copier_finding(findings, "MUST", "", e.text);
	if (ret == -1)
		snprintf(v->text, sizeof(v->text), "%.*s",
		    (int)sizeof(v->text) - 1, e.text);
	else if (!v->ok)
		snprintf(v->text, sizeof(v->text), "the message breaks rules "
		    "that must be kept");
	if ((text = json_dumps(findings, JSON_COMPACT)) != NULL)
		strbuf_adds(out, text);
	free(text);
	json_decref(findings);
	if (out->overflow)
		strbuf_reset(out);
	json = out->len;
	if (print.n > 0)
		similar_pack(out, &print);
	v->findings = SLICE(out->s, json);
	v->fingerprint = SLICE(out->s + json, out->overflow ? 0 :
	    out->len - json);
}

/* ---- life */

void
copier_set_conf(struct copier *c, const struct conf *conf)
{
	c->p.conf = conf;
}

void
copier_free(struct copier *c)
{
	if (c == NULL)
		return;
	while (!TAILQ_EMPTY(&c->campaigns))
		compiled_drop(c, TAILQ_FIRST(&c->campaigns));
	copier_keys_free(c);
	copies_free(c);
	dkim_verifier_free(c->verifier);
	strbuf_free(&c->witness);
	free(c);
}

struct copier *
copier_new(const struct copier_params *p, struct err *e)
{
	struct copier *c = xcalloc(1, sizeof(*c));

	c->p = *p;
	TAILQ_INIT(&c->keys);
	TAILQ_INIT(&c->campaigns);
	TAILQ_INIT(&c->idle);
	TAILQ_INIT(&c->waiting);
	strbuf_init(&c->witness, TEMPLATE_HEADER_MAX);
	if ((c->verifier = dkim_verifier_new(e)) == NULL) {
		free(c);
		return NULL;
	}
	return c;
}
