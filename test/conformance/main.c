/* rows list: id, source and description of each row. rows ID: runs one. */
#include "rows.h"

#ifdef __aarch64__
/* What is written in C, and the sections that are in both languages. */
const struct row *const tables[] = {
    registration_rows, fields_rows, violation_rows, unchecked_rows, sigsegv_rows, lazy_rows, abort_rows, interrupted_rows, family_rows,
    inside_rows, last_rows, membarrier_rows, slice_rows, configuration_rows, ptrace_rows, signal_rows, restart_rows, basic_rows, arm64_rows, 0,
};
#else
const struct row *const tables[] = {
    registration_rows, fields_rows, violation_rows, unchecked_rows, sigsegv_rows, lazy_rows, abort_rows, interrupted_rows, family_rows,
    inside_rows, last_rows, membarrier_rows, slice_rows, configuration_rows, ptrace_rows, signal_rows, frame_rows, fault_rows, restart_rows,
    basic_rows, file_rows, 0,
};
#endif
