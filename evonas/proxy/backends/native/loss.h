/* Losses: their value and the gradient of the network's outputs. */

#define LOG_2 0.693147180559945309

/* Mean smoothed cross-entropy, each sample weighing as its class. */
static double cross_entropy(struct plan *plan, const struct tensor *t)
{
    const struct training *d = plan->data;
    double weights = 0, loss = 0, uniform = d->smoothing / (double)t->channels;
    for (long b = 0; b < plan->n; b++)
        weights += d->class_weights ? d->class_weights[d->classes[plan->samples[b]]] : 1;
    for (long b = 0; b < plan->n; b++) {
        int64_t label = d->classes[plan->samples[b]];
        double share = (d->class_weights ? d->class_weights[label] : 1) / weights;
        REAL most = t->value[b], total = 0;
        for (long k = 1; k < t->channels; k++)
            most = t->value[k * t->vc + b] > most ? t->value[k * t->vc + b] : most;
        for (long k = 0; k < t->channels; k++) {
            REAL e = (REAL)exp_of(t->value[k * t->vc + b] - most);
            t->grad[k * t->gc + b] = e;
            total += e;
        }
        double log_total = log((double)total) + most;
        for (long k = 0; k < t->channels; k++) {
            double target = uniform + (k == label ? 1 - d->smoothing : 0);
            loss -= share * target * (t->value[k * t->vc + b] - log_total);
            t->grad[k * t->gc + b] =
                (REAL)share * (t->grad[k * t->gc + b] / total - (REAL)target);
        }
    }
    return loss;
}

/* A sample's standardised target, rounded as the arrays of other backends hold it. */
static double standardised(const struct training *d, int64_t sample, long k, long n_outputs)
{
    double number = (double)d->numbers[sample * n_outputs + k];
    return d->means ? (double)(float)((number - d->means[k]) / d->deviations[k]) : number;
}

/* Mean over the samples and outputs of the square, size or log cosh of the difference. */
static double difference(struct plan *plan, const struct tensor *t)
{
    const struct training *d = plan->data;
    double loss = 0, count = (double)plan->n * (double)t->channels;
    for (long k = 0; k < t->channels; k++) {
        const REAL *value = t->value + k * t->vc;
        REAL *grad = t->grad + k * t->gc;
        for (long b = 0; b < plan->n; b++) {
            double by = (double)value[b] - standardised(d, plan->samples[b], k, t->channels);
            if (d->loss == MSE) {
                loss += by * by;
                grad[b] = (REAL)(2 * by / count);
            } else if (d->loss == L1) {
                loss += fabs(by);
                grad[b] = (REAL)((by > 0 ? 1 : by < 0 ? -1 : 0) / count);
            } else { /* cosh itself overflows */
                loss += fabs(by) + log1p(exp(-2 * fabs(by))) - LOG_2;
                grad[b] = (REAL)(tanh(by) / count);
            }
        }
    }
    return loss / count;
}

/* The loss of this step; writes the outputs' gradient, 0 behind the samples. */
static double output_loss(struct plan *plan)
{
    const struct tensor *t = plan->ops[plan->n_ops - 1].out;
    for (long k = 0; k < t->channels; k++)
        memset(t->grad + k * t->gc, 0, (size_t)plan->lanes * sizeof(REAL));
    return plan->data->loss == CROSS_ENTROPY ? cross_entropy(plan, t) : difference(plan, t);
}
