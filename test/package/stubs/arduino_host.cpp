#include "Arduino.h"

SerialStub Serial;

int main() {
  setup();
  loop();
  return 0;
}
