/** Text of an image as the simulated Linux has strings: a character a byte. */
export const bytesText = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));

/** The opposite. */
export const textOf = (bytes: string): string =>
  new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
