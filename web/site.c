/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.c - what the pages know of the configuration.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "lib/formdata.h"
#include "web/site.h"

void
site_init(struct site *s_r, const struct conf *conf)
{
	const char *authority = strstr(conf->url_base, "://"), *path = NULL;

	memset(s_r, 0, sizeof(*s_r));
	memcpy(s_r->hostname, conf->hostname, sizeof(s_r->hostname));
	memcpy(s_r->postmaster, conf->postmaster, sizeof(s_r->postmaster));
	snprintf(s_r->abuse, sizeof(s_r->abuse), "abuse@%s", conf->hostname);
	if (authority != NULL)
		path = strchr(authority + 3, '/');
	if (path != NULL)
		snprintf(s_r->prefix, sizeof(s_r->prefix), "%s", path);
	s_r->max_head = (size_t)conf->http_max_head;
	/* Forms and notes are posted, and the reader of forms has a limit. */
	s_r->max_body = conf->http_max_body < (int64_t)FORMDATA_MAX ?
	    (size_t)conf->http_max_body : FORMDATA_MAX;
	s_r->trusted_proxies = conf->trusted_proxies;
	s_r->metrics_allow = conf->metrics_allow;
	s_r->witnesses = conf->ledger_witness;
}
