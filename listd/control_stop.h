/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_stop.h - stop mail that is on its way.
 *
 * Pausing, holding and cancelling are rows in the store, which deliver roles
 * look at before each MAIL.  What is out with them already is recalled, so
 * that whoever asked is answered when no further MAIL is written (S7).
 */
#ifndef LISTD_CONTROL_STOP_H
#define LISTD_CONTROL_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct campaign;
struct leave_gone;

/* Recall what is out of one campaign, then go on. */
void stop_campaign(struct call *c, uint32_t campaign,
    void (*then)(struct call *c));
/* Recall what is out to those who left, then go on. */
void stop_members(struct call *c, const struct leave_gone *gone, size_t n,
    void (*then)(struct call *c));

/*
 * For each campaign that did not end and that match() picks, one after the
 * other: cancel it if cancel says so, recall what is out of it; then go on.
 */
void stop_campaigns(struct call *c, bool cancel,
    bool (*match)(const struct campaign *m, uint32_t id), uint32_t id,
    void (*then)(struct call *c));

#endif
