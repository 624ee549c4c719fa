/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * testpoint.h - places where tests break the program on purpose.  They exist only
 * in builds with OM_TEST_POINTS (preset "points"), never in what is installed.
 *
 * Crash     OM_CRASH_POINT("name") ends the process at once, as kill -9 does, when
 *           CRASH_POINT=name:n is in the environment and the point is reached for the
 *           n-th time.
 * Mistake   OM_MISTAKE("name") is true when MISTAKE=name is in the environment: the
 *           code then does what it must not do, so that a test can show that it would
 *           notice.
 * Threads   Both from any thread.
 */
#ifndef OM_TESTPOINT_H
#define OM_TESTPOINT_H

#include <stdbool.h>

#ifdef OM_TEST_POINTS
void om_crash_point(const char *name);
bool om_mistake(const char *name);
#define OM_CRASH_POINT(name) om_crash_point(name)
#define OM_MISTAKE(name)     om_mistake(name)
#else
#define OM_CRASH_POINT(name) ((void)0)
#define OM_MISTAKE(name)     false
#endif

#endif
