/** The scenario needs something that exploration does not have: nothing can be said about it. One line, with a remedy. */
export class Refusal extends Error {}

/** The search must begin anew: something is known now that what was found so far did not take into account. */
export class Anew extends Error {}
