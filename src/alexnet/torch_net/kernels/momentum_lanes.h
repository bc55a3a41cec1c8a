/* A piece of an array, in vectors; included by momentum.c for each processor. */

#define momentum_piece NAMED(momentum_piece)

static TARGET void momentum_piece(void *argument, int worker, int64_t piece) {
    (void)worker;
    const Momentum *job = argument;
    int kind = sizeof(real) == sizeof(double) ? FLOAT64 : FLOAT32;
    vector momentum = fill(job->momentum), rate = fill(job->rate), decay = fill(job->decay);
    int64_t first = piece * PIECE;
    int64_t last = first + PIECE < job->count ? first + PIECE : job->count;
    for (int64_t at = first; at < last; at += LANES) {
        vector weight = fetch(job->weights, at, last - at, kind);
        vector velocity = momentum * fetch(job->velocities, at, last - at, kind);
        velocity -= rate * fetch(job->gradients, at, last - at, kind);
        velocity -= decay * weight;
        put(job->velocities, at, last - at, velocity, kind);
        put(job->weights, at, last - at, weight + velocity, kind);
    }
}
