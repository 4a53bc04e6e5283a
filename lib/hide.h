/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hide.h - a text of another server without the address it speaks of.
 *
 * What servers say of a recipient is kept for years in a log that names nobody
 * (spool/DESIGN, L), so the address is taken out first: in any case, with or
 * without angle brackets, and its local part too where that stands as a word
 * of its own, for many say no more of it ("user ann.smith unknown").
 */
#ifndef LIB_HIDE_H
#define LIB_HIDE_H

#include <stddef.h>

#define HIDE_SHOWN	"<rcpt>"	/* in its place */

/*
 * Write text without address (LOCAL@DOMAIN; one without an at sign hides
 * nothing) to out[size], cut to fit.  Found too: both without their dots, the
 * local part without its +tag, and any character as %2E or =2E.  A half of the address never stays at
 * the end.
 */
void hide_address(const char *text, const char *address, char *out,
    size_t size);

#endif
