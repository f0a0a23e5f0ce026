// Models of which some inputs stay the same for many points (`pinn-edge build --once`), under wasm3: what these inputs decide
// alone, such as a DeepONet's branch, is computed once, and the rest for each point.
//
//     #include "pinn_once.h"  // written by `pinn-edge build --once`; defines pinn_model_once
//
//     double sensors[PINN_MODEL_ONCE_COUNT] = {...};
//     if (pe_once(&pe, &pinn_model_once, sensors) < 0) ...
//     double point[PINN_MODEL_EACH_COUNT] = {0.5, 0.25};
//     double outputs[PINN_MODEL_OUTPUT_COUNT];
//     if (pe_each(&pe, &pinn_model_once, point, outputs) < 0) ...  // as often as one likes
//
// Both together are one evaluation, with the same integers. Any other evaluation of the same pe_t (pe_eval, pe_run_words,
// pe_self_test) takes the place of what pe_once computed. Nothing is kept but in the model's arena.
#ifndef PE_ONCE_H
#define PE_ONCE_H

#include "pinn_edge.h"

#ifdef __cplusplus
extern "C" {
#endif

// What is known of such a model when it is built. All of it may lie in flash.
typedef struct {
  uint32_t identity;       // of the model that it belongs to
  uint16_t once_count;
  uint16_t each_count;
  const uint16_t *once;  // places of the inputs that pe_once takes, in its order
  const uint16_t *each;  // places of the others
} pe_once_parts_t;

// Takes once_count values in the model's units. Returns PE_OK, PE_CLAMPED or an error of pe_eval; PE_ERROR_IDENTITY where the
// open model is another, or runs by another engine than pe_module_engine. After PE_ERROR_NAN what was computed before still
// holds; after another error nothing does.
pe_result_t pe_once(pe_t *pe, const pe_once_parts_t *parts, const double *inputs);

// Takes each_count values and gives output_count ones. Returns PE_OK, PE_CLAMPED, PE_SUSPECT (pe_set_limits) or an error,
// after which `outputs` is unchanged. Before the first pe_once the other inputs are those of the last evaluation, or the
// values nearest to zero.
pe_result_t pe_each(pe_t *pe, const pe_once_parts_t *parts, const double *inputs, double *outputs);

// The same for words, as pe_run_words.
pe_result_t pe_once_words(pe_t *pe, const pe_once_parts_t *parts, const int32_t *inputs);
pe_result_t pe_each_words(pe_t *pe, const pe_once_parts_t *parts, const int32_t *inputs, int32_t *outputs);

#ifdef __cplusplus
}
#endif

#endif
