import { holdsToArm64 } from '../conformance/simulated-aarch64.js';

/** Kernels that abort nothing: rows that wait for an abort hang there. */
holdsToArm64('6.19', '7.0');
