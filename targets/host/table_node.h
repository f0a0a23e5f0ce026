// Runs a block table with the C kernels of the firmware library.
#ifndef TABLE_NODE_H
#define TABLE_NODE_H

#include "node_values.h"

// runTable(table, inputs, outputs, statuses) -> number of the check that refused the table, 0 for none
// table: Uint8Array, inputs, outputs and statuses: Int32Array, point after point.
napi_value run_table(napi_env env, napi_callback_info info);

#endif
