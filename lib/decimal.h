/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decimal.h - a number in decimal with one spelling.
 */
#ifndef LIB_DECIMAL_H
#define LIB_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read text[len], digits and nothing else, no zero before them, at most max.
 * False, *v_r untouched, for all else.
 */
static inline bool
decimal_get(const char *text, size_t len, uint64_t max, uint64_t *v_r)
{
	uint64_t v = 0;

	if (len == 0 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned char)text[i] - (unsigned)'0';

		if (digit > 9 || v > (max - digit) / 10 || digit > max)
			return false;
		v = v * 10 + digit;
	}
	*v_r = v;
	return true;
}

#endif
