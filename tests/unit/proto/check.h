/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* check.h - cmocka with the headers it needs, in the order it needs them. */
#ifndef OM_CHECK_H
#define OM_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"

/* assert_status prints the message of a call that should have gone otherwise. */
#define assert_status(call, wanted, err)                                                                        \
	do {                                                                                                    \
		om_status got_ = (call);                                                                        \
		if (got_ != (wanted))                                                                           \
			fail_msg("%s: got \"%s\" (%s), wanted \"%s\"", #call, om_status_text(got_), (err).text, \
			    om_status_text(wanted));                                                            \
	} while (0)

#endif
