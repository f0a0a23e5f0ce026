// What the sketch needs of the Arduino core for the ESP32, for compiling and running it without one.
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SET_LOOP_TASK_STACK_SIZE(bytes) \
  size_t getArduinoLoopTaskStackSize(void) { return bytes; }

struct SerialStub {
  void begin(unsigned long) {}
  void printf(const char *format, ...) __attribute__((format(printf, 2, 3))) {
    va_list values;
    va_start(values, format);
    vprintf(format, values);
    va_end(values);
  }
};

extern SerialStub Serial;

inline unsigned long micros() {
  static unsigned long now;
  return now += 1000;
}
inline void delay(unsigned long) {}
inline unsigned uxTaskGetStackHighWaterMark(void *) { return 1234; }
size_t getArduinoLoopTaskStackSize(void);
void setup();
void loop();
