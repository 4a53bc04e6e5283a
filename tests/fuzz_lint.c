/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_lint.c - any message: findings that are whole and printable.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int cond)
{
	if (!cond)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct lint_report r;
	unsigned kept = 0;

	lint_message(data, size, &r);
	require(r.findings <= LINT_FINDINGS_MAX);
	for (unsigned i = 0; i < r.findings; i++) {
		const struct lint_finding *f = &r.finding[i];

		require(f->grade < LINT_GRADES && f->text[0] != '\0' &&
		    f->rule[0] != '\0' && f->part[0] != '\0');
		for (const char *p = f->text; *p != '\0'; p++)
			require(*p >= 0x20 && *p <= 0x7e);
		require(i == 0 || f->line >= r.finding[i - 1].line);
	}
	for (unsigned g = 0; g < LINT_GRADES; g++)
		kept += r.count[g];
	require(kept >= r.findings);
	require(kept == r.findings || r.findings == LINT_FINDINGS_MAX);
	return 0;
}
