/* The checker of launch plans: a valid plan passes, and every field of it, changed, is refused or does no harm. */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/plan_expr.h"
#include "tests/opencl/plan_case.h"

/* The verdict on the plan's meaning: as if who changed it had also set the hash right. */
static nn_status verdict(Case *c, const char **reason) {
    c->plan.plan_hash = 0;
    c->plan.plan_hash = nn_plan_check(&c->plan, &c->network, reason) == NN_OK ||
                                strcmp(*reason, "the plan was changed since it was written") == 0
                            ? nn_plan_hash(&c->plan)
                            : 0;
    return nn_plan_check(&c->plan, &c->network, reason);
}

/* Refused, for a reason that names the word; and refused by everything that would use it. */
static void expect_refused(Case *c, const char *word) {
    const char *reason = NULL;
    int64_t limit = 8;
    static _Alignas(64) char memory[16384];
    nn_options options = {.struct_bytes = sizeof options, .limits = &limit};
    nn_context *context = NULL;
    cr_expect_eq(verdict(c, &reason), NN_MISMATCH, "%s", word);
    cr_expect(strstr(reason, word), "'%s' should name '%s'", reason, word);
    cr_expect_eq(nn_plan_context_bytes(&c->network, &c->plan, &limit), SIZE_MAX);
    cr_expect_eq(nn_plan_init(&c->network, &c->plan, memory, sizeof memory, &options, &context),
                 NN_MISMATCH);
    cr_expect_null(context);
}

#define REFUSED(word, change)                                                                      \
    do {                                                                                           \
        Case c;                                                                                    \
        case_make(&c);                                                                             \
        change;                                                                                    \
        expect_refused(&c, word);                                                                  \
    } while (0)

Test(plan, valid) {
    Case c;
    const char *reason = NULL;
    int64_t limit = 8;
    case_make(&c);
    cr_expect_eq(nn_plan_check(&c.plan, &c.network, &reason), NN_OK);
    cr_expect_str_eq(reason, "");
    cr_expect_eq(nn_plan_check(&c.plan, &c.network, NULL), NN_OK);
    cr_expect_eq(nn_plan_context_bytes(&c.network, &c.plan, &limit),
                 (size_t)NN_PLAN_CONTEXT_BYTES + CASE_BUFFERS * NN_PLAN_BUFFER_BYTES +
                     CASE_LAUNCHES * NN_PLAN_LAUNCH_BYTES + NN_PLAN_SYMBOL_BYTES +
                     3 * NN_PLAN_PORT_BYTES);
    cr_expect_eq(nn_plan_check(NULL, &c.network, &reason), NN_MISMATCH);
    cr_expect_eq(nn_plan_check(&c.plan, NULL, &reason), NN_MISMATCH);
}

Test(plan, head) {
    REFUSED("version", c.plan.version++);
    REFUSED("version", c.plan.struct_bytes -= 8);
    REFUSED("text", c.plan.language = NULL);
    REFUSED("text", c.plan.options = NULL);
    REFUSED("text", c.plan.source = NULL);
    REFUSED("source", c.plan.source_bytes = 0);
    REFUSED("source", c.plan.source_bytes++);
    REFUSED("source", c.plan.source_bytes = SIZE_MAX);
    REFUSED("alignment", c.plan.alignment = 0);
    REFUSED("alignment", c.plan.alignment = 48);
    REFUSED("alignment", c.plan.alignment = 1u << 31);
    REFUSED("buffers", c.plan.buffers = NULL);
    REFUSED("launches", c.plan.launches = NULL);
    REFUSED("needs", c.plan.needs = NULL);
    REFUSED("missing", c.plan.need_count = UINT32_MAX);
    REFUSED("missing", c.plan.buffer_count = UINT32_MAX);
    REFUSED("missing", c.plan.launch_count = UINT32_MAX);
    REFUSED("weights", c.plan.weights_bytes++);
    REFUSED("weights", c.network.weights_bytes = 0);
    REFUSED("arena", c.plan.arena_bytes.length = 0);
    static char options[5000];
    memset(options, ' ', sizeof options - 1);
    REFUSED("options", c.plan.options = options);
}

Test(plan, network) {
    static const int64_t malformed[] = {NN_EXPR_ADD, 0};
    REFUSED("interface", c.network.magic[0] = 'N');
    REFUSED("interface", c.network.abi_version++);
    REFUSED("interface", c.network.struct_bytes++);
    REFUSED("symbols", c.network.symbols = NULL);
    REFUSED("symbols", c.network.symbol_count = UINT32_MAX);
    static const char *const nameless[] = {NULL};
    REFUSED("symbol", c.network.symbols = nameless);
    REFUSED("tensors", c.network.inputs = NULL);
    REFUSED("tensors", c.network.outputs = NULL);
    REFUSED("tensors", c.network.output_count = UINT32_MAX);
    REFUSED("name", c.input.name = NULL);
    REFUSED("type", c.input.type = (nn_type)99);
    REFUSED("rank", c.input.rank = -1);
    REFUSED("rank", c.outputs[1].rank = NN_MAX_RANK + 1);
    REFUSED("dimension", c.outputs[1].dims[0] = ((nn_expr){2, malformed}));
    REFUSED("dimension", c.input.rank = 2);
    /* Fewer than the plan uses. */
    REFUSED("malformed", c.network.symbol_count = 0);
    REFUSED("does not exist", c.network.input_count = 0);
    REFUSED("does not exist", c.network.output_count = 1);
}

Test(plan, buffers) {
    static const int64_t below[] = {NN_EXPR_CONST, -1}, odd[] = {NN_EXPR_CONST, 8};
    static const int64_t high[] = {NN_EXPR_CONST, 2 * CASE_ALIGNMENT};
    static const int64_t large[] = {NN_EXPR_CONST, INT64_MAX};
    static const int64_t more[] = {NN_EXPR_CONST, 17};
    static const int64_t over[] = {NN_EXPR_CONST, INT64_MAX, NN_EXPR_CONST, 2, NN_EXPR_MUL, 0};
    REFUSED("name", c.buffers[2].name = NULL);
    REFUSED("role", c.buffers[2].role = (nn_plan_role)77);
    REFUSED("role", c.buffers[2].role = (nn_plan_role)-1);
    REFUSED("does not exist", c.buffers[BUFFER_X].index = 1);
    REFUSED("does not exist", c.buffers[BUFFER_Y].index = 2);
    REFUSED("two buffers", c.buffers[BUFFER_Y].index = 1);
    REFUSED("no buffer", c.plan.buffer_count--);
    REFUSED("no buffer", c.buffers[BUFFER_TAIL].role = NN_PLAN_TEMP);
    for (int i = 0; i < CASE_BUFFERS; i++) {
        REFUSED("size", c.buffers[i].bytes.code = NULL);
        REFUSED("size", c.buffers[i].bytes.length = 0);
        REFUSED("size", c.buffers[i].bytes.length--);
        REFUSED("size", c.buffers[i].bytes.length = SIZE_MAX);
        REFUSED("size", c.buffers[i].bytes = ((nn_expr){2, below}));
        REFUSED("size", c.buffers[i].bytes = ((nn_expr){6, over}));
    }
    REFUSED("offset", c.buffers[BUFFER_T].offset.length = 0);
    REFUSED("offset", c.buffers[BUFFER_T].offset = ((nn_expr){2, below}));
    REFUSED("aligned", c.buffers[BUFFER_T].offset = ((nn_expr){2, odd}));
    REFUSED("aligned", c.buffers[BUFFER_W].offset = ((nn_expr){2, odd}));
    REFUSED("outside", c.buffers[BUFFER_W].offset = ((nn_expr){2, high}));
    REFUSED("outside", c.buffers[BUFFER_W].bytes = ((nn_expr){2, more}));
    REFUSED("outside", c.buffers[BUFFER_W].bytes = ((nn_expr){2, large}));
    REFUSED("outside", c.buffers[BUFFER_W].bytes = c.buffers[BUFFER_X].bytes);
    REFUSED("outside", c.plan.arena_bytes = ((nn_expr){2, high});
            c.buffers[BUFFER_T].bytes = ((nn_expr){2, large}));
    REFUSED("outside", c.plan.arena_bytes = ((nn_expr){2, high});
            c.buffers[BUFFER_T].bytes = ((nn_expr){2, more});
            c.buffers[BUFFER_T].offset = ((nn_expr){2, high}));
}

Test(plan, launches) {
    static const int64_t below[] = {NN_EXPR_CONST, -1};
    static const uint32_t far[] = {CASE_BUFFERS, 0, 0, 0};
    static char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    for (int i = 0; i < CASE_LAUNCHES; i++) {
        REFUSED("kernel", c.launches[i].kernel = NULL);
        REFUSED("kernel", c.launches[i].kernel = "");
        REFUSED("kernel", c.launches[i].kernel = "1st");
        REFUSED("kernel", c.launches[i].kernel = "a b");
        REFUSED("kernel", c.launches[i].kernel = longest);
        REFUSED("path", c.launches[i].path = NULL);
        REFUSED("arguments", c.launches[i].buffer_count = UINT32_MAX);
        REFUSED("arguments", c.launches[i].symbol_count = UINT32_MAX);
        REFUSED("arguments", c.launches[i].symbol_count = NN_PLAN_MAX_ARGS);
        REFUSED("does not exist", c.launches[i].buffers = NULL);
        REFUSED("does not exist", c.launches[i].symbols = NULL);
        REFUSED("does not exist", c.launches[i].buffers = far);
        REFUSED("does not exist", c.launches[i].symbols = far);
        REFUSED("axes", c.launches[i].dimensions = 0);
        REFUSED("axes", c.launches[i].dimensions = 4);
        REFUSED("groups", c.launches[i].dimensions = 2);
        REFUSED("groups", c.launches[i].groups[0].length = 3);
        REFUSED("groups", c.launches[i].groups[0] = ((nn_expr){2, below}));
        REFUSED("work-items", c.launches[i].items[0] = 0);
        REFUSED("work-items", c.launches[i].items[0] = UINT32_MAX);
        REFUSED("work-items", c.launches[i].items[0] = c.launches[i].items[1] = 1 << 19;
                c.launches[i].dimensions = 2; c.launches[i].groups[1] = c.launches[i].groups[0]);
    }
}

Test(plan, needs) {
    static const int64_t below[] = {NN_EXPR_CONST, -1};
    for (int i = 0; i < CASE_NEEDS; i++) {
        REFUSED("need has no path", c.needs[i].path = NULL);
        REFUSED("no text", c.needs[i].text = NULL);
        REFUSED("extent of a need", c.needs[i].extent.code = NULL);
        REFUSED("extent of a need", c.needs[i].extent.length--);
        REFUSED("extent of a need", c.needs[i].extent = ((nn_expr){2, below}));
        REFUSED("elements of a need", c.needs[i].elements.length = 0);
        REFUSED("elements of a need", c.needs[i].elements.length = SIZE_MAX);
        REFUSED("elements of a need", c.needs[i].elements = ((nn_expr){2, below}));
    }
}

/* ---- every byte --------------------------------------------------------------------------------- */

/* An edit that leaves the hash alone is always found, wherever the plan says something. */
static void expect_noticed(Case *c, unsigned char *byte) {
    const char *reason;
    for (int bit = 0; bit < 8; bit++) {
        *byte ^= (unsigned char)(1 << bit);
        cr_expect_eq(nn_plan_check(&c->plan, &c->network, &reason), NN_MISMATCH);
        *byte ^= (unsigned char)(1 << bit);
    }
}

/* Fields that point nowhere and count nothing: no checker can see through a wild pointer or a long array cut short. */
#define FIELD(type, field) {offsetof(type, field), sizeof(((type *)0)->field)}

typedef struct Field {
    size_t offset, bytes;
} Field;

static const Field plan_fields[] = {FIELD(nn_plan, version),     FIELD(nn_plan, struct_bytes),
                                    FIELD(nn_plan, source_hash), FIELD(nn_plan, alignment),
                                    FIELD(nn_plan, local_bytes), FIELD(nn_plan, weights_bytes),
                                    FIELD(nn_plan, plan_hash)};
static const Field launch_fields[] = {FIELD(nn_plan_launch, dimensions),
                                      FIELD(nn_plan_launch, items)};
static const Field buffer_fields[] = {FIELD(nn_plan_buffer, role), FIELD(nn_plan_buffer, index)};

static void expect_all_noticed(Case *c, void *data, const Field *fields, size_t count) {
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < fields[k].bytes; i++) {
            expect_noticed(c, (unsigned char *)data + fields[k].offset + i);
        }
    }
}

Test(plan, every_edit_is_noticed) {
    Case c;
    case_make(&c);
    expect_all_noticed(&c, &c.plan, plan_fields, sizeof plan_fields / sizeof(Field));
    for (int k = 0; k < CASE_LAUNCHES; k++) {
        expect_all_noticed(&c, &c.launches[k], launch_fields, sizeof launch_fields / sizeof(Field));
    }
    for (int k = 0; k < CASE_BUFFERS; k++) {
        expect_all_noticed(&c, &c.buffers[k], buffer_fields, sizeof buffer_fields / sizeof(Field));
    }
    cr_expect_eq(nn_plan_check(&c.plan, &c.network, NULL), NN_OK);
    const char *reason;
    c.plan.need_count--;
    cr_expect_eq(nn_plan_check(&c.plan, &c.network, &reason), NN_MISMATCH);
    cr_expect_str_eq(reason, "the plan was changed since it was written");
}

/* The texts, the expressions and the lists too. */
Test(plan, every_changed_text_is_noticed) {
    Case c;
    case_make(&c);
    static char source[sizeof case_source], name[] = "nn_add";
    static int64_t code[sizeof groups_code / sizeof groups_code[0]];
    static int64_t extent[sizeof n_code / sizeof n_code[0]];
    static char text[] = "N", path[] = "layer";
    static uint32_t list[] = {BUFFER_X, BUFFER_W, BUFFER_T};
    memcpy(source, case_source, sizeof source);
    memcpy(code, groups_code, sizeof code);
    memcpy(extent, n_code, sizeof extent);
    c.needs[0] = (nn_plan_need){path, text, {sizeof extent / sizeof extent[0], extent}, EXPR(n)};
    c.plan.source = source;
    c.launches[0].kernel = name;
    c.launches[0].groups[0].code = code;
    c.launches[0].buffers = list;
    c.plan.plan_hash = nn_plan_hash(&c.plan);
    cr_expect_eq(nn_plan_check(&c.plan, &c.network, NULL), NN_OK);
    for (size_t i = 0; i + 1 < sizeof source; i++) expect_noticed(&c, (unsigned char *)source + i);
    for (size_t i = 0; i + 1 < sizeof name; i++) expect_noticed(&c, (unsigned char *)name + i);
    for (size_t i = 0; i < sizeof code; i++) expect_noticed(&c, (unsigned char *)code + i);
    for (size_t i = 0; i < sizeof extent; i++) expect_noticed(&c, (unsigned char *)extent + i);
    for (size_t i = 0; i + 1 < sizeof text; i++) expect_noticed(&c, (unsigned char *)text + i);
    for (size_t i = 0; i + 1 < sizeof path; i++) expect_noticed(&c, (unsigned char *)path + i);
    for (size_t i = 0; i < sizeof list; i++) expect_noticed(&c, (unsigned char *)list + i);
}

/* ---- bounds of expressions ------------------------------------------------------------------------ */

static uint64_t random_bits(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* A random well-formed expression over two symbols; its length. */
static size_t random_code(uint64_t *state, int64_t *code) {
    size_t length = 0, depth = 0, operations = random_bits(state) % 8;
    while (depth != 1 || operations > 0) {
        int may_apply = depth >= 2, must_apply = operations == 0 || depth == 6;
        if (may_apply && (must_apply || random_bits(state) % 2)) {
            static const int64_t opcodes[] = {NN_EXPR_ADD, NN_EXPR_MUL, NN_EXPR_FLOORDIV,
                                              NN_EXPR_MOD, NN_EXPR_MIN, NN_EXPR_MAX};
            code[length++] = opcodes[random_bits(state) % 6];
            code[length++] = 0;
            depth--;
            operations -= operations > 0;
        } else {
            int is_symbol = random_bits(state) % 2 == 0;
            code[length++] = is_symbol ? NN_EXPR_SYMBOL : NN_EXPR_CONST;
            code[length++] = is_symbol ? (int64_t)(random_bits(state) % 2)
                                       : (int64_t)(random_bits(state) % 13) - 4;
            depth++;
        }
        if (length > 60) operations = 0;
    }
    return length;
}

Test(plan, upper_bounds_hold) {
    uint64_t state = 88172645463325252u;
    int64_t code[128], limits[2] = {5, 7}, symbols[2], value, upper;
    long compared = 0;
    for (int round = 0; round < 20000; round++) {
        nn_expr expr = {random_code(&state, code), code};
        int constant;
        cr_assert(nn_expr_is_valid(&expr, 2, &constant));
        if (nn_expr_upper(&expr, limits, &upper) != NN_OK) continue;
        for (symbols[0] = 0; symbols[0] <= limits[0]; symbols[0]++) {
            for (symbols[1] = 0; symbols[1] <= limits[1]; symbols[1]++) {
                if (nn_eval(&expr, symbols, 2, &value) != NN_OK) continue;
                cr_assert_leq(value, upper);
                compared++;
            }
        }
    }
    cr_expect_gt(compared, 100000);
}

Test(plan, malformed_expressions) {
    static const int64_t unknown[] = {99, 0}, negative[] = {-1, 0}, alone[] = {NN_EXPR_ADD, 0};
    static const int64_t two[] = {NN_EXPR_CONST, 1, NN_EXPR_CONST, 1};
    static const int64_t symbol[] = {NN_EXPR_SYMBOL, 1}, before[] = {NN_EXPR_SYMBOL, -1};
    static int64_t deep[4 * NN_EXPR_DEPTH + 6];
    const nn_expr cases[] = {
        {2, unknown}, {2, negative}, {2, alone},  {4, two},  {2, symbol},
        {2, before},  {1, symbol},   {0, symbol}, {2, NULL}, {4 * NN_EXPR_DEPTH + 2, deep}};
    int constant;
    for (size_t i = 0; i < 2 * NN_EXPR_DEPTH + 1; i++) {
        deep[2 * i] = i <= NN_EXPR_DEPTH ? NN_EXPR_CONST : NN_EXPR_ADD;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_not(nn_expr_is_valid(&cases[i], 1, &constant), "case %zu", i);
    }
    int64_t limit = INT64_MAX, upper;
    static const int64_t square[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_SYMBOL, 0, NN_EXPR_MUL, 0};
    static const int64_t sum[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, 1, NN_EXPR_ADD, 0};
    cr_expect_eq(nn_expr_upper(&(nn_expr){6, square}, &limit, &upper), NN_TOO_LARGE);
    cr_expect_eq(nn_expr_upper(&(nn_expr){6, sum}, &limit, &upper), NN_TOO_LARGE);
}
