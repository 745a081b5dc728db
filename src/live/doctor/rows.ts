import type { Subject } from './row.js';
import { LIFE } from './rows-life.js';
import { REGISTRATION } from './rows-registration.js';
import { SECTIONS } from './rows-sections.js';
import { VIOLATIONS } from './rows-violations.js';

/** Every promise, by subject: the order in which they are printed. */
export const SUBJECTS: readonly Subject[] = [...REGISTRATION, ...SECTIONS, ...VIOLATIONS, ...LIFE];
