/* A convolution; weights are (out channels, kernel height, kernel width, in channels of a group). */
typedef struct {
    axis y, x;
    int16_t in_channels, out_channels, groups;
    int16_t in_zero, out_zero;
    int8_t low, high;
    const int8_t *weights;
    const int32_t *biases, *multipliers;
    const int8_t *shifts;
} conv_layer;

static void conv(const conv_layer *p, const int8_t *input, int8_t *output)
{
    const int32_t depth = p->in_channels / p->groups, filters = p->out_channels / p->groups;
    const int32_t row = (int32_t)p->x.in * p->in_channels;
    const int32_t whole_rows = p->groups == 1 && p->x.dilation == 1;
    for (int32_t oy = 0; oy < p->y.out; oy++) {
        const int32_t top = oy * p->y.stride - p->y.pad;
        const int32_t y_first = first_tap(&p->y, top), y_end = end_tap(&p->y, top);
        for (int32_t ox = 0; ox < p->x.out; ox++) {
            const int32_t left = ox * p->x.stride - p->x.pad;
            const int32_t x_first = first_tap(&p->x, left), x_end = end_tap(&p->x, left);
            const int32_t n_taps = x_end - x_first;
            const int8_t *weights = p->weights + x_first * depth;
            for (int32_t oc = 0; oc < p->out_channels; oc++) {
                const int32_t first_channel = oc / filters * depth;
                int32_t sum = p->biases[oc];
                for (int32_t ky = y_first; ky < y_end; ky++) {
                    const int8_t *x = input + (top + ky * p->y.dilation) * row
                        + (left + x_first * p->x.dilation) * p->in_channels + first_channel;
                    const int8_t *w = weights + ky * p->x.kernel * depth;
                    if (whole_rows) {
                        sum = dot(x, w, n_taps * depth, -p->in_zero, sum);
                        continue;
                    }
                    for (int32_t k = 0; k < n_taps; k++) {
                        sum = dot(x, w, depth, -p->in_zero, sum);
                        x += p->x.dilation * p->in_channels;
                        w += depth;
                    }
                }
                weights += (int32_t)p->y.kernel * p->x.kernel * depth;
                sum = requantize(sum, p->multipliers[oc], p->shifts[oc]) + p->out_zero;
                *output++ = (int8_t)clamp(sum, p->low, p->high);
            }
        }
    }
}
