#pragma once
#include <stddef.h>
#include <stdint.h>
typedef void *TaskHandle_t;
typedef unsigned int UBaseType_t;
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
void vTaskDelay(uint32_t ticks);
