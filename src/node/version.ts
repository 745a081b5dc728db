import { readFileSync } from 'node:fs';

interface Manifest {
  readonly version: string;
}

/** The folder of the package. */
export const PACKAGE = new URL('../../', import.meta.url);

const manifest = JSON.parse(readFileSync(new URL('package.json', PACKAGE), 'utf8')) as Manifest;

/** Of the package. */
export const VERSION: string = manifest.version;
