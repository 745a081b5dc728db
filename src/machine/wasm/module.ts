import { Bytes } from './encoder.js';
import { TYPE, type ValueType } from './opcodes.js';

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface ImportedFunction extends FunctionType {
  readonly name: string;
}

/** A function's locals behind its parameters, and its code without the final `end`. */
export interface FunctionBody {
  readonly locals: readonly ValueType[];
  readonly code: Uint8Array;
}

/**
 * A module of functions that all have the same type and are exported as "0", "1", ...: what translated code needs. It imports the memory
 * as env.memory and functions from env, and env.table where it calls through it.
 */
export function moduleBytes(
  imports: readonly ImportedFunction[],
  type: FunctionType,
  bodies: readonly FunctionBody[],
  table = false,
): Uint8Array {
  const out = new Bytes().byte(0x00, 0x61, 0x73, 0x6d).byte(0x01, 0x00, 0x00, 0x00);
  const section = (id: number, fill: (inner: Bytes) => void): void => {
    out.byte(id).sized(fill);
  };
  const types = [...imports, type];
  section(1, (s) =>
    s.vector(types, ({ parameters, results }) => {
      s.byte(0x60);
      s.vector(parameters, (each) => s.byte(TYPE[each]));
      s.vector(results, (each) => s.byte(TYPE[each]));
    }),
  );
  section(2, (s) => {
    s.u32(imports.length + (table ? 2 : 1));
    s.name('env').name('memory').byte(0x02, 0x01).u32(1).u32(65_536);
    if (table) s.name('env').name('table').byte(0x01, 0x70, 0x00).u32(0);
    for (const [index, { name }] of imports.entries()) s.name('env').name(name).byte(0x00).u32(index);
  });
  section(3, (s) => s.vector(bodies, () => s.u32(imports.length)));
  section(7, (s) =>
    s.vector([...bodies.keys()], (index) =>
      s
        .name(`${index}`)
        .byte(0x00)
        .u32(imports.length + index),
    ),
  );
  section(10, (s) =>
    s.vector(bodies, ({ locals, code }) =>
      s.sized((body) => {
        body.vector(runs(locals), ({ type, count }) => body.u32(count).byte(TYPE[type]));
        body.append(code).byte(0x0b);
      }),
    ),
  );
  return out.bytes;
}

/** Neighbours of one type as one entry. */
function runs(locals: readonly ValueType[]): { readonly type: ValueType; readonly count: number }[] {
  const found: { type: ValueType; count: number }[] = [];
  for (const type of locals) {
    const last = found.at(-1);
    if (last?.type === type) last.count++;
    else found.push({ type, count: 1 });
  }
  return found;
}
