/* The paper's rule of learning (section 5) in one pass over an array: reads weights, velocities and
 * gradients once each, and writes the first two.
 */

#include <stdint.h>

#include "processor.h"

/* Numbers for which one thread asks for work at a time. */
enum { PIECE = 256 * 1024 };

typedef struct {
    void *weights, *velocities;
    const void *gradients;
    int64_t count;
    double momentum, rate, decay;
} Momentum;

#define KERNEL "momentum_lanes.h"
#include "every_processor.h"

/* v = momentum · v − decay · w − rate · g, then w += v, of `count` numbers of `kind` (not BFLOAT16);
 * the three arrays lie alike in memory and do not overlap. Returns 0. */
PUBLIC int alexnet_momentum(
    void *weights, void *velocities, const void *gradients, int kind, int processor, int threads,
    int64_t count, double momentum, double rate, double decay
) {
    Momentum job = {
        .weights = weights, .velocities = velocities, .gradients = gradients, .count = count,
        .momentum = momentum, .rate = rate, .decay = decay,
    };
    share_out(
        VERSION(momentum_piece, processor, kind), &job, (count + PIECE - 1) / PIECE, threads
    );
    return 0;
}
