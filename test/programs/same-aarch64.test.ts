import { holdsToRealArm64 } from './arm64.js';

holdsToRealArm64('musl');
/** test/long has all. */
holdsToRealArm64('glibc', ['hello', 'threads', 'signals', 'rseq']);
