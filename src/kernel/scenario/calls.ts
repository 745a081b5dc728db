/** System calls of scenarios, far from those of Linux ("RS" in the upper half): result(value), fail(claim, file, line), done(), operation(), gate(task), released(): the end of a tracer. */
export const SCENARIO_CALLS = {
  result: 0x5253_0001,
  fail: 0x5253_0002,
  done: 0x5253_0003,
  operation: 0x5253_0004,
  gate: 0x5253_0005,
  released: 0x5253_0006,
} as const;
