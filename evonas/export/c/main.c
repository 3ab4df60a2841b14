/* An example: the stored inputs are run and the outputs compared with the stored ones. */
#include <stdio.h>
#include <string.h>

#include "NAME.h"
#include "NAME_vectors.h"

/* Returns how many of the stored outputs differ. */
static int self_test(void)
{
    int8_t output[UPPER_OUTPUT_SIZE];
    int differ = 0;
    for (int i = 0; i < UPPER_VECTORS; i++) {
        NAME_predict(NAME_vector_inputs[i], output);
        differ += memcmp(output, NAME_vector_outputs[i], sizeof output) != 0;
    }
    return differ;
}

int main(void)
{
    const int differ = self_test();
    printf("%d of %d stored outputs differ\n", differ, UPPER_VECTORS);
    return differ != 0;
}
