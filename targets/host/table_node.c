#include "table_node.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "node_values.h"
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
  void *data;
  if (!get_array(env, value, napi_int32_array, &data, &words->length)) return false;
  words->data = data;
  return true;
}

static bool copy_table(napi_env env, napi_value value, struct job *job) {
  void *data;
  if (!get_array(env, value, napi_uint8_array, &data, &job->table_bytes)) return false;
  if (job->table_bytes > UINT32_MAX) return throw_sentence(env, "kernels: the table is larger than 4 GiB");
  job->table = malloc(job->table_bytes + 1);
  if (job->table == NULL) return throw_sentence(env, "kernels: no memory left for the table");
  memcpy(job->table, data, job->table_bytes);
  return true;
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

// Checks the table and runs it; writes the number of the check that refused it. False with an exception pending.
static bool run_checked(napi_env env, const struct job *job, uint32_t *check) {
  const pe_header_t *header = (const pe_header_t *)(const void *)job->table;
  *check = pe_table_check(job->table, (uint32_t)job->table_bytes, UINT32_MAX);
  if (*check != PE_CHECK_OK) return true;
  if (!counts_fit(job, header)) {
    return throw_sentence(env, "kernels: inputs, outputs and statuses do not fit the table");
  }
  return run_points(job, header) || throw_sentence(env, "kernels: no memory left for the arena");
}

napi_value run_table(napi_env env, napi_callback_info info) {
  napi_value values[4], result = NULL;
  struct job job = {0};
  uint32_t check = 0;
  const bool ran = get_arguments(env, info, 4, values) && get_words(env, values[1], &job.inputs) &&
                   get_words(env, values[2], &job.outputs) && get_words(env, values[3], &job.statuses) &&
                   copy_table(env, values[0], &job) && run_checked(env, &job, &check);
  free(job.table);
  if (ran) napi_create_uint32(env, check, &result);
  return result;
}
