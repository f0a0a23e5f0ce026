// The context of an application's model: the open pe_t of the firmware library, or of C sources none.
//
// To be included once, after the header of the model, which says which of them it is.
#ifndef OPEN_MODEL_H
#define OPEN_MODEL_H

#ifdef PINN_MODEL_ARENA_BYTES
#include "figures.h"

static pe_t pe;
static uint8_t arena[PINN_MODEL_ARENA_BYTES];

static void *open_model(void) {
  if (pe_open(&pe, &pinn_model, arena, sizeof arena) != PE_OK) stop("the model cannot be opened");
  return &pe;
}
#else
static void *open_model(void) { return 0; }
#endif

#endif
