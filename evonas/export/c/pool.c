/* A window over each channel; positions outside do not count. */
typedef struct {
    axis y, x;
    int16_t channels;
    int8_t low, high;
} pool_layer;
