/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_html_scan.c - any HTML: no state depends on how it is cut, and no
 * escaped value leaves the place it was put in.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/html_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int cond)
{
	if (!cond)
		abort();
}

/* What a value may look like after escaping, at its worst. */
static void
check_value(const struct html_scan *before)
{
	static const char value[] = "--!x&lt;/&gt; &quot;&#39;--";
	static const char url[] = "x%3Cjava%3A-._~";
	struct html_scan s = *before, twice;
	enum html_place place = html_scan_place(before);

	if (place == HTML_IN_TEXT || place == HTML_IN_ATTRIBUTE) {
		html_scan_feed(&s, value, sizeof(value) - 1);
		require(html_scan_place(&s) == place);
	} else if (place == HTML_IN_URL) {
		html_scan_feed(&s, url, sizeof(url) - 1);
		require(html_scan_place(&s) == place);
	}
	s = *before;
	html_scan_value(&s);
	twice = s;
	html_scan_value(&twice);
	require(html_scan_place(&twice) == html_scan_place(&s));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct html_scan whole, parts;

	html_scan_init(&whole);
	html_scan_init(&parts);
	html_scan_feed(&whole, text, size);
	for (size_t i = 0; i < size; i++) {
		html_scan_feed(&parts, text + i, 1);
		if (size < 4096)
			check_value(&parts);
	}
	require(memcmp(&whole, &parts, sizeof(whole)) == 0);
	require(html_scan_describe(&whole)[0] != '\0');
	return 0;
}
