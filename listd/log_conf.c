/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_conf.c - open a process's log as the configuration says.
 */
#include "config.h"

#include <syslog.h>

#include "lib/conf.h"
#include "lib/sys/log.h"
#include "listd/log_conf.h"

_Static_assert((int)CONF_LOG_DEBUG == (int)LEVEL_DEBUG &&
    (int)CONF_ADDRESSES_NONE == (int)ADDRESSES_NONE, "the same order");

static const int facilities[] = {
	[CONF_FACILITY_DAEMON] = LOG_DAEMON,
	[CONF_FACILITY_LOCAL0] = LOG_LOCAL0,
	[CONF_FACILITY_LOCAL1] = LOG_LOCAL1,
	[CONF_FACILITY_LOCAL2] = LOG_LOCAL2,
	[CONF_FACILITY_LOCAL3] = LOG_LOCAL3,
	[CONF_FACILITY_LOCAL4] = LOG_LOCAL4,
	[CONF_FACILITY_LOCAL5] = LOG_LOCAL5,
	[CONF_FACILITY_LOCAL6] = LOG_LOCAL6,
	[CONF_FACILITY_LOCAL7] = LOG_LOCAL7,
	[CONF_FACILITY_MAIL] = LOG_MAIL,
};

void
log_conf(const struct conf *c, const char *name, bool to_stderr)
{
	struct log_params p = {
		.name = name,
		.to_stderr = to_stderr,
		.facility = facilities[c->log_syslog],
		.level = (enum log_level)c->log_level,
		.addresses = (enum log_addresses)c->log_addresses,
	};

	log_open(&p);
}
