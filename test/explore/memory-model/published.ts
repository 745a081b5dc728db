/** A published outcome: values in the order in which each task reads, undefined where any will do; and of memory at the end. */
export interface Published {
  readonly name: string;
  readonly tasks: readonly string[];
  readonly reads: readonly (readonly (number | undefined)[])[];
  readonly memory?: Readonly<Record<string, number>>;
  /** It is seen with store buffers, and without. */
  readonly tso: boolean;
  readonly sc: boolean;
}

const row = (
  name: string,
  verdict: 'forbidden' | 'tso' | 'sc',
  tasks: readonly string[],
  reads: Published['reads'],
  memory?: Published['memory'],
): Published => ({
  name,
  tasks,
  reads,
  ...(memory && { memory }),
  tso: verdict !== 'forbidden',
  sc: verdict === 'sc',
});

/** S. Owens, S. Sarkar, P. Sewell: A better x86 memory model: x86-TSO (extended version), with the errata of n8; names as there: iwp of Intel's white paper, amd of AMD's manual. `any`: the value read by an xchg. */
const any = undefined;
const PAPER: readonly Published[] = [
  row('iwp2.1/amd1', 'forbidden', ['Wx=1 Wy=1', 'Ry Rx'], [[], [1, 0]]),
  row('iwp2.2/amd2', 'forbidden', ['Rx Wy=1', 'Ry Wx=1'], [[1], [1]]),
  row('iwp2.3.a/amd4', 'tso', ['Wx=1 Ry', 'Wy=1 Rx'], [[0], [0]]),
  row('iwp2.3.b', 'forbidden', ['Wx=1 Rx', 'Wy=1 Ry'], [[0], [0]]),
  row(
    'iwp2.4/amd9',
    'tso',
    ['Wx=1 Rx Ry', 'Wy=1 Ry Rx'],
    [
      [1, 0],
      [1, 0],
    ],
  ),
  row('iwp2.5/amd8', 'forbidden', ['Wx=1', 'Rx Wy=1', 'Ry Rx'], [[], [1], [1, 0]]),
  row('iwp2.6', 'forbidden', ['Wx=1', 'Wx=2', 'Rx Rx', 'Rx Rx'], [[], [], [1, 2], [2, 1]]),
  row('iwp2.7/amd7', 'forbidden', ['xchg.x=1', 'xchg.y=1', 'Rx Ry', 'Ry Rx'], [[any], [any], [1, 0], [1, 0]]),
  row(
    'iwp2.8.a',
    'forbidden',
    ['xchg.x=1 Ry', 'xchg.y=1 Rx'],
    [
      [any, 0],
      [any, 0],
    ],
  ),
  row('iwp2.8.b', 'forbidden', ['xchg.x=1 Wy=1', 'Ry Rx'], [[any], [1, 0]]),
  row('amd3', 'tso', ['Wx=1 Wx=2 Ry', 'Wy=1 Wy=2 Rx'], [[1], [1]]),
  row('amd5', 'forbidden', ['Wx=1 mfence Ry', 'Wy=1 mfence Rx'], [[0], [0]]),
  row('amd6', 'forbidden', ['Wx=1', 'Wy=1', 'Rx Ry', 'Ry Rx'], [[], [], [1, 0], [1, 0]]),
  row(
    'amd10',
    'forbidden',
    ['Wx=1 mfence Rx Ry', 'Wy=1 mfence Ry Rx'],
    [
      [1, 0],
      [1, 0],
    ],
  ),
  row('n1', 'tso', ['Wx=2 Ry', 'Wy=1 Wx=1', 'Rx Rx'], [[0], [], [1, 2]]),
  row('n2', 'forbidden', ['Wy=1 Wx=1', 'Wx=2 Wz=1', 'Rx Rx', 'Rz Ry'], [[], [], [1, 2], [1, 0]]),
  row('n3', 'forbidden', ['xchg.x=1', 'Wy=1', 'Ry Rx Rx', 'Rx Ry Ry'], [[any], [], [1, 0, 1], [1, 0, 1]]),
  row(
    'n4',
    'forbidden',
    ['Rx Wx=1 Rx', 'Rx Wx=2 Rx'],
    [
      [2, 1],
      [1, 2],
    ],
  ),
  row('n4b', 'forbidden', ['Rx Wx=1', 'Rx Wx=2'], [[2], [1]]),
  row('n5', 'forbidden', ['Wx=1 Rx', 'Wx=2 Rx'], [[2], [1]]),
  row('n6', 'tso', ['Wx=1 Rx Ry', 'Wy=2 Wx=2'], [[1, 0], []], { x: 1 }),
  row('n7', 'tso', ['Wx=1 Rx Ry', 'Wy=1', 'Ry Rx'], [[1, 0], [], [1, 0]]),
  row('n8', 'tso', ['xchg.x=1 Ry', 'Wy=1 Rx'], [[any, 0], [0]]),
  row('rwc-unfenced', 'tso', ['Wx=1', 'Rx Ry', 'Wy=1 Rx'], [[], [1, 0], [0]]),
  row('rwc-fenced', 'forbidden', ['Wx=1', 'Rx Ry', 'Wy=1 mfence Rx'], [[], [1, 0], [0]]),
];

/** The shapes of the herd and litmus tools, as J. Alglave, L. Maranget, M. Tautschnig: Herding cats (TOPLAS 2014) names them. */
const SHAPES: readonly Published[] = [
  row('R', 'tso', ['Wx=1 Wy=1', 'Wy=2 Rx'], [[], [0]], { y: 2 }),
  row('R+po+mfence', 'forbidden', ['Wx=1 Wy=1', 'Wy=2 mfence Rx'], [[], [0]], { y: 2 }),
  row('R+mfence+po', 'tso', ['Wx=1 mfence Wy=1', 'Wy=2 Rx'], [[], [0]], { y: 2 }),
  row('S', 'forbidden', ['Wx=2 Wy=1', 'Ry Wx=1'], [[], [1]], { x: 2 }),
  row('2+2W', 'forbidden', ['Wx=1 Wy=2', 'Wy=1 Wx=2'], [[], []], { x: 1, y: 1 }),
  row('SB+mfence+po', 'tso', ['Wx=1 mfence Ry', 'Wy=1 Rx'], [[0], [0]]),
  row(
    'SB+rfi-pos',
    'tso',
    ['Wx=1 Rx Ry', 'Wy=1 Ry Rx'],
    [
      [1, 0],
      [1, 0],
    ],
  ),
  row('SB+sfences', 'tso', ['Wx=1 sfence Ry', 'Wy=1 sfence Rx'], [[0], [0]]),
  row('SB+lfences', 'tso', ['Wx=1 lfence Ry', 'Wy=1 lfence Rx'], [[0], [0]]),
  row('3.SB/podwr001', 'tso', ['Wz=1 Rx', 'Wx=1 Ry', 'Wy=1 Rz'], [[0], [0], [0]]),
  row('3.2W', 'forbidden', ['Wx=1 Wy=2', 'Wy=1 Wz=2', 'Wz=1 Wx=2'], [[], [], []], { x: 1, y: 1, z: 1 }),
  row('3.LB', 'forbidden', ['Rx Wy=1', 'Ry Wz=1', 'Rz Wx=1'], [[1], [1], [1]]),
  row('ISA2', 'forbidden', ['Wx=1 Wy=1', 'Ry Wz=1', 'Rz Rx'], [[], [1], [1, 0]]),
  row('WWC', 'forbidden', ['Wx=2', 'Rx Wy=1', 'Ry Wx=1'], [[], [2], [1]], { x: 2 }),
  row('WRW+WR', 'tso', ['Wx=1', 'Rx Wy=1', 'Wy=2 Rx'], [[], [1], [0]], { y: 2 }),
  row('WRR+2W', 'forbidden', ['Wx=1', 'Rx Ry', 'Wy=1 Wx=2'], [[], [2, 0], []]),
  row('MP+xchg', 'forbidden', ['Wx=1 xchg.y=1', 'xchg.y=2 Rx'], [[any], [1, 0]]),
  row('CoRR', 'forbidden', ['Wx=1', 'Rx Rx'], [[], [1, 0]]),
  row('CoWR', 'forbidden', ['Wx=1 Rx', 'Wx=2'], [[2], []], { x: 1 }),
  row('CoRW', 'forbidden', ['Rx Wx=1', 'Wx=2'], [[2], []], { x: 2 }),
  row('MP', 'sc', ['Wx=1 Wy=1', 'Ry Rx'], [[], [1, 1]]),
  row('SB', 'sc', ['Wx=1 Ry', 'Wy=1 Rx'], [[1], [1]]),
];

export const PUBLISHED: readonly Published[] = [...PAPER, ...SHAPES];
