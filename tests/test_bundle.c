/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_bundle.c - what goes into a file of evidence and what does not: who
 * complains is not told to whom the complaint is about (S52, S72, T38), what
 * strangers wrote stays text (T31), a text that was lost is said to be, and a
 * witness's word is preferred to ours.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/evp.h>

#include "lib/evidence.h"
#include "lib/token.h"
#include "lib/verp.h"
#include "listd/bundle.h"
#include "spool/change.h"
#include "spool/consent.h"
#include "spool/content.h"
#include "spool/effect.h"
#include "spool/ledger_sign.h"
#include "spool/suppression.h"
#include "spool/trace.h"
#include "tests/spool_people.h"

#define URL	"https://lists.example.org"
#define ANN	"ann.complains@quiet.example"
#define BOB	"bob@loud.example"
#define NUMBER	"complaint 170817"	/* an entry has one subject */

static struct content *content;

static int
set_up(void **state)
{
	struct world *w;

	if (people_setup(state) != 0)
		return -1;
	w = *state;
	content = content_open(w->dir, true, &w->e);
	return content != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	content_close(content);
	return world_teardown(state);
}

/* ---- the ledger's head */

static int
keep(struct txn *t, void *arg, struct err *e)
{
	return ledger_signed(t, arg, e);
}

static void
sign(struct world *w)
{
	const struct ledger_signing s = { URL, NOW, false };
	struct ledger_checkpoint c;

	if (ledger_sign(w->st, &s, &c, &w->e) == 1)
		world_must(w, STORE_S, keep, &c);
}

static struct note_key
log_key(struct world *w)
{
	char origin[LEDGER_ORIGIN_MAX + 1];
	struct txn *t = world_read(w, STORE_S);
	struct note_key key;

	assert_int_equal(ledger_origin(t, origin, &w->e), 1);
	txn_end(t);
	assert_int_equal(note_key_make(&key, NOTE_ED25519, origin,
	    keyring_find(w->keys, KEY_LEDGER, KEY_CURRENT), &w->e), 0);
	return key;
}

/* ---- making one */

static struct bundle_ask
ask_of(struct world *w, enum bundle_about about)
{
	return (struct bundle_ask){ .store = w->st, .content = content,
		.about = about, .who = "root", .request = "a test",
		.url_base = "https://lists.example.org/mail",
		.now_ms = NOW + 30 * DAY, .to_ms = INT64_MAX };
}

static struct bundle_ask
ask_address(struct world *w, const char *address)
{
	struct bundle_ask a = ask_of(w, BUNDLE_ADDRESS);
	struct identity id = people_identity(w, address);

	memcpy(a.hash, id.hash, sizeof(a.hash));
	return a;
}

/* Its file, which must hold. */
static void
make(struct world *w, const struct bundle_ask *ask, struct evidence_writer *f,
    struct evidence_verdict *v)
{
	struct note_key key;

	sign(w);
	key = log_key(w);
	evidence_begin(f);
	if (bundle_make(ask, f, &w->e) == -1)
		fail_msg("%s", w->e.text);
	evidence_verify(SLICE(f->file.s, f->file.len), &key, 1, v, NULL,
	    NULL);
	if (!v->sound)
		fail_msg("%s: %s", v->where, v->why);
}

/* The first member whose name begins so, as text, to be freed. */
static char *
member_of(const struct evidence_writer *f, const char *name)
{
	struct ustar_member m;
	struct ustar u;

	ustar_init(&u, f->file.s, f->file.len);
	while (ustar_next(&u, &m, NULL) == 1)
		if (strncmp(m.name, name, strlen(name)) == 0)
			return strndup((const char *)m.content.p,
			    m.content.len);
	fail_msg("no %s", name);
	return NULL;
}

static json_t *
json_of(const struct evidence_writer *f)
{
	char *text = member_of(f, "evidence.json");
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	free(text);
	return o;
}

static bool
has(const struct evidence_writer *f, const char *what)
{
	return memmem(f->file.s, f->file.len, what, strlen(what)) != NULL;
}

static int
append(struct txn *t, void *arg, struct err *e)
{
	return consent_append(t, arg, NULL, e);
}

static uint64_t
last_index(struct world *w)
{
	struct txn *t = world_read(w, STORE_S);
	uint64_t last;

	assert_int_equal(consent_last(t, &last, &w->e), 0);
	txn_end(t);
	return last;
}

/* ---- a complaint */

static int
suppress(struct txn *t, void *arg, struct err *e)
{
	return suppression_add(t, arg, e) == -1 ? -1 : 0;
}

/* Ann joins, gets campaign 77 and complains; the entry of that. */
static uint64_t
complain(struct world *w)
{
	struct identity ann = people_identity(w, ANN);
	uint64_t id = people_join(w, "news", ANN, NOW);
	struct consent c = { .kind = CONSENT_COMPLAINED,
		.when_ms = NOW + 2 * DAY + 4711, .list = 1, .org = 1,
		.campaign = 77, .subscriber = id,
		.hash = SLICE(ann.hash, sizeof(ann.hash)),
		.address = consent_text(ANN), .raw = SLICE("From: Ann", 9) };
	struct suppression s = { .scope = SUPPRESSION_ORG, .id = 1,
		.reason = SUPPRESSION_COMPLAINT, .when_ms = c.when_ms,
		.setter = SUPPRESSION_BY_SYSTEM };

	world_must(w, STORE_S, append, &c);
	memcpy(s.hash, ann.hash, sizeof(s.hash));
	s.consent = last_index(w);
	world_must(w, STORE_S, suppress, &s);
	return s.consent;
}

/* Anything that could name her. */
static void
names_nobody(struct world *w, const struct evidence_writer *f)
{
	static const char *const forms[] = {
		ANN, "ann.complains", "quiet.example", "Ann",
		"QU5OLkNP", "YW5uLmNv", "ann=2Ecomplains", "ann.complains%40",
		"192.0.2.", "\"index\"", "request_id", NUMBER,
	};
	struct identity ann = people_identity(w, ANN);
	char hex[2 * sizeof(ann.hash) + 1];

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (has(f, forms[i]))
			fail_msg("the file has \"%s\"", forms[i]);
	for (size_t i = 0; i < sizeof(ann.hash); i++)
		snprintf(hex + 2 * i, 3, "%02x", ann.hash[i]);
	assert_false(has(f, hex));
	assert_null(memmem(f->file.s, f->file.len, ann.hash,
	    sizeof(ann.hash)));
	/* Nor the time of day, which her own entries would be found by. */
	assert_false(has(f, "00:00:04.711"));
}

static void
who_complains_is_not_told(void **state)
{
	struct world *w = *state;
	struct bundle_ask a = ask_of(w, BUNDLE_COMPLAINT);
	struct evidence_writer f;
	struct evidence_verdict v;
	json_t *o, *s;

	people_join(w, "news", BOB, NOW);
	a.complaint = complain(w);
	a.request = NUMBER;
	make(w, &a, &f, &v);
	assert_int_equal(v.entries, 0);
	names_nobody(w, &f);
	o = json_of(&f);
	s = json_object_get(o, "subject");
	assert_string_equal(json_string_value(json_object_get(s, "list_name")),
	    "news");
	assert_int_equal(json_integer_value(json_object_get(s, "campaign")),
	    77);
	assert_string_equal(json_string_value(json_object_get(s, "consent")),
	    "asked for and confirmed by mail");
	assert_int_equal(strlen(json_string_value(json_object_get(s,
	    "day"))), 10);
	assert_null(json_object_get(o, "state"));
	json_decref(o);
	evidence_free(&f);
}

static void
by_order_it_is(void **state)
{
	struct world *w = *state;
	struct bundle_ask a = ask_of(w, BUNDLE_COMPLAINT);
	struct evidence_writer f;
	struct evidence_verdict v;

	a.complaint = complain(w);
	a.disclosed = "court of Example, 7/26";
	make(w, &a, &f, &v);
	assert_int_equal(v.entries, 3);
	assert_true(has(&f, ANN));
	assert_true(has(&f, "court of Example, 7/26"));
	assert_true(has(&f, "\"complained\""));
	evidence_free(&f);
}

/* Another way to the same file: by address, and by the time it was. */
static void
no_other_file_tells_either(void **state)
{
	struct world *w = *state;
	struct bundle_ask a;
	struct evidence_writer f;
	struct evidence_verdict v;
	struct identity ann = people_identity(w, ANN);
	struct consent c = { .kind = CONSENT_EXPORTED, .when_ms = NOW + DAY,
		.note = consent_text("complaint 3; complaints disclosed: x") };
	uint64_t index = complain(w);

	world_must(w, STORE_S, append, &c);
	c.hash = SLICE(ann.hash, sizeof(ann.hash));
	c.note = consent_text("address; complaints disclosed: x");
	world_must(w, STORE_S, append, &c);
	for (int i = 0; i < 2; i++) {
		a = i == 0 ? ask_address(w, ANN) : ask_of(w, BUNDLE_PERIOD);
		make(w, &a, &f, &v);
		assert_false(has(&f, "\"complained\""));
		assert_false(has(&f, "\"complaint"));
		assert_false(has(&f, "disclosed: x"));
		if (i == 0)
			assert_true(has(&f, "set by the host"));
		evidence_free(&f);
	}
	/* And a number of an entry that is no complaint leads nowhere. */
	a = ask_of(w, BUNDLE_COMPLAINT);
	a.complaint = index - 1;
	assert_int_equal(bundle_look(&a, &index, &w->e), -1);
	assert_int_equal(w->e.code, ERR_NOTFOUND);
}

struct blocked {
	struct leave	 l;
	enum suppression_reason was;
};

static int
unblock(struct txn *t, void *arg, struct err *e)
{
	struct blocked *b = arg;

	return leave_lift(t, &b->l, &b->was, e) == 1 ? 0 : -1;
}

/* What the file about an address says of entries and state. */
static void
told_of(struct world *w, const char *address, char *out, size_t size)
{
	struct bundle_ask a = ask_address(w, address);
	struct evidence_writer f;
	struct evidence_verdict v;
	json_t *o, *state, *x;
	char *text;
	size_t i;

	make(w, &a, &f, &v);
	o = json_of(&f);
	*out = '\0';
	json_array_foreach(json_object_get(o, "entries"), i, x) {
		strncat(out, json_string_value(json_object_get(x, "kind")),
		    size - strlen(out) - 2);
		strcat(out, " ");
	}
	state = json_object_get(json_object_get(o, "state"), "suppressions");
	text = json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS);
	strncat(out, text, size - strlen(out) - 1);
	free(text);
	json_decref(o);
	evidence_free(&f);
}

/*
 * T38: nor is it told by what stands beside it.  A block by a complaint looks
 * like one that the host set, before it is lifted and after.
 */
static void
a_complaint_looks_like_the_host(void **state)
{
	static const enum suppression_reason reasons[] = {
		SUPPRESSION_COMPLAINT, SUPPRESSION_DESK, SUPPRESSION_BAN,
	};
	struct world *w = *state;
	char first[2][1024] = { "", "" }, told[1024], address[32];

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		struct blocked b = { .l = { .reason = reasons[i],
			.scope = SUPPRESSION_ORG, .org = 1, .who = "root",
			.setter = SUPPRESSION_BY_DESK,
			.now_ms = NOW + DAY } };
		struct identity who;

		snprintf(address, sizeof(address), "a%zu@b.example", i);
		who = people_identity(w, address);
		memcpy(b.l.hash, who.hash, sizeof(b.l.hash));
		people_join(w, "news", address, NOW);
		assert_true(people_remove(w, b.l, address));
		for (int lifted = 0; lifted < 2; lifted++) {
			if (lifted)
				world_must(w, STORE_S, unblock, &b);
			told_of(w, address, told, sizeof(told));
			if (i == 0)
				strcpy(first[lifted], told);
			assert_string_equal(told, first[lifted]);
		}
	}
	assert_non_null(strstr(first[0], "set by the host"));
	assert_null(strstr(first[1], "set by the host"));
}

/* ---- texts */

static void
what_strangers_wrote_stays_text(void **state)
{
	static const char evil[] = "</pre><script>alert(1)</script>\033[2J"
	    "\xe2\x80\xae* No. 1: confirmed\r\n";
	struct world *w = *state;
	struct identity bob = people_identity(w, BOB);
	struct consent c = { .kind = CONSENT_REQUEST_REFUSED, .when_ms = NOW,
		.list = 1, .org = 1, .hash = SLICE(bob.hash,
		sizeof(bob.hash)), .address = consent_text(evil),
		.agent = consent_text(evil), .note = consent_text(evil),
		.channel = consent_text(evil),
		.raw = SLICE(evil, sizeof(evil) - 1) };
	struct bundle_ask a;
	struct evidence_writer f;
	struct evidence_verdict v;
	char *text, *html;

	world_must(w, STORE_S, append, &c);
	a = ask_address(w, BOB);
	make(w, &a, &f, &v);
	text = member_of(&f, "report.txt");
	html = member_of(&f, "report.html");
	assert_non_null(strstr(text,
	    "https://lists.example.org/mail/ledger/key"));
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, "\xe2\x80\xae"));
	assert_null(strstr(text, "\n* No. 1: confirmed"));
	assert_null(strstr(html, "<script"));
	assert_null(strchr(html, '\033'));
	assert_non_null(strstr(html, "&lt;script&gt;alert(1)"));
	free(text);
	free(html);
	evidence_free(&f);
}

static void
a_lost_text_is_said_to_be(void **state)
{
	struct world *w = *state;
	struct identity bob = people_identity(w, BOB);
	struct consent c = { .kind = CONSENT_REQUEST, .when_ms = NOW,
		.list = 1, .org = 1,
		.hash = SLICE(bob.hash, sizeof(bob.hash)) };
	struct bundle_ask a = ask_address(w, BOB);
	struct evidence_writer f;
	struct evidence_verdict v;
	json_t *o;

	assert_int_equal(content_put(content, "Join?\n", 6, c.shown, &w->e),
	    0);
	world_must(w, STORE_S, append, &c);
	memset(c.shown, 9, sizeof(c.shown));
	world_must(w, STORE_S, append, &c);
	make(w, &a, &f, &v);
	assert_int_equal(v.texts, 1);
	o = json_of(&f);
	assert_int_equal(json_array_size(json_object_get(o, "missing_texts")),
	    1);
	json_decref(o);
	evidence_free(&f);
}

/* ---- the report */

/* The questions about a list, to be freed; to the next list or the end. */
static char *
questions(const struct evidence_writer *f, const char *list)
{
	char *text = member_of(f, "report.txt"), *from, *to, *out;
	char heading[80];

	snprintf(heading, sizeof(heading), "questions about the list %s,",
	    list);
	from = strstr(text, heading);
	assert_non_null(from);
	to = strstr(from, "Four questions");
	out = strndup(from, to != NULL ? (size_t)(to - from) :
	    strlen(from));
	free(text);
	return out;
}

/* What was said of one list is no answer about another (S68). */
static void
each_list_is_asked_about(void **state)
{
	struct world *w = *state;
	struct identity bob = people_identity(w, BOB);
	struct consent import = { .kind = CONSENT_IMPORT, .list = 3,
		.org = 2, .when_ms = NOW, .import = 1,
		.source = consent_text("a fair") };
	struct consent imported = { .kind = CONSENT_IMPORT_ROW, .list = 3,
		.org = 2, .when_ms = NOW, .import = 1,
		.hash = SLICE(bob.hash, sizeof(bob.hash)) };
	struct bundle_ask a = ask_address(w, BOB);
	struct evidence_writer f;
	struct evidence_verdict v;
	char *news, *club, *other;

	people_join(w, "news", BOB, NOW);
	people_ask(w, "club", BOB, NULL, NOW + HOUR);
	world_must(w, STORE_S, append, &import);
	imported.follows = last_index(w);
	world_must(w, STORE_S, append, &imported);
	people_leave(w, 1, BOB, IPC_LEAVE_LIST, NOW + 2 * HOUR);
	make(w, &a, &f, &v);
	news = questions(&f, "news");
	club = questions(&f, "club");
	other = questions(&f, "other");
	assert_non_null(strstr(news, "asked for by form, entry"));
	assert_non_null(strstr(news, "answered by a button"));
	assert_non_null(strstr(news, "The person left: 1 time,"));
	assert_non_null(strstr(club, "asked for by form, entry"));
	assert_null(strstr(club, "answered by a button"));
	assert_null(strstr(club, "imported"));
	assert_non_null(strstr(club, "No entry here says that the person"));
	assert_non_null(strstr(other, "from \"a fair\""));
	assert_null(strstr(other, "asked for by"));
	assert_null(strstr(other, "answered by a button"));
	assert_non_null(strstr(other, "No entry here says that the person"));
	free(news);
	free(club);
	free(other);
	evidence_free(&f);
}

static void
each_kind_has_words(void **state)
{
	struct world *w = *state;
	struct bundle_ask a = ask_address(w, BOB);
	struct evidence_writer f;
	struct evidence_verdict v;
	char *text, line[64];
	uint64_t first = last_index(w);

	for (int k = CONSENT_REQUEST; k < CONSENT_KINDS; k++) {
		struct consent c = { .kind = (enum consent_kind)k,
			.when_ms = NOW, .hash = SLICE(a.hash,
			sizeof(a.hash)) };

		world_must(w, STORE_S, append, &c);
	}
	a.disclosed = "a test";
	make(w, &a, &f, &v);
	assert_int_equal(v.entries, CONSENT_KINDS - 1);
	text = member_of(&f, "report.txt");
	for (int k = CONSENT_REQUEST; k < CONSENT_KINDS; k++) {
		snprintf(line, sizeof(line), "No. %d: %s\n",
		    (int)first + k, consent_kind_name((enum consent_kind)k));
		if (strstr(text, line) != NULL)
			fail_msg("no words: %s", line);
	}
	snprintf(line, sizeof(line), "No. %d: ", (int)first + CONSENT_KINDS -
	    1);
	assert_non_null(strstr(text, line));
	free(text);
	evidence_free(&f);
}

/* ---- the mail that asked */

static int
do_effect(struct txn *t, void *arg, struct err *e)
{
	return effect_apply(t, 1, arg, 1, e) == -1 ? -1 : 0;
}

/* Ask, and let the mail be taken; its text is in mail. */
static void
ask_and_send(struct world *w, char *mail, size_t size,
    char token[static TOKEN_CONFIRM_LEN + 1])
{
	struct optin_asked a = people_ask(w, "news", BOB, NULL, NOW);
	struct effect v = { .kind = EFFECT_NOTICE_SENT, .notice = a.notice,
		.when_ms = NOW + MINUTE, .code = 250 };
	char kept[256];

	people_token(w, a.notice, token);
	snprintf(mail, size, "To: " BOB "\r\n\r\nhttps://x/c/%s\r\n", token);
	snprintf(kept, sizeof(kept), "To: " BOB "\r\n\r\nhttps://x/c/"
	    "**************************\r\n");
	v.mail = SLICE(kept, strlen(kept));
	EVP_Digest(mail, strlen(mail), v.mail_hash, NULL, EVP_sha256(), NULL);
	world_must(w, STORE_S, do_effect, &v);
}

static void
a_secret_is_told_when_it_is_used_up(void **state)
{
	struct world *w = *state;
	char token[TOKEN_CONFIRM_LEN + 1], mail[256], *got;
	struct bundle_ask a = ask_address(w, BOB);
	struct evidence_writer f;
	struct evidence_verdict v;

	ask_and_send(w, mail, sizeof(mail), token);
	a.now_ms = NOW + HOUR;
	make(w, &a, &f, &v);
	assert_int_equal(v.mails, 0);
	assert_false(has(&f, token));		/* S39 */
	evidence_free(&f);
	/* Its time is over. */
	a.now_ms = NOW + 4 * DAY;
	make(w, &a, &f, &v);
	assert_int_equal(v.mails, 1);
	evidence_free(&f);
	people_confirm(w, token, NULL, NOW + HOUR);
	a.now_ms = NOW + HOUR;
	make(w, &a, &f, &v);
	assert_int_equal(v.mails, 1);
	got = member_of(&f, "mails/");
	assert_string_equal(got, mail);		/* S70 */
	free(got);
	evidence_free(&f);
}

/* ---- checkpoints */

static int
cosigned(struct txn *t, void *arg, struct err *e)
{
	const struct strbuf *note = arg;

	return ledger_cosigned_put(t, "witness.example", SLICE(note->s,
	    note->len), e);
}

static void
a_witness_is_preferred(void **state)
{
	static const uint8_t seed[NOTE_KEY_OCTETS] = { 4 };
	struct world *w = *state;
	struct strbuf note = STRBUF_INIT(NOTE_MAX);
	struct bundle_ask a = ask_address(w, BOB);
	struct ledger_checkpoint c;
	struct evidence_writer f;
	struct evidence_verdict v;
	struct note_key key;
	struct note n;
	struct txn *t;

	people_join(w, "news", BOB, NOW);
	sign(w);
	t = world_read(w, STORE_S);
	assert_int_equal(ledger_checkpoint(t, &c, &w->e), 1);
	strbuf_add(&note, c.text, c.len);
	txn_end(t);
	assert_int_equal(note_parse(&n, c.text, c.len, &w->e), 0);
	assert_int_equal(note_key_make(&key, NOTE_COSIGNATURE,
	    "witness.example", seed, &w->e), 0);
	assert_int_equal(note_sign(&note, &key, seed, 1790000000, n.text.p,
	    n.text.len, &w->e), 0);
	world_must(w, STORE_S, cosigned, &note);
	people_join(w, "news", ANN, NOW);	/* the log goes on */
	a.exported = last_index(w);
	make(w, &a, &f, &v);
	assert_true(v.checkpoint.size == c.size);
	assert_true(has(&f, "witness.example"));
	evidence_free(&f);
	/* It does not hold what came after it. */
	a = ask_address(w, ANN);
	a.exported = last_index(w);
	make(w, &a, &f, &v);
	assert_true(v.checkpoint.size == a.exported);
	assert_false(has(&f, "witness.example"));
	evidence_free(&f);
	strbuf_free(&note);
}

static void
without_a_head_it_waits(void **state)
{
	struct world *w = *state;
	struct bundle_ask a = ask_address(w, BOB);
	struct evidence_writer f;

	people_join(w, "news", BOB, NOW);
	evidence_begin(&f);
	assert_int_equal(bundle_make(&a, &f, &w->e), -1);
	assert_int_equal(w->e.code, ERR_AGAIN);
	evidence_free(&f);
	sign(w);
	people_leave(w, 1, BOB, IPC_LEAVE_LIST, NOW + HOUR);
	evidence_begin(&f);
	assert_int_equal(bundle_make(&a, &f, &w->e), -1);
	assert_int_equal(w->e.code, ERR_AGAIN);
	evidence_free(&f);
}

/* ---- who and when */

static void
a_period_is_of_a_list(void **state)
{
	struct world *w = *state;
	struct bundle_ask a = ask_of(w, BUNDLE_PERIOD);
	uint64_t last;

	people_join(w, "news", BOB, NOW);
	people_join(w, "other", ANN, NOW + DAY);
	a.list = 2;
	assert_int_equal(bundle_look(&a, &last, &w->e), 0);
	a.list = 1;
	assert_int_equal(bundle_look(&a, &last, &w->e), 1);
	assert_true(last <= last_index(w) - 2);
	a.list = 0;
	a.from_ms = NOW + DAY;
	a.to_ms = NOW + DAY;
	assert_int_equal(bundle_look(&a, &last, &w->e), 0);
	a.to_ms++;
	assert_int_equal(bundle_look(&a, &last, &w->e), 1);
}

static int
append_many(struct txn *t, void *arg, struct err *e)
{
	struct consent c = { .kind = CONSENT_UNSUBSCRIBED, .list = 2,
		.org = 1, .when_ms = NOW };

	for (unsigned i = 0; i < *(unsigned *)arg; i++)
		if (consent_append(t, &c, NULL, e) == -1)
			return -1;
	return 0;
}

static void
a_file_has_an_end(void **state)
{
	struct world *w = *state;
	struct bundle_ask a = ask_of(w, BUNDLE_PERIOD);
	unsigned n = EVIDENCE_ENTRIES_MAX;
	struct evidence_writer f;
	struct evidence_verdict v;
	uint64_t last;

	a.list = 2;
	world_must(w, STORE_S, append_many, &n);
	make(w, &a, &f, &v);
	assert_int_equal(v.entries, n);
	evidence_free(&f);
	n = 1;
	world_must(w, STORE_S, append_many, &n);
	assert_int_equal(bundle_look(&a, &last, &w->e), -1);
	assert_int_equal(w->e.code, ERR_LIMIT);
	/* But for the entry that its own making put there. */
	a.exported = last_index(w);
	assert_int_equal(bundle_look(&a, &last, &w->e), 1);
}

/* So that one who has more than a file holds gets it in parts. */
static void
an_address_is_narrowed(void **state)
{
	struct world *w = *state;
	struct bundle_ask a = ask_address(w, BOB);
	struct evidence_writer f;
	struct evidence_verdict v;
	char *text;

	people_join(w, "news", BOB, NOW);
	people_join(w, "club", BOB, NOW + DAY);
	make(w, &a, &f, &v);
	assert_int_equal(v.entries, 4);
	assert_false(has(&f, "entries of that alone"));
	evidence_free(&f);
	for (int i = 0; i < 2; i++) {
		a = ask_address(w, BOB);
		if (i == 0) {
			a.list = 2;
		} else {
			a.from_ms = NOW + DAY;
			a.to_ms = NOW + 2 * DAY;
		}
		make(w, &a, &f, &v);
		assert_int_equal(v.entries, 2);
		text = member_of(&f, "report.txt");
		assert_non_null(strstr(text, "entries of that alone"));
		assert_non_null(strstr(text, "list club"));
		assert_null(strstr(text, "about the list news"));
		free(text);
		evidence_free(&f);
	}
}

static int
trace(struct world *w, const char *text, struct trace *t)
{
	if (!trace_parse(w->keys, text, t))
		return -2;
	return trace_find(w->st, t, NULL, &w->e);
}

static void
a_copy_leads_to_whom_it_went(void **state)
{
	struct world *w = *state;
	struct identity bob = people_identity(w, BOB);
	struct token_delivery d = { 7, people_join(w, "news", BOB, NOW) };
	struct token_unsubscribe u = { .list = 1, .campaign = 7 };
	char token[TOKEN_DELIVERY_LEN + 1], url[TOKEN_URL_LEN + 1], text[512];
	struct strbuf path = STRBUF_INIT(VERP_PATH_MAX);
	struct trace t;

	memcpy(u.address, bob.hash, sizeof(u.address));
	token_delivery_format(w->keys, KEY_CURRENT, TOKEN_MESSAGE_ID, &d,
	    token, &w->e);
	token_url_format(w->keys, KEY_CURRENT, &u, url, &w->e);
	verp_bounce_format(&path, w->keys, KEY_CURRENT, &d, "b.example",
	    &w->e);
	snprintf(text, sizeof(text), "List-Unsubscribe: <https://x/u/%s>",
	    url);
	assert_int_equal(trace(w, text, &t), 1);
	assert_memory_equal(t.hash, bob.hash, sizeof(t.hash));
	assert_int_equal(t.campaign, 7);
	snprintf(text, sizeof(text), "Return-Path: <prvs=1234=%s>", path.s);
	assert_int_equal(trace(w, text, &t), 1);
	snprintf(text, sizeof(text), "<%s@lists.example.org>", token);
	assert_int_equal(trace(w, text, &t), 1);
	assert_memory_equal(t.hash, bob.hash, sizeof(t.hash));
	/* He left: the entry of that knows whose id it was. */
	people_leave(w, 1, BOB, IPC_LEAVE_LIST, NOW + HOUR);
	assert_int_equal(trace(w, text, &t), 1);
	assert_memory_equal(t.hash, bob.hash, sizeof(t.hash));
	/* Nobody ever had this one; and a MAC that is wrong is not ours. */
	d.subscriber += 1000;
	token_delivery_format(w->keys, KEY_CURRENT, TOKEN_MESSAGE_ID, &d,
	    token, &w->e);
	assert_int_equal(trace(w, token, &t), 0);
	token[TOKEN_DELIVERY_LEN - 1] ^= 1;
	assert_int_equal(trace(w, token, &t), -2);
	strbuf_free(&path);
}

#define T(FN)	cmocka_unit_test_setup_teardown(FN, set_up, tear_down)

/* ---- an address that was changed */

struct changing {
	struct identity	 from;
	struct optin_asked out;
};

static int
do_change(struct txn *t, void *arg, struct err *e)
{
	struct changing *c = arg;
	const struct change_ask a = { .from = &c->from,
	    .to = "new-ann@c.example", .list = 1, .who = "root",
	    .limits = &people_limits, .now_ms = NOW + DAY };

	return change_ask(t, &a, &c->out, e);
}

/* T12: the proof of the new one begins with the old one's, of that list. */
static void
a_change_of_address_is_proven_whole(void **state)
{
	struct world *w = *state;
	struct changing c = { .from = people_identity(w, "ann@b.example") };
	char token[TOKEN_CONFIRM_LEN + 1];
	struct evidence_writer f;
	struct evidence_verdict v;
	struct bundle_ask ask;

	people_join(w, "news", "ann@b.example", NOW);
	people_join(w, "other", "ann@b.example", NOW + HOUR);
	world_must(w, STORE_S, do_change, &c);
	assert_int_equal(c.out.result, OPTIN_ACCEPTED);
	people_token(w, c.out.notice, token);
	assert_int_equal(people_confirm(w, token, NULL, NOW + 2 * DAY).result,
	    OPTIN_CONFIRMED);
	ask = ask_address(w, "new-ann@c.example");
	make(w, &ask, &f, &v);
	/* Asked and confirmed there, wanted, changed; asked here; removed. */
	assert_int_equal(v.entries, 6);
	assert_true(has(&f, "ann@b.example"));
	evidence_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_complains_is_not_told),
		T(by_order_it_is),
		T(no_other_file_tells_either),
		T(a_complaint_looks_like_the_host),
		T(what_strangers_wrote_stays_text),
		T(a_lost_text_is_said_to_be),
		T(each_list_is_asked_about),
		T(each_kind_has_words),
		T(a_secret_is_told_when_it_is_used_up),
		T(a_witness_is_preferred),
		T(without_a_head_it_waits),
		T(a_period_is_of_a_list),
		T(a_file_has_an_end),
		T(an_address_is_narrowed),
		T(a_copy_leads_to_whom_it_went),
		T(a_change_of_address_is_proven_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
