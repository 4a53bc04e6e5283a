/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - tell the service manager how far we are (sd_notify(3)).
 *
 * The protocol is one datagram to the socket in NOTIFY_SOCKET.  Without a
 * manager all of this does nothing.
 */
#ifndef LIB_SYS_NOTIFY_H
#define LIB_SYS_NOTIFY_H

/* Take NOTIFY_SOCKET out of the environment, so that no child inherits it. */
void notify_init(void);
/* "READY=1", "STOPPING=1", "RELOADING=1\n...", "STATUS=..."; never blocks. */
void notify_send(const char *state);

#endif
