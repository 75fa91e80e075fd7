/* An artifact of nnc behind a few functions that ctypes can call; linked with libnnrt. */
#include <nn/nn.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct Model {
    nn_library *library;
    const nn_network *network;
    nn_options options;
    nn_context *context;
} Model;

/* An artifact whose sizes are all bound; null with *reason (at most size bytes). */
Model *model_open(const char *path, size_t threads, char *reason, size_t size) {
    const char *why = "out of memory";
    Model *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    nn_status status = nn_load(path, &m->library, &why);
    if (status == NN_OK) {
        m->network = nn_library_network(m->library);
        m->options.struct_bytes = sizeof m->options;
        status = nn_default_options(threads, &m->options);
        why = nn_status_text(status);
    }
    if (status == NN_OK) {
        status = m->network->create(&m->options, &m->context);
        why = nn_status_text(status);
    }
    if (status == NN_OK) return m;
    snprintf(reason, size, "%s", why);
    return NULL;
}

/* Rank, sizes and nn_type of an output; -1 where there is none. */
int model_output(const Model *m, size_t index, int64_t *dims, char *type) {
    if (index >= m->network->output_count) return -1;
    const nn_tensor *tensor = &m->network->outputs[index];
    for (int i = 0; i < tensor->rank; i++)
        if (nn_eval(&tensor->dims[i], NULL, 0, &dims[i]) != NN_OK) return -1;
    *type = (char)tensor->type;
    return tensor->rank;
}

/* io: pointers to the inputs, then to the outputs. */
int model_run(Model *m, const void *io) {
    return m->network->run(m->context, io);
}

#ifdef MODEL_MAIN
/* first ARTIFACT INPUT...: one run on raw input files, to be timed from outside. */
int main(int argc, char **argv) {
    char reason[256];
    Model *m = model_open(argv[1], (size_t)atoi(argv[2]), reason, sizeof reason);
    if (!m) return fprintf(stderr, "%s\n", reason), 1;
    void *io[128];
    int count = 0;
    for (int i = 3; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file || fseek(file, 0, SEEK_END)) return 1;
        long bytes = ftell(file);
        rewind(file);
        io[count] = aligned_alloc(64, ((size_t)bytes + 63) & ~(size_t)63);
        if (fread(io[count++], 1, (size_t)bytes, file) != (size_t)bytes) return 1;
        fclose(file);
    }
    for (size_t i = 0; i < m->network->output_count; i++) {
        int64_t dims[8], bytes = 8;
        char type;
        int rank = model_output(m, i, dims, &type);
        for (int k = 0; k < rank; k++) bytes *= dims[k];
        io[count++] = aligned_alloc(64, ((size_t)bytes + 63) & ~(size_t)63);
    }
    return model_run(m, io);
}
#endif
