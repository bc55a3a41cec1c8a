/* Compiles the file named by KERNEL once for every kind of processor, and for double precision.
 *
 * In KERNEL, `vector` is LANES numbers of type `real`, with C's operators + − · /, and the functions
 * of lanes_*.h work on it. Each function is declared TARGET (or INLINE) and, where it is seen from
 * outside KERNEL, has a macro that puts NAMED around its name.
 */

#include <float.h>
#include <math.h>
#include <string.h>

#include "processor.h"

#if X86
#include <immintrin.h>
#endif

#define vector NAMED(vector)
#define real NAMED(real)
#define fill NAMED(fill)
#define load NAMED(load)
#define store NAMED(store)
#define fetch NAMED(fetch)
#define put NAMED(put)
#define put_far NAMED(put_far)
#define finish_far NAMED(finish_far)
#define rectified NAMED(rectified)
#define where_positive NAMED(where_positive)
#define inverse_root NAMED(inverse_root)
#define square_root NAMED(square_root)
#define is_ordinary NAMED(is_ordinary)
#define larger NAMED(larger)
#define where_equal NAMED(where_equal)

#define NAMED(name) name##_portable
#define TARGET
#define LANES 4
typedef float real;
#include "lanes_portable.h"
#include KERNEL
#undef NAMED
#undef LANES

#define NAMED(name) name##_double
#define LANES 2
typedef double real;
#include "lanes_portable.h"
#include KERNEL
#undef NAMED
#undef LANES
#undef TARGET

#if X86
#define NAMED(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#include "lanes_avx2.h"
#include KERNEL
#undef NAMED
#undef LANES
#undef TARGET

#define NAMED(name) name##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#define LANES 16
#include "lanes_avx512.h"
#include KERNEL
#undef NAMED
#undef LANES
#undef TARGET
#endif
