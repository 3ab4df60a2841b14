/* A convolution of each channel alone; weights are (kernel height, kernel width, channels). */
typedef struct {
    axis y, x;
    int16_t in_channels, out_channels;
    int16_t in_zero, out_zero;
    int8_t low, high;
    const int8_t *weights;
    const int32_t *biases, *multipliers;
    const int8_t *shifts;
} depthwise_layer;

static void depthwise(const depthwise_layer *p, const int8_t *input, int8_t *output)
{
    const int32_t filters = p->out_channels / p->in_channels;
    for (int32_t oy = 0; oy < p->y.out; oy++) {
        const int32_t top = oy * p->y.stride - p->y.pad;
        const int32_t y_first = first_tap(&p->y, top), y_end = end_tap(&p->y, top);
        for (int32_t ox = 0; ox < p->x.out; ox++) {
            const int32_t left = ox * p->x.stride - p->x.pad;
            const int32_t x_first = first_tap(&p->x, left), x_end = end_tap(&p->x, left);
            for (int32_t oc = 0; oc < p->out_channels; oc++) {
                int32_t sum = p->biases[oc];
                for (int32_t ky = y_first; ky < y_end; ky++) {
                    const int32_t y = top + ky * p->y.dilation;
                    const int32_t first = left + x_first * p->x.dilation;
                    const int8_t *x = input + (y * p->x.in + first) * p->in_channels + oc / filters;
                    const int8_t *w =
                        p->weights + (ky * p->x.kernel + x_first) * p->out_channels + oc;
                    for (int32_t kx = x_first; kx < x_end; kx++) {
                        sum += *w * (*x - p->in_zero);
                        x += p->x.dilation * p->in_channels;
                        w += p->out_channels;
                    }
                }
                sum = requantize(sum, p->multipliers[oc], p->shifts[oc]) + p->out_zero;
                *output++ = (int8_t)clamp(sum, p->low, p->high);
            }
        }
    }
}
