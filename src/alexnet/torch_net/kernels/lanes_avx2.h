/* Vectors of 8 floats in AVX2; what each function does is said in lanes_portable.h. */

typedef float real;
typedef __m256 vector;

INLINE vector fill(double value) {
    return _mm256_set1_ps((float)value);
}

INLINE vector load(const real *from) {
    return _mm256_loadu_ps(from);
}

INLINE void store(real *to, vector x) {
    _mm256_storeu_ps(to, x);
}

INLINE vector fetch(const void *from, int64_t index, int64_t count, int kind) {
    if (kind == BFLOAT16) {
        const uint16_t *place = (const uint16_t *)from + index;
        uint16_t some[LANES] = {0};
        if (count < LANES) {
            memcpy(some, place, (size_t)count * sizeof *some);
            place = some;
        }
        __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)place));
        return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
    }
    const float *place = (const float *)from + index;
    float some[LANES] = {0};
    if (count < LANES) {
        memcpy(some, place, (size_t)count * sizeof *some);
        place = some;
    }
    return _mm256_loadu_ps(place);
}

INLINE void put(void *to, int64_t index, int64_t count, vector x, int kind) {
    if (kind == BFLOAT16) {
        __m256i bits = _mm256_castps_si256(x);
        __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
        bits = _mm256_add_epi32(bits, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
        __m256i no_number = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
        bits = _mm256_blendv_epi8(bits, _mm256_set1_epi32(0x7fc00000), no_number);
        bits = _mm256_srli_epi32(bits, 16);
        __m128i low = _mm256_castsi256_si128(bits), high = _mm256_extracti128_si256(bits, 1);
        uint16_t some[LANES];
        uint16_t *place = (uint16_t *)to + index;
        _mm_storeu_si128((__m128i *)(count < LANES ? some : place), _mm_packus_epi32(low, high));
        if (count < LANES) {
            memcpy(place, some, (size_t)count * sizeof *some);
        }
        return;
    }
    float some[LANES];
    float *place = (float *)to + index;
    _mm256_storeu_ps(count < LANES ? some : place, x);
    if (count < LANES) {
        memcpy(place, some, (size_t)count * sizeof *some);
    }
}

INLINE void put_far(void *to, int64_t index, vector x) {
    _mm256_stream_ps((float *)to + index, x);
}

INLINE void finish_far(void) {
    _mm_sfence();
}

INLINE vector rectified(vector x) {
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}

INLINE vector where_positive(vector x, vector y) {
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ), y);
}

INLINE vector square_root(vector x) {
    return _mm256_sqrt_ps(x);
}

INLINE vector inverse_root(vector x) {
    vector guess = _mm256_rsqrt_ps(x);  /* 12 bits, of which one step of Newton's makes too few */
    vector missing = fill(1) - x * guess * guess;
    return guess + guess * missing * (fill(0.5) + fill(0.375) * missing);
}

INLINE int is_ordinary(vector x) {
    vector small = _mm256_cmp_ps(x, fill(FLT_MIN), _CMP_GE_OQ);
    vector large = _mm256_cmp_ps(x, fill(FLT_MAX), _CMP_LE_OQ);
    return _mm256_movemask_ps(_mm256_and_ps(small, large)) == 0xff;
}

INLINE vector larger(vector x, vector y) {
    /* of two numbers that cannot be compared the instruction gives the second */
    return _mm256_blendv_ps(_mm256_max_ps(x, y), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

INLINE vector where_equal(vector x, vector y, vector z) {
    return _mm256_and_ps(_mm256_cmp_ps(x, y, _CMP_EQ_OQ), z);
}
