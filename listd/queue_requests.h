/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_requests.h - what inbound and web ask of queue.
 *
 * Each request is one job of the writer of S.  Its answer (IPC_REPLY) follows
 * the commit that made it durable, and for someone who left also the recall of
 * what was out with deliver roles, so that no MAIL is written after it
 * (DESIGN.md section 3).  What could not be made durable is IPC_TRY_AGAIN and
 * never anything better (T21, R176).
 */
#ifndef LISTD_QUEUE_REQUESTS_H
#define LISTD_QUEUE_REQUESTS_H

#include "listd/role.h"

struct queue;
struct queue_requests;

/* Requests of one peer that wait; it is not read while there are more. */
#define QUEUE_REQUESTS_MAX	4096

struct queue_requests *queue_requests_new(struct queue *q);
/* A fresh socket to inbound or web, which is closed with the object. */
void queue_requests_peer(struct queue_requests *r, enum role_kind kind,
    int fd);
/* Close both peers; jobs under way are finished and answered to nobody. */
void queue_requests_close(struct queue_requests *r);
/* Requests whose answer is still to come. */
size_t queue_requests_open(const struct queue_requests *r);
/* After their jobs have ended.  NULL is fine. */
void queue_requests_free(struct queue_requests *r);

#endif
