/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * invariant.h - checks of conditions that only a defect of this program can make
 * untrue.
 *
 * Use       om_check(condition) for arguments, held locks, states and sums that
 *           must match.  Never for what a peer, a disk, a clock, a database or a
 *           person can cause: that is an om_status with a reason.
 * Effect    In every build, release too: a condition that is untrue is written to
 *           standard error with its place, and the process aborts, so that no
 *           wrong figure is written after it.
 * Cost      The condition is evaluated once; it has no side effects.
 * Threads   Any.
 */
#ifndef OM_INVARIANT_H
#define OM_INVARIANT_H

#define om_check(condition) ((condition) ? (void)0 : om_check_failed(#condition, __FILE__, __LINE__))

_Noreturn void om_check_failed(const char *condition, const char *file, int line);

#endif
