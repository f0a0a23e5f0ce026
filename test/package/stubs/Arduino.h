// What the sketch needs of the Arduino core for the ESP32, for compiling and running it without one.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARDUINO_ARCH_ESP32

#define SET_LOOP_TASK_STACK_SIZE(bytes) \
  size_t getArduinoLoopTaskStackSize(void) { return bytes; }

struct SerialStub {
  void begin(unsigned long) {}
  void print(const char *text) { printf("%s", text); }
  void print(int value) { printf("%d", value); }
  void print(unsigned long value) { printf("%lu", value); }
  void print(double value, int digits) { printf("%.*f", digits, value); }
  void println(const char *text) { printf("%s\n", text); }
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
