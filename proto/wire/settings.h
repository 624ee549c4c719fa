/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * settings.h - the settings that several services have: for the messages between them, and for
 * what each of them judges alike.
 */
#ifndef OM_WIRE_SETTINGS_H
#define OM_WIRE_SETTINGS_H

#include "base/conf.h"

/* A member `wire` of the service's settings; texts are owned by it. */
struct om_wire_settings {
	char *tls_ca, *tls_cert, *tls_key;
	char *gateway_key, *reportd_key; /* reportd's is NULL in a gateway */
	char *without_mac;
};

/* om_wire_allow_no_mac tells whether frames without a MAC are taken too; the log says so. */
bool om_wire_allow_no_mac(const struct om_wire_settings *s);

/* om_wire_settings_check: OM_INVALID when the two keys are one, so that a gateway could
 * pass for reportd. */
om_status om_wire_settings_check(const struct om_wire_settings *s, om_err *e) OM_MUST;

/* om_told_are_unknown tells what TOLD_USERS says: a user who is not proven counts for nobody. */
bool om_told_are_unknown(const char *told_users);

#define OM_WIRE_SETTING(struct_, field_, name_, kind_) \
	.name = (name_), .kind = (kind_), .offset = offsetof(struct_, wire) + offsetof(struct om_wire_settings, field_)

/* The rows of the table of settings, in alphabetical order. */
#define OM_WIRE_SETTING_KEY_GATEWAY(struct_)                                                      \
	{                                                                                         \
		OM_WIRE_SETTING(struct_, gateway_key, "WIRE_KEY_GATEWAY", OM_CONF_SECRET),        \
		    .min = 48, .max = 1024, .mend = "make one with: openssl rand -hex 32",        \
		    .help = "The key with which gateways prove themselves to costd and reportd; " \
			    "the same in all three."                                              \
	}
#define OM_WIRE_SETTING_KEY_REPORTD(struct_)                                                        \
	{                                                                                           \
		OM_WIRE_SETTING(struct_, reportd_key, "WIRE_KEY_REPORTD", OM_CONF_SECRET),          \
		    .min = 48, .max = 1024, .mend = "make one with: openssl rand -hex 32",          \
		    .help = "The key with which reportd proves itself to costd; the same in both, " \
			    "and unknown to gateways."                                              \
	}
#define OM_WIRE_SETTING_TLS(struct_)                                                                           \
	{OM_WIRE_SETTING(struct_, tls_ca, "WIRE_TLS_CA", OM_CONF_TEXT), .optional = true, .max = 4096,         \
	    .help = "PEM file of the authority that signed the services' certificates, for tls+tcp:// URLs."}, \
	    {OM_WIRE_SETTING(struct_, tls_cert, "WIRE_TLS_CERT", OM_CONF_TEXT), .optional = true, .max = 4096, \
		.help = "PEM file of this service's certificate, for tls+tcp:// URLs."},                       \
	{                                                                                                      \
		OM_WIRE_SETTING(struct_, tls_key, "WIRE_TLS_KEY", OM_CONF_TEXT),                               \
		    .optional = true, .max = 4096,                                                             \
		    .help = "PEM file of this service's private key, for tls+tcp:// URLs."                     \
	}
#define OM_WIRE_SETTING_WITHOUT_MAC(struct_)                                                                  \
	{                                                                                                     \
		OM_WIRE_SETTING(struct_, without_mac, "WIRE_WITHOUT_MAC", OM_CONF_CHOICE),                    \
		    .def = "refuse", .choices = "refuse|accept",                                              \
		    .help = "Whether messages of services of a version before the keys are taken; accept is " \
			    "for the minutes of an upgrade."                                                  \
	}

/* Of the member told_users. */
#define OM_SETTING_TOLD_USERS(struct_)                                                                                 \
	{                                                                                                              \
		.name = "TOLD_USERS", .kind = OM_CONF_CHOICE, .offset = offsetof(struct_, told_users), .def = "count", \
		.choices = "count|unknown",                                                                            \
		.help = "Whether usage counts for a user whom only the request named (its field user, a header, "      \
			"OpenRouter's external_user), and not the plugin; unknown leaves it to nobody, for what "      \
			"comes from then on."                                                                          \
	}

#endif
