/*
 * Plans as Python objects: programs with their memory, trained and asked for outputs on arrays.
 *
 * Arrays come by the buffer protocol, so no header of numpy is needed. Whatever takes long
 * releases the interpreter's lock and looks for Ctrl-C twenty times a second.
 */
#include "module.h"

typedef struct {
    PyObject_HEAD
    const struct engine *engine;
    void *plan;
    Py_ssize_t n_params, n_weights, n_inputs, n_outputs, batch;
    int is_busy;
} Plan;

/* One Ctrl-C handler for a call that runs without the lock. */
struct caller {
    PyThreadState *state;
};

static int interrupted(void *given)
{
    struct caller *caller = given;
    PyEval_RestoreThread(caller->state);
    int raised = PyErr_CheckSignals() != 0;
    caller->state = PyEval_SaveThread();
    return raised;
}

/* Takes a contiguous array of numbers of a given size and kind; -1 after an exception. */
static int take(PyObject *object, Py_buffer *view, const char *kinds, Py_ssize_t size,
                Py_ssize_t at_least, int is_written, const char *name)
{
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (is_written ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object, view, flags) < 0)
        return -1;
    const char *format = view->format ? view->format : "B";
    if (!strchr(kinds, format[0]) || format[1] || view->itemsize != size ||
        view->len / size < at_least) {
        PyErr_Format(PyExc_ValueError,
                     "%s: expected %zd or more items '%s' of %zd bytes, got %zd of '%s'.", name,
                     at_least, kinds, size, view->len / view->itemsize, format);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

static void plan_dealloc(Plan *self)
{
    if (self->plan)
        self->engine->destroy(self->plan);
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static int check_program(const struct program *p, Py_ssize_t tensors, Py_ssize_t ops)
{
    int is_right = tensors % TENSOR_COLUMNS == 0 && ops % OP_COLUMNS == 0 && tensors && ops &&
                   p->batch > 0 && p->n_weights >= 0 && p->n_decayed >= 0 && p->n_state >= 0 &&
                   p->n_decayed <= p->n_weights;
    if (!is_right)
        PyErr_SetString(PyExc_ValueError, "Expected a program as program.py writes it.");
    return is_right;
}

static PyObject *plan_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"engine", "tensors", "ops", "n_weights", "n_decayed", "n_state",
                            "batch", "seed", NULL};
    const char *name;
    PyObject *tensors, *ops;
    long n_weights, n_decayed, n_state, batch;
    unsigned long long seed = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "sOOllll|K", names, &name, &tensors, &ops,
                                     &n_weights, &n_decayed, &n_state, &batch, &seed))
        return NULL;
    const struct engine *engine = evonas_engine_named(name);
    Py_buffer t, o;
    if (!engine || take(tensors, &t, "lq", 8, 1, 0, "tensors") < 0)
        return NULL;
    if (take(ops, &o, "lq", 8, 1, 0, "ops") < 0) {
        PyBuffer_Release(&t);
        return NULL;
    }
    struct program program = {t.buf, o.buf, t.len / 8 / TENSOR_COLUMNS, o.len / 8 / OP_COLUMNS,
                              n_weights, n_decayed, n_state, batch, seed};
    char message[200] = "";
    Plan *self = NULL;
    if (check_program(&program, t.len / 8, o.len / 8))
        self = (Plan *)type->tp_alloc(type, 0);
    if (self) {
        const int64_t *first = t.buf, *last = first + (program.n_tensors - 1) * TENSOR_COLUMNS;
        self->engine = engine;
        self->n_weights = n_weights;
        self->n_params = n_weights + n_state;
        self->n_inputs = first[CHANNELS] * first[HEIGHT] * first[WIDTH];
        self->n_outputs = last[CHANNELS];
        self->batch = batch;
        self->plan = engine->create(&program, message, sizeof message);
        if (!self->plan) {
            if (strcmp(message, "memory"))
                PyErr_Format(PyExc_ValueError, "A program that cannot run: %s.", message);
            else
                PyErr_NoMemory();
            Py_CLEAR(self);
        }
    }
    PyBuffer_Release(&t);
    PyBuffer_Release(&o);
    return (PyObject *)self;
}

/* The arrays of a stretch of training, released together. */
enum { PARAMS, INPUTS, TARGETS, ORDER, STARTS, RATES, LOSSES, CLASS_WEIGHTS, MEANS, DEVIATIONS,
       N_ARRAYS };

static int check_order(const Plan *self, const struct training *d, Py_ssize_t n_order)
{
    int is_right = d->starts[0] >= 0 && d->starts[d->n_steps] <= n_order;
    for (long s = 0; is_right && s < d->n_steps; s++) {
        int64_t n = d->starts[s + 1] - d->starts[s];
        is_right = n > 0 && n <= self->batch;
    }
    for (int64_t i = d->starts[0]; is_right && i < d->starts[d->n_steps]; i++)
        is_right = d->order[i] >= 0 && d->order[i] < d->n_samples &&
                   (!d->classes || (d->classes[d->order[i]] >= 0 &&
                                    d->classes[d->order[i]] < self->n_outputs));
    if (!is_right)
        PyErr_SetString(PyExc_ValueError, "Expected batches of samples that there are, with "
                                          "classes that the network has, no larger than the plan's.");
    return is_right;
}

/* Takes all arrays of a stretch; returns how many were taken, all of them when it went well. */
static int take_arrays(Plan *self, PyObject **objects, Py_buffer *views, struct training *d)
{
    Py_ssize_t real = self->engine->is_double ? 8 : 4;
    const char *kind = self->engine->is_double ? "d" : "f";
    int is_classes = d->loss == CROSS_ENTROPY;
    const struct { const char *kinds; Py_ssize_t size, least; int is_written; const char *name; }
    rows[N_ARRAYS] = {
        {kind, real, self->n_params, 1, "params"}, {"f", 4, self->n_inputs, 0, "X"},
        {is_classes ? "lq" : "f", is_classes ? 8 : 4, 1, 0, "y"}, {"lq", 8, 1, 0, "order"},
        {"lq", 8, 2, 0, "starts"}, {"d", 8, 1, 0, "rates"}, {"d", 8, 1, 1, "losses"},
        {"f", 4, self->n_outputs, 0, "class_weights"}, {"d", 8, self->n_outputs, 0, "means"},
        {"d", 8, self->n_outputs, 0, "deviations"},
    };
    for (int i = 0; i < N_ARRAYS; i++) {
        if (i >= CLASS_WEIGHTS && (!objects[i] || objects[i] == Py_None)) {
            views[i].obj = NULL;
            views[i].buf = NULL;
        } else if (take(objects[i], &views[i], rows[i].kinds, rows[i].size, rows[i].least,
                        rows[i].is_written, rows[i].name) < 0)
            return i;
    }
    d->params = views[PARAMS].buf;
    d->X = views[INPUTS].buf;
    d->n_samples = views[INPUTS].len / 4 / self->n_inputs;
    d->classes = is_classes ? views[TARGETS].buf : NULL;
    d->numbers = is_classes ? NULL : views[TARGETS].buf;
    d->order = views[ORDER].buf;
    d->starts = views[STARTS].buf;
    d->n_steps = views[STARTS].len / 8 - 1;
    d->rates = views[RATES].buf;
    d->losses = views[LOSSES].buf;
    d->class_weights = views[CLASS_WEIGHTS].buf;
    d->means = views[MEANS].buf;
    d->deviations = views[DEVIATIONS].buf;
    Py_ssize_t n_targets = d->n_samples * (is_classes ? 1 : self->n_outputs);
    if (!d->means != !d->deviations)
        PyErr_SetString(PyExc_ValueError, "Expected means and deviations, or neither.");
    else if (views[TARGETS].len / rows[TARGETS].size < n_targets ||
        views[RATES].len / 8 < d->n_steps || views[LOSSES].len / 8 < d->n_steps)
        PyErr_SetString(PyExc_ValueError, "Expected a target a sample, of numbers one an output, "
                                          "and a rate and a place for its loss a step.");
    else
        check_order(self, d, views[ORDER].len / 8);
    return N_ARRAYS;
}

static int begin(Plan *self)
{
    if (self->is_busy)
        PyErr_SetString(PyExc_RuntimeError, "This plan is running in another thread.");
    else
        self->is_busy = 1;
    return self->is_busy && !PyErr_Occurred();
}

static PyObject *run(Plan *self, struct training *d, PyObject *grads)
{
    static const char *const ends[] = {"finished", "not finite", "diverged", "interrupted"};
    Py_buffer view = {0};
    Py_ssize_t real = self->engine->is_double ? 8 : 4;
    if (grads && take(grads, &view, self->engine->is_double ? "d" : "f", real, self->n_weights, 1,
                      "grads") < 0)
        return NULL;
    struct caller caller = {PyEval_SaveThread()};
    d->interrupted = interrupted;
    d->caller = &caller;
    long steps = 0;
    enum end end = FINISHED;
    double loss = 0;
    if (grads)
        loss = self->engine->gradient(self->plan, d, view.buf);
    else
        end = self->engine->train(self->plan, d, &steps);
    PyEval_RestoreThread(caller.state);
    if (grads)
        PyBuffer_Release(&view);
    if (end == INTERRUPTED)
        return NULL; /* with the exception of the signal's handler */
    return grads ? PyFloat_FromDouble(loss) : Py_BuildValue("ls", steps, ends[end]);
}

static PyObject *plan_train(Plan *self, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"params", "X", "y", "order", "starts", "rates", "losses",
                            "class_weights", "loss", "smoothing", "decay", "clip", "dropout",
                            "window", "factor", "least", "grads", "means", "deviations", NULL};
    PyObject *objects[N_ARRAYS] = {NULL}, *grads = NULL;
    Py_buffer views[N_ARRAYS];
    struct training d = {0};
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "OOOOOOOOi|$ddddlddOOO", names, &objects[PARAMS], &objects[INPUTS],
            &objects[TARGETS], &objects[ORDER], &objects[STARTS], &objects[RATES],
            &objects[LOSSES], &objects[CLASS_WEIGHTS], &d.loss, &d.smoothing, &d.decay, &d.clip,
            &d.dropout, &d.window, &d.factor, &d.least, &grads, &objects[MEANS],
            &objects[DEVIATIONS]))
        return NULL;
    if (!begin(self))
        return NULL;
    int taken = take_arrays(self, objects, views, &d);
    PyObject *result = NULL;
    if (!PyErr_Occurred())
        result = run(self, &d, grads == Py_None ? NULL : grads);
    for (int i = 0; i < taken; i++)
        if (views[i].obj)
            PyBuffer_Release(&views[i]);
    self->is_busy = 0;
    return result;
}

static PyObject *plan_predict(Plan *self, PyObject *args)
{
    PyObject *params, *X, *out;
    Py_buffer p, x, o;
    Py_ssize_t real = self->engine->is_double ? 8 : 4;
    const char *kind = self->engine->is_double ? "d" : "f";
    if (!PyArg_ParseTuple(args, "OOO", &params, &X, &out))
        return NULL;
    if (take(params, &p, kind, real, self->n_params, 0, "params") < 0)
        return NULL;
    int is_done = 1;
    if (take(X, &x, "f", 4, 0, 0, "X") == 0) {
        Py_ssize_t n = x.len / 4 / self->n_inputs;
        if (take(out, &o, kind, real, n * self->n_outputs, 1, "out") == 0) {
            if (begin(self)) {
                struct caller caller = {PyEval_SaveThread()};
                is_done = self->engine->predict(self->plan, p.buf, x.buf, n, o.buf, interrupted,
                                                &caller);
                PyEval_RestoreThread(caller.state);
                self->is_busy = 0;
            }
            PyBuffer_Release(&o);
        }
        PyBuffer_Release(&x);
    }
    PyBuffer_Release(&p);
    if (!is_done || PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *plan_n_bytes(Plan *self, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(self->engine->bytes(self->plan));
}

static PyMethodDef plan_methods[] = {
    {"train", (PyCFunction)(void (*)(void))plan_train, METH_VARARGS | METH_KEYWORDS,
     "Makes the steps of `starts`; returns (steps made, how it ended). Given `grads`, computes "
     "the gradient of the first batch alone and returns its loss."},
    {"predict", (PyCFunction)plan_predict, METH_VARARGS,
     "predict(params, X, out): writes the outputs of all samples, by the running statistics."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef plan_getset[] = {
    {"n_bytes", (getter)plan_n_bytes, NULL, "Memory of the plan, beside the arrays it is given.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot plan_slots[] = {
    {Py_tp_new, plan_new},         {Py_tp_dealloc, plan_dealloc},
    {Py_tp_methods, plan_methods}, {Py_tp_getset, plan_getset},
    {Py_tp_doc, "A program with its memory: see program.py."},
    {0, NULL},
};

PyType_Spec evonas_plan_spec = {
    "evonas.proxy.backends.native._engine.Plan", sizeof(Plan), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, plan_slots};
