import { describe, expect, it } from 'vitest';
import { addressOf } from '../../src/linux/libc.js';
import { Space } from '../../src/live/keeper/space.js';
import { reason, title } from '../linux/here.js';

describe.skipIf(reason !== undefined)(title('breakpoints', reason), () => {
  it('are the same ones when maps have changed, and what stands there is read anew', () => {
    const code = new Uint8Array([0x90, 0x90]);
    const at = Number(addressOf(code));
    const space = new Space(process.pid);
    try {
      const breakpoint = space.known(at)!;
      expect(space.plant(at)).toBe(true);
      space.remove(at);
      space.remapped();
      code[0] = 0x50;
      // Whoever has kept it (stress/rush.ts) sees it planted.
      expect(space.plant(at)).toBe(true);
      expect(space.known(at)).toBe(breakpoint);
      expect(breakpoint).toMatchObject({ planted: true, original: 0x50 });
      expect([...code]).toEqual([0xcc, 0x90]);
      space.removeAll();
      expect([...code]).toEqual([0x50, 0x90]);
    } finally {
      space.close();
    }
  });
});
