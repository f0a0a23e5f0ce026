#define NAPI_VERSION 8

#include "table_node.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pe_kernels.h"
#include "pe_table.h"

struct words {
  int32_t *data;
  size_t length;
};

struct job {
  uint8_t *table;  // a copy, on the boundary that kernels want
  size_t table_bytes;
  struct words inputs, outputs, statuses;
};

static bool get_words(napi_env env, napi_value value, struct words *words) {
  napi_typedarray_type type;
  void *data;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  if (napi_get_typedarray_info(env, value, &type, &words->length, &data, NULL, NULL) != napi_ok) return false;
  words->data = data;
  return type == napi_int32_array;
}

static bool copy_table(napi_env env, napi_value value, struct job *job) {
  napi_typedarray_type type;
  void *data;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok || !is_array) return false;
  if (napi_get_typedarray_info(env, value, &type, &job->table_bytes, &data, NULL, NULL) != napi_ok) return false;
  if (type != napi_uint8_array || job->table_bytes > UINT32_MAX) return false;
  job->table = malloc(job->table_bytes + 1);
  if (job->table != NULL) memcpy(job->table, data, job->table_bytes);
  return job->table != NULL;
}

static bool counts_fit(const struct job *job, const pe_header_t *header) {
  const size_t points = job->statuses.length;
  return job->inputs.length == points * header->input_count && job->outputs.length == points * header->output_count;
}

static bool run_points(const struct job *job, const pe_header_t *header) {
  int32_t *arena = calloc(1, header->arena_bytes);
  if (arena == NULL) return false;
  for (size_t p = 0; p < job->statuses.length; p++) {
    memcpy(arena, job->inputs.data + p * header->input_count, sizeof *arena * header->input_count);
    job->statuses.data[p] = (int32_t)pe_walk(job->table, arena);
    memcpy(job->outputs.data + p * header->output_count, arena + header->input_count,
           sizeof *arena * header->output_count);
  }
  free(arena);
  return true;
}

napi_value run_table(napi_env env, napi_callback_info info) {
  napi_value values[4], result = NULL;
  size_t count = 4;
  struct job job = {0};
  const char *failure = NULL;
  uint32_t check = 0;
  if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok || count != 4 ||
      !get_words(env, values[1], &job.inputs) || !get_words(env, values[2], &job.outputs) ||
      !get_words(env, values[3], &job.statuses) || !copy_table(env, values[0], &job)) {
    failure = "kernels: wrong arguments, or no memory left";
  } else {
    const pe_header_t *header = (const pe_header_t *)(const void *)job.table;
    check = pe_table_check(job.table, (uint32_t)job.table_bytes, UINT32_MAX);
    if (check == PE_CHECK_OK && !counts_fit(&job, header)) {
      failure = "kernels: inputs, outputs and statuses do not fit the table";
    } else if (check == PE_CHECK_OK && !run_points(&job, header)) {
      failure = "kernels: no memory left for the arena";
    }
  }
  free(job.table);
  if (failure != NULL) {
    napi_throw_error(env, NULL, failure);
  } else {
    napi_create_uint32(env, check, &result);
  }
  return result;
}
