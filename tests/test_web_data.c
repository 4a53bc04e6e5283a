/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_web_data.c - what a person sees of what is held of them, over real
 * sockets: who asks, the link, and the forms of its page (R185, T1, T7, T51).
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

#include "tests/web_world.h"
#include "web/form_token.h"

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define HOST	"Host: lists.example.org\r\n"
#define FORM	"Content-Type: application/x-www-form-urlencoded\r\n"

static struct world *w;
static struct reply r;
static struct world_seen seen;

static int
setup(void **state)
{
	(void)state;
	reply_init(&r);
	w = world_begin("", false);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_end(w);
	reply_free(&r);
	return 0;
}

static void
get(const char *path)
{
	client_askf(w->port, &r, "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
}

static void
post(const char *path, const char *body)
{
	client_askf(w->port, &r, "POST %s HTTP/1.1\r\n" HOST FORM
	    "User-Agent: tests\r\nContent-Length: %zu\r\n\r\n%s", path,
	    strlen(body), body);
	world_take(w, &seen);
}

static void
queue_says(enum ipc_result result, const char *text)
{
	atomic_store(&w->result, result);
	atomic_store(&w->text, text);
}

/* The value of the first hidden field of this name on the page at hand. */
static void
hidden(const char *name, char *out, size_t size)
{
	char field[64];
	const char *at;

	snprintf(field, sizeof(field), "name=\"%s\" value=\"", name);
	at = strstr(r.body.s, field);
	if (at == NULL)
		fail_msg("no field %s", name);
	at += strlen(field);
	snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

/* ---- asking for the link */

/* T7: the same octets whatever the address is; and not without the form. */
static void
who_asks_is_told_the_same(void **state)
{
	char body[256], token[FORM_TOKEN_LEN + 1], first[4096] = "";

	(void)state;
	get("/data");
	assert_int_equal(r.status, 200);
	hidden("form", token, sizeof(token));
	post("/data", "address=alice%40example.org");
	assert_int_equal(seen.datas, 0);
	assert_non_null(strstr(r.body.s, "alice@example.org"));
	snprintf(body, sizeof(body), "form=%s&address=nobody", token);
	world_jump(w, FORM_TOKEN_MIN_MS);
	post("/data", body);
	assert_int_equal(seen.datas, 0);
	for (int i = 0; i < 2; i++) {
		snprintf(body, sizeof(body), "form=%s&address=%s%%40"
		    "example.org", token, i == 0 ? "alice" : "zoe");
		queue_says(IPC_OK, "");
		post("/data", body);
		assert_int_equal(r.status, 200);
		assert_int_equal(seen.datas, 1);
		assert_int_equal(seen.data.act, IPC_DATA_ASK);
		assert_string_equal(seen.data.address, i == 0 ?
		    "alice@example.org" : "zoe@example.org");
		assert_string_equal(seen.data.evidence.channel, "form");
		if (i == 1)
			assert_string_equal(r.body.s, first);
		snprintf(first, sizeof(first), "%s", r.body.s);
	}
	/* It leads on from every page. */
	get("/");
	assert_non_null(strstr(r.body.s, "href=\"/data\""));
}

/* ---- the link */

/* T1: a look changes nothing and shows nothing; only the button does. */
static void
a_link_shows_a_button(void **state)
{
	static const struct {
		const char	*why, *token;
		int		 status;
		const char	*has;
	} rows[] = {
		{ "not used", WORLD_ACCESS, 200, "Show it" },
		{ "used", WORLD_ACCESSED, 410, "was used" },
		{ "of a confirmation (T5)", WORLD_PENDING, 404,
		    "not known" },
		{ "unknown", WORLD_UNKNOWN, 404, "not known" },
		{ "no token's shape", "x", 404, "not known" },
	};
	char path[64];

	(void)state;
	for (size_t i = 0; i < LEN(rows); i++) {
		snprintf(path, sizeof(path), "/data/%s", rows[i].token);
		get(path);
		world_take(w, &seen);
		if (r.status != rows[i].status ||
		    strstr(r.body.s, rows[i].has) == NULL)
			fail_msg("%s: %d %s", rows[i].why, r.status,
			    r.body.s);
		assert_int_equal(seen.datas + seen.others, 0);
		assert_null(strstr(r.body.s, "alice"));
		assert_string_equal(reply_header(&r, "Cache-Control"),
		    "no-store");
		assert_string_equal(reply_header(&r, "Referrer-Policy"),
		    "no-referrer");
	}
	/* Nor does it confirm anything elsewhere. */
	get("/c/" WORLD_ACCESS);
	assert_int_equal(r.status, 404);
	get("/c/" WORLD_CHANGE);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr(r.body.s, "another address of yours"));
}

static void
the_button_shows_everything(void **state)
{
	(void)state;
	queue_says(IPC_OK, "confirmed");
	post("/data/" WORLD_ACCESS, "");
	assert_int_equal(r.status, 200);
	assert_int_equal(seen.datas, 1);
	assert_int_equal(seen.data.act, IPC_DATA_OPEN);
	assert_string_equal(seen.data.token, WORLD_ACCESS);
	assert_string_equal(seen.data.evidence.channel, "page");
	/* S39, T51 */
	assert_null(strstr(seen.raw, WORLD_ACCESS));
	assert_non_null(strstr(seen.raw, "POST /data/<token> HTTP"));
	assert_null(strstr(r.body.s, WORLD_ACCESS));
	assert_non_null(strstr(r.body.s, "alice@example.org"));
	assert_non_null(strstr(r.body.s, "<dt>kind</dt><dd><bdi>confirmed"));
	/* What others typed is text (X35). */
	assert_null(strstr(r.body.s, "<script"));
	assert_null(strstr(r.body.s, "nick\"<x>"));
	assert_non_null(strstr(r.body.s, "&lt;script&gt;"));

	/* Queue has the last word: it was used meanwhile. */
	queue_says(IPC_NO, "expired");
	post("/data/" WORLD_ACCESS, "");
	assert_int_equal(r.status, 410);
	assert_null(strstr(r.body.s, "alice"));
	queue_says(IPC_UNKNOWN, "unknown");
	post("/data/" WORLD_UNKNOWN, "");
	assert_int_equal(r.status, 404);
	queue_says(IPC_TRY_AGAIN, "");
	post("/data/" WORLD_ACCESS, "");
	assert_int_equal(r.status, 503);
	assert_null(strstr(r.body.s, "alice"));
}

/* Use the token, and keep the page's own. */
static void
open_page(char *page, size_t size)
{
	queue_says(IPC_OK, "confirmed");
	post("/data/" WORLD_ACCESS, "");
	hidden("page", page, size);
}

/* R185: machine-readable, and for nobody who did not use the link. */
static void
all_of_it_can_be_downloaded(void **state)
{
	char page[FORM_TOKEN_LEN + 1], body[256];
	json_t *j;

	(void)state;
	post("/data/" WORLD_ACCESS, "act=download");
	assert_int_equal(r.status, 410);
	open_page(page, sizeof(page));
	snprintf(body, sizeof(body), "act=download&page=%s", page);
	post("/data/" WORLD_ACCESSED, body);
	assert_int_equal(r.status, 410);	/* another link's page */
	post("/data/" WORLD_ACCESS, body);
	assert_int_equal(r.status, 200);
	assert_int_equal(seen.datas, 0);
	assert_string_equal(reply_header(&r, "Content-Type"),
	    "application/json");
	assert_non_null(strstr(reply_header(&r, "Content-Disposition"),
	    "attachment"));
	j = json_loadb(r.body.s, r.body.len, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(j, "address")),
	    "alice@example.org");
	json_decref(j);
	/* The link's hours are over. */
	world_jump(w, FORM_TOKEN_MAX_MS + 1);
	post("/data/" WORLD_ACCESS, body);
	assert_int_equal(r.status, 410);
}

/* Each act is a post of the page's form, and says what it was. */
static void
each_form_does_one_thing(void **state)
{
	static const struct {
		const char	*body;
		enum ipc_data_act act;
		uint32_t	 list;
		const char	*address, *name, *value, *says;
	} rows[] = {
		{ "act=leave&list=7", IPC_DATA_LEAVE, 7, "", "", "",
		    "That is done" },
		{ "act=leave&list=99999999999", IPC_DATA_LEAVE, 0, "", "",
		    "", "That is done" },
		{ "act=correct&list=7&name=nick%22%3Cx%3E&value=An+na",
		    IPC_DATA_CORRECT, 7, "", "nick\"<x>", "An na",
		    "That is done" },
		{ "act=change&address=new%40example.net", IPC_DATA_CHANGE, 0,
		    "new@example.net", "", "", "If a message can be sent" },
		{ "act=erase", IPC_DATA_ERASE, 0, "", "", "",
		    "<h1>Deleted</h1>" },
	};
	char page[FORM_TOKEN_LEN + 1], body[512];

	(void)state;
	open_page(page, sizeof(page));
	for (size_t i = 0; i < LEN(rows); i++) {
		snprintf(body, sizeof(body), "%s&page=%s", rows[i].body,
		    page);
		post("/data/" WORLD_ACCESS, body);
		if (r.status != 200 || strstr(r.body.s, rows[i].says) == NULL)
			fail_msg("%s: %d", rows[i].body, r.status);
		assert_int_equal(seen.datas, 1);
		assert_int_equal(seen.data.act, rows[i].act);
		assert_int_equal(seen.data.list, rows[i].list);
		assert_string_equal(seen.data.address, rows[i].address);
		assert_string_equal(seen.name, rows[i].name);
		assert_string_equal(seen.value, rows[i].value);
		/* What is kept of it has neither token nor what was typed. */
		assert_null(strstr(seen.raw, page));
		assert_null(strstr(seen.raw, "example.net"));
		/* Without the page's own token nothing is done. */
		post("/data/" WORLD_ACCESS, rows[i].body);
		assert_int_equal(r.status, 410);
		assert_int_equal(seen.datas, 0);
	}
	snprintf(body, sizeof(body), "act=change&address=x&page=%s", page);
	post("/data/" WORLD_ACCESS, body);
	assert_int_equal(seen.datas, 0);
	assert_non_null(strstr(r.body.s, "not a mail address"));
	snprintf(body, sizeof(body), "act=rule&page=%s", page);
	post("/data/" WORLD_ACCESS, body);
	assert_int_equal(r.status, 400);
	/* A correction that could not be made is said to be none. */
	queue_says(IPC_NO, "");
	snprintf(body, sizeof(body), "act=correct&list=7&page=%s", page);
	post("/data/" WORLD_ACCESS, body);
	assert_non_null(strstr(r.body.s, "could not be done"));
	/* "Everything is deleted" is said only when it is (S31). */
	snprintf(body, sizeof(body), "act=erase&page=%s", page);
	queue_says(IPC_OK, "confirmed");
	post("/data/" WORLD_ACCESS, body);
	assert_non_null(strstr(r.body.s, "Everything that was kept"));
	queue_says(IPC_OK, IPC_TEXT_KEPT);
	post("/data/" WORLD_ACCESS, body);
	assert_int_equal(r.status, 200);
	assert_null(strstr(r.body.s, "Everything that was kept"));
	assert_non_null(strstr(r.body.s, "may still name you"));
	/* Erased elsewhere: nothing is shown any more. */
	atomic_store(&w->erased, true);
	snprintf(body, sizeof(body), "act=download&page=%s", page);
	post("/data/" WORLD_ACCESS, body);
	assert_int_equal(r.status, 410);
}

static void
a_store_that_is_down_shows_nothing(void **state)
{
	(void)state;
	atomic_store(&w->store_down, true);
	get("/data/" WORLD_ACCESS);
	assert_int_equal(r.status, 200);
	assert_null(strstr(r.body.s, "alice"));
	queue_says(IPC_OK, "confirmed");
	post("/data/" WORLD_ACCESS, "");
	assert_int_equal(r.status, 503);
}

int
main(void)
{
#define T(F)	cmocka_unit_test_setup_teardown(F, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(who_asks_is_told_the_same),
		T(a_link_shows_a_button),
		T(the_button_shows_everything),
		T(all_of_it_can_be_downloaded),
		T(each_form_does_one_thing),
		T(a_store_that_is_down_shows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
