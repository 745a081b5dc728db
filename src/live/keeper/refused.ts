/** What was asked for cannot be done: `message` is one line for the user. */
export class Refused extends Error {}
