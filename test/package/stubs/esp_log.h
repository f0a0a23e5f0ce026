#pragma once
#include <stdio.h>
#define ESP_LOGE(tag, ...) (printf("E %s: ", tag), printf(__VA_ARGS__), printf("\n"), fflush(stdout))
