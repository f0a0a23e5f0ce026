// Values between JavaScript and C. Every get_ returns false with a JavaScript exception pending when the value is not of
// the kind that is asked for: wasm3.ts checks what users pass, here only what memory safety needs is checked again.

#ifndef PINN_EDGE_NODE_VALUES_H
#define PINN_EDGE_NODE_VALUES_H

#define NAPI_VERSION 8

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Throws an Error unless an exception is pending already. Returns false, which the compiler is to see.
// `code` is what JavaScript finds as error.code; NULL for none.
static inline bool throw_coded(napi_env env, const char *code, const char *sentence) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, code, sentence);
  return false;
}

static inline bool throw_sentence(napi_env env, const char *sentence) { return throw_coded(env, NULL, sentence); }

// Exactly `count` arguments.
bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);

bool get_number(napi_env env, napi_value value, uint32_t *number);
bool get_bool(napi_env env, napi_value value, bool *flag);

// The elements of a typed array of that type, which stay JavaScript's.
bool get_array(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *length);

// Properties of an object; a failure leaves an exception pending.
void set_number(napi_env env, napi_value object, const char *name, double number);
void set_string(napi_env env, napi_value object, const char *name, const char *string, size_t length);  // Latin-1

#endif
