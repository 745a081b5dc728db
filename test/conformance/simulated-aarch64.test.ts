import { holdsToArm64 } from './simulated-aarch64.js';

/** test/long has the others. */
holdsToArm64('6.12', '7.1');
