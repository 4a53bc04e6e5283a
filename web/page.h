/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - the handlers behind the routes, for exchange.c alone.
 *
 * _get fills x->answer.  _post fills x->answer and returns EXCHANGE_ANSWERED,
 * or fills x->ask and returns EXCHANGE_ASKS; then _reply has the last word.
 */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "web/exchange.h"
#include "web/text.h"

/* ---- page_info.c: what can only be read */
void page_home(struct exchange *x);
void page_robots(struct exchange *x);
void page_health(struct exchange *x);
enum exchange_step page_metrics(struct exchange *x);
void page_metrics_reply(struct exchange *x, enum ipc_result result);
void page_abuse(struct exchange *x);
void page_list(struct exchange *x);

/* ---- page_join.c */
void page_join_get(struct exchange *x);
enum exchange_step page_join_post(struct exchange *x);
void page_join_reply(struct exchange *x, enum ipc_result result);

/* ---- page_confirm.c */
void page_confirm_get(struct exchange *x);
enum exchange_step page_confirm_post(struct exchange *x);
void page_confirm_reply(struct exchange *x, enum ipc_result result,
    const char *text);

/* ---- page_leave.c */
void page_leave_get(struct exchange *x);
enum exchange_step page_leave_post(struct exchange *x);
void page_leave_reply(struct exchange *x, enum ipc_result result);
/* The page after it: the same bytes for whoever asks. */
void page_left(struct strbuf *out, const struct site *site, bool all);

/* ---- page_data.c */
void page_data_get(struct exchange *x);
enum exchange_step page_data_post(struct exchange *x);
void page_data_reply(struct exchange *x, enum ipc_result result);
void page_mine_get(struct exchange *x);
enum exchange_step page_mine_post(struct exchange *x);
void page_mine_reply(struct exchange *x, enum ipc_result result,
    const char *text);

/* ---- page_ledger.c */
void page_checkpoint(struct exchange *x);
void page_ledger_key(struct exchange *x);
void page_cosigned(struct exchange *x);
void page_tile(struct exchange *x);
enum exchange_step page_cosign_post(struct exchange *x);
void page_cosign_reply(struct exchange *x, enum ipc_result result);

/* ---- exchange.c, for the pages */

/* An answer with a page that is still to be written to its body. */
struct strbuf *answer_html(struct answer *a, unsigned status);
struct strbuf *answer_text(struct answer *a, unsigned status);
/* A page of a title and one paragraph. */
void answer_plain(struct exchange *x, unsigned status, enum text title,
    enum text what);
/* 404 of a list; 503. */
void answer_no_list(struct exchange *x);
void answer_try_again(struct exchange *x);

/* What the request shows of who made it, on this channel; borrows from x. */
void exchange_evidence(const struct exchange *x, const char *channel,
    struct ipc_evidence *ev_r);
/* Begin a frame of this type; its id goes into the frame's struct. */
uint64_t exchange_ask(struct exchange *x, enum ipc_type type, bool again);
/* EXCHANGE_ASKS, or a 503 when the frame did not fit. */
enum exchange_step exchange_asked(struct exchange *x);
/* The header Content-Type for the reader of forms, or NULL. */
const char *exchange_type(const struct exchange *x);

#endif
