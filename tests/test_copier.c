/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_copier.c - from a campaign in the store to a signed copy: what a
 * release is refused for (S9, S16, R84), what each copy carries (R21-R23,
 * R47), and the confirmation mail (S43).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "lib/clock.h"
#include "lib/conf.h"
#include "lib/dkim_key.h"
#include "lib/dkim_verify.h"
#include "lib/err.h"
#include "lib/mailhead.h"
#include "lib/similar.h"
#include "lib/strbuf.h"
#include "lib/token_mask.h"
#include "lib/witness.h"
#include "lib/xmalloc.h"
#include "lib/sys/log.h"
#include "lib/sys/realclock.h"
#include "listd/campaign_params.h"
#include "listd/copier.h"
#include "spool/access.h"
#include "spool/campaign.h"
#include "spool/consent.h"
#include "spool/change.h"
#include "spool/content.h"
#include "spool/gate.h"
#include "spool/ledger_sign.h"
#include "spool/list.h"
#include "spool/notice.h"
#include "spool/optin.h"
#include "spool/org.h"
#include "spool/subscriber.h"
#include "tests/spool_world.h"

/* The real clock, and what was added to it. */
static int64_t passed_ms;

static int64_t
mono_ms(const struct clock *c)
{
	(void)c;
	return clock_mono_ms(&realclock) + passed_ms;
}

static int64_t
utc_ms(const struct clock *c)
{
	(void)c;
	return clock_utc_ms(&realclock) + passed_ms;
}

static const struct clock test_clock = { mono_ms, utc_ms, NULL };

static struct conf conf;
static struct copier *copier;
static struct content *content;
static uint32_t list_id;
static struct list the_list;	/* large */
static const char *approved;	/* of the next campaign */

/* ---- the world */

static int
make_list(struct txn *t, void *arg, struct err *e)
{
	struct list_new n = { .name = "news", .from = "news@one.example",
		.title = "The News", .postal = "1 Road, Town" };
	struct org_domain d;

	(void)arg;
	if (org_create(t, "acme", "root", 1, &n.org, e) == -1 ||
	    org_domain_claim(t, n.org, "one.example", "root", 1, &d, e) == -1 ||
	    org_domain_checked(t, n.org, "one.example", ORG_PROOF_DNS, 2,
	    e) == -1 ||
	    list_create(t, &n, "root", 1, &list_id, e) == -1 ||
	    list_owner_confirmed(t, list_id, 2, e) == -1)
		return -1;
	return list_get(t, list_id, &the_list, e) == 1 ? 0 : -1;
}

static void
add_key_of(const char *domain, const char *selector, enum dkim_key_type type)
{
	struct strbuf pem = STRBUF_INIT(DKIM_PEM_MAX);
	struct err e = ERR_INIT;
	struct dkim_key *key = dkim_key_generate(type, 0, &e);

	assert_non_null(key);
	assert_int_equal(dkim_key_write(key, &pem, &e), 0);
	assert_int_equal(copier_key(copier, domain, selector, pem.s, pem.len,
	    &e), 0);
	dkim_key_free(key);
	strbuf_free(&pem);
}

static void
add_key(const char *domain)
{
	add_key_of(domain, "s1", DKIM_KEY_RSA);
}

static int
set_up(void **state)
{
	struct copier_params p = { .clock = &test_clock, .conf = &conf };
	struct err e = ERR_INIT;
	struct world *w;
	char path[300];

	if (world_setup(state) != 0)
		return -1;
	w = *state;
	conf_init(&conf);
	snprintf(conf.hostname, sizeof(conf.hostname), "lists.one.example");
	snprintf(conf.bounce_domain, sizeof(conf.bounce_domain),
	    "b.one.example");
	snprintf(conf.url_base, sizeof(conf.url_base),
	    "https://lists.one.example");
	if ((content = content_open(w->dir, true, &e)) == NULL)
		return -1;
	world_must(w, STORE_S, make_list, NULL);
	snprintf(path, sizeof(path), "%s/content", w->dir);
	p.content_fd = open(path, O_PATH | O_DIRECTORY);
	p.store = w->st;
	p.keys = w->keys;
	copier = copier_new(&p, &e);
	return copier == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	copier_free(copier);
	content_close(content);
	return world_teardown(state);
}

/* ---- campaigns */

struct made {
	struct campaign	c;
	char		*params;
};

static int
put_campaign(struct txn *t, void *arg, struct err *e)
{
	struct made *m = arg;
	bool existed;

	return campaign_create(t, &m->c, &existed, e);
}

static uint32_t
campaign_of(struct world *w, const char *message)
{
	json_t *o = campaign_params_new(&conf, &the_list, w->keys);
	struct made m = { .c = { .list = list_id, .org = the_list.org,
		.created_ms = 1, .created_by = "root" } };
	struct err e = ERR_INIT;

	if (approved != NULL)
		json_object_set_new(o, "approved", json_string(approved));
	m.params = json_dumps(o, JSON_COMPACT);
	m.c.params = SLICE(m.params, strlen(m.params));
	assert_int_equal(content_put(content, message, strlen(message),
	    m.c.content, &e), 0);
	world_must(w, STORE_Q, put_campaign, &m);
	free(m.params);
	json_decref(o);
	return m.c.id;
}

#define GOOD	"From: News <news@one.example>\r\nSubject: Hi {{name}}\r\n" \
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" \
	"\r\nHello {{name}}.\r\n.dots stay\r\n"

static const struct {
	const char *why, *message, *rule;
} refusals[] = {
	{ "From of a domain that nobody proved (S9)",
	    "From: x@two.example\r\nSubject: x\r\n\r\nx\r\n", NULL },
	{ "Reply-To at a free-mail host (S16)",
	    "From: x@one.example\r\nReply-To: x@mail.example\r\n"
	    "Subject: x\r\n\r\nx\r\n", "S16" },
	{ "a text that asks to write to a free-mail host (S16)",
	    "From: x@one.example\r\nSubject: x\r\n\r\n"
	    "Write to us: x@gmail.com\r\n", "S16" },
	{ "a link that does (S16)",
	    "From: x@one.example\r\nSubject: x\r\n"
	    "Content-Type: text/html\r\n\r\n"
	    "<a href=\"mailto:x%40gmail.com\">x</a>\r\n", "S16" },
	{ "two From fields (R84)",
	    "From: x@one.example\r\nFrom: y@one.example\r\nSubject: x\r\n"
	    "\r\nx\r\n", NULL },
	{ "a tag that never ends",
	    "From: x@one.example\r\nSubject: x\r\n\r\n{{name\r\n", NULL },
};

static void
bad_messages_are_refused_with_reasons(void **state)
{
	add_key("one.example");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct strbuf findings = STRBUF_INIT(256u << 10);
		struct ipc_prepared v = { 0 };
		uint32_t id = campaign_of(*state, refusals[i].message);

		copier_prepare(copier, id, &v, &findings);
		if (v.ok || v.text[0] == '\0')
			fail_msg("released: %s", refusals[i].why);
		if (refusals[i].rule != NULL &&
		    strstr(findings.s, refusals[i].rule) == NULL)
			fail_msg("%s: %s", refusals[i].why, findings.s);
		strbuf_free(&findings);
	}
}

/* What an operator has approved by name is no reason any more (S16). */
static void
approved_addresses_may_be_answered_to(void **state)
{
	static const char message[] = "From: x@one.example\r\n"
	    "Reply-To: Desk@Two.example\r\nSubject: x\r\n\r\n"
	    "X@gmail.com x@gmail.com y@gmail.com help@one.example\r\n";
	static const struct {
		const char *approved, *named, *not_named;
		bool ok;
	} rows[] = {
		{ NULL, "desk@two.example", "help@", false },
		{ "desk@two.example", "y@gmail.com", "", false },
		{ "x@gmail.com y@gmail.com", "desk@two.example", "", false },
		{ "y@gmail.com desk@two.example x@gmail.com", "approved",
		    "MUST", true },
		{ "yy@gmail.com desk@two.example x@gmail.com", "y@gmail.com",
		    "", false },
	};

	add_key("one.example");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strbuf findings = STRBUF_INIT(256u << 10);
		struct strbuf text = STRBUF_INIT(4096);
		struct ipc_prepared v = { 0 };
		uint32_t id;

		/* Not the same message, which would be the same campaign. */
		strbuf_addf(&text, "X-Row: %zu\r\n%s", i, message);
		approved = rows[i].approved;
		id = campaign_of(*state, text.s);
		approved = NULL;
		copier_prepare(copier, id, &v, &findings);
		if (v.ok != rows[i].ok ||
		    strstr(findings.s, rows[i].named) == NULL ||
		    (rows[i].not_named[0] != '\0' &&
		    strstr(findings.s, rows[i].not_named) != NULL))
			fail_msg("%zu: %s", i, findings.s);
		strbuf_free(&findings);
		strbuf_free(&text);
	}
}

/* From is nobody's to approve (S9). */
static void
an_author_is_not_approved(void **state)
{
	struct strbuf findings = STRBUF_INIT(256u << 10);
	struct ipc_prepared v = { 0 };
	uint32_t id;

	add_key("one.example");
	add_key("two.example");
	approved = "x@two.example";
	id = campaign_of(*state, "From: x@two.example\r\nSubject: x\r\n"
	    "\r\nx\r\n");
	approved = NULL;
	copier_prepare(copier, id, &v, &findings);
	assert_false(v.ok);
	assert_non_null(strstr(findings.s, "S9"));
	strbuf_free(&findings);
}

static void
no_key_no_send(void **state)
{
	struct strbuf findings = STRBUF_INIT(256u << 10);
	struct ipc_prepared v = { 0 };

	copier_prepare(copier, campaign_of(*state, GOOD), &v, &findings);
	assert_false(v.ok);
	assert_non_null(strstr(v.text, "DKIM key"));
	strbuf_free(&findings);
}

static void
put_copy(const struct copy *c, struct strbuf *out)
{
	for (size_t i = 0; i < c->n; i++)
		strbuf_add(out, c->iov[i].iov_base, c->iov[i].iov_len);
}

static const char *const every_copy_has[] = {
	"DKIM-Signature: v=1; a=rsa-sha256;", "d=one.example;",
	"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
	"<https://lists.one.example/u/", "<mailto:u-",
	"\r\nTo: <ann@two.example>\r\n", "\r\nSubject: ",
	"\r\nList-Id: ", "news.lists.one.example>\r\n", "\r\nFeedback-ID: ",
	"\r\nCFBL-Address: abuse@b.one.example; report=arf\r\n",
	"dots stay\r\n", "1 Road, Town", "\r\n.\r\n",
};

static void
a_copy_is_whole_and_its_own(void **state)
{
	struct similar print;
	struct strbuf findings = STRBUF_INIT(256u << 10);
	struct strbuf one = STRBUF_INIT(1u << 20);
	struct ipc_prepared v = { 0 };
	struct err e = ERR_INIT;
	struct ipc_delivery d = { .kind = IPC_KIND_TEST, .subscriber = 9,
		.local = "ann", .domain = "two.example", .list = list_id };
	struct copy *c, *again;

	add_key("one.example");
	d.campaign = campaign_of(*state, GOOD);
	copier_prepare(copier, d.campaign, &v, &findings);
	assert_true(similar_unpack(v.fingerprint, &print) && print.n > 0);
	if (!v.ok)
		fail_msg("%s %s", v.text, findings.s);
	assert_true(v.copy_octets > 500);
	if ((c = copy_make(copier, &d, false, &e)) == NULL ||
	    copy_sign(copier, c, &e) == -1)
		fail_msg("%s", e.text);
	put_copy(c, &one);
	assert_int_equal(one.len, c->octets + strlen(".\r\n"));
	for (size_t i = 0; i < sizeof(every_copy_has) /
	    sizeof(every_copy_has[0]); i++)
		if (strstr(one.s, every_copy_has[i]) == NULL)
			fail_msg("no \"%s\" in\n%s", every_copy_has[i], one.s);
	assert_int_equal(strncmp(c->return_path, "b-", 2), 0);
	assert_non_null(strstr(c->return_path, "@b.one.example"));
	/* A second attempt is the same mail (R104). */
	again = copy_make(copier, &d, false, &e);
	assert_non_null(again);
	assert_string_equal(again->message_id, c->message_id);
	assert_string_equal(again->return_path, c->return_path);
	copy_release(copier, again);
	copy_release(copier, c);
	strbuf_free(&one);
	strbuf_free(&findings);
}

/* ---- signatures */

static enum dkim_lookup
published(void *arg, const char *name, struct strbuf *txt)
{
	const char *selector;
	const struct dkim_key *key = copier_key_of(copier, "one.example",
	    &selector);

	(void)arg;
	(void)name;
	assert_int_equal(dkim_key_txt(key, txt, NULL), 0);
	return DKIM_LOOKUP_FOUND;
}

static void
verify(const struct copy *c)
{
	struct dkim_report *report = xcalloc(1, sizeof(*report));
	struct strbuf mail = STRBUF_INIT(1u << 20);
	struct err e = ERR_INIT;
	struct dkim_verifier *v = dkim_verifier_new(&e);

	put_copy(c, &mail);
	mail.len -= strlen(".\r\n");
	assert_non_null(v);
	if (dkim_verifier_run(v, SLICE(mail.s, mail.len), 1795000000,
	    published, NULL, report, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(report->n, 1);
	assert_int_equal(report->sig[0].verdict, DKIM_VERDICT_PASS);
	dkim_verifier_free(v);
	strbuf_free(&mail);
	free(report);
}

#define COPIES	21	/* two full batches, and some that are none */

static struct copy *
copy_number(unsigned i, uint32_t campaign)
{
	struct ipc_delivery d = { .kind = IPC_KIND_TEST,
		.subscriber = 100 + i, .domain = "two.example",
		.list = list_id, .campaign = campaign };
	struct err e = ERR_INIT;
	struct copy *c;

	snprintf(d.local, sizeof(d.local), "m%u", i);
	if ((c = copy_make(copier, &d, false, &e)) == NULL)
		fail_msg("%s", e.text);
	return c;
}

/* Whichever copy is wanted first, every one gets its own, good signature. */
static void
copies_are_signed_in_any_order(void **state)
{
	uint32_t campaign = campaign_of(*state, GOOD);
	struct copy *copy[COPIES];
	struct err e = ERR_INIT;

	add_key("one.example");
	for (unsigned i = 0; i < COPIES; i++)
		copy[i] = copy_number(i, campaign);
	/* One goes unsigned: its delivery was recalled. */
	copy_release(copier, copy[3]);
	copy[3] = copy_number(3, campaign);
	for (unsigned i = 0; i < COPIES; i++) {
		struct copy *c = copy[i * 8 % COPIES];

		assert_int_equal(copy_sign(copier, c, &e), 0);
		assert_int_equal(copy_sign(copier, c, &e), 0);
		verify(c);
	}
	for (unsigned i = 0; i < COPIES; i++)
		copy_release(copier, copy[i]);
}

/* A reload changes the key: what was hashed for the old one is signed so. */
static void
a_copy_keeps_the_key_it_was_hashed_for(void **state)
{
	struct copy *c = copy_number(1, campaign_of(*state, GOOD));
	struct err e = ERR_INIT;
	struct strbuf one = STRBUF_INIT(1u << 20);

	add_key_of("one.example", "s2", DKIM_KEY_RSA);
	copier_keys_done(copier);
	assert_int_equal(copy_sign(copier, c, &e), 0);
	put_copy(c, &one);
	assert_non_null(strstr(one.s, " s=s1;"));
	copy_release(copier, c);
	c = copy_number(1, campaign_of(*state, GOOD));
	assert_int_equal(copy_sign(copier, c, &e), 0);
	strbuf_reset(&one);
	put_copy(c, &one);
	assert_non_null(strstr(one.s, " s=s2;"));
	copy_release(copier, c);
	strbuf_free(&one);
}

static unsigned
occurrences(const char *s, const char *what)
{
	unsigned n = 0;

	for (; (s = strstr(s, what)) != NULL; s += strlen(what))
		n++;
	return n;
}

/*
 * R54, T14: RSA alone unless the setting says both; then both cover the same
 * fields, and the release's own check has passed them.
 */
static void
ed25519_signs_beside_rsa_when_told(void **state)
{
	static const struct { bool both; unsigned rsa, ed25519; } rows[] = {
		{ false, 1, 0 }, { true, 1, 1 }, { false, 1, 0 },
	};
	uint32_t campaign = campaign_of(*state, GOOD);
	struct strbuf findings = STRBUF_INIT(256u << 10);
	struct strbuf one = STRBUF_INIT(1u << 20);
	struct err e = ERR_INIT;

	add_key("one.example");
	add_key_of("one.example", "e1", DKIM_KEY_ED25519);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_prepared v = { 0 };
		struct copy *c;

		conf.dkim_ed25519 = rows[i].both;
		strbuf_reset(&findings);
		copier_prepare(copier, campaign, &v, &findings);
		if (!v.ok)
			fail_msg("%s %s", v.text, findings.s);
		c = copy_number((unsigned)i, campaign);
		assert_int_equal(copy_sign(copier, c, &e), 0);
		strbuf_reset(&one);
		put_copy(c, &one);
		assert_int_equal(one.len, c->octets + strlen(".\r\n"));
		assert_int_equal(occurrences(one.s, "a=rsa-sha256;"),
		    rows[i].rsa);
		assert_int_equal(occurrences(one.s, "a=ed25519-sha256;"),
		    rows[i].ed25519);
		assert_int_equal(occurrences(one.s, "d=one.example;"),
		    rows[i].rsa + rows[i].ed25519);
		/* The field, and twice in each h=: signed and over-signed. */
		assert_int_equal(occurrences(one.s, "List-Unsubscribe-Post"),
		    1 + 2 * (rows[i].rsa + rows[i].ed25519));
		copy_release(copier, c);
	}
	strbuf_free(&one);
	strbuf_free(&findings);
}

/* A part that is taken as it comes. */
#define DOTS	"From: News <news@one.example>\r\nSubject: Dots\r\n" \
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n" \
	"\r\n--x\r\nContent-Type: text/plain\r\n\r\nHello.\r\n" \
	"--x\r\nContent-Type: text/plain\r\n" \
	"Content-Disposition: attachment; filename=a.txt\r\n\r\nDots:\r\n" \
	"..two dots\r\n.\r\n.one\r\n--x--\r\n"

/* RFC 3030: the chunk has as many octets as is said, and no added dots. */
static void
a_copy_for_bdat(void **state)
{
	struct strbuf findings = STRBUF_INIT(1u << 20);
	struct strbuf dotted = STRBUF_INIT(1u << 20), plain = dotted;
	struct ipc_prepared v = { .request = 1 };
	struct err e = ERR_INIT;
	struct ipc_delivery d = { .kind = IPC_KIND_TEST, .subscriber = 9,
		.local = "ann", .domain = "two.example", .list = list_id };
	struct copy *data, *bdat;
	size_t a = 0, b = 0;

	add_key("one.example");
	d.campaign = campaign_of(*state, DOTS);
	copier_prepare(copier, d.campaign, &v, &findings);
	if (!v.ok)
		fail_msg("%s %s", v.text, findings.s);
	data = copy_make(copier, &d, false, &e);
	bdat = copy_make(copier, &d, true, &e);
	assert_non_null(data);
	assert_non_null(bdat);
	assert_int_equal(copy_sign(copier, bdat, &e), 0);
	assert_int_equal(copy_sign(copier, data, &e), 0);
	assert_int_equal(data->octets, bdat->octets);
	put_copy(data, &dotted);
	put_copy(bdat, &plain);
	assert_int_equal(plain.len, bdat->octets);
	assert_int_equal(dotted.len, bdat->octets + 3 + 3);
	assert_non_null(strstr(dotted.s, "\r\n...two dots\r\n..\r\n..one"));
	/* Dots apart, and the final one, it is the same message. */
	for (; a < dotted.len - 3; a++, b++) {
		if (dotted.s[a] == '.' && dotted.s[a - 1] == '\n')
			a++;
		assert_true(b < plain.len && dotted.s[a] == plain.s[b]);
	}
	assert_int_equal(b, plain.len);
	copy_release(copier, data);
	copy_release(copier, bdat);
	strbuf_free(&dotted);
	strbuf_free(&plain);
	strbuf_free(&findings);
}

/* ---- the confirmation mail */

struct asking {
	struct ipc_subscribe in;
	struct optin_limits limits;
	struct optin_asked asked;
};

static int
ask(struct txn *t, void *arg, struct err *e)
{
	struct asking *a = arg;
	struct optin_ask q = { .in = &a->in, .limits = &a->limits,
		.now_ms = 1795000000000 };

	return optin_request(t, &q, &a->asked, e);
}

/* What is kept is what was sent, and not the secret in it (S39, S70). */
static void
check_kept(const struct copy *c, struct strbuf *mail)
{
	struct strbuf kept = STRBUF_INIT(IPC_RAW_MAX);
	uint8_t hash[32];

	/* No line of it begins with a dot; the last one is of SMTP. */
	strbuf_truncate(mail, mail->len - strlen(".\r\n"));
	EVP_Digest(mail->s, mail->len, hash, NULL, EVP_sha256(), NULL);
	assert_memory_equal(hash, c->mail_hash, sizeof(hash));
	assert_int_equal(c->mail.len, mail->len);
	strbuf_add(&kept, c->mail.p, c->mail.len);
	assert_int_equal(strlen(c->token), TOKEN_CONFIRM_LEN);
	assert_int_equal(token_mask(kept.s, kept.len, c->token), 0);
	assert_int_equal(token_unmask(kept.s, kept.len, c->token), 2);
	assert_string_equal(kept.s, mail->s);
	strbuf_free(&kept);
}

static void
a_confirmation_asks_and_nothing_else(void **state)
{
	struct asking a = { .in = { .list = "news",
		.address = "bob@two.example" } };
	struct ipc_delivery d = { .kind = IPC_KIND_NOTICE, .local = "bob",
		.domain = "two.example", .list = list_id };
	struct strbuf mail = STRBUF_INIT(1u << 20);
	struct err e = ERR_INIT;
	const char *body;
	struct copy *c;

	add_key("b.one.example");
	optin_limits_of(&conf, &a.limits);
	snprintf(a.in.evidence.channel, sizeof(a.in.evidence.channel),
	    "form");
	world_must(*state, STORE_S, ask, &a);
	assert_int_equal(a.asked.result, OPTIN_ACCEPTED);
	d.notice = a.asked.notice;
	if ((c = copy_make(copier, &d, false, &e)) == NULL ||
	    copy_sign(copier, c, &e) == -1)
		fail_msg("%s", e.text);
	put_copy(c, &mail);
	body = strstr(mail.s, "\r\n\r\n");
	assert_non_null(body);
	/* S43: at most 2 KiB, only our own URL. */
	assert_true(strlen(body) <= 2048 + 7);
	assert_non_null(strstr(body, "https://lists.one.example/c/"));
	assert_non_null(strstr(body, "The News"));
	assert_null(strstr(strstr(body, "https://") + 8, "://"));
	/* R39, R159: its own bounces, a reply that confirms, R40's mark. */
	assert_non_null(strstr(mail.s, "\r\nReply-To: c-"));
	assert_non_null(strstr(mail.s, "\r\nAuto-Submitted: auto-generated"));
	assert_non_null(strstr(mail.s, "\r\nForm-Sub: "));
	assert_non_null(strstr(mail.s, "d=b.one.example;"));
	check_kept(c, &mail);
	copy_release(copier, c);
	strbuf_free(&mail);
}

/* ---- the ledger's checkpoint */

static int
sign_head(struct txn *t, void *arg, struct err *e)
{
	return ledger_signed(t, arg, e);
}

static int
append_entry(struct txn *t, void *arg, struct err *e)
{
	const struct consent c = { .kind = CONSENT_ACT, .when_ms = 1 };

	(void)arg;
	return consent_append(t, &c, NULL, e);
}

/* Append and sign; the note. */
static void
new_checkpoint(struct world *w, struct ledger_checkpoint *c)
{
	const struct ledger_signing s = { conf.url_base, 1790000000000,
		false };

	world_must(w, STORE_S, append_entry, NULL);
	if (ledger_sign(w->st, &s, c, &w->e) != 1)
		fail_msg("%s", w->e.text);
	world_must(w, STORE_S, sign_head, c);
}

/* The checkpoint in a copy of this delivery, "" without one. */
static void
carried(const struct ipc_delivery *d, struct strbuf *note)
{
	struct strbuf mail = STRBUF_INIT(1u << 20);
	struct err e = ERR_INIT;
	struct mailhead *h;
	const char *value;
	struct copy *c;

	if ((c = copy_make(copier, d, false, &e)) == NULL ||
	    copy_sign(copier, c, &e) == -1)
		fail_msg("%s", e.text);
	put_copy(c, &mail);
	h = mailhead_parse(mail.s, mail.len, &e);
	assert_non_null(h);
	strbuf_reset(note);
	value = mailhead_get(h, WITNESS_FIELD, 0);
	if (value != NULL && witness_read(note, value, strlen(value),
	    &e) == -1)
		fail_msg("%s", e.text);
	assert_null(mailhead_get(h, WITNESS_FIELD, 1));
	if (value != NULL) {
		const char *in = strstr(mail.s, WITNESS_FIELD ": ");
		const char *signature = strstr(mail.s, "\r\n\th=");

		assert_true(strcspn(in, "\r") <= 78);
		assert_non_null(strcasestr(signature, "Listd-Ledger"));
		assert_true(strcasestr(signature, "Listd-Ledger") < in);
		if (d->kind == IPC_KIND_TEST)
			verify(c);
	}
	mailhead_free(h);
	copy_release(copier, c);
	strbuf_free(&mail);
}

/* Each copy is a witness; the text is made anew once a minute. */
static void
a_copy_carries_the_checkpoint(void **state)
{
	struct ipc_delivery d = { .kind = IPC_KIND_TEST, .subscriber = 9,
		.local = "ann", .domain = "two.example", .list = list_id };
	struct strbuf note = STRBUF_INIT(1024);
	struct ledger_checkpoint first, second;

	add_key("one.example");
	d.campaign = campaign_of(*state, GOOD);
	passed_ms += 60000;
	carried(&d, &note);
	assert_int_equal(note.len, 0);
	new_checkpoint(*state, &first);
	carried(&d, &note);
	assert_int_equal(note.len, 0);
	passed_ms += 1000;
	carried(&d, &note);
	assert_string_equal(note.s, first.text);
	new_checkpoint(*state, &second);
	passed_ms += 58000;
	carried(&d, &note);
	assert_string_equal(note.s, first.text);
	passed_ms += 2000;
	carried(&d, &note);
	assert_string_equal(note.s, second.text);
	strbuf_free(&note);
}

static void
so_does_a_notice(void **state)
{
	struct asking a = { .in = { .list = "news",
		.address = "eve@two.example" } };
	struct ipc_delivery d = { .kind = IPC_KIND_NOTICE, .local = "eve",
		.domain = "two.example", .list = list_id };
	struct strbuf note = STRBUF_INIT(1024);
	struct ledger_checkpoint c;

	add_key("b.one.example");
	optin_limits_of(&conf, &a.limits);
	snprintf(a.in.evidence.channel, sizeof(a.in.evidence.channel),
	    "form");
	world_must(*state, STORE_S, ask, &a);
	d.notice = a.asked.notice;
	new_checkpoint(*state, &c);
	passed_ms += 60000;
	carried(&d, &note);
	assert_string_equal(note.s, c.text);
	strbuf_free(&note);
}

/* ---- mail about a person's data */

struct rights {
	struct asking	a;
	uint64_t	access, change, changed;	/* notices */
};

static int
use_rights(struct txn *t, void *arg, struct err *e)
{
	struct rights *r = arg;
	struct optin_ask q = { .in = &r->a.in, .limits = &r->a.limits,
		.now_ms = 1795000000000 };
	struct ipc_confirm in = { .request = 0 };
	const struct optin_confirm c = { .in = &in, .now_ms = q.now_ms + 1 };
	struct change_ask to = { .to = "robby@three.example", .list = list_id,
		.limits = &r->a.limits, .now_ms = q.now_ms + 2 };
	struct notice n, told = { .kind = NOTICE_CHANGED,
		.created_ms = q.now_ms, .address = "rob@two.example" };
	struct optin_confirmed done;
	struct identity who;
	struct optin_asked asked;

	if (optin_request(t, &q, &asked, e) == -1 ||
	    notice_get(t, asked.notice, &n, e) != 1 ||
	    optin_token(t, n.request, in.token, e) == -1 ||
	    optin_confirm(t, &c, &done, e) == -1 ||
	    access_ask(t, &q, &asked, e) == -1)
		return -1;
	r->access = asked.notice;
	if (identity_parse(store_keys(txn_store(t)), r->a.in.address,
	    strlen(r->a.in.address), 0, &who, e) == -1)
		return -1;
	to.from = &who;
	if (change_ask(t, &to, &asked, e) == -1)
		return -1;
	r->change = asked.notice;
	return notice_add(t, &told, &r->changed, e);
}

/* The mail of a notice, signed, in out. */
static void
mail_of(uint64_t notice, const char *local, const char *domain,
    struct strbuf *out)
{
	struct ipc_delivery d = { .kind = IPC_KIND_NOTICE,
		.notice = notice };
	struct err e = ERR_INIT;
	struct copy *c;

	snprintf(d.local, sizeof(d.local), "%s", local);
	snprintf(d.domain, sizeof(d.domain), "%s", domain);
	strbuf_reset(out);
	if ((c = copy_make(copier, &d, false, &e)) == NULL ||
	    copy_sign(copier, c, &e) == -1)
		fail_msg("%s", e.text);
	put_copy(c, out);
	copy_release(copier, c);
}

/* T12, R185: a link of its own for each, and no address but its own. */
static void
mail_about_data_says_no_more_than_it_must(void **state)
{
	struct rights r = { .a.in = { .list = "news",
		.address = "rob@two.example" } };
	struct strbuf mail = STRBUF_INIT(1u << 20);

	add_key("b.one.example");
	optin_limits_of(&conf, &r.a.limits);
	world_must(*state, STORE_S, use_rights, &r);
	assert_int_not_equal(r.access, 0);
	assert_int_not_equal(r.change, 0);
	mail_of(r.access, "rob", "two.example", &mail);
	assert_non_null(strstr(mail.s, "https://lists.one.example/data/"));
	/* A reply shows nothing, so none is asked for. */
	assert_null(strstr(mail.s, "\r\nReply-To:"));

	mail_of(r.change, "robby", "three.example", &mail);
	assert_non_null(strstr(mail.s, "https://lists.one.example/c/"));
	assert_non_null(strstr(mail.s, "\r\nReply-To: c-"));
	assert_non_null(strstr(mail.s, "The News"));
	assert_null(strstr(mail.s, "rob@two.example"));

	mail_of(r.changed, "rob", "two.example", &mail);
	assert_null(strstr(mail.s, "https://"));
	assert_null(strstr(mail.s, "robby"));
	assert_non_null(strstr(mail.s, "lists of this host"));
	strbuf_free(&mail);
}

/* Ask a gate n times; what is logged about it goes to text. */
static void
ask_gates(const struct ipc_delivery *d, unsigned n, char text[4096])
{
	const struct log_params to_stderr = { .name = "test",
		.to_stderr = true, .level = LEVEL_NOTICE };
	int fd = memfd_create("log", MFD_CLOEXEC), was = dup(STDERR_FILENO);
	ssize_t len;

	log_close();
	dup2(fd, STDERR_FILENO);
	log_open(&to_stderr);
	while (n-- > 0)
		assert_int_equal(copy_gate(copier, d), GATE_HELD);
	log_close();
	dup2(was, STDERR_FILENO);
	close(was);
	len = pread(fd, text, 4095, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	close(fd);
}

/* Not open and not silent: one line, and then how many it was. */
static void
a_gate_that_cannot_be_read_is_said(void **state)
{
	struct ipc_delivery d = { .delivery = 0x77, .campaign = 0xabc,
		.kind = IPC_KIND_CAMPAIGN };
	char text[4096];

	(void)state;
	ask_gates(&d, 5, text);
	assert_non_null(strstr(text, "event=gate-unread held=1 delivery=77 "
	    "campaign=abc error="));
	assert_non_null(strstr(text, "reason="));
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	passed_ms += COPY_GATE_LOG_MS - 1000;
	ask_gates(&d, 10, text);
	assert_string_equal(text, "");
	passed_ms += 1000;
	ask_gates(&d, 2, text);
	assert_non_null(strstr(text, "event=gate-unread held=15 "));
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_no_send),
		cmocka_unit_test(bad_messages_are_refused_with_reasons),
		cmocka_unit_test(approved_addresses_may_be_answered_to),
		cmocka_unit_test(an_author_is_not_approved),
		cmocka_unit_test(a_copy_is_whole_and_its_own),
		cmocka_unit_test(copies_are_signed_in_any_order),
		cmocka_unit_test(a_copy_keeps_the_key_it_was_hashed_for),
		cmocka_unit_test(ed25519_signs_beside_rsa_when_told),
		cmocka_unit_test(a_copy_for_bdat),
		cmocka_unit_test(a_confirmation_asks_and_nothing_else),
		cmocka_unit_test(a_copy_carries_the_checkpoint),
		cmocka_unit_test(so_does_a_notice),
		cmocka_unit_test(mail_about_data_says_no_more_than_it_must),
		cmocka_unit_test(a_gate_that_cannot_be_read_is_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
