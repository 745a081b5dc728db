/** What a header must look like before anybody relies on it: an image may be right by its digest, and made by somebody else. */
import { USER_REGISTERS } from '../abi/user-registers.js';
import type { StoredImage } from './image.js';

/** `count`: a whole number from 0 on; `wide`: 64 bits without a sign; `bits`: any number of them; `[shape]`: a list of such. A name with `?` may be missing. */
type Shape =
  | 'text'
  | 'flag'
  | 'number'
  | 'count'
  | 'wide'
  | 'bits'
  | readonly [Shape]
  | { readonly [name: string]: Shape };

const wide = (names: readonly string[]): { readonly [name: string]: Shape } =>
  Object.fromEntries(names.map((name) => [name, 'wide']));

const PIECE: Shape = { address: 'wide', size: 'count', block: 'count', from: 'count', 'back?': 'count' };
const MAP: Shape = {
  start: 'wide',
  end: 'wide',
  protection: 'text',
  shared: 'flag',
  growsDown: 'flag',
  name: 'text',
  'file?': { path: 'text', size: 'count', digest: 'text' },
  'object?': 'count',
  'advice?': ['text'],
  offset: 'count',
  pieces: [PIECE],
};
const THREAD: Shape = {
  tid: 'count',
  name: 'text',
  registers: wide(USER_REGISTERS),
  'stood?': wide(['rip', 'rax', 'orig_rax']),
  extended: 'text',
  mask: 'wide',
  alternate: { sp: 'wide', flags: 'count', size: 'wide' },
  robustList: wide(['head', 'length']),
  tidAddress: 'wide',
  pending: ['text'],
  'rseq?': { address: 'wide', length: 'count', signature: 'count', flags: 'count' },
  'area?': 'text',
  'section?': { ...wide(['ip', 'startIp', 'postCommitOffset', 'abortIp']), aborted: 'flag' },
  'affinity?': 'bits',
  'scheduling?': {
    policy: 'count',
    flags: 'count',
    nice: 'number',
    priority: 'count',
    deadline: ['wide'],
    io: 'number',
  },
  'timerSlack?': 'count',
};
const ADDRESSES = [
  ...['startCode', 'endCode', 'startData', 'endData', 'startBrk', 'brk', 'startStack'],
  ...['argStart', 'argEnd', 'envStart', 'envEnd'],
];

/** StoredImage, as far as every image has it. */
const IMAGE: Shape = {
  schema: 'text',
  version: 'text',
  architecture: 'text',
  kernel: 'text',
  taken: 'number',
  pid: 'count',
  command: ['text'],
  executable: 'text',
  directory: 'text',
  umask: 'count',
  layout: { ...wide(ADDRESSES), auxv: 'text' },
  maps: [MAP],
  threads: [THREAD],
  actions: [{ signal: 'count', ...wide(['handler', 'flags', 'restorer', 'mask']) }],
  pending: ['text'],
  timers: [['number']],
  files: [
    {
      fd: 'count',
      kind: 'text',
      path: 'text',
      flags: 'number',
      position: 'number',
      'same?': 'count',
      'size?': 'count',
      'index?': 'count',
      'count?': 'wide',
      'semaphore?': 'flag',
    },
  ],
  'pipes?': [{ capacity: 'count', pieces: [PIECE], 'packets?': ['count'] }],
  'objects?': [
    { kind: 'text', name: 'text', size: 'count', 'seals?': 'number', 'mode?': 'count', pieces: [PIECE] },
  ],
  'posixTimers?': [
    {
      id: 'count',
      clock: 'number',
      notify: 'count',
      signal: 'number',
      value: 'wide',
      thread: 'count',
      time: [['number']],
    },
  ],
  'limits?': [['wide']],
  'membarrier?': 'number',
  'personality?': 'count',
  'credentials?': { users: ['count'], groups: ['count'], supplementary: ['count'], capabilities: ['wide'] },
  'noNewPrivileges?': 'flag',
  'stopped?': 'flag',
  blocks: [
    { at: 'count', length: 'count', size: 'count', packed: 'flag', 'method?': 'text', digest: 'text' },
  ],
  'parent?': { file: 'text', digest: 'text' },
};

export function looksLikeImage(value: unknown): value is StoredImage {
  if (!fits(value, IMAGE)) return false;
  const { threads, maps, files, objects = [], pipes = [], limits = [] } = value as unknown as StoredImage;
  const isObject = (index: number | undefined): boolean => index === undefined || index < objects.length;
  return (
    threads.length > 0 &&
    maps.every(({ object }) => isObject(object)) &&
    files.every(({ kind, index = -1 }) => kind !== 'memfd' || (index >= 0 && isObject(index))) &&
    files.every(({ kind, index = -1 }) => kind !== 'pipe' || (index >= 0 && index < pipes.length)) &&
    files.every(
      ({ fd, same }) => same === undefined || files.some((other) => other.fd === same && same < fd),
    ) &&
    limits.length <= RLIMITS
  );
}

/** RLIM_NLIMITS (include/uapi/asm-generic/resource.h). */
const RLIMITS = 16;

function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === 'string') return FITS[shape](value);
  if (Array.isArray(shape)) return Array.isArray(value) && value.every((each) => fits(each, shape[0]));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(shape).every(([name, part]) => {
    const found = (value as Readonly<Record<string, unknown>>)[name.replace('?', '')];
    return found === undefined ? name.endsWith('?') : fits(found, part);
  });
}

const FITS: Readonly<Record<Extract<Shape, string>, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  flag: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  bits: (value) => typeof value === 'bigint' && value >= 0n,
  wide: (value) => typeof value === 'bigint' && value >= 0n && value < 1n << 64n,
};
