/* A row: one rule of the kernel, and a function that prints what the kernel does. */
#ifndef ROWS_H
#define ROWS_H

struct row {
  const char *id, *description, *source;
  void (*run)(void);
};

/* Each ends with an empty row. */
extern const struct row registration_rows[], fields_rows[], violation_rows[], unchecked_rows[], sigsegv_rows[], lazy_rows[],
    abort_rows[], interrupted_rows[], family_rows[], inside_rows[], last_rows[], membarrier_rows[], slice_rows[], configuration_rows[],
    ptrace_rows[], signal_rows[], frame_rows[], fault_rows[], restart_rows[], basic_rows[], file_rows[], arm64_rows[];
extern const struct row *const tables[];

#endif
