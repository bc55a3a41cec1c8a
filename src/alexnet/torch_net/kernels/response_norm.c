/* Response normalisation across maps, forward and backward, of dense tensors in either layout.
 *
 * y = x · D^-beta with D = k + scale · Σ x² over a window of maps; everything is computed from x, and
 * the backward pass reads x and the gradient once each. Numbers are worked on a cache-full at a time
 * as lines: the maps of one pixel (maps side by side in memory), or of several pixels, map by map.
 */

#include <stdint.h>
#include <stdlib.h>

#include "memory.h"
#include "norms.h"
#include "processor.h"

/* Numbers in each scratch buffer: for lines of one pixel they stay in the first cache, for lines of
 * many pixels, which are read in runs that should be long, in the second. */
enum { SMALL = 2048, LARGE = 24 * 1024, MOST_RUN = 512 };

/* Bytes from which a result is written past the caches, which it would leave before it is read. */
enum { FAR = 32 * 1024 * 1024 };

/* Numbers of x for which one thread asks for work at a time. */
enum { PIECE = 64 * 1024 };

typedef struct {
    const void *x, *gradient;
    void *result;
    void *scratch;          /* three buffers for each worker, all zeros at first */
    int kind, form, far;
    double scale, beta, k;
    int64_t before, after;  /* how many maps the window reaches to either side */
    int64_t block;          /* the maps of a fixed block in place of a window; 0 is none */
    int64_t maps, units;    /* of one set: maps · units numbers in memory */
    int64_t runs, width;    /* a line is `runs` runs of up to `width` numbers side by side */
    int64_t cuts;           /* lines that a set is cut into, each of some pixels */
    int64_t lines;          /* altogether */
    int64_t step;           /* from map to map in a buffer */
    int64_t pitch, margin;  /* from line to line in a buffer; zeros before each and after the last */
    int64_t tile, buffer;   /* lines at a time; numbers in a buffer that holds them */
    int64_t per_piece;      /* lines */
    int64_t ahead;          /* how far in memory the next tile is */
} Norm;

/* Where a line starts in memory, and how wide its runs are. */
typedef struct {
    int64_t start, width;
} Line;

static inline Line line_at(const Norm *norm, int64_t index) {
    if (norm->cuts == 0) {
        return (Line){index * norm->maps, norm->maps};
    }
    int64_t first = index % norm->cuts * norm->width, left = norm->units - first;
    int64_t start = index / norm->cuts * norm->maps * norm->units + first;
    return (Line){start, left < norm->width ? left : norm->width};
}

#define KERNEL "response_norm_lanes.h"
#include "every_processor.h"

static int64_t at_least_one(int64_t count) {
    return count > 1 ? count : 1;
}

/* Chooses lines and tiles for `sets` sets of maps. */
static void cut_up(Norm *norm, int64_t sets) {
    if (norm->units == 1) {
        norm->runs = 1;
        norm->width = norm->maps;
        norm->lines = sets;
        norm->step = 1;
    } else {
        int64_t widest = rounded_up(at_least_one(LARGE / norm->maps / ROUNDED) * ROUNDED);
        widest = widest < MOST_RUN ? widest : MOST_RUN;
        norm->cuts = (norm->units + widest - 1) / widest;
        norm->width = rounded_up((norm->units + norm->cuts - 1) / norm->cuts);
        norm->cuts = (norm->units + norm->width - 1) / norm->width;
        norm->runs = norm->maps;
        norm->lines = sets * norm->cuts;
        norm->step = norm->width;
    }
    int64_t reach = norm->before > norm->after ? norm->before : norm->after;
    norm->margin = rounded_up(reach * norm->step);
    norm->pitch = norm->margin + rounded_up(norm->maps * norm->step);
    norm->tile = at_least_one(SMALL / norm->pitch);
    norm->ahead = norm->units == 1 ? norm->tile * norm->maps : norm->width;
    norm->buffer = norm->tile * norm->pitch + norm->margin;
    norm->per_piece = at_least_one(PIECE / (norm->maps * norm->step) / norm->tile) * norm->tile;
}

/* Writes y, or with a gradient the gradient of x, to `result`.
 *
 * All three are dense and laid out alike: `sets` sets of `maps` · `units` numbers of `kind`, map after
 * map. A pixel whose maps lie side by side is a set with one unit. `before` is how many maps earlier
 * than its own a window starts, `blocked` has fixed blocks of `size` maps in place of windows.
 * `processor` is at most what alexnet_processor() says. Returns 0, or 1 when there is no memory for scratch space. */
PUBLIC int alexnet_response_norm(
    const void *x, const void *gradient, void *result, int kind, int processor, int threads,
    int64_t sets, int64_t maps, int64_t units, int64_t size, int blocked, double scale, double beta,
    double k
) {
    int64_t before = blocked ? 0 : size / 2, after = blocked ? 0 : size - 1 - size / 2;
    Norm norm = {
        .x = x, .gradient = gradient, .result = result, .kind = kind,
        .form = form_of(beta), .scale = scale, .beta = beta, .k = k,
        .before = before < maps ? before : maps - 1, .after = after < maps ? after : maps - 1,
        .block = blocked ? size : 0, .maps = maps, .units = units,
    };
    cut_up(&norm, sets);
    int64_t pieces = (norm.lines + norm.per_piece - 1) / norm.per_piece;
    threads = threads < pieces ? threads : (int)pieces;
    size_t one = (kind == FLOAT64 ? sizeof(double) : sizeof(float)) * 3 * (size_t)norm.buffer;
    one = (one + 127) / 128 * 128;  /* no two workers' in one line of the cache */
    if (posix_memalign(&norm.scratch, 128, one * (size_t)threads) != 0) {
        return 1;
    }
    memset(norm.scratch, 0, one * (size_t)threads);
    int64_t bytes = sets * maps * units * (kind == FLOAT64 ? 8 : kind == BFLOAT16 ? 2 : 4);
    int64_t run = units == 1 ? maps : units;
    norm.far = kind == FLOAT32 && bytes >= FAR && run % ROUNDED == 0 && (uintptr_t)result % 64 == 0;
    expect_large(result, bytes);
    Work work = gradient ? VERSION(norm_backward, processor, kind)
                         : VERSION(norm_forward, processor, kind);
    share_out(work, &norm, pieces, threads);
    free(norm.scratch);
    return 0;
}
