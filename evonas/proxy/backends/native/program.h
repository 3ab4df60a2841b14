/*
 * What the module hands to an engine: a program of operators over tensors, and what it trains on.
 *
 * evonas/proxy/backends/native/tables.py and program.py write the tables; the order of columns and the numbers
 * of kinds are the same there.
 */
#ifndef EVONAS_PROGRAM_H
#define EVONAS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { TENSOR_COLUMNS = 13, OP_COLUMNS = 24 };

enum column {
    CHANNELS, HEIGHT, WIDTH, IS_TIME_FIRST, NEEDS_GRADIENT,
    TOP, BOTTOM, LEFT, RIGHT,                           /* zeros around the values */
    GRAD_TOP, GRAD_BOTTOM, GRAD_LEFT, GRAD_RIGHT        /* zeros around the gradient */
};

enum kind {
    INPUT, CONV, DENSE, NORM, ACTIVATION, ADD, AVERAGE_POOL, MAX_POOL, GLOBAL_AVERAGE, LAST_STEP,
    FLATTEN, COPY, STACK, DROPOUT, RECURRENT, N_KINDS
};

enum activation { NO_ACTIVATION, RELU, RELU6 };
enum cell { RNN, FASTGRNN, UGRNN, MGU, GRU, LSTM, N_CELLS };
enum loss { CROSS_ENTROPY, MSE, L1, LOG_COSH };
enum end { FINISHED, NOT_FINITE, DIVERGED, INTERRUPTED };

struct program {
    const int64_t *tensors, *ops; /* (n_tensors, TENSOR_COLUMNS), (n_ops, OP_COLUMNS) */
    long n_tensors, n_ops;
    long n_weights, n_decayed; /* trained numbers, those first that decay */
    long n_state;              /* running statistics behind them */
    long batch;                /* most samples of a step */
    uint64_t seed;             /* of dropout */
};

/* One stretch of a training. Arrays of the caller's; params are REALs of the engine. */
struct training {
    void *params; /* (n_weights + n_state,), changed */
    const float *X;
    const int64_t *classes; /* (n_samples,), or NULL for numbers */
    const float *numbers;   /* (n_samples, num_outputs), or NULL for classes */
    const double *means, *deviations; /* (num_outputs,) to standardise numbers by, or NULL */
    long n_samples;
    const int64_t *order, *starts; /* samples of step s: order[starts[s]] to order[starts[s + 1]] */
    const double *rates;
    long n_steps;
    double *losses; /* (n_steps,), written */
    int loss;
    const float *class_weights; /* (num_outputs,), or NULL */
    double smoothing, decay, clip, dropout;
    long window;   /* steps that the mean loss is watched over; 0 for not at all */
    double factor, least; /* it has diverged beyond factor * max(least, first loss) */
    int (*interrupted)(void *);
    void *caller;
};

struct engine {
    const char *name;
    int lanes, is_double;
    /* Returns a plan, or NULL after a message has been written. */
    void *(*create)(const struct program *, char *message, size_t size);
    void (*destroy)(void *plan);
    size_t (*bytes)(const void *plan);
    /* Makes steps; returns how it ended and sets the steps made. */
    enum end (*train)(void *plan, struct training *, long *steps);
    /* The gradient of one batch's loss, (n_weights,). */
    double (*gradient)(void *plan, struct training *, void *grad);
    /* Outputs of n samples, (n, num_outputs), by the running statistics; false if interrupted. */
    int (*predict)(void *plan, const void *params, const float *X, long n, void *out,
                   int (*interrupted)(void *), void *caller);
    /* Multiplies and adds on registers; returns how many floating-point operations it did. */
    double (*peak)(long repeats, double factor);
};

extern const struct engine evonas_avx512, evonas_avx2, evonas_base, evonas_double;

#endif
