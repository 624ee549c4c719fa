/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * describe.h - a service's running configuration as a message.
 *
 * Promise   A secret's value is never part of it: only that it is set.
 */
#ifndef OM_DESCRIBE_H
#define OM_DESCRIBE_H

#include "codec.h"
#include "envelope.pb-c.h"
#include "run/service.h"

/* om_settings_describe fills the reply; conf is the service's struct. */
om_status om_settings_describe(
    const struct om_service *svc, const void *conf, struct om_arena *a, Om__SettingsReply *out, om_err *e) OM_MUST;

#endif
