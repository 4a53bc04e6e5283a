/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_smtp_refusal.c - what a refusal means by the rules, where it is heard:
 * for its delivery, for the rest of the session, and what queue is told.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/reply_rules.h"
#include "listd/copy.h"
#include "listd/smtp_session_private.h"
#include "tests/smtp_script.h"

static const char rules[] =
    "[class early]\nstage = banner\nenhanced = 4.7.28\ncategory = rate\n"
    "[class elsewhere]\nprovider = q\nwords = \"come back\"\n"
    "scheduler = site\n"
    "[class busy]\nprovider = p\nwords = \"come back\"\ncategory = rate\n"
    "scheduler = site\n"
    "[class fault]\nwords = \"not signed\"\ncategory = auth\n"
    "scheduler = site stop-campaign\nsite = ok\n"
    "[class listed]\nwords = \"[BL\"\ncategory = policy\nsite = suspend\n"
    "[class mild]\nwords = \"come again\"\nrecipient = none\n";

#define FIRST	HELLO_PIPE, ENVELOPE
#define SECOND	"C RSET", ENVELOPE, "S 250 reset", ACCEPTED, BYE

/* Stages: 3 banner, 4 EHLO, 5 TLS, 6 MAIL, 7 RCPT, 8 DATA, 9 dot. */
static const struct scenario scenarios[] = {
	{ "\"site\" at RCPT: nobody's deferral, and the site's trouble",
	    SCRIPT(FIRST, "S 250 ok", "S 451 4.2.0 Come back later",
		"S 503 no"),
	    3, 0, "up 0\n1 refused 451 busy rate none\n2 returned\n"
	    "3 returned\n"
	    "refused 451 busy rate stage 7 x.2.0 campaign 7\n", 0, 0, 0 },
	{ "and after the dot, with the next envelope on its way",
	    SCRIPT(FIRST, "S 250 ok", "S 250 ok", "S 354 go", "D", ENVELOPE,
		"S 451 Come back later"),
	    3, 0, "up 0\n1 refused 451 busy rate none\n2 returned\n"
	    "3 returned\n"
	    "refused 451 busy rate stage 9 x.0.0 campaign 7\n", 0, 0, 0 },
	{ "what no class knows is the person's, and the session goes on",
	    SCRIPT(FIRST, "S 250 ok", "S 451 4.2.0 not today", "S 503 no",
		SECOND),
	    2, 0, "up 0\n1 deferred 451 - unknown soft\n2 delivered 250\n"
	    "closed 0\n", 0, 0, 0 },
	{ "the sender's fault in a 5yz: it failed, and counts against nobody",
	    SCRIPT(FIRST, "S 250 ok", "S 550 5.1.1 user not signed",
		"S 503 no", SECOND),
	    2, 0, "up 0\n1 failed 550 fault auth none\n2 delivered 250\n"
	    "closed 0\n", 0, 0, 0 },
	{ "and in a 4yz: nothing was said of the person",
	    SCRIPT(FIRST, "S 250 ok", "S 250 ok", "S 354 go", "D", ENVELOPE,
		"S 451 4.7.26 not signed"),
	    2, 0, "up 0\n1 refused 451 fault auth none\n2 returned\n"
	    "refused 451 fault auth stage 9 x.7.26 campaign 7\n", 0, 0, 0 },
	{ "a 5yz that closes the site loses one delivery; told once",
	    SCRIPT(FIRST, "S 250 ok", "S 553 5.7.1 [BL21] no", "S 503 no"),
	    3, 0, "up 0\n1 failed 553 listed policy none\n2 returned\n"
	    "3 returned\nrefused 553\n", 0, 0, 0 },
	{ "the sender's at MAIL: nobody was named, so nobody fails",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 553 5.1.8 bad domain",
		"S 503 no", "S 503 no"),
	    2, 0, "up 0\n1 returned\n2 returned\n"
	    "refused 553 - policy stage 6 x.1.8 campaign 7\n", 0, 0, 0 },
	{ "nor by a class that ends deliveries elsewhere",
	    SCRIPT(HELLO_PIPE, ENVELOPE, "S 550 5.7.26 not signed",
		"S 503 no", "S 503 no"),
	    2, 0, "up 0\n1 returned\n2 returned\n"
	    "refused 550 fault auth stage 6 x.7.26 campaign 7\n", 0, 0, 0 },
	{ "by the codes alone too",
	    SCRIPT(FIRST, "S 250 ok", "S 550 5.7.25 no PTR", "S 503 no"),
	    2, 0, "up 0\n1 failed 550 - auth none\n2 returned\n"
	    "refused 550\n", 0, 0, 0 },
	{ "a milder verdict",
	    SCRIPT(FIRST, "S 250 ok", "S 550 5.1.1 unknown, come again",
		"S 503 no", SECOND),
	    2, 0, "up 0\n1 failed 550 mild mailbox-unknown none\n"
	    "2 delivered 250\nclosed 0\n", 0, 0, 0 },
	{ "a banner keeps its code and its step, and is of no campaign",
	    SCRIPT("S 421 4.7.28 unusual"),
	    1, 0, "1 returned\n"
	    "refused 421 early rate stage 3 x.7.28 campaign 0\n", 0, 0, 0 },
	{ "the same reply at another step is another one",
	    SCRIPT(HELLO_PIPE, "C MAIL", "S 421 4.7.28 unusual"),
	    1, 0, "up 0\n1 returned\n"
	    "refused 421 - rate stage 6 x.7.28 campaign 7\n", 0, 0, 0 },
	{ "EHLO",
	    SCRIPT("S 220 mx", "C EHLO", "S 451 come back"),
	    1, 0, "1 returned\n"
	    "refused 451 busy rate stage 4 x.0.0 campaign 0\n", 0, 0, 0 },
	{ "421 behind another refusal: each says its own",
	    SCRIPT(FIRST, "S 250 ok", "S 550 5.1.1 no such user",
		"S 421 4.3.2 come back"),
	    2, 0, "up 0\n1 failed 550 - mailbox-unknown hard\n2 returned\n"
	    "refused 421 busy rate stage 8 x.3.2 campaign 7\n", 0, 0, 0 },
	{ "421 that speaks of a mailbox is told as that one's",
	    SCRIPT(FIRST, "S 250 ok", "S 421 4.2.1 is busy"),
	    2, 0, "up 0\n1 deferred 421 - mailbox-disabled soft\n"
	    "2 returned\nrefused 421\n", 0, 0, 0 },
	{ "421 to nothing",
	    SCRIPT(HELLO_CHUNK, FLIGHT, "S 250 ok", "S 250 ok",
		"S 250 ok\r\n421 come back"),
	    1, 0, "up 0\n1 delivered 250\n"
	    "refused 421 busy rate stage 6 x.0.0 campaign 0\n",
	    .large = 0 },
};

static void
refusals_by_the_rules(void **state)
{
	static const char head[] = "format = 1\nversion = 2026-11-22\n";
	struct strbuf mistakes = STRBUF_INIT(4096);
	struct reply_rules *r = reply_rules_parse(&(struct datafile_text){
		"f", head, sizeof(head) - 1 }, &(struct datafile_text){
		"overlay", rules, sizeof(rules) - 1 }, NULL, &mistakes);

	(void)state;
	if (r == NULL)
		fail_msg("%.*s", (int)mistakes.len, (char *)mistakes.s);
	script_world.rules = r;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		script_run(&scenarios[i]);
	script_world.rules = NULL;
	reply_rules_free(r);
	strbuf_free(&mistakes);
}

/* What a server repeats of a confirmation is not kept with its reply (S39). */
static void
a_reply_tells_no_secret(void **state)
{
	struct copy copy = { .token = "abcdefghij234567klmnopqrst" };
	struct item item = { .copy = &copy, .d = { .local = "ann",
		.domain = "a.example" } };
	char out[IPC_TEXT_MAX + 1];

	(void)state;
	item_text(&item, "<ann@a.example>: [URL https://x/c/"
	    "ABCDEFGHIJ234567klmnopqrst] blocked", out);
	assert_string_equal(out, "<rcpt>: [URL https://x/c/"
	    "**************************] blocked");
	item.copy = NULL;
	item_text(&item, "no such user ann@a.example", out);
	assert_string_equal(out, "no such user <rcpt>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_by_the_rules),
		cmocka_unit_test(a_reply_tells_no_secret),
	};

	return cmocka_run_group_tests(tests, script_set_up, script_tear_down);
}
