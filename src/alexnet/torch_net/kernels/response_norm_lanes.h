/* The response norm of some lines, in vectors; included by response_norm.c for each processor.
 *
 * A tile of lines goes through each step before the next step begins: what a window reads was then
 * written long enough ago to be read from the cache at any offset.
 */

#define buffers_of NAMED(buffers_of)
#define power NAMED(power)
#define window NAMED(window)
#define sum_blocks NAMED(sum_blocks)
#define prepare NAMED(prepare)
#define put_result NAMED(put_result)
#define put_squares NAMED(put_squares)
#define put_shares NAMED(put_shares)
#define put_normalised NAMED(put_normalised)
#define put_gradient NAMED(put_gradient)
#define do_lines NAMED(do_lines)
#define do_kind NAMED(do_kind)
#define norm_forward NAMED(norm_forward)
#define norm_backward NAMED(norm_backward)

#include "power_lanes.h"

/* Every number becomes the sum over the block of maps that it is in. */
static TARGET void sum_blocks(const Norm *norm, real *line, int64_t width) {
    int64_t units = norm->units == 1 ? 1 : width, step = norm->step;
    for (int64_t first = 0; first < norm->maps; first += norm->block) {
        int64_t end = first + norm->block < norm->maps ? first + norm->block : norm->maps;
        for (int64_t unit = 0; unit < units; unit++) {
            real total = 0;
            for (int64_t map = first; map < end; map++) {
                total += line[map * step + unit];
            }
            for (int64_t map = first; map < end; map++) {
                line[map * step + unit] = total;
            }
        }
    }
}

/* Asks for what the next tile will read, while this one is computed. */
INLINE void prepare(const Norm *norm, const void *from, int64_t place, int kind) {
    int64_t bytes = kind == BFLOAT16 ? 2 : (int64_t)sizeof(real);
    __builtin_prefetch((const char *)from + (place + norm->ahead) * bytes, 0, 2);
}

/* Calls `body` for each vector of a line: `place` in memory, `at` in a buffer, `count` lanes. */
#define FOR_LINE(norm, line, body)                                            \
    for (int64_t run = 0; run < (norm)->runs; run++) {                        \
        int64_t place = (line).start + run * (norm)->units;                   \
        int64_t at = run * (norm)->step, count = (line).width;                \
        for (; count > 0; place += LANES, at += LANES, count -= LANES) {      \
            body                                                              \
        }                                                                     \
    }

INLINE void put_result(const Norm *norm, int64_t place, int64_t count, vector x, int kind) {
    if (kind == FLOAT32 && norm->far) {
        put_far(norm->result, place, x);
    } else {
        put(norm->result, place, count, x, kind);
    }
}

INLINE void put_squares(const Norm *norm, Line line, real *squares, int kind) {
    FOR_LINE(norm, line, {
        vector x = fetch(norm->x, place, count, kind);
        store(squares + at, x * x);
    })
}

/* y = x · D^-beta. */
INLINE void put_normalised(const Norm *norm, Line line, const real *squares, int kind, int five) {
    vector scale = fill(norm->scale), k = fill(norm->k), inverse;
    FOR_LINE(norm, line, {
        vector sum = window(squares + at, norm->before, norm->after, norm->step, five);
        prepare(norm, norm->x, place, kind);
        vector powered = power(norm->form, norm->beta, k + scale * sum, &inverse);
        vector y = fetch(norm->x, place, count, kind) * powered;
        put_result(norm, place, count, y, kind);
    })
}

/* The direct way of the gradient, g · D^-beta, and each map's share in others', that times x / D. */
INLINE void put_shares(
    const Norm *norm, Line line, const real *squares, real *direct, real *shares, int kind, int five
) {
    vector scale = fill(norm->scale), k = fill(norm->k), inverse;
    FOR_LINE(norm, line, {
        vector sum = window(squares + at, norm->before, norm->after, norm->step, five);
        prepare(norm, norm->x, place, kind);
        vector powered = power(norm->form, norm->beta, k + scale * sum, &inverse);
        vector straight = fetch(norm->gradient, place, count, kind) * powered;
        store(direct + at, straight);
        store(shares + at, straight * fetch(norm->x, place, count, kind) * inverse);
    })
}

/* direct − 2 · beta · scale · x · Σ shares, over the maps whose windows hold this one. */
INLINE void put_gradient(
    const Norm *norm, Line line, const real *direct, const real *shares, int kind, int five
) {
    vector factor = fill(-2 * norm->beta * norm->scale);
    FOR_LINE(norm, line, {
        vector sum = window(shares + at, norm->after, norm->before, norm->step, five);
        prepare(norm, norm->gradient, place, kind);
        vector x = fetch(norm->x, place, count, kind);
        vector result = load(direct + at) + factor * x * sum;
        put_result(norm, place, count, result, kind);
    })
}

/* One tile after another, from line `first` to before `last`. */
INLINE void do_lines(
    const Norm *norm, real *squares, int64_t first, int64_t last, int backward, int kind, int five
) {
    real *shares = squares + norm->buffer, *direct = shares + norm->buffer;
    for (int64_t tile = first; tile < last; tile += norm->tile) {
        int64_t lines = last - tile < norm->tile ? last - tile : norm->tile;
        for (int64_t i = 0, at = norm->margin; i < lines; i++, at += norm->pitch) {
            Line line = line_at(norm, tile + i);
            put_squares(norm, line, squares + at, kind);
            if (norm->block) {
                sum_blocks(norm, squares + at, line.width);
            }
        }
        for (int64_t i = 0, at = norm->margin; i < lines; i++, at += norm->pitch) {
            Line line = line_at(norm, tile + i);
            if (!backward) {
                put_normalised(norm, line, squares + at, kind, five);
                continue;
            }
            put_shares(norm, line, squares + at, direct + at, shares + at, kind, five);
            if (norm->block) {
                sum_blocks(norm, shares + at, line.width);
            }
        }
        for (int64_t i = 0, at = norm->margin; backward && i < lines; i++, at += norm->pitch) {
            Line line = line_at(norm, tile + i);
            put_gradient(norm, line, direct + at, shares + at, kind, five);
        }
    }
}

/* Compiles do_lines apart for each kind of numbers and for windows of five. */
INLINE void do_kind(const Norm *norm, int worker, int64_t piece, int backward) {
    int64_t first = piece * norm->per_piece, last = first + norm->per_piece;
    last = last < norm->lines ? last : norm->lines;
    size_t one = (sizeof(real) * 3 * (size_t)norm->buffer + 127) / 128 * 128;
    real *squares = (real *)((char *)norm->scratch + one * (size_t)worker);
    int five = norm->before == 2 && norm->after == 2;
    if (sizeof(real) == sizeof(double)) {
        do_lines(norm, squares, first, last, backward, FLOAT64, 0);
    } else if (norm->kind == BFLOAT16 && five) {
        do_lines(norm, squares, first, last, backward, BFLOAT16, 1);
    } else if (norm->kind == BFLOAT16) {
        do_lines(norm, squares, first, last, backward, BFLOAT16, 0);
    } else if (five) {
        do_lines(norm, squares, first, last, backward, FLOAT32, 1);
    } else {
        do_lines(norm, squares, first, last, backward, FLOAT32, 0);
    }
}

static TARGET void norm_forward(void *job, int worker, int64_t piece) {
    do_kind(job, worker, piece, 0);
    finish_far();
}

static TARGET void norm_backward(void *job, int worker, int64_t piece) {
    do_kind(job, worker, piece, 1);
    finish_far();
}
