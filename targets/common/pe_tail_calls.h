// Whether the C compiler makes tail calls of wasm3's operations, on which the bound of the native stack hangs. Where it
// does not, every operation nests a native call until a loop goes round or a function returns.
//
// Nothing is assumed from the level of optimisation, which no macro tells (-Og looks like -O2). GCC makes them for these
// instruction sets whenever it is told to, and pe_wasm3.c tells it, at any level. Clang makes them where it obeys the
// attribute musttail, and refuses to compile otherwise; it does for these, and not for ARM (the fourth argument of an
// operation has 64 bits and lies on the stack). For Xtensa and ARMv6-M no compiler makes any.
#ifndef PE_TAIL_CALLS_H
#define PE_TAIL_CALLS_H

#if defined(__clang__)
#if (defined(__riscv) || defined(__x86_64__)) && __has_attribute(musttail)
#define PE_TAIL_CALLS_KNOWN 1
#endif
#elif defined(__GNUC__)
#if defined(__thumb2__) || defined(__riscv) || defined(__x86_64__)
#define PE_TAIL_CALLS_KNOWN 1
#endif
#endif
#ifndef PE_TAIL_CALLS_KNOWN
#define PE_TAIL_CALLS_KNOWN 0
#endif

// A build may set it to 0, for more room than is needed.
#ifndef PE_TAIL_CALLS
#define PE_TAIL_CALLS PE_TAIL_CALLS_KNOWN
#elif PE_TAIL_CALLS && !PE_TAIL_CALLS_KNOWN
#error "PE_TAIL_CALLS is set, but this compiler is not known to make tail calls of wasm3's operations on this target"
#endif

#endif
