import { readFileSync } from 'node:fs';

interface Manifest {
  readonly version: string;
}

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest;

/** Of the package. */
export const VERSION: string = manifest.version;
