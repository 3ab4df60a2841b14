/* Returns value * multiplier / 2^31 * 2^shift, rounded twice: the doubled high half of the product,
   then the shift to the right, halves away from zero. Signed numbers are shifted arithmetically, as
   every known compiler does. */
static int32_t requantize(int32_t value, int32_t multiplier, int shift)
{
    if (shift > 0) {
        value = (int32_t)((uint32_t)value << shift);
    }
    const int64_t product = (int64_t)value * multiplier + ((int64_t)1 << 30);
    const int32_t high = (int32_t)(product >> 31);
    if (shift >= 0) {
        return high;
    }
    const int32_t mask = (int32_t)(((uint32_t)1 << -shift) - 1);
    const int32_t half = (mask >> 1) + (high < 0);
    return (high >> -shift) + ((high & mask) > half);
}
