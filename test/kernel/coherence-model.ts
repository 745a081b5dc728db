/** Memory without any machine: what accesses must see, byte for byte. */
const PAGE = 4096;

export interface ModelFile {
  size: number;
  /** Pages that were written to; others are zeros. */
  readonly pages: Map<number, Uint8Array>;
}

interface ModelPage {
  readonly file: ModelFile | undefined;
  readonly index: number;
  readonly shared: boolean;
  protection: number;
  /** What the process has made its own. */
  own: Uint8Array | undefined;
}

export type ModelSpace = Map<number, ModelPage>;

export const newFile = (): ModelFile => ({ size: 0, pages: new Map() });

function pageOf(file: ModelFile, index: number): Uint8Array {
  let page = file.pages.get(index);
  if (page === undefined) {
    page = new Uint8Array(PAGE);
    file.pages.set(index, page);
  }
  return page;
}

export function map(
  space: ModelSpace,
  first: number,
  count: number,
  what: { file: ModelFile | undefined; index: number; shared: boolean; protection: number },
): void {
  for (let n = 0; n < count; n++) space.set(first + n, { ...what, index: what.index + n, own: undefined });
}

export const fork = (space: ModelSpace): ModelSpace =>
  new Map([...space].map(([page, held]) => [page, { ...held, own: held.own?.slice() }]));

const beyond = ({ file, index, own }: ModelPage): boolean =>
  own === undefined && file !== undefined && index * PAGE >= file.size;

/** Bytes of an access by pages, as far as it is allowed. */
function parts(space: ModelSpace, address: number, size: number, wanted: number) {
  let whole = true;
  const found: { page: ModelPage; from: number; at: number; size: number }[] = [];
  for (let at = address; at < address + size; ) {
    const number = Math.floor(at / PAGE);
    const stop = Math.min(address + size, (number + 1) * PAGE);
    const page = space.get(number);
    const allowed =
      page !== undefined && (wanted === 2 ? (page.protection & 2) !== 0 : page.protection !== 0);
    if (!allowed || beyond(page)) {
      whole = false;
      break;
    }
    found.push({ page, from: at - number * PAGE, at: at - address, size: stop - at });
    at = stop;
  }
  return { found, whole };
}

export function read(space: ModelSpace, address: number, size: number): Uint8Array | undefined {
  const bytes = new Uint8Array(size);
  const { found, whole } = parts(space, address, size, 1);
  for (const { page, from, at, size: length } of found) {
    const content = page.own ?? (page.file === undefined ? undefined : page.file.pages.get(page.index));
    if (content !== undefined) bytes.set(content.subarray(from, from + length), at);
  }
  return whole ? bytes : undefined;
}

/** As a processor stores: pages first become the process's own, then all bytes are written, or none where a page refuses. */
export function write(space: ModelSpace, address: number, bytes: Uint8Array): boolean {
  const { found, whole } = parts(space, address, bytes.length, 2);
  for (const { page } of found)
    if (!page.shared) page.own ??= page.file?.pages.get(page.index)?.slice() ?? new Uint8Array(PAGE);
  if (whole)
    for (const { page, from, at, size } of found)
      (page.own ?? pageOf(page.file!, page.index)).set(bytes.subarray(at, at + size), from);
  return whole;
}

export function readFile(file: ModelFile, offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(size, file.size - offset)));
  for (let n = 0; n < bytes.length; n++) {
    const at = offset + n;
    bytes[n] = file.pages.get(Math.floor(at / PAGE))?.[at % PAGE] ?? 0;
  }
  return bytes;
}

export function writeFile(file: ModelFile, offset: number, bytes: Uint8Array): void {
  for (const [n, byte] of bytes.entries()) {
    const at = offset + n;
    pageOf(file, Math.floor(at / PAGE))[at % PAGE] = byte;
  }
  file.size = Math.max(file.size, offset + bytes.length);
}

export function truncate(file: ModelFile, spaces: readonly ModelSpace[], size: number): void {
  if (size < file.size) {
    const first = Math.ceil(size / PAGE);
    for (const index of [...file.pages.keys()]) if (index >= first) file.pages.delete(index);
    if (size % PAGE !== 0) file.pages.get(first - 1)?.fill(0, size % PAGE);
    for (const space of spaces)
      for (const page of space.values()) if (page.file === file && page.index >= first) page.own = undefined;
  }
  file.size = size;
}

export function forget(space: ModelSpace, first: number, count: number): void {
  for (let n = 0; n < count; n++) {
    const page = space.get(first + n);
    if (page !== undefined) page.own = undefined;
  }
}
