/* The kinds of processor and of numbers; the numbering that library.py shares. */

#ifndef ALEXNET_PROCESSOR_H
#define ALEXNET_PROCESSOR_H

#include "share.h"

enum { PORTABLE, AVX2, AVX512 };
enum { FLOAT32, BFLOAT16, FLOAT64 };

#if defined(__x86_64__) && defined(__GNUC__)
#define X86 1
#else
#define X86 0
#endif

#define INLINE static inline __attribute__((always_inline)) TARGET

/* The version of a function made by every_processor.h for `processor` and `kind`. */
#if X86
#define VERSION(name, processor, kind)               \
    ((kind) == FLOAT64         ? name##_double       \
     : (processor) == AVX512   ? name##_avx512       \
     : (processor) == AVX2     ? name##_avx2         \
                               : name##_portable)
#else
#define VERSION(name, processor, kind) ((kind) == FLOAT64 ? name##_double : name##_portable)
#endif

/* The best kind that this processor is. */
int alexnet_processor(void);

#endif
