/* Layers, within: a call whose arguments have been converted, and what building one takes. */
#ifndef NNC_FRONTEND_LAYERS_H
#define NNC_FRONTEND_LAYERS_H

#include "frontend/elaborate.h"

enum { MAX_LAYER_ATTRS = 10, MAX_LAYER_TENSORS = 2 };

typedef struct LayerCall {
    Elab *e;
    const CallSite *site;
    const Signature *signature;
    const Attr *attrs; /* in the order of the row */
    const Span *attr_spans;
    Value *x;
    Span x_span;
    Value *tensors[MAX_LAYER_TENSORS]; /* those given by name, in the order of the row; or null */
    Span tensor_spans[MAX_LAYER_TENSORS];
    const char *path;
    bool share;
} LayerCall;

typedef Val LayerBuilder(const LayerCall *call);

const Attr *layer_argument(const LayerCall *c, const char *name);
Span layer_argument_span(const LayerCall *c, const char *name);

/* Each tells the user what is wrong and returns false. */
bool layer_needs_at_least(const LayerCall *c, const char *name, int64_t least);
bool layer_needs_float_of_rank(const LayerCall *c, int least, int greatest);
/* The size of an axis that decides the shape of parameters. */
bool layer_known_size(const LayerCall *c, int axis, const char *what, int64_t *size);

/* A parameter of the layer with x's element type; null after a message. */
Value *layer_parameter(const LayerCall *c, const char *name, int rank, const int64_t *sizes);

LayerBuilder build_multi_head_attention;

#endif
