/* SPDX-License-Identifier: Apache-2.0 */
/*
 * departures_private.h - shared by departures*.c.
 */
#ifndef SPOOL_DEPARTURES_PRIVATE_H
#define SPOOL_DEPARTURES_PRIVATE_H

#include <stdbool.h>

#include "spool/departures.h"

/* A record at p; false: it is none. */
bool departure_get(const uint8_t *p, struct departure *d);
/* Keep errno as the trouble. */
void departures_complain(struct departures *d, const char *what);

#endif
