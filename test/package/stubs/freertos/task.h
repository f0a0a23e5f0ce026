#pragma once
#include <stddef.h>
typedef void *TaskHandle_t;
typedef unsigned int UBaseType_t;
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task);
