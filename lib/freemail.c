/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freemail.c - where anybody gets a mailbox.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "lib/freemail.h"

static const char *const domains[] = {
	"126.com", "163.com", "aol.com", "fastmail.com", "gmail.com",
	"gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com",
	"hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.fr",
	"icloud.com", "inbox.ru", "libero.it", "list.ru", "live.com",
	"mac.com", "mail.com", "mail.ru", "mailbox.org", "me.com", "msn.com",
	"orange.fr", "outlook.com", "outlook.de", "pm.me", "posteo.de",
	"proton.me", "protonmail.com", "qq.com", "seznam.cz", "t-online.de",
	"tuta.com", "tutanota.com", "web.de", "wp.pl", "yahoo.co.jp",
	"yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.fr", "yandex.com",
	"yandex.ru", "ymail.com", "zoho.com",
};

bool
freemail_domain(const char *domain)
{
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		if (strcmp(domain, domains[i]) == 0)
			return true;
	return false;
}
