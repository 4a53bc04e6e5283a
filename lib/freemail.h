/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freemail.h - where anybody gets a mailbox.
 *
 * Such a domain is nobody's sending domain (S9), and a mailbox there that
 * answers to bulk mail are sent to is a drop box until somebody vouches for it
 * (S16).  The list is of the large ones and never whole.
 */
#ifndef LIB_FREEMAIL_H
#define LIB_FREEMAIL_H

#include <stdbool.h>

/* domain: lower case, A-labels. */
bool freemail_domain(const char *domain);

#endif
