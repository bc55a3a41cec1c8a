/* What the kernels of norms share before they know the processor. */

#ifndef ALEXNET_NORMS_H
#define ALEXNET_NORMS_H

#include <stdint.h>

/* How D^-beta is computed. */
enum { THREE_QUARTERS, HALF, ANY_POWER };

/* How many numbers of a line start at a multiple of this, in scratch space: the most lanes. */
enum { ROUNDED = 16 };

static inline int form_of(double beta) {
    return beta == 0.75 ? THREE_QUARTERS : beta == 0.5 ? HALF : ANY_POWER;
}

static inline int64_t rounded_up(int64_t count) {
    return (count + ROUNDED - 1) / ROUNDED * ROUNDED;
}

#endif
