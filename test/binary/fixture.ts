import { readFileSync } from 'node:fs';
import type { ProgramImage } from '../../src/binary/image.js';
import { readImage } from '../../src/binary/read.js';

export const elfFile = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/elf/${name}`, import.meta.url)));

export const elfImage = (name: string): ProgramImage => readImage(elfFile(name), name);

export const elfJson = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../fixtures/elf/${name}`, import.meta.url), 'utf8')) as T;
