/** What cannot be kept or brought back, in words for the user: the rest of a sentence that names the process or the image. */
export class Unsupported extends Error {}
