/* Export to ONNX: that no operator was forgotten, and the bytes that are written. */
#include <criterion/criterion.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "frontend/onnx/onnx.h"

Test(onnx_export, every_operator_has_a_row) {
    for (int op = 0; op < OP_COUNT; op++) {
        cr_expect(onnx_has_row((OpKind)op),
                  "operator '%s' of ir/ops.def has no row in frontend/onnx/rows.c: add one, "
                  "`PLAIN(types)` where ONNX's operator means the same, else with a function in "
                  "frontend/onnx/export_*.c, and a line in docs/onnx.md; tests/onnx/compare.py "
                  "checks it against onnxruntime",
                  op_info((OpKind)op)->name);
    }
}
