/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex.h - the value of a hexadecimal digit.
 */
#ifndef LIB_HEX_H
#define LIB_HEX_H

/* 0 to 15 for a digit in either case, -1 for all else. */
static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

#endif
