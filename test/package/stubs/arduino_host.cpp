#include "Arduino.h"

SerialStub Serial;
EspStub ESP;

int main() {
  setup();
  loop();
  return 0;
}
