/* Vectors of 16 floats in AVX-512; what each function does is said in lanes_portable.h. */

typedef float real;
typedef __m512 vector;

INLINE vector fill(double value) {
    return _mm512_set1_ps((float)value);
}

INLINE vector load(const real *from) {
    return _mm512_loadu_ps(from);
}

INLINE void store(real *to, vector x) {
    _mm512_storeu_ps(to, x);
}

INLINE __mmask16 NAMED(first)(int64_t count) {
    return count >= LANES ? 0xffff : (__mmask16)((1u << count) - 1);
}

INLINE vector fetch(const void *from, int64_t index, int64_t count, int kind) {
    __mmask16 some = NAMED(first)(count);
    if (kind == BFLOAT16) {
        __m256i half = _mm256_maskz_loadu_epi16(some, (const uint16_t *)from + index);
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    }
    return _mm512_maskz_loadu_ps(some, (const float *)from + index);
}

INLINE void put(void *to, int64_t index, int64_t count, vector x, int kind) {
    __mmask16 some = NAMED(first)(count);
    if (kind == BFLOAT16) {
        __m512i bits = _mm512_castps_si512(x);
        __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
        bits = _mm512_add_epi32(bits, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
        __mmask16 no_number = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        bits = _mm512_mask_mov_epi32(bits, no_number, _mm512_set1_epi32(0x7fc00000));
        __m256i half = _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
        _mm256_mask_storeu_epi16((uint16_t *)to + index, some, half);
        return;
    }
    _mm512_mask_storeu_ps((float *)to + index, some, x);
}

INLINE void put_far(void *to, int64_t index, vector x) {
    _mm512_stream_ps((float *)to + index, x);
}

INLINE void finish_far(void) {
    _mm_sfence();
}

INLINE vector rectified(vector x) {
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}

INLINE vector where_positive(vector x, vector y) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), y);
}

INLINE vector square_root(vector x) {
    return _mm512_sqrt_ps(x);
}

INLINE vector inverse_root(vector x) {
    vector guess = _mm512_rsqrt14_ps(x);
    return guess * (fill(1.5) - fill(0.5) * x * guess * guess);
}

INLINE int is_ordinary(vector x) {
    __mmask16 small = _mm512_cmp_ps_mask(x, fill(FLT_MIN), _CMP_GE_OQ);
    return _mm512_mask_cmp_ps_mask(small, x, fill(FLT_MAX), _CMP_LE_OQ) == 0xffff;
}

INLINE vector larger(vector x, vector y) {
    /* of two numbers that cannot be compared the instruction gives the second */
    return _mm512_mask_mov_ps(_mm512_max_ps(x, y), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

INLINE vector where_equal(vector x, vector y, vector z) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, y, _CMP_EQ_OQ), z);
}
