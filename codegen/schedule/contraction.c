/* Contractions as data. */
#include "codegen/schedule/contraction.h"

int contraction_axis(Contraction *c, const char *name, Dim extent, bool reduced) {
    require(c->naxes < MAX_DOMAIN);
    c->axes[c->naxes] = (DomainAxis){
        .name = name, .extent = extent, .reduced = reduced, .block = 1, .lanes = 1, .panel = 1};
    return c->naxes++;
}

void affine_term(AffineIndex *index, int axis, int64_t scale) {
    require(index->nterms < (int)COUNT_OF(index->terms));
    index->terms[index->nterms].axis = axis;
    index->terms[index->nterms++].scale = scale;
}

bool affine_depends(const AffineIndex *index, int axis) {
    for (int i = 0; i < index->nterms; i++)
        if (index->terms[i].axis == axis) return true;
    return false;
}

bool access_depends(const Access *access, int axis) {
    for (int i = 0; i < access->value->type.rank; i++)
        if (affine_depends(&access->index[i], axis)) return true;
    return false;
}
