/** What was asked for cannot be done: `message` is one line for the user. */
export class Refused extends Error {
  constructor(
    message: string,
    /** It is a process to pass over in silence when all are looked at: a kernel thread, a zombie, one that is gone. */
    readonly nothingToSee: boolean = false,
  ) {
    super(message);
  }
}
