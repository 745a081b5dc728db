import { describe, expect, it } from 'vitest';
import { RSEQ, RSEQ_CS } from '../../src/abi/rseq.js';
import type { ProcessView, ThreadView } from '../../src/process/process.js';
import { rseqState } from '../../src/process/rseq.js';

const AREA = 0x5000n;
const CS = 0x6000n;
const [START, LENGTH, ABORT] = [0x401000n, 0x20n, 0x402010n];

/** A process whose memory is these pieces and nothing else. */
function processWith(pieces: Readonly<Record<string, Uint8Array>>): ProcessView {
  return {
    pid: 1,
    executable: 'x',
    architecture: 'x86-64',
    threads: [],
    maps: [],
    read: (address, size) => pieces[`${address}`]?.slice(0, size),
  };
}

const thread = (ip: bigint, registered = true): ThreadView => ({
  tid: 1,
  name: 'x',
  cpu: 0,
  state: 'running',
  registers: { ip, sp: 0n, values: [] },
  rseq: registered ? { address: AREA, length: 32, signature: 0x53053053, flags: 0 } : undefined,
  call: undefined,
});

const area = (rseq_cs: bigint): Uint8Array =>
  RSEQ.write({ cpu_id_start: 3, cpu_id: 3, rseq_cs, flags: 0 }, true, 32);
const descriptor = RSEQ_CS.write({
  version: 0,
  flags: 0,
  start_ip: START,
  post_commit_offset: LENGTH,
  abort_ip: ABORT,
});
const memory = {
  [`${AREA}`]: area(CS),
  [`${CS}`]: descriptor,
  [`${ABORT - 4n}`]: Uint8Array.of(0x53, 0x30, 0x05, 0x53),
};

describe('what a thread’s struct rseq says', () => {
  it.each([
    ['before start_ip', START - 1n, false],
    ['at start_ip', START, true],
    ['at the last byte', START + LENGTH - 1n, true],
    ['behind the commit', START + LENGTH, false],
    ['in the abort handler', ABORT, false],
  ])('%s', (_, ip, inside) => {
    const state = rseqState(processWith(memory), thread(ip));
    expect(state?.area?.cpu_id).toBe(3);
    expect(state?.section).toMatchObject({ address: CS, inside, signature: 0x53053053 });
  });

  it('nothing of a thread without a registration', () => {
    expect(rseqState(processWith(memory), thread(START, false))).toBeUndefined();
  });

  it('no section where rseq_cs is NULL', () => {
    const state = rseqState(processWith({ [`${AREA}`]: area(0n) }), thread(START));
    expect(state?.section).toBeUndefined();
    expect(state?.area?.rseq_cs).toBe(0n);
  });

  it('what cannot be read is undefined, not an error', () => {
    expect(rseqState(processWith({}), thread(START))).toMatchObject({ area: undefined, section: undefined });
    expect(rseqState(processWith({ [`${AREA}`]: area(CS) }), thread(START))?.section).toEqual({
      address: CS,
      descriptor: undefined,
      inside: false,
      position: 'unknown',
      signature: undefined,
    });
    const { [`${ABORT - 4n}`]: _, ...unsigned } = memory;
    expect(rseqState(processWith(unsigned), thread(START))?.section).toMatchObject({
      inside: true,
      signature: undefined,
    });
  });
});
