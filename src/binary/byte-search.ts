/** Letters of names, rarest first: a search for a rare byte stops seldom. */
const RARE = [...'qjzxkvw'].map((letter) => letter.charCodeAt(0));

/** Are the bytes `wanted` (at least one) somewhere in `bytes`? */
export function holds(bytes: Uint8Array, wanted: Uint8Array): boolean {
  const rare = RARE.find((letter) => wanted.includes(letter)) ?? wanted[0]!;
  const before = wanted.indexOf(rare);
  for (let at = bytes.indexOf(rare, before); at !== -1; at = bytes.indexOf(rare, at + 1)) {
    if (wanted.every((byte, n) => bytes[at - before + n] === byte)) return true;
  }
  return false;
}
