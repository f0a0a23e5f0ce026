#include "node_values.h"

bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok && given == count) return true;
  return throw_sentence(env, "wasm3: the addon was called with the wrong number of arguments");
}

bool get_number(napi_env env, napi_value value, uint32_t *number) {
  double given = 0;
  if (napi_get_value_double(env, value, &given) == napi_ok && given >= 0 && given <= UINT32_MAX) {
    *number = (uint32_t)given;
    return true;
  }
  return throw_sentence(env, "wasm3: the addon expected a number from 0 to 4294967295");
}

bool get_bool(napi_env env, napi_value value, bool *flag) {
  if (napi_get_value_bool(env, value, flag) == napi_ok) return true;
  return throw_sentence(env, "wasm3: the addon expected true or false");
}

bool get_array(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *length) {
  napi_typedarray_type given;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
      napi_get_typedarray_info(env, value, &given, length, data, NULL, NULL) == napi_ok && given == type) {
    return true;
  }
  return throw_sentence(env, "wasm3: the addon was called with the wrong kind of typed array");
}

void set_number(napi_env env, napi_value object, const char *name, double number) {
  napi_value value;
  if (napi_create_double(env, number, &value) == napi_ok) napi_set_named_property(env, object, name, value);
}

void set_string(napi_env env, napi_value object, const char *name, const char *string, size_t length) {
  napi_value value;
  if (napi_create_string_latin1(env, string, length, &value) == napi_ok) {
    napi_set_named_property(env, object, name, value);
  }
}
