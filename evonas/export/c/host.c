/* Runs a network on samples of float32 numbers in natural units from standard input; writes for
   each its int8 input, its int8 output and its output in natural units. */
#include <stdio.h>

#include "NAME.h"

int HOST_MAIN(void)
{
    static float natural[UPPER_INPUT_SIZE], answers[UPPER_OUTPUT_SIZE];
    static int8_t input[UPPER_INPUT_SIZE], output[UPPER_OUTPUT_SIZE];
    while (fread(natural, sizeof natural, 1, stdin) == 1) {
        NAME_quantize(natural, input);
        NAME_predict(input, output);
        NAME_predict_natural(natural, answers);
        fwrite(input, sizeof input, 1, stdout);
        fwrite(output, sizeof output, 1, stdout);
        fwrite(answers, sizeof answers, 1, stdout);
    }
    return 0;
}
