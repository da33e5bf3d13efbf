/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks, as other queries show them. */
#ifndef MST_BROKER_IO_QUERY_TASKS_H
#define MST_BROKER_IO_QUERY_TASKS_H

#include "broker/io/query.h"

/* The brief's rows of tasks in force that concern a unit: its group's, its own, those it helps
 * with. */
MST_MUST_CHECK int mst_query_brief_tasks(struct mst_query *q, size_t unit, size_t group,
                                         struct mst_err *err);

#endif
