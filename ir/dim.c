/* Dimensions: the context with its table of polynomials, and their ring operations. The atoms:
 * dim_atoms.c. */
#include "ir/dim_private.h"

#include <string.h>

DimContext *dim_context_create(Arena *arena) {
    DimContext *ctx = arena_new(arena, DimContext);
    ctx->arena = arena;
    ctx->nslots = 64;
    ctx->slots = arena_array(arena, DimInfo *, ctx->nslots);
    return ctx;
}

int dim_symbol_count(const DimContext *ctx) {
    return (int)ctx->names.len;
}

const char *dim_symbol_name(const DimContext *ctx, int index) {
    require(index >= 0 && (size_t)index < ctx->names.len);
    return ctx->names.data[index];
}

int dim_symbol_find(const DimContext *ctx, const char *name) {
    for (size_t i = 0; i < ctx->names.len; i++)
        if (strcmp(ctx->names.data[i], name) == 0) return (int)i;
    return -1;
}

/* ---- the table of nodes ---- */

static uint64_t hash_terms(const DimTerm *terms, int count) {
    uint64_t hash = 0;
    for (int i = 0; i < count; i++) {
        hash = hash_bytes(&terms[i].coefficient, sizeof(terms[i].coefficient), hash);
        for (int j = 0; j < terms[i].nfactors; j++) {
            const DimFactor *f = &terms[i].factors[j];
            uint32_t key[5] = {(uint32_t)f->atom, (uint32_t)f->symbol, (uint32_t)f->power, 0, 0};
            if (f->atom != ATOM_SYMBOL) {
                key[3] = f->a->id;
                key[4] = f->b->id;
            }
            hash = hash_bytes(key, sizeof(key), hash);
        }
    }
    return hash;
}

static bool same_factor(const DimFactor *a, const DimFactor *b) {
    return a->atom == b->atom && a->symbol == b->symbol && a->a == b->a && a->b == b->b &&
           a->power == b->power;
}

static bool same_terms(Dim d, const DimTerm *terms, int count) {
    if (d->nterms != count) return false;
    for (int i = 0; i < count; i++) {
        const DimTerm *a = &d->terms[i], *b = &terms[i];
        if (a->coefficient != b->coefficient || a->nfactors != b->nfactors) return false;
        for (int j = 0; j < a->nfactors; j++)
            if (!same_factor(&a->factors[j], &b->factors[j])) return false;
    }
    return true;
}

/* The slot that holds the polynomial, or the free one where it belongs. */
static DimInfo **find_slot(const DimContext *ctx, const DimTerm *terms, int count, uint64_t hash) {
    for (size_t i = hash & (ctx->nslots - 1);; i = (i + 1) & (ctx->nslots - 1)) {
        DimInfo *info = ctx->slots[i];
        if (!info || (info->hash == hash && same_terms(&info->node, terms, count)))
            return &ctx->slots[i];
    }
}

static void grow_table(DimContext *ctx) {
    DimInfo **old = ctx->slots;
    size_t count = ctx->nslots;
    ctx->nslots *= 2;
    ctx->slots = arena_array(ctx->arena, DimInfo *, ctx->nslots);
    for (size_t i = 0; i < count; i++)
        if (old[i]) *find_slot(ctx, old[i]->node.terms, old[i]->node.nterms, old[i]->hash) = old[i];
}

static int size_of_terms(const DimTerm *terms, int count) {
    int size = 1;
    for (int i = 0; i < count && size <= DIM_MAX_SIZE; i++) {
        size++;
        for (int j = 0; j < terms[i].nfactors && size <= DIM_MAX_SIZE; j++) {
            const DimFactor *f = &terms[i].factors[j];
            int once = f->atom == ATOM_SYMBOL ? 1 : dim_info(f->a)->size + dim_info(f->b)->size;
            size += f->power * once;
        }
    }
    return size;
}

Dim poly_finish(DimContext *ctx, const Poly *p) {
    if (p->failed) return NULL;
    uint64_t hash = hash_terms(p->terms, p->nterms);
    DimInfo **slot = find_slot(ctx, p->terms, p->nterms, hash);
    if (*slot) return &(*slot)->node;
    int size = size_of_terms(p->terms, p->nterms);
    if (size > DIM_MAX_SIZE) return NULL;
    DimTerm *terms = arena_array(ctx->arena, DimTerm, (size_t)p->nterms);
    memcpy(terms, p->terms, (size_t)p->nterms * sizeof(DimTerm));
    Interval range = interval_of_terms(terms, p->nterms);
    DimInfo *info = arena_new(ctx->arena, DimInfo);
    *info = (DimInfo){.node = {(uint32_t)ctx->nnodes, p->nterms, terms},
                      .least = range.least,
                      .greatest = range.greatest,
                      .size = size,
                      .hash = hash};
    *slot = info;
    if (++ctx->nnodes * 2 > ctx->nslots) grow_table(ctx);
    return &info->node;
}

/* ---- polynomials under construction ---- */

void poly_add_term(const DimContext *ctx, Poly *p, const DimTerm *term) {
    if (p->failed || term->coefficient == 0) return;
    int i = 0, order = 1;
    while (i < p->nterms && (order = term_compare(ctx, &p->terms[i], term)) < 0) i++;
    size_t behind = (size_t)(p->nterms - i) * sizeof(DimTerm);
    if (i < p->nterms && order == 0) {
        int64_t *sum = &p->terms[i].coefficient;
        if (!checked_add(*sum, term->coefficient, sum) || *sum == INT64_MIN) p->failed = true;
        if (p->failed || *sum != 0) return;
        memmove(&p->terms[i], &p->terms[i + 1], behind - sizeof(DimTerm));
        p->nterms--;
        return;
    }
    if (p->nterms == DIM_MAX_TERMS || term->coefficient == INT64_MIN) {
        p->failed = true;
        return;
    }
    memmove(&p->terms[i + 1], &p->terms[i], behind);
    p->terms[i] = *term;
    p->nterms++;
}

static void poly_add_scaled(const DimContext *ctx, Poly *p, Dim d, int64_t scale) {
    for (int i = 0; i < d->nterms; i++) {
        DimTerm term = d->terms[i];
        if (!checked_mul(term.coefficient, scale, &term.coefficient)) p->failed = true;
        poly_add_term(ctx, p, &term);
    }
}

Dim dim_of_term(DimContext *ctx, const DimTerm *term) {
    Poly p = {.nterms = 0};
    poly_add_term(ctx, &p, term);
    return poly_finish(ctx, &p);
}

Dim dim_of_atom(DimContext *ctx, DimAtom atom, Dim a, Dim b) {
    DimFactor *factor = arena_new(ctx->arena, DimFactor);
    *factor = (DimFactor){.atom = atom, .a = a, .b = b, .power = 1};
    DimTerm term = {1, 1, factor};
    return dim_of_term(ctx, &term);
}

/* ---- the ring ---- */

Dim dim_int(DimContext *ctx, int64_t value) {
    DimTerm term = {value, 0, NULL};
    return dim_of_term(ctx, &term);
}

Dim dim_symbol(DimContext *ctx, const char *name) {
    int index = dim_symbol_find(ctx, name);
    if (index < 0) {
        index = (int)ctx->names.len;
        vec_push(ctx->arena, &ctx->names, arena_strdup(ctx->arena, name));
    }
    DimFactor *factor = arena_new(ctx->arena, DimFactor);
    *factor = (DimFactor){.atom = ATOM_SYMBOL, .symbol = index, .power = 1};
    DimTerm term = {1, 1, factor};
    return dim_of_term(ctx, &term);
}

static Dim sum_scaled(DimContext *ctx, Dim a, Dim b, int64_t scale) {
    if (!a || !b) return NULL;
    Poly p = {.nterms = 0};
    poly_add_scaled(ctx, &p, a, 1);
    poly_add_scaled(ctx, &p, b, scale);
    return poly_finish(ctx, &p);
}

Dim dim_add(DimContext *ctx, Dim a, Dim b) {
    return sum_scaled(ctx, a, b, 1);
}
Dim dim_sub(DimContext *ctx, Dim a, Dim b) {
    return sum_scaled(ctx, a, b, -1);
}

Dim dim_scale(DimContext *ctx, Dim d, int64_t scale) {
    if (!d) return NULL;
    Poly p = {.nterms = 0};
    if (scale) poly_add_scaled(ctx, &p, d, scale);
    return poly_finish(ctx, &p);
}

Dim dim_mul(DimContext *ctx, Dim a, Dim b) {
    if (!a || !b) return NULL;
    Poly p = {.nterms = 0};
    for (int i = 0; i < a->nterms; i++) {
        for (int j = 0; j < b->nterms; j++) {
            DimTerm product;
            if (!term_multiply(ctx, &a->terms[i], &b->terms[j], &product)) return NULL;
            poly_add_term(ctx, &p, &product);
        }
    }
    return poly_finish(ctx, &p);
}

/* Division by leading terms: the order of terms makes each step take the leading term of the rest
 * away. */
Dim dim_divide_exact(DimContext *ctx, Dim a, Dim b) {
    if (!a || !b || b->nterms == 0) return NULL;
    Poly quotient = {.nterms = 0};
    for (Dim rest = a; rest->nterms > 0;) {
        DimTerm step;
        if (!term_divide(ctx, &rest->terms[0], &b->terms[0], &step)) return NULL;
        poly_add_term(ctx, &quotient, &step);
        if (quotient.failed) return NULL;
        rest = dim_sub(ctx, rest, dim_mul(ctx, dim_of_term(ctx, &step), b));
        if (!rest) return NULL;
    }
    return poly_finish(ctx, &quotient);
}

/* ---- questions ---- */

bool dim_is_int(Dim d, int64_t *value) {
    if (d->nterms > 1 || (d->nterms == 1 && d->terms[0].nfactors > 0)) return false;
    if (value) *value = dim_constant(d);
    return true;
}

int64_t dim_constant(Dim d) {
    if (d->nterms == 0) return 0;
    const DimTerm *last = &d->terms[d->nterms - 1];
    return last->nfactors == 0 ? last->coefficient : 0;
}

uint64_t dim_gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

Dim dim_primitive(DimContext *ctx, Dim d, int64_t *content) {
    uint64_t gcd = 0;
    for (int i = 0; i < d->nterms; i++) {
        int64_t c = d->terms[i].coefficient;
        gcd = dim_gcd(gcd, (uint64_t)(c < 0 ? -c : c));
    }
    if (content) *content = (int64_t)gcd;
    Poly p = {.nterms = 0};
    for (int i = 0; i < d->nterms; i++) {
        DimTerm term = d->terms[i];
        term.coefficient /= (int64_t)gcd;
        poly_add_term(ctx, &p, &term);
    }
    return poly_finish(ctx, &p);
}
