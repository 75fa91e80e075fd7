/* Graph IR: building, editing, cloning, binding; and that the verifier sees what is wrong. */
#include "graph_fixture.h"

/* y = softmax(dense(x, w)) with x f32[N, 8] */
typedef struct Net {
    Fixture f;
    Value *x, *w, *d, *y;
} Net;

static Net net_create(void) {
    Net n = {.f = fixture_create()};
    TensorType weight = fixture_type(&n.f, "f32[4, 8]");
    n.x = fixture_input(&n.f, "x", "f32[N, 8]");
    n.f.b.path = "fc1";
    n.w = build_param(&n.f.b, "fc1.weight", &weight);
    n.d = build2(&n.f.b, OP_dense, n.x, n.w);
    n.y = build1(&n.f.b, OP_softmax, n.d);
    fixture_output(&n.f, n.y);
    return n;
}

static bool sound(Net *n) {
    return graph_verify(n->f.module->graph, n->f.diag, "test");
}

static void expect_fault(Net *n, const char *text) {
    cr_expect(!sound(n));
    cr_expect(strstr(diag_text(n->f.diag), text), "%s", diag_text(n->f.diag));
    arena_destroy(n->f.arena);
}

Test(graph, is_built_with_defaults_and_provenance) {
    Net n = net_create();
    cr_expect(sound(&n), "%s", diag_text(n.f.diag));
    cr_expect_eq(graph_node_count(n.f.module->graph), 3);
    cr_expect_eq(node_int(n.y->def, "axis"), -1);
    cr_expect_str_eq(node_attr(n.d->def, "weight_order")->s, "oi");
    cr_expect_str_eq(n.d->path, "fc1");
    cr_expect_str_eq(n.x->path, "x");
    cr_expect(value_is_op(n.d, OP_dense) && !value_is_op(n.x, OP_dense));
    cr_expect(value_is_constant(n.w) && !value_is_constant(n.d) && !value_is_constant(n.x));
    Value *twice = build2(&n.f.b, OP_add, n.w, build1(&n.f.b, OP_neg, n.w));
    cr_expect(value_is_constant(twice));
    arena_destroy(n.f.arena);
}

Test(graph, attribute_lists_are_copied) {
    Net n = net_create();
    int64_t axes[] = {1};
    Value *sum = build1(&n.f.b, OP_reduce_sum, n.y, attr_ints("axes", 1, axes));
    axes[0] = 7;
    cr_expect_eq(node_attr(sum->def, "axes")->ints[0], 1);
    Tensor tensor = tensor_new(n.f.arena, DT_f32, 0, NULL);
    Value *copied = build_const(&n.f.b, &tensor, true);
    cr_expect_neq(copied->def->data->data, tensor.data);
    arena_destroy(n.f.arena);
}

Test(graph, builder_inserts_before_a_node) {
    Net n = net_create();
    Builder b = builder_before(n.y->def);
    Value *r = build1(&b, OP_relu, n.d);
    cr_expect_eq(n.y->def->prev, r->def);
    cr_expect_eq(r->def->prev, n.d->def);
    cr_expect_str_eq(r->path, "fc1");
    graph_replace(n.f.module->graph, n.d, r);
    cr_expect_eq(r->def->operands[0], n.d); /* what replaces may use what it replaces */
    cr_expect(sound(&n), "%s", diag_text(n.f.diag));
    arena_destroy(n.f.arena);
}

Test(graph, uses_are_counted_and_replaced) {
    Net n = net_create();
    Graph *graph = n.f.module->graph;
    Value *sum = build2(&n.f.b, OP_add, n.d, n.d);
    int *uses = graph_use_counts(graph, n.f.arena);
    cr_expect_eq(uses[n.d->id], 3);
    cr_expect_eq(uses[n.y->id], 1);
    cr_expect_eq(uses[sum->id], 0);
    Value *r = build1(&n.f.b, OP_relu, n.d), *s = build1(&n.f.b, OP_relu, n.d);
    Value **map = arena_array(n.f.arena, Value *, n.f.module->value_count);
    map[n.y->id] = r;
    map[r->id] = s; /* a chain */
    graph_replace_all(graph, map, n.f.module->value_count);
    cr_expect_eq(graph->outputs[0], s);
    node_remove(n.y->def);
    node_remove(r->def);
    cr_expect_eq(graph_node_count(graph), 4);
    cr_expect(sound(&n), "%s", diag_text(n.f.diag));
    arena_destroy(n.f.arena);
}

Test(graph, nodes_move) {
    Net n = net_create();
    Graph *graph = n.f.module->graph;
    node_move_before(n.d->def, n.w->def);
    cr_expect_eq(graph->first, n.d->def);
    cr_expect_eq(graph->first->next, n.w->def);
    cr_expect_eq(graph->last, n.y->def);
    expect_fault(&n, "'dense' (fc1): operand 1 is used before its definition");
}

Test(graph, inputs_keep_their_order_as_they_grow) {
    Fixture f = fixture_create();
    char name[16];
    for (int i = 0; i < 100; i++) {
        strcpy(name, "in__");
        name[2] = (char)('0' + i / 10);
        name[3] = (char)('0' + i % 10);
        fixture_input(&f, name, "f32[1]");
    }
    Graph *graph = f.module->graph;
    cr_expect_eq(graph->ninputs, 100);
    for (int i = 0; i < 100; i++) cr_expect_eq(graph->inputs[i]->index, i);
    cr_expect_str_eq(graph->input_names[0], "in00");
    cr_expect_str_eq(graph->input_names[63], "in63");
    cr_expect_str_eq(graph->input_names[99], "in99");
    arena_destroy(f.arena);
}

/* A fused node that adds its operand to itself and then clamps it. */
static Node *add_fused(Fixture *f, Value *x) {
    Graph *body = graph_create(f->module, "twice_relu");
    Builder b = {.graph = body, .path = "inner"};
    Value *in = graph_add_input(body, "a", &x->type, (Span){0});
    Value *out = build1(&b, OP_relu, build2(&b, OP_add, in, in));
    graph_set_outputs(body, 1, &out, (const char *const[]){"r"});
    return build_fused(&f->b, 1, &x, body);
}

Test(graph, clone_is_equal_and_independent) {
    Net n = net_create();
    Graph *graph = n.f.module->graph;
    Annotation keep = {.name = "prune", .count = 1, .args = {0.5}};
    node_annotate(n.d->def, 1, &keep);
    fixture_output(&n.f, node_result(add_fused(&n.f, n.y)));
    StrBuf before = {0}, after = {0}, original = {0};
    graph_print(graph, &before);
    uint32_t count = n.f.module->value_count;
    Value **map = arena_array(n.f.arena, Value *, count);
    Graph *copy = graph_clone(graph, map);
    graph_print(copy, &after);
    cr_expect_str_eq(str_text(&before), str_text(&after));
    cr_expect_eq(map[n.y->id]->def->op, OP_softmax);
    cr_expect_neq(map[n.y->id], n.y);
    cr_expect(graph_verify(copy, n.f.diag, "clone"), "%s", diag_text(n.f.diag));
    cr_expect(graph_bind(copy, dim_symbol_find(n.f.module->dims, "N"), 3, n.f.diag));
    graph_print(graph, &original);
    cr_expect_str_eq(str_text(&before), str_text(&original));
    str_free(&before), str_free(&after), str_free(&original);
    arena_destroy(n.f.arena);
}

Test(graph, bind_reaches_types_attributes_and_bodies) {
    Net n = net_create();
    Dim shape[] = {dim_symbol(n.f.module->dims, "N"), dim_int(n.f.module->dims, 4)};
    Value *r = build1(&n.f.b, OP_broadcast_to, n.y, attr_dims("shape", 2, shape));
    Node *fused = add_fused(&n.f, r);
    fixture_output(&n.f, node_result(fused));
    cr_expect(graph_bind(n.f.module->graph, 0, 3, n.f.diag));
    cr_expect(dim_is(node_attr(r->def, "shape")->dims[0], 3));
    cr_expect_str_eq(fixture_text(&n.f, node_result(fused)), "f32[3, 4]");
    cr_expect_str_eq(fixture_text(&n.f, fused->body->inputs[0]), "f32[3, 4]");
    cr_expect(sound(&n), "%s", diag_text(n.f.diag));
    arena_destroy(n.f.arena);
}

Test(graph, bind_says_what_does_not_fit) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[1, 1, H, 8]"),
          *w = fixture_input(&f, "w", "f32[1, 1, 5, 5]");
    fixture_output(&f, build2(&f.b, OP_conv2d, x, w));
    cr_expect(!graph_bind(f.module->graph, 0, 3, f.diag));
    cr_expect(strstr(diag_text(f.diag), "with H = 3: 'conv2d': a kernel of 5 by 5 does not fit "
                                        "f32[1, 1, 3, 8] padded by [0, 0, 0, 0]"),
              "%s", diag_text(f.diag));
    cr_expect(!graph_bind(f.module->graph, 0, -1, f.diag));
    arena_destroy(f.arena);
}

/* ---- the verifier ------------------------------------------------------------------------------
 */

Test(graph_verify, wrong_result_type) {
    Net n = net_create();
    n.d->type.dtype = DT_f16;
    expect_fault(&n,
                 "invalid IR after test: 'dense' (fc1): result 0 has type f16[N, 4], its rule says "
                 "f32[N, 4]");
}

Test(graph_verify, operands_of_no_graph) {
    Net n = net_create();
    Fixture *f = &n.f;
    Graph *other = graph_create(f->module, "other");
    n.y->def->operands[0] = graph_add_input(other, "z", &n.d->type, (Span){0});
    expect_fault(&n, "operand 0 is used before its definition");
}

Test(graph_verify, broken_list) {
    Net n = net_create();
    n.d->def->prev = NULL;
    expect_fault(&n, "is not linked into its graph");
}

Test(graph_verify, a_value_defined_twice) {
    Net n = net_create();
    n.y->def->results[0] = n.d;
    expect_fault(&n, "result 0: a value is defined twice");
}

Test(graph_verify, attributes_that_are_not_the_rows) {
    Net n = net_create();
    n.y->def->attrs[0] = attr_bool("axis", true);
    expect_fault(&n, "attribute 0 should be 'axis'");
}

Test(graph_verify, too_few_operands) {
    Net n = net_create();
    n.d->def->noperands = 1;
    expect_fault(&n, "'dense' takes 2 to 3 operands, found 1");
}

Test(graph_verify, stale_hash_and_wrong_data) {
    Net n = net_create();
    Value *c = build_scalar(&n.f.b, DT_f32, 2);
    cr_expect(sound(&n), "%s", diag_text(n.f.diag));
    tensor_set((Tensor *)(uintptr_t)c->def->data, 0, 3);
    expect_fault(&n, "'const' (fc1): its hash is stale");
}

Test(graph_verify, body_of_other_types) {
    Net n = net_create();
    Node *fused = add_fused(&n.f, n.y);
    cr_expect(sound(&n), "%s", diag_text(n.f.diag));
    fused->operands[0] = n.x;
    expect_fault(&n, "operand 0 is f32[N, 8], its body expects f32[N, 4]");
}

Test(graph_verify, body_that_uses_an_outer_value) {
    Net n = net_create();
    Node *fused = add_fused(&n.f, n.y);
    fused->body->first->operands[1] = n.y;
    expect_fault(&n, "operand 1 belongs to another graph");
}

Test(graph_verify, one_parameter_of_two_types) {
    Net n = net_create();
    TensorType type = fixture_type(&n.f, "f32[4, 9]");
    build_param(&n.f.b, "fc1.weight", &type);
    expect_fault(&n, "parameter 'fc1.weight' has two types");
}

Test(graph_verify, names_of_inputs) {
    Net n = net_create();
    fixture_input(&n.f, "x", "f32[1]");
    expect_fault(&n, "graph 'test': two inputs are called 'x'");
}

Test(graph_verify, no_outputs) {
    Net n = net_create();
    n.f.module->graph->noutputs = 0;
    expect_fault(&n, "graph 'test': has no output");
}
