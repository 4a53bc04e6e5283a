/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ascii.h - letters of protocols, whatever the locale says.
 */
#ifndef LIB_ASCII_H
#define LIB_ASCII_H

/* A to Z in lower case; all else, UTF-8 too, as it is. */
static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The same with a whole string, in place. */
static inline void
ascii_lower_all(char *s)
{
	for (; *s != '\0'; s++)
		*s = ascii_lower(*s);
}

#endif
