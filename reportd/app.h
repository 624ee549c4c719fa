/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * app.h - reportd as a service: what main runs.
 */
#ifndef RD_APP_H
#define RD_APP_H

#include "base/service.h"

extern const struct om_service rd_app;

#endif
