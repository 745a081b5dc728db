/** A file that the simulated Linux cannot run; says what and what to do. */
export class ProgramError extends Error {}
