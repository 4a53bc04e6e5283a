/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - what the pages know of the configuration.
 */
#ifndef WEB_SITE_H
#define WEB_SITE_H

#include "lib/conf.h"

/* A plain value, copied from the configuration and replaced as a whole. */
struct site {
	char	hostname[CONF_NAME_MAX];
	char	prefix[CONF_PATH_MAX];	/* path of url_base, "" or "/x" */
	char	postmaster[CONF_ADDRESS_MAX];
	char	abuse[CONF_ADDRESS_MAX];
	size_t	max_head, max_body;	/* octets */
	struct conf_cidrs trusted_proxies;
	struct conf_cidrs metrics_allow;	/* n 0: the loopback */
	struct conf_witnesses witnesses;
};

void site_init(struct site *s_r, const struct conf *conf);

#endif
