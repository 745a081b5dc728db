import type { Event, Happening } from './event.js';

/**
 * How each field of an event is written down, in hashes and in JSON.
 *   number     a whole number below 2^53, perhaps negative
 *   address    64 bits, unsigned: an address, or whatever is printed as one
 *   value      64 bits, signed
 *   name       text that is the same in every version of rseqlab
 *   prose      text for people: not hashed, so that its wording may change
 *   yes-no, names, words, bytes, pieces   as they say; words are like address
 */
export type FieldType =
  | 'number'
  | 'address'
  | 'value'
  | 'name'
  | 'prose'
  | 'yes-no'
  | 'names'
  | 'words'
  | 'bytes'
  | 'pieces';

type Of<K> = Happening extends infer H
  ? H extends { kind: infer Q }
    ? K extends Q
      ? H
      : never
    : never
  : never;
type Row<K> = { readonly [F in Exclude<keyof Of<K>, 'kind'>]-?: FieldType };

const REGISTRATION = { address: 'address', length: 'number', signature: 'number', flags: 'number' } as const;

/** Fields of each kind, in the order in which they are hashed. */
export const EVENT_FIELDS: { readonly [K in Happening['kind']]: Row<K> } = {
  start: { pid: 'number', parent: 'number', how: 'name', name: 'name' },
  exit: { pid: 'number', status: 'number' },
  exec: { path: 'name' },
  switch: { from: 'number', to: 'number', voluntary: 'yes-no' },
  migrate: { from: 'number', to: 'number' },
  wake: {},
  syscall: { number: 'number', name: 'name', arguments: 'words', data: 'pieces' },
  return: { name: 'name', value: 'value', error: 'name' },
  signal: { signal: 'name', action: 'name', ip: 'address', code: 'number', address: 'address' },
  register: REGISTRATION,
  unregister: REGISTRATION,
  'rseq-update': { cpuId: 'number', nodeId: 'number', mmCid: 'number' },
  abort: {
    ip: 'address',
    startIp: 'address',
    postCommitOffset: 'address',
    abortIp: 'address',
    causes: 'names',
  },
  clear: { rseqCs: 'address', ip: 'address' },
  violation: {
    rule: 'name',
    message: 'prose',
    ip: 'address',
    rseqCs: 'address',
    startIp: 'address',
    postCommitOffset: 'address',
    abortIp: 'address',
  },
  annotated: { name: 'name', actions: 'number', cookie: 'address' },
  slice: { what: 'name' },
  log: { text: 'prose' },
  'unknown-syscall': { number: 'number', name: 'name' },
  'unknown-instruction': { ip: 'address', bytes: 'name', text: 'prose' },
  'out-of-memory': { pid: 'number', pages: 'number', limit: 'number' },
  output: { fd: 'number', bytes: 'bytes' },
};

type Field = readonly [name: string, type: FieldType];

const FIELDS = new Map<string, readonly Field[]>(
  Object.entries(EVENT_FIELDS).map(([kind, row]) => [kind, Object.entries(row) as Field[]]),
);

export const EVENT_KINDS = Object.keys(EVENT_FIELDS) as Event['kind'][];

/** Names and types of an event's fields. */
export const fieldsOf = (kind: Event['kind']): readonly Field[] => FIELDS.get(kind)!;
