/** RFC 4648, with padding. Written here because browsers and Node share no function that takes bytes. */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES: readonly number[] = Array.from({ length: 128 }, (_, code) =>
  DIGITS.indexOf(String.fromCharCode(code)),
);

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

/** Throws SyntaxError for what is no base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/={1,2}$/, '');
  if (text.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(digits)) throw new SyntaxError('no base64');
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let bits = 0;
  let count = 0;
  let to = 0;
  for (let at = 0; at < digits.length; at++) {
    bits = ((bits << 6) | VALUES[digits.charCodeAt(at)]!) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes[to++] = (bits >> count) & 0xff;
  }
  return bytes;
}
