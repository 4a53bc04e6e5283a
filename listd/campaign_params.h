/* SPDX-License-Identifier: Apache-2.0 */
/*
 * campaign_params.h - what a campaign's copies are made with, fixed when it is
 * created.
 *
 * A list's settings may change while a campaign runs, and keys may rotate; its
 * copies must not change with them.  So the queue role writes them into the
 * campaign's row as a JSON object, and the deliver roles compile by that.
 */
#ifndef LISTD_CAMPAIGN_PARAMS_H
#define LISTD_CAMPAIGN_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/template.h"

struct campaign;
struct conf;
struct err;
struct keyring;
struct list;

/* A new object, or NULL for want of memory. */
json_t *campaign_params_new(const struct conf *conf, const struct list *list,
    const struct keyring *keys);

/* As read back; strings are borrowed from the object. */
struct campaign_params {
	struct template_params	t;
	uint8_t			verp_key, url_key;
	const char		*approved;	/* addresses to answer to (S16),
						 * blanks between; or NULL */
};

/* -1 with ERR_DAMAGED when it is not what campaign_params_new() wrote. */
int campaign_params_read(const json_t *o, struct campaign_params *p_r,
    struct err *e);

#endif
