/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_date.c - what is read as a date is written and read as the same.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/date.h"
#include "lib/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int64_t ms)
{
	char text[DATE_RFC3339_LEN + 1], field[DATE_RFC5322_LEN + 1];
	unsigned faults;
	int64_t back;

	if (ms < DATE_MIN_MS || ms > DATE_MAX_MS)
		abort();
	date_rfc3339(ms, text);
	if (date_parse(text, strlen(text), &back, NULL) == -1 || back != ms)
		abort();
	date_rfc5322(ms, field);
	if (date_parse_rfc5322(field, strlen(field), &back, &faults,
	    NULL) == -1 || faults != 0 || back > ms || back <= ms - 1000)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct err e = ERR_INIT;
	int64_t ms;

	if (date_parse(text, size, &ms, &e) == 0)
		check(ms);
	else if (e.code != ERR_INPUT)
		abort();
	if (date_parse_rfc5322(text, size, &ms, NULL, &e) == 0)
		check(ms);
	if (size >= sizeof(ms)) {
		memcpy(&ms, data, sizeof(ms));
		check(date_add_months(ms, data[0] - 128));
	}
	return 0;
}
