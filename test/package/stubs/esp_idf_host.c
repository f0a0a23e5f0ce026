// A host that calls app_main.
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

void app_main(void);

static int64_t now;

int64_t esp_timer_get_time(void) { return now += 1000; }

UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task) {
  (void)task;
  return 1234;
}

int main(void) {
  app_main();
  return 0;
}
