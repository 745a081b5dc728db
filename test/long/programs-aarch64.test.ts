import { holdsToRealArm64 } from '../programs/arm64.js';

holdsToRealArm64('glibc');
