/* What stands between two convolutions, in one pass: relu, response norm across maps and max pooling,
 * forward and backward, of pictures whose maps lie side by side (channels last).
 *
 * A picture is worked on row by row and stays in the cache meanwhile: of the three layers only the
 * input is read from memory, and only the pooled maps are written; the backward pass computes all else
 * again from the input, the maxima too.
 */

#include <stdint.h>
#include <stdlib.h>

#include "norms.h"
#include "processor.h"

typedef struct {
    const void *x, *gradient;
    void *result;
    char *scratch;
    size_t scratch_bytes;                  /* of each worker */
    int kind, relu, normed, every_maximum, form;
    double scale, beta, k;
    int64_t before, after;                 /* maps that the norm's window reaches to either side */
    int64_t groups, maps;                  /* a pixel has groups · maps numbers */
    int64_t height, width, rows, columns;  /* of the input, and of what is pooled */
    int64_t size, stride, top, left;       /* windows, and how far the first begins outside */
    int64_t pitch;                         /* from group to group in a row of scratch space */
    int64_t row;                           /* numbers in a row of scratch space */
    int64_t margin, padded_pitch, padded;  /* the same where a line has zeros around it */
} Stage;

#define KERNEL "stage_lanes.h"
#include "every_processor.h"

/* Writes what relu, norm and pooling make of x, or with a gradient the gradient of x, to `result`.
 *
 * x and its gradient are (pictures, height, width, groups, maps), the pooled maps and their gradient
 * (pictures, rows, columns, groups, maps), all dense and of `kind`. A `norm_size` of 0 is no norm.
 * The windows of the pooling begin `top` and `left` pixels outside (inside where negative) and may
 * end outside; each holds a pixel. Either every pixel that equals its window's maximum receives the
 * whole gradient, or the first one does. `processor` is at most what alexnet_processor() says. Returns
 * 0, or 1 when there is no memory for scratch space. */
PUBLIC int alexnet_stage(
    const void *x, const void *gradient, void *result, int kind, int processor, int threads,
    int64_t pictures, int64_t height, int64_t width, int64_t groups, int64_t maps, int relu,
    int64_t norm_size, double scale, double beta, double k, int64_t rows, int64_t columns,
    int64_t size, int64_t stride, int64_t top, int64_t left, int every_maximum
) {
    int64_t before = norm_size / 2, after = norm_size - 1 - norm_size / 2;
    Stage stage = {
        .x = x, .gradient = gradient, .result = result, .kind = kind, .relu = relu,
        .normed = norm_size > 0, .every_maximum = every_maximum, .form = form_of(beta),
        .scale = scale, .beta = beta, .k = k,
        .before = before < maps ? before : maps - 1, .after = after < maps ? after : maps - 1,
        .groups = groups, .maps = maps, .height = height, .width = width, .rows = rows,
        .columns = columns, .size = size, .stride = stride, .top = top, .left = left,
    };
    stage.pitch = rounded_up(maps);
    stage.row = width * groups * stage.pitch;
    int64_t reach = stage.before > stage.after ? stage.before : stage.after;
    stage.margin = norm_size > 0 ? rounded_up(reach) : 0;
    stage.padded_pitch = stage.margin + stage.pitch;
    stage.padded = width * groups * stage.padded_pitch + stage.margin;
    /* one padded row, and of each row that a window reaches: what is pooled, its gradient, D^-beta, 1/D */
    int64_t numbers = (4 * size + 1) * stage.row + stage.margin + 2 * stage.padded;
    size_t one = kind == FLOAT64 ? sizeof(double) : sizeof(float);
    stage.scratch_bytes = (one * (size_t)numbers + 127) / 128 * 128;
    threads = threads < pictures ? threads : (int)pictures;
    if (posix_memalign((void **)&stage.scratch, 128, stage.scratch_bytes * (size_t)threads) != 0) {
        return 1;
    }
    memset(stage.scratch, 0, stage.scratch_bytes * (size_t)threads);
    Work work = gradient ? VERSION(stage_backward, processor, kind)
                         : VERSION(stage_forward, processor, kind);
    share_out(work, &stage, pictures, threads);
    free(stage.scratch);
    return 0;
}
