// What the ESP-IDF project needs of esp_system.h, for compiling and running it without ESP-IDF.
#pragma once
#include <stdint.h>
uint32_t esp_get_free_heap_size(void);
