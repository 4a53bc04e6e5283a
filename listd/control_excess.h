/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_excess.h - what is told of a campaign's similar mail, and who lets
 * one go whose Breidbart index passes (S46).
 *
 * A campaign is planned for its time and waits when it would be excessive.
 * campaign resume ID --reason TEXT lets it go all the same: never silently,
 * for the act keeps who, the index and the reason.
 */
#ifndef LISTD_CONTROL_EXCESS_H
#define LISTD_CONTROL_EXCESS_H

#include <jansson.h>
#include <stdbool.h>

struct call;
struct campaign;

#define EXCESS_REASON_MAX	500	/* octets */

/* Is this one held for its index? */
bool excess_holds(const struct campaign *m);
/* campaign resume of one that is; ends the call in time. */
void excess_resume(struct call *c, const struct campaign *m);
/* Recipients of similar mail, bulk or not, index, and what is held for it. */
void excess_json(json_t *o, const struct campaign *m);

#endif
