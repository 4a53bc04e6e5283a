/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_conf.h - open a process's log as the configuration says.
 */
#ifndef LISTD_LOG_CONF_H
#define LISTD_LOG_CONF_H

#include <stdbool.h>

struct conf;

/* name is the process's; to_stderr is -f. */
void log_conf(const struct conf *c, const char *name, bool to_stderr);

#endif
