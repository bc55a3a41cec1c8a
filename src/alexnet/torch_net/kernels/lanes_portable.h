/* Vectors of 16 bytes in C that every compiler of GCC's kind turns into what the processor has. */

typedef real vector __attribute__((vector_size(sizeof(real) * LANES)));

INLINE vector fill(double value) {
    return (vector){0} + (real)value;
}

INLINE vector load(const real *from) {
    vector result;
    memcpy(&result, from, sizeof result);
    return result;
}

INLINE void store(real *to, vector x) {
    memcpy(to, &x, sizeof x);
}

/* The first `count` numbers of `kind` at place `index` of `from`; 0 in the other lanes. */
INLINE vector fetch(const void *from, int64_t index, int64_t count, int kind) {
    vector result = {0};
    for (int64_t i = 0; i < LANES && i < count; i++) {
        if (kind == BFLOAT16) {
            uint32_t bits = (uint32_t)((const uint16_t *)from)[index + i] << 16;
            float wide;
            memcpy(&wide, &bits, sizeof wide);
            result[i] = wide;
        } else {
            result[i] = ((const real *)from)[index + i];
        }
    }
    return result;
}

/* Writes the first `count` lanes, bfloat16 rounded to the nearest, ties to even. */
INLINE void put(void *to, int64_t index, int64_t count, vector x, int kind) {
    for (int64_t i = 0; i < LANES && i < count; i++) {
        if (kind == BFLOAT16) {
            float wide = (float)x[i];
            uint32_t bits;
            memcpy(&bits, &wide, sizeof bits);
            bits = wide != wide ? 0x7fc00000 : bits + 0x7fff + (bits >> 16 & 1);
            ((uint16_t *)to)[index + i] = (uint16_t)(bits >> 16);
        } else {
            ((real *)to)[index + i] = x[i];
        }
    }
}

/* Writes all lanes to a place that starts a whole vector, past the caches where that can be. */
INLINE void put_far(void *to, int64_t index, vector x) {
    store((real *)to + index, x);
}

/* To be called before others read what put_far wrote. */
INLINE void finish_far(void) {
}

/* max(x, 0); not-a-number stays. */
INLINE vector rectified(vector x) {
    for (int i = 0; i < LANES; i++) {
        x[i] = x[i] < 0 ? 0 : x[i];
    }
    return x;
}

/* y in the lanes where x > 0, else 0. */
INLINE vector where_positive(vector x, vector y) {
    for (int i = 0; i < LANES; i++) {
        y[i] = x[i] > 0 ? y[i] : 0;
    }
    return y;
}

/* The larger of each two lanes; not-a-number where either is. */
INLINE vector larger(vector x, vector y) {
    for (int i = 0; i < LANES; i++) {
        x[i] = x[i] != x[i] || x[i] > y[i] ? x[i] : y[i];
    }
    return x;
}

/* z in the lanes where x equals y, else 0. */
INLINE vector where_equal(vector x, vector y, vector z) {
    for (int i = 0; i < LANES; i++) {
        z[i] = x[i] == y[i] ? z[i] : 0;
    }
    return z;
}

INLINE vector square_root(vector x) {
    for (int i = 0; i < LANES; i++) {
        x[i] = sizeof(real) == sizeof(float) ? (real)sqrtf((float)x[i]) : (real)sqrt(x[i]);
    }
    return x;
}

/* x^-1/2; elsewhere approximate and then corrected to some units in the last place. */
INLINE vector inverse_root(vector x) {
    return 1 / square_root(x);
}

/* Whether inverse_root holds for every lane, which elsewhere it does not for 0, infinity and the
 * like. Here it is no cheaper than the roots themselves, so that they are taken. */
INLINE int is_ordinary(vector x) {
    (void)x;
    return 0;
}
