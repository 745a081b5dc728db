import type { Addr } from '../../abi/address.js';
import type { SourceLine } from '../image.js';
import { type DebugSections, type LineHeader, lineHeader, unitEnd } from './line-header.js';
import { DwarfReader } from './reader.js';

export type { DebugSections } from './line-header.js';

/** Rows of one unit, ascending by address. `file` is 0 where a sequence ends. */
interface UnitRows {
  readonly header: LineHeader;
  readonly address: readonly number[];
  readonly file: readonly number[];
  readonly line: readonly number[];
  readonly column: readonly number[];
}

/** Address ranges of a unit's sequences, found without keeping its rows. */
interface UnitRange {
  readonly at: number;
  readonly low: number;
  readonly high: number;
}

/** More opcodes in one unit than any compiler makes. */
const MOST_ROWS = 5_000_000;

/**
 * Source positions from .debug_line (DWARF 5, 6.2; versions 2 to 5). A large program has many units: the first look-up
 * runs each once and keeps only the ranges; rows are kept for the unit last asked for.
 */
export class LineTable {
  private ranges: readonly UnitRange[] | undefined;
  private questions = 0;
  private readonly units = new Map<number, UnitRows>();

  constructor(private readonly sections: DebugSections) {}

  /** `all`: all units are run now. */
  lookup(address: Addr, all = false): SourceLine | undefined {
    if (!all && this.ranges === undefined && this.questions++ < FIRST_QUESTIONS) {
      for (const unit of nearestUnits(this.sections, address)) {
        const row = rowAt(this.rows(unit), address);
        if (row !== undefined) return row;
      }
    }
    this.ranges ??= this.findRanges();
    // The narrowest range first: a damaged or discarded sequence may span everything.
    const holding = this.ranges.filter(({ low, high }) => address >= low && address < high);
    for (const range of holding.sort((a, b) => a.high - a.low - (b.high - b.low))) {
      const found = rowAt(this.rows(range.at), address);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private findRanges(): UnitRange[] {
    const ranges: UnitRange[] = [];
    for (let at = 0; at < this.sections.line.length; ) {
      const unit = unitEnd(this.sections, at);
      if (unit === undefined) break;
      const header = lineHeader(this.sections, at);
      if (header !== undefined) {
        const start = at;
        runProgram(this.sections, header, {
          sequence: (low, high) => {
            // Address 0 and the highest ones are tombstones: code that the linker discarded.
            if (low > 0 && high > low && high < 2 ** 57) ranges.push({ at: start, low, high });
          },
        });
      }
      at = unit.end;
    }
    return ranges;
  }

  private rows(at: number): UnitRows {
    const known = this.units.get(at);
    if (known !== undefined) return known;
    const made = unitRows(this.sections, lineHeader(this.sections, at)!);
    if (this.units.size > 64) this.units.clear();
    this.units.set(at, made);
    return made;
  }
}

/** So many questions are answered by a search for the one unit, which takes less time than running all of them. */
const FIRST_QUESTIONS = 16;
const CANDIDATES = 4;

/**
 * Where sequences begin is told by an opcode of its own, DW_LNE_set_address (DWARF 5, 6.2.5.3): 0, a length, 2, the address. What looks like it may be
 * something else, so that these are only the units to look at first: those with the nearest address in front of this one.
 */
function nearestUnits(sections: DebugSections, address: Addr): number[] {
  const { line, addressSize, littleEndian } = sections;
  const view = new DataView(line.buffer, line.byteOffset, line.byteLength);
  const nearest: { unit: number; low: number }[] = [];
  for (let unit = 0; unit < line.length; ) {
    const found = unitEnd(sections, unit);
    if (found === undefined) break;
    const { body, end } = found;
    const length = addressSize + 1;
    for (
      let at = line.indexOf(length, body);
      at >= 0 && at + length < end;
      at = line.indexOf(length, at + 1)
    ) {
      if (line[at - 1] !== 0 || line[at + 1] !== 2) continue;
      const low =
        addressSize === 8
          ? Number(view.getBigUint64(at + 2, littleEndian))
          : view.getUint32(at + 2, littleEndian);
      if (low <= 0 || low > address || (nearest.length === CANDIDATES && low < nearest.at(-1)!.low)) continue;
      nearest.push({ unit, low });
      nearest.sort((a, b) => b.low - a.low);
      nearest.length = Math.min(nearest.length, CANDIDATES);
    }
    unit = end;
  }
  return [...new Set(nearest.map((each) => each.unit))].filter(
    (unit) => lineHeader(sections, unit) !== undefined,
  );
}

interface Sink {
  row?(address: number, file: number, line: number, column: number): void;
  sequence(low: number, high: number): void;
}

function unitRows(sections: DebugSections, header: LineHeader): UnitRows {
  const rows: [number, number, number, number, number][] = [];
  runProgram(sections, header, {
    row: (address, file, line, column) => rows.push([address, file, line, column, rows.length]),
    sequence: (_, high) => {
      // A row at its end stands for no instruction: GCC makes such ones.
      while (rows.length > 0 && rows.at(-1)![0] === high && rows.at(-1)![1] !== 0) rows.pop();
      rows.push([high, 0, 0, 0, rows.length]);
    },
  });
  // At one address the end of a sequence gives way to the beginning of the next; else the later row counts.
  rows.sort((a, b) => a[0] - b[0] || Number(a[1] !== 0) - Number(b[1] !== 0) || a[4] - b[4]);
  return {
    header,
    address: rows.map((row) => row[0]),
    file: rows.map((row) => row[1]),
    line: rows.map((row) => row[2]),
    column: rows.map((row) => row[3]),
  };
}

function rowAt(rows: UnitRows, address: number): SourceLine | undefined {
  let low = 0;
  let high = rows.address.length - 1;
  let best = -1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (rows.address[middle]! <= address) {
      best = middle;
      low = middle + 1;
    } else high = middle - 1;
  }
  if (best < 0 || rows.line[best] === 0) return undefined;
  const file = rows.header.files[rows.file[best]! - FILE_SHIFT];
  return file === undefined || file === ''
    ? undefined
    : { file, line: rows.line[best]!, column: rows.column[best]! };
}

/** Files are kept one higher than the program counts them, so that 0 can stand for the end of a sequence. */
const FILE_SHIFT = 1;

/** Runs a line number program (DWARF 5, 6.2.5): special, standard and extended opcodes. */
function runProgram(sections: DebugSections, header: LineHeader, sink: Sink): void {
  const reader = new DwarfReader(sections.line, sections.littleEndian, header.program, header.end);
  const { lineBase, lineRange, minimumLength, opcodeLengths } = header;
  const opcodeBase = opcodeLengths.length + 1;
  let [address, file, line, column, low] = [0, 1, 1, 0, -1];
  const reset = () => {
    [address, file, line, column, low] = [0, 1, 1, 0, -1];
  };
  const row = () => {
    if (low < 0) low = address;
    sink.row?.(address, file + FILE_SHIFT, line, column);
  };
  for (let count = 0; reader.at < header.end && !reader.ended && count < MOST_ROWS; count++) {
    const opcode = reader.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      address += Math.floor(adjusted / lineRange) * minimumLength;
      line += lineBase + (adjusted % lineRange);
      row();
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = reader.uleb();
        const next = reader.at + length;
        const extended = reader.u8();
        if (extended === 1) {
          if (low >= 0) sink.sequence(low, address);
          reset();
        } else if (extended === 2) {
          address = reader.uint(length - 1 === 8 || length - 1 === 4 ? length - 1 : sections.addressSize);
        }
        reader.at = Math.min(Math.max(next, reader.at), header.end);
        break;
      }
      case 1:
        row();
        break; // DW_LNS_copy
      case 2:
        address += reader.uleb() * minimumLength;
        break; // DW_LNS_advance_pc
      case 3:
        line += reader.sleb();
        break; // DW_LNS_advance_line
      case 4:
        file = reader.uleb();
        break; // DW_LNS_set_file
      case 5:
        column = reader.uleb();
        break; // DW_LNS_set_column
      case 8:
        address += Math.floor((255 - opcodeBase) / lineRange) * minimumLength;
        break; // DW_LNS_const_add_pc
      case 9:
        address += reader.u16();
        break; // DW_LNS_fixed_advance_pc
      default:
        for (let n = opcodeLengths[opcode - 1] ?? 0; n > 0; n--) reader.uleb();
    }
  }
}
