/* A fully connected layer; weights are (outputs, inputs) and have one scale. */
typedef struct {
    int32_t inputs, outputs;
    int32_t multiplier;
    int8_t shift;
    int16_t in_zero, out_zero;
    int8_t low, high;
    const int8_t *weights;
    const int32_t *biases;
} dense_layer;

static void dense(const dense_layer *p, const int8_t *input, int8_t *output)
{
    const int8_t *weights = p->weights;
    for (int32_t i = 0; i < p->outputs; i++, weights += p->inputs) {
        int32_t sum = dot(input, weights, p->inputs, -p->in_zero, p->biases[i]);
        sum = requantize(sum, p->multiplier, p->shift) + p->out_zero;
        output[i] = (int8_t)clamp(sum, p->low, p->high);
    }
}
