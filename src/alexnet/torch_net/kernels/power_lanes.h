/* Powers and sums of windows, in vectors; included by the kernels of norms for each processor. */

/* base^-beta, and 1 / base; by roots where those do, which are far cheaper. */
INLINE vector power(int form, double beta, vector base, vector *inverse) {
    if (form != ANY_POWER && is_ordinary(base)) {
        vector root = inverse_root(base);
        *inverse = root * root;
        if (form == THREE_QUARTERS) {
            root *= root * inverse_root(root);
        }
        return root;
    }
    *inverse = 1 / base;
    if (form != ANY_POWER) {
        vector root = square_root(base);
        if (form == THREE_QUARTERS) {
            root *= square_root(root);
        }
        return 1 / root;
    }
    real each[LANES];
    store(each, base);
    for (int i = 0; i < LANES; i++) {
        each[i] = sizeof(real) == sizeof(float) ? (real)powf((float)each[i], (float)-beta)
                                                : (real)pow(each[i], -beta);
    }
    return load(each);
}

/* The sum over `before` maps earlier to `after` maps later, `step` from map to map; `five` says that
 * both are 2. */
INLINE vector window(const real *at, int64_t before, int64_t after, int64_t step, int five) {
    if (five) {
        vector outer = load(at - 2 * step) + load(at + 2 * step);
        return outer + (load(at - step) + load(at + step)) + load(at);
    }
    vector total = load(at - before * step);
    for (int64_t d = 1 - before; d <= after; d++) {
        total += load(at + d * step);
    }
    return total;
}
