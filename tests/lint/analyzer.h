/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For clang-tidy only, which reads one file at a time: a failure returns its code, and no code of a
 * failure is 0. Without this every result of a call that failed would count as used uninitialised.
 */
#ifndef MST_TESTS_LINT_ANALYZER_H
#define MST_TESTS_LINT_ANALYZER_H

#include "config/load/system.h"
#include "proto/err.h"
#include "proto/msg.h"

#define mst_fail(err, code, ...) (mst_fail((err), (code), __VA_ARGS__), MST_LINT_NOT_OK(code))
#define mst_fail_on(err, code, subject)                                                            \
    (mst_fail_on((err), (code), (subject)), MST_LINT_NOT_OK(code))
#define mst_fail_system(err, what, error) (mst_fail_system((err), (what), (error)), (int)MST_E_IO)
#define mst_wrap(err, ...) (mst_wrap((err), __VA_ARGS__), (int)MST_E_INTERNAL)
#define MST_LINT_NOT_OK(code) ((int)(code) != 0 ? (int)(code) : (int)MST_E_INTERNAL)

/* Only declared: in sight of its check for NULL, mst_text(a->id) would be a doubt whether a is. */
struct mst_slice mst_lint_text(const char *s);
#define mst_text mst_lint_text

#endif
