/* The sum of two tensors, both scaled first; factors are those of a, of b and of the sum. */
typedef struct {
    int32_t n;
    int32_t multipliers[3];
    int8_t shifts[3];
    int16_t a_zero, b_zero, out_zero;
    int8_t low, high;
} add_layer;

static void add(const add_layer *p, const int8_t *a, const int8_t *b, int8_t *output)
{
    const int32_t unit = (int32_t)1 << 20;
    for (int32_t i = 0; i < p->n; i++) {
        int32_t sum = requantize((a[i] - p->a_zero) * unit, p->multipliers[0], p->shifts[0]);
        sum += requantize((b[i] - p->b_zero) * unit, p->multipliers[1], p->shifts[1]);
        sum = requantize(sum, p->multipliers[2], p->shifts[2]) + p->out_zero;
        output[i] = (int8_t)clamp(sum, p->low, p->high);
    }
}
