/** What execve(2) makes of a file: it tells a program that it cannot run only when that has begun. */
import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { Unavailable } from './errors.js';

const EM_386 = 3;
const EM_X86_64 = 62;
/** BINPRM_BUF_SIZE (include/uapi/linux/binfmts.h): what the kernel reads of the first line. */
const HEAD = 256;
const OTHER_FORMATS = '/proc/sys/fs/binfmt_misc';

/** Throws Unavailable for a file that no part of this kernel runs. What cannot be read is left to execve. */
export function checkFormat(file: string, name: string): void {
  const head = headOf(file);
  if (head === undefined) return;
  const cannot = (why: string): Unavailable => new Unavailable(`cannot run ${name}: ${why}`);
  if (head.startsWith('#!')) {
    const interpreter = head.slice(2).split('\n', 1)[0]!.trim().split(/[ \t]/, 1)[0]!;
    if (!existsSync(interpreter)) throw cannot(`its first line names ${interpreter}, which is not there`);
    return;
  }
  const machine = head.charCodeAt(18) | (head.charCodeAt(19) << 8);
  const isOurs = head.startsWith('\x7fELF') && [EM_386, EM_X86_64].includes(machine);
  if (!isOurs && !hasOtherFormats())
    throw cannot(
      'it is neither a program for this machine, nor a script whose first line says what runs it (#!/bin/sh)',
    );
}

function headOf(file: string): string | undefined {
  try {
    const fd = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(HEAD);
      return bytes.toString('latin1', 0, readSync(fd, bytes, 0, HEAD, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** binfmt_misc knows formats of the machine's owner (beside its own two files). */
function hasOtherFormats(): boolean {
  try {
    return readdirSync(OTHER_FORMATS).some((entry) => entry !== 'register' && entry !== 'status');
  } catch {
    return false;
  }
}
