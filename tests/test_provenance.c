/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_provenance.c - sources and bases by their classes (S35, S36, R188).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "spool/provenance.h"

#define COUNT(A)	(sizeof(A) / sizeof((A)[0]))

static const struct {
	const char	*text;
	enum origin	 want;
	bool		 refused;
} sources[] = {
	{ "", ORIGIN_NONE, false },
	{ "   ", ORIGIN_NONE, false },
	{ "form", ORIGIN_FORM, false },
	{ " Form ", ORIGIN_FORM, false },
	{ "Sign-up form: the one in the footer", ORIGIN_FORM, false },
	{ "sign_up_form", ORIGIN_FORM, false },
	{ "event:the fair of 2025", ORIGIN_EVENT, false },
	{ "our shop's own newsletter", ORIGIN_DESCRIBED, false },
	/* Not by parts of words: nobody collected the Irish. */
	{ "Republic of Ireland branch", ORIGIN_DESCRIBED, false },
	{ "public", ORIGIN_PUBLIC, true },
	{ "PUBLIC: telephone book", ORIGIN_PUBLIC, true },
	{ "public directory", ORIGIN_DESCRIBED, true },
	{ "publicly listed addresses", ORIGIN_DESCRIBED, true },
	{ "scraped", ORIGIN_SCRAPED, true },
	{ "we scraped them", ORIGIN_DESCRIBED, true },
	{ "harvested", ORIGIN_SCRAPED, true },
	{ "purchased", ORIGIN_PURCHASED, true },
	{ "Purchased from X", ORIGIN_DESCRIBED, true },
	{ "data-broker", ORIGIN_PURCHASED, true },
	{ "rented", ORIGIN_RENTED, true },
	{ "partner", ORIGIN_SHARED, true },	/* S36 */
	{ "third party: sponsor", ORIGIN_SHARED, true },
	{ "appended", ORIGIN_APPENDED, true },
	{ "guessed", ORIGIN_GUESSED, true },
	{ "forum posters", ORIGIN_DESCRIBED, true },
	{ "forum", ORIGIN_FORUM, true },
	{ "crawled from the web", ORIGIN_DESCRIBED, true },
	/* Where addresses lie about, and who sells or adds them. */
	{ "www", ORIGIN_PUBLIC, true },
	{ "Website", ORIGIN_PUBLIC, true },
	{ "web form", ORIGIN_FORM, false },
	{ "the form of our website", ORIGIN_DESCRIBED, false },
	{ "yellow-pages", ORIGIN_PUBLIC, true },
	{ "the Yellow Pages of 2024", ORIGIN_DESCRIBED, true },
	{ "LinkedIn", ORIGIN_PUBLIC, true },
	{ "my LinkedIn contacts", ORIGIN_DESCRIBED, true },
	{ "List Broker: X", ORIGIN_PURCHASED, true },
	{ "from two list-brokers", ORIGIN_DESCRIBED, true },
	{ "insurance broker's customers", ORIGIN_DESCRIBED, false },
	{ "co-registration", ORIGIN_SHARED, true },
	{ "Coregistration with a partner", ORIGIN_DESCRIBED, true },
	{ "registration", ORIGIN_ACCOUNT, false },
	{ "ZoomInfo", ORIGIN_PURCHASED, true },
	{ "an export of zoominfo", ORIGIN_DESCRIBED, true },
	{ "e-mail append", ORIGIN_APPENDED, true },
	{ "email appending service", ORIGIN_DESCRIBED, true },
};

static void
sources_have_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sources); i++) {
		if (origin_of(sources[i].text) != sources[i].want)
			fail_msg("%s: %s", sources[i].text,
			    origin_name(origin_of(sources[i].text)));
		if ((origin_refused(sources[i].text) != NULL) !=
		    sources[i].refused)
			fail_msg("%s: %s refused", sources[i].text,
			    sources[i].refused ? "not" : "was");
	}
	assert_int_equal(origin_of(NULL), ORIGIN_NONE);
}

static const struct {
	const char	*text;
	enum ground	 want;
	bool		 refused;
} bases[] = {
	{ "", GROUND_NONE, false },
	{ "opt-in", GROUND_OPT_IN, false },
	{ "Double Opt-In", GROUND_CONFIRMED, false },
	{ "written: form 7", GROUND_WRITTEN, false },
	{ "existing customer", GROUND_CUSTOMER, false },
	{ "Existing-Customers: 2024", GROUND_CUSTOMER, false },
	{ "soft opt-in", GROUND_CUSTOMER, false },
	{ "shop order", GROUND_DESCRIBED, false },
	{ "a purchase in our shop", GROUND_DESCRIBED, false },
	{ "legitimate interest", GROUND_INTEREST, true },
	{ "unknown", GROUND_UNKNOWN, true },
	{ "visited", GROUND_VISITED, true },
	{ "scraped", GROUND_PUBLIC, true },
	{ "their address is public", GROUND_DESCRIBED, true },
	{ "purchased", GROUND_PURCHASED, true },
	{ "opt-in by co-registration", GROUND_DESCRIBED, true },
	{ "the list broker has it", GROUND_DESCRIBED, true },
};

static void
bases_have_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bases); i++) {
		if (ground_of(bases[i].text) != bases[i].want)
			fail_msg("%s: %s", bases[i].text,
			    ground_name(ground_of(bases[i].text)));
		if ((ground_refused(bases[i].text) != NULL) !=
		    bases[i].refused)
			fail_msg("%s: %s refused", bases[i].text,
			    bases[i].refused ? "not" : "was");
	}
}

/* R188: a customer is vouched for as one, and nobody else is. */
static void
evidence_fits_its_ground(void **state)
{
	(void)state;
	assert_null(provenance_refused(EVIDENCE_CONFIRMED, GROUND_NONE));
	assert_null(provenance_refused(EVIDENCE_CONFIRMED, GROUND_OPT_IN));
	assert_non_null(provenance_refused(EVIDENCE_CONFIRMED,
	    GROUND_CUSTOMER));
	assert_null(provenance_refused(EVIDENCE_CUSTOMER, GROUND_CUSTOMER));
	assert_non_null(provenance_refused(EVIDENCE_CUSTOMER, GROUND_NONE));
	assert_null(provenance_refused(EVIDENCE_NONE, GROUND_CUSTOMER));
	assert_int_equal(evidence_find("customer"), EVIDENCE_CUSTOMER);
	assert_int_equal(evidence_find("hearsay"), EVIDENCE_NONE);
}

static void
addresses_of_both_kinds(void **state)
{
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	uint8_t ip[16];

	(void)state;
	assert_true(provenance_ip("192.0.2.1", ip));
	assert_memory_equal(ip, v4, 16);
	assert_true(provenance_ip("2001:db8::1", ip));
	assert_int_equal(ip[15], 1);
	assert_false(provenance_ip("192.0.2", ip));
	assert_false(provenance_ip("", ip));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_have_classes),
		cmocka_unit_test(bases_have_classes),
		cmocka_unit_test(evidence_fits_its_ground),
		cmocka_unit_test(addresses_of_both_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
