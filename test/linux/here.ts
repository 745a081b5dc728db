import { unavailable } from '../../src/linux/libc.js';

/** Why real processes cannot be worked on here: the title of what is skipped then. */
export const reason = unavailable();
export const title = (text: string): string => (reason === undefined ? text : `${text}: ${reason}`);
