/* A stage of one picture, in vectors; included by stage.c for each processor. */

#define Rows NAMED(Rows)
#define Span NAMED(Span)
#define span NAMED(span)
#define rows_of NAMED(rows_of)
#define power NAMED(power)
#define window NAMED(window)
#define enter_row NAMED(enter_row)
#define leave_row NAMED(leave_row)
#define maximum NAMED(maximum)
#define pool_window NAMED(pool_window)
#define spread_window NAMED(spread_window)
#define do_picture NAMED(do_picture)
#define do_kind NAMED(do_kind)
#define stage_forward NAMED(stage_forward)
#define stage_backward NAMED(stage_backward)

#include "power_lanes.h"

/* Scratch space of one worker; each of the first four is a ring of as many rows as a window has. */
typedef struct {
    real *pooled, *gradient, *power, *inverse, *direct, *squares, *shares;
} Rows;

INLINE Rows rows_of(const Stage *stage, int worker) {
    real *start = (real *)(stage->scratch + stage->scratch_bytes * (size_t)worker);
    int64_t ring = stage->size * stage->row;
    Rows rows = {.pooled = start, .gradient = start + ring, .power = start + 2 * ring};
    rows.inverse = start + 3 * ring;
    rows.direct = start + 4 * ring;
    rows.squares = rows.direct + stage->row + stage->margin;
    rows.shares = rows.squares + stage->padded;
    return rows;
}

/* Fills in row `row` of the picture that begins at `origin`: relu and norm. */
INLINE void enter_row(
    const Stage *stage, const Rows *rows, int64_t origin, int64_t row, int kind, int backward,
    int five
) {
    int64_t lines = stage->width * stage->groups, ring = row % stage->size * stage->row;
    int64_t start = origin + row * lines * stage->maps;
    real *pooled = rows->pooled + ring, *powers = rows->power + ring;
    real *inverses = rows->inverse + ring;
    for (int64_t line = 0; line < lines; line++) {
        for (int64_t map = 0; map < stage->maps; map += LANES) {
            vector x = fetch(stage->x, start + line * stage->maps + map, stage->maps - map, kind);
            x = stage->relu ? rectified(x) : x;
            store(pooled + line * stage->pitch + map, x);
            if (stage->normed) {
                store(rows->squares + line * stage->padded_pitch + map, x * x);
            }
        }
    }
    vector scale = fill(stage->scale), k = fill(stage->k);
    for (int64_t line = 0; stage->normed && line < lines; line++) {
        for (int64_t map = 0; map < stage->maps; map += LANES) {
            int64_t at = line * stage->pitch + map;
            const real *square = rows->squares + line * stage->padded_pitch + map;
            vector inverse, sum = window(square, stage->before, stage->after, 1, five);
            vector powered = power(stage->form, stage->beta, k + scale * sum, &inverse);
            store(pooled + at, load(pooled + at) * powered);
            if (backward) {
                store(powers + at, powered);
                store(inverses + at, inverse);
            }
        }
    }
    if (backward) {
        memset(rows->gradient + ring, 0, sizeof(real) * (size_t)stage->row);
    }
}

/* Writes the gradient of a row that no later window reaches. */
INLINE void leave_row(
    const Stage *stage, const Rows *rows, int64_t origin, int64_t row, int kind, int five
) {
    int64_t lines = stage->width * stage->groups, ring = row % stage->size * stage->row;
    int64_t start = origin + row * lines * stage->maps;
    const real *pooled = rows->pooled + ring, *gradients = rows->gradient + ring;
    const real *powers = rows->power + ring, *inverses = rows->inverse + ring;
    for (int64_t line = 0; stage->normed && line < lines; line++) {
        for (int64_t map = 0; map < stage->maps; map += LANES) {
            int64_t at = line * stage->pitch + map;
            vector gradient = load(gradients + at);
            vector share = gradient * load(pooled + at) * load(inverses + at);
            store(rows->shares + line * stage->padded_pitch + map, share);
            store(rows->direct + at, gradient * load(powers + at));
        }
    }
    vector factor = fill(-2 * stage->beta * stage->scale);
    for (int64_t line = 0; line < lines; line++) {
        for (int64_t map = 0; map < stage->maps; map += LANES) {
            int64_t at = line * stage->pitch + map, place = start + line * stage->maps + map;
            vector x = fetch(stage->x, place, stage->maps - map, kind), result;
            if (stage->normed) {
                const real *share = rows->shares + line * stage->padded_pitch + map;
                vector sum = window(share, stage->after, stage->before, 1, five);
                result = load(rows->direct + at) + factor * x * sum;
            } else {
                result = load(gradients + at);
            }
            result = stage->relu ? where_positive(x, result) : result;
            put(stage->result, place, stage->maps - map, result, kind);
        }
    }
}

/* The rows, or the columns, of one window that exist: from `first` to before `last`. */
typedef struct {
    int64_t first, last;
} Span;

INLINE Span span(
    int64_t index, int64_t stride, int64_t outside, int64_t size, int64_t all
) {
    int64_t first = index * stride - outside, last = first + size;
    return (Span){first > 0 ? first : 0, last < all ? last : all};
}

/* The largest number of a window; not-a-number where there is one. */
INLINE vector maximum(
    const Stage *stage, const Rows *rows, Span high, Span wide, int64_t at
) {
    int64_t step = stage->groups * stage->pitch;
    const real *first = rows->pooled + high.first % stage->size * stage->row;
    vector largest = load(first + wide.first * step + at);
    for (int64_t row = high.first; row < high.last; row++) {
        const real *line = rows->pooled + row % stage->size * stage->row + at;
        for (int64_t column = wide.first; column < wide.last; column++) {
            largest = larger(largest, load(line + column * step));
        }
    }
    return largest;
}

/* Writes the maxima of one window. */
INLINE void pool_window(
    const Stage *stage, const Rows *rows, int64_t start, Span high, int64_t column, int64_t group,
    int kind
) {
    Span wide = span(column, stage->stride, stage->left, stage->size, stage->width);
    for (int64_t map = 0; map < stage->maps; map += LANES) {
        vector largest = maximum(stage, rows, high, wide, group * stage->pitch + map);
        int64_t place = start + (column * stage->groups + group) * stage->maps + map;
        put(stage->result, place, stage->maps - map, largest, kind);
    }
}

/* Adds the gradient of one window's maxima to the pixels that equal them. */
INLINE void spread_window(
    const Stage *stage, const Rows *rows, int64_t start, Span high, int64_t column, int64_t group,
    int kind
) {
    Span wide = span(column, stage->stride, stage->left, stage->size, stage->width);
    int64_t step = stage->groups * stage->pitch;
    for (int64_t map = 0; map < stage->maps; map += LANES) {
        int64_t at = group * stage->pitch + map;
        vector largest = maximum(stage, rows, high, wide, at);
        int64_t place = start + (column * stage->groups + group) * stage->maps + map;
        vector gradient = fetch(stage->gradient, place, stage->maps - map, kind);
        for (int64_t row = high.first; row < high.last; row++) {
            int64_t line = row % stage->size * stage->row + at;
            for (int64_t c = wide.first; c < wide.last; c++) {
                real *total = rows->gradient + line + c * step;
                vector pixel = load(rows->pooled + line + c * step);
                vector given = where_equal(pixel, largest, gradient);
                store(total, load(total) + given);
                if (!stage->every_maximum) {
                    gradient -= given;
                }
            }
        }
    }
}

/* Row by row of what is pooled: enters the rows that its windows need, leaves those that none will. */
INLINE void do_picture(
    const Stage *stage, const Rows *rows, int64_t picture, int kind, int backward, int five
) {
    int64_t pixel = stage->groups * stage->maps;
    int64_t origin = picture * stage->height * stage->width * pixel;
    int64_t entered = 0, left = 0;
    for (int64_t row = 0; row < stage->rows; row++) {
        Span high = span(row, stage->stride, stage->top, stage->size, stage->height);
        for (; backward && left < high.first; left++) {
            if (left == entered) {
                enter_row(stage, rows, origin, entered++, kind, backward, five);
            }
            leave_row(stage, rows, origin, left, kind, five);
        }
        entered = entered > high.first ? entered : high.first;
        while (entered < high.last) {
            enter_row(stage, rows, origin, entered++, kind, backward, five);
        }
        int64_t start = (picture * stage->rows + row) * stage->columns * pixel;
        for (int64_t column = 0; column < stage->columns; column++) {
            for (int64_t group = 0; group < stage->groups; group++) {
                if (backward) {
                    spread_window(stage, rows, start, high, column, group, kind);
                } else {
                    pool_window(stage, rows, start, high, column, group, kind);
                }
            }
        }
    }
    for (; backward && left < stage->height; left++) {
        if (left == entered) {
            enter_row(stage, rows, origin, entered++, kind, backward, five);
        }
        leave_row(stage, rows, origin, left, kind, five);
    }
}

/* Compiles do_picture apart for each kind of numbers and for norms over five maps. */
INLINE void do_kind(const Stage *stage, int worker, int64_t picture, int backward) {
    Rows rows = rows_of(stage, worker);
    int five = stage->before == 2 && stage->after == 2;
    if (sizeof(real) == sizeof(double)) {
        do_picture(stage, &rows, picture, FLOAT64, backward, 0);
    } else if (stage->kind == BFLOAT16 && five) {
        do_picture(stage, &rows, picture, BFLOAT16, backward, 1);
    } else if (stage->kind == BFLOAT16) {
        do_picture(stage, &rows, picture, BFLOAT16, backward, 0);
    } else if (five) {
        do_picture(stage, &rows, picture, FLOAT32, backward, 1);
    } else {
        do_picture(stage, &rows, picture, FLOAT32, backward, 0);
    }
}

static TARGET void stage_forward(void *job, int worker, int64_t picture) {
    do_kind(job, worker, picture, 0);
}

static TARGET void stage_backward(void *job, int worker, int64_t picture) {
    do_kind(job, worker, picture, 1);
}
