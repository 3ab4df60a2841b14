/* One factor and one offset a channel. */
typedef struct {
    int32_t positions;
    int16_t channels, in_zero, out_zero;
    int8_t low, high;
    const int8_t *weights;
    const int32_t *biases, *multipliers;
    const int8_t *shifts;
} scale_layer;

static void scale(const scale_layer *p, const int8_t *input, int8_t *output)
{
    for (int32_t i = 0; i < p->positions; i++) {
        for (int32_t c = 0; c < p->channels; c++) {
            int32_t sum = p->biases[c] + p->weights[c] * (*input++ - p->in_zero);
            sum = requantize(sum, p->multipliers[c], p->shifts[c]) + p->out_zero;
            *output++ = (int8_t)clamp(sum, p->low, p->high);
        }
    }
}
