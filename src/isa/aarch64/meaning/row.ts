import type { RowOf } from '../table.js';
import type { Draft } from './draft.js';

/** Writes the statements. */
export type Form = (draft: Draft) => void;

/** As the rows of the decode tables (../table.ts): bits, name, form. */
export type Row = RowOf<Form>;
