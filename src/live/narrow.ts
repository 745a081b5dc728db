/** 32-bit programs: their system calls have other numbers, their code is decoded otherwise, and their sections are not looked for. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { printable } from '../binary/printable.js';
import { executableOf } from '../linux/procfs.js';
import { findProgram } from '../linux/spawn.js';
import { Refused } from './refused.js';

const EI_CLASS = 4;
const ELFCLASS32 = 1;

/** By a file's ELF header; false for what is no ELF file, or cannot be read. */
export function isNarrow(file: string): boolean {
  const header = Buffer.alloc(EI_CLASS + 1);
  try {
    const fd = openSync(file, 'r');
    try {
      readSync(fd, header, 0, header.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
  return header.toString('latin1', 0, 4) === '\x7fELF' && header[EI_CLASS] === ELFCLASS32;
}

/** What is to be worked on: a process, or a command line. */
export interface Subject {
  readonly pid?: number | undefined;
  readonly command?: readonly string[] | undefined;
}

/** Its name where it is a 32-bit program; undefined else, and where there is no such program. */
export function narrowName({ pid, command }: Subject): string | undefined {
  if (pid !== undefined)
    return isNarrow(`/proc/${pid}/exe`) ? printable(basename(executableOf(pid) ?? String(pid))) : undefined;
  const [name] = command ?? [];
  try {
    return name !== undefined && isNarrow(findProgram(name)) ? printable(basename(name)) : undefined;
  } catch {
    return undefined;
  }
}

/** Throws Refused for a 32-bit program. `what`: the command of ours. */
export function refuseNarrow(what: string, subject: Subject): void {
  const name = narrowName(subject);
  if (name !== undefined)
    throw new Refused(
      `${name} is a 32-bit program, and ${what} works on 64-bit ones: rseqlab inspect and doctor look at it`,
    );
}
