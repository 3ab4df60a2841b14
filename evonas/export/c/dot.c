/* Returns sum plus the sum of w * (x + offset). */
#ifdef EVONAS_DSP
#include <arm_acle.h>

static int32_t dot(const int8_t *x, const int8_t *w, int32_t n, int32_t offset, int32_t sum)
{
    const uint32_t offsets = ((uint32_t)offset & 0xffffu) * 0x10001u;
    for (; n >= 4; n -= 4, x += 4, w += 4) {
        uint32_t four_x, four_w;
        memcpy(&four_x, x, 4);
        memcpy(&four_w, w, 4);
        const uint32_t odd_x = four_x >> 8 | four_x << 24;
        const uint32_t odd_w = four_w >> 8 | four_w << 24;
        sum = __smlad((int16x2_t)__sxtab16((int16x2_t)offsets, (int8x4_t)four_x),
                      (int16x2_t)__sxtb16((int8x4_t)four_w), sum);
        sum = __smlad((int16x2_t)__sxtab16((int16x2_t)offsets, (int8x4_t)odd_x),
                      (int16x2_t)__sxtb16((int8x4_t)odd_w), sum);
    }
    for (; n > 0; n--) {
        sum += *w++ * (*x++ + offset);
    }
    return sum;
}
#else
static int32_t dot(const int8_t *x, const int8_t *w, int32_t n, int32_t offset, int32_t sum)
{
    for (; n > 0; n--) {
        sum += *w++ * (*x++ + offset);
    }
    return sum;
}
#endif
