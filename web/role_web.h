/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role_web.h - the web role, for main.c alone.
 */
#ifndef WEB_ROLE_WEB_H
#define WEB_ROLE_WEB_H

struct role_env;

int role_web(struct role_env *env);

#endif
