// A TensorFlow Lite model under TensorFlow Lite for Microcontrollers, with the two operations that it needs.
#include <cstdint>
#include <new>

#include "rival.h"
#include "rival_model.h"
#include "tensorflow/lite/micro/kernels/micro_ops.h"
#include "tensorflow/lite/micro/micro_error_reporter.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

extern "C" void board_print(const char *text);
extern "C" [[noreturn]] void board_exit(int code);

extern "C" void DebugLog(const char *text) { board_print(text); }

extern "C" void abort() { board_exit(1); }

alignas(16) static uint8_t arena[RIVAL_ARENA_BYTES];
static tflite::MicroInterpreter *interpreter;

// Made in place: nothing is ever destroyed.
template <typename T, typename... Arguments>
static T *make(Arguments &&...arguments) {
  alignas(T) static uint8_t place[sizeof(T)];
  return new (place) T(arguments...);
}

int rival_open(void) {
  tflite::ErrorReporter *const reporter = make<tflite::MicroErrorReporter>();
  auto *const resolver = make<tflite::MicroMutableOpResolver<2>>(reporter);
  resolver->AddBuiltin(tflite::BuiltinOperator_FULLY_CONNECTED, tflite::ops::micro::Register_FULLY_CONNECTED());
  resolver->AddBuiltin(tflite::BuiltinOperator_TANH, tflite::ops::micro::Register_TANH());
  const tflite::Model *const model = tflite::GetModel(rival_model);
  interpreter = make<tflite::MicroInterpreter>(model, *resolver, arena, sizeof arena, reporter);
  return interpreter->AllocateTensors() == kTfLiteOk ? 0 : 1;
}

#ifdef RIVAL_INT8
static int8_t to_int8(float value) {
  const float scaled = value * RIVAL_INPUT_PER_UNIT;
  const int32_t rounded = static_cast<int32_t>(scaled < 0 ? scaled - 0.5f : scaled + 0.5f) + RIVAL_INPUT_ZERO;
  return static_cast<int8_t>(rounded < -128 ? -128 : rounded > 127 ? 127 : rounded);
}
#endif

int rival_infer(const float *inputs, float *outputs) {
  TfLiteTensor *const input = interpreter->input(0);
  const TfLiteTensor *const output = interpreter->output(0);
#ifdef RIVAL_INT8
  for (int i = 0; i < RIVAL_INPUTS; i++) input->data.int8[i] = to_int8(inputs[i]);
#else
  for (int i = 0; i < RIVAL_INPUTS; i++) input->data.f[i] = inputs[i];
#endif
  if (interpreter->Invoke() != kTfLiteOk) return 1;
#ifdef RIVAL_INT8
  for (int k = 0; k < RIVAL_OUTPUTS; k++) {
    outputs[k] = static_cast<float>(output->data.int8[k] - RIVAL_OUTPUT_ZERO) * RIVAL_OUTPUT_UNIT;
  }
#else
  for (int k = 0; k < RIVAL_OUTPUTS; k++) outputs[k] = output->data.f[k];
#endif
  return 0;
}
