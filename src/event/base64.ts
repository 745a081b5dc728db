/** RFC 4648, with padding. Written here because browsers and Node share no function that takes bytes. */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b = 0, c = 0] = bytes.subarray(at, at + 3) as unknown as [number, number?, number?];
    const left = bytes.length - at;
    parts.push(
      DIGITS[a >> 2]! +
        DIGITS[((a & 3) << 4) | (b >> 4)]! +
        (left > 1 ? DIGITS[((b & 15) << 2) | (c >> 6)]! : '=') +
        (left > 2 ? DIGITS[c & 63]! : '='),
    );
  }
  return parts.join('');
}
