/* rows list: id, source and description of each row. rows ID: runs one. */
#include "rows.h"

const struct row *const tables[] = {registration_rows, fields_rows, violation_rows, lazy_rows, abort_rows, 0};
